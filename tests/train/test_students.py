"""Students on texts without a label: better where they can be, left out where held-out rows say nothing for them."""

import numpy as np
import pytest

from homegrown.core.models import Examples, TrainingData
from homegrown.core.progress import Silent
from homegrown.train.heads import choose_head
from homegrown.train.parts import make_parts
from homegrown.train.students import guessed, noisy_students

NAMES = tuple("abcdef")


class Clouds:
    """Texts are the numbers of points in six clouds of a space of 16 dimensions."""

    dim, folder, fingerprint = 16, None, "clouds"

    def __init__(self, spread, n=3000):
        rng = np.random.default_rng(5)
        self.label = rng.integers(6, size=n)
        points = rng.normal(size=(6, self.dim))[self.label] + rng.normal(0, spread, (n, self.dim))
        self.points = (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)

    def encode(self, texts, progress=None):
        return self.points[[int(t) for t in texts]]

    def examples(self, start, end):
        rows = range(start, end)
        probs = np.eye(6, dtype=np.float32)[self.label[start:end]]
        return Examples([str(i) for i in rows], probs, np.ones(len(rows), np.float32), [""] * len(rows))

    def data(self, n_train, n_free, n_judge=120):
        """Labelled points that fit, others that judge, *n_free* without a label; 1,000 are left."""
        free = [str(i) for i in range(2000 - n_free, 2000)]
        return TrainingData(NAMES, NAMES, False, self.examples(0, n_train), self.examples(600, 600 + n_judge), free)

    def right(self, head):
        rows = range(2000, 3000)
        return float((head.logits(self.points[rows]).argmax(1) == self.label[rows]).mean())


def school(found, encoder, monkeypatch, rounds=2):
    monkeypatch.setattr("homegrown.train.students.LocalEncoder", Clouds)  # so that no text is read by another encoder
    parts = make_parts(found)
    first = choose_head(
        parts, encoder.encode(parts.fit.texts), encoder.encode(parts.judge.texts), [0.01], stage="x", seed=0,
        progress=Silent(), reject=0.003,
    )  # fmt: skip
    after, said = noisy_students(
        parts,
        first,
        lambda texts, by: by.encode(texts),
        encoder,
        rounds=rounds,
        seed=0,
        progress=Silent(),
        reject=0.003,
    )
    return first, after, said


def test_guesses_follow_near_texts_and_weigh_what_they_are_sure_of():
    vectors = np.array([[1, 0], [0, 1], [0.99, 0.1], [0.1, 0.99], [0.7, 0.7]], np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    probs, weights = guessed(vectors, np.eye(2, dtype=np.float32), np.full((3, 2), 0.5, np.float32))
    assert probs.argmax(1)[:2].tolist() == [0, 1]
    assert np.allclose(probs.sum(1), 1)
    assert weights[2] < weights[0]


def test_students_that_are_better_are_kept(monkeypatch):
    clouds = Clouds(1.3)
    first, after, said = school(clouds.data(60, 1000, 400), clouds, monkeypatch)
    assert after.report["students"]["rounds"] > 0, said
    assert clouds.right(after.judging) > clouds.right(first.judging) + 0.01


@pytest.mark.parametrize(("n_free", "rounds", "says"), [(50, 2, False), (1000, 0, False), (1000, 2, True)])
def test_students_that_are_not_better_are_left_out(monkeypatch, n_free, rounds, says):
    """Clouds that lie apart leave nothing to gain."""
    clouds = Clouds(0.2)
    first, after, said = school(clouds.data(300, n_free), clouds, monkeypatch, rounds)
    assert after.head is first.head
    assert bool(said) is says
    if says:
        assert "not worth it" in said[0]
        assert after.report["students"]["rounds"] == 0
