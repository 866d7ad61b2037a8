"""Wrong fields found: planted in receipts, by models of objects that did not see the label.

python -m benchmarks.field_errors [--share 0.05] [--seeds 1 2 3]

Of each field a share of the answers is changed to another candidate of the same kind in the same receipt: another amount,
another date, another line. Receipts without one keep theirs. Printed by field: errors, issues, average precision over all
receipts of the field (no issue: 0), the share of errors among the first issues as many as there are errors, and how often
the suggested answer is the true one where an error was found. The data set's own errors count as false alarms.
"""

import argparse
import gzip
import json
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from sklearn.metrics import average_precision_score

from benchmarks.common import data_folder
from homegrown.core.documents import answer_in
from homegrown.core.schema import Field, FieldType, owned
from homegrown.core.tasks import Task, TaskKind
from homegrown.curate.examined import CrossedObjects
from homegrown.curate.finders.field_errors import FieldErrorFinder
from homegrown.inference.candidates import Reading, candidates, same_value, same_words
from homegrown.inference.encoder import Encoder
from homegrown.train.crossed_objects import objects_out_of_sample

FIELDS = {"company": FieldType.SPAN, "date": FieldType.DATE, "address": FieldType.SPAN, "total": FieldType.MONEY}


def other(one: Field, answer: dict, text: str, rng: np.random.Generator) -> dict | None:
    """Another candidate of the text as the answer, or None where there is none."""
    if one.type is FieldType.SPAN:
        now = same_words(text[slice(*answer["spans"][0])])
    else:
        now = same_value(one.type, answer["value"])
    found = [c for c in candidates(text, one.type, Reading(day_first=True)) if c.value != now]
    if not found:
        return None
    chosen = found[int(rng.integers(len(found)))]
    if one.type is FieldType.SPAN:
        return {"spans": [[chosen.start, chosen.end]]}
    return {**answer, "value": chosen.value}


def receipts() -> tuple[tuple[Field, ...], list[str], list[dict]]:
    """The fields, the texts and what their files say of each."""
    fields = owned(
        [Field("", name, kind) for name, kind in FIELDS.items()], Task("t", "receipt", 0, TaskKind.OBJECT, ())
    )
    packed = (data_folder() / "receipts_sroie/receipts.jsonl.gz").read_bytes()
    rows = [json.loads(line) for line in gzip.decompress(packed).splitlines()]
    truth = [answer_in(fields, r["fields"], r["text"], day_first=True).value["fields"] for r in rows]
    return fields, [r["text"] for r in rows], truth


def main() -> None:
    """Print one table per seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=0.05)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    args = parser.parse_args()
    fields, texts, truth = receipts()
    task = Task("t", "receipt", 1, TaskKind.OBJECT, (), fields=fields)
    for seed in args.seeds:
        rng = np.random.default_rng(seed)
        given = [dict(v) for v in truth]
        wrong: set[tuple[int, str]] = set()
        for one in fields:
            for i, text in enumerate(texts):
                answer = truth[i].get(one.field_id)
                if answer and rng.random() < args.share and (changed := other(one, answer, text, rng)) is not None:
                    given[i][one.field_id] = changed
                    wrong.add((i, one.field_id))
        with tempfile.TemporaryDirectory() as folder:
            said = objects_out_of_sample(fields, texts, given, encoder=Encoder.load(), folder=Path(folder), seed=seed)
        crossed = CrossedObjects([str(i) for i in range(len(texts))], texts, given, said)
        found = list(FieldErrorFinder().find(SimpleNamespace(task=task, crossed_objects=crossed)))  # type: ignore[arg-type]
        print(f"seed {seed}, {args.share:.0%} changed, n = {len(texts)} receipts")
        for one in fields:
            mine = {int(f.record_id): f for f in found if f.details["field_id"] == one.field_id}
            here = [i for i in range(len(texts)) if one.field_id in given[i]]
            bad = np.array([(i, one.field_id) in wrong for i in here])
            score = np.array([mine[i].score if i in mine else 0.0 for i in here])
            if not bad.any():
                print(f"  {one.name:8} no error was planted; issues {len(mine):3}")
                continue
            first = np.argsort(-score, kind="stable")[: int(bad.sum())]
            hits = [i for i in mine if (i, one.field_id) in wrong]
            mended = [same(one, mine[i].details["answer"], truth[i][one.field_id], texts[i]) for i in hits]
            print(
                f"  {one.name:8} errors {int(bad.sum()):3}  issues {len(mine):3}  "
                f"average precision {average_precision_score(bad, score):.3f}  at their number {bad[first].mean():.3f}  "
                f"found {len(hits):3}, mended rightly {sum(mended):3}",
                flush=True,
            )


def same(one: Field, answer: dict | None, truth: dict, text: str) -> bool:
    if answer is None:
        return False
    if one.type is FieldType.SPAN:
        return same_words(text[slice(*answer["spans"][0])]) == same_words(text[slice(*truth["spans"][0])])
    return same_value(one.type, answer["value"]) == same_value(one.type, truth["value"])


if __name__ == "__main__":
    main()
