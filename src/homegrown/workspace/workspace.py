"""``connect`` and ``Workspace``: the verbs, for Python, the CLI, the API and the studio alike."""

from __future__ import annotations

import copy
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homegrown import inference, label, train
from homegrown.core.access import TERMINAL, Actor
from homegrown.core.classes import clean_name, clean_task_name
from homegrown.core.models import ModelVersion, Recipe, Snapshot
from homegrown.core.progress import Silent
from homegrown.core.records import ReadOptions
from homegrown.core.schema import told_changes
from homegrown.core.tasks import TaskKind
from homegrown.curate import SplitPlan, freeze
from homegrown.embed import EmbedReport, embed_records
from homegrown.errors import InputError, NotFoundError
from homegrown.inference.answers import answers
from homegrown.inference.predictor import load_object_predictor
from homegrown.ingest import IngestRequest, import_file, preview, texts_of_file
from homegrown.label import ImportedLabels, task_from_column
from homegrown.label.queue import Lines
from homegrown.store import Store
from homegrown.store.events import record_event
from homegrown.workspace.advisor import Advisor
from homegrown.workspace.bulk import Bulk
from homegrown.workspace.calibrating import share_to_keep
from homegrown.workspace.checking import Checking
from homegrown.workspace.costs import Costs
from homegrown.workspace.counts import Counts, counts
from homegrown.workspace.curating import Curating
from homegrown.workspace.discovering import Discovering
from homegrown.workspace.exams import Exams
from homegrown.workspace.exchange import Exchange
from homegrown.workspace.gateways import Gateways
from homegrown.workspace.governance import Governance
from homegrown.workspace.handles import Model, Task
from homegrown.workspace.kept import Kept
from homegrown.workspace.labelling import Labelling
from homegrown.workspace.leaving import Leaving
from homegrown.workspace.object_advice import ObjectAdvisor
from homegrown.workspace.object_review import ObjectReview
from homegrown.workspace.object_station import ObjectStation
from homegrown.workspace.objects import Objects, Said, fields_said, objects_said
from homegrown.workspace.people import Invitations
from homegrown.workspace.queries import Queries
from homegrown.workspace.reports import Reports
from homegrown.workspace.retrain import Retraining
from homegrown.workspace.rules import Rules, known_votes
from homegrown.workspace.station import Station
from homegrown.workspace.switching import Switching
from homegrown.workspace.task_counts import task_counts
from homegrown.workspace.tasks import Tasks
from homegrown.workspace.teachers import Teachers
from homegrown.workspace.traffic import TrafficVerbs
from homegrown.workspace.uploads import Uploads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Self

    from homegrown.core import tasks
    from homegrown.core.protocols import ObjectPredictor, Predictor, Progress
    from homegrown.core.records import Preview, SourceVersion
    from homegrown.evaluate import Bound
    from homegrown.inference import CachedEncoder
    from homegrown.inference.export import ExportReport
    from homegrown.store.endpoints import Endpoint
    from homegrown.workspace.switching_objects import JudgedModels


def connect(path: str | Path = "./work", *, database_url: str | None = None, actor: Actor = TERMINAL) -> Workspace:
    """Open the workspace in the folder *path*, creating it if need be.

    Example:
        >>> ws = connect("./work")  # doctest: +SKIP
        >>> ws.ingest("tickets.csv", text="body")  # doctest: +SKIP
    """
    if str(path).startswith(("http://", "https://")):
        raise InputError("Connecting to a server by its address is not built yet; name a folder.")
    return Workspace(Store(Path(path), database_url=database_url, actor=actor))


