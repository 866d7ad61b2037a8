"""The order in which a task's records are labelled, kept in memory so that a page of it costs no scan."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from homegrown.core.assignments import Choice
from homegrown.core.background import Background
from homegrown.core.tasks import LabelSourceKind

if TYPE_CHECKING:
    from homegrown.core.tasks import Task
    from homegrown.store import Store

LOOK_EVERY_S = 2.0
UNLABELLED = "nobody has said yet what this is"
WAS_SPLIT = "“{}” was split: which part is this?"
EXAM = "part of an exam: nothing is suggested, so that the answer is your own"
ONLY_IMPORTED = "an import or a bulk label says what this is, no person has looked"


class Chooser(Protocol):
    """Decides what is labelled next.

    One that changes its mind as labels come has a method ``stamp(task)`` too, another value of which has the order made
    anew.
    """

    def __call__(self, task: Task, waiting: Sequence[str]) -> Iterable[Choice]:
        """Put record ids in order, each with the reason why it comes; those left out come after, as they stood."""
        ...


class Undecided(NamedTuple):
    """What a split left open: the records to ask about, before all others, and people's votes that decide nothing.

    Attributes:
        records: each with the name of the class that was split.
        values: of people's votes (JSON), which are no answer any more.
    """

    records: Mapping[str, str] = {}
    values: frozenset[str] = frozenset()


class Line:
    """The records of one task in the order in which they are handed out, and who need not be given which.

    What it remembers are hints that save look-ups; whether a record is free is decided by the store.

    Args:
        order: all records, as they come where nobody chooses.
        stamp: what *order* was made from, and what *first* was: where either is another by now, it should be made anew.
        first: those of *order* that were chosen to come before the others.
        before: an earlier line of the same *order*, whose hints go on.
        undecided: what a split left open, which comes before *first*.

    Attributes:
        known: ids of all its records.
    """

    def __init__(
        self,
        order: list[Choice],
        stamp: tuple[object, object] = (None, None),
        first: Mapping[str, Choice] | None = None,
        before: Line | None = None,
        undecided: Undecided | None = None,
    ) -> None:
        self.order, self.stamp, self.looked_at = order, stamp, time.monotonic()
        self.undecided = undecided or Undecided()
        self._first = first or {}
        self._full: set[str] = set() if before is None else before._full
        self._passed: dict[str, set[str]] = {} if before is None else before._passed
        self.known = frozenset(choice.record_id for choice in order) if before is None else before.known

    @property
    def n_waiting(self) -> int:
        """How many records still want an answer, as far as is known."""
        return len(self.order) - len(self._full)

    def waiting(self, actor_id: str) -> Iterator[Choice]:
        """What *actor_id* may be given, in order."""
        first, full, passed = self._first, self._full, self._passed.get(actor_id, set())
        others = (choice for choice in self.order if choice.record_id not in first)
        return (c for c in chain(first.values(), others) if c.record_id not in full and c.record_id not in passed)

    def note(self, actor_id: str, full: set[str], passed: set[str]) -> None:
        """Remember what the store said."""
        self._full |= full
        self._passed.setdefault(actor_id, set()).update(passed)

    def close(self, record_ids: Iterable[str]) -> None:
        """Remember that records want no answer any more; such as are none of its own are left out."""
        self._full |= self.known.intersection(record_ids)

    def reopen(self, record_ids: Iterable[str]) -> None:
        """Let records be given again: an answer was taken back."""
        for record_id in record_ids:
            self._full.discard(record_id)
            for passed in self._passed.values():
                passed.discard(record_id)


class Lines:
    """Lines by key, each made once and made anew in the background when what it was made from has changed."""

    def __init__(self) -> None:
        self._lines: dict[object, Line] = {}
        self._lock = threading.Lock()
        self._background = Background("line")

    def get(self, key: object, make: Callable[[Line | None], Line], stamp: Callable[[], object]) -> Line:
        """The line under *key*; waits for it only where there is none yet."""
        line = self._lines.get(key)
        if line is None:
            with self._lock:
                return self._lines.get(key) or self._lines.setdefault(key, make(None))
        if time.monotonic() - line.looked_at > LOOK_EVERY_S:
            line.looked_at = time.monotonic()
            if stamp() != line.stamp:
                self._background.start(key, lambda: self._replace(key, make))
        return line

    def _replace(self, key: object, make: Callable[[Line | None], Line]) -> None:
        self._lines[key] = make(self._lines.get(key))  # until then the old order goes on

    def of_task(self, task_id: str) -> list[Line]:
        """The lines of one task, whose keys begin with its id."""
        return [line for key, line in list(self._lines.items()) if isinstance(key, tuple) and key[0] == task_id]

    def outdate(self, task_id: str) -> None:
        """Have a task's lines made anew at the next look: the chooser has learnt since."""
        for line in self.of_task(task_id):
            line.stamp, line.looked_at = (line.stamp[0], object()), 0.0

    def forget(self, task_id: str) -> None:
        """Drop what is known of a task: how many answers a record wants has changed."""
        for key in [k for k in list(self._lines) if isinstance(k, tuple) and k[0] == task_id]:
            self._lines.pop(key, None)

    def close(self) -> None:
        """Wait for what is being made."""
        self._background.wait()


