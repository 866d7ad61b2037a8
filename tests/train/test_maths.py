"""Heads, calibration, n-grams, checkpoints: against known answers."""

import numpy as np
import pytest
import torch
from scipy import sparse

from homegrown.inference.ngrams import HashedTexts, chunks, word_pairs
from homegrown.inference.readout import Readout, softmax
from homegrown.train.checkpoints import Checkpoints
from homegrown.train.judge import fit_readout, transfer, with_none_column
from homegrown.train.softmax import fit_head


def blobs(n=300, k=3, d=8, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(k, size=n)
    return (rng.normal(size=(k, d))[y] * 2 + rng.normal(size=(n, d))).astype(np.float32), np.eye(k, dtype=np.float32)[y]


def test_a_head_agrees_with_scikit_learn():
    from sklearn.linear_model import LogisticRegression

    x, y = blobs()
    scaled = (x - x.mean(0)) / x.std()
    ours = softmax(fit_head(x, y, np.ones(len(x), np.float32), 0.5, max_iter=500).logits(x))
    theirs = LogisticRegression(C=0.5, max_iter=500, tol=1e-8).fit(scaled, y.argmax(1)).predict_proba(scaled)
    assert np.abs(ours - theirs).max() < 5e-3


def test_a_sparse_head_is_a_dense_one_without_centring():
    x, y = blobs()
    x -= x.mean(0)
    x /= x.std()
    w = np.ones(len(x), np.float32)
    dense, thin = fit_head(x, y, w, 1.0), fit_head(sparse.csr_matrix(x), y, w, 1.0)
    assert np.abs(softmax(dense.logits(x)) - softmax(thin.logits(sparse.csr_matrix(x)))).max() < 5e-3


def test_a_class_without_rows_is_never_answered():
    x, y = blobs()
    y = np.hstack([y, np.zeros((len(y), 1), np.float32)])
    assert fit_head(x, y, np.ones(len(x), np.float32), 1.0).logits(x)[:, 3].max() < -20


def test_temperature_finds_the_scale_of_the_logits():
    rng = np.random.default_rng(1)
    true = rng.normal(size=(20_000, 4)).astype(np.float32)
    answers = np.array([rng.choice(4, p=p) for p in softmax(true.copy())])
    readout = fit_readout(3 * true, np.eye(4, dtype=np.float32)[answers], multi=False, none_column=False)
    assert readout.temperature == pytest.approx(3, rel=0.05)


def test_the_line_costs_at_most_the_share_that_was_allowed():
    rng = np.random.default_rng(2)
    y = rng.integers(3, size=5000)
    logits = (rng.normal(size=(5000, 3)) + 3 * np.eye(3)[y]).astype(np.float32)
    probs = np.eye(3, dtype=np.float32)[y]
    readout = fit_readout(logits, probs, multi=False, none_column=False, reject=0.02)
    right = logits.argmax(1) == y
    lost = (readout.read(logits).in_scope[right] < readout.threshold).mean()
    assert lost == pytest.approx(0.02, abs=0.003)


def test_none_column():
    probs = np.array([[1, 0], [0, 0]], np.float32)
    assert with_none_column(probs).tolist() == [[1, 0, 0], [0, 0, 1]]
    answers = Readout(none_column=True, scope_center=-0.7, scope_scale=0.1).read(
        np.array([[4, 0, 0], [0, 0, 4]], np.float32)
    )
    assert answers.probs.shape == (2, 2)
    assert np.allclose(answers.probs.sum(1), 1, atol=1e-5)
    assert answers.in_scope[0] > 0.5 > answers.in_scope[1]


@pytest.mark.parametrize(
    "texts", [["Ab ab, aB", "", "x", "ab"], [""], ["", ""], ["\n"], ["naïve Ünïcode 東京 🙂", "ab\nab"]]
)
def test_hashed_words_are_the_words(texts):
    hashed = HashedTexts(texts)
    grams, strings = hashed.words(), hashed.word_strings()
    assert len(grams.hashes) == len(strings) == len(grams.rows)
    seen = {}
    for value, string in zip(grams.hashes.tolist(), strings, strict=True):
        assert seen.setdefault(string, value) == value
    assert len(set(seen.values())) == len(seen)
    expected = [i for i, t in enumerate(texts) for w in HashedTexts([t]).word_strings()]
    assert grams.rows.tolist() == expected
    assert (np.diff(word_pairs(grams).rows) >= 0).all()
    for n in (2, 5):
        counts = np.bincount(hashed.chars(n).rows, minlength=len(texts))
        assert counts.tolist() == [max(0, len(t.replace("\n", " ").lower()) - n + 1) for t in texts]


def test_chunks_lose_nothing():
    texts = ["a" * i for i in range(50)]
    assert [t for run in chunks(texts, 100) for t in run] == texts
    assert len(list(chunks(texts, 100))) > 5


def test_checkpoints_keep_two_and_pass_over_a_damaged_one(tmp_path):
    kept = Checkpoints(tmp_path / "c")
    assert kept.load() is None
    for step in (1, 2, 3):
        kept.save(step, {"x": torch.full((4,), float(step))}, {"step": step})
    assert len(list((tmp_path / "c").iterdir())) == 2
    found = kept.load()
    assert found is not None
    assert found[0] == 3
    newest = tmp_path / "c" / f"{3:09d}" / "state.safetensors"
    newest.write_bytes(newest.read_bytes()[:-1] + b"!")
    damaged = kept.load()
    assert damaged is not None
    assert damaged[0] == 2
    kept.drop()
    assert kept.load() is None


def test_a_student_takes_over_its_teachers_doubt():
    rng = np.random.default_rng(0)
    true = rng.normal(0, 1.5, (3000, 5)).astype(np.float32)
    answers = np.array([rng.choice(5, p=p) for p in softmax(true.copy())])
    teacher = fit_readout(2 * true, np.eye(5, dtype=np.float32)[answers], multi=False, none_column=False, reject=0.05)
    fresh = rng.normal(0, 1.5, (1000, 5)).astype(np.float32)
    student = transfer(teacher, 2 * fresh, 8 * fresh)
    assert abs(student.temperature / teacher.temperature - 4) < 0.1
    shares = [(r.read(x).in_scope < 0.5).mean() for r, x in ((teacher, 2 * fresh), (student, 8 * fresh))]
    assert shares[0] > 0
    assert abs(shares[0] - shares[1]) < 0.01
