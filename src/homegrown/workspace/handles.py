"""What a notebook holds: a Task, a Model and an Evaluation with their workspace behind them.

Each method is one verb of ``Workspace``; nothing is decided here.
"""

from __future__ import annotations

import sys
from html import escape
from typing import TYPE_CHECKING, Any, TypeVar

from homegrown import evaluate
from homegrown.core.models import Recipe
from homegrown.evaluate.object_document import SCHEMA as OBJECTS
from homegrown.evaluate.object_terminal import object_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from homegrown.core import tasks
    from homegrown.core.discovery import Discovery
    from homegrown.core.issues import Issue
    from homegrown.core.models import ModelVersion, Snapshot
    from homegrown.core.schema import Field
    from homegrown.curate import IssueReport
    from homegrown.govern.people import Invitation
    from homegrown.label.exchange import ExportedLabels, ImportedVotes
    from homegrown.label.imported_answers import ImportedAnswers
    from homegrown.label.ours import ModelVotes
    from homegrown.label.outlook import Forecast
    from homegrown.label.rules.run import RulesRun
    from homegrown.workspace.discovering import Suggested
    from homegrown.workspace.people import Team
    from homegrown.workspace.station import QueuePage
    from homegrown.workspace.workspace import Workspace

_FRAME_HEIGHT = 720
RuleFunction = TypeVar("RuleFunction", bound="Callable[..., Any]")


