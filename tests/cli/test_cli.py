"""The command line as a person and a script use it: real processes, exit codes, one JSON document."""

import ast
import json
import os
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import pytest

from homegrown.cli.main import VERBS


def run(*arguments, stdin=None, cwd=None):
    return subprocess.run(
        [sys.executable, "-m", "homegrown", *map(str, arguments)],
        capture_output=True, text=True, input=stdin, cwd=cwd, timeout=300, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    """A workspace with one small model, grown by the command."""
    from tests.conftest import write_messages

    root = tmp_path_factory.mktemp("grown")
    file = write_messages(root / "messages.csv", 20)
    done = run(
        "grow", file, "--text", "message", "--label", "topic", "--recipe", "linear", "--workspace", root / "w", "--json"
    )
    assert done.returncode == 0, done.stderr
    return root, json.loads(done.stdout)


def test_help_lists_every_verb_without_importing_any_and_is_quick():
    started = time.monotonic()
    done = run("--help")
    assert done.returncode == 0
    assert time.monotonic() - started < 20
    for verb, (module, text) in VERBS.items():
        assert verb in done.stdout
        assert text.endswith(".")
        source = Path(sys.modules["homegrown.cli.main"].__file__).with_name(f"{module}.py")
        assert _defines_command(source), verb


def _defines_command(source: Path) -> bool:
    tree = ast.parse(source.read_text())
    names = {getattr(n, "name", None) for n in tree.body}
    return "command" in names | {t.id for n in tree.body if isinstance(n, ast.Assign) for t in n.targets}


@pytest.mark.parametrize("verb", ["label", "curate"])
def test_a_family_lists_its_parts_and_each_is_there(verb):
    family = import_module(f"homegrown.cli.{verb}").command
    shown = run(verb, "--help").stdout
    assert family.parts
    for part, (module, text) in family.parts.items():
        assert part in shown
        assert text.endswith(".")
        assert import_module(module).command.name == part


def test_grow_ends_with_one_document(grown):
    _, result = grown
    wanted = [
        "task",
        "n_records",
        "n_train",
        "n_test",
        "model_id",
        "recipe",
        "accuracy",
        "accuracy_ci95",
        "accuracy_forced",
        "macro_f1",
        "ladder",
        "seconds",
    ]
    assert set(wanted) <= set(result)
    assert result["n_records"] == 60
    assert result["accuracy"] > 0.6
    assert set(result["seconds"]) >= {"ingest", "embed", "train", "evaluate"}
    assert result["accuracy"] <= result["accuracy_forced"]
    assert Path(result["report_path"]).is_file()


def test_grow_tells_a_person_the_ladder_the_doubts_and_what_was_set_aside(tmp_path):
    file = tmp_path / "cases.csv"
    rows = [f"please refund case {i},{('Refund', 'refund')[i % 2]}\nsign in fails {i},login\n" for i in range(20)]
    file.write_bytes(b"text,topic\n" + "".join(rows).encode() + b"cut \x00 here,login\n")
    asked = ("--text", "text", "--label", "topic", "--workspace", tmp_path / "w")
    done = run("grow", file, *asked, "--budget", "6s")
    assert done.returncode == 0, done.stderr
    for word in ("lexical", "linear", "that it never saw", "--merge", "1 rows of cases.csv", "set aside", "Report: "):
        assert word in done.stdout
    file.write_bytes(b"text,topic\none,login\ntwo,login\ncut \x00 here,refund\n")
    refused = run("grow", file, *asked)
    assert refused.returncode == 2
    assert "one class only" in refused.stderr
    assert "set aside" in refused.stderr


def test_a_fault_of_ours_is_a_sentence_and_a_traceback_only_for_who_asks():
    code = (
        "import homegrown.cli.main as m; m.VERBS = {'broken': ('broken', 'x.')}; "
        "m.import_module = lambda _: 1 / 0; m.main()"
    )
    for value, shown in (("", False), ("1", True)):
        done = subprocess.run(
            [sys.executable, "-c", code, "broken"], capture_output=True, text=True, check=False,
            env={**os.environ, "HOMEGROWN_TRACEBACK": value},
        )  # fmt: skip
        assert done.returncode == 1
        assert ("Traceback" in done.stderr) is shown
        assert "ZeroDivisionError" in done.stderr


def test_predict_answers_texts_files_and_lines(grown, tmp_path):
    root, result = grown
    done = run("predict", result["task"], "my card is lost", "--workspace", root / "w", "--json")
    assert json.loads(done.stdout)["answers"][0]["label"] in ("card", None)
    out = tmp_path / "answers.jsonl"
    done = run(
        "predict",
        result["task"],
        "--file",
        root / "messages.csv",
        "--text",
        "message",
        "--out",
        out,
        "--workspace",
        root / "w",
    )
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(rows) == 60
    assert {"text", "label", "prob"} <= set(rows[0])
    done = run(
        "predict", result["task"], "--file", "-", "--workspace", root / "w", stdin="refund please\nreset my password\n"
    )
    assert len(done.stdout.splitlines()) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["grow", "missing.csv", "--text", "a", "--label", "b"], "missing.csv"),
        (["predict", "nothing", "hello"], "There is no model 'nothing'"),
        (["predict", "nothing"], "Give either texts or --file"),
        (["jobs", "show", "job_x"], "There is no job"),
        (["nonsense"], "No such command"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(arguments, words, tmp_path):
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_the_loop_step_by_step(grown):
    root, _ = grown
    at = ["--workspace", root / "w", "--json"]
    labelled = json.loads(run("label", "steps", "topic", *at).stdout)
    assert labelled["n_votes"] == 60
    snapshot = json.loads(run("curate", "steps", *at).stdout)
    assert sum(snapshot["n_by_split"].values()) == 60
    trained = run("train", snapshot["snapshot_id"], "--name", "steps", "--recipe", "lexical", *at)
    assert trained.returncode == 0, trained.stderr
    assert json.loads(trained.stdout)["number"] == 1


def test_doctor_finds_a_changed_model_file(grown):
    root, result = grown
    healthy = run("doctor", "--workspace", root / "w", "--json")
    assert healthy.returncode == 0, healthy.stdout
    assert '"kernel"' in healthy.stdout
    file = next((root / "w" / "models" / result["model_id"]).glob("*.safetensors"))
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    try:
        ill = run("doctor", "--workspace", root / "w", "--json")
        refused = run("predict", result["task"], "hello", "--workspace", root / "w")
    finally:
        file.write_bytes(content)
    assert ill.returncode == 1
    assert any(f["state"] == "wrong" and file.name in f["text"] for f in json.loads(ill.stdout))
    assert refused.returncode == 1
    assert "damaged" in refused.stderr
