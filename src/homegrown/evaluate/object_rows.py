"""The rows of a split whose labels are objects, and what a model says to them."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from homegrown.evaluate.answers import Rows, joined, rows_of
from homegrown.store.snapshots import VALUE

if TYPE_CHECKING:
    import pyarrow as pa

    from homegrown.core.models import ObjectAnswer
    from homegrown.core.protocols import ObjectPredictor
    from homegrown.core.schema import Field
    from homegrown.store import Store


@dataclass(frozen=True, slots=True)
class ObjectRows(Rows):
    """The rows of one split; ``truth`` has no column here.

    Attributes:
        values: of each row ``{field_id: answer}``; a field that is left out was not looked at.
    """

    values: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class ObjectsSaid:
    """A model's answers to ``ObjectRows``.

    Attributes:
        answers: one per row.
        seconds: that answering all of them took.
    """

    answers: list[ObjectAnswer]
    seconds: float

    @property
    def values(self) -> list[dict[str, Any]]:
        """Of each row ``{field_id: answer}``."""
        return [a.value["fields"] for a in self.answers]

    def learnt(self, fields: tuple[Field, ...]) -> tuple[Field, ...]:
        """Those of *fields* that were answered."""
        answered = {i for a in self.answers for i in a.fields}
        return tuple(f for f in fields if f.field_id in answered)

    def sure(self) -> np.ndarray:
        """Probability of the whole of each answer, float [n]: the product of its fields'."""
        return np.array([math.prod(f.prob for f in a.fields.values()) for a in self.answers])


def object_rows(store: Store, snapshot_id: str, split: str) -> ObjectRows:
    """The rows of *split* whose records still exist.

    Raises:
        InputError: there is no such split.
        EmptyDataError: there is no row.
    """
    kept, found, n_missing = rows_of(store, snapshot_id, split)
    truth = np.zeros((kept.num_rows, 0), bool)
    return ObjectRows(**joined(kept, found), truth=truth, n_missing=n_missing, values=values_of(kept))


def values_of(rows: pa.Table) -> tuple[dict[str, Any], ...]:
    """The labels of rows of a snapshot, ``{field_id: answer}`` each."""
    return tuple(msgspec.json.decode(v)["fields"] for v in rows[VALUE.name].to_pylist())


def ask(predictor: ObjectPredictor, texts: list[str]) -> ObjectsSaid:
    """Ask *predictor* all *texts* in one go, as bulk prediction would."""
    started = time.perf_counter()
    answers = predictor.predict_objects(texts)
    return ObjectsSaid(answers, time.perf_counter() - started)
