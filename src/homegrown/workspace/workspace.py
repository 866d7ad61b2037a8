"""``connect`` and ``Workspace``: the verbs, for Python, the CLI, the API and the studio alike."""

from __future__ import annotations

import copy
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homegrown import inference, train
from homegrown.core.access import TERMINAL, Actor
from homegrown.core.models import ModelVersion, Recipe, Snapshot
from homegrown.core.progress import Silent
from homegrown.core.records import ReadOptions
from homegrown.curate import SplitPlan, freeze
from homegrown.embed import EmbedReport, embed_records
from homegrown.errors import InputError
from homegrown.ingest import IngestRequest, import_file, preview, texts_of_file
from homegrown.label import ImportedLabels, task_from_column
from homegrown.store import Store
from homegrown.store.events import record_event
from homegrown.workspace.counts import Counts, counts
from homegrown.workspace.governance import Governance
from homegrown.workspace.queries import Queries
from homegrown.workspace.reports import Reports
from homegrown.workspace.uploads import Uploads

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from homegrown.core.protocols import Predictor, Progress
    from homegrown.core.records import Preview, SourceVersion
    from homegrown.core.tasks import Task
    from homegrown.inference import CachedEncoder
    from homegrown.inference.export import ExportReport
    from homegrown.store.endpoints import Endpoint


def connect(path: str | Path = "./work", *, database_url: str | None = None, actor: Actor = TERMINAL) -> Workspace:
    """Open the workspace in the folder *path*, creating it if need be.

    Example:
        >>> ws = connect("./work")  # doctest: +SKIP
        >>> ws.ingest("tickets.csv", text="body")  # doctest: +SKIP
    """
    if str(path).startswith(("http://", "https://")):
        raise InputError("Connecting to a server by its address is not built yet; name a folder.")
    return Workspace(Store(Path(path), database_url=database_url, actor=actor))


class Workspace(Governance, Queries, Reports):
    """One workspace, opened, with every verb of the loop.

    Args:
        store: the opened store.
        progress: hears how far the long verbs are.
    """

    def __init__(self, store: Store, progress: Progress | None = None) -> None:
        self.store = store
        self.progress: Progress = progress or Silent()
        self.uploads = Uploads(store.layout)
        self._predictors: dict[str, Predictor] = {}

    @cached_property
    def encoder(self) -> CachedEncoder:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The frozen encoder with this workspace's vectors behind it; loaded at its first use."""
        local = inference.Encoder.load()
        return inference.CachedEncoder(local, self.store.vectors(local.fingerprint, local.dim))

    def preview(
        self, path: str | Path, *, name: str | None = None, kind: str | None = None, options: ReadOptions | None = None
    ) -> Preview:
        """Look at a file before it is imported; see ``homegrown.ingest``."""
        return preview(path, name or Path(path).name, kind=kind, options=options)

    def ingest(
        self,
        path: str | Path,
        *,
        text: str | None = None,
        label: str | None = None,
        id: str | None = None,
        name: str | None = None,
        kind: str | None = None,
        options: ReadOptions | None = None,
    ) -> SourceVersion:
        """Read files into records; see ``homegrown.ingest``.

        Args:
            path: a file, a folder, a pattern, an archive, or ``-`` for standard input.
            text: the column that models read; without it the columns are guessed, and the guess is told.
            label: the column that holds the answer.
            id: the column that names the rows, so that a changed row stays the same record.
            name: of the source; default: the file name.
            kind: read files as this (``csv``), whatever their names say.
            options: how to read them.

        Example:
            >>> ws.ingest("tickets.csv", text="body", label="category")  # doctest: +SKIP
        """
        request = IngestRequest(path, text, label, id, name, kind, options or ReadOptions())
        return import_file(self.store, request, progress=self.progress)

    def texts_of_file(self, path: str | Path, column: str | None = None) -> Iterator[str]:
        """The texts of a file's column, streamed, nothing stored; see ``homegrown.ingest``."""
        return texts_of_file(path, column)

    def embed(self) -> EmbedReport:
        """Give every record its vector; see ``homegrown.embed``."""
        return embed_records(self.store, self.encoder, self.progress)

    def import_labels(self, name: str, column: str, **options: Any) -> ImportedLabels:
        """Turn a column into a task with imported votes, and hear what is odd about it.

        Args:
            name: of the task.
            column: that holds the answers.
            **options: ``sources``, ``merge``, ``out_of_scope``, ``separator`` of ``homegrown.label.task_from_column``.
        """
        return task_from_column(self.store, name, column, **options)

    def task_from_column(self, name: str, column: str, **options: Any) -> Task:
        """``import_labels`` for those who want the task alone."""
        return self.import_labels(name, column, **options).task

    def snapshot(self, task: Task, **plan: Any) -> Snapshot:
        """Freeze what is labelled now.

        Args:
            task: what to freeze.
            **plan: ``seed``, ``test_source``, ``unlabelled``, ``group_by``, ``time_by``, ``similarity``, ``test_share``
                and ``valid_share`` of ``homegrown.curate.SplitPlan``.
        """
        return freeze(self.store, task, SplitPlan(**plan))

    def train(self, snapshot: Snapshot, recipe: Recipe, name: str) -> ModelVersion:
        """Fit a model and register it; see ``homegrown.train``."""
        return train.train(self.store, snapshot, recipe, name, encoder=self.encoder, progress=self.progress)

    def predictor(self, model: str | ModelVersion) -> Predictor:
        """A model, loaded once and kept."""
        version = model if isinstance(model, ModelVersion) else self.store.models.version(model)
        if version.version_id not in self._predictors:
            folder = self.store.bundles.open(version.version_id, version.bundle_digest)
            self._predictors[version.version_id] = inference.load_predictor(folder)
        return self._predictors[version.version_id]

    def predict(self, model: str | ModelVersion, texts: list[str]) -> list[dict[str, Any]]:
        """Answers for *texts*: ``label`` (None means none of these), ``prob``, ``in_scope``."""
        predictor = self.predictor(model)
        answers = predictor.predict(texts)
        found = []
        for row, scope in zip(answers.probs, answers.in_scope, strict=True):
            best = int(row.argmax())
            inside = bool(scope >= predictor.threshold)
            found.append(
                {
                    "label": predictor.class_names[best] if inside else None,
                    "prob": float(row[best]),
                    "in_scope": float(scope),
                }
            )
        return found

    def deploy(self, model: str | ModelVersion, endpoint: str, *, keep_text: bool | None = None) -> Endpoint:
        """Let a model answer for an endpoint."""
        version = model if isinstance(model, ModelVersion) else self.store.models.version(model)
        return self.store.endpoints.deploy(self.store.actor, endpoint, version, keep_text=keep_text)

    def export(self, model: str | ModelVersion, folder: Path) -> ExportReport:
        """Write a model where other software loads it; see ``homegrown.inference.export``."""
        version = model if isinstance(model, ModelVersion) else self.store.models.version(model)
        report = inference.export_bundle(self.store.bundles.open(version.version_id, version.bundle_digest), folder)
        with self.store.db.write() as connection:
            record_event(connection, self.store.actor, "model.export", f"model_version:{version.version_id}")
        return report

    def counts(self) -> Counts:
        """How much of each noun there is."""
        return counts(self.store)

    def acting_as(self, actor: Actor) -> Workspace:
        """The same open workspace with *actor* behind each verb; loaded models are shared."""
        other = copy.copy(self)
        other.store = copy.copy(self.store)
        other.store.actor = actor
        return other

    def close(self) -> None:
        """Release the workspace."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
