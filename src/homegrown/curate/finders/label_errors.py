"""Labels that are likely wrong, and records that lie between two classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from homegrown.core.issues import Found

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
            likely = np.flatnonzero((one.score >= _LEAST) & (one.pair[:, 0] != one.given))
            for row in likely.tolist():
                yield self._found(here, one, row)

    def _found(self, here: Examined, one: Crossed, row: int) -> Found:
        classes = here.task.classes if here.task else ()
        given, other, prob = classes[one.given[row]], classes[one.other[row]], float(one.pair_prob[row, 0])
        reason = (
            f"Labelled “{given.name}”, but a model that did not see this label and the nearest records say "
            f"“{other.name}” ({prob:.0%} against {one.own[row]:.0%})."
        )
        details = {"class_id": other.class_id, "given_id": given.class_id, "prob": round(prob, 4)}
        return Found(one.record_ids[row], "label_error", float(one.score[row]), reason, details=details)


class AmbiguousFinder:
    """Records of which two classes are about equally likely: the guideline may not decide them."""

    kinds = ("ambiguous",)

    def find(self, here: Examined) -> Iterator[Found]:
        """Records between two classes."""
        for one in here.crossed:
            first, second = one.pair_prob.T
            for row in np.flatnonzero((second >= _EACH) & (first + second >= _BOTH)).tolist():
                yield self._found(here, one, row)

    def _found(self, here: Examined, one: Crossed, row: int) -> Found:
        classes = here.task.classes if here.task else ()
        given, pair, probs = int(one.given[row]), one.pair[row].tolist(), one.pair_prob[row].tolist()
        other = pair[1] if pair[0] == given else pair[0]
        a, b = (f"“{classes[k].name}” ({p:.0%})" for k, p in zip(pair, probs, strict=True))
        reason = f"As much like {a} as like {b}: the guideline may not decide it."
        details = {"class_id": classes[other].class_id, "given_id": classes[given].class_id}
        return Found(one.record_ids[row], "ambiguous", 1 - (probs[0] - probs[1]), reason, details=details)


class RareClassFinder:
    """Classes with very few records, each shown by one of them."""

    kinds = ("rare_class",)

    def find(self, here: Examined) -> Iterator[Found]:
        """One record of each class that has fewer than ten, or than a tenth of the middle class."""
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
