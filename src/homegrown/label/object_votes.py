"""Votes on the fields of objects → answers with their probability, by the quality of their sources.

Each field is a question of its own: of closed ones the classes' model of who is right decides (``label.aggregate``), of
values, and of one span, that for an open set (``label.value_model``), of several spans that for spans
(``label.spans.aggregate``). What people agree on is true, and teaches how good the others are. A field about which at
most one source speaks of each record is left to whoever counts.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from homegrown.core.said import Answer, Said, fullest, heard_of, meaning_of, meanings_of
from homegrown.core.schema import Field, FieldType
from homegrown.core.spans import Span
from homegrown.label.aggregate import join_votes
from homegrown.label.spans.aggregate import aggregate_spans
from homegrown.label.spans.votes import SpanVote
from homegrown.label.value_model import fit_values

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: by number of the record: an answer and how probable it is
Joined = dict[int, tuple[Answer, float]]
_HALF = 0.5


def join_objects(fields: Sequence[Field], said: Sequence[Sequence[Said]]) -> dict[str, Joined]:
    """Join what several sources say of each record.

    Args:
        fields: of the task.
        said: the opinions on each of n records, those that count: of a field that reviewers settled theirs alone.

    Returns:
        By field id, where sources spoke together: the answers to the records of which several spoke.

    Example:
        >>> day = Field("f_1", "day", FieldType.DATE)
        >>> say = lambda *days: [Said(s, {"f_1": {"value": f"2026-01-0{d}"}}) for s, d in zip("abc", days)]
        >>> join_objects([day], [say(1, 1, 2), say(3, 3, 3), say(4, 4, 5)])["f_1"][0][0]
        {'value': '2026-01-01'}
    """
    found: dict[str, Joined] = {}
    spans = [f for f in fields if f.type is FieldType.SPAN and f.takes_many and _is_shared(f, said)]
    if spans:
        found |= _spans(spans, said)
    for one in fields:
        how = None if one in spans else _HOW.get(one.type)
        if how is not None and _is_shared(one, said) and (done := how(one, said)):
            found[one.field_id] = done
    return found


def _is_shared(one: Field, said: Sequence[Sequence[Said]]) -> bool:
    return any(len({s.source for s in votes if one.field_id in s.fields}) > 1 for votes in said)


def _settled(one: Field, votes: Sequence[Said]) -> tuple[bool, Answer]:
    """Whether people spoke of a field and agree, and on what."""
    people = [s.fields[one.field_id] for s in votes if s.is_person and one.field_id in s.fields]
    agrees = bool(people) and len({meaning_of(one, a) for a in people}) == 1
    return agrees, people[0] if agrees else None


def _others(one: Field, votes: Sequence[Said]) -> list[Said]:
    return [s for s in votes if not s.is_person and one.field_id in s.fields]


def _waiting(one: Field, said: Sequence[Sequence[Said]]) -> list[int]:
    """Records that several sources and no person spoke of: people are counted among themselves."""
    spoken = (any(s.is_person and one.field_id in s.fields for s in votes) for votes in said)
    return [i for i, is_spoken in enumerate(spoken) if not is_spoken and len(_others(one, said[i])) > 1]


def _closed(one: Field, said: Sequence[Sequence[Said]]) -> Joined:
    """A choice of one, or a boolean: classes, and one for "it is not there" where anybody says so."""
    if one.type is FieldType.CHOICE and one.takes_many:
        return _choices(one, said)
    keys = [c.class_id for c in one.choices] if one.type is FieldType.CHOICE else [False, True]
    place: dict[object, int] = {k: i for i, k in enumerate(keys)}

    def number(answer: Answer) -> int:
        if answer is None:
            return len(place)
        # An answer that only a former schema had counts for nothing.
        key = answer["choices"][0] if answer.get("choices") else answer.get("value")
        return place.get(key, -1)

    some_none = any(s.fields.get(one.field_id, "") is None for votes in said for s in votes)
    probs = _by_classes(one, said, number, len(place) + some_none)
    found: Joined = {}
    for i in _waiting(one, said):
        answers: dict[int, list[Answer]] = {}
        for s in _others(one, said[i]):
            if (k := number(s.fields[one.field_id])) >= 0:
                answers.setdefault(k, []).append(s.fields[one.field_id])
        if i in probs and answers:
            best = max(sorted(answers), key=lambda k: probs[i][k])  # only what somebody said
            found[i] = fullest(answers[best]), float(probs[i][best])
    return found


def _choices(one: Field, said: Sequence[Sequence[Said]]) -> Joined:
    """Several choices: each of them is a question of its own."""
    by_choice = {
        c.class_id: _by_classes(one, said, lambda a, c=c: int(c.class_id in (a or {}).get("choices", ())), 2)
        for c in one.choices
    }
    found: Joined = {}
    for i in _waiting(one, said):
        probs = {c: by_choice[c][i][1] for c in by_choice if i in by_choice[c]}
        if len(probs) == len(by_choice):
            chosen = [c for c, p in probs.items() if p >= _HALF]
            sure = min((max(p, 1 - p) for p in probs.values()), default=1.0)
            found[i] = ({"choices": chosen} if chosen else None), float(sure)
    return found


def _by_classes(
    one: Field, said: Sequence[Sequence[Said]], number: Callable[[Answer], int], n_classes: int
) -> dict[int, np.ndarray]:
    """Probabilities float [n_classes] by record, of those that sources other than people spoke of."""
    names: dict[str, int] = {}
    record, source, value = [], [], []
    rows, gold = list[int](), list[int]()
    for i, votes in enumerate(said):
        others = [(s, k) for s in _others(one, votes) if (k := number(s.fields[one.field_id])) >= 0]
        for s, k in others:
            record.append(len(rows))
            source.append(names.setdefault(s.source, len(names)))
            value.append(k)
        if others:
            agrees, truth = _settled(one, votes)
            gold.append(number(truth) if agrees else -1)
            rows.append(i)
    if len(names) < 2 or n_classes < 2:
        return {}
    votes = (np.array(record), np.array(source), np.array(value))
    probs = join_votes(*votes, (len(rows), len(names), n_classes), np.array(gold))
    return dict(zip(rows, probs, strict=True))


def _values(one: Field, said: Sequence[Sequence[Said]]) -> Joined:
    """A number, a date, an amount, or one span."""
    names: dict[str, int] = {}
    rows, record, keys = list[int](), list[int](), list[bytes]()
    vote, source, gold = list[int](), list[int](), list[int]()
    none = meaning_of(one, None)
    for i, votes in enumerate(said):
        others = _others(one, votes)
        if not others:
            continue
        agrees, truth = _settled(one, votes)
        means = meanings_of(one, [s.fields[one.field_id] for s in others])
        mine: list[bytes] = list(dict.fromkeys([none, *means, *([meaning_of(one, truth)] if agrees else [])]))
        start = len(keys)
        vote += [start + mine.index(m) for m in means]
        source += [names.setdefault(s.source, len(names)) for s in others]
        if agrees:
            gold.append(start + mine.index(meaning_of(one, truth)))
        keys += mine
        record += [len(rows)] * len(mine)
        rows.append(i)
    if len(names) < 2 or (len(names) < 3 and not gold):
        return {}  # two sources alone cannot be told apart
    is_none = np.array([k == none for k in keys])
    done = fit_values(np.array(record), is_none, np.array(vote), np.array(source), len(names), np.array(gold, int))
    by_row: dict[int, dict[bytes, float]] = {}
    for r, k, p in zip(record, list[bytes](keys), done.prob.tolist(), strict=True):
        by_row.setdefault(rows[r], {})[k] = p
    found: Joined = {}
    for i in _waiting(one, said):
        answers = [s.fields[one.field_id] for s in _others(one, said[i])]
        means = meanings_of(one, answers)
        # Only what somebody said; of equals the most said, then the first in order.
        times = Counter(means)
        best = max(sorted(times), key=lambda k: (round(by_row[i][k], 9), times[k]))
        found[i] = fullest([a for a, m in zip(answers, means, strict=True) if m == best]), by_row[i][best]
    return found


def _spans(fields: Sequence[Field], said: Sequence[Sequence[Said]]) -> dict[str, Joined]:
    """Several spans per field; fields may overlap, spans of one field may not."""
    ids = {f.field_id for f in fields}
    documents = [[_span_vote(s, ids) for s in votes if ids & s.fields.keys()] for votes in said]
    done = aggregate_spans(documents, may_overlap=True)
    found: dict[str, Joined] = {}
    for one in fields:
        mine: Joined = {}
        for i, votes in enumerate(said):
            heard = heard_of(one.field_id, votes)
            if len({s.source for s in heard}) < 2:
                continue
            chosen = [s for s in done.spans[i] if s.type == one.field_id]
            left = [s.prob for s in done.candidates[i] if s.type == one.field_id and s not in chosen]
            sure = min([*(s.prob for s in chosen), *(1 - p for p in left)], default=1.0)
            mine[i] = ({"spans": sorted([s.start, s.end] for s in chosen)} if chosen else None), float(sure)
        found[one.field_id] = mine
    return found


def _span_vote(said: Said, ids: set[str]) -> SpanVote:
    looked = ids & said.fields.keys()
    spans = sorted(Span(s[0], s[1], i) for i in looked for s in (said.fields[i] or {}).get("spans", ()))
    return SpanVote(said.source, tuple(spans), frozenset() if said.is_rule else frozenset(looked), said.is_person)


_HOW = {
    FieldType.CHOICE: _closed,
    FieldType.BOOLEAN: _closed,
    FieldType.NUMBER: _values,
    FieldType.DATE: _values,
    FieldType.MONEY: _values,
    FieldType.SPAN: _values,
}
