"""Snapshots, recipes, runs, model versions, predictions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np

    from homegrown.core.schema import Field

SPLITS = ("train", "valid", "test", "unlabelled")
OUT_OF_SCOPE = "out_of_scope"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A frozen, content-addressed dataset version with its splits.

    Attributes:
        snapshot_id: ``snap_`` + digest over the sorted rows, the task, the class order, and names that were changed.
        n_by_split: rows per split, keys of ``SPLITS``.
        details: how it was made: seed, groups, twins removed, source versions.
    """

    snapshot_id: str
    task_id: str
    task_version: int
    n_by_split: dict[str, int]
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Examples:
    """Rows of a Snapshot joined with their texts, as a trainer gets them.

    Attributes:
        texts: n texts.
        probs: float32 [n, n_classes]; one-hot for hard labels, independent 0/1 columns for many classes,
            all zero for an out-of-scope row and for an unlabelled one.
        weights: float32 [n].
        record_ids: n ids.
        values: of answers that are objects: n mappings from field id to answer (``core.schema``); a field that is left
            out was not looked at. There are no classes then, and *probs* is [n, 0].
        told: float32 [n, n_classes], how probable the model whose vote is the label held each class; NaN in rows of
            which nothing was told; None where it is so of all.
    """

    texts: list[str]
    probs: np.ndarray
    weights: np.ndarray
    record_ids: list[str]
    values: tuple[Mapping[str, Any], ...] = ()
    told: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True, slots=True)
class TrainingData:
    """All that a trainer may see. It never holds a text of the test split, in any form.

    Attributes:
        class_names: in probability order.
        multi: True when a record may have several classes.
        train / valid: labelled rows; ``valid`` chooses, ``train`` fits (a trainer may refit on both at the end).
        unlabelled: texts without labels, free for self-training.
        fields: of answers that are objects; such a task has no classes.
    """

    class_ids: tuple[str, ...]
    class_names: tuple[str, ...]
    multi: bool
    train: Examples
    valid: Examples
    unlabelled: list[str] = field(default_factory=list)
    fields: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True)
class Recipe:
    """Data that says how a Snapshot becomes a model.

    Attributes:
        trainer: name of a registered trainer: ``lexical``, ``static``, ``linear``, ``views``, ``finetune``, ``auto``.
        options: its own options; unknown ones are refused by the trainer.
    """

    trainer: str
    options: dict[str, Any] = field(default_factory=dict)
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Predictions:
    """Answers for n texts.

    Attributes:
        probs: float32 [n, n_classes], calibrated; rows sum to 1 unless the task takes many classes.
        in_scope: float32 [n], probability-like score that the text belongs to any class at all; below the
            model's threshold the answer is "none of these".
    """

    probs: np.ndarray
    in_scope: np.ndarray


@dataclass(frozen=True, slots=True)
class FieldAnswer:
    """What a model says of one field of a text.

    Attributes:
        answer: as ``core.schema`` has it, with ``spans`` where its evidence stands; None: it is not there.
        prob: calibrated, that this is what the field holds.
    """

    answer: dict[str, Any] | None
    prob: float


@dataclass(frozen=True, slots=True)
class ObjectAnswer:
    """What a model says of a text whose answer is an object; fields that it did not learn are left out.

    Attributes:
        fields: by field id.
    """

    fields: dict[str, FieldAnswer]

    @property
    def value(self) -> dict[str, Any]:
        """As a vote's value: ``{"fields": {field_id: answer}}``."""
        return {"fields": {field_id: said.answer for field_id, said in self.fields.items()}}


@dataclass(frozen=True, slots=True)
class Fitted:
    """What a trainer hands back.

    Attributes:
        folder: the bundle's files, written by the trainer (safetensors, JSON; never pickle).
        recipe: the recipe that it really was (``auto`` names the rung it chose).
        report: measured on validation data alone: accuracy, n, seconds, ms_per_text, size_bytes, decisions.
        ladder: one row per rung tried, same keys.
    """

    folder: Path
    recipe: Recipe
    report: dict[str, Any]
    ladder: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """An immutable bundle with its lineage."""

    version_id: str
    model_name: str
    number: int
    task_id: str
    task_version: int
    run_id: str
    snapshot_id: str
    recipe: str
    class_ids: tuple[str, ...]
    class_names: tuple[str, ...]
    multi: bool
    bundle_digest: str
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def is_object(self) -> bool:
        """Whether its answers are objects; its classes are then the ids and names of their fields."""
        return bool(self.details.get("fields"))
