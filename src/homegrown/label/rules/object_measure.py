"""Rules of a task whose answer is an object, measured beside what others say, and tried before they are kept."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from homegrown.core.documents import document_of
from homegrown.core.said import Answer, meaning_of
from homegrown.label.rules.conditions import Matcher
from homegrown.label.rules.fills import Filler, Unread
from homegrown.label.rules.measure import ENOUGH_JUDGED, Beside, Estimate, Figures
from homegrown.label.rules.object_rules import conditions_of
from homegrown.label.rules.preview import SHOWN, FieldTried, Preview, Shown
from homegrown.metrics.intervals import wilson
from homegrown.store.said import said_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from homegrown.core.rules import FieldRule
    from homegrown.core.said import Said
    from homegrown.core.schema import Field
    from homegrown.core.tasks import Task
    from homegrown.label.rules.conditions import Helpers
    from homegrown.store import Store

MAX_TRIED = 5_000
MOST_SPOKEN = 2_000
MOST_SHOWN = 300
AROUND = 60
MOST_WINDOWS = 6
_Mark = tuple[str, int, int]


class _Sums:
    """A rule beside all others.

    Args:
        task: of the rule.
        mine: by number of the record what it says of which field.
        others: what all others say of each record.

    Attributes:
        overlap: records of whose fields another says something.
        conflict: of them those where people, or else another source, say something else.
        against_people: of these those where people do.
        new: records of which the rule fills a field that nobody else speaks of.
        by_field: by id of a field that it fills, of what people say there all of it and what it says too.
    """

    def __init__(self, task: Task, mine: Mapping[int, Mapping[str, Answer]], others: Sequence[Sequence[Said]]) -> None:
        self.overlap, self.conflict, self.new = list[int](), list[int](), list[int]()
        self.against_people = set[int]()
        self.by_field: dict[str, list[int]] = {}
        self.n_right = self.n_judged = self.n_same = self.n_met = 0
        self.beside: dict[str, list[int]] = {}
        for i, answers in mine.items():
            said = {f.field_id: [s for s in others[i] if f.field_id in s.fields] for f in task.fields}
            filled = [f for f in task.fields if f.field_id in answers]
            against = [self._differs(i, f, answers[f.field_id], said[f.field_id]) for f in filled]
            for name, found in (("overlap", [said[f.field_id] for f in filled]), ("conflict", against)):
                if any(found):
                    getattr(self, name).append(i)
            if any(not said[f.field_id] for f in filled):
                self.new.append(i)

    def _differs(self, row: int, one: Field, answer: Answer, said: list[Said]) -> bool:
        means = meaning_of(one, answer)
        people = [meaning_of(one, s.fields[one.field_id]) for s in said if s.is_person]
        rest = [(s.source, meaning_of(one, s.fields[one.field_id])) for s in said if not s.is_person]
        judged = self.by_field.setdefault(one.field_id, [0, 0])
        judged[0] += len(people)
        judged[1] += people.count(means)
        self.n_judged += len(people)
        self.n_right += people.count(means)
        if people and means not in people:
            self.against_people.add(row)
        if rest:
            kinds = [m for _, m in rest]
            self.n_met += 1
            self.n_same += max(sorted(set(kinds)), key=kinds.count) == means
        for source, other in rest:
            both = self.beside.setdefault(source, [0, 0])
            both[0] += 1
            both[1] += other != means
        return means not in people if people else any(other != means for _, other in rest)

    @property
    def accuracy(self) -> Estimate | None:
        if self.n_judged and (self.n_judged >= ENOUGH_JUDGED or not self.n_met):
            return Estimate(self.n_right / self.n_judged, *wilson(self.n_right, self.n_judged), self.n_judged, "people")
        if not self.n_met:
            return None
        return Estimate(self.n_same / self.n_met, wilson(self.n_same, self.n_met)[0], 1.0, self.n_met, "sources")


def rule_figures(
    store: Store, task: Task, rows: Sequence[Mapping[str, Any]], record_ids: pa.Array
) -> dict[str, Figures]:
    """What the rules *rows* of a task do on some records, by name.

    A rule is right where an answer of it means what people say of that field, each of them counted. Where that are
    fewer than five answers, it is the share of its answers that most of the other sources give too, without an upper
    bound: where they differ, they may be wrong.
    """
    said = said_of(store, task, record_ids)
    found = {}
    for row in rows:
        source = row["label_source_id"]
        mine = {i: s.fields for i, votes in enumerate(said) for s in votes if s.source == source}
        others = [[s for s in votes if s.source != source] for votes in said]
        sums, n = _Sums(task, mine, others), len(mine)
        found[row["name"]] = Figures(
            row["name"], n, n / max(len(record_ids), 1), len(sums.overlap), len(sums.conflict), sums.accuracy
        )
    return found


def preview_field_rule(
    store: Store, task: Task, rule: FieldRule, batches: Sequence[pa.RecordBatch], helpers: Helpers
) -> Preview:
    """Try *rule* on records, whose earlier votes under this name do not count.

    In place of labels it tells what the rule would say, in conflicts what others say instead, people's first, and in
    misses what others say of a field of which it says nothing. Of more than ``MAX_TRIED`` records it is asked of so
    many, spread evenly, and of those that people spoke of; what is counted is scaled up from the former.
    """
    started = time.monotonic()
    n_records = sum(batch.num_rows for batch in batches)
    rows, is_drawn = _tried(store, task, batches, n_records)
    filler, unread = Filler(task, rule.fills, helpers.reading(task)), Unread()
    matcher = Matcher(conditions_of(rule), helpers)
    ids, texts, values = list[str](), list[str](), list[str | None]()
    start = 0
    for whole in batches:
        end = start + whole.num_rows
        batch = whole.take(pa.array(rows[(rows >= start) & (rows < end)] - start))
        start = end
        matched = set(matcher.matches(batch).tolist())
        some = batch["text"].to_pylist()
        read = iter(filler.values(*_taken(batch, some, sorted(matched)), unread))
        ids += batch["record_id"].to_pylist()
        texts += some
        values += [next(read) if i in matched else None for i in range(batch.num_rows)]
    own = {s["label_source_id"] for s in store.rules.list(task.task_id) if s["name"] == rule.name}
    others = [[s for s in votes if s.source not in own] for votes in said_of(store, task, pa.array(ids, pa.string()))]
    mine = {i: msgspec.json.decode(v)["fields"] for i, v in enumerate(values) if v is not None}
    sums = _Sums(task, mine, others)
    known = {s["label_source_id"]: (s["kind"], s["name"]) for s in store.tasks.label_sources(task.task_id)}

    def shown(rows: Sequence[int]) -> tuple[Shown, ...]:
        found = []
        for i in rows:
            text, marks = _excerpt(texts[i], _marks(task, mine[i]))
            says, differs = _told(task, mine[i], texts[i]), _else(task, mine[i], others[i], texts[i])
            found.append(Shown(ids[i], text, says, differs, marks))
        return tuple(found)

    def scaled(some: Collection[int]) -> int:
        n = sum(bool(is_drawn[i]) for i in some)
        return round(n * n_records / max(int(is_drawn.sum()), 1))

    spread = np.unique(np.linspace(0, len(mine) - 1, min(SHOWN, len(mine))).astype(int)).tolist() if mine else []
    matches = list(mine)
    filled = {f.field_id: [i for i, answers in mine.items() if f.field_id in answers] for f in task.fields}
    return Preview(
        n_records=n_records, n_matches=scaled(mine), is_sample=n_records > MAX_TRIED, n_overlap=scaled(sums.overlap),
        n_conflict=scaled(sums.conflict), accuracy=sums.accuracy, beside=_beside(sums, known),
        n_new=scaled(sums.new), n_changed=0, matches=shown([matches[i] for i in spread]),
        conflicts=shown(sorted(sums.conflict, key=lambda i: i not in sums.against_people)[:SHOWN]),
        misses=_misses(task, filler.field_ids, mine, others, ids, texts), changes=(),
        seconds=time.monotonic() - started, note=unread.sentence,
        by_field=tuple(
            FieldTried(f.name, scaled(filled[f.field_id]), *sums.by_field[f.field_id])
            for f in task.fields if f.field_id in sums.by_field
        ),
    )  # fmt: skip


def _tried(
    store: Store, task: Task, batches: Sequence[pa.RecordBatch], n_records: int
) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the records that a rule is tried on, int [n], and which of these stand for all, bool [n]."""
    if n_records <= MAX_TRIED:
        return np.arange(n_records), np.ones(n_records, bool)
    drawn = np.unique(np.linspace(0, n_records - 1, MAX_TRIED).astype(int))
    spoken = list(dict.fromkeys(record_id for record_id, _ in store.person_votes.standing(task.task_id)))[:MOST_SPOKEN]
    told = [pc.is_in(b["record_id"], value_set=pa.array(spoken, pa.string())) for b in batches]
    rows = np.union1d(drawn, np.flatnonzero(pa.chunked_array(told).to_numpy()))
    return rows, np.isin(rows, drawn)


