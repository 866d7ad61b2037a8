"""A rule's votes beside what is known: overlap, conflict, and how often it is right."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from homegrown.label.matrix import VoteMatrix
from homegrown.label.reliability import estimated
from homegrown.label.rules.known import Known
from homegrown.metrics.intervals import wilson

ENOUGH_JUDGED = 5


@dataclass(frozen=True, slots=True)
class Estimate:
    """How often a rule is right where it votes.

    Attributes:
        low: of the 95% interval.
        n: records that it was compared on.
        basis: ``people`` (counted on what people said) or ``sources`` (expected under the labels that the other
            sources give together).
    """

    value: float
    low: float
    high: float
    n: int
    basis: str


@dataclass(frozen=True, slots=True)
class Beside:
    """Another source on the records that a rule votes on."""

    kind: str
    name: str
    n_both: int
    n_conflict: int


class Measure:
    """Votes of one source beside all others'.

    Args:
        known: what the others say.
        rows: int [n_matches], records that the source votes on, each once.
        value: int [n_matches], the class that it votes for.
        many: where a record may have several classes, another class beside it contradicts nobody.
    """

    def __init__(self, known: Known, rows: np.ndarray, value: np.ndarray, *, many: bool = False) -> None:
        self.known, self.rows = known, rows
        n = len(known.record_ids)
        self.mine = np.full(n, -1)
        self.mine[rows] = value
        here = self.mine[known.record] >= 0
        self._record, self._source, self._value = known.record[here], known.source[here], known.value[here]
        self._agrees = self._value == self.mine[self._record]
        spoken = (self.mine >= 0) & known.spoken
        self.judged = spoken if many else spoken & (known.decided >= 0)
        seconded = np.zeros(n, bool)
        seconded[known.people.record[known.people.value == self.mine[known.people.record]]] = True
        self.against_people = self.judged & ~seconded
        others, contrary, same = (np.zeros(n, bool) for _ in range(3))
        others[self._record] = True
        contrary[self._record[~self._agrees]] = True
        same[self._record[self._agrees]] = True
        if many:
            contrary &= ~same
        self.met = others | spoken
        # Where people spoke, nobody else is contradicted.
        self.against = self.against_people | (contrary & ~spoken)

    @cached_property
    def accuracy(self) -> Estimate | None:
        """Against people where they said enough, else by the other sources, else against the few that people said."""
        by_people = self.by_people
        if by_people is not None and by_people.n >= ENOUGH_JUDGED:
            return by_people
        return self._by_sources() or by_people

    @property
    def by_people(self) -> Estimate | None:
        """Counted on the records of which people said what they are; Wilson's interval."""
        n = int(self.judged.sum())
        right = n - int(self.against_people.sum())
        return Estimate(right / n, *wilson(right, n), n, "people") if n else None

    def _by_sources(self) -> Estimate | None:
        """Under the label probabilities of the others, which these votes had no part in."""
        rows, row = np.unique(self._record, return_inverse=True)
        if not len(rows):
            return None
        used, source = np.unique(self._source, return_inverse=True)
        place = np.searchsorted(self.known.voted, rows)
        votes = VoteMatrix.of(
            np.concatenate([row, np.arange(len(rows))]),
            np.concatenate([source, np.full(len(rows), len(used))]),
            np.concatenate([self._value, self.mine[rows]]),
            n_records=len(rows), n_sources=len(used) + 1, n_classes=self.known.n_classes,
        )  # fmt: skip
        found = estimated(votes, self.known.probs[place])
        return Estimate(float(found.accuracy[-1]), float(found.low[-1]), float(found.high[-1]), len(rows), "sources")

    def beside(self) -> tuple[Beside, ...]:
        """Each other source that votes on matches, the one that conflicts most first; people too."""
        n, n_records = len(self.known.names), max(len(self.known.record_ids), 1)
        pairs = self._source * n_records + self._record
        both = np.bincount(np.unique(pairs) // n_records, minlength=n)
        same = np.bincount(np.unique(pairs[self._agrees]) // n_records, minlength=n)
        found = [
            Beside(kind, name, int(b), int(b - s))
            for (kind, name), b, s in zip(self.known.names, both, same, strict=True)
            if b
        ]
        if self.judged.any():
            found.append(Beside("person", "people", int(self.judged.sum()), int(self.against_people.sum())))
        return tuple(sorted(found, key=lambda b: (-b.n_conflict, -b.n_both, b.name)))


@dataclass(frozen=True, slots=True)
class Figures:
    """A standing rule in figures.

    Attributes:
        n_votes: records that it votes on.
        coverage: share of all records.
        n_overlap: of its votes beside another source's or a person's.
        n_conflict: of them against one.
    """

    name: str
    n_votes: int
    coverage: float
    n_overlap: int
    n_conflict: int
    accuracy: Estimate | None


def figures_of(known: Known, name: str, *, many: bool) -> Figures:
    """A rule that has voted, beside all others.

    Its accuracy without enough people's word is that under the labels which all sources give, itself among them: to
    leave out each of many rules in turn would take as many fits.
    """
    number = known.names.index(("rule", name))
    mine = known.source == number
    rows, first = np.unique(known.record[mine], return_index=True)
    found = Measure(known.less(number), rows, known.value[mine][first], many=many)
    n, n_met = len(rows), int(found.met.sum())
    accuracy = found.by_people
    if n_met and (accuracy is None or accuracy.n < ENOUGH_JUDGED):
        all_of = known.reliability
        value, low, high = (float(part[number]) for part in (all_of.accuracy, all_of.low, all_of.high))
        accuracy = Estimate(value, low, high, n_met, "sources")
    return Figures(name, n, n / max(len(known.record_ids), 1), n_met, int(found.against.sum()), accuracy)
