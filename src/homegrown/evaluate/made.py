"""How a model was made, and how often its test texts were looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from homegrown.core.models import ModelVersion
    from homegrown.store import Store


def n_looks(store: Store, version: ModelVersion, split: str) -> int:
    """Versions that were measured on the same test texts, in whatever snapshot, with this one."""
    same = [version.snapshot_id]
    digest = store.models.snapshot(version.snapshot_id).details.get("test_digest")
    if digest and split == "test":
        same += store.models.snapshots_with("test_digest", digest)
    seen = store.models.versions_evaluated(same, split)
    return len(seen | {version.version_id})


def made(store: Store, version: ModelVersion) -> dict[str, Any]:
    """Recipe, seed, run, rows by split, twins and ladder of a version."""
    run, snapshot = store.models.run(version.run_id), store.models.snapshot(version.snapshot_id)
    report = version.details.get("report", {})
    return {
        "recipe": version.recipe,
        "seed": run["seed"],
        "run_id": version.run_id,
        "trained_at": run["started_at"],
        "train_seconds": report.get("seconds"),
        "n_by_split": snapshot.n_by_split,
        "split_by": snapshot.details.get("split_by", "random"),
        "n_twins_removed": snapshot.details.get("n_twins_removed", 0),
        "similarity": snapshot.details.get("similarity"),
        "ladder": list(version.details.get("ladder", ())),
    }
