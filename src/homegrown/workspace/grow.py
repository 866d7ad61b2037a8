"""The whole loop in one verb."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homegrown.core.models import Recipe
from homegrown.errors import InputError, UnsuitableLabelsError

if TYPE_CHECKING:
    from homegrown.core.records import SourceVersion
    from homegrown.workspace.workspace import Workspace

BUDGETED = ("auto", "finetune")


@dataclass(frozen=True, slots=True)
class GrowRequest:
    """What ``homegrown grow`` was asked for; ``source`` names the source, by default after the file."""

    file: Path
    text: str
    label: str
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


def grow(ws: Workspace, request: GrowRequest) -> dict[str, Any]:
    """From a file to an evaluated, deployed model.

    Returns:
        ``task, n_records, n_train, n_test, model_id, recipe, accuracy, accuracy_ci95, macro_f1, ladder, seconds,
        report_path, warnings``; ``accuracy`` is that of the answers as served, where "none of these" is one, and
        ``accuracy_forced`` if the model always had to name a class.
    """
    name = request.name or re.sub(r"[^a-z0-9]+", "-", request.label.lower()).strip("-") or "model"
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
        labels = ws.import_labels(
            name,
            request.label,
            sources=[s.name for s in (source, test) if s],
            merge=merges(request.merge),
            out_of_scope=request.out_of_scope,
            separator=request.separator,
        )
    except UnsuitableLabelsError as error:
        raise UnsuitableLabelsError(" ".join([error.message, *read])) from error
    task = labels.task
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
        "accuracy_forced": result["accuracy_forced"],
        "macro_f1": result["macro_f1"],
        "ladder": version.details["ladder"],
        "seconds": seconds,
        "evaluation_id": result["evaluation_id"],
        "report_path": str(report),
        "n_twins_removed": snapshot.details["n_twins_removed"],
        "n_quarantined": sum(s.n_quarantined for s in sources),
        "warnings": [*read, *embedded.warnings, *labels.warnings, *snapshot.details["warnings"]],
        "endpoint": name,
    }


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
