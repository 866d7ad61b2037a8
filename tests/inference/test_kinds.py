"""The kinds of models: same answers after saving, and the same bytes in a bundle as ever."""

import hashlib

import numpy as np
import pytest

from homegrown.errors import CorruptDataError
from homegrown.inference.lexical import LexicalFeatures, LexicalModel
from homegrown.inference.linear import LinearModel
from homegrown.inference.predictor import KINDS, load_predictor
from homegrown.inference.readout import Readout
from homegrown.inference.static import StaticModel, StaticVectors
from homegrown.inference.views import TwoViews, ViewsModel

TEXTS = ["a lost card", "the money back please", "cannot enter"]
NAMES = ("card", "refund", "login")


class LengthEncoder:
    fingerprint, dim = "lengths", 4

    def encode(self, texts, progress=None):
        return np.array([[len(t), t.count("a"), t.count("e"), 1.0] for t in texts], np.float32) / 20


def numbers(*shape):
    return (np.arange(np.prod(shape), dtype=np.float32).reshape(shape) % 7 - 3) / 4


def models():
    buckets = np.arange(0, 1 << 20, 1 << 12, dtype=np.uint32)
    features = LexicalFeatures(buckets, np.ones(len(buckets), np.float32))
    words = StaticVectors(np.arange(6, dtype=np.uint64) * np.uint64(977), numbers(6, 4))
    yield LexicalModel(features, NAMES, numbers(len(buckets), 3), numbers(3), Readout(temperature=1.5))
    yield StaticModel(words, NAMES, numbers(4, 3), numbers(3))
    yield LinearModel(LengthEncoder(), NAMES, numbers(4, 3), numbers(3), Readout(multi=True))
    views = TwoViews(LengthEncoder(), features)
    yield ViewsModel(views, NAMES, numbers(4 + len(buckets), 3), numbers(3), Readout(temperature=1.5))


BYTES = {
    "lexical": {"lexical.safetensors": "257257d2c222e94e", "model.json": "696d622a715edade"},
    "static": {"model.json": "1148d089152d7888", "static.safetensors": "0e7150cec270d4de"},
    "linear": {"head.safetensors": "fb9895ba2e2ec81d", "model.json": "95a4ab1f67905dd4"},
    "views": {
        "head.safetensors": "fb9895ba2e2ec81d",
        "lexical.safetensors": "7e678b67def12efe",
        "model.json": "9940a9160d251278",
    },
}


@pytest.mark.parametrize("model", list(models()), ids=lambda m: m.kind)
def test_a_bundle_keeps_its_bytes_and_its_answers(model, tmp_path):
    model.save(tmp_path / "bundle")
    found = {p.name: hashlib.sha256(p.read_bytes()).hexdigest()[:16] for p in (tmp_path / "bundle").iterdir()}
    assert found == BYTES[model.kind]
    again = load_predictor(tmp_path / "bundle", LengthEncoder())
    assert type(again) is type(model)
    assert (again.class_names, again.multi, again.threshold) == (NAMES, model.multi, 0.5)
    assert again.readout == model.readout
    assert np.array_equal(again.predict(TEXTS).probs, model.predict(TEXTS).probs)
    assert again.predict(TEXTS).probs.shape == (3, 3)


def test_every_kind_has_a_name_of_its_own_and_an_unknown_one_is_a_sentence(tmp_path):
    assert sorted(KINDS) == ["finetune", "lexical", "linear", "static", "views"]
    (tmp_path / "model.json").write_text('{"kind": "oracle"}')
    with pytest.raises(
        CorruptDataError, match="of kind 'oracle'; this homegrown loads lexical, static, linear, views, finetune"
    ):
        load_predictor(tmp_path)
