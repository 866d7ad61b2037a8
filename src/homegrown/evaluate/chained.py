"""Models that are asked one after the other: above which confidence each may answer, and what they answer together."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from homegrown.errors import InputError
from homegrown.evaluate.exit import exit_bound
from homegrown.metrics.risk_bound import clopper_pearson

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from homegrown.evaluate.exit import Bound


class Judged(NamedTuple):
    """A call as one stage sees it.

    Attributes:
        confidence: of its answer.
        is_wrong: the upstream said something else.
        in_scope: how much the text looks like one of its classes at all.
        answer: of it; the group in which drift is looked for.
    """

    confidence: float
    is_wrong: bool
    in_scope: float
    answer: str


@dataclass(frozen=True, slots=True)
class Chained:
    """What the calls say.

    Attributes:
        bounds: of each stage, on calls of its own.
        bound: of all stages together, on all calls.
    """

    bounds: tuple[Bound, ...]
    bound: Bound


def calibrate_chain(
    stages: Sequence[tuple[str, Callable[[list[int]], Sequence[Judged]]]],
    keys: Sequence[str],
    *,
    alpha: float,
    delta: float,
    plan: Sequence[float] = (),
    watch: bool = True,
) -> Chained:
    """A threshold for each stage, such that of all answers at home together at most *alpha* are wrong.

    The calls are dealt out to the stages by their keys. The threshold of a stage is chosen on its own calls alone, as
    far as those before it pass them on: what it is asked about was settled without its calls, so its test is as
    exact as that of a single model. Each has an equal part of *delta*; by the union bound (Bonferroni) all promises
    hold together with 1 - *delta*, and answers that are of groups in each of which at most *alpha* are wrong are so in
    sum. With one stage this is ``exit_bound``.

    Args:
        stages: names, and what each says of the calls at the places that it is asked about.
        keys: of the calls, which none of the models learned from: texts or their hashes, each once.
        alpha: disagreement that is borne among the answers given at home.
        delta: chance that the promise is wrong.
        plan: for the first stage; see ``exit_bound``.
        watch: see ``exit_bound``.

    Raises:
        InputError: a stage is passed no call, or a share is out of range.

    Example:
        >>> sure = np.linspace(1, 0, 800)
        >>> def quick(places):
        ...     return [Judged(sure[i], sure[i] < 0.5, 1.0, "a") for i in places]
        >>> def large(places):
        ...     return [Judged(sure[i], sure[i] < 0.1, 1.0, "a") for i in places]
        >>> keys = [str(i) for i in range(800)]
        >>> found = calibrate_chain([("q", quick), ("l", large)], keys, alpha=0.05, delta=0.05, watch=False)
        >>> 0.4 < found.bounds[0].coverage < 0.55, 0.85 < found.bound.coverage < 0.95
        (True, True)
    """
    own = [zlib.crc32(f"stage {key}".encode("utf-8", "surrogatepass")) % len(stages) for key in keys]
    left, last, home = list(range(len(keys))), dict[int, Judged](), set[int]()
    bounds: list[Bound] = []
    for i, (name, judge) in enumerate(stages):
        judged = dict(zip(left, judge(left), strict=True))
        mine = [j for k, j in judged.items() if own[k] == i]
        if not mine:
            raise InputError(
                f"There is no call on which {name} could be judged: name fewer models, or let more calls pass."
            )
        part = delta / len(stages)
        bound = _bound(mine, alpha=alpha, delta=part, plan=() if i else plan, watch=watch)
        bounds.append(bound)
        last |= judged
        home |= {k for k, j in judged.items() if bound.threshold is not None and j.confidence > bound.threshold}
        left = [k for k in left if k not in home]
    if len(stages) == 1:
        return Chained(tuple(bounds), bounds[0])
    named = [(name, bound) for (name, _), bound in zip(stages, bounds, strict=True)]
    return Chained(tuple(bounds), _together(named, last, home, delta))


def _bound(judged: Sequence[Judged], *, alpha: float, delta: float, plan: Sequence[float], watch: bool) -> Bound:
    wrong = np.array([j.is_wrong for j in judged], bool)
    sure = np.array([j.confidence for j in judged], float)
    inside = np.array([j.in_scope for j in judged], float)
    group = [j.answer for j in judged]
    return exit_bound(sure, wrong, inside, group, alpha=alpha, delta=delta, plan=plan, watch=watch)


def _together(stages: Sequence[tuple[str, Bound]], last: dict[int, Judged], home: set[int], delta: float) -> Bound:
    """Of all stages, on all calls; *last*: by the stage that was asked last."""
    n, n_home, alpha = len(last), len(home), stages[0][1].alpha
    differ = sum(last[k].is_wrong for k in home) / n_home if n_home else None
    able = [(name, b) for name, b in stages if b.threshold is not None]
    unable = [f"{name} by itself: {b.sentence}" for name, b in stages if b.threshold is None]
    more = [b.n_more for _, b in stages if b.n_more is not None]
    low, high = clopper_pearson(n_home, n)
    names = ", ".join(f"{name} {100 * b.coverage:.1f}%" for name, b in able)
    told = (
        f"They answer {100 * n_home / n:.1f}% of the calls at home (95% interval {100 * low:.1f} to {100 * high:.1f}), "
        f"each of the calls that it is asked about: {names}. At most {100 * alpha:g}% of their answers differ from the "
        f"upstream's, with confidence {100 * (1 - delta):g}%: of {n:,} calls that none of them learned from they were "
        f"sure of {n_home:,}, and differed in {100 * (differ or 0):.2f}% of those."
    )
    return replace(
        stages[0][1], threshold=able[0][1].threshold if able else None, delta=delta, n=n, n_home=n_home,
        disagreement=differ, coverage=n_home / n, coverage_ci95=(low, high),
        agreement=1.0 - sum(j.is_wrong for j in last.values()) / n,
        n_more=0 if able else len(stages) * min(more) if more else None, usual=None,
        sentence=" ".join([told, *unable] if able else unable),
    )  # fmt: skip
