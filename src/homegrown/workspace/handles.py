"""What a notebook holds: a Task, a Model and an Evaluation with their workspace behind them.

Each method is one verb of ``Workspace``; nothing is decided here.
"""

from __future__ import annotations

import sys
from html import escape
from typing import TYPE_CHECKING, Any, TypeVar

from homegrown import evaluate
from homegrown.core.models import Recipe

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from homegrown.core import tasks
    from homegrown.core.models import ModelVersion, Snapshot
    from homegrown.label.rules.run import RulesRun
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

    def train(
        self, snapshot: Snapshot, recipe: str = "auto", *, name: str | None = None, seed: int = 0, **options: Any
    ) -> Model:
        """Fit a model on *snapshot* and register it.

        Args:
            snapshot: of this task.
            recipe: ``lexical``, ``static``, ``linear``, ``finetune``, ``auto``, or a plug-in's.
            name: of the model; default: the task's. A name that is there gets a new version.
            seed: the only source of chance.
            **options: of the recipe, e.g. ``budget_s=60`` for ``auto``.

        Raises:
            InputError: the recipe is unknown, or an option of it.
        """
        version = self._workspace.train(snapshot, Recipe(recipe, options, seed), name or self.name)
        return Model(self._workspace, version)

    def __repr__(self) -> str:
        return "\n".join([f"Task {self.name!r}, {len(self.classes)} classes", *(f"note: {n}" for n in self.notes)])


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
        else:
            evaluate.show(self.document, self._workspace.quoted(self.document))

    def save(self, path: Path | None = None) -> Path:
        """Write the report as one HTML file; see ``Workspace.write_report``."""
        return self._workspace.write_report(self.document, path)

    def _repr_html_(self) -> str:
        # In a frame of its own: the page's style sheet would restyle the notebook, and nothing in it may run.
        page = evaluate.render(self.document, self._workspace.quoted(self.document))
        return (
            f'<iframe srcdoc="{escape(page)}" sandbox="" title="Report of {escape(self.document["model"])}" '
            f'width="100%" height="{_FRAME_HEIGHT}" style="border:0"></iframe>'
        )

    def __repr__(self) -> str:
        return f"{self.document['model']}: {self.document['sentence']}"
