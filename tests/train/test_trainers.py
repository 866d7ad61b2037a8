"""Every built-in trainer keeps the contract; what each promises beyond it."""

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertModel

from homegrown import plugins
from homegrown.core.models import Examples, TrainingData
from homegrown.core.progress import Silent
from homegrown.errors import CancelledError, EmptyDataError, InputError, UnsuitableLabelsError
from homegrown.inference.encoder import Encoder
from homegrown.inference.encoder_folder import bundled_folder
from homegrown.inference.predictor import load_predictor
from homegrown.testing.trainers import check_trainer, toy_data
from homegrown.train.auto import SURE_WITH_WEAK, worth_it
from homegrown.train.parts import join_examples

FINE = {"epochs": 2, "n_fixed": 1, "rounds": 0, "batch": 16}

QUICK = {
    "lexical": {"strengths": [10.0]},
    "static": {"max_vocabulary": 50},
    "linear": {"strengths": [0.1]},
    "views": {"strengths": [10.0]},
    "finetune": {"epochs": 1, "n_fixed": 4, "rounds": 0},
}


@pytest.fixture(scope="session")
def encoder():
    return Encoder.load()


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """An encoder of two narrow layers with random weights: all of finetune's machinery at a hundredth of the cost."""
    folder = tmp_path_factory.mktemp("tiny") / "encoder"
    shutil.copytree(bundled_folder(), folder, ignore=shutil.ignore_patterns("*.safetensors"))
    torch.manual_seed(0)
    config = BertConfig(hidden_size=48, num_hidden_layers=2, num_attention_heads=4, intermediate_size=96)
    BertModel(config).save_pretrained(folder)
    return Encoder.load(folder)


def fit(name, data, folder, encoder, options=None, progress=None):
    folder.mkdir(parents=True, exist_ok=True)
    trainer = plugins.load("homegrown.trainers", name)()
    options = QUICK[name] if options is None else options
    return trainer.fit(data, options, seed=3, folder=folder, encoder=encoder, progress=progress or Silent())


@pytest.mark.parametrize("name", ["lexical", "static", "linear", "views"])
def test_contract(name, tmp_path, encoder):
    check_trainer(plugins.load("homegrown.trainers", name)(), tmp_path, encoder, QUICK[name])


@pytest.mark.slow
def test_contract_of_finetune_on_the_real_encoder(tmp_path, encoder):
    check_trainer(plugins.load("homegrown.trainers", "finetune")(), tmp_path, encoder, QUICK["finetune"])


def test_contract_of_finetune(tmp_path, tiny):
    check_trainer(plugins.load("homegrown.trainers", "finetune")(), tmp_path, tiny, FINE, floor=0.5)


def test_contract_of_auto(tmp_path, tiny):
    check_trainer(plugins.load("homegrown.trainers", "auto")(), tmp_path, tiny, {"rungs": ["lexical", "linear"]})


def test_auto_shows_every_rung_and_hands_back_the_recipe_of_the_chosen_one(tmp_path, tiny):
    options = {"budget_s": 1000.0, "rungs": ["linear", "finetune"], "least_gain": -1.0}
    fitted = fit("auto", toy_data(), tmp_path, tiny, options)
    assert [row["recipe"] for row in fitted.ladder] == ["linear", "finetune"]
    assert sum(row.get("chosen", False) for row in fitted.ladder) == 1
    assert all(
        row["ms_per_text"] > 0 and row["size_bytes"] > 0 for row in fitted.ladder if row.get("state") != "skipped"
    )
    again = fit(fitted.recipe.trainer, toy_data(), tmp_path / "again", tiny, fitted.recipe.options)
    names = ["head.safetensors"]
    assert [(fitted.folder / n).read_bytes() for n in names] == [(again.folder / n).read_bytes() for n in names]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["again", "bundle"]


def test_auto_leaves_out_what_there_is_no_time_for(tmp_path, tiny):
    fitted = fit("auto", toy_data(), tmp_path, tiny, {"budget_s": 0.001})
    assert [row.get("state") == "skipped" for row in fitted.ladder] == [False, True, True, True, True]


def test_a_report_says_how_sure_the_judged_model_was_from_the_surest_down(tmp_path, encoder):
    few = toy_data()
    assert len(few.valid) < 50
    assert fit("lexical", few, tmp_path / "few", encoder).report["sureness"] == []
    sure = fit("lexical", replace(few, valid=join_examples(few.train, few.valid)), tmp_path, encoder).report["sureness"]
    assert len(sure) == 51
    assert sure == sorted(sure, reverse=True)
    assert 0 < sure[-1] <= sure[0] <= 1


