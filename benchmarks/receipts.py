"""Four fields of shop receipts (SROIE), companies that no model has seen: the recipe ``fields`` and patterns with a CRF.

python -m benchmarks.receipts [--folds] [--few 30] [--json FILE]

A third of the companies, drawn by a hash of their names, is looked at once, at the end; the rest teaches, every fourth company
of which chooses and calibrates. ``--folds`` judges on companies of the training part left out in turn, and was
used to choose what the recipe does. ``--few N``: N labelled receipts, all others of the training part without labels.

The baseline is what a team writes without a network: the first date, the amount that stands beside or below the last
strongest word for a total, and a conditional random field with the usual features for company and address.

An answer is right when it says the same as the data set: words without case, marks and white space, days, amounts; what does
not stand in the text counts as well, and is wrong for both. Intervals are bootstrapped over companies.
"""

import argparse
import gzip
import json
import re
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import data_folder, machine
from homegrown.core.dates import parse_date
from homegrown.core.documents import answer_in, document_of
from homegrown.core.layout import laid_out
from homegrown.core.models import Examples, TrainingData
from homegrown.core.progress import Silent
from homegrown.core.schema import Field, FieldType
from homegrown.core.spans import Span
from homegrown.core.values import parse_money
from homegrown.inference.candidates import Reading, candidates, same_words
from homegrown.inference.encoder import Encoder
from homegrown.inference.predictor import load_object_predictor
from homegrown.inference.span_models import load_span_model
from homegrown.train.fields import FieldsTrainer
from homegrown.train.span_data import SpanExamples
from homegrown.train.spans import fit_spans

NAMES = ("company", "date", "address", "total")
FIELDS = (
    Field("f_company", "company", FieldType.SPAN),
    Field("f_date", "date", FieldType.DATE),
    Field("f_address", "address", FieldType.SPAN),
    Field("f_total", "total", FieldType.MONEY),
)
N_RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Receipts:
    """Receipts with what the data set says of them.

    Attributes:
        company: a key, one for all ways in which a name is written.
    """

    texts: list[str]
    said: list[dict[str, str]]
    company: np.ndarray

    def take(self, rows: np.ndarray) -> "Receipts":
        """Some of them."""
        chosen = np.flatnonzero(rows) if rows.dtype == bool else rows
        return Receipts([self.texts[i] for i in chosen], [self.said[i] for i in chosen], self.company[chosen])

    def examples(self) -> Examples:
        """As a trainer gets them; what does not stand in the text was not looked at."""
        values = tuple(
            answer_in(FIELDS, said, text, day_first=True, currency="MYR").value["fields"]
            for text, said in zip(self.texts, self.said, strict=True)
        )
        n = len(self.texts)
        return Examples(
            self.texts, np.zeros((n, 0), np.float32), np.ones(n, np.float32), list(map(str, range(n))), values
        )


def load(*, pages: bool = True) -> tuple[Receipts, Receipts]:
    """The training part and the test part: no company is in both; *pages*: laid out by their boxes."""
    path = data_folder() / "receipts_sroie" / "receipts.jsonl.gz"
    rows = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    keys = np.array([re.sub(r"[\W_]", "", row["fields"]["company"].casefold())[:5] for row in rows])
    every = Receipts([laid_out(r["lines"]) if pages else r["text"] for r in rows], [r["fields"] for r in rows], keys)
    tested = np.array([part_of(key, 3) == 0 for key in keys])
    return every.take(~tested), every.take(tested)


def part_of(key: str, n: int, salt: str = "") -> int:
    """One of *n* parts, by a hash."""
    return zlib.crc32((salt + key).encode()) % n


def data_of(known: Receipts, unlabelled: list[str] | None = None) -> TrainingData:
    """Every fourth company chooses, the others teach."""
    judging = np.array([part_of(key, 4, "v") == 0 for key in known.company])
    train, valid = known.take(~judging), known.take(judging)
    return TrainingData((), (), False, train.examples(), valid.examples(), unlabelled or [], FIELDS)


