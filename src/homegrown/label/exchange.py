"""Opinions that came in a file become votes of named sources; labels and votes go out with their records."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import pyarrow as pa

from homegrown.core.ids import canonical_json
from homegrown.core.models import OUT_OF_SCOPE
from homegrown.core.tasks import LabelSourceKind, Task, TaskKind
from homegrown.label.formats import Example, Exported, Opinion
from homegrown.label.imported import check_classes
from homegrown.label.names import key, name
from homegrown.store.votes import VOTES, vote_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from homegrown.store import Store

MAX_ASIDE = 1000
_ROWS = 4096


class SetAside(NamedTuple):
    """What of a file was not used: its line (or its number in a list), and why. Holds nothing of the text."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class ImportedVotes:
    """What a file of another software gave.

    Attributes:
        n_items: of the file.
        n_added: records that are new here; the others were found by their text.
        n_votes: votes that stand now, one per source and record.
        sources: names of the sources of labels, each with its number of votes.
        n_aside: what could not be used; the first ones are in ``aside``.
        units: of spans, in how many texts offsets count what; empty for classes.
        n_unsure: texts whose offsets could count something else as well.
    """

    task: Task
    format: str
    n_items: int
    n_added: int
    n_votes: int
    sources: dict[str, int]
    n_aside: int
    aside: tuple[SetAside, ...]
    units: dict[str, int] = field(default_factory=dict)
    n_unsure: int = 0


class ExportedLabels(NamedTuple):
    """A file that was written.

    Attributes:
        n_aside: what had no place in the format; the first sentences are in ``aside``. Of spans only.
    """

    path: Path
    format: str
    n_items: int
    n_labelled: int
    n_aside: int = 0
    aside: tuple[str, ...] = ()


@dataclass(slots=True)
class Asides:
    """Gathers what is set aside; remembers the first ones whole."""

    n: int = 0
    first: list[SetAside] = field(default_factory=list)

    def add(self, line: int, reason: str) -> None:
        """One more."""
        self.n += 1
        if len(self.first) < MAX_ASIDE:
            self.first.append(SetAside(line, reason))


class Held(NamedTuple):
    """Opinions on a record, with the place in the file that they came from."""

    place: int
    record_id: str
    opinions: tuple[Any, ...]


class Valued(NamedTuple):
    """An opinion as the value of a vote (JSON); None for an abstention."""

    value: str | None
    author: str = ""
    is_person: bool = True
    confidence: float | None = None


def classes_in(examples: Iterable[Example]) -> tuple[Counter[str], bool]:
    """The names of classes with how often each was said, and whether somebody named several at once."""
    counts: Counter[str] = Counter()
    many = False
    for example in examples:
        for opinion in example.opinions:
            many |= len(opinion.labels or ()) > 1
            counts.update(map(name, opinion.labels or ()))
    return counts, many


def task_for(store: Store, task_name: str, examples: list[Example], *, new_classes: bool) -> Task:
    """The task to vote for: the one that is there, with what is new to it if that is wanted; else one of the file's.

    Raises:
        UnsuitableLabelsError: there is no such task, and the file's labels make none.
    """
    old = store.tasks.find(task_name)
    if old is not None and not new_classes:
        return old
    counts, many = classes_in(examples)
    if old is None:
        check_classes("label", counts, counts.total())
        kind = TaskKind.CLASSES if many else TaskKind.CLASS
        return store.tasks.define(store.actor, task_name, sorted(counts), kind=kind)
    known = {key(n) for c in old.classes for n in (c.name, *c.former)}
    names = [*old.class_names, *sorted(n for n in counts if key(n) not in known)]
    return store.tasks.define(store.actor, task_name, names, kind=old.kind, column=old.column)


def put_votes(
    store: Store, task: Task, held: Iterable[Held], source: str, format: str, asides: Asides
) -> dict[str, int]:
    """Put what the authors of a file say in place of all that earlier versions of it said.

    Args:
        store: the workspace.
        task: the question.
        held: opinions by record; of two by one author on one record the later one counts.
        source: name of the file's source; each author is a source of labels of its own, named behind it.
        format: of the file.
        asides: hears of opinions that are no vote for this task.

    Returns:
        Votes by name of the source of labels.
    """
    read = _reader(task)

    def valued() -> Iterator[Held]:
        for place, record_id, opinions in held:
            found = []
            for opinion in opinions:
                value, problem = read(opinion.labels)
                if problem:
                    asides.add(place, problem)
                else:
                    found.append(Valued(value, opinion.author, opinion.is_person, opinion.confidence))
            yield Held(place, record_id, tuple(found))

    return put_values(store, task, valued(), source, format)


