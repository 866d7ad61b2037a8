"""Fields as JSON Schema (draft 2020-12), and back: what a team's program expects of an answer, and what it had before.

What goes out is what providers' strict structured outputs take: every property named as required, an optional one
nullable, no further ones. What comes in is more: ``$ref`` within the document, ``anyOf`` with null, ``const``,
as Pydantic and others write them. A string without choices is a span: words of the text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from homegrown.core.choices import TaskClass, new_class_id
from homegrown.core.schema import Field, FieldType, check_fields, new_field_id
from homegrown.errors import InputError

DRAFT = "https://json-schema.org/draft/2020-12/schema"
TYPE = "x-homegrown-type"
"""The keyword that names a field's type where JSON Schema has none of its own: ``span``, ``money``."""
_MOST_DEPTH = 8
_AMOUNT, _CURRENCY = "amount", "currency"


def json_schema(fields: tuple[Field, ...], *, title: str | None = None) -> dict[str, Any]:
    """The JSON Schema of the documents that a task with these fields answers.

    Example:
        >>> json_schema((Field("f_1", "paid", FieldType.BOOLEAN, is_required=True),))["properties"]
        {'paid': {'type': 'boolean'}}
    """
    return {"$schema": DRAFT, **({"title": title} if title else {}), **_object(fields)}


def _object(fields: tuple[Field, ...]) -> dict[str, Any]:
    properties = {f.name: _property(f) for f in fields}
    return {
        "type": "object", "properties": properties, "required": list(properties), "additionalProperties": False,
    }  # fmt: skip


def _property(one: Field) -> dict[str, Any]:
    found = _plain(one)
    if one.takes_many:
        found = {"type": "array", "items": found}
    if found["type"] == "array":  # one that is not there is empty
        found |= {"minItems": 1} if one.is_required else {}
    elif not one.is_required:
        found = _nullable(found)
    return {**found, "description": one.description} if one.description else found


def _plain(one: Field) -> dict[str, Any]:
    match one.type:
        case FieldType.CHOICE:
            return {"type": "string", "enum": [c.name for c in one.choices]}
        case FieldType.DATE:
            return {"type": "string", "format": "date"}
        case FieldType.SPAN:
            return {"type": "string", TYPE: "span"}
        case FieldType.MONEY:
            amount = {_AMOUNT: {"type": "number"}, _CURRENCY: {"type": ["string", "null"]}}
            return {
                "type": "object", "properties": amount, "required": list(amount), "additionalProperties": False,
                TYPE: "money",
            }  # fmt: skip
        case FieldType.LIST:
            return {"type": "array", "items": _object(one.fields)}
        case _:
            return {"type": one.type.value}


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    found = {**schema, "type": [schema["type"], "null"]}
    return {**found, "enum": [*schema["enum"], None]} if "enum" in schema else found


def fields_of(schema: Mapping[str, Any], task_id: str) -> tuple[Field, ...]:
    """The fields that a JSON Schema describes.

    Args:
        schema: of an object.
        task_id: of the task, from which ids are made: the same schema again has the same ids.

    Raises:
        InputError: a part of it has no field here; the sentence names the part.

    Example:
        >>> read = fields_of({"type": "object", "properties": {"day": {"type": "string", "format": "date"}}}, "task_a")
        >>> read[0].name, read[0].type.value, read[0].is_required
        ('day', 'date', False)
    """
    found = _Reading(schema, task_id).object(schema, ())
    return check_fields(found)


