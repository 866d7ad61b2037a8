"""A model of ours votes, with its calibrated probability as confidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from homegrown.core.ids import canonical_json
from homegrown.core.tasks import LabelSourceKind
from homegrown.errors import EmptyDataError, InputError
from homegrown.inference.answers import answers
from homegrown.store.events import record_event
from homegrown.store.votes import vote_table

if TYPE_CHECKING:
    from homegrown.core.models import ModelVersion
    from homegrown.core.protocols import Predictor, Progress
    from homegrown.core.tasks import Task
    from homegrown.inference.answers import Answer
    from homegrown.store import Store

ROWS = 2048
_LEARNT = ("train", "valid")


@dataclass(frozen=True, slots=True)
class ModelVotes:
    """What a model of ours said.

    Attributes:
        n_votes: records on which it voted.
        n_abstained: records on which it was below its threshold.
        n_learnt: records that it learnt from or was chosen by: on them it would only repeat what it was told.
    """

    model: str
    label_source_id: str
    n_votes: int
    n_abstained: int
    n_learnt: int


def vote_with_model(
    store: Store, task: Task, version: ModelVersion, predictor: Predictor, progress: Progress
) -> ModelVotes:
    """Let *version* vote on every current record that it has not learnt from, in place of what the model said before.

    Below its threshold it abstains. It keeps silent on the rows of its own training and validation splits.

    Args:
        store: the workspace.
        task: the question that the model was made for.
        version: the model.
        predictor: the same, loaded.
        progress: told after each batch.

    Raises:
        InputError: the model answers another task.
        EmptyDataError: there is no record that it has not learnt from.
    """
    if version.task_id != task.task_id:
        raise InputError(f"The model {version.model_name!r} was made for another task than {task.name!r}.")
    rows = store.snapshots.read(version.snapshot_id)
    learnt = rows.filter(pc.is_in(rows["split"], value_set=pa.array(_LEARNT)))["record_id"].combine_chunks()
    ids: list[str] = []
    said: list[Answer] = []
    n_learnt = 0
    progress.start(f"vote {version.model_name}", store.records.count(), "records")
    for batch in store.records.batches(["record_id", "text"], rows=ROWS):
        known = pc.is_in(batch["record_id"], value_set=learnt)
        fresh = batch.filter(pc.invert(known))
        n_learnt += batch.num_rows - fresh.num_rows
        if fresh.num_rows:
            ids += fresh["record_id"].to_pylist()
            said += answers(predictor, predictor.predict(fresh["text"].to_pylist()))
        progress.advance(batch.num_rows)
    progress.finish()
    if not ids:
        raise EmptyDataError("There are no records that this model has not learnt from.")
    config = {"version_id": version.version_id, "model": f"{version.model_name}@{version.number}"}
    source_id = store.tasks.label_source(store.actor, task, LabelSourceKind.MODEL, f"our {version.model_name}", config)
    class_ids = dict(zip(version.class_names, version.class_ids, strict=True))
    values = [_value(class_ids, answer) for answer in said]
    store.votes.replace(source_id, vote_table(task, source_id, ids, values, [a.prob for a in said]))
    n_abstained = values.count(None)
    with store.db.write() as connection:
        record_event(
            connection, store.actor, "label.model", f"task:{task.task_id}", **config, n_votes=len(ids) - n_abstained
        )
    return ModelVotes(config["model"], source_id, len(ids) - n_abstained, n_abstained, n_learnt)


def _value(ids: dict[str, str], answer: Answer) -> str | None:
    if answer.labels:
        return canonical_json({"classes": [ids[name] for name in answer.labels]}).decode()
    return None if answer.label is None else canonical_json({"class": ids[answer.label]}).decode()
