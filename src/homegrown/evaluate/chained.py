"""What models that are asked one after the other answer together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from homegrown.metrics.risk_bound import clopper_pearson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from homegrown.evaluate.exit import Bound


def chain_bound(
    stages: Sequence[tuple[str, Bound]], *, delta: float, n: int, n_home: int, n_differ: int, agreement: float
) -> Bound:
    """One ``Bound`` for all stages, on all calls that none of their models learned from.

    Args:
        stages: who answers in each, with its own bound, in the order in which they are asked.
        delta: chance that the promise of any of them is wrong.
        n: calls.
        n_home: of them, those of which some stage is sure.
        n_differ: of those, the ones that the upstream answered otherwise.
        agreement: over all calls, by the last stage that was asked.

    Example:
        >>> import numpy as np
        >>> from homegrown.evaluate import exit_bound
        >>> sure = np.linspace(1, 0.5, 600)
        >>> one = exit_bound(sure, sure < 0.6, sure, ["a"] * 600, alpha=0.05, delta=0.025)
        >>> both = chain_bound([("a@1", one), ("b@1", one)], delta=0.05, n=900, n_home=810, n_differ=9, agreement=0.9)
        >>> both.coverage, round(both.disagreement, 4)
        (0.9, 0.0111)
    """
    bounds = [b for _, b in stages]
    able = [(name, b) for name, b in stages if b.threshold is not None]
    unable = [f"{name} by itself: {b.sentence}" for name, b in stages if b.threshold is None]
    more = [b.n_more for b in bounds if b.n_more is not None]
    differ = n_differ / n_home if n_home else None
    low, high = clopper_pearson(n_home, n)
    names = ", ".join(f"{name} {100 * b.coverage:.1f}%" for name, b in able)
    told = (
        f"They answer {100 * n_home / n:.1f}% of the calls at home (95% interval {100 * low:.1f} to {100 * high:.1f}), "
        f"each of the calls that it is asked about: {names}. At most {100 * bounds[0].alpha:g}% of their answers "
        f"differ from the upstream's, with confidence {100 * (1 - delta):g}%: of {n:,} calls that none of them "
        f"learned from they were sure of {n_home:,}, and differed in {100 * (differ or 0):.2f}% of those."
    )
    return replace(
        bounds[0], threshold=able[0][1].threshold if able else None, delta=delta, n=n, n_home=n_home,
        disagreement=differ, coverage=n_home / n, coverage_ci95=(low, high), agreement=agreement,
        n_more=0 if able else len(stages) * min(more) if more else None, usual=None,
        sentence=" ".join([told, *unable] if able else unable),
    )  # fmt: skip
