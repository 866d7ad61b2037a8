"""Intents and slots of chats (MultiDoGO) from one object: a field that chooses, and a field of spans for each slot.

python -m benchmarks.one_object [--domain insurance software] [--texts N]

The intents of the object's model are set beside those of a model of their own, the recipe ``linear`` on the same texts; both
are asked about the official test texts. ``--texts`` teaches the first N training texts only.
"""

import argparse
import csv
import gzip
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import data_folder, machine
from benchmarks.span_data import Row, chat_row
from homegrown.core.choices import TaskClass
from homegrown.core.models import Examples, TrainingData
from homegrown.core.progress import Silent
from homegrown.core.schema import Field, FieldType
from homegrown.core.spans import Span
from homegrown.inference.encoder import Encoder
from homegrown.inference.predictor import load_object_predictor, load_predictor
from homegrown.metrics.intervals import wilson
from homegrown.metrics.paired import mcnemar
from homegrown.metrics.spans import span_scores
from homegrown.train.fields import FieldsTrainer
from homegrown.train.linear import LinearTrainer

INTENT = "intent"


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--domain", nargs="+", choices=("insurance", "software"), default=["insurance", "software"])
    options.add_argument("--texts", type=int, help="training texts, at most")
    chosen = options.parse_args()
    print(machine())
    for domain in chosen.domain:
        one_domain(domain, chosen.texts)


def one_domain(domain: str, most: int | None) -> None:
    """Train both, ask both."""
    sides = {side: read(domain, side) for side in ("train", "dev", "test")}
    sides["train"] = sides["train"][:most]
    intents = sorted({intent for _, intent in sides["train"]})
    slots = sorted({s.type for (_, spans), _ in sides["train"] for s in spans})
    fields = (
        Field(INTENT, INTENT, FieldType.CHOICE, choices=tuple(TaskClass(i, i) for i in intents)),
        *(Field(s, s, FieldType.SPAN, takes_many=True) for s in slots),
    )
    texts = [text for (text, _), _ in sides["test"]]
    encoder = Encoder.load()
    with tempfile.TemporaryDirectory() as folder:
        parts = [objects(sides[side], slots) for side in ("train", "dev")]
        data = TrainingData((), (), False, parts[0], parts[1], [], fields)
        fitted = FieldsTrainer().fit(data, {}, seed=0, folder=Path(folder), encoder=encoder, progress=Silent())
        said = load_object_predictor(fitted.folder, encoder).predict_objects(texts)
    with tempfile.TemporaryDirectory() as folder:
        parts = [classes(sides[side], intents) for side in ("train", "dev")]
        data = TrainingData(tuple(intents), tuple(intents), False, parts[0], parts[1])
        fitted = LinearTrainer().fit(data, {}, seed=0, folder=Path(folder), encoder=encoder, progress=Silent())
        own = load_predictor(fitted.folder, encoder)
        alone = [own.class_names[i] for i in own.predict(texts).probs.argmax(1)]
    true = np.array([intent for _, intent in sides["test"]])
    right = [np.array(answer) == true for answer in ([intent_of(a.fields[INTENT].answer) for a in said], alone)]
    print(f"== {domain}: {len(sides['train']):,} training texts, {len(texts):,} test texts, {len(slots)} slots")
    for name, hits in zip(("one object", "own model"), right, strict=True):
        low, high = wilson(int(hits.sum()), len(hits))
        print(f"  intents, {name}: {hits.mean():.4f} ({low:.4f} to {high:.4f})")
    print(f"  p (McNemar): {mcnemar(right[0], right[1]).p_value:.3f}")
    found = [spans_of(a.fields, slots) for a in said]
    micro = span_scores([spans for (_, spans), _ in sides["test"]], found).micro
    low, high = micro.f1_ci95
    print(f"  slots: F1 {micro.f1:.4f} ({low:.4f} to {high:.4f}), n = {micro.n_true:,} spans")


def read(domain: str, side: str) -> list[tuple[Row, str]]:
    """Texts with their spans, and their intents."""
    path = data_folder() / "multidogo" / domain / f"{side}.tsv.gz"
    with gzip.open(path, "rt", newline="") as file:
        rows = [(chat_row(row), row["intent"]) for row in csv.DictReader(file, delimiter="\t")]
    return [(row, intent) for row, intent in rows if row is not None]


def objects(rows: list[tuple[Row, str]], slots: list[str]) -> Examples:
    """As the recipe ``fields`` is taught."""
    values = tuple(
        {INTENT: {"choices": [intent]}}
        | {
            s: {"spans": [[o.start, o.end] for o in spans if o.type == s]} if any(o.type == s for o in spans) else None
            for s in slots
        }
        for (_, spans), intent in rows
    )
    n = len(rows)
    ids = [str(i) for i in range(n)]
    return Examples([text for (text, _), _ in rows], np.zeros((n, 0), np.float32), np.ones(n, np.float32), ids, values)


def classes(rows: list[tuple[Row, str]], intents: list[str]) -> Examples:
    """As a recipe of classes is taught."""
    known = [(text, intents.index(intent)) for (text, _), intent in rows if intent in intents]
    probs = np.zeros((len(known), len(intents)), np.float32)
    probs[np.arange(len(known)), [i for _, i in known]] = 1
    return Examples([t for t, _ in known], probs, np.ones(len(known), np.float32), [str(i) for i in range(len(known))])


def intent_of(answer: dict[str, Any] | None) -> str | None:
    """The one that was chosen."""
    return answer["choices"][0] if answer else None


def spans_of(fields: dict[str, Any], slots: list[str]) -> list[Span]:
    """All slots that were found."""
    return [
        Span(a, b, s) for s in slots for a, b in ((fields[s].answer if s in fields else None) or {}).get("spans", ())
    ]


if __name__ == "__main__":
    main()
