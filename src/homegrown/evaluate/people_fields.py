"""What people say of the fields of records: their word is gold, a model's vote is a guess."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa

from homegrown.core.said import meaning_of
from homegrown.core.tasks import LabelSourceKind
from homegrown.store.said import said_of, without_settled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from homegrown.core.said import Answer
    from homegrown.core.schema import Field
    from homegrown.core.tasks import Task
    from homegrown.store import Store

_PIECE = 200
_GUESS = (LabelSourceKind.RULE, LabelSourceKind.MODEL)


class Settled(NamedTuple):
    """What people say of one record, by field id.

    Attributes:
        fields: what is settled; None: it is not there.
        open: fields of which as many people say one thing as another.
    """

    fields: dict[str, Answer]
    open: frozenset[str]


def settled_fields(store: Store, task_id: str, fields: Sequence[Field], texts: Mapping[str, str]) -> dict[str, Settled]:
    """What people settled of records, by record; those of which nobody said anything are missing.

    Of a field that a reviewer settled a reviewer's word counts, else what most say who looked at it. What means the
    same is the same; where as many say one thing as another the field is open.

    Args:
        store: the workspace.
        task_id: of the task.
        fields: those that count.
        texts: by record id.
    """
    votes: dict[str, list[tuple[bool, dict[str, Answer]]]] = defaultdict(list)
    ids = list(texts)
    for start in range(0, len(ids), _PIECE):
        for row in store.person_votes.people(task_id, ids[start : start + _PIECE]):
            votes[row["record_id"]].append((row["settles"], msgspec.json.decode(row["value"])["fields"]))
    found = {}
    for record_id, some in votes.items():
        said = without_settled([(record_id, settles, fields) for settles, fields in some])
        told: dict[str, Answer] = {}
        left_open = set()
        for one in fields:
            answers = [a[one.field_id] for a in said if one.field_id in a]
            meant = [meaning_of(one, answer, texts[record_id]) for answer in answers]
            (best, n), *others = Counter(meant).most_common(2) or [(b"", 0)]
            if others and others[0][1] == n:
                left_open.add(one.field_id)
            elif n:
                told[one.field_id] = answers[meant.index(best)]
        found[record_id] = Settled(told, frozenset(left_open))
    return found


def vouched_fields(
    store: Store, task: Task, fields: Sequence[Field], record_ids: Sequence[str], people: Mapping[str, Settled]
) -> np.ndarray:
    """Which labels somebody vouched for, bool [n_fields, n]: people who settled the field, or a file that says it.

    Where no rule and no model votes on the task, all were given by somebody.
    """
    kinds = {s["label_source_id"]: s["kind"] for s in store.tasks.label_sources(task.task_id)}
    if not any(kind in _GUESS for kind in kinds.values()):
        return np.ones((len(fields), len(record_ids)), bool)
    found = np.zeros((len(fields), len(record_ids)), bool)
    for j, (record_id, said) in enumerate(
        zip(record_ids, said_of(store, task, pa.array(record_ids, pa.string())), strict=True)
    ):
        given = {i for s in said if not s.is_person and kinds.get(s.source) not in _GUESS for i in s.fields}
        if record_id in people:
            given = (given | set(people[record_id].fields)) - people[record_id].open
        found[:, j] = [f.field_id in given for f in fields]
    return found
