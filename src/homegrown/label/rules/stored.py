"""Rules as data, between what people write (names of classes) and what is kept (their ids)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from homegrown.core.rules import FieldRule, ModelSays, Rule, Similar, Sql
from homegrown.core.tasks import Task
from homegrown.errors import InputError
from homegrown.label.person import vote_value
from homegrown.label.rules.conditions import Helpers, check
from homegrown.label.rules.taught import taught_threshold
from homegrown.label.suggest import named_ids

if TYPE_CHECKING:
    from homegrown.store import Store

AnyRule = TypeVar("AnyRule", Rule, FieldRule)


def add_rule(store: Store, task: Task, rule: Rule, helpers: Helpers) -> str:
    """Keep a rule as data; one of the same name gets a new version. Returns the id of its label source.

    It votes from the next run on.

    Raises:
        InputError: the task has no such class, or a condition cannot be used.
    """
    checked = prepared(task, rule, helpers)
    return put_rule(store, task, checked.name, rule_config(task, checked))


def put_rule(store: Store, task: Task, name: str, config: dict[str, Any]) -> str:
    """Keep what was prepared.

    Raises:
        InputError: a rule of that name is written in Python.
    """
    standing = {r["name"]: r for r in store.rules.list(task.task_id)}.get(name)
    if standing is not None and "code" in standing["config"]:
        raise InputError(f"The rule {name!r} is written in Python. Choose another name, or remove it first.")
    return store.rules.put(store.actor, task, name, config)


def prepared(task: Task, rule: Rule, helpers: Helpers) -> Rule:
    """*rule*, checked: present names of its classes, each threshold of likeness taught by what was judged.

    Raises:
        InputError: what is wrong with it.
    """
    names = {c.class_id: c.name for c in task.classes}
    says = [names[i] for i in named_ids(task, vote_value(task, rule.says))]
    return msgspec.structs.replace(with_name_and_conditions(rule, helpers), says=says)


def with_name_and_conditions(rule: AnyRule, helpers: Helpers) -> AnyRule:
    """*rule* with a name and conditions that can be used, each threshold of likeness taught by what was judged.

    Raises:
        InputError: it has no name, or a condition cannot be used.
    """
    name = rule.name.strip()
    if not name:
        raise InputError("A rule needs a name.")
    for condition in rule.when:
        check(condition)
        if isinstance(condition, Sql):
            helpers.selected(condition.where, 1)
        elif isinstance(condition, ModelSays):
            helpers.probs(condition.model, condition.says, [])
    when = [taught(c, helpers) if isinstance(c, Similar) else c for c in rule.when]
    return msgspec.structs.replace(rule, name=name, when=when)


def taught(condition: Similar, helpers: Helpers) -> Similar:
    """The condition with its threshold, taught where people judged and none is set."""
    if condition.threshold is not None:
        return condition
    said = helpers.texts([*condition.yes, *condition.no])
    ids = [i for i in (*condition.yes, *condition.no) if i in said]
    near = helpers.nearness(condition.examples, [said[i] for i in ids]) if ids else []
    is_near = [i in set(condition.yes) for i in ids]
    return msgspec.structs.replace(condition, threshold=taught_threshold(near, is_near))


def rule_config(task: Task, rule: Rule) -> dict[str, Any]:
    """A rule as the configuration of its label source: classes by id."""
    ids = {c.name: c.class_id for c in task.classes}
    return {"rule": {"says": [ids[n] for n in rule.says], "when": msgspec.to_builtins(rule.when)}}


def stored_rule(task: Task, row: Mapping[str, Any]) -> tuple[Rule, list[str]]:
    """A kept rule with the names of its classes as they are now, and their ids.

    Raises:
        InputError: it votes for a class that the task has no more, or that was split.
    """
    kept = row["config"]["rule"]
    names = {c.class_id: c.name for c in task.classes}
    meant = [task.meaning(one) for one in kept["says"]]
    if any(len(one) > 1 for one in meant):
        raise InputError(f"The rule {row['name']!r} votes for a class that was split. Edit it: say which of the parts.")
    ids = list(dict.fromkeys(i for one in meant for i in one))
    if not all(meant):
        raise InputError(f"The rule {row['name']!r} votes for a class that the task has no more. Edit or remove it.")
    rule = msgspec.convert({"name": row["name"], "says": [names[i] for i in ids], "when": kept["when"]}, Rule)
    return rule, ids


def rule_of_json(document: bytes | str) -> Rule:
    """A rule as people write it in JSON.

    Raises:
        InputError: it is no JSON, or not a rule, with the place.

    Example:
        >>> rule_of_json('{"name": "long", "says": ["spam"], "when": [{"kind": "sql", "where": "n_chars > 99"}]}').name
        'long'
    """
    return read_rule(document, Rule, '{"name": …, "says": ["refund"], "when": [{"kind": "words", …}]}')


def read_rule(document: bytes | str, kind: type[AnyRule], example: str) -> AnyRule:
    """A rule of a kind as people write it in JSON, such as *example*.

    Raises:
        InputError: it is no JSON, or not such a rule, with the place.
    """
    try:
        return msgspec.json.decode(document, type=kind)
    except msgspec.ValidationError as error:
        raise InputError(f"The rule is not understood: {error}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"A rule is JSON such as {example}.") from error
