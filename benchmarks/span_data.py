"""The data sets of ``benchmarks.spans``, each as training, validation and test texts with their spans."""

import csv
import gzip
import json
import random  # noqa: TID251 - the split was drawn with it before anything was chosen on it
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.common import data_folder
from homegrown.core.spans import Span
from homegrown.train.span_data import SpanExamples


@dataclass(frozen=True, slots=True)
class Task:
    """One data set: ``train`` fits, ``valid`` chooses, ``test`` is looked at once, at the end."""

    name: str
    train: SpanExamples
    valid: SpanExamples
    test: SpanExamples


def load(name: str) -> Task:
    """The data set *name*, one of ``TASKS``."""
    return TASKS[name]()


def wnut() -> Task:
    """WNUT-17 as its shared task split it."""
    folder = data_folder() / "ner_wnut17"
    names = ("wnut17train.conll", "emerging.dev.conll", "emerging.test.annotated")
    train, valid, test = (_examples(row for row, _ in _sentences(folder / name, "\t")) for name in names)
    return Task("wnut", train, valid, test)


def sec() -> Task:
    """SEC filings: five agreements to learn from, of which the second and the fifth judge, and three to be tested on."""
    folder = data_folder() / "ner_sec_filings"
    rows = list(_sentences(folder / "train_FIN5.txt", " "))
    train = _examples(row for row, document in rows if document not in (1, 4))
    valid = _examples(row for row, document in rows if document in (1, 4))
    return Task("sec", train, valid, _examples(row for row, _ in _sentences(folder / "test_FIN3.txt", " ")))


def insurance() -> Task:
    """Slots of insurance chats, as the paper split them."""
    return _chats("insurance")


def software() -> Task:
    """Slots of software chats, as the paper split them."""
    return _chats("software")


def presidio() -> Task:
    """At most 1,000 texts to learn from, every fourth template of which judges; no template stands on two sides."""
    path = data_folder() / "presidio_pii" / "synth_dataset_v2.json.gz"
    rows = json.loads(gzip.decompress(path.read_bytes()))
    sizes = Counter(row["template_id"] for row in rows)
    templates = sorted(sizes)
    random.Random(0).shuffle(templates)
    known: set[int] = set()
    for template in templates:
        if sum(sizes[t] for t in known) + sizes[template] <= 1000:
            known.add(template)
    sides: dict[str, list[dict]] = {"train": [], "valid": [], "test": []}
    for row in rows:
        side = "test" if row["template_id"] not in known else "train" if row["template_id"] % 4 else "valid"
        sides[side].append(row)
    return Task("presidio", *(_examples(map(_marked, sides[side])) for side in ("train", "valid", "test")))


TASKS: dict[str, Callable[[], Task]] = {
    "wnut": wnut,
    "sec": sec,
    "insurance": insurance,
    "software": software,
    "presidio": presidio,
}

Row = tuple[str, tuple[Span, ...]]


def _examples(rows: Iterable[Row]) -> SpanExamples:
    held = list(rows)
    return SpanExamples([text for text, _ in held], [spans for _, spans in held])


def _marked(row: dict) -> Row:
    spans = (Span(s["start_position"], s["end_position"], s["entity_type"]) for s in row["spans"])
    return row["full_text"], tuple(sorted(spans))


def _sentences(path: Path, separator: str) -> Iterable[tuple[Row, int]]:
    """Sentences in CoNLL's columns with the number of their document: the word first, its tag last or second."""
    words: list[str] = []
    tags: list[str] = []
    document = -1
    for line in [*path.read_text(encoding="utf-8").split("\n"), ""]:
        if line.startswith("-DOCSTART-"):
            document += 1
        elif line.strip():
            columns = line.split(separator)
            words.append(columns[0].strip())
            tags.append(columns[1 if separator == "\t" else -1].strip())
        elif words:
            yield _joined(words, tags), document
            words, tags = [], []


def _chats(domain: str) -> Task:
    sides = []
    for side in ("train", "dev", "test"):
        with gzip.open(data_folder() / "multidogo" / domain / f"{side}.tsv.gz", "rt", newline="") as file:
            rows = [one for row in csv.DictReader(file, delimiter="\t") if (one := chat_row(row)) is not None]
        sides.append(_examples(rows))
    return Task(domain, *sides)


def chat_row(row: dict[str, str]) -> Row | None:
    """An utterance with its slots; None where words and labels cannot be aligned."""
    words, tags = row["utterance"].split(), row["slot-labels"].split()
    if not words or len(words) != len(tags):
        return None
    return _joined(words, [t if t == "O" else f"I-{t}" for t in tags])


def _joined(words: list[str], tags: list[str]) -> Row:
    """Words joined by spaces, and the spans that BIO or IO tags say."""
    spans: list[Span] = []
    at = 0
    before = "O"
    for word, tag in zip(words, tags, strict=True):
        kind = tag[2:]
        if tag != "O":
            if tag[0] == "I" and before[2:] == kind:
                spans[-1] = Span(spans[-1].start, at + len(word), kind)
            else:
                spans.append(Span(at, at + len(word), kind))
        before = tag
        at += len(word) + 1
    return " ".join(words), tuple(spans)
