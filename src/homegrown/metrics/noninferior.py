"""Is the new one at most a stated margin worse than the old one, on the same rows?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from homegrown.metrics.paired import mcnemar

PASSES, LOSES, OPEN = "passes", "loses", "open"
_LEVEL_Z, _POWER_Z = 1.96, 0.8416
MOST = 200


@dataclass(frozen=True, slots=True)
class NonInferior:
    """The verdict on one set of rows.

    Attributes:
        n: rows.
        old: accuracy of the old one.
        new: accuracy of the new one.
        difference: new minus old.
        difference_ci95: its 95% interval.
        verdict: ``passes`` when the whole interval lies above minus the margin; ``loses`` when the loss is at least the
            margin, or surely above zero; else ``open``.
        n_more: rows that are missing for an answer, where it is open.
    """

    n: int
    old: float
    new: float
    difference: float
    difference_ci95: tuple[float, float]
    verdict: str
    n_more: int | None


def non_inferior(new: np.ndarray, old: np.ndarray, margin: float) -> NonInferior:
    """Test *new* against *old*, both bool [n] (right or not), with a margin of accuracy between 0 and 1.

    The lower end of a two-sided 95% interval above minus the margin is a one-sided test at 2.5% (Wellek 2010, "Testing
    statistical hypotheses of equivalence and noninferiority", chapter 5); the interval is Newcombe's for paired shares
    (``intervals.paired_difference``). Several such tests that must all pass need no correction: each may only keep the
    old one (Berger 1982, "Multiparameter hypothesis testing and acceptance sampling").

    Example:
        >>> right = np.arange(2000) % 10 > 0
        >>> non_inferior(right, right, 0.01).verdict, non_inferior(right[:100], right[:100], 0.01).verdict
        ('passes', 'open')
    """
    pair = mcnemar(new, old)
    low, high = pair.difference_ci95
    verdict, n_more = OPEN, None
    if pair.n and low > -margin:
        verdict = PASSES
    elif pair.n and (pair.difference <= -margin or high < 0):
        verdict = LOSES
    else:
        n_more = _n_more(pair.n, pair.n_first + pair.n_second, pair.difference, margin)
    share = (pair.n_both + pair.n_second) / max(pair.n, 1)
    return NonInferior(pair.n, share, share + pair.difference, pair.difference, (low, high), verdict, n_more)


def _n_more(n: int, n_differ: int, difference: float, margin: float) -> int:
    """Rows still missing for 80% power if new ones differ as these do (Connor 1987, Biometrics 43:207).

    How often the two differ is taken from the posterior mean, so that no row on which they do is not "never".
    """
    share = (n_differ + 1) / (n + 2)
    room = max(difference + margin, margin / 10, 1e-4)
    wanted = (_LEVEL_Z + _POWER_Z) ** 2 * max(share - difference**2, 1e-6) / room**2
    return int(max(1, min(np.ceil(wanted) - n, MOST * max(n, 100))))
