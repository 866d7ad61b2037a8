"""How far people agree on the fields of objects, and how often each is right where a reviewer settled it."""

from __future__ import annotations

import zlib
from collections import defaultdict
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from homegrown.core.said import Answer, meaning_of
from homegrown.core.schema import Field, FieldType
from homegrown.core.spans import Span
from homegrown.label.people import FieldAgreement, PeopleReport, PersonReport
from homegrown.metrics.agreement import Agreement, alpha
from homegrown.metrics.intervals import wilson
from homegrown.metrics.span_agreement import pairwise_f1, unitizing_alpha

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from homegrown.core.tasks import Task

#: different answers fall into so many kinds: which of thousands of values one said hardly tells by chance
KINDS = 509


class ObjectVote(NamedTuple):
    """What one person says of one record now."""

    record_id: str
    actor_id: str
    fields: Mapping[str, Answer]
    settles: bool = False


def objects_report(task: Task, votes: Sequence[ObjectVote], lengths: Mapping[str, int]) -> PeopleReport:
    """Measure how far people agree, field by field.

    Of spans agreement is Krippendorff's unitizing alpha (``metrics.span_agreement``) and the F1 of each two people; of
    all other fields it is alpha of what was said, that it is not there included. Over all it is alpha of whole answers:
    of those fields that all who answered a record looked at. A person is right as often as their fields are those that
    a reviewer settled.

    Args:
        task: whose answer is an object.
        votes: that stand; a reviewer's are no votes of the crowd.
        lengths: of the records' texts in code points, by id.

    Example:
        >>> report = objects_report(task, votes, lengths)  # doctest: +SKIP
        >>> [(f.name, f.agreement.value, f.f1) for f in report.by_field]  # doctest: +SKIP
        [('company', 0.81, 0.86), ('total', 0.93, None)]
    """
    own = [v for v in votes if not v.settles]
    by_record: dict[str, list[ObjectVote]] = defaultdict(list)
    for vote in own:
        by_record[vote.record_id].append(vote)
    fields = tuple(
        found
        for f in task.fields
        if any(f.field_id in v.fields for v in own) and (found := _field(f, by_record, lengths))
    )
    people = sorted({v.actor_id for v in own})
    pairs = []
    for one, other in combinations(people, 2):
        shared = [mine for r in by_record.values() if len(mine := [v for v in r if v.actor_id in (one, other)]) > 1]
        if (found := _alpha(_wholes(task, shared))).n:
            pairs.append((one, other, found))
    settled = {v.record_id: v.fields for v in votes if v.settles}
    persons = tuple(_person(task, p, [v for v in own if v.actor_id == p], settled) for p in people)
    return PeopleReport(_alpha(_wholes(task, by_record.values())), (), tuple(pairs), persons, fields)


def _field(one: Field, by_record: Mapping[str, Sequence[ObjectVote]], lengths: Mapping[str, int]) -> FieldAgreement:
    looked = {r: [v for v in votes if one.field_id in v.fields] for r, votes in by_record.items()}
    if one.type is not FieldType.SPAN:
        said = ([meaning_of(one, v.fields[one.field_id]) for v in votes] for votes in looked.values())
        return FieldAgreement(one.name, "alpha", _alpha(said))
    some = [r for r, votes in looked.items() if votes]
    documents = [{v.actor_id: _spans(one, v.fields[one.field_id]) for v in looked[r]} for r in some]
    scores = [(p.n_docs, p.scores.micro.f1) for p in pairwise_f1(documents)]
    scores = [(n, f1) for n, f1 in scores if not np.isnan(f1)]
    f1 = sum(n * f for n, f in scores) / sum(n for n, _ in scores) if scores else None
    return FieldAgreement(one.name, "u-alpha", unitizing_alpha(documents, [lengths.get(r, 0) for r in some]), f1)


def _spans(one: Field, answer: Answer) -> list[Span]:
    return [Span(s[0], s[1], one.field_id) for s in (answer or {}).get("spans", ())]


def _wholes(task: Task, records: Iterable[Sequence[ObjectVote]]) -> Iterable[list[bytes]]:
    """What each said of a record as a whole, of the fields that all of them looked at."""
    for votes in records:
        shared = [f for f in task.fields if all(f.field_id in v.fields for v in votes)]
        if shared:
            yield [b"\0".join(meaning_of(f, v.fields[f.field_id]) for f in shared) for v in votes]


def _alpha(said: Iterable[list[bytes]]) -> Agreement:
    rows = [votes for votes in said if len(votes) > 1]
    names = sorted({one for votes in rows for one in votes})
    kind = {one: i if len(names) <= KINDS else zlib.crc32(one) % KINDS for i, one in enumerate(names)}
    counts = np.zeros((len(rows), min(len(names), KINDS) or 1))
    for i, votes in enumerate(rows):
        np.add.at(counts[i], [kind[v] for v in votes], 1)
    return alpha(counts)


def _person(
    task: Task, actor_id: str, votes: Sequence[ObjectVote], settled: Mapping[str, Mapping[str, Answer]]
) -> PersonReport:
    right = n = 0
    for vote in votes:
        truth = settled.get(vote.record_id, {})
        for one in task.fields:
            if one.field_id in truth and one.field_id in vote.fields:
                n += 1
                right += meaning_of(one, truth[one.field_id]) == meaning_of(one, vote.fields[one.field_id])
    if not n:
        return PersonReport(actor_id, len(votes), None, (0.0, 1.0), False, ())
    return PersonReport(actor_id, len(votes), right / n, wilson(right, n), True, ())
