"""Which recipe each field of an object is learnt by: as somebody says, or the best of a ladder within a budget.

Choices and booleans climb the ladder of classes (``train.auto``), spans inside of lines that of ``train.span_ladder``.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from homegrown.core.field_names import by_any_name
from homegrown.core.schema import FieldType
from homegrown.train.span_ladder import climb_spans
from homegrown.train.span_students import span_student
from homegrown.train.spans import fit_spans

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from homegrown.core.protocols import Progress
    from homegrown.core.schema import Field
    from homegrown.inference.encoder import Encoder
    from homegrown.train.span_data import SpanExamples

#: validation texts from which on rungs are compared; with fewer the usual one is taken
LEAST_TO_COMPARE, USUAL = 10, "linear"


@dataclass(frozen=True, slots=True)
class FieldsOptions:
    """Options of ``fields``.

    Attributes:
        choices: recipe for closed choices and booleans; ``auto`` climbs the ladder for each of them.
        spans: rung of ``train.spans`` for spans inside of lines and for lists: ``patterns``, ``crf``, ``linear``,
            ``finetune``; ``auto`` climbs them.
        by_field: for single fields by name, also by one that they had, in place of both.
        rounds: of students on texts without a label, one at most, for spans by ``linear`` (``train.span_students``),
            kept as validation texts say; 0 leaves them out.
        budget_s: seconds for what ``auto`` tries, shared among the fields.
        least_gain: share of validation rows that a larger rung must win to be taken by ``auto``.
    """

    choices: str = "linear"
    spans: Literal["patterns", "crf", "linear", "finetune", "auto"] = "linear"
    by_field: dict[str, str] = field(default_factory=dict)
    rounds: int = 1
    budget_s: float = 300.0
    least_gain: float = 0.003


class FieldsLadder:
    """What is tried, and what was chosen.

    Args:
        options: of the recipe.
        fields: of the task.

    Attributes:
        rows: of the ladder, as ``Fitted`` holds them; each names its fields before its rung.
        decisions: sentences on what was taken without a comparison.
    """

    def __init__(self, options: FieldsOptions, fields: Sequence[Field]) -> None:
        named = by_any_name(fields)
        by_field = {named[n].name if n in named else n: rung for n, rung in options.by_field.items()}
        self._options = replace(options, by_field=by_field)
        self._until = time.monotonic() + options.budget_s
        is_choice = [f.type in (FieldType.CHOICE, FieldType.BOOLEAN) for f in fields]
        is_list = [f.type is FieldType.LIST for f in fields]
        self._to_climb = sum(is_choice) + sum(is_list) + any(f.type is FieldType.SPAN for f in fields)
        self._chosen: dict[str, str] = {}
        self.rows: list[dict[str, Any]] = []
        self.decisions: list[str] = []

    def decided(self) -> FieldsOptions:
        """The options that come to the same without a ladder."""
        if not self._chosen:
            return self._options
        spans = USUAL if self._options.spans == "auto" else self._options.spans
        choices = USUAL if self._options.choices == "auto" else self._options.choices
        return replace(self._options, spans=spans, choices=choices, by_field={**self._options.by_field, **self._chosen})

    def choice(self, name: str, n_valid: int) -> tuple[str, dict[str, Any]]:
        """The recipe of a choice, and its options.

        Args:
            name: of the field.
            n_valid: validation rows on which somebody looked at it.
        """
        recipe = self._enough([name], self._options.by_field.get(name, self._options.choices), n_valid)
        if recipe != "auto":
            return recipe, {}
        return recipe, {"budget_s": self._share(), "least_gain": self._options.least_gain}

    def chose(self, name: str, recipe: str, rows: Sequence[dict[str, Any]]) -> None:
        """Keep what the ladder of classes came to for a choice."""
        self._keep([name], recipe, rows)

    def fit_finder(
        self,
        names: Sequence[str],
        train: SpanExamples,
        valid: SpanExamples,
        unlabelled: Sequence[str] = (),
        *,
        seed: int,
        folder: Path,
        encoder: Encoder,
        progress: Progress,
    ) -> str:
        """A model that finds the spans of the fields *names*, in ``folder / "bundle"``; returns its rung."""
        said = next((r for name in names if (r := self._options.by_field.get(name))), self._options.spans)
        rung = self._enough(names, said, len(valid))
        known: dict[str, Any] = {"seed": seed, "folder": folder, "encoder": encoder, "progress": progress}
        if rung != "auto":
            fit_spans(train, valid, {"rung": rung}, **known)
            if rung == USUAL and self._options.rounds:
                said = span_student(train, valid, unlabelled, {"rung": rung}, **known)
                self.decisions += [f"{', '.join(names)}: {said}."] if said else []
            return rung
        climb = climb_spans(train, valid, budget_s=self._share(), least_gain=self._options.least_gain, **known)
        self._keep(names, climb.rung, climb.ladder)
        return climb.rung

    def _keep(self, names: Sequence[str], rung: str, rows: Sequence[dict[str, Any]]) -> None:
        self._chosen |= dict.fromkeys(names, rung)
        self.rows += [{**row, "recipe": f"{', '.join(names)}: {row['recipe']}"} for row in rows]

    def _enough(self, names: Sequence[str], rung: str, n_valid: int) -> str:
        """*rung*, or the usual one where it climbs and too few validation texts could tell which is better."""
        if rung != "auto" or n_valid >= LEAST_TO_COMPARE:
            return rung
        self._to_climb -= 1
        self._chosen |= dict.fromkeys(names, USUAL)
        told = f"{', '.join(names)}: {USUAL}, for {n_valid} validation texts are too few to compare by."
        self.decisions.append(told)
        return USUAL

    def _share(self) -> float:
        """Seconds for the next part that climbs: of the time that is left, as much as for each of the others."""
        left, parts = self._until - time.monotonic(), max(1, self._to_climb)
        self._to_climb -= 1
        return max(1.0, left / parts)
