"""An exported model answers elsewhere as it does here."""

import numpy as np
import onnxruntime
import pytest

from homegrown.errors import ConflictError, InputError
from homegrown.inference.encoder import Encoder, bundled_folder
from homegrown.inference.encoder_choice import SAMPLE
from homegrown.inference.encoder_folder import open_folder
from homegrown.inference.encoder_tokens import Tokens
from homegrown.inference.export import Head, export_model
from homegrown.inference.export_onnx import write_onnx


@pytest.fixture(scope="module")
def head():
    chance = np.random.default_rng(0)
    return Head(chance.normal(size=(384, 3)).astype(np.float32), np.float32([0.1, 0.0, -0.1]), ("a", "b", "c"))


@pytest.fixture(scope="module")
def exported(tmp_path_factory, head):
    return export_model(bundled_folder(), tmp_path_factory.mktemp("export") / "model", head)


@pytest.fixture(scope="module")
def vectors():
    return Encoder.load(precision="fp32").encode(list(SAMPLE))


def test_it_was_checked(exported):
    assert exported.least_cosine > 0.9999
    assert exported.same_answers == 1.0
    assert {"model.onnx", "model.safetensors", "tokenizer.json", "classes.json"} <= set(exported.files)


def test_the_onnx_file_answers_text_by_text(exported, head, vectors):
    session = onnxruntime.InferenceSession(str(exported.folder / "model.onnx"), providers=["CPUExecutionProvider"])
    windows = Tokens(open_folder()).windows(list(SAMPLE))[0]
    for window, vector in zip(windows, vectors, strict=True):
        ids = window[None].astype(np.int64)
        embedding, probs = session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})
        logits = vector @ head.weight + head.bias
        expected = np.exp(logits) / np.exp(logits).sum()
        assert embedding[0] @ vector > 0.9999
        assert np.abs(probs[0] - expected).max() < 1e-3


@pytest.mark.slow
def test_sentence_transformers_and_transformers_load_the_folder(exported, head, vectors):
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers import AutoModel, AutoTokenizer

    logits = SentenceTransformer(str(exported.folder), device="cpu").encode(list(SAMPLE), show_progress_bar=False)
    assert np.abs(logits - (vectors @ head.weight + head.bias)).max() < 1e-3
    tokens = AutoTokenizer.from_pretrained(exported.folder)(SAMPLE[0], return_tensors="pt")
    with torch.inference_mode():
        mean = AutoModel.from_pretrained(exported.folder)(**tokens).last_hidden_state.mean(1)[0].numpy()
    assert mean @ vectors[0] / np.linalg.norm(mean) > 0.9999


def test_an_export_is_never_written_over(exported, head):
    with pytest.raises(ConflictError, match="exists already"):
        export_model(bundled_folder(), exported.folder, head)


def test_without_a_head_the_encoder_alone_is_exported(tmp_path):
    report = export_model(bundled_folder(), tmp_path / "encoder")
    assert "classes.json" not in report.files
    assert Encoder.load(report.folder, precision="fp32").encode(["hi"]).shape == (1, 384)


def test_other_families_get_a_sentence(tmp_path):
    folder = open_folder()
    folder.config["model_type"] = "roberta"
    with pytest.raises(InputError, match="not roberta"):
        write_onnx(folder, tmp_path / "x.onnx")
