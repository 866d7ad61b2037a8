"""The seams. Built-ins and plug-ins keep the same contracts (``homegrown.testing.check_*``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    import pyarrow as pa

    from homegrown.core.models import Fitted, ObjectAnswer, Predictions, TrainingData
    from homegrown.core.records import Cells, Notice, Parsed, Quarantined, ReadOptions
    from homegrown.core.schema import Field


class Progress(Protocol):
    """Hears how far a long verb is, and may stop it.

    ``advance`` raises ``CancelledError`` when somebody asked for a stop; verbs call it at each checkpoint. A stage that
    begins inside of another stands in its place until it ends; then the other goes on where it was.
    """

    def start(self, stage: str, total: int | None, unit: str = "rows") -> None:
        """A stage begins: *total* units of work, None when unknown."""

    def advance(self, n: int = 1, **facts: Any) -> None:
        """*n* more units are done; *facts* are shown beside (``loss=0.31``)."""

    def finish(self) -> None:
        """The stage ended."""


class Reader(Protocol):
    """Turns one file into rows. Registered under ``homegrown.readers``.

    Attributes:
        suffixes: endings of the file names that it reads, with the dot, in lower case.
        isolated: optional; True has it run in a child process with limits (``ingest.isolated``). It then yields no
            ``Cells``, and only values that JSON has.
    """

    suffixes: tuple[str, ...]

    def read(self, path: Path, name: str, options: ReadOptions) -> Iterator[Parsed | Cells | Quarantined | Notice]:
        """Stream the rows of *path*, in order and with bounded memory.

        ``Parsed`` is one row or document whose values have their types; ``Cells`` are many rows of a format
        without types. A row that cannot be read is ``Quarantined`` and the reader goes on.

        Args:
            path: a regular file, not a link.
            name: what locators show (``tickets.csv``, or the member of an archive).
            options: how to read it.

        Raises:
            UnreadableFileError: nothing of the file can be read.
        """
        ...


class Encoder(Protocol):
    """Texts to vectors."""

    fingerprint: str
    dim: int

    def encode(self, texts: list[str], progress: Progress | None = None) -> np.ndarray:
        """float32 [n, dim], rows of length 1."""
        ...


class Predictor(Protocol):
    """A loaded model, ours or an upstream's, that answers in batches."""

    class_names: tuple[str, ...]
    multi: bool
    threshold: float

    def predict(self, texts: list[str]) -> Predictions:
        """Calibrated answers for *texts*."""
        ...


class ObjectPredictor(Protocol):
    """A loaded model whose answers are objects."""

    fields: tuple[Field, ...]

    def predict_objects(self, texts: list[str]) -> list[ObjectAnswer]:
        """One answer per text, each field with its calibrated probability."""
        ...


class Trainer(Protocol):
    """Fits one kind of model. Registered under ``homegrown.trainers``.

    One whose class says ``takes_objects = True`` fits tasks whose answer is an object, and no others; ``None`` says
    that it fits both.
    """

    def fit(
        self,
        data: TrainingData,
        options: dict[str, Any],
        *,
        seed: int,
        folder: Path,
        encoder: Encoder,
        progress: Progress,
    ) -> Fitted:
        """Fit on *data* and write the bundle into *folder*, which outlives a kill: checkpoints go there too.

        Args:
            data: what may be seen; the test split is not in it.
            options: the recipe's options; unknown keys are refused with all errors at once.
            seed: the only source of chance.
            folder: ``runs/<run_id>``; the bundle belongs in ``folder / "bundle"``.
            encoder: the frozen encoder, with vectors that are already stored answered from the store.
            progress: told at each step.
        """
        ...


class BatchFunction(Protocol):
    """Work over many records, written once and run by ``engine`` here or elsewhere."""

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Map one batch."""
        ...