def put_values(store: Store, task: Task, held: Iterable[Held], source: str, format: str) -> dict[str, int]:
    """``put_votes`` for opinions that are values of votes (``Valued``) already."""
    said: dict[tuple[str, bool], dict[str, tuple[str | None, float | None]]] = defaultdict(dict)
    for _, record_id, opinions in held:
        for opinion in opinions:
            said[opinion.author, opinion.is_person][record_id] = opinion.value, opinion.confidence
    counts: dict[str, int] = {}
    sources = store.tasks.label_sources(task.task_id)
    whole = {s["label_source_id"] for s in sources if s["config"].get("file") == source}
    new = [VOTES.empty_table()]
    for (author, is_person), votes in said.items():
        named = f"{source}: {author}" if author else source
        config = {"file": source, "format": format, "author": author, "is": "person" if is_person else "model"}
        source_id = store.tasks.label_source(store.actor, task, LabelSourceKind.IMPORTED, named, config)
        values, confidence = zip(*votes.values(), strict=True)
        whole.add(source_id)
        new.append(vote_table(task, source_id, list(votes), values, confidence))
        counts[named] = counts.get(named, 0) + sum(v is not None for v in values)
    store.votes.put(pa.concat_tables(new), whole=sorted(whole), again={})
    return counts


def _reader(task: Task) -> Callable[[tuple[str, ...] | None], tuple[str | None, str]]:
    """From names of classes to a vote's value, or why there is none."""
    near: dict[str, str | None] = {}
    for one in task.classes:  # a spelling that two classes share decides nothing
        near[key(one.name)] = None if key(one.name) in near else one.class_id
    for formerly in (n for one in task.classes for n in one.former):
        near.setdefault(key(formerly), task.voted_id(formerly))

    @lru_cache(maxsize=10_000)
    def read(labels: tuple[str, ...] | None) -> tuple[str | None, str]:
        if labels is None:
            return None, ""
        found = [task.voted_id(name(n)) or near.get(key(n)) for n in labels]
        unknown = next((n for n, i in zip(labels, found, strict=True) if not i), None)
        if unknown is not None:
            return None, f"the task has no class {unknown[:60]!r}"
        if task.kind is TaskKind.CLASSES:
            return canonical_json({"classes": found}).decode(), ""
        if len(found) > 1:
            return None, f"it names {len(found)} classes, and a record of this task is of one"
        return canonical_json({"class": found[0] if found else OUT_OF_SCOPE}).decode(), ""

    return read


class Label(NamedTuple):
    """The joined label of one record: names of classes (empty: none of them), and how probable."""

    names: tuple[str, ...]
    prob: float | None


def exported(store: Store, task: Task, labels: dict[str, Label]) -> Iterator[Exported]:
    """Every current record with its label and the votes on it, streamed in the order of storage."""
    votes = _votes(store, task)
    for batch in store.records.batches(["record_id", "text"], rows=_ROWS):
        for record_id, text in zip(batch["record_id"].to_pylist(), batch["text"].to_pylist(), strict=True):
            label = labels.get(record_id)
            names, prob = (label.names, label.prob) if label else (None, None)
            yield Exported(record_id, text, names, prob, tuple(votes.get(record_id, ())))


def _votes(store: Store, task: Task) -> dict[str, list[Opinion]]:
    """Opinions by record: of people first, then of the newest version of every other source."""
    found: dict[str, list[Opinion]] = defaultdict(list)
    names_of = _namer(task)
    for record_id, value, who in store.person_votes.standing_by(task.task_id):
        if (names := names_of(value)) is not None:
            found[record_id].append(Opinion(names, who))
    sources = {s["label_source_id"]: s for s in store.tasks.label_sources(task.task_id)}
    for batch in store.votes.of_task(task.task_id).to_batches():
        columns = (batch[c].to_pylist() for c in ("record_id", "label_source_id", "value", "confidence"))
        for record_id, source_id, value, confidence in zip(*columns, strict=True):
            source = sources.get(source_id)
            if source is not None and (names := names_of(value)) is not None:
                is_person = source["config"].get("is") == "person"
                who = source["config"].get("author") or source["name"]
                found[record_id].append(Opinion(names, who, is_person, None if is_person else confidence))
    return found


def _namer(task: Task) -> Callable[[str | None], tuple[str, ...] | None]:
    """From a vote's value to the names of the classes that it means now.

    None for an abstention, for classes that are gone, and for one that was split: which part it is, nobody said.
    """
    names, meanings = {c.class_id: c.name for c in task.classes}, task.meanings()

    @lru_cache(maxsize=10_000)
    def read(value: str | None) -> tuple[str, ...] | None:
        if value is None:
            return None
        said = task.value_now(msgspec.json.decode(value), meanings)
        if said is None:
            return None
        return tuple(names[i] for i in said.get("classes", [said.get("class")]) if i != OUT_OF_SCOPE)

    return read
