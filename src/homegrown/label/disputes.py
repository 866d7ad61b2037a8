"""Fields of objects on which people, or people and other sources, disagree, and what each side says of them."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import pyarrow as pa

from homegrown.core.ids import timestamp
from homegrown.core.said import Answer, fullest, meaning_of, meanings_of
from homegrown.core.schema import Field, FieldType
from homegrown.label.people import current
from homegrown.label.suggest_fields import answers_heard, present
from homegrown.store.said import said_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from homegrown.core.tasks import Task
    from homegrown.store import Store

_FEW = 1_000
_MARGIN = timedelta(minutes=1)
#: what is marked in a text: the same words at another place mean the same
_MARKED = (FieldType.SPAN, FieldType.LIST)


@dataclass(frozen=True, slots=True)
class DisputedField:
    """A field of a record on which not all say the same, and that no reviewer settled.

    Attributes:
        among_people: people disagree; else they agree, and another source says something else.
        weight: share of the voices that are against most people, or of the other sources that are against all of them.
        n_voices: people, or other sources, that spoke.
    """

    record_id: str
    field_id: str
    among_people: bool
    weight: float
    n_voices: int


@dataclass(frozen=True, slots=True)
class Side:
    """One answer to a field, and who gives it.

    Attributes:
        answer: as ``core.schema`` has it, with a place in the text if one of them told it; None: it is not there.
        who: names of people, then other sources in words.
        n_people: how many of them are people.
    """

    answer: Answer
    who: tuple[str, ...]
    n_people: int


@dataclass(frozen=True, slots=True)
class Dispute:
    """What is said of one field of a record, the side of most people first.

    Attributes:
        settled: the reviewer's word that stands, if one settled the field.
        base: the vote by which a reviewer settled any field of the record; None where there is none.
    """

    record_id: str
    field_id: str
    sides: tuple[Side, ...]
    settled: Side | None = None
    base: str | None = None


def disputed_fields(store: Store, task: Task, *, sources: bool = False) -> list[DisputedField]:
    """Fields of current records on which people disagree, the worst first; those of one record stay together.

    What means the same is no disagreement (``core.said.meanings_of``), nor is a field that one left out. Of spans
    people disagree on places, and another source on words: where the same words stand elsewhere, it says the same.

    Args:
        store: the workspace.
        task: whose answer is an object.
        sources: also fields on which people agree and a rule, an import or a model says otherwise; behind the others,
            and none of a record that is part of an exam.

    Example:
        >>> [(d.field_id, d.weight) for d in disputed_fields(store, task)]  # doctest: +SKIP
        [('f_1', 0.5)]
    """
    return _in_order(_by_record(store, task, sources=sources))


class DisputeQueue:
    """The disputed fields of tasks, kept while nothing changes; a record of which somebody spoke is looked at again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[tuple[str, bool], _Held] = {}

    def of(self, store: Store, task: Task, *, sources: bool = False) -> list[DisputedField]:
        """As ``disputed_fields``."""
        key, state = (task.task_id, sources), _state(store, task, sources=sources)
        with self._lock:
            n, newest = store.person_votes.given(task.task_id)
            held = self._held.get(key)
            if held is None or held.state != state or n < held.n:
                held = _held(state, n, newest, _by_record(store, task, sources=sources))
            elif n > held.n:
                # Two who write at once may be seen in another order than that of their times.
                since = timestamp(datetime.fromisoformat(held.newest) - _MARGIN) if held.newest else ""
                spoken = store.person_votes.spoken_since(task.task_id, since)
                rest = dict(held.found)
                for record_id in spoken:
                    rest.pop(record_id, None)
                again = _by_record(store, task, sources=sources, record_ids=spoken)
                held = _held(state, n, newest, rest | again)
            self._held[key] = held
            return list(held.ordered)


class _Held(NamedTuple):
    """What was found, by record and in order, and of which votes: how many, and when the newest was given."""

    state: tuple[object, ...]
    n: int
    newest: str
    found: dict[str, list[DisputedField]]
    ordered: list[DisputedField]


def _held(state: tuple[object, ...], n: int, newest: str, found: dict[str, list[DisputedField]]) -> _Held:
    return _Held(state, n, newest, found, _in_order(found))


def _state(store: Store, task: Task, *, sources: bool) -> tuple[object, ...]:
    """Changes with everything but people's votes on which disputes depend."""
    state: list[object] = [task.version, *store.records.version()]
    if sources:
        state += [store.votes.table.version() if store.votes.table.exists else 0]
        state += [len(store.exams.of_task(task.task_id))]
        state += [s["label_source_id"] for s in store.tasks.label_sources(task.task_id)]
    return tuple(state)


def _by_record(
    store: Store, task: Task, *, sources: bool, record_ids: Sequence[str] | None = None
) -> dict[str, list[DisputedField]]:
    """Disputed fields by record, the longest waiting first; of some records, or of all."""
    ids = record_ids if sources or record_ids is not None else store.person_votes.disagreeing(task.task_id)
    if ids is not None and not ids:
        return {}
    few = list(ids) if ids is not None and len(ids) <= _FEW else None
    rows = store.person_votes.people(task.task_id, few)
    said: dict[str, list[dict[str, Answer]]] = {}
    settled: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        fields = present(task.fields, msgspec.json.decode(row["value"])["fields"])
        if row["settles"]:
            settled[row["record_id"]] |= fields.keys()
        else:
            said.setdefault(row["record_id"], []).append(fields)
    wanted = frozenset(said if ids is None else ids)
    waiting = current(store, [i for i in said if i in wanted])
    found = {i: some for i in waiting if (some := _among_people(task, i, said[i], settled[i]))}
    if sources:
        known = {(d.record_id, d.field_id) for some in found.values() for d in some}
        exam = set(store.exams.of_task(task.task_id))
        for one in _among_sources(store, task, [i for i in waiting if i not in exam], settled, known):
            found.setdefault(one.record_id, []).append(one)
    return found


