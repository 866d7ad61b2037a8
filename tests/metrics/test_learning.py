"""Learning curves of data whose answer is known."""

import time

import numpy as np
import pytest

from homegrown.metrics.learning import fit_power_law, learning_curve, learning_sizes


def clouds(n, n_classes=8, dim=64, spread=1.0, seed=0, shuffled=False):
    """Points around *n_classes* corners; with *shuffled* the labels mean nothing."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(n_classes, dim))
    classes = rng.integers(0, n_classes, n)
    x = centres[classes] + spread * rng.normal(size=(n, dim))
    y = np.zeros((n, n_classes), bool)
    y[np.arange(n), rng.permutation(classes) if shuffled else classes] = True
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32), y


def test_the_law_is_found_again_and_never_falls_below_zero():
    n = np.array([100.0, 200, 400, 800])
    floor, scale, rate = fit_power_law(n, np.stack([0.03 + 1.5 * n**-0.4, np.full(4, 0.2), 3 * n**-0.6, n / 1000]))
    assert [floor[0], scale[0], rate[0]] == pytest.approx([0.03, 1.5, 0.4], abs=1e-6)
    assert floor[1] + scale[1] * 1e9 ** -rate[1] == pytest.approx(0.2)
    assert [floor[2], scale[2], rate[2]] == pytest.approx([0, 3, 0.6], abs=1e-6)
    assert scale[3] == 0


def test_sizes():
    assert learning_sizes(800, 10) == [100, 141, 200, 283, 400, 566, 800]
    assert learning_sizes(800, 300) == [400, 566, 800]
    assert learning_sizes(15, 2) == []


def test_twice_as_many_rows_are_foreseen_within_the_interval():
    inside = []
    for seed in range(8):
        valid, (x, y) = clouds(1000, spread=3.0, seed=seed), clouds(800, spread=3.0, seed=100 + seed)
        curve, later = learning_curve((x[:400], y[:400]), valid, seed=seed), learning_curve((x, y), valid, orders=2)
        accuracy = [p.accuracy for p in curve.points]
        assert accuracy[0] + 0.03 < accuracy[-1]
        assert [p.n for p in curve.ahead] == [800, 1600]
        low, high = curve.ahead[0].gain_ci95
        assert low < curve.ahead[0].gain < high < 0.15
        assert curve.ahead[1].gain > curve.ahead[0].gain
        assert all(p.accuracy_ci95[0] <= p.accuracy <= p.accuracy_ci95[1] for p in (*curve.points, *curve.ahead))
        inside.append(low <= later.points[-1].accuracy - accuracy[-1] <= high)
    assert sum(inside) >= 7


def test_where_nothing_can_be_learnt_more_labels_bring_nothing():
    curve = learning_curve(clouds(800, shuffled=True), clouds(600, seed=1, shuffled=True))
    assert curve.points[-1].accuracy < 0.2
    assert abs(curve.ahead[0].gain) < 0.02
    easy = learning_curve(clouds(800, spread=0.3), clouds(600, spread=0.3, seed=1))
    assert easy.points[-1].accuracy == 1.0
    assert easy.ahead[0].gain == 0.0


def test_several_classes_at_once():
    def pairs(n, seed):
        (a, ya), (b, yb) = clouds(n, 4, spread=2.0, seed=seed), clouds(n, 4, spread=2.0, seed=seed + 50)
        return np.hstack([a, b]), np.hstack([ya, yb[:, :2]])

    curve = learning_curve(pairs(2000, 1), pairs(800, 2), multi=True)
    assert curve.points[-1].accuracy > 0.8
    assert curve.points[0].accuracy < curve.points[-1].accuracy


def test_too_few_rows_give_no_curve():
    assert learning_curve(clouds(50), clouds(30, seed=1)) is None


def test_ten_thousand_rows_take_under_two_seconds():
    train, valid = clouds(10_000, 77, 384, seed=1), clouds(1000, 77, 384, seed=2)
    started = time.process_time()
    learning_curve(train, valid)
    assert time.process_time() - started < 2 * 2  # two cores
