"""The threshold holds what it promises, as often as it promises; one read off the data does not."""

import numpy as np
import pytest

from homegrown.errors import InputError
from homegrown.metrics.gold_sample import draw, shares, stratified
from homegrown.metrics.risk_bound import calls_to_bound, clopper_pearson, risk_bound, sequence


def world(rng, n):
    """Calls whose answers are wrong with a chance that grows as confidence falls: the truth is known in closed form."""
    sure = rng.random(n)
    return sure, rng.random(n) < 0.2 * (1 - sure) ** 2


def risk_above(threshold):
    return 0.2 * (1 - threshold) ** 2 / 3


def empirical(sure, wrong, alpha):
    order = np.argsort(-sure)
    good = np.flatnonzero(np.cumsum(wrong[order]) / np.arange(1, len(sure) + 1) <= alpha)
    return sure[order[good[-1]]]


def test_the_bound_is_broken_as_seldom_as_said_and_a_naive_threshold_far_more_often():
    rng = np.random.default_rng(0)
    alpha, delta, broken, naive, reached = 0.02, 0.1, 0, 0, []
    for _ in range(400):
        sure, wrong = world(rng, 1500)
        found = risk_bound(sure, wrong, alpha=alpha, delta=delta)
        broken += found.threshold is not None and risk_above(found.threshold) > alpha
        naive += risk_above(empirical(sure, wrong, alpha)) > alpha
        reached.append(found.coverage)
    # 40 expected at most; 60 is beyond three standard deviations. Read off the data, about every other is broken.
    assert broken <= 60
    assert naive > 120
    oracle = np.sqrt(3 * alpha / 0.2)
    assert np.mean(reached) > 0.65 * oracle


def test_thresholds_set_beforehand_hold_where_confidence_says_nothing_of_the_error():
    rng = np.random.default_rng(1)
    broken = 0
    for _ in range(300):
        sure = rng.random(800)
        # The most confident third is the worst: the error above a threshold first falls, then rises again.
        rate = np.where(sure > 0.66, 0.05, np.where(sure > 0.33, 0.0, 0.2))
        wrong = rng.random(800) < rate
        found = risk_bound(sure, wrong, alpha=0.05, delta=0.1, thresholds=np.linspace(0.9, 0, 40))
        if found.threshold is not None:
            t = found.threshold
            parts = [(max(t, 0.66), 1, 0.05), (max(min(t, 0.66), 0.33), 0.66, 0.0), (min(t, 0.33), 0.33, 0.2)]
            broken += sum((b - a) * r for a, b, r in parts) / (1 - t) > 0.05 + 1e-9
    assert broken <= 48


def test_a_plan_made_on_other_calls_keeps_the_bound_and_a_wrong_one_too():
    rng = np.random.default_rng(5)
    broken, reached = 0, []
    for turn in range(200):
        # Every other plan is made in a world where the model is far better.
        sure, wrong = world(rng, 600)
        plan = sequence(sure, wrong & (rng.random(600) < (0.2 if turn % 2 else 1.0)), 1500, alpha=0.02, delta=0.1)
        assert (np.diff(plan) <= 0).all()
        found = risk_bound(*world(rng, 1500), alpha=0.02, delta=0.1, thresholds=plan)
        broken += found.threshold is not None and risk_above(found.threshold) > 0.02
        reached += [] if turn % 2 else [found.coverage]
    assert broken <= 32
    assert np.mean(reached) > 0.55 * np.sqrt(3 * 0.02 / 0.2)


def test_weights_take_back_how_gold_was_drawn():
    rng = np.random.default_rng(2)
    broken = unweighted = 0
    for _ in range(150):
        sure, wrong = world(rng, 4000)
        # Of the wrong ones of which a hint is there, more are looked at; the rest seldom.
        hint = wrong & (rng.random(4000) < 0.7)
        chance = np.where(hint, 0.2, 0.8)
        weight = (rng.random(4000) < chance) / chance
        found = risk_bound(sure, wrong, alpha=0.03, delta=0.1, weight=weight)
        looked = weight > 0
        plain = risk_bound(sure[looked], wrong[looked], alpha=0.03, delta=0.1)
        broken += found.threshold is not None and risk_above(found.threshold) > 0.03
        unweighted += plain.threshold is not None and risk_above(plain.threshold) > 0.03
    assert broken <= 27
    assert unweighted > 75


def test_ties_stay_together_and_everything_may_be_answered():
    sure = np.repeat([0.9, 0.5], 500)
    all_right = risk_bound(sure, np.zeros(1000, bool), alpha=0.02)
    assert all_right.threshold == -np.inf
    assert all_right.coverage == 1
    half = risk_bound(np.append(sure, 0.5), np.append(sure, 0.5) < 0.7, alpha=0.02)
    assert half.threshold == 0.5
    assert half.n_home == 500
    assert half.error == 0


def test_too_few_calls_vouch_for_nothing_and_say_how_many_would():
    sure = np.linspace(0, 1, 100)
    found = risk_bound(sure, np.zeros(100, bool), alpha=0.02)
    assert found.threshold is None
    assert found.n_needed == 149
    assert found.coverage_ci95[0] == 0
    with pytest.raises(InputError, match="no call"):
        risk_bound(np.zeros(0), np.zeros(0, bool), alpha=0.02)
    with pytest.raises(InputError, match="shares between"):
        risk_bound(sure, sure > 2, alpha=2)
    assert calls_to_bound(0.02, 0.05) > calls_to_bound(0.02, 0.05, 0) >= 149


def test_clopper_and_pearson_cover_at_small_counts():
    for p in (0.01, 0.2, 0.5):
        draws = np.random.default_rng(3).binomial(30, p, 2000)
        inside = np.mean([low <= p <= high for low, high in (clopper_pearson(int(k), 30) for k in draws)])
        assert inside >= 0.94


def test_a_stratified_sample_is_unbiased_and_its_interval_holds():
    rng = np.random.default_rng(4)
    stratum = (rng.random(6000) < 0.12).astype(int)
    right = rng.random(6000) < np.where(stratum, 0.45, 0.97)
    sizes = np.bincount(stratum)
    chance = shares(sizes, 250, np.array([0.17, 0.5]))
    assert (sizes * chance).sum() == pytest.approx(250)
    assert chance[1] > 2 * chance[0]
    values, plain, inside = [], [], 0
    for _ in range(400):
        drawn = draw(stratum, chance, rng)
        looked = np.bincount(stratum[drawn.rows], minlength=2)
        found = stratified(sizes, looked, np.bincount(stratum[drawn.rows], right[drawn.rows], 2).astype(int))
        values.append(found.value)
        plain.append(right[drawn.rows].mean())
        inside += found.ci95[0] <= right.mean() <= found.ci95[1]
    error = np.std(values) / 20
    assert abs(np.mean(values) - right.mean()) < 4 * error
    assert abs(np.mean(plain) - right.mean()) > 10 * error
    assert inside >= 372
    # No better than what a plain sample of as many would have: then strata were for nothing.
    assert np.std(values) < np.sqrt(right.mean() * (1 - right.mean()) / 250)


def test_a_stratum_that_is_smaller_than_its_part_is_looked_at_whole():
    chance = shares(np.array([1000, 10]), 100, np.array([0.1, 1.8]))
    assert chance.tolist() == pytest.approx([0.09, 1.0])
    nobody = stratified(np.array([90, 10]), np.array([90, 0]), np.array([90, 0]))
    assert nobody.ci95[0] <= 0.9
    assert nobody.ci95[1] >= 0.99
