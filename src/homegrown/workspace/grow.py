"""The whole loop in one verb."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homegrown.core.models import Recipe
from homegrown.errors import InputError, UnsuitableLabelsError
from homegrown.workspace.objects import said_type

if TYPE_CHECKING:
    from collections.abc import Sequence

    from homegrown.core.records import SourceVersion
    from homegrown.core.tasks import Task
    from homegrown.workspace.workspace import Workspace

BUDGETED = ("auto", "finetune")


@dataclass(frozen=True, slots=True)
class GrowRequest:
    """What ``homegrown grow`` was asked for.

    Attributes:
        label: column that holds the class; or None where the answer is an object.
        source: names the source, by default after the file.
        fields: column that holds the answer as a JSON object.
        schema: its fields, as ``Workspace.define_object`` takes them; guessed from the column where it is not given.
            Without *fields* each has a column of its own name.
        day_first: how 03/04/2026 is meant in it, where no other date tells.
        currency: of its amounts that name none.
    """

    file: Path
    text: str
    label: str | None = None
    name: str | None = None
    test: Path | None = None
    unlabelled: Path | None = None
    recipe: str = "auto"
    budget_s: float = 300.0
    seed: int = 0
    source: str | None = None
    deploy: bool = True
    out_of_scope: tuple[str, ...] = ()
    merge: tuple[str, ...] = ()
    separator: str | None = None
    group_by: str | None = None
    time_by: str | None = None
    fields: str | None = None
    schema: dict[str, Any] | None = None
    day_first: bool | None = None
    currency: str | None = None


def grow(ws: Workspace, request: GrowRequest) -> dict[str, Any]:
    """From a file to an evaluated, deployed model.

    Returns:
        ``task, n_records, n_train, n_test, model_id, recipe, accuracy, accuracy_ci95, macro_f1, ladder, seconds,
        report_path, warnings``; ``accuracy`` is that of the answers as served, where "none of these" is one, and
        ``accuracy_forced`` if the model always had to name a class. Of objects ``accuracy`` is the share of them that
        are right in every field, ``exact`` to the letter, and ``fields`` says it of each.

    Raises:
        InputError: neither or both of a column of classes and one of objects are named.
    """
    if (request.label is None) is (request.fields is None and request.schema is None):
        raise InputError(
            "Name the column of the answer: --label COLUMN for a class, --fields COLUMN for a JSON object, or --field "
            "NAME=TYPE for each column that holds a field."
        )
    named = request.label or request.fields or Path(request.file).stem
    name = request.name or re.sub(r"[^a-z0-9]+", "-", named.lower()).strip("-") or "model"
    seconds: dict[str, float] = {}
    started = time.monotonic()
    source = ws.ingest(request.file, text=request.text, label=request.label, name=request.source)
    test = ws.ingest(request.test, text=request.text, label=request.label) if request.test else None
    unlabelled = ws.ingest(request.unlabelled, text=request.text) if request.unlabelled else None
    seconds["ingest"] = time.monotonic() - started
    sources = [s for s in (source, test, unlabelled) if s]
    read = [sentence for s in sources for sentence in (*s.warnings, *_aside(s))]

    started = time.monotonic()
    embedded = ws.embed()
    seconds["embed"] = time.monotonic() - started

    started = time.monotonic()
    try:
        task, told = _labelled(ws, request, name, [s.name for s in (source, test) if s])
    except UnsuitableLabelsError as error:
        raise UnsuitableLabelsError(" ".join([error.message, *read])) from error
    snapshot = ws.snapshot(
        task,
        seed=request.seed,
        test_source=test.name if test else None,
        unlabelled=(unlabelled.name,) if unlabelled else (),
        group_by=request.group_by,
        time_by=request.time_by,
    )
    options = {"budget_s": request.budget_s} if request.recipe in BUDGETED else {}
    version = ws.train(snapshot, Recipe(request.recipe, options, request.seed), name)
    seconds["train"] = time.monotonic() - started

    started = time.monotonic()
    result = ws.evaluate(version)
    report = ws.write_report(result)
    seconds["evaluate"] = time.monotonic() - started
    if request.deploy:
        ws.deploy(version, name)
    return {
        "task": task.name,
        "n_records": source.n_records + (test.n_records if test else 0),
        "n_train": snapshot.n_by_split["train"] + snapshot.n_by_split["valid"],
        "n_test": result["n"],
        "model_id": version.version_id,
        "recipe": version.recipe,
        "accuracy": result["accuracy"],
        "accuracy_ci95": list(result["accuracy_ci95"]),
        **{k: result[k] for k in ("accuracy_forced", "macro_f1", "exact", "fields") if k in result},
        "ladder": version.details["ladder"],
        "seconds": seconds,
        "evaluation_id": result["evaluation_id"],
        "report_path": str(report),
        "n_twins_removed": snapshot.details["n_twins_removed"],
        "n_quarantined": sum(s.n_quarantined for s in sources),
        "warnings": [*read, *embedded.warnings, *told, *snapshot.details["warnings"]],
        "endpoint": name,
    }


def _labelled(ws: Workspace, request: GrowRequest, name: str, sources: list[str]) -> tuple[Task, Sequence[str]]:
    """The task with its imported votes, and what a person should know of them."""
    if request.label is not None:
        labels = ws.import_labels(
            name,
            request.label,
            sources=sources,
            merge=merges(request.merge),
            out_of_scope=request.out_of_scope,
            separator=request.separator,
        )
        return labels.task, labels.warnings
    if request.merge or request.out_of_scope or request.separator:
        raise InputError("--merge, --out-of-scope and --separator are for classes; objects have none.")
    fields = request.schema or ws.guess_fields(request.fields or "")
    task = ws.define_object(name, fields)
    done = ws.import_answers(task, request.fields, day_first=request.day_first, currency=request.currency)
    told = [f"Fields: {', '.join(f'{f.name} ({said_type(f)})' for f in task.fields)}."]
    told[0] += "" if request.schema else " They were guessed; say others with --field NAME=TYPE."
    if done.n_problems:
        by_field = ", ".join(f"{name} {n:,}" for name, n in done.n_missing.items())
        told.append(
            f"{done.n_problems:,} values could not be understood or do not stand in their text, and teach nothing "
            f"({by_field}), among them: {done.problems[0][1]}"
        )
    return task, told


def _aside(source: SourceVersion) -> list[str]:
    if not source.n_quarantined:
        return []
    return [
        f"{source.n_quarantined:,} rows of {source.name} could not be read and were set aside; each with its line and "
        "reason: homegrown ingest FILE --json."
    ]


def merges(pairs: tuple[str, ...]) -> dict[str, str]:
    """``("Refund=refund",)`` as a mapping.

    Example:
        >>> merges(("Refund=refund",))
        {'Refund': 'refund'}
    """
    for pair in pairs:
        if "=" not in pair:
            raise InputError(f"--merge {pair!r} is not understood; expected OLD=NEW.")
    return dict((p.split("=", 1)[0], p.split("=", 1)[1]) for p in pairs)
