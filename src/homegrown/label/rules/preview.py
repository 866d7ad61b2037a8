"""What a rule would do, on real records, before it does it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec
import numpy as np
import pyarrow as pa

from homegrown.core.rules import Rule, Similar
from homegrown.core.tasks import Task, TaskKind
from homegrown.label.rules.conditions import COLUMNS, Helpers, Matcher, cost
from homegrown.label.rules.known import Known
from homegrown.label.rules.measure import Beside, Estimate, Measure
from homegrown.label.rules.taught import to_judge

MAX_RECORDS = 200_000
DEAR_RECORDS = 2_000
SHOWN = 8
UNKNOWN_ACCURACY = 0.8


@dataclass(frozen=True, slots=True)
class Shown:
    """A record to look at: what its label is and, where that differs, what it would be; empty for none.

    Of a rule that fills fields: what it says, of what it misses nothing; what others say instead; and in `marks` what
    is marked in `text`: the name of the field, start and end.
    """

    record_id: str
    text: str
    label: str = ""
    would_be: str = ""
    marks: tuple[tuple[str, int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class FieldTried:
    """What a rule does to one field.

    Attributes:
        n_fills: records of which it fills the field.
        n_judged: what people say of the field on these, each of them counted.
        n_right: of that what the rule says too.
    """

    name: str
    n_fills: int
    n_judged: int
    n_right: int


@dataclass(frozen=True, slots=True)
class Preview:
    """What a rule would do.

    Attributes:
        n_records: that it was asked of.
        n_matches: of them that it votes on; scaled up where `is_sample`.
        is_sample: not every record was asked.
        n_overlap: matches that another source or person has an opinion on.
        n_conflict: matches of which one of them says something else.
        n_new: records that had no label and would get one.
        n_changed: records whose label would become another one, about.
        misses: records with the label that the rule votes for, on which it is silent.
        judge: for likeness: records whose yes or no teaches the threshold.
        thresholds: one for each condition of likeness.
        note: of fields, which of the values that it finds are no votes; empty where all are.
        by_field: of fields, those that it fills.
    """

    n_records: int
    n_matches: int
    is_sample: bool
    n_overlap: int
    n_conflict: int
    accuracy: Estimate | None
    beside: tuple[Beside, ...]
    n_new: int
    n_changed: int
    matches: tuple[Shown, ...]
    conflicts: tuple[Shown, ...]
    misses: tuple[Shown, ...]
    changes: tuple[Shown, ...]
    seconds: float
    judge: tuple[Shown, ...] = ()
    thresholds: tuple[float, ...] = field(default=())
    note: str = ""
    by_field: tuple[FieldTried, ...] = ()

    @property
    def coverage(self) -> float:
        """Share of the records that the rule votes on."""
        return self.n_matches / max(self.n_records, 1)


def preview_rule(task: Task, rule: Rule, batches: Iterable[pa.RecordBatch], known: Known, helpers: Helpers) -> Preview:
    """Try *rule* on records.

    Args:
        task: of the rule.
        rule: checked and taught (``stored.prepared``).
        batches: the records of *known*, in its order, with the columns ``COLUMNS``.
        known: what is said of them; a standing rule of the same name is left out.
        helpers: other rooms' abilities.
    """
    started = time.monotonic()
    found = _find(rule, batches, helpers)
    view = _View(task, rule, known.without("rule", rule.name), found)
    measure, judge = view.measure, _judge(rule, found, view)
    after, n_new = view.after()
    return Preview(
        n_records=found.n_records,
        n_matches=round(len(found.rows) * found.scale),
        is_sample=found.scale > 1,
        n_overlap=round(int(measure.met.sum()) * found.scale),
        n_conflict=round(int(measure.against.sum()) * found.scale),
        accuracy=measure.accuracy,
        beside=measure.beside(),
        n_new=round(n_new * found.scale),
        n_changed=round(len(after) * found.scale),
        matches=view.shown(_spread(found.rows, SHOWN)),
        conflicts=view.shown(view.conflicts()),
        misses=view.shown(view.misses()),
        changes=view.shown([row for row, _ in after[:SHOWN]], [label for _, label in after[:SHOWN]]),
        seconds=time.monotonic() - started,
        judge=judge,
        thresholds=tuple(c.threshold or 0.0 for c in rule.when if isinstance(c, Similar)),
    )


@dataclass
class _Found:
    """What a rule matches.

    Attributes:
        rows: int [n_matches], of all records.
        scale: how many matches each of them stands for.
        table: all records.
        asked: int [n_asked], rows that the dear conditions were asked of; `rows` where there are none.
        near: float32 [n_asked], to the first condition of likeness; None without one.
    """

    rows: np.ndarray
    n_records: int
    scale: float
    table: pa.Table
    asked: np.ndarray
    near: np.ndarray | None = None


def _find(rule: Rule, batches: Iterable[pa.RecordBatch], helpers: Helpers) -> _Found:
    cheap = [c for c in rule.when if cost(c) < 2]
    dear = [c for c in rule.when if cost(c) >= 2]
    matcher = Matcher(msgspec.structs.replace(rule, when=cheap), helpers)
    kept: list[pa.RecordBatch] = []
    rows: list[np.ndarray] = []
    n = 0
    for batch in batches:
        rows.append(n + matcher.matches(batch))
        n += batch.num_rows
        kept.append(batch)
    table = pa.Table.from_batches(kept) if kept else pa.table({c: pa.array([], pa.string()) for c in COLUMNS})
    left = np.concatenate(rows) if rows else np.zeros(0, int)
    if not dear or not len(left):
        return _Found(left, n, 1.0, table, left)
    asked = _spread(left, DEAR_RECORDS)
    part = table.take(pa.array(asked))
    matcher = Matcher(msgspec.structs.replace(rule, when=dear), helpers)
    found = asked[matcher.matches(part)]
    return _Found(found, n, len(left) / len(asked), table, asked, matcher.near)


def _spread(rows: np.ndarray, n: int) -> np.ndarray:
    """*n* of *rows*, evenly."""
    if len(rows) <= n:
        return rows
    return rows[np.linspace(0, len(rows) - 1, n).astype(int)]


class _View:
    """A rule's matches beside what is known of them, for people to look at."""

    def __init__(self, task: Task, rule: Rule, known: Known, found: _Found) -> None:
        self.known, self.found = known, found
        self._names = (*task.class_names, "none of these")
        place = {name: i for i, name in enumerate(task.class_names)}
        self.says = [place[n] for n in rule.says] or [len(task.classes)]
        value = np.full(len(found.rows), self.says[0])
        self.measure = Measure(known, found.rows, value, many=task.kind is TaskKind.CLASSES)
        self._label = np.full(found.n_records, -1)
        self._sure = np.zeros(found.n_records)
        if len(known.voted):
            self._label[known.voted] = known.probs.argmax(1)
            self._sure[known.voted] = known.probs.max(1)

    def after(self) -> tuple[list[tuple[int, int]], int]:
        """Rows whose label would become another one, the surest first, with that label; and how many get their first.

        The rule joins the others as one more witness: where it votes, its class is right with its accuracy, and the
        odds move by that against the share of the class everywhere. People's word stays.
        """
        is_match = self.measure.mine >= 0
        free = is_match & ~self.known.spoken
        n_new = int((free & (self._label < 0)).sum())
        rows = np.flatnonzero(free & (self._label >= 0) & ~np.isin(self._label, self.says))
        if not len(rows) or len(self.says) > 1:
            return [], n_new
        accuracy = self.measure.accuracy
        right = min(max(accuracy.value if accuracy else UNKNOWN_ACCURACY, 0.02), 0.98)
        share = np.clip(self.known.probs[:, self.says[0]].mean(), 0.01, 0.99)
        lift = (right / share) / ((1 - right) / (1 - share))
        probs = self.known.probs[np.searchsorted(self.known.voted, rows)].copy()
        probs[:, self.says[0]] *= lift
        turned = rows[probs.argmax(1) == self.says[0]]
        order = np.argsort(-self._sure[turned], kind="stable")
        return [(int(r), self.says[0]) for r in turned[order]], n_new

    def conflicts(self) -> list[int]:
        """Matches of which others are surest that they are something else; people's first."""
        rows = np.flatnonzero(self.measure.against)
        first = self.measure.against_people[rows]
        return rows[np.lexsort((-self._sure[rows], ~first))][:SHOWN].tolist()

    def misses(self) -> list[int]:
        """Records that are of the class, surest first, and that the rule leaves out."""
        is_class = np.isin(self._label, self.says) & (self.measure.mine < 0)
        rows = np.flatnonzero(is_class)
        return rows[np.argsort(-self._sure[rows], kind="stable")][:SHOWN].tolist()

    def shown(self, rows: Iterable[int], would_be: list[int] | None = None) -> tuple[Shown, ...]:
        """Rows as people see them."""
        chosen = np.array(list(rows), int)
        part = self.found.table.select(["record_id", "text"]).take(pa.array(chosen, pa.int64()))
        labels = [self._names[i] if i >= 0 else "" for i in self._label[chosen]]
        new = [self._names[i] for i in would_be] if would_be is not None else [""] * len(chosen)
        pairs = zip(part["record_id"].to_pylist(), part["text"].to_pylist(), labels, new, strict=True)
        return tuple(Shown(i, t[:300], a, b) for i, t, a, b in pairs)


def _judge(rule: Rule, found: _Found, view: _View) -> tuple[Shown, ...]:
    """For the first condition of likeness: records near its threshold, those that were judged left out."""
    like = next((c for c in rule.when if isinstance(c, Similar)), None)
    if like is None or found.near is None:
        return ()
    ids = found.table["record_id"].take(pa.array(found.asked)).to_pylist()
    judged = {*like.yes, *like.no}
    free = np.array([i not in judged for i in ids], bool)
    rows = found.asked[free][to_judge(found.near[free], like.threshold or 0.0, 6)]
    return view.shown(rows.tolist())