def _beside(sums: _Sums, known: Mapping[str, tuple[str, str]]) -> tuple[Beside, ...]:
    found = [Beside(*known.get(source, ("source", source)), n, k) for source, (n, k) in sums.beside.items()]
    return tuple(sorted(found, key=lambda b: (-b.n_conflict, -b.n_both, b.name)))


def _misses(
    task: Task,
    field_ids: Collection[str],
    mine: Mapping[int, Mapping[str, Answer]],
    others: Sequence[Sequence[Said]],
    ids: Sequence[str],
    texts: Sequence[str],
) -> tuple[Shown, ...]:
    """Records of which somebody says what is in a field that the rule fills elsewhere, and it says nothing."""
    found: list[tuple[bool, int, Mapping[str, Answer]]] = []
    for i, votes in enumerate(others):
        for said in sorted(votes, key=lambda s: not s.is_person):
            there = {f: a for f, a in said.fields.items() if f in field_ids and a and f not in mine.get(i, {})}
            if there:
                found.append((not said.is_person, i, there))
                break
    rows = sorted(found, key=lambda one: one[:2])[:SHOWN]
    shown = []
    for _, i, there in rows:
        text, marks = _excerpt(texts[i], _marks(task, there))
        shown.append(Shown(ids[i], text, "", _told(task, there, texts[i]), marks))
    return tuple(shown)


