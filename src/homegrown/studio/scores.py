"""From stored evaluations and ladders to what pages show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from homegrown.metrics.intervals import wilson
from homegrown.studio import words
from homegrown.studio.view import RECIPES, Figure, Rung

if TYPE_CHECKING:
    from homegrown.core.models import ModelVersion
    from homegrown.workspace import Workspace


def figure(result: dict[str, Any]) -> Figure:
    """The accuracy of an evaluation's result, with its interval and n."""
    low, high = result["accuracy_ci95"]
    return Figure(value=result["accuracy"], low=low, high=high, n=result["n"])


def share(value: float, n: int) -> Figure:
    """A share of n trials with its Wilson interval."""
    low, high = wilson(value * n, n)
    return Figure(value=value, low=low, high=high, n=n)


def evaluation(ws: Workspace, version_id: str) -> dict[str, Any] | None:
    """The newest result of a version on its test split, or None when it was never measured."""
    found = ws.store.models.evaluations(version_id, "test")
    return found[0]["result"] if found else None


def is_guess(result: dict[str, Any]) -> bool:
    """Whether most labels it was measured on are what rules and models vote: it agrees with them, right or wrong."""
    checked = result.get("n_checked")
    return checked is not None and checked < result["n"] / 2


def measured_as(result: dict[str, Any]) -> str:
    """What the figure of an evaluation is called."""
    what = "Agreement with the votes" if is_guess(result) else "Accuracy"
    return f"{what} on records it had never seen"


def title(version: ModelVersion) -> str:
    """How pages name a version: ``intent v3``."""
    return f"{version.model_name} v{version.number}"


def rungs(ladder: list[dict[str, Any]], chosen: str | None) -> tuple[Rung, ...]:
    """The rungs of a ladder as they were kept with a model or told by a running one."""
    return tuple(_rung(row, chosen) for row in ladder)


def _score(row: dict[str, Any]) -> Figure:
    return figure(row) if row.get("accuracy_ci95") else share(row["accuracy"], row["n"])


def _rung(row: dict[str, Any], chosen: str | None) -> Rung:
    name = str(row.get("recipe", "")) or "model"
    accuracy, n = row.get("accuracy"), row.get("n")
    return Rung(
        name=name,
        says=RECIPES.get(name, ""),
        state=str(row.get("state") or ("done" if accuracy is not None else "skipped")),
        score=_score(row) if accuracy is not None and n else None,
        ms=words.duration(row["ms_per_text"] / 1000) if row.get("ms_per_text") is not None else "",
        size=words.size(row.get("size_bytes")),
        took=words.duration(row.get("seconds")),
        note=str(row.get("note") or "; ".join(str(d).removesuffix(".") for d in row.get("decisions", ()))),
        is_chosen=bool(row.get("chosen", name == chosen)),
    )
