"""How right answers of several fields are: field by field, and whole objects.

Values are those of ``core.schema``: a field that is left out of the truth was not looked at and does not count; None
says that it is not there, and an answer of None, or none at all, is right then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from homegrown.core.said import is_right
from homegrown.core.schema import Field, FieldType
from homegrown.metrics.intervals import wilson

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence


@dataclass(frozen=True, slots=True)
class FieldScore:
    """One field over the objects whose truth is known for it.

    Attributes:
        n: objects.
        n_there: of them, those where it is there.
        n_answered: those where something was answered.
        exact: share of answers that say the same, span for span and letter for letter.
        normalised: share that means the same: 12.50 and 12.5; an amount in any currency where the truth names none;
            words that differ in case, spaces and signs around them.
        invented: answered where it is not there.
        missed: not answered where it is.
        wrong: answered otherwise than it is, by ``normalised``.
        precision: share of what was answered that means the same.
        recall: share of what is there that was answered so.
    """

    name: str
    n: int
    n_there: int
    n_answered: int
    exact: float
    exact_ci95: tuple[float, float]
    normalised: float
    normalised_ci95: tuple[float, float]
    invented: int
    missed: int
    wrong: int
    precision: float
    precision_ci95: tuple[float, float]
    recall: float
    recall_ci95: tuple[float, float]


@dataclass(frozen=True)
class ObjectScores:
    """All fields, and whole objects: every field right.

    Attributes:
        n: objects.
        n_whole: of them, those whose truth is known for every field; whole objects are counted among these.
        exact: share of whole objects that say the same.
        normalised: share that means the same.
        fields: by id.
        known: bool [n_fields, n], where the truth is known.
        right: bool [n_fields, n], by ``normalised``; for slices and paired tests (``metrics.paired.mcnemar``).
        right_exactly: bool [n_fields, n], by ``exact``.
    """

    n: int
    n_whole: int
    exact: float
    exact_ci95: tuple[float, float]
    normalised: float
    normalised_ci95: tuple[float, float]
    fields: dict[str, FieldScore]
    known: np.ndarray
    right: np.ndarray
    right_exactly: np.ndarray

    @property
    def whole(self) -> tuple[np.ndarray, np.ndarray]:
        """Where whole objects are counted, and where they are right, bool [n] each."""
        return np.atleast_1d(self.known.all(0)), np.atleast_1d(self.right.all(0))


def object_scores(
    fields: Sequence[Field],
    truth: Sequence[Mapping[str, Any]],
    answer: Sequence[Mapping[str, Any]],
    *,
    texts: Sequence[str] | None = None,
) -> ObjectScores:
    """Score *answer* against *truth*; intervals are Wilson's.

    Args:
        fields: of the task.
        truth: of each object ``{field_id: answer}``, as within a vote's ``fields``.
        answer: likewise.
        texts: of the objects, so that spans with the same words mean the same; without them only the same span does.

    Raises:
        ValueError: the numbers of objects differ.

    Example:
        >>> field = Field("f_1", "total", FieldType.NUMBER)
        >>> truth, answer = [{"f_1": {"value": "12.50"}}, {"f_1": None}], [{"f_1": {"value": "12.5"}}, {}]
        >>> done = object_scores([field], truth, answer)
        >>> done.fields["f_1"].exact, done.fields["f_1"].normalised, done.normalised
        (0.5, 1.0, 1.0)
    """
    if len(truth) != len(answer) or (texts is not None and len(texts) != len(truth)):
        n_texts = "no" if texts is None else f"{len(texts):,}"
        raise ValueError(f"There are {len(truth):,} true objects, {len(answer):,} answers and {n_texts} texts.")
    n = len(truth)
    known = np.zeros((len(fields), n), bool)
    right, exactly = known.copy(), known.copy()
    scores = {}
    for k, one in enumerate(fields):
        known[k] = [one.field_id in t for t in truth]
        true = [t.get(one.field_id) for t in truth]
        said = [a.get(one.field_id) for a in answer]
        exactly[k] = [exact_key(one, t) == exact_key(one, a) for t, a in zip(true, said, strict=True)]
        pairs = zip(true, said, texts or [None] * n, strict=True)
        right[k] = [is_right(one, t, a, text) for t, a, text in pairs]
        right[k] |= exactly[k]
        there = np.array([t is not None for t in true], bool)[known[k]]
        given = np.array([a is not None for a in said], bool)[known[k]]
        scores[one.field_id] = _score(one.name, there, given, exactly[k][known[k]], right[k][known[k]])
    whole = known.all(0)
    n_whole = int(whole.sum())
    counts = [int((r.all(0) & whole).sum()) for r in (exactly, right)]
    return ObjectScores(
        n=n,
        n_whole=n_whole,
        exact=counts[0] / max(1, n_whole),
        exact_ci95=wilson(counts[0], n_whole),
        normalised=counts[1] / max(1, n_whole),
        normalised_ci95=wilson(counts[1], n_whole),
        fields=scores,
        known=known,
        right=right & known,
        right_exactly=exactly & known,
    )


def _score(name: str, there: np.ndarray, given: np.ndarray, exactly: np.ndarray, right: np.ndarray) -> FieldScore:
    n, n_there, n_answered, hits = len(there), int(there.sum()), int(given.sum()), int((right & there & given).sum())
    n_exact, n_right = int(exactly.sum()), int(right.sum())
    return FieldScore(
        name=name,
        n=n,
        n_there=n_there,
        n_answered=n_answered,
        exact=n_exact / max(1, n),
        exact_ci95=wilson(n_exact, n),
        normalised=n_right / max(1, n),
        normalised_ci95=wilson(n_right, n),
        invented=int((given & ~there).sum()),
        missed=int((there & ~given).sum()),
        wrong=int((there & given & ~right).sum()),
        precision=hits / max(1, n_answered),
        precision_ci95=wilson(hits, n_answered),
        recall=hits / max(1, n_there),
        recall_ci95=wilson(hits, n_there),
    )


def exact_key(one: Field, answer: Mapping[str, Any] | None) -> Hashable:
    """What two answers have in common that say the same; where in the text the evidence stands does not matter."""
    if answer is None:
        return None
    if one.type is FieldType.SPAN:
        return frozenset((start, end) for start, end in answer["spans"])
    if one.type is FieldType.CHOICE:
        return frozenset(answer["choices"])
    if one.type is FieldType.LIST:
        return tuple(tuple(exact_key(f, item.get(f.field_id)) for f in one.fields) for item in answer["items"])
    return answer["value"], answer.get("currency")
