"""The verbs that a job may name, each with typed arguments. Nothing else can be run by a request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from homegrown.core.models import Recipe
from homegrown.errors import EmptyDataError, InputError
from homegrown.govern.access import Access
from homegrown.workspace.bulk import Checked, Filter
from homegrown.workspace.grow import GrowRequest, grow
from homegrown.workspace.retrain import MARGIN
from homegrown.workspace.workspace import Workspace

if TYPE_CHECKING:
    from homegrown.core.tasks import Task
    from homegrown.workspace.accepting import Accepted


class EmbedArguments(msgspec.Struct, forbid_unknown_fields=True):
    """``embed`` has none."""


class IndexArguments(msgspec.Struct, forbid_unknown_fields=True):
    """``index`` has none."""


class EvaluateArguments(msgspec.Struct, forbid_unknown_fields=True):
    """What to evaluate."""

    model: str
    split: str = "test"


class IssuesArguments(msgspec.Struct, forbid_unknown_fields=True):
    """What to look for, in what: all kinds, of records alone where no task is named."""

    task: str | None = None
    kinds: list[str] | None = None
    source: str | None = None


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


class RetrainArguments(msgspec.Struct, forbid_unknown_fields=True):
    """What to retrain, and what it must not lose."""

    name: str
    margin: float = MARGIN
    slices: tuple[str, ...] = ()
    gold: str | None = None
    recipe: Recipe | None = None


class TeachArguments(msgspec.Struct, forbid_unknown_fields=True):
    """Which upstream to ask about the records of which task (its name or id), for how much at most in all."""

    task: str
    upstream: str
    budget_usd: float = 1.0
    limit: int | None = None
    per_call: int | None = None


class ModelVotesArguments(msgspec.Struct, forbid_unknown_fields=True):
    """Which model of ours votes for which task (its name or id); its champion when none is named."""

    task: str
    model: str | None = None


class DiscoverArguments(msgspec.Struct, forbid_unknown_fields=True):
    """Which records to group, and for which task."""

    sources: list[str] = []
    task_id: str | None = None
    uncovered: bool = False
    seed: int = 0


class BulkArguments(msgspec.Struct, forbid_unknown_fields=True):
    """What is labelled as what in bulk, after which sample was looked at, and for whom."""

    task_id: str
    said: list[str]
    wanted: Filter
    checked: Checked
    actor_id: str


class ImportVotesArguments(msgspec.Struct, forbid_unknown_fields=True):
    """Which uploaded file of other labelling software is read, for which task and for whom."""

    task_id: str
    upload_id: str
    name: str
    actor_id: str
    format: str | None = None


class FindTasksArguments(msgspec.Struct, forbid_unknown_fields=True):
    """``find_tasks`` has none."""


class AcceptTaskArguments(msgspec.Struct, forbid_unknown_fields=True):
    """Which template becomes a Task, and under which names."""

    template_id: str
    name: str | None = None
    field: str | None = None
    names: dict[str, str | None] = {}


class AcceptTagArguments(msgspec.Struct, forbid_unknown_fields=True):
    """The calls with which tag become a Task."""

    tag: str
    value: str
    name: str | None = None
    field: str | None = None
    names: dict[str, str | None] = {}


class SwitchArguments(msgspec.Struct, forbid_unknown_fields=True):
    """Which models answer the calls of which route, one after the other, at which bound, and who says so."""

    name: str
    models: list[str]
    actor_id: str
    alpha: float = 0.02
    delta: float = 0.05
    share: float | None = None
    template: str | None = None
    shadow: bool = False
    by: str = "document"


class Verb(NamedTuple):
    """Type of the arguments, and what is run."""

    arguments: type
    run: Callable[[Workspace, Any], dict[str, Any]]


def _train(ws: Workspace, a: TrainArguments) -> dict[str, Any]:
    version = ws.train(ws.store.models.snapshot(a.snapshot_id), a.recipe, a.name)
    made = {"model_id": version.version_id, "recipe": version.recipe, "ladder": version.details["ladder"]}
    try:
        result = ws.evaluate(version)
    except EmptyDataError:  # nothing was held back: it is trained, and nobody can say how good it is
        return made
    measured = ("accuracy", "accuracy_ci95", "n_checked")  # of objects nobody counts who said the labels
    return {**made, "n_test": result["n"], **{k: result[k] for k in measured if k in result}}


def _teach(ws: Workspace, a: TeachArguments) -> dict[str, Any]:
    return asdict(ws.ask(_task(ws, a.task), a.upstream, budget_usd=a.budget_usd, limit=a.limit, per_call=a.per_call))


def _model_votes(ws: Workspace, a: ModelVotesArguments) -> dict[str, Any]:
    return asdict(ws.model_votes(_task(ws, a.task), a.model))


def _task(ws: Workspace, name_or_id: str) -> Task:
    return ws.store.tasks.find(name_or_id) or ws.store.tasks.get(name_or_id)


def _issues(ws: Workspace, a: IssuesArguments) -> dict[str, Any]:
    return asdict(ws.find_issues(a.task, kinds=a.kinds, source=a.source))


def _discover(ws: Workspace, a: DiscoverArguments) -> dict[str, Any]:
    task = None if a.task_id is None else ws.store.tasks.get(a.task_id)
    found = ws.discover(*a.sources, task=task, uncovered=a.uncovered, seed=a.seed)
    return {"discovery_id": found.discovery_id, "n_clusters": len(found.clusters), "n_records": found.n_records}


def _find_tasks(ws: Workspace, _: FindTasksArguments) -> dict[str, Any]:
    found = ws.find_tasks()
    return {"n_templates": len(found.proposals), "n_calls": found.bill.n_calls, "learnable": found.bill.learnable}


def _accept_task(ws: Workspace, a: AcceptTaskArguments) -> dict[str, Any]:
    return _made(ws.accept_template(a.template_id, name=a.name, field=a.field, names=a.names))


def _accept_tag(ws: Workspace, a: AcceptTagArguments) -> dict[str, Any]:
    return _made(ws.accept_tag(a.tag, a.value, name=a.name, field=a.field, names=a.names))


def _made(done: Accepted) -> dict[str, Any]:
    return {
        "task_id": done.task.task_id, "task": done.task.name, "n_texts": done.n_texts, "n_added": done.n_added,
        "n_votes": sum(done.votes.values()), "n_outside": done.n_outside,
    }  # fmt: skip


def _rules(ws: Workspace, a: RulesArguments) -> dict[str, Any]:
    return asdict(ws.run_rules(ws.store.tasks.get(a.task_id), names=a.names, again=a.again))


def _bulk(ws: Workspace, a: BulkArguments) -> dict[str, Any]:
    ws, task = _for(ws, a.actor_id), ws.store.tasks.get(a.task_id)
    said = a.said[0] if len(a.said) == 1 else a.said
    source_id = ws.bulk_label(task, said, a.wanted, a.checked)
    n = next(s["config"]["n"] for s in ws.bulk_labels(task) if s["label_source_id"] == source_id)
    return {"task_id": task.task_id, "label_source_id": source_id, "n": n}


def _import_votes(ws: Workspace, a: ImportVotesArguments) -> dict[str, Any]:
    task, path = ws.store.tasks.get(a.task_id), ws.uploads.get(a.upload_id).path
    done = _for(ws, a.actor_id).import_votes(task.name, path, format=a.format, name=a.name)
    return {
        "task_id": a.task_id, "format": done.format, "n_votes": done.n_votes, "n_added": done.n_added,
        "n_aside": done.n_aside, "aside": [list(one) for one in done.aside],
    }  # fmt: skip


def _switch_route(ws: Workspace, a: SwitchArguments) -> dict[str, Any]:
    done = _for(ws, a.actor_id).switch_route(
        a.name,
        *a.models,
        alpha=a.alpha,
        delta=a.delta,
        share=a.share,
        template=a.template,
        shadow=a.shadow,
        by=a.by,
    )
    is_on = a.shadow or (done.bound is not None and done.bound.threshold is not None)
    return {"route": a.name, "is_switched": is_on, "is_silent": a.shadow, "sentence": done.sentence}


def _for(ws: Workspace, actor_id: str) -> Workspace:
    """What a person said is kept as theirs, also when a job keeps it."""
    return ws.acting_as(Access(ws.store.db).actor(actor_id))


VERBS: dict[str, Verb] = {
    "accept_tag": Verb(AcceptTagArguments, _accept_tag),
    "accept_task": Verb(AcceptTaskArguments, _accept_task),
    "bulk": Verb(BulkArguments, _bulk),
    "discover": Verb(DiscoverArguments, _discover),
    "embed": Verb(EmbedArguments, lambda ws, _: asdict(ws.embed())),
    "evaluate": Verb(EvaluateArguments, lambda ws, a: ws.evaluate(a.model, split=a.split)),
    "find_tasks": Verb(FindTasksArguments, _find_tasks),
    "grow": Verb(GrowRequest, grow),
    "import_votes": Verb(ImportVotesArguments, _import_votes),
    "index": Verb(IndexArguments, lambda ws, _: asdict(ws.build_indexes())),
    "retrain": Verb(
        RetrainArguments,
        lambda ws, a: ws.retrain(a.name, margin=a.margin, slices=a.slices, gold=a.gold, recipe=a.recipe),
    ),
    "model_votes": Verb(ModelVotesArguments, _model_votes),
    "switch_route": Verb(SwitchArguments, _switch_route),
    "teach": Verb(TeachArguments, _teach),
    "issues": Verb(IssuesArguments, _issues),
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