class Workspace(
    Bulk,
    Checking,
    Costs,
    Curating,
    Discovering,
    Exams,
    Exchange,
    Gateways,
    Governance,
    Invitations,
    Labelling,
    Objects,
    ObjectReview,
    ObjectStation,
    Leaving,
    Queries,
    Reports,
    Retraining,
    Rules,
    Station,
    Switching,
    Tasks,
    Teachers,
    TrafficVerbs,
):
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
        self._object_predictors: dict[str, ObjectPredictor] = {}
        self.lines = Lines()
        self.advisor = Advisor(store, self.predictor, self._vectors)
        self.object_advisor = ObjectAdvisor(store, self.object_predictor, self._vectors)
        self._kept: dict[str, Any] = {}
        self._choices: dict[tuple[Any, ...], list[Bound]] = {}
        self._judged_models: dict[tuple[Any, ...], JudgedModels] = {}
        self._known_votes = Kept(known_votes)
        self._task_counts = Kept(task_counts)
        self._code_rules: dict[str, dict[str, Callable[..., Any]]] = {}

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
            **options: ``sources``, ``merge``, ``out_of_scope``, ``separator``, ``guidelines`` of
                ``homegrown.label.task_from_column``.
        """
        return task_from_column(self.store, name, column, **options)

    def task(
        self,
        name: str,
        *,
        column: str | None = None,
        classes: Sequence[str] | None = None,
        many: bool = False,
        fields: Said | None = None,
        guidelines: str = "",
        **options: Any,
    ) -> Task:
        """The task *name*, to go on with; defined first where a column or classes are named.

        Args:
            name: of the task.
            column: whose values are the classes and, row by row, imported votes.
            classes: instead of a column: the possible answers, which people and others will vote for. Those that a
                task has already stay, under whatever name they have by now; what is missing is added.
            many: a record may have several of *classes*; a column tells by itself.
            fields: the answer is an object with these: a JSON Schema, or by name a type or choices.
            guidelines: how to decide, for whoever labels.
            **options: with a column: ``sources``, ``merge``, ``out_of_scope``, ``separator`` as for ``import_labels``.

        Raises:
            NotFoundError: neither is named, and there is no such task.
            InputError: both are named, or an option without a column.

        Example:
            >>> ws.task("intent", column="category")  # doctest: +SKIP
            Task 'intent', 12 classes
        """
        if fields is not None:
            if column is not None or classes is not None or many or options:
                raise InputError("The answer is an object with fields, or a choice among classes: name one of them.")
            before = self.store.tasks.find(name)
            named = fields_said(fields)
            found = self.define_object(name, named, guidelines=guidelines)
            notes = told_changes(before.fields if before else (), found.fields, [f.name for f in named])
            return Task(self, found, notes)
            before = self.store.tasks.find(clean_task_name(name))
            found = self.define_object(name, fields, guidelines=guidelines)
            return Task(self, found, told_changes(before.fields if before else (), found.fields))
        if column is not None and classes is None and not many:
            done = self.import_labels(name, column, guidelines=guidelines, **options)
            return Task(self, done.task, done.warnings)
        if column is not None or options:
            raise InputError("Name either the column whose values are the classes, or the classes themselves.")
        if classes is not None:
            return Task(self, self._define(name, classes, many=many, guidelines=guidelines))
        found = self.store.tasks.find(name)
        if found is None:
            known = ", ".join(self.store.tasks.names()) or "none yet"
            raise NotFoundError(f"There is no task {name!r}; name its column or its classes. Tasks: {known}.")
        return Task(self, found)

    def _define(self, name: str, classes: Sequence[str], *, many: bool, guidelines: str) -> tasks.Task:
        names = list(dict.fromkeys(classes))
        if isinstance(classes, str) or len(names) == 1 or not all(isinstance(c, str) and c.strip() for c in names):
            raise InputError(
                "A task needs at least two classes, each a name: classes=['refund', 'login']; or none to begin with."
            )
        names = [clean_name(n) for n in names]
        kind = TaskKind.CLASSES if many else TaskKind.CLASS
        return self.store.tasks.define(self.store.actor, name, names, kind=kind, guidelines=guidelines)

    def task_from_column(self, name: str, column: str, **options: Any) -> tasks.Task:
        """``import_labels`` for those who want the task alone."""
        return self.import_labels(name, column, **options).task

    def snapshot(self, task: tasks.Task, **plan: Any) -> Snapshot:
        """Freeze what is labelled now.

        Args:
            task: what to freeze.
            **plan: ``seed``, ``test_source``, ``test_of``, ``unlabelled``, ``group_by``, ``time_by``, ``similarity``,
                ``test_share``, ``valid_share`` and ``exclude_terms`` of ``homegrown.curate.SplitPlan``. Of a task
                that was made of calls more is kept out than elsewhere, for a bound is to be calibrated on it.
        """
        if not any(plan.get(name) for name in ("test_share", "test_source", "test_of", "group_by", "time_by")):
            plan |= {"test_share": share_to_keep(self.store.templates.list(), task.task_id)}
        return freeze(
            self.store, task, SplitPlan(**plan), label.join_votes, self._near, join_objects=label.join_objects
        )

    def train(self, snapshot: Snapshot, recipe: Recipe, name: str) -> ModelVersion:
        """Fit a model and register it; see ``homegrown.train``."""
        return train.train(self.store, snapshot, recipe, name, encoder=self.encoder, progress=self.progress)

    def model(self, model: str | ModelVersion) -> Model:
        """A model that is there, to go on with: by name (its champion), ``name@2``, or version id."""
        return Model(self, self._named(model))

    def predictor(self, model: str | ModelVersion | Model) -> Predictor:
        """A model, loaded once and kept."""
        version = self._named(model)
        if version.version_id not in self._predictors:
            folder = self.store.bundles.open(version.version_id, version.bundle_digest)
            self._predictors[version.version_id] = inference.load_predictor(folder)
        return self._predictors[version.version_id]

    def object_predictor(self, model: str | ModelVersion | Model) -> ObjectPredictor:
        """A model whose answers are objects, loaded once and kept."""
        version = self._named(model)
        if version.version_id not in self._object_predictors:
            folder = self.store.bundles.open(version.version_id, version.bundle_digest)
            self._object_predictors[version.version_id] = load_object_predictor(folder)
        return self._object_predictors[version.version_id]

    def predict(self, model: str | ModelVersion | Model, texts: list[str]) -> list[dict[str, Any]]:
        """Answers for *texts*.

        Returns:
            One dictionary per text: ``label`` (None means none of these), ``prob``, ``in_scope``; and ``labels``, all
            that apply, where a record may have several classes. Of answers that are objects: ``document``, by the
            task's JSON Schema, ``prob`` of the whole, and ``fields``: by name ``prob`` and ``spans``, the evidence.

        Raises:
            InputError: *texts* is one text, not a list of them.
        """
        if isinstance(texts, str):
            raise InputError("predict answers a list of texts; for one text: predict([text]).")
        if self._named(model).is_object:
            return objects_said(self.object_predictor(model), texts)
        predictor = self.predictor(model)
        found = []
        for answer in answers(predictor, predictor.predict(texts)):
            facts: dict[str, Any] = {"label": answer.label, "prob": answer.prob, "in_scope": answer.in_scope}
            found.append(facts if answer.labels is None else {**facts, "labels": list(answer.labels)})
        return found

    def deploy(self, model: str | ModelVersion | Model, endpoint: str, *, keep_text: bool | None = None) -> Endpoint:
        """Let a model answer for an endpoint."""
        return self.store.endpoints.deploy(self.store.actor, endpoint, self._named(model), keep_text=keep_text)

    def export(self, model: str | ModelVersion | Model, folder: Path) -> ExportReport:
        """Write a model where other software loads it; see ``homegrown.inference.export``."""
        version = self._named(model)
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
        self.lines.close()
        self.advisor.close()
        self.object_advisor.close()
        self.finish_choosing()
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
