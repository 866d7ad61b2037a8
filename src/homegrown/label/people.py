"""How far people agree, and how often each is right, from what they said of the same records."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from homegrown.core.models import OUT_OF_SCOPE
from homegrown.core.tasks import TaskKind
from homegrown.label.aggregate import CONFUSION, MAJORITY, aggregate
from homegrown.label.confusion import MAX_PARAMETERS
from homegrown.label.matrix import VoteMatrix
from homegrown.metrics.agreement import Agreement, alpha, alpha_of_class

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from homegrown.core.tasks import Task
    from homegrown.store import Store

NONE = "none of these"
MOST_CONFUSIONS = 3
LEAST_EXPECTED = 1.0


@dataclass(frozen=True, slots=True)
class PersonVote:
    """What one person says of one record now."""

    record_id: str
    actor_id: str
    value: dict[str, Any]
    settles: bool = False


@dataclass(frozen=True, slots=True)
class Confusion:
    """Of the records that seem to be *truth*, a person calls the *share* (of about *n*) *said* instead."""

    truth: str
    said: str
    share: float
    n: float


@dataclass(frozen=True, slots=True)
class PersonReport:
    """One person's work.

    Attributes:
        accuracy: share of their votes that are right; None where nothing tells.
        ci95: of the accuracy.
        is_measured: counted on records that a reviewer settled; otherwise estimated from what others said.
        confusions: what they take for what, most often first.
    """

    actor_id: str
    n_votes: int
    accuracy: float | None
    ci95: tuple[float, float]
    is_measured: bool
    confusions: tuple[Confusion, ...]


@dataclass(frozen=True, slots=True)
class FieldAgreement:
    """How far people agree on one field of an object.

    Attributes:
        measure: ``alpha``, or ``u-alpha`` of spans.
        f1: of spans, the mean over each two people; None where there is nothing to compare.
    """

    name: str
    measure: str
    agreement: Agreement
    f1: float | None = None


@dataclass(frozen=True, slots=True)
class PeopleReport:
    """Agreement on a task.

    Attributes:
        alpha: Krippendorff's, over all people and records that two or more answered.
        by_class: for each class that somebody named, of the question whether a record is of it.
        by_pair: of each two people who share records.
        people: in the order of their ids.
        by_field: where the answer is an object; there are no classes then.
    """

    alpha: Agreement
    by_class: tuple[tuple[str, Agreement], ...]
    by_pair: tuple[tuple[str, str, Agreement], ...]
    people: tuple[PersonReport, ...]
    by_field: tuple[FieldAgreement, ...] = ()


def people_report(task: Task, votes: Sequence[PersonVote]) -> PeopleReport:
    """Measure how far people agree and what each of them confuses.

    Agreement is Krippendorff's alpha (see ``metrics.agreement``), on people's own votes; a reviewer's word is no vote
    of the crowd. Accuracy and confusion come from the model of who is right (see ``label.aggregate``), which what
    reviewers settled teaches: without it nothing is needed but that people share records. In a task of many classes
    each set of classes is an answer of its own for the agreement over all, and no confusion is estimated. Votes count
    for what they mean now; those for a class that is gone, or was split since, for nothing.

    Example:
        >>> report = people_report(task, votes)  # doctest: +SKIP
        >>> report.alpha.value, report.people[0].accuracy  # doctest: +SKIP
        (0.71, 0.93)
    """
    now = task.meanings()
    own = [v for v in votes if not v.settles]
    records = {r: i for i, r in enumerate(sorted({v.record_id for v in own}))}
    people = {p: i for i, p in enumerate(sorted({v.actor_id for v in own}))}
    heard = [(v, ids) for v in own if (ids := _said(now, v.value)) is not None]
    row = np.array([records[v.record_id] for v, _ in heard], int)
    who = np.array([people[v.actor_id] for v, _ in heard], int)
    if task.kind is TaskKind.CLASSES:
        found = tuple(PersonReport(p, int((who == i).sum()), None, (0.0, 1.0), False, ()) for p, i in people.items())
        sets = [ids for _, ids in heard]
        number = {ids: i for i, ids in enumerate(sorted(set(sets)))}
        said = np.array([number[ids] for ids in sets], int)
        return PeopleReport(_alpha(row, said, len(records), len(number)), _binary(task, sets, row, len(records)),
                            _pairs(row, who, said, list(people), len(number)), found)  # fmt: skip
    place = {c: i for i, c in enumerate((*task.class_ids, OUT_OF_SCOPE))}
    said = np.array([place[ids[0]] for _, ids in heard], int)
    counts = _counts(row, said, len(records), len(place))
    names = (*task.class_names, NONE)
    by_class = tuple((names[k], alpha_of_class(counts, k)) for k in range(len(place)) if counts[:, k].any())
    gold = np.full(len(records), -1)
    for vote in votes:
        if vote.settles and vote.record_id in records and (ids := _said(now, vote.value)):
            gold[records[vote.record_id]] = place[ids[0]]
    reports = _reports(VoteMatrix.of(row, who, said, n_records=len(records), n_sources=len(people),
                                     n_classes=len(place)), gold, list(people), names)  # fmt: skip
    return PeopleReport(alpha(counts), by_class, _pairs(row, who, said, list(people), len(place)), reports)


def disputed(store: Store, task: Task) -> list[str]:
    """Current records on which people disagree and which no reviewer settled, the longest waiting first.

    What counts is what a vote means now: two classes that were merged since are no disagreement, and what a reviewer
    settled as a class that was split since comes before all, since nobody else can say which part it is.
    """
    found = current(store, store.person_votes.differing(task.task_id))
    if not task.moved:
        return found
    reopened = current(store, store.person_votes.settled_as(task.task_id, split_values(store, task)))
    if not found:
        return reopened
    now, said = task.meanings(), dict[str, list[dict[str, Any]]]()
    for vote in store.person_votes.people(task.task_id):
        said.setdefault(vote["record_id"], []).append(msgspec.json.decode(vote["value"]))
    differ = [record_id for record_id in found if _differ(task, now, said.get(record_id, []))]
    return list(dict.fromkeys([*reopened, *differ]))


def split_values(store: Store, task: Task) -> frozenset[str]:
    """Values (JSON) of people's votes that stand and that leave open which part of a split class is meant."""
    meanings = task.meanings()
    if all(len(ids) < 2 for ids in meanings.values()):
        return frozenset()
    said = (value for n, value in store.person_votes.said(task.task_id) if n)
    return frozenset(v for v in said if task.split_in(msgspec.json.decode(v), meanings) is not None)