def _among_people(
    task: Task, record_id: str, said: Sequence[Mapping[str, Answer]], settled: set[str]
) -> list[DisputedField]:
    found = []
    for one in task.fields:
        answers = [a[one.field_id] for a in said if one.field_id in a]
        if all(a == answers[0] for a in answers):  # to the letter: nearly all of them
            continue
        counted = Counter(meanings_of(one, answers))
        if len(counted) > 1 and one.field_id not in settled:
            weight = 1 - max(counted.values()) / len(answers)
            found.append(DisputedField(record_id, one.field_id, True, weight, len(answers)))
    return found


def _among_sources(
    store: Store, task: Task, record_ids: list[str], settled: Mapping[str, set[str]], known: set[tuple[str, str]]
) -> list[DisputedField]:
    """Fields on which people agree with one another and not with another source."""
    others: list[tuple[str, Field, Answer, list[Answer]]] = []
    for record_id, votes in zip(record_ids, said_of(store, task, pa.array(record_ids, pa.string())), strict=True):
        for one in task.fields:
            if (record_id, one.field_id) in known or one.field_id in settled[record_id]:
                continue
            spoke = [(s.is_person, present([one], s.fields)) for s in votes if one.field_id in s.fields]
            people = [a[one.field_id] for is_person, a in spoke if is_person and a]
            rest = [a[one.field_id] for is_person, a in spoke if not is_person and a]
            if people and rest and len(set(meanings_of(one, [people[0], *rest]))) > 1:
                others.append((record_id, one, people[0], rest))
    # Most differ to the letter only, if they do; texts are read of those alone.
    texts = store.records.texts([i for i, one, _, _ in others if one.type in _MARKED])
    found = []
    for record_id, one, people, rest in others:
        text = texts.get(record_id) if one.type in _MARKED else None
        mine, *means = meanings_of(one, [people, *rest], text)
        against = sum(m != mine for m in means)
        if against:
            found.append(DisputedField(record_id, one.field_id, False, against / len(rest), len(rest)))
    return found


def _in_order(found: Mapping[str, Sequence[DisputedField]]) -> list[DisputedField]:
    """The worst first, the other fields of its record behind it; of equals the longest waiting."""

    def badness(one: DisputedField) -> tuple[bool, float, int]:
        return not one.among_people, -one.weight, -one.n_voices

    records = [sorted(some, key=badness) for some in found.values()]
    return [one for some in sorted(records, key=lambda some: badness(some[0])) for one in some]


def disputes(store: Store, task: Task, wanted: Sequence[tuple[str, str]], texts: Mapping[str, str]) -> list[Dispute]:
    """What is said of a few fields, side by side.

    Nobody but people is quoted on a record that is part of an exam: the answer shall be a person's own.

    Args:
        store: the workspace.
        task: whose answer is an object.
        wanted: record id and field id of each.
        texts: of these records, by id; a record without one is left out.

    Example:
        >>> disputes(store, task, [(record_id, "f_1")], texts)[0].sides[0].who  # doctest: +SKIP
        ('Anna', 'Ben')
    """
    ids = list(dict.fromkeys(i for i, _ in wanted if i in texts))
    people = store.person_votes.people(task.task_id, ids)
    exam = set(store.exams.of_task(task.task_id))
    heard = answers_heard(store, task, [i for i in ids if i not in exam])
    bases = store.person_votes.settling(task.task_id, ids)
    own: dict[str, list[tuple[str, dict[str, Any]]]] = defaultdict(list)
    reviews: dict[str, list[tuple[str, dict[str, Any]]]] = defaultdict(list)
    for row in people:
        fields = present(task.fields, msgspec.json.decode(row["value"])["fields"])
        (reviews if row["settles"] else own)[row["record_id"]].append((row["name"], fields))
    by_id = {f.field_id: f for f in task.fields}
    found = []
    for record_id, field_id in wanted:
        if record_id not in texts or field_id not in by_id:
            continue
        voices = [(name, f[field_id], True) for name, f in own[record_id] if field_id in f]
        voices += [(h.who, h.fields[field_id], False) for h in heard.get(record_id, ()) if field_id in h.fields]
        settled = [Side(f[field_id], (name,), 1) for name, f in reviews[record_id] if field_id in f]
        sides = _sides(by_id[field_id], voices, texts[record_id])
        found.append(Dispute(record_id, field_id, sides, settled[-1] if settled else None, bases.get(record_id)))
    return found


def _sides(one: Field, voices: Sequence[tuple[str, Answer, bool]], text: str) -> tuple[Side, ...]:
    means = meanings_of(one, [a for _, a, _ in voices])
    sides: dict[bytes, list[tuple[str, Answer, bool]]] = {}
    by_words: dict[bytes, bytes] = {}
    for voice, mean in zip(voices, means, strict=True):
        words = meaning_of(one, voice[1], text) if one.type in _MARKED else mean
        key = mean if voice[2] or mean in sides else by_words.get(words, mean)
        by_words.setdefault(words, key)
        sides.setdefault(key, []).append(voice)
    told = [
        Side(fullest([a for _, a, _ in some]), tuple(w for w, _, _ in some), sum(p for _, _, p in some))
        for some in sides.values()
    ]
    return tuple(sorted(told, key=lambda s: (-s.n_people, -len(s.who))))
