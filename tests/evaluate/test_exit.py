"""Whether a model may answer in the upstream's place, and how many more calls it takes."""

import numpy as np
import pytest

from homegrown.core.routing import NEVER
from homegrown.errors import InputError
from homegrown.evaluate import exit_bound
from homegrown.metrics.risk_bound import risk_bound


def calls(seed, n, worst=0.3):
    """Confidence, and whether the model differs: from never where it is sure to *worst* where it is not."""
    rng = np.random.default_rng(seed)
    sure = rng.uniform(size=n)
    return sure, rng.uniform(size=n) < worst * np.maximum(0, 0.5 - sure)


def bound(sure, wrong, alpha=0.02):
    return exit_bound(sure, wrong, sure, ["a"] * len(sure), alpha=alpha, delta=0.05)


def test_a_threshold_says_its_coverage_and_is_never_below_what_was_seen():
    sure, wrong = calls(0, 2000)
    found = bound(sure, wrong)
    assert found.threshold >= sure.min() - 1e-9
    assert found.n_home == (sure > found.threshold).sum()
    assert found.coverage_ci95[0] < found.coverage < found.coverage_ci95[1]
    assert f"{100 * found.coverage:.1f}%" in found.sentence
    assert found.usual is not None
    assert bound(sure, np.zeros(2000, bool)).threshold == pytest.approx(sure.min())


def test_what_may_not_be_given_is_in_no_coverage():
    sure, wrong = calls(1, 1000)
    sure[:600] = NEVER
    found = bound(sure, np.where(sure == NEVER, True, wrong & False))
    assert (found.n_home, found.coverage) == (400, 0.4)
    assert found.threshold > NEVER


def test_the_calls_that_are_said_to_be_missing_are_enough_about_as_often_as_not():
    enough, n = 0, 120
    for seed in range(40):
        first = bound(*calls(seed, n))
        assert first.threshold is None
        assert f"{first.n_more:,} more such calls" in first.sentence
        assert 30 <= first.n_more <= 2000
        again = risk_bound(*calls(1000 + seed, n + first.n_more), alpha=0.02)
        enough += again.threshold is not None
    assert enough >= 20


def test_more_calls_are_not_asked_for_where_they_cannot_help():
    rng = np.random.default_rng(3)
    sure = rng.uniform(size=2000)
    found = bound(sure, rng.uniform(size=2000) < 0.3)
    assert (found.threshold, found.n_more) == (None, None)
    assert "not more calls" in found.sentence
    with pytest.raises(InputError):
        bound(sure[:0], sure[:0] > 1)


def test_thresholds_of_a_plan_are_set_without_the_calls_and_hold_whatever_the_confidence_means():
    """Errors fall with confidence, rise with it, or come in bands; in each the promise is broken in at most 5%."""
    rng = np.random.default_rng(4)
    truths = (
        lambda s: 0.4 * np.maximum(0, 0.6 - s),
        lambda s: 0.2 * s,
        lambda s: np.where((10 * s) % 2 < 1, 0.0, 0.12),
    )
    for truth in truths:
        every = np.linspace(0, 1, 20_001)
        plan = np.quantile(rng.uniform(size=300), np.linspace(1, 0, 51))
        broken = n_on = 0
        for _ in range(300):
            sure = rng.uniform(size=800)
            wrong = rng.uniform(size=800) < truth(sure)
            found = exit_bound(sure, wrong, sure, ["a"] * 800, alpha=0.05, delta=0.05, plan=plan, watch=False)
            assert found.threshold is None or found.threshold in plan
            n_on += found.threshold is not None
            broken += found.threshold is not None and truth(every[every > found.threshold]).mean() > 0.05
        assert broken <= 24, "of 300; 15 are expected at most"
        assert (n_on > 200) == (truth is truths[0])


def test_calls_that_a_plan_would_never_try_do_not_promise_that_a_few_more_are_enough():
    sure = np.linspace(1, 0, 2000)
    wrong = (sure < 0.8) & (np.arange(2000) % 15 == 0)  # right in the surest fifth, where no plan begins
    plan = np.linspace(1, 0, 51)
    found = exit_bound(sure, wrong, sure, ["a"] * 2000, alpha=0.02, delta=0.05, plan=plan)
    assert (found.threshold, found.n_more) == (None, None)
    assert bound(sure[:120], wrong[:120]).n_more