def current(store: Store, record_ids: list[str]) -> list[str]:
    """Those of some records that a newest version of their source holds, in their order."""
    ids = pa.array(record_ids, pa.string())
    return ids.filter(pc.invert(pc.is_in(ids, value_set=store.records.retired_ids()))).to_pylist()


def _differ(task: Task, now: Mapping[str, tuple[str, ...]], values: Sequence[Mapping[str, Any]]) -> bool:
    if task.kind is TaskKind.CLASSES:
        return len({ids for value in values if (ids := _said(now, value)) is not None}) > 1
    choices = [set(ids) for value in values if (ids := now.get(value["class"]))]
    return bool(choices) and not set.intersection(*choices)


def _said(now: Mapping[str, tuple[str, ...]], value: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The classes that a vote surely means; None where all that it names is gone, or was split since."""
    named = value.get("classes", [value.get("class")])
    sure = {ids[0] for one in named if len(ids := now.get(one, ())) == 1}
    return tuple(sorted(sure)) if sure or not named else None


def _counts(row: np.ndarray, said: np.ndarray, n_records: int, n_classes: int) -> np.ndarray:
    counts = np.zeros((n_records, n_classes))
    np.add.at(counts, (row, said), 1)
    return counts


def _alpha(row: np.ndarray, said: np.ndarray, n_records: int, n_classes: int) -> Agreement:
    return alpha(_counts(row, said, n_records, n_classes))


def _pairs(
    row: np.ndarray, who: np.ndarray, said: np.ndarray, people: list[str], n_classes: int
) -> tuple[tuple[str, str, Agreement], ...]:
    found = []
    for one, other in combinations(range(len(people)), 2):
        these = (who == one) | (who == other)
        shared, place = np.unique(row[these], return_inverse=True)
        agreement = _alpha(place, said[these], len(shared), n_classes)
        if agreement.n:
            found.append((people[one], people[other], agreement))
    return tuple(found)


def _binary(
    task: Task, sets: Sequence[tuple[str, ...]], row: np.ndarray, n_records: int
) -> tuple[tuple[str, Agreement], ...]:
    found = []
    for one in task.classes:
        named = np.array([int(one.class_id in ids) for ids in sets], int)
        if named.any():
            found.append((one.name, _alpha(row, named, n_records, 2)))
    return tuple(found)


def _reports(
    votes: VoteMatrix, gold: np.ndarray, people: list[str], names: tuple[str, ...]
) -> tuple[PersonReport, ...]:
    n_votes = np.bincount(votes.source, minlength=len(people))
    is_told = (gold >= 0).any() or (votes.votes_per_record > 1).any()
    if not is_told or len(np.unique(votes.value)) < 2:  # nothing tells who is right
        return tuple(PersonReport(p, int(n), None, (0.0, 1.0), False, ()) for p, n in zip(people, n_votes, strict=True))
    is_large = votes.n_sources * votes.n_classes**2 * 2 > MAX_PARAMETERS
    done = aggregate(votes, gold=gold if (gold >= 0).any() else None, method=MAJORITY if is_large else CONFUSION)
    found = []
    on_gold = np.bincount(votes.source[gold[votes.record] >= 0], minlength=len(people))
    for number, actor_id in enumerate(people):
        accuracy = float(done.sources.accuracy[number])
        within = (float(done.sources.low[number]), float(done.sources.high[number]))
        table = np.zeros((votes.n_classes, votes.n_classes))
        mine = votes.source == number
        np.add.at(table.T, votes.value[mine], done.probs[votes.record[mine]])
        shown = None if np.isnan(accuracy) or within == (0.0, 1.0) else accuracy
        found.append(
            PersonReport(
                actor_id, int(n_votes[number]), shown, within, bool(on_gold[number]), _confusions(table, names)
            )
        )
    return tuple(found)


def _confusions(table: np.ndarray, names: tuple[str, ...]) -> tuple[Confusion, ...]:
    """The largest wrong cells of expected counts [truth, said]."""
    total = table.sum(1)
    wrong = np.where(np.eye(len(table), dtype=bool), 0, table)
    order = np.argsort(-wrong, axis=None)[:MOST_CONFUSIONS]
    cells = [np.unravel_index(k, wrong.shape) for k in order]
    return tuple(
        Confusion(names[t], names[s], float(table[t, s] / total[t]), float(total[t]))
        for t, s in cells
        if table[t, s] >= LEAST_EXPECTED
    )