@contextmanager
def fitting() -> Iterator[dict[str, Any]]:
    """How every model here is fitted; its folder goes at the end."""
    with tempfile.TemporaryDirectory() as folder:
        yield {"seed": 0, "folder": Path(folder), "encoder": Encoder.load(), "progress": Silent()}


def by_recipe(
    known: Receipts, asked: Receipts, options: dict[str, Any] | None = None, unlabelled: list[str] | None = None
) -> list[dict[str, Any]]:
    """What the recipe ``fields``, taught *known*, says of *asked*."""
    with fitting() as how:
        fitted = FieldsTrainer().fit(data_of(known, unlabelled), options or {}, **how)
        model = load_object_predictor(fitted.folder)
        answers = model.predict_objects(asked.texts)
    return [document_of(FIELDS, a.value, t) for a, t in zip(answers, asked.texts, strict=True)]


TOTALS = (
    r"(grand|rounded|net+|final)\W*total|total\W*(rounded|after\W*round\w*|payable|due|amt\W*payable)|round\w*\W*total|amount\W*(due|payable)",
    r"total\W*(\(rm\)|rm|sales?|amount|amt|incl\w*|inclusive|:|$)|^\W*total\W*$",
    r"total",
)
NOT_PAID = r"cash|change|tender|paid|received"
NO_TOTALS = (
    r"in\W*total|sub\W*-?total|total\W*(qty|quantity|items?|gst(?!\W*incl)|tax|disc\w*|saving\w*|excl\w*)|excluding"
)


def by_patterns(text: str) -> dict[str, Any]:
    """Date and total of a receipt, by what is written around them."""
    dates = candidates(text, FieldType.DATE, Reading(day_first=True))
    lines = re.split(r"(?i)(?:gst|tax)\W*summary", text.replace("\t", " "))[0].split("\n")
    total = None
    for words in TOTALS:
        found = [
            i for i, one in enumerate(lines) if re.search(words, one, re.I) and not re.search(NO_TOTALS, one, re.I)
        ]
        amounts = [a for i in found if (a := _amount(lines[i : i + 4])) is not None]
        if amounts:
            total = amounts[-1]
            break
    else:
        rest = [a for one in lines if not re.search(NOT_PAID, one, re.I) and (a := _amount([one])) is not None]
        total = max(rest, key=Decimal, default=None)
    if total is not None:
        total = str((Decimal(total) * 20).quantize(Decimal(1)) / 20)  # in cash there is no coin below 5 sen
    return {"date": dates[0].value if dates else None, "total": {"amount": total}}


def _amount(lines: list[str]) -> str | None:
    for line in lines:
        found = re.findall(r"\d[\d,]*\.\d\d(?!\d)", line)
        if found:
            return found[-1].replace(",", "")
    return None


def by_baseline(known: Receipts, asked: Receipts) -> list[dict[str, Any]]:
    """What patterns and a CRF, taught *known*, say of *asked*."""
    parts = data_of(known)
    examples = []
    for part in (parts.train, parts.valid):
        marked = [
            tuple(
                Span(v[f.field_id]["spans"][0][0], v[f.field_id]["spans"][0][1], f.name)
                for f in FIELDS
                if f.type is FieldType.SPAN and v.get(f.field_id)
            )
            for v in part.values
        ]
        examples.append(SpanExamples(part.texts, marked))
    with fitting() as how:
        fitted = fit_spans(examples[0], examples[1], {"rung": "crf"}, **how)
        model = load_span_model(fitted.folder)
        found = model.candidates(asked.texts)
    answers = []
    for text, spans in zip(asked.texts, found, strict=True):
        one = by_patterns(text)
        for name in ("company", "address"):
            best = max((s for s in spans if s.type == name), key=lambda s: s.prob, default=None)
            one[name] = text[best.start : best.end] if best else None
        answers.append(one)
    return answers