def _marks(task: Task, answers: Mapping[str, Answer]) -> list[_Mark]:
    spoken = [(f.name, answers.get(f.field_id) or {}) for f in task.fields]
    return [(name, start, end) for name, answer in spoken for start, end in answer.get("spans") or ()]


def _excerpt(text: str, marks: list[_Mark]) -> tuple[str, tuple[_Mark, ...]]:
    """A text cut to what stands round its marks, and the marks where they stand in what is left."""
    if len(text) <= MOST_SHOWN:
        return text, tuple(marks)
    windows: list[list[int]] = []
    for _, start, end in sorted(marks, key=lambda m: m[1:]):
        if windows and start - AROUND <= windows[-1][1]:
            windows[-1][1] = max(windows[-1][1], min(len(text), end + AROUND))
        elif len(windows) < MOST_WINDOWS:
            windows.append([max(0, start - AROUND), min(len(text), end + AROUND)])
    shown, moved = "", list[_Mark]()
    for start, end in windows or [[0, MOST_SHOWN]]:
        shown += "… " if start and not shown else ""
        by = len(shown) - start
        moved += [(name, a + by, b + by) for name, a, b in marks if start <= a and b <= end]
        shown += text[start:end] + (" … " if end < len(text) else "")
    return shown.rstrip(), tuple(moved)


def _taken(batch: pa.RecordBatch, texts: list[str], rows: list[int]) -> tuple[list[str], list[str]]:
    ids = batch["record_id"].to_pylist()
    return [ids[i] for i in rows], [texts[i] for i in rows]


def _told(task: Task, answers: Mapping[str, Answer], text: str) -> str:
    """What is said of the fields that are spoken of, in a line."""
    document = document_of(task.fields, {"fields": answers}, text)
    spoken = [f.name for f in task.fields if f.field_id in answers]
    return "; ".join(f"{name}: {_word(document[name])}" for name in spoken)[:300]


def _word(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(_amount(v) for v in value.values() if v is not None)
    if isinstance(value, list):
        return ", ".join(map(_word, value)) or "nothing"
    return "nothing" if value is None else str(value)


def _amount(value: Any) -> str:
    """A part of an amount of money or of a small object; 45.0 as people write it."""
    return f"{value:.2f}" if isinstance(value, float) and round(value, 2) == value else _word(value)


def _else(task: Task, mine: Mapping[str, Answer], others: Sequence[Said], text: str) -> str:
    """What others say of the same fields that means something else."""
    told = []
    for one in task.fields:
        if one.field_id not in mine:
            continue
        means = meaning_of(one, mine[one.field_id])
        said = [s.fields[one.field_id] for s in others if one.field_id in s.fields]
        told += [_told(task, {one.field_id: a}, text) for a in said if meaning_of(one, a) != means]
    return " | ".join(dict.fromkeys(told))[:300]