def stamp_of(store: Store, task: Task, chooser: Chooser | None = None) -> tuple[object, object]:
    """What a line depends on beside people's votes: the records, the bulk votes, the task; and the chooser's mind."""
    mind = getattr(chooser, "stamp", None)
    versions = [table.version() if table.exists else 0 for table in (store.records.table, store.votes.table)]
    n_drawn = len(store.exams.of_task(task.task_id))
    return (*versions, len(store.records.retired_ids()), n_drawn, task.version), mind and mind(task)


def make_line(
    store: Store,
    task: Task,
    *,
    chooser: Chooser | None = None,
    only: Sequence[str] | None = None,
    before: Line | None = None,
    undecided: Callable[[], Undecided] = Undecided,
) -> Line:
    """Order a task's records.

    Those of which a split left open which part they are come first, whoever chooses: no other answer is worth more.
    Then those of an exam (``Workspace.draw_gold``), in the order in which they were drawn: an answer that is missing
    among them holds up all behind it.

    Without *chooser*, those on which nobody and no import has voted come first, then those that only an import or a
    bulk label names, both shuffled: a record's place depends on its id and the task alone, so that new records change
    no other's.

    Args:
        store: the workspace.
        task: the question.
        chooser: decides the order instead.
        only: ids of the records to which the line is limited.
        before: the line that stood; where the chooser alone changed its mind, the rest is taken from there.
        undecided: tells what a split left open.
    """
    stamp = stamp_of(store, task, chooser)
    if only is not None or before is None or before.stamp[0] != stamp[0]:
        before = None
    order = _order(store, task, only) if before is None else before.order
    left_open = undecided() if before is None else before.undecided
    split = left_open.records
    first = {
        record_id: Choice(record_id, WAS_SPLIT.format(split[record_id])) for record_id, _ in order if record_id in split
    }
    known = {choice.record_id for choice in order}
    for record_id in store.exams.of_task(task.task_id):
        if record_id in known:
            first.setdefault(record_id, Choice(record_id, EXAM))
    if chooser is not None:
        waiting = [choice.record_id for choice in order]
        for choice in chooser(task, waiting):
            if choice.record_id in known:
                first.setdefault(choice.record_id, choice)
    return Line(order, stamp, first, before, left_open)


def _order(store: Store, task: Task, only: Sequence[str] | None) -> list[Choice]:
    ids = store.records.scan(["record_id"])["record_id"].combine_chunks()
    if only is not None:
        ids = ids.filter(pc.is_in(ids, value_set=pa.array(list(only), pa.string())))
    imported = pc.is_in(ids, value_set=_imported(store, task)).to_pylist()
    salt = task.task_id.encode()
    place = [hashlib.blake2b(i.encode(), digest_size=8, key=salt[:64]).digest() for i in ids.to_pylist()]
    rows = sorted(zip(imported, place, ids.to_pylist(), strict=True))
    return [Choice(record_id, ONLY_IMPORTED if known else UNLABELLED) for known, _, record_id in rows]


def _imported(store: Store, task: Task) -> pa.Array:
    """Records that an import or a bulk label names."""
    votes = store.votes.of_task(task.task_id)
    kinds = (LabelSourceKind.IMPORTED.value, LabelSourceKind.PERSON.value)
    sources = [s["label_source_id"] for s in store.tasks.label_sources(task.task_id) if s["kind"] in kinds]
    kept = pc.is_in(votes["label_source_id"], value_set=pa.array(sources, pa.string()))
    return votes.filter(kept)["record_id"].combine_chunks()
