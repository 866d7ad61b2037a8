import numpy as np

from homegrown.metrics.noise import suspects


def test_flipped_labels_are_suspects_and_sound_ones_are_not():
    rng = np.random.default_rng(0)
    real = rng.integers(0, 4, 600)
    logits = rng.normal(0, 0.6, (600, 4))
    logits[np.arange(600), real] += 5
    probs = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    given = real.copy()
    flipped = rng.choice(600, 30, replace=False)
    given[flipped] = (real[flipped] + 1) % 4
    found = suspects(given, probs)
    assert set(found.suspects) <= set(flipped.tolist())
    assert len(found.suspects) >= 20
    assert found.share_ci95[0] < 0.05 < found.share_ci95[1]


def test_tiny_classes_set_no_threshold():
    probs = np.array([[0.9, 0.1]] * 6 + [[0.1, 0.9]])
    assert suspects(np.array([0, 0, 0, 0, 0, 0, 0]), probs).suspects == ()
    assert suspects(np.zeros(0, int), np.zeros((0, 2))).share_ci95 == (0.0, 1.0)
