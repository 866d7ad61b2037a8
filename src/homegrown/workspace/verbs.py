"""The verbs that a job may name, each with typed arguments. Nothing else can be run by a request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from homegrown.core.models import Recipe
from homegrown.errors import InputError
from homegrown.workspace.grow import GrowRequest, grow
from homegrown.workspace.workspace import Workspace


class EmbedArguments(msgspec.Struct, forbid_unknown_fields=True):
    """``embed`` has none."""


class IndexArguments(msgspec.Struct, forbid_unknown_fields=True):
    """``index`` has none."""


class EvaluateArguments(msgspec.Struct, forbid_unknown_fields=True):
    """What to evaluate."""

    model: str
    split: str = "test"


class RulesArguments(msgspec.Struct, forbid_unknown_fields=True):
    """Which rules of a task run, all when none are named; and whether over all records again."""

    task_id: str
    names: list[str] | None = None
    again: bool = False


class TrainArguments(msgspec.Struct, forbid_unknown_fields=True):
    """What to train, on which snapshot."""

    snapshot_id: str
    name: str
    recipe: Recipe


class Verb(NamedTuple):
    """Type of the arguments, and what is run."""

    arguments: type
    run: Callable[[Workspace, Any], dict[str, Any]]


def _train(ws: Workspace, a: TrainArguments) -> dict[str, Any]:
    version = ws.train(ws.store.models.snapshot(a.snapshot_id), a.recipe, a.name)
    return {"model_id": version.version_id, "recipe": version.recipe}


def _rules(ws: Workspace, a: RulesArguments) -> dict[str, Any]:
    return asdict(ws.run_rules(ws.store.tasks.get(a.task_id), names=a.names, again=a.again))


VERBS: dict[str, Verb] = {
    "embed": Verb(EmbedArguments, lambda ws, _: asdict(ws.embed())),
    "evaluate": Verb(EvaluateArguments, lambda ws, a: ws.evaluate(a.model, split=a.split)),
    "grow": Verb(GrowRequest, grow),
    "index": Verb(IndexArguments, lambda ws, _: asdict(ws.build_indexes())),
    "rules": Verb(RulesArguments, _rules),
    "train": Verb(TrainArguments, _train),
}


def check_arguments(verb: str, arguments: dict[str, Any]) -> Any:
    """*arguments* as the verb's own type.

    Raises:
        InputError: the verb is unknown, or an argument is missing, unknown or of the wrong type.
    """
    if verb not in VERBS:
        raise InputError(f"There is no job {verb!r}. Jobs: {', '.join(sorted(VERBS))}.")
    try:
        return msgspec.convert(arguments, VERBS[verb].arguments, strict=False, dec_hook=_decode)
    except msgspec.ValidationError as error:
        raise InputError(f"The arguments of {verb} are not right: {error}.") from error


def run_verb(ws: Workspace, verb: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Run a verb by name; its result as JSON values."""
    ready = check_arguments(verb, arguments)
    result = VERBS[verb].run(ws, ready)
    return msgspec.to_builtins(result, enc_hook=str)


def _decode(kind: type, value: Any) -> Any:
    if kind is Path:
        return Path(value)
    raise NotImplementedError(kind)