class _Reading:
    def __init__(self, root: Mapping[str, Any], task_id: str) -> None:
        self._root, self._task_id = root, task_id

    def object(self, schema: Mapping[str, Any], path: tuple[str, ...]) -> tuple[Field, ...]:
        schema, _ = self._resolved(schema, path)
        properties = schema.get("properties")
        if not isinstance(properties, Mapping) or _types(schema) - {"object"}:
            raise InputError(f"{_said(path)} is no object with properties, and the answer of such a task is one.")
        required = schema.get("required", [])
        needed = {n for n in required if isinstance(n, str)} if isinstance(required, list) else set[str]()
        return tuple(self._field(str(name), part, name in needed, path) for name, part in properties.items())

    def _field(self, name: str, part: Any, is_required: bool, above: tuple[str, ...]) -> Field:
        path = (*above, name)
        schema, may_be_null = self._resolved(part, path)
        described = schema.get("description") or (part.get("description") if isinstance(part, Mapping) else None)
        is_needed = is_required and not may_be_null
        one = Field(
            field_id=new_field_id(self._task_id, *path), name=name, type=FieldType.SPAN, is_required=is_needed,
            description=str(described or "")[:4000],
        )  # fmt: skip
        if _types(schema) == {"array"}:
            return self._array(one, schema, path)
        return self._one(one, schema, path)

    def _array(self, one: Field, schema: Mapping[str, Any], path: tuple[str, ...]) -> Field:
        items, _ = self._resolved(schema.get("items", {}), path)
        at_least = schema.get("minItems")
        one = replace(one, is_required=one.is_required and isinstance(at_least, int) and at_least > 0)
        if _types(items) == {"object"} and _kind(items) is None:
            fields = self.object(items, path)
            return replace(one, type=FieldType.LIST, fields=fields)
        found = self._one(one, items, path)
        if found.type not in (FieldType.CHOICE, FieldType.SPAN):
            raise InputError(
                f"{_said(path)} is an array of {found.type.value}s; make it an array of objects with one field."
            )
        return replace(found, takes_many=True)

    def _one(self, one: Field, schema: Mapping[str, Any], path: tuple[str, ...]) -> Field:
        if (choices := _choices(schema, path)) is not None:
            made = tuple(TaskClass(new_class_id(self._task_id, "/".join((*path, c))), c) for c in choices)
            return replace(one, type=FieldType.CHOICE, choices=made)
        kind = _kind(schema)
        if kind is None:
            types = ", ".join(sorted(_types(schema))) or "anything"
            raise InputError(
                f"{_said(path)} is {types}; a field is a choice (enum), a boolean, number, date, money, string or list "
                "of objects."
            )
        return replace(one, type=kind)

    def _resolved(self, part: Any, path: tuple[str, ...]) -> tuple[Mapping[str, Any], bool]:
        """A part without references and unions with null, and whether it may be null."""
        may_be_null = False
        for _ in range(_MOST_DEPTH):
            if not isinstance(part, Mapping):
                break
            if "$ref" in part:
                part = {**self._referred(part["$ref"], path), **{k: v for k, v in part.items() if k != "$ref"}}
                continue
            union = part.get("anyOf", part.get("oneOf", part.get("allOf")))
            if not isinstance(union, list):
                choices = part.get("enum")
                says_null = "null" in _listed(part) or (isinstance(choices, list) and None in choices)
                return part, may_be_null or says_null
            others = [u for u in union if not (isinstance(u, Mapping) and u.get("type") == "null")]
            may_be_null = may_be_null or len(others) < len(union)
            others = _numbers_alone(others)
            if len(others) != 1 or not isinstance(others[0], Mapping):
                raise InputError(f"{_said(path)} may be several things (anyOf); a field has one type, or null.")
            rest = {k: v for k, v in part.items() if k not in ("anyOf", "oneOf", "allOf")}
            part = {**rest, **others[0]}
        raise InputError(f"{_said(path)} is no JSON Schema, or refers to itself.")

    def _referred(self, reference: Any, path: tuple[str, ...]) -> Mapping[str, Any]:
        steps = reference.removeprefix("#/").split("/") if isinstance(reference, str) else []
        found: Any = self._root
        for step in steps:
            found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
        if not str(reference).startswith("#/") or not isinstance(found, Mapping):
            raise InputError(f"{_said(path)} refers to {str(reference)[:80]!r}, which is not in this document.")
        return found


def _numbers_alone(union: list[Any]) -> list[Any]:
    """Of a number, or the same number as a text, the number: Pydantic writes its decimals so."""
    rest = [u for u in union if not (isinstance(u, Mapping) and u.get("type") == "string" and "enum" not in u)]
    return rest[:1] if rest and all(isinstance(u, Mapping) and _kind(u) is FieldType.NUMBER for u in rest) else union


def _listed(schema: Mapping[str, Any]) -> list[Any]:
    kind = schema.get("type")
    return kind if isinstance(kind, list) else [kind]


def _types(schema: Mapping[str, Any]) -> set[str]:
    return {t for t in _listed(schema) if isinstance(t, str) and t != "null"}


def _choices(schema: Mapping[str, Any], path: tuple[str, ...]) -> list[str] | None:
    said = [schema["const"]] if "const" in schema else schema.get("enum")
    if not isinstance(said, list):
        return None
    names = [s for s in said if s is not None]
    if not names or not all(isinstance(s, str) for s in names):
        raise InputError(f"{_said(path)} chooses from what is no text; a choice has names.")
    return list(dict.fromkeys(names))


def _kind(schema: Mapping[str, Any]) -> FieldType | None:
    types = _types(schema)
    if schema.get(TYPE) == "money" or (types == {"object"} and _names(schema) == {_AMOUNT, _CURRENCY}):
        return FieldType.MONEY
    if types == {"boolean"}:
        return FieldType.BOOLEAN
    if types and types <= {"number", "integer"}:
        return FieldType.NUMBER
    if types == {"string"}:
        return FieldType.DATE if schema.get("format") == "date" else FieldType.SPAN
    return None


def _names(schema: Mapping[str, Any]) -> set[str]:
    properties = schema.get("properties")
    return set(properties) if isinstance(properties, Mapping) else set()


def _said(path: tuple[str, ...]) -> str:
    return f"“{'.'.join(path)[:200]}”" if path else "The schema"
