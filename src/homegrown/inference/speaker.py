"""What the models of one stage say of a text together, and how sure they are that all of it is right."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from homegrown.core.routing import NEVER, set_of
from homegrown.inference.answers import answers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from homegrown.core.protocols import Predictor
    from homegrown.core.routing import ExitPart
    from homegrown.inference.answers import Answer


class FieldSaid(NamedTuple):
    """One field of what a model of objects says.

    Attributes:
        answer: as ``core.schema`` has it; None: it is not there.
        written: as the upstream would write it, JSON; empty where its name is left out, None where it never said that.
        confidence: that the upstream would say the same; ``NEVER`` where it cannot be given.
        prob: the model's own.
    """

    name: str
    field_id: str
    answer: dict[str, Any] | None
    written: str | None
    confidence: float
    prob: float


class Said(NamedTuple):
    """Of one text.

    Attributes:
        classes: what each model says (``ExitPart.class_of``); empty for none of these.
        confidence: that all of it is what the upstream would say; ``NEVER`` where it was never seen to say it.
        in_scope: the lowest of them.
        probs: of each model's own answer, or of each field.
        fields: of a model of objects.
    """

    classes: tuple[str, ...]
    confidence: float
    in_scope: float
    probs: tuple[float, ...]
    fields: tuple[FieldSaid, ...] = ()

    @property
    def answer(self) -> str:
        """All of it as one name."""
        return " | ".join(self.classes)


class Speaker:
    """Models that answer together.

    The confidence of several answers at once is the product of their probabilities, which is the chance that all of
    them are right where they are independent given the text (Dembczyński, Waegeman, Cheng, Hüllermeier 2012, of
    several labels). Nothing rests on that independence: the threshold is chosen on whole answers.

    Args:
        parts: what each model gives.
        predictors: one for each part.
    """

    def __init__(self, parts: Sequence[ExitPart], predictors: Sequence[Predictor]) -> None:
        self._parts, self._predictors = parts, predictors

    def __call__(self, texts: list[str]) -> list[Said]:
        """What they say of each text."""
        by_part = [
            answers(p, p.predict(texts), top=len(p.class_names) if part.is_many else 1)
            for part, p in zip(self._parts, self._predictors, strict=True)
        ]
        return [self._together(row) for row in zip(*by_part, strict=True)]

    def _together(self, row: tuple[Answer, ...]) -> Said:
        found = [_class_of(part, answer) for part, answer in zip(self._parts, row, strict=True)]
        classes, probs = tuple(c for c, _ in found), tuple(p for _, p in found)
        is_known = all(c in part.spellings for part, c in zip(self._parts, classes, strict=True))
        sure = math.prod(probs) if is_known else NEVER
        return Said(classes, sure, min(a.in_scope for a in row), probs)


def _class_of(part: ExitPart, answer: Answer) -> tuple[str, float]:
    """What a model says, and how likely that is: of a set, that every class of it is right and none is missing."""
    if part.is_many:
        chosen = answer.labels or ()
        return set_of(chosen), math.prod(p if name in chosen else 1.0 - p for name, p in answer.top)
    return ("", 1.0 - answer.in_scope) if answer.label is None else (answer.label, answer.prob)