def right(asked: Receipts, answers: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Bool [n, 4], in the order of ``NAMES``."""
    found = np.zeros((len(answers), len(NAMES)), bool)
    for i, (true, said) in enumerate(zip(asked.said, answers, strict=True)):
        for k, name in enumerate(NAMES):
            found[i, k] = _meaning(name, true.get(name)) == _meaning(name, said.get(name))
    return found


def _meaning(name: str, said: Any) -> Any:
    if not said:
        return None
    if name == "date":
        return str(parse_date(said, day_first=True))
    if name == "total":
        amount = said["amount"] if isinstance(said, Mapping) else said
        money = None if amount is None else parse_money(str(amount))
        return None if money is None else money.amount.normalize()
    return same_words(said)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument(
        "--folds", action="store_true", help="companies of the training part left out in turn; no test"
    )
    options.add_argument("--few", type=int, default=0, metavar="N", help="N labelled receipts, the rest without labels")
    options.add_argument(
        "--plain", action="store_true", help="the text as the data set has it, not laid out by its boxes"
    )
    options.add_argument("--json", type=Path, help="also write what was measured to this file")
    chosen = options.parse_args()
    print(machine())
    known, tested = load(pages=not chosen.plain)
    if chosen.folds:
        folds = np.array([part_of(key, 4, "fold") for key in known.company])
        parts = [(known.take(folds != f), known.take(folds == f)) for f in range(4)]
    else:
        parts = [(known, tested)]
    runs = [_run(teaching, asked, chosen.few) for teaching, asked in parts]
    ours, theirs = (np.concatenate([run[i] for run in runs]) for i in range(2))
    kept = {"machine": machine()} | _measured(ours, theirs, np.concatenate([asked.company for _, asked in parts]))
    if chosen.json:
        chosen.json.write_text(json.dumps(kept, indent=1))


def _run(teaching: Receipts, asked: Receipts, few: int) -> tuple[np.ndarray, np.ndarray]:
    rest: list[str] = []
    if few:
        order = np.random.default_rng(0).permutation(len(teaching.texts))
        rest = teaching.take(order[few:]).texts
        teaching = teaching.take(order[:few])
    print(f"  {len(teaching.texts)} labelled receipts of {len(set(teaching.company))} companies, {len(rest)} without")
    return right(asked, by_recipe(teaching, asked, unlabelled=rest)), right(asked, by_baseline(teaching, asked))


def _measured(ours: np.ndarray, theirs: np.ndarray, company: np.ndarray) -> dict[str, Any]:
    """Shares that are right, and how many fewer errors, with intervals over companies."""
    keys, at = np.unique(company, return_inverse=True)
    rng = np.random.default_rng(0)
    draws = [rng.integers(len(keys), size=len(keys)) for _ in range(N_RESAMPLES)]
    weights = np.array([np.bincount(d, minlength=len(keys))[at] for d in draws], float)
    print(f"== {len(ours)} receipts of {len(keys)} companies")
    found: dict[str, Any] = {"n": len(ours), "n_companies": len(keys)}
    for k, name in enumerate((*NAMES, "whole")):
        mine, other = (r.all(1) if name == "whole" else r[:, k] for r in (ours, theirs))
        row = {}
        for who, hits in (("ours", mine), ("baseline", other)):
            row[who] = [float(hits.mean()), *_middle(weights @ hits / weights.sum(1))]
        row["by_company"] = [float(np.average(h, weights=1 / np.bincount(at)[at])) for h in (mine, other)]
        fewer = 1 - (weights @ ~mine) / np.maximum(weights @ ~other, 1)
        row["fewer_errors"] = [float(1 - (~mine).sum() / max((~other).sum(), 1)), *_middle(fewer)]
        found[name] = row
        shown = "; ".join(f"{who} {v:.1%} ({low:.1%} to {high:.1%})" for who, (v, low, high) in list(row.items())[:2])
        less, low, high = row["fewer_errors"]
        print(f"  {name:8} {shown}; {less:.0%} fewer errors ({low:.0%} to {high:.0%}); each company once: "
              f"{row['by_company'][0]:.1%}, {row['by_company'][1]:.1%}")  # fmt: skip
    return found


def _middle(values: np.ndarray) -> tuple[float, float]:
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


if __name__ == "__main__":
    main()
