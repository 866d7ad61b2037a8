"""Labels of doubtful votes: corrected, and texts without a vote learnt from; certain labels are left as they are."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertModel

from homegrown import plugins
from homegrown.core.models import Examples, TrainingData
from homegrown.core.progress import Silent
from homegrown.inference.encoder import Encoder
from homegrown.inference.encoder_folder import bundled_folder
from homegrown.inference.predictor import load_predictor
from homegrown.train import weak
from homegrown.train.balance import offsets
from homegrown.train.parts import make_parts

SPAM = ["win", "prize", "cash", "claim", "free", "offer", "bonus", "winner", "reward", "voucher"]
HAM = ["lunch", "home", "later", "meeting", "train", "sister", "movie", "tired", "tomorrow", "coffee"]
COMMON = ["the", "a", "you", "and", "it", "now", "for", "at", "my", "we", "can", "see", "is", "on"]


def texts_of(n, seed):
    """Texts of two kinds, most of the telling words of their own kind; bool [n] says which are spam."""
    rng = np.random.default_rng(seed)
    spam = rng.random(n) < 0.5
    words = [
        [*rng.choice(SPAM if s else HAM, 3, replace=False), rng.choice(HAM if s else SPAM), *rng.choice(COMMON, 4)]
        for s in spam
    ]
    return [" ".join(rng.permutation(w)) for w in words], spam


def data(n=400, n_free=300, seed=0, wrong=0.2):
    """Labels of which a share is wrong and says so, and texts without; with what is true of both."""
    texts, spam = texts_of(n + n_free, seed)
    rng = np.random.default_rng(seed + 1)
    given = np.where(rng.random(n + n_free) < wrong, ~spam, spam)
    probs = np.where(np.eye(2)[given.astype(int)] > 0, 1 - wrong, wrong).astype(np.float32)

    def part(a, b):
        return Examples(texts[a:b], probs[a:b], probs[a:b].max(1), [str(i) for i in range(a, b)])

    names = ("ham", "spam")
    return TrainingData(names, names, False, part(0, n - 50), part(n - 50, n), texts[n:]), texts, spam, given


@pytest.fixture(scope="module")
def encoder():
    return Encoder.load()


def test_doubtful_labels_are_corrected_and_texts_without_a_vote_join(encoder):
    rows, _, spam, given = data()
    parts = weak.ready_parts(rows, encoder, 0, Silent())
    assert parts.weak
    assert parts.n_guessed == 300
    assert len(parts.fit) == 650
    truth = dict(zip(data()[1], spam, strict=True))
    learnt = parts.targets(parts.both).argmax(1) == [truth[t] for t in parts.both.texts]
    before = (given[:400] == spam[:400]).mean()
    assert learnt[parts.voted_rows].mean() > before + 0.05
    guessed = np.setdiff1d(np.arange(len(learnt)), parts.voted_rows)
    assert learnt[guessed].mean() > 0.9
    weights = parts.weights(parts.both)
    assert weights[~learnt].sum() < 0.02 * weights.sum()
    assert "expected to be wrong" in parts.warnings[-1]
    assert "300 texts without a label" in parts.warnings[-1]


def test_what_a_person_said_stays(encoder):
    rows, _, _spam, given = data()
    probs = rows.train.probs.copy()
    probs[:60] = np.eye(2, dtype=np.float32)[given[:60].astype(int)]
    parts = weak.ready_parts(replace(rows, train=replace(rows.train, probs=probs)), encoder, 0, Silent())
    assert parts.weak
    assert (parts.fit.probs[:60] == probs[:60]).all()
    assert (parts.fit.weights[:60] == rows.train.weights[:60]).all()


def test_certain_labels_few_labels_and_several_classes_are_left_alone(encoder):
    rows, *_ = data()
    for left in (
        data(wrong=0.005)[0],
        replace(rows, multi=True),
        replace(data(n=60)[0], valid=replace(rows.valid, texts=[], probs=rows.valid.probs[:0], record_ids=[])),
    ):
        found = weak.ready_parts(left, encoder, 0, Silent())
        assert not found.weak
        assert found.n_guessed == 0
        assert found.both.texts == make_parts(left).both.texts


def fit(name, rows, folder, encoder, options=None):
    folder.mkdir(parents=True, exist_ok=True)
    trainer = plugins.load("homegrown.trainers", name)()
    return trainer.fit(rows, options or {}, seed=0, folder=folder, encoder=encoder, progress=Silent())


def test_a_model_of_weak_labels_is_better_for_it(encoder, tmp_path, monkeypatch):
    rows, *_ = data(n=300, n_free=300, wrong=0.3)
    fresh, gold = texts_of(1000, 99)

    def right(name):
        fitted = fit("lexical", rows, tmp_path / name, encoder)
        return (load_predictor(fitted.folder).predict(fresh).probs.argmax(1) == gold).mean(), fitted.report

    accuracy, report = right("with")
    assert report["n"] == 300  # texts without a vote judge nothing
    assert any("expected to be wrong" in w for w in report["warnings"])
    monkeypatch.setattr(weak, "DOUBT", 1.0)
    plain, untold = right("without")
    assert accuracy > plain + 0.02
    assert not any("expected to be wrong" in w for w in untold["warnings"])


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("auto", {}),
        ("static", {"max_vocabulary": 50, "max_pairs": 50, "epochs": 2}),
    ],
)
def test_every_recipe_learns_corrected_labels(name, options, encoder, tmp_path):
    rows, *_ = data(n=250, n_free=50)
    fitted = fit(name, rows, tmp_path / name, encoder, options)
    fresh, gold = texts_of(300, 98)
    assert (load_predictor(fitted.folder).predict(fresh).probs.argmax(1) == gold).mean() > 0.85
    assert any("expected to be wrong" in w for w in fitted.report["warnings"])
    if name == "auto":
        skipped = [r["recipe"] for r in fitted.ladder if "labels are weak" in r["note"]]
        assert skipped == ["static", "finetune"]


def test_finetune_learns_corrected_labels(tmp_path):
    """With a narrow encoder of random weights: what it learns in an epoch is little, but each text was there."""
    shutil.copytree(bundled_folder(), tmp_path / "tiny", ignore=shutil.ignore_patterns("*.safetensors"))
    torch.manual_seed(0)
    config = BertConfig(hidden_size=48, num_hidden_layers=2, num_attention_heads=4, intermediate_size=96)
    BertModel(config).save_pretrained(tmp_path / "tiny")
    rows, *_ = data(n=100, n_free=50)
    fitted = fit("finetune", rows, tmp_path / "run", Encoder.load(tmp_path / "tiny"), {"epochs": 1, "n_fixed": 1})
    assert any("fitted again on all 150" in d for d in fitted.ladder[0]["decisions"])
    said = load_predictor(fitted.folder).predict(texts_of(200, 97)[0]).probs.argmax(1)
    assert 0.2 < said.mean() < 0.8


def test_offsets_give_each_class_its_share():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4000, 4)) * 3 + np.array([4.0, 0, 0, -4])
    shares = np.array([0.4, 0.3, 0.0, 0.3])
    added = offsets(logits, shares)
    assert added[2] == 0
    alone = np.bincount((logits + added)[:, [0, 1, 3]].argmax(1), minlength=3) / 4000
    assert np.abs(alone - [0.4, 0.3, 0.3]).max() < 0.03
    assert (offsets(logits, np.array([1.0, 0, 0, 0])) == 0).all()
    assert (offsets(logits[:0], shares) == 0).all()
