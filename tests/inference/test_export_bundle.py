"""A trained model is exported by name, and answers in ONNX Runtime as ``predict`` does."""

import json

import numpy as np
import onnxruntime
import pytest
from click.testing import CliRunner

from homegrown.cli.main import cli
from homegrown.errors import InputError
from homegrown.inference.encoder_folder import open_folder
from homegrown.inference.encoder_tokens import Tokens
from homegrown.inference.exporting import export_bundle


def test_export_of_a_grown_model(messages, tmp_path):
    runner, where = CliRunner(), ["--workspace", str(tmp_path / "ws")]
    grown = runner.invoke(
        cli, ["grow", str(messages), "--text", "message", "--label", "topic", "--recipe", "linear", *where]
    )
    assert grown.exit_code == 0, grown.output
    done = runner.invoke(cli, ["export", "topic", str(tmp_path / "out"), "--json", *where])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["same_answers"] == 1.0
    text = "my card is lost"
    ours = json.loads(runner.invoke(cli, ["predict", "topic", text, "--json", *where]).stdout)["answers"][0]
    session = onnxruntime.InferenceSession(str(tmp_path / "out" / "model.onnx"), providers=["CPUExecutionProvider"])
    ids = Tokens(open_folder()).windows([text])[0][0][None].astype(np.int64)
    probs = session.run(["probs"], {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0][0]
    classes = json.loads((tmp_path / "out" / "classes.json").read_text())["class_names"]
    assert abs(probs.max() - ours["prob"]) < 0.01
    assert ours["label"] in (classes[probs.argmax()], None)


def test_other_kinds_get_a_sentence(tmp_path):
    (tmp_path / "model.json").write_text('{"kind": "lexical"}')
    with pytest.raises(InputError, match="lexical model cannot be exported"):
        export_bundle(tmp_path, tmp_path / "out")