def test_a_larger_model_must_win_by_more_than_chance():
    rng = np.random.default_rng(0)
    before = rng.random(1000) < 0.9
    better, same = before | (rng.random(1000) < 0.2), before ^ (rng.random(1000) < 0.01)
    assert worth_it(before, better, 0.003)[0]
    assert not worth_it(before, same & before, 0.003)[0]
    lucky = before.copy()
    lucky[np.flatnonzero(~before)[:1]] = True
    assert not worth_it(before, lucky, 0.003)[0]
    two_more = np.r_[np.ones(92, bool), np.zeros(8, bool)]
    assert worth_it(np.r_[np.ones(90, bool), np.zeros(10, bool)], two_more, 0.003)[0]
    assert not worth_it(np.r_[np.ones(90, bool), np.zeros(10, bool)], two_more, 0.003, sure=SURE_WITH_WEAK)[0]


@pytest.mark.parametrize("name", ["lexical", "static", "linear", "views"])
def test_many_classes_per_record(name, tmp_path, encoder):
    data = toy_data(multi=True)
    model = load_predictor(fit(name, data, tmp_path, encoder).folder, encoder)
    assert model.multi
    probs = model.predict(["my refund and my password"]).probs[0]
    assert probs[0] + probs[2] > 2 * probs[1]


def test_out_of_scope_rows_teach_what_is_none_of_these(tmp_path, encoder):
    data = toy_data(out_of_scope=True)
    fitted = fit("linear", data, tmp_path, encoder)
    model = load_predictor(fitted.folder, encoder)
    inside = model.predict(["where is my parcel?", "i forgot my password"]).in_scope
    outside = model.predict(["the weather in Paris is fine", "the weather in Cairo is bad"]).in_scope
    assert inside.min() >= model.threshold
    assert outside.max() < inside.min()
    assert "out_of_scope_recall" in fitted.report["scope"]


def test_without_any_out_of_scope_row_a_line_is_drawn_all_the_same(tmp_path, encoder):
    fitted = fit("linear", toy_data(), tmp_path, encoder)
    assert 0 <= fitted.report["scope"]["turned_away"] <= 0.2
    model = load_predictor(fitted.folder, encoder)
    far = model.predict(["Die Katze sitzt auf dem Dach", "E = mc²"]).in_scope
    assert (far < model.predict(["where is my refund?"]).in_scope).all()


def test_weights_and_soft_labels_count(tmp_path, encoder):
    data = toy_data()
    n = len(data.train)
    flipped = data.train.probs[:, [1, 0, 2]]
    texts, probs = data.train.texts * 2, np.vstack([data.train.probs, flipped])
    weights = np.r_[np.full(n, 1.0), np.full(n, 0.01)].astype(np.float32)
    both = TrainingData(
        data.class_ids,
        data.class_names,
        False,
        Examples(texts, probs, weights, [str(i) for i in range(2 * n)]),
        data.valid,
    )
    fitted = fit("linear", both, tmp_path, encoder)
    answers = load_predictor(fitted.folder, encoder).predict(data.valid.texts)
    assert (answers.probs.argmax(1) == data.valid.probs.argmax(1)).mean() > 0.9


class StopAfter(Silent):
    def __init__(self, n):
        self.left = n

    def advance(self, n=1, **facts):
        self.left -= 1
        if self.left < 0:
            raise CancelledError


@pytest.mark.parametrize("steps", [4, 9, 14])
def test_a_stopped_run_goes_on_and_ends_in_the_same_bits(steps, tmp_path, tiny, monkeypatch):
    monkeypatch.setattr("homegrown.train.descent.CHECKPOINT_EVERY_S", 0.0)
    data = toy_data()
    options = {"epochs": 1, "n_fixed": 1, "batch": 16}
    whole = fit("finetune", data, tmp_path / "whole", tiny, options)
    with pytest.raises(CancelledError):
        fit("finetune", data, tmp_path / "cut", tiny, options, StopAfter(steps))
    assert list((tmp_path / "cut").rglob("state.safetensors"))
    resumed = fit("finetune", data, tmp_path / "cut", tiny, options)
    weights = [(f.folder / "encoder" / "model.safetensors").read_bytes() for f in (whole, resumed)]
    assert weights[0] == weights[1]
    heads = [(f.folder / "head.safetensors").read_bytes() for f in (whole, resumed)]
    assert heads[0] == heads[1]


