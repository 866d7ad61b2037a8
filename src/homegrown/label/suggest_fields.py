"""What the fields of a record may hold, and why one thinks so: for who labels it, as a suggestion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from homegrown.core.schema import Field, FieldType
from homegrown.label.suggest import WHO
from homegrown.store.lance_tables import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from homegrown.core.models import ObjectAnswer
    from homegrown.core.tasks import Task
    from homegrown.store import Store


MOST_SURE = 0.99


@dataclass(frozen=True, slots=True)
class FieldSuggestion:
    """What one field may hold.

    Attributes:
        answer: as ``core.schema`` has it; None: it is not in the text.
        share: how sure that is, 0 to 1.
        why: in words.
    """

    field_id: str
    answer: dict[str, Any] | None
    share: float
    why: str


@dataclass(frozen=True, slots=True)
class HeardAnswer:
    """What one source says of a record: *who* in words, and field id → answer, of fields that are there."""

    who: str
    fields: dict[str, Any]


def answers_heard(store: Store, task: Task, record_ids: Sequence[str]) -> dict[str, list[HeardAnswer]]:
    """What rules, models and imports say of a few records; only of each source's newest version."""
    if not store.votes.table.exists or not record_ids:
        return {}
    sources = {s["label_source_id"]: s for s in store.tasks.label_sources(task.task_id)}
    where = f"record_id IN {quoted(record_ids)} AND value IS NOT NULL"
    found: dict[str, list[HeardAnswer]] = {}
    for row in store.votes.table.scan(["record_id", "label_source_id", "value"], where=where).to_pylist():
        source = sources.get(row["label_source_id"])
        if source is not None and source["kind"] in WHO:
            said = present(task.fields, msgspec.json.decode(row["value"]).get("fields", {}))
            found.setdefault(row["record_id"], []).append(HeardAnswer(WHO[source["kind"]].format(source["name"]), said))
    return found


def present(fields: Sequence[Field], said: Mapping[str, Any]) -> dict[str, Any]:
    """Of what was said, what still can be: of fields and choices that the task has now.

    Example:
        >>> present([Field("f_1", "day", FieldType.DATE)], {"f_1": None, "f_gone": {"value": "1"}})
        {'f_1': None}
    """
    found: dict[str, Any] = {}
    for one in fields:
        if one.field_id not in said:
            continue
        answer = said[one.field_id]
        if answer is not None and one.type is FieldType.CHOICE:
            kept = [c.class_id for c in one.choices if c.class_id in answer.get("choices", ())]
            if not kept:
                continue
            answer = {**answer, "choices": kept}
        if answer is not None and one.type is FieldType.LIST:
            answer = {"items": [present(one.fields, item) for item in answer["items"]]}
        found[one.field_id] = answer
    return found


def from_model(fields: Sequence[Field], name: str, said: ObjectAnswer) -> list[FieldSuggestion]:
    """A model's answer, field by field.

    Example:
        >>> from homegrown.core.models import FieldAnswer, ObjectAnswer
        >>> said = ObjectAnswer({"f_1": FieldAnswer({"value": "2026-01-02"}, 0.9)})
        >>> from_model([Field("f_1", "day", FieldType.DATE)], "receipt@1", said)[0].why
        'receipt@1 is 90% sure'
    """
    answers = present(fields, {field_id: a.answer for field_id, a in said.fields.items()})
    return [
        FieldSuggestion(i, answer, prob := said.fields[i].prob, f"{name} is {_percent(prob)} sure")
        for i, answer in answers.items()
    ]


def _percent(prob: float) -> str:
    """Never all of it: a model is not sure."""
    return "more than 99%" if prob > MOST_SURE else f"{prob:.0%}"
