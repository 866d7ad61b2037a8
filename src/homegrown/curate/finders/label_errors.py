"""Labels that are likely wrong, and records that lie between two classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from homegrown.core.issues import Found
from homegrown.metrics.label_errors import label_errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from homegrown.curate.examined import Crossed, Examined

_LEAST = 0.5
#: both of two classes are at least so probable, and next to nothing is left for others
_EACH, _BOTH = 0.35, 0.85


class LabelErrorFinder:
    """Confident learning on out-of-sample probabilities and neighbours (``metrics.label_errors``)."""

    kinds = ("label_error",)

    def find(self, here: Examined) -> Iterator[Found]:
        """Records whose label is more likely wrong than right."""
        for one in here.crossed:
            found = label_errors(one.given, one.probs)
            likely = np.flatnonzero((found.score >= _LEAST) & (one.probs.argmax(1) != one.given))
            for row in likely.tolist():
                yield self._found(here, one, row, float(found.score[row]), int(found.other[row]))

    def _found(self, here: Examined, one: Crossed, row: int, score: float, other: int) -> Found:
        classes = here.task.classes if here.task else ()
        given = classes[one.given[row]]
        own, theirs = one.probs[row, one.given[row]], one.probs[row, other]
        reason = (
            f"Labelled “{given.name}”, but a model that did not see this label and the nearest records say "
            f"“{classes[other].name}” ({theirs:.0%} against {own:.0%})."
        )
        details = {"class_id": classes[other].class_id, "given_id": given.class_id, "prob": round(float(theirs), 4)}
        return Found(one.record_ids[row], "label_error", score, reason, details=details)


class AmbiguousFinder:
    """Records of which two classes are about equally likely: the guideline may not decide them."""

    kinds = ("ambiguous",)

    def find(self, here: Examined) -> Iterator[Found]:
        """Records between two classes."""
        for one in here.crossed:
            top = np.argsort(-one.probs, axis=1)[:, :2]
            rows = np.arange(len(one.given))
            first, second = one.probs[rows, top[:, 0]], one.probs[rows, top[:, 1]]
            between = (second >= _EACH) & (first + second >= _BOTH)
            for row in np.flatnonzero(between).tolist():
                yield self._found(here, one, row, top[row].tolist(), float(1 - (first - second)[row]))

    def _found(self, here: Examined, one: Crossed, row: int, pair: list[int], score: float) -> Found:
        classes = here.task.classes if here.task else ()
        given = int(one.given[row])
        other = pair[1] if pair[0] == given else pair[0]
        a, b = (f"“{classes[k].name}” ({one.probs[row, k]:.0%})" for k in pair)
        reason = f"As much like {a} as like {b}: the guideline may not decide it."
        details = {"class_id": classes[other].class_id, "given_id": classes[given].class_id}
        return Found(one.record_ids[row], "ambiguous", score, reason, details=details)


class RareClassFinder:
    """Classes with very few records, each shown by one of them."""

    kinds = ("rare_class",)

    def find(self, here: Examined) -> Iterator[Found]:
        """One record of each class that has fewer than ten and a tenth of the middle class."""
        if here.task is None:
            return
        given = here.given
        counts = np.bincount(given[given >= 0], minlength=len(here.task.classes))
        if not (counts > 0).any():
            return
        middle = float(np.median(counts[counts > 0]))
        for place in np.flatnonzero((counts > 0) & ((counts < 10) | (counts < middle / 10))).tolist():
            n, name = int(counts[place]), here.task.classes[place].name
            reason = f"“{name}” has {n:,} {'record' if n == 1 else 'records'}; the middle class has {middle:,.0f}. "
            reason += "Label more of it, or merge it into another class."
            first = here.ids(np.flatnonzero(given == place)[:1])[0]
            score = 1 / (1 + n / 5)
            yield Found(first, "rare_class", score, reason, details={"class_id": here.task.classes[place].class_id})
