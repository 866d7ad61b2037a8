"""Labels that are wrong weigh less, where that does better on held-out rows."""

import numpy as np
import pytest

from homegrown.core.models import Examples, TrainingData
from homegrown.core.progress import Silent
from homegrown.metrics.label_errors import label_errors, with_neighbours
from homegrown.metrics.neighbours import nearest
from homegrown.train.crossed import out_of_sample
from homegrown.train.linear import LinearOptions, fit_linear
from homegrown.train.parts import make_parts
from homegrown.train.robust import reweighted


def clouds(n=600, k=4, dim=16, noise=0.25, seed=0):
    """Points round k directions, true classes, and labels of which a share is wrong."""
    rng = np.random.default_rng(seed)
    truth = np.arange(n) % k
    x = np.eye(k, dim)[truth] + rng.normal(0, 0.35, (n, dim))
    x = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)
    wrong = rng.random(n) < noise
    given = np.where(wrong, (truth + 1) % k, truth)
    return x, truth, given, wrong


class Lookup:
    """An encoder of the texts ``0``, ``1`` …"""

    fingerprint, dim = "lookup", 16

    def __init__(self, x):
        self.x = x

    def encode(self, texts, progress=None):
        return self.x[[int(t) for t in texts]] if texts else np.zeros((0, self.dim), np.float32)


def data(given, n_valid):
    def part(rows):
        probs = np.eye(4, dtype=np.float32)[given[rows]]
        names = [str(i) for i in rows]
        return Examples(names, probs, np.ones(len(rows), np.float32), names)

    n = len(given)
    names = tuple("abcd")
    return TrainingData(names, names, False, part(np.arange(n - n_valid)), part(np.arange(n - n_valid, n)), [])


def test_wrong_labels_are_scored_above_right_ones():
    x, truth, given, wrong = clouds()
    probs = out_of_sample(x, given, 4)
    assert np.allclose(probs.sum(1), 1, atol=1e-4)
    found = label_errors(given, with_neighbours(given, probs, x))
    order = np.argsort(-found.score)
    assert wrong[order[: wrong.sum()]].mean() > 0.85
    assert (found.other[wrong] == truth[wrong]).mean() > 0.85
    assert 0.15 < found.rate < 0.35
    assert ((found.score >= 0) & (found.score <= 1)).all()


def test_neighbours_are_the_exact_ones_and_never_oneself():
    x = clouds(200)[0]
    found, similarity = nearest(x, 5)
    whole = x @ x.T
    np.fill_diagonal(whole, -9)
    assert np.sort(whole, 1)[:, ::-1][:, :5] == pytest.approx(similarity, abs=1e-5)
    assert (found != np.arange(200)[:, None]).all()
    some = np.arange(0, 200, 3)
    assert np.isin(nearest(x, 5, others=some)[0], some).all()
    assert nearest(x[:1], 5)[0].shape == (1, 0)


def test_doubtful_labels_weigh_less_and_the_head_is_better_for_it():
    x, _, given, wrong = clouds(noise=0.3, seed=1)
    fresh, gold = clouds(2000, noise=0, seed=9)[:2]
    parts = make_parts(data(given, 100))
    lighter, rate = reweighted(parts, x, 0)
    assert lighter.both.weights[wrong].mean() < 0.5 < 0.75 < lighter.both.weights[~wrong].mean()
    assert 0.2 < rate < 0.5

    def accuracy(robust):
        options = LinearOptions(strengths=(1.0,), robust=robust)
        rung = fit_linear(parts, options, 0, Lookup(np.vstack([x, fresh])), Silent())
        texts = [str(len(x) + i) for i in range(len(fresh))]
        return (rung.model.predict(texts).probs.argmax(1) == gold).mean(), rung

    plain, robust = accuracy(False), accuracy(True)
    assert robust[0] > plain[0]
    assert any("held-out rows" in d for d in robust[1].decisions)
    assert robust[1].report["label_noise"] == pytest.approx(rate)


def test_few_rows_are_left_as_they_stand():
    x, _, given, _ = clouds(40)
    assert reweighted(make_parts(data(given, 8)), x, 0) is None


def test_a_single_class_and_no_rows_are_no_errors():
    assert label_errors(np.zeros(0, int), np.zeros((0, 3))).score.shape == (0,)
    assert label_errors(np.zeros(3, int), np.ones((3, 1))).score.tolist() == [0, 0, 0]
    assert (label_errors(np.zeros(5, int), np.eye(3)[[0] * 5]).score < 0.5).all()
