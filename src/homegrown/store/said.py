"""What everybody says of records whose answer is an object, as it counts now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from homegrown.core.said import Answer, Said
from homegrown.core.tasks import LabelSourceKind
from homegrown.store.meaning import places

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from homegrown.core.tasks import Task
    from homegrown.store import Store


def said_of(store: Store, task: Task, record_ids: pa.Array, *, exclude_terms: Sequence[str] = ()) -> list[list[Said]]:
    """What everybody says of each of *record_ids* that counts: other sources first, then people, the oldest first.

    The newest version of each source counts, unless its terms are of *exclude_terms*. Of a field that a reviewer
    settled, of people theirs alone. Answers to fields that are gone do not count.

    Example:
        >>> said_of(ws.store, task, record_ids)[0][0].fields  # doctest: +SKIP
        {'f_1': {'value': '2026-11-25'}}
    """
    newest = store.tasks.label_sources(task.task_id)
    kinds = {s["label_source_id"]: s["kind"] for s in newest if s["config"].get("terms", "") not in exclude_terms}
    votes = store.votes.of_task(task.task_id)
    current = pc.is_in(votes["label_source_id"], value_set=pa.array(list(kinds), pa.string()))
    bulk = votes.filter(pc.and_(current, pc.is_valid(votes["value"])))
    said: list[list[Said]] = [[] for _ in range(len(record_ids))]
    known = {f.field_id for f in task.fields}

    def of(value: str) -> dict[str, Answer]:
        return {i: a for i, a in msgspec.json.decode(value)["fields"].items() if i in known}

    rows = places(bulk["record_id"], record_ids).tolist()
    for i, source, value in zip(rows, bulk["label_source_id"].to_pylist(), bulk["value"].to_pylist(), strict=True):
        if i >= 0:
            said[i].append(Said(source, of(value), is_rule=kinds[source] == LabelSourceKind.RULE.value))
    people = store.person_votes.people(task.task_id)
    rows = places(pa.array([v["record_id"] for v in people], pa.string()), record_ids).tolist()
    here = [(i, v["actor_id"], v["settles"], of(v["value"])) for i, v in zip(rows, people, strict=True) if i >= 0]
    left = without_settled([(i, settles, fields) for i, _, settles, fields in here])
    for (i, actor_id, _, _), fields in zip(here, left, strict=True):
        if fields:
            said[i].append(Said(actor_id, fields, is_person=True))
    return said


def without_settled(people: Sequence[tuple[Hashable, bool, Mapping[str, Answer]]]) -> list[dict[str, Answer]]:
    """What counts of what people say of the fields of records: of a field that a reviewer settled, theirs alone.

    Args:
        people: of each vote its record, whether a reviewer settles by it, and its answers by field id.

    Example:
        >>> without_settled([("r", False, {"f_1": None, "f_2": None}), ("r", True, {"f_1": {"value": "2"}})])
        [{'f_2': None}, {'f_1': {'value': '2'}}]
    """
    settled: dict[Hashable, set[str]] = {}
    for record, settles, fields in people:
        if settles:
            settled.setdefault(record, set()).update(fields)
    return [
        {i: a for i, a in fields.items() if settles or i not in settled.get(record, ())}
        for record, settles, fields in people
    ]