KILLED = """
import os, signal, sys
from pathlib import Path
from homegrown.core.progress import Silent
from homegrown.inference.encoder import Encoder
from homegrown.testing.trainers import toy_data
from homegrown.train import descent
from tests.train.test_trainers import fit

class KillAfter(Silent):
    left = int(sys.argv[3])

    def advance(self, n=1, **facts):
        self.left -= 1
        if self.left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

descent.CHECKPOINT_EVERY_S = 0.0
options = {"epochs": 1, "n_fixed": 1, "batch": 16}
fit("finetune", toy_data(), Path(sys.argv[1]), Encoder.load(sys.argv[2]), options, KillAfter())
"""


def test_a_killed_run_goes_on_and_ends_in_the_same_bits(tmp_path, tiny, monkeypatch):
    monkeypatch.setattr("homegrown.train.descent.CHECKPOINT_EVERY_S", 0.0)
    options = {"epochs": 1, "n_fixed": 1, "batch": 16}
    from_start, from_checkpoint = StopAfter(1000), StopAfter(1000)
    whole = fit("finetune", toy_data(), tmp_path / "whole", tiny, options, from_start)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    run = [sys.executable, "-c", KILLED, str(tmp_path / "cut"), str(tiny.folder), "9"]
    assert subprocess.run(run, env=environment, check=False).returncode == -signal.SIGKILL
    assert list((tmp_path / "cut").rglob("state.safetensors"))
    resumed = fit("finetune", toy_data(), tmp_path / "cut", tiny, options, from_checkpoint)
    assert from_checkpoint.left > from_start.left, "it began again"
    for name in ("encoder/model.safetensors", "head.safetensors"):
        assert (whole.folder / name).read_bytes() == (resumed.folder / name).read_bytes(), name


def test_a_student_learns_from_unlabelled_texts(tmp_path, tiny):
    options = {"epochs": 1, "n_fixed": 1, "rounds": 1, "student_epochs": 1}
    data = toy_data()
    few = Examples(data.train.texts[::4], data.train.probs[::4], data.train.weights[::4], data.train.record_ids[::4])
    fitted = fit(
        "finetune",
        TrainingData(data.class_ids, data.class_names, False, few, data.valid, data.unlabelled),
        tmp_path,
        tiny,
        options,
    )
    assert fitted.recipe.options["rounds"] == 1


def test_training_in_bfloat16_ends_close_to_training_in_float32(tmp_path, tiny):
    data = toy_data()
    fitted = [fit("finetune", data, tmp_path / p, tiny, {**FINE, "precision": p}) for p in ("fp32", "bf16")]
    assert [f.recipe.options["precision"] for f in fitted] == ["fp32", "bf16"]
    answers = [load_predictor(f.folder).predict(data.valid.texts).probs for f in fitted]
    assert 0 < np.abs(answers[0] - answers[1]).max() < 0.1


def test_the_recipe_of_a_run_fits_the_same_model_again(tmp_path, tiny):
    data = toy_data()
    first = fit("finetune", data, tmp_path / "a", tiny, {"budget_s": 60.0, "n_fixed": 1, "epochs": 1})
    again = fit("finetune", data, tmp_path / "b", tiny, first.recipe.options)
    assert (first.folder / "head.safetensors").read_bytes() == (again.folder / "head.safetensors").read_bytes()


def test_transformers_loads_the_trained_encoder_as_it_is(tmp_path, tiny):
    from transformers import AutoModel, AutoTokenizer

    fitted = fit("finetune", toy_data(), tmp_path, tiny, FINE)
    folder = fitted.folder / "encoder"
    tokens = AutoTokenizer.from_pretrained(folder)(["where is my parcel?"], return_tensors="pt")
    pooled = AutoModel.from_pretrained(folder).eval()(**tokens).last_hidden_state.mean(1).detach().numpy()[0]
    ours = load_predictor(fitted.folder).encoder.encode(["where is my parcel?"])[0]
    assert float(pooled @ ours / np.linalg.norm(pooled)) > 0.999


