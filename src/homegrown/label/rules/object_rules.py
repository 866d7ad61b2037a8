"""Rules of a task whose answer is an object: kept, read again, and told in a sentence."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import msgspec

from homegrown.core.documents import answer_in
from homegrown.core.field_names import by_any_name, name_in
from homegrown.core.ids import canonical_json
from homegrown.core.rules import FieldRule, Fill, LineFill, NearFill, PatternFill, PhrasesFill, Rule, ValueFill
from homegrown.core.schema import checked_value
from homegrown.core.spans import Span
from homegrown.errors import InputError
from homegrown.label.marked import marked_answer
from homegrown.label.rules.fills import Filler
from homegrown.label.rules.sentence import phrase_of
from homegrown.label.rules.stored import put_rule, read_rule, with_name_and_conditions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from homegrown.core.tasks import Task
    from homegrown.inference.candidates import Reading
    from homegrown.label.rules.conditions import Helpers
    from homegrown.store import Store


def add_field_rule(store: Store, task: Task, rule: FieldRule, helpers: Helpers) -> str:
    """Keep a rule as data; one of the same name gets a new version. Returns the id of its label source.

    Raises:
        InputError: the task has no such field, or a part of the rule cannot be used.
    """
    checked = prepared_fields(task, rule, helpers)
    return put_rule(store, task, checked.name, _config(task, checked))


def prepared_fields(task: Task, rule: FieldRule, helpers: Helpers) -> FieldRule:
    """*rule*, checked.

    Raises:
        InputError: what is wrong with it.
    """
    Filler(task, rule.fills)
    return with_name_and_conditions(rule, helpers)


def _config(task: Task, rule: FieldRule) -> dict[str, Any]:
    """A rule as the configuration of its label source; fields by id, so that a renamed one is still meant."""
    ids = {n: f.field_id for n, f in by_any_name(task.fields).items()}
    fields = {n: ids[n] for n in sorted(_names(rule.fills) & ids.keys())}
    fills, when = msgspec.to_builtins(rule.fills), msgspec.to_builtins(rule.when)
    return {"rule": {"fills": fills, "when": when, "fields": fields}}


def _names(fills: Sequence[Fill]) -> set[str]:
    """Fields that are named; groups of patterns among them."""
    found = {f.field for f in fills if f.field}
    for one in fills:
        if isinstance(one, PatternFill) and not one.field:
            found |= set(Filler.groups_of(one.pattern))
    return found


def stored_field_rule(task: Task, row: Mapping[str, Any]) -> FieldRule:
    """A kept rule.

    Raises:
        InputError: it fills a field that the task has no more.
    """
    kept = row["config"]["rule"]
    now = by_any_name(task.fields)
    for name, field_id in kept["fields"].items():
        if name not in now or now[name].field_id != field_id:
            raise InputError(
                f"The rule {row['name']!r} fills {name!r}, which the task {task.name!r} has no more. Edit or remove it."
            )
    return msgspec.convert({"name": row["name"], "fills": kept["fills"], "when": kept["when"]}, FieldRule)


def conditions_of(rule: FieldRule) -> Rule:
    """Its conditions alone, as ``conditions.Matcher`` asks them."""
    return Rule(rule.name, [], rule.when)


def field_rule_of_json(document: bytes | str) -> FieldRule:
    """A rule as people write it in JSON.

    Raises:
        InputError: it is no JSON, or not a rule, with the place.

    Example:
        >>> said = '{"name": "t", "fills": [{"kind": "pattern", "pattern": "(?P<total>[0-9]+)"}]}'
        >>> field_rule_of_json(said).when
        []
    """
    example = '{"name": …, "fills": [{"kind": "pattern", "pattern": "(?P<total>[0-9.]+)"}]}'
    return read_rule(document, FieldRule, example)


def field_sentence(rule: FieldRule) -> str:
    """A rule as one sentence.

    Example:
        >>> field_sentence(FieldRule("r", [PhrasesFill("who", ["Ann"]), ValueFill("kind", "bill")]))
        'Fill who with any of “Ann”, and kind with “bill”.'
    """
    fill = f"fill {', and '.join(map(_said, rule.fills))}."
    if not rule.when:
        return fill[0].upper() + fill[1:]
    return f"When {', and '.join(phrase_of(c) for c in rule.when)}, {fill}"


def _said(one: Fill) -> str:
    if isinstance(one, ValueFill):
        return f"{one.field} with {'nothing' if one.value is None else f'“{one.value}”'}"
    if isinstance(one, LineFill):
        number = f"line {one.number}" if one.number > 0 else f"line {-one.number} from the end"
        return f"{one.field} with {'the last line' if one.number == -1 else number}"
    which = {"first": "", "last": "the last of ", "all": "all of "}[one.which]
    if isinstance(one, NearFill):
        side = "the line with" if one.side == "line" else f"what stands {one.side}"
        return f"{one.field} with {which}{side} {_phrases(one.any)}"
    if isinstance(one, PhrasesFill):
        return f"{one.field} with {which or 'any of '}{_phrases(one.any)}"
    return f"{one.field or 'the named groups'} with {which}what matches {one.pattern}"


def _phrases(some: Sequence[str]) -> str:
    more = f" and {len(some) - 6:,} more" if len(some) > 6 else ""
    return ", ".join(f"“{p[:60]}”" for p in some[:6]) + more


def document_value(task: Task, document: bytes, text: str, reading: Reading) -> tuple[str | None, list[str]]:
    """The vote's value (JSON) of what a function said of a text, and what of it is no vote.

    Args:
        task: of the rule.
        document: JSON; ``{"$at": [[3, 7]]}`` stands for what a pattern of the function matched there.
        text: of the record.
        reading: how its values are written.
    """
    ways = asdict(reading)
    said = msgspec.json.decode(document)
    marked = {n: v["$at"] for n, v in said.items() if isinstance(v, dict) and "$at" in v}
    read = answer_in(task.fields, {n: v for n, v in said.items() if n not in marked}, text, **ways)
    found, problems = read.value["fields"], list(read.problems)
    for one in task.fields:
        name = name_in(one, marked)
        if name is not None:
            spans = [Span(a, b, one.name) for a, b in marked[name] if b > a]
            try:
                found[one.field_id] = marked_answer(one, spans, text, **ways) if spans else None
            except InputError as problem:
                problems.append(problem.message)
    if not found:
        return None, problems
    return canonical_json(checked_value(task.fields, {"fields": found}, text)).decode(), problems