class Task:
    """A task of a workspace, as ``Workspace.task`` gives it.

    Attributes:
        noun: the task itself, in the version that was newest when it was asked for.
        notes: sentences about its labels that a person should read.

    Example:
        >>> task = ws.task("intent", column="category")  # doctest: +SKIP
        >>> model = task.train(task.snapshot())  # doctest: +SKIP
    """

    def __init__(self, workspace: Workspace, noun: tasks.Task, notes: tuple[str, ...] = ()) -> None:
        self._workspace, self.noun, self.notes = workspace, noun, notes

    @property
    def name(self) -> str:
        """The task's name."""
        return self.noun.name

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of its classes, in the order that probabilities follow."""
        return self.noun.class_names

    @property
    def fields(self) -> tuple[Field, ...]:
        """Of an answer that is an object."""
        return self.noun.fields

    def import_answers(self, column: str | None = None, **reading: Any) -> ImportedAnswers:
        """Take what columns say as imported votes; see ``Workspace.import_answers``."""
        return self._workspace.import_answers(self.noun, column, **reading)

    def add_class(self, name: str, description: str = "", examples: Sequence[str] = ()) -> Task:
        """One class more. This and the next ones change the task for everybody, and return it anew."""
        return self._after(self._workspace.add_class(self.noun, name, description, examples))

    def rename_class(self, which: str, name: str) -> Task:
        """Another name; votes stay."""
        return self._after(self._workspace.rename_class(self.noun, which, name))

    def rename_field(self, which: str, name: str) -> Task:
        """Another name for a field, in a list ``lines.price``; votes stay. See ``Workspace.rename_field``.

        ``notes`` of what comes back name the models that still answer under the old one.
        """
        noun = self._workspace.rename_field(self.noun, which, name)
        return Task(self._workspace, noun, self._workspace.names_learnt(noun))

    def describe_class(self, which: str, description: str | None = None, examples: Sequence[str] | None = None) -> Task:
        """Another description or other examples; what is None stays."""
        return self._after(self._workspace.describe_class(self.noun, which, description, examples))

    def merge_classes(self, which: Iterable[str], into: str) -> Task:
        """Several become one, a present class or a new name; all their votes count for it."""
        return self._after(self._workspace.merge_classes(self.noun, which, into))

    def split_class(self, which: str, parts: Iterable[str]) -> Task:
        """One becomes several, which share its votes until somebody says which."""
        return self._after(self._workspace.split_class(self.noun, which, parts))

    def remove_class(self, which: str) -> Task:
        """A class less; its votes stay and count for nothing."""
        return self._after(self._workspace.remove_class(self.noun, which))

    def set_guidelines(self, text: str) -> Task:
        """How to decide, in Markdown."""
        return self._after(self._workspace.set_guidelines(self.noun, text))

    def restore(self, version: int | None = None) -> Task:
        """An earlier version again, by default the one before the newest: undo, and again redo."""
        return self._after(self._workspace.restore_task(self.noun, version))

    def _after(self, noun: tasks.Task) -> Task:
        return Task(self._workspace, noun)

    def rule(self, function: RuleFunction) -> RuleFunction:
        """Decorate a function of one record: from now on ``label`` asks it of every record.

        The record has ``text``, ``fields`` (a mapping), ``source`` and ``record_id``. The answer is the name of a
        class, a list of them where a record may have several, ``homegrown.ABSTAIN``, or a pair of these and a
        confidence.

        Example:
            >>> @task.rule
            ... def asks_refund(record):
            ...     return "refund" if "money back" in record.text else hg.ABSTAIN  # doctest: +SKIP
        """
        self._workspace.register_rule(self.noun, function)
        return function

    def label(self, **options: Any) -> RulesRun:
        """Let every rule vote on what it has not seen; see ``Workspace.run_rules``."""
        return self._workspace.run_rules(self.noun, **options)

    def snapshot(self, **plan: Any) -> Snapshot:
        """Freeze what is labelled now; *plan* as for ``Workspace.snapshot`` (``seed``, ``group_by`` …)."""
        return self._workspace.snapshot(self.noun, **plan)

    def next_records(self, n: int = 20, **options: Any) -> QueuePage:
        """The next records to label, held for the caller for a while; see ``Workspace.next_records``."""
        return self._workspace.next_records(self.noun, n, **options)

    def invite(self, name: str, role: str = "annotator") -> Invitation:
        """Invite somebody to label or to review; see ``Workspace.invite``."""
        return self._workspace.invite(self.noun, name, role)

    def team(self) -> Team:
        """Who labels, how far they agree, and what each seems to confuse; see ``Workspace.team``."""
        return self._workspace.team(self.noun)

    def find_issues(self, **what: Any) -> IssueReport:
        """Look for doubtful labels and records; *what* as for ``Workspace.find_issues`` (``kinds``, ``source``)."""
        return self._workspace.find_issues(self.noun, **what)

    def issues(self, **which: Any) -> list[Issue]:
        """The open ones, the most harmful first; *which* as for ``Workspace.issues`` (``kind``, ``limit`` …)."""
        return self._workspace.issues(self.noun, **which)

    def train(
        self, snapshot: Snapshot, recipe: str = "auto", *, name: str | None = None, seed: int = 0, **options: Any
    ) -> Model:
        """Fit a model on *snapshot* and register it.

        Args:
            snapshot: of this task.
            recipe: ``lexical``, ``static``, ``linear``, ``views``, ``finetune``, ``auto``, or a plug-in's.
            name: of the model; default: the task's. A name that is there gets a new version.
            seed: the only source of chance.
            **options: of the recipe, e.g. ``budget_s=60`` for ``auto``.

        Raises:
            InputError: the recipe is unknown, or an option of it.
        """
        version = self._workspace.train(snapshot, Recipe(recipe, options, seed), name or self.name)
        return Model(self._workspace, version)

    def ask(self, upstream: str, **options: Any) -> Any:
        """Let a model API outside vote; see ``Workspace.ask`` (``budget_usd``, ``limit``, ``dry_run`` …)."""
        return self._workspace.ask(self.noun, upstream, **options)

    def model_votes(self, model: str | None = None) -> ModelVotes:
        """Let a model of ours vote; see ``Workspace.model_votes``."""
        return self._workspace.model_votes(self.noun, model)

    def import_votes(self, path: str | Path, **options: Any) -> ImportedVotes:
        """Read what other labelling software exported; see ``Workspace.import_votes``."""
        return self._workspace.import_votes(self.name, path, **options)

    def export_labels(self, path: str | Path, *, format: str) -> ExportedLabels:
        """Write records and labels for other software; see ``Workspace.export_labels``."""
        return self._workspace.export_labels(self.noun, path, format=format)

    def discover(self, *sources: str, uncovered: bool = True) -> Discovery:
        """Group records that no class covers yet; see ``Workspace.discover``."""
        return self._workspace.discover(*sources, task=self.noun, uncovered=uncovered)

    def suggest(self, n: int = 10) -> list[Suggested]:
        """The records that are most worth labelling next; see ``Workspace.suggest``."""
        return self._workspace.suggest(self.name, n)

    def forecast(self) -> Forecast:
        """What more labels would bring, and whether to stop; see ``Workspace.forecast``."""
        return self._workspace.forecast(self.name)

    def __repr__(self) -> str:
        n = f"{len(self.noun.fields)} fields" if self.noun.fields else f"{len(self.classes)} classes"
        return "\n".join([f"Task {self.name!r}, {n}", *(f"note: {note}" for note in self.notes)])


class Model:
    """One version of a model, as ``Task.train`` and ``Workspace.model`` give it.

    Attributes:
        version: the version itself: its recipe, classes and details.
    """

    def __init__(self, workspace: Workspace, version: ModelVersion) -> None:
        self._workspace, self.version = workspace, version

    @property
    def name(self) -> str:
        """Name and number, as every verb takes them: ``intent@2``."""
        return f"{self.version.model_name}@{self.version.number}"

    def predict(self, texts: list[str]) -> list[dict[str, Any]]:
        """Answers for *texts*; see ``Workspace.predict``."""
        return self._workspace.predict(self.version, texts)

    def evaluate(
        self, *, split: str = "test", slice_by: str | None = None, compare: str | ModelVersion | Model | None = None
    ) -> Evaluation:
        """Score it on rows that it never saw; see ``Workspace.evaluate``."""
        found = self._workspace.evaluate(self.version, split=split, slice_by=slice_by, compare=compare)
        return Evaluation(self._workspace, found)

    def __repr__(self) -> str:
        return f"Model {self.name!r}, recipe {self.version.recipe}"


class Evaluation:
    """The result of an evaluation: the report in a notebook, one sentence anywhere else.

    Attributes:
        document: all of it, as ``homegrown evaluate --json`` prints it; ``evaluation["accuracy"]`` reads a part.
    """

    def __init__(self, workspace: Workspace, document: dict[str, Any]) -> None:
        self._workspace, self.document = workspace, document

    def __getitem__(self, part: str) -> Any:
        return self.document[part]

    def show(self) -> None:
        """Show the report: the page itself in a notebook, tables in a terminal."""
        shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
        if getattr(shell, "kernel", None) is not None:
            sys.modules["IPython"].display.display(self)
        elif self.document["schema"] == OBJECTS:
            lines = object_lines(self.document, self._workspace.errors_shown(self.document))
            sys.stdout.write("\n".join([*lines, ""]))
        else:
            evaluate.show(self.document, self._workspace.quoted(self.document))

    def save(self, path: str | Path | None = None) -> Path:
        """Write the report as one HTML file; see ``Workspace.write_report``."""
        return self._workspace.write_report(self.document, path)

    def _repr_html_(self) -> str:
        # In a frame of its own: the page's style sheet would restyle the notebook, and nothing in it may run.
        page = self._workspace.rendered(self.document)
        return (
            f'<iframe srcdoc="{escape(page)}" sandbox="" title="Report of {escape(self.document["model"])}" '
            f'width="100%" height="{_FRAME_HEIGHT}" style="border:0"></iframe>'
        )

    def __repr__(self) -> str:
        return f"{self.document['model']}: {self.document['sentence']}"