@pytest.mark.parametrize(
    ("rows", "error", "word"),
    [(0, EmptyDataError, "no labelled text"), (1, UnsuitableLabelsError, "one class")],
)
def test_what_cannot_be_learnt_is_refused(rows, error, word, tmp_path, encoder):
    one = Examples(["hello"] * rows, np.eye(2, dtype=np.float32)[[0] * rows], np.ones(rows, np.float32), ["a"] * rows)
    none = Examples([], np.zeros((0, 2), np.float32), np.ones(0, np.float32), [])
    with pytest.raises(error, match=f"(?i){word}"):
        fit("linear", TrainingData(("a", "b"), ("a", "b"), False, one, none), tmp_path, encoder)


def test_empty_texts_are_left_out_and_a_class_of_one_row_is_named(tmp_path, encoder):
    data = toy_data()
    probs = np.hstack([data.train.probs, np.zeros((len(data.train), 1), np.float32)])
    extra = np.eye(4, dtype=np.float32)[[3, 0]]
    train = Examples(
        [*data.train.texts, "a lone voice", "   "], np.vstack([probs, extra]),
        np.ones(len(probs) + 2, np.float32), [str(i) for i in range(len(probs) + 2)],
    )  # fmt: skip
    valid = Examples(
        data.valid.texts, np.pad(data.valid.probs, ((0, 0), (0, 1))), data.valid.weights, data.valid.record_ids
    )
    names = (*data.class_names, "lone")
    fitted = fit("linear", TrainingData(names, names, False, train, valid), tmp_path, encoder)
    assert any("empty text" in w for w in fitted.report["warnings"])
    assert any("'lone'" in w for w in fitted.report["warnings"])


def test_all_wrong_options_are_named_at_once(tmp_path, encoder):
    with pytest.raises(InputError) as found:
        fit("finetune", toy_data(), tmp_path, encoder, {"epoch": 1, "rate": "fast"})
    assert "'epoch'" in found.value.message
    assert "rate" in found.value.message


class Counted:
    """Progress that remembers what was promised and what was done."""

    def __init__(self):
        self.stages = []

    def start(self, stage, total, unit="rows"):
        self.stages.append([stage, total, 0])

    def advance(self, n=1, **facts):
        self.stages[-1][2] += n

    def finish(self):
        self.stages[-1].append("finished")


@pytest.mark.parametrize("below", [0, 3000])
@pytest.mark.parametrize("recipe", ["lexical", "linear"])
def test_as_many_fits_are_done_as_were_announced(recipe, below, encoder, tmp_path, monkeypatch):
    monkeypatch.setattr("homegrown.train.heads.CROSS_VALIDATE_BELOW", below)
    told = Counted()
    trainer = plugins.load("homegrown.trainers", recipe)()
    trainer.fit(toy_data(), {"strengths": [0.1, 1.0]}, seed=0, folder=tmp_path, encoder=encoder, progress=told)
    (fits,) = [stage for stage in told.stages if stage[0] == f"train {recipe}"]
    assert fits[1] == fits[2] == (12 if below else 3)
    assert fits[3:] == ["finished"]


def test_labels_that_nobody_looked_at_count_only_as_far_as_they_help(tmp_path, encoder):
    sure = ["card lost", "money back", "cannot enter"]
    texts = [f"{words} number {i}" for i in range(20) for words in sure]
    given = np.tile(np.eye(3, dtype=np.float32), (20, 1))
    guesses = [f"{words} case {i}" for i in range(60) for words in sure]
    wrong = np.tile(np.array([[1, 0, 0]], np.float32), (180, 1))
    right = np.tile(np.eye(3, dtype=np.float32), (60, 1))

    def trained(guessed):
        both = Examples(
            [*texts, *guesses], np.vstack([given, guessed]),
            np.concatenate([np.ones(60, np.float32), np.full(180, 0.99, np.float32)]), [str(i) for i in range(240)],
        )  # fmt: skip
        nothing = Examples([], np.zeros((0, 3), np.float32), np.zeros(0, np.float32), [])
        names = ("card", "refund", "login")
        return fit("lexical", TrainingData(names, names, False, both, nothing), tmp_path, encoder).report

    misled = trained(wrong)
    assert misled["trust"] < 0.1
    assert misled["n"] == 60, "judged on what is sure"
    assert misled["accuracy"] > 0.95
    assert any("nobody looked at" in said for said in misled["decisions"])
    assert trained(right)["accuracy"] > 0.95
