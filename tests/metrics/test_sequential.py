"""Looking does not hurt: levels hold over all looks, where a fixed test that is looked at again and again does not."""

import numpy as np
import pytest

from homegrown.metrics.intervals import wilson_many
from homegrown.metrics.sequential import MeanSequence, RunningError, proportion


def differences(rng, n, mean, differ):
    return rng.choice([1.0, -1.0, 0.0], n, p=[(differ + mean) / 2, (differ - mean) / 2, 1 - differ])


def test_a_mean_is_refuted_falsely_as_seldom_as_said_while_a_fixed_test_fails():
    rng = np.random.default_rng(0)
    margin, wrong, fixed = 0.05, 0, 0
    for _ in range(150):
        values = differences(rng, 500, -margin, 0.2)
        seen = MeanSequence(-1, 1, aim=margin, marks=(-margin,), points=2)
        seen.update(values)
        wrong += seen.evidence_above(-margin) > np.log(20)
        n = np.arange(25, 501, 25)
        mean = np.cumsum(values)[n - 1] / n
        spread = np.sqrt(np.cumsum(values**2)[n - 1] / n - mean**2)
        fixed += bool((mean - 1.645 * spread / np.sqrt(n) > -margin).any())
    assert wrong <= 15
    assert fixed > 20


def test_an_equal_one_is_told_soon_and_the_interval_closes_in_on_the_truth():
    rng = np.random.default_rng(1)
    told = 0
    for _ in range(50):
        seen = MeanSequence(-1, 1, aim=0.05, marks=(-0.05,), points=2)
        seen.update(differences(rng, 1000, 0.0, 0.15))
        told += seen.evidence_above(-0.05) > np.log(20)
    assert told >= 40
    seen = MeanSequence(-1, 1, aim=0.05)
    widths = []
    for _ in range(5):
        seen.update(differences(rng, 600, 0.1, 0.3))
        low, high = seen.interval(0.05)
        assert low < 0.1 < high
        widths.append(high - low)
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < 0.09


def test_weighted_values_beyond_one_and_a_mean_within():
    rng = np.random.default_rng(2)
    missed = 0
    for _ in range(15):
        drawn = rng.random(1500) < 0.25
        values = np.where(drawn, 4.0, 0.0) * differences(rng, 1500, 0.05, 0.2)
        seen = MeanSequence(-4, 4, aim=0.05, within=(-1, 1), points=101)
        seen.update(values)
        low, high = seen.interval(0.05)
        missed += not low <= 0.05 <= high
        assert high - low < 0.4
    assert missed <= 4


def test_nothing_seen_says_nothing():
    low, high = MeanSequence(-1, 1, aim=0.02).interval(0.05)
    assert (low, high) == (-1, 1)
    assert proportion(0, 0) == (0.0, 1.0)


def test_a_proportion_is_covered_at_every_look_and_wilsons_interval_is_not():
    rng = np.random.default_rng(3)
    missed = plain = 0
    for _ in range(100):
        k = np.cumsum(rng.random(600) < 0.05)
        looks = np.arange(40, 601, 40)
        low, high = wilson_many(k[looks - 1], looks)
        plain += bool(((low > 0.05) | (high < 0.05)).any())
        bounds = [proportion(int(k[n - 1]), int(n)) for n in looks]
        missed += any(a > 0.05 or b < 0.05 for a, b in bounds)
    assert missed <= 11
    assert plain > 13


@pytest.mark.parametrize("rate", [0.02, 0.005])
def test_a_watch_over_audits_is_quiet_while_the_bound_holds(rate):
    rng = np.random.default_rng(4)
    alarms = 0
    for _ in range(40):
        watch = RunningError(0.02, 0.05)
        for wrong in rng.random(500) < rate:
            watch.update(bool(wrong))
        alarms += watch.broken
    assert alarms <= 6


def test_a_watch_sees_a_rise_after_a_long_good_time():
    rng = np.random.default_rng(5)
    delays = []
    for _ in range(20):
        watch = RunningError(0.02, 0.05)
        for wrong in rng.random(600) < 0.01:
            watch.update(bool(wrong))
        n = watch.n
        while not watch.update(bool(rng.random() < 0.15)) and watch.n < 2000:
            pass
        delays.append(watch.n - n)
    assert np.median(delays) < 120
