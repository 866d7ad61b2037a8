"""One Run: its record, its trainer, its bundle, its version."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

import msgspec
import torch

from homegrown import plugins
from homegrown.core.ids import new_id
from homegrown.core.models import ModelVersion, Recipe
from homegrown.core.tasks import TaskKind
from homegrown.errors import CancelledError, UnsuitableLabelsError
from homegrown.store.models import CHAMPION
from homegrown.train.data import training_data

if TYPE_CHECKING:
    from homegrown.core.models import Fitted, Snapshot
    from homegrown.core.protocols import Encoder, Progress, Trainer
    from homegrown.core.tasks import Task
    from homegrown.store import Store


def train(
    store: Store,
    snapshot: Snapshot,
    recipe: Recipe,
    name: str,
    *,
    encoder: Encoder,
    progress: Progress,
    alias: str = CHAMPION,
) -> ModelVersion:
    """Run *recipe* on *snapshot* and register the result as the next version of the model *name*, under *alias*.

    An interrupted run of the same recipe on the same snapshot is gone on with.
    """
    task = store.tasks.get(snapshot.task_id, snapshot.task_version)
    trainer = _trainer(task, recipe)
    run_id = store.models.unfinished_run(snapshot.snapshot_id, recipe) or store.models.start_run(
        store.actor, snapshot, recipe
    )
    folder = store.run_folder(run_id)
    data = training_data(store, snapshot.snapshot_id, task)
    try:
        fitted = trainer.fit(data, recipe.options, seed=recipe.seed, folder=folder, encoder=encoder, progress=progress)
    except CancelledError as error:
        store.models.end_run(store.actor, run_id, "cancelled", {}, str(error))
        raise
    except Exception as error:
        store.models.end_run(store.actor, run_id, "failed", {}, f"{type(error).__name__}: {error}")
        raise
    return _register(store, run_id, snapshot, task, name, fitted, encoder.fingerprint, alias)


def _trainer(task: Task, recipe: Recipe) -> Trainer:
    """The recipe's trainer, where it is for answers of the task's kind."""
    kind = plugins.load("homegrown.trainers", recipe.trainer)
    is_object = task.kind is TaskKind.OBJECT
    if getattr(kind, "takes_objects", False) not in (is_object, None):
        what = "an object with fields" if is_object else "a class"
        raise UnsuitableLabelsError(
            f"The answer of {task.name!r} is {what}, which the recipe {recipe.trainer} does not learn. One that does: "
            "auto."
        )
    return kind()


def _register(
    store: Store,
    run_id: str,
    snapshot: Snapshot,
    task: Task,
    name: str,
    fitted: Fitted,
    encoder_fingerprint: str,
    alias: str,
) -> ModelVersion:
    version_id = new_id("mv")
    facts = {"run_id": run_id, "snapshot_id": snapshot.snapshot_id, "recipe": fitted.recipe.trainer}
    bundle_digest = store.bundles.add(version_id, fitted.folder, facts)
    details = {
        # All that replaying needs: train this recipe on this snapshot again, with as many threads.
        "replay": {"trainer": fitted.recipe.trainer, "options": fitted.recipe.options, "seed": fitted.recipe.seed},
        "encoder": encoder_fingerprint,
        "torch": str(torch.__version__),
        "report": fitted.report,
        "ladder": list(fitted.ladder),
        "size_bytes": store.bundles.size(version_id),
        "threads": torch.get_num_threads(),
        "machine": platform.machine(),
        **({"fields": [msgspec.to_builtins(f) for f in task.fields]} if task.fields else {}),
    }
    version = ModelVersion(
        version_id=version_id,
        model_name=name,
        number=store.models.next_number(name),
        task_id=task.task_id,
        task_version=task.version,
        run_id=run_id,
        snapshot_id=snapshot.snapshot_id,
        recipe=fitted.recipe.trainer,
        class_ids=task.class_ids or tuple(f.field_id for f in task.fields),
        class_names=task.class_names or tuple(f.name for f in task.fields),
        multi=task.kind == "classes",
        bundle_digest=bundle_digest,
        details=details,
    )
    store.models.add_version(store.actor, version, alias)
    store.models.end_run(store.actor, run_id, "succeeded", details)
    store.drop_run_folder(run_id)
    return version
