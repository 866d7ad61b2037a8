import json
import re
import subprocess

import pytest
from click.testing import CliRunner
from rich.console import Console

from homegrown.cli.main import cli
from homegrown.errors import EmptyDataError, InputError
from homegrown.evaluate import compare, evaluate, example_ids, render
from homegrown.evaluate.report import charts
from homegrown.evaluate.terminal import show

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&{{7*7}}\x1b[31m\u202e"


@pytest.fixture
def measured(ws, world, tmp_path):
    """An evaluation with every part: hostile texts and names, slices, confusions, out of scope."""
    data = world.rows(500)
    for row in data:
        row["text"] += HOSTILE.replace("\x1b", "")
        row["label"] = {"login": f"login {HOSTILE}"}.get(row["label"], row["label"]).replace("\x1b", "")
    data += [{"text": f"chatter {i} {i * 31}", "label": "oos", "channel": HOSTILE, "n": i} for i in range(60)]
    ws.ingest(world.write_csv(tmp_path / "t.csv", data), text="text", label="label")
    snapshot = ws.snapshot(ws.task_from_column("intent", "label", out_of_scope=["oos"]))
    version = world.register(ws, snapshot)
    model = world.WordModel(version.class_names, threshold=0.5)
    document = evaluate(ws.store, version, model)
    return document, ws.store.records.texts(example_ids(document)), version, snapshot


def test_the_page_is_inert_and_whole(measured):
    document, texts, _, _ = measured
    html = render(document, texts)
    assert "<script" not in html
    assert "<img" not in html
    assert "onerror=alert(1)&gt;" in html
    assert not re.search(r"""(src|href)=["']?http""", html)
    assert "style=" not in html.replace("<style>", "")
    assert "{{7*7}}" in html
    assert html.count("<svg") == html.count("</svg>") > 5
    for heading in ("Against simpler means", "What it mixes up", "Answer less", "Class by class", "Where it does better",
                    "Can its confidence", "belong to no class", "How it was made"):  # fmt: skip
        assert heading in html
    assert document["sentence"] in html
    assert "(this record was forgotten)" not in html
    assert "(this record was forgotten)" in render(document, {})


def test_out_of_scope_numbers(measured):
    document, _, _, _ = measured
    found = document["out_of_scope"]
    assert document["n_out_of_scope"] == found["n_out"] == 12
    assert found["recall"] == 1.0
    assert found["recall_ci95"][0] < 0.9


def test_the_terminal_shows_the_same_and_no_control_characters(measured):
    document, texts, _, _ = measured
    console = Console(record=True, width=160, file=open("/dev/null", "w"))  # noqa: SIM115
    with console.file:
        show(document, texts, console)
        shown = console.export_text()
    assert document["sentence"][:60] in shown
    assert "Against simpler means" in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_a_small_evaluation_renders_too(ws, world, tmp_path):
    ws.ingest(world.write_csv(tmp_path / "t.csv", world.rows(24)), text="text", label="label")
    version = world.register(ws, ws.snapshot(ws.task_from_column("intent", "label")))
    document = evaluate(ws.store, version, world.WordModel(version.class_names))
    assert "far too few" in render(document)


def test_many_classes_render(ws, world, tmp_path):
    data = [{**r, "label": json.dumps([r["label"]] if i % 3 else [])} for i, r in enumerate(world.rows(200))]
    ws.ingest(world.write_csv(tmp_path / "t.csv", data), text="text", label="label")
    version = world.register(ws, ws.snapshot(ws.task_from_column("intent", "label")))
    document = evaluate(ws.store, version, world.WordModel(version.class_names, multi=True))
    assert document["multi"]
    # A third of the rows is labelled with nothing and answered with a class: 2·2 / (2·2 + 1) of the single labels.
    assert document["micro_f1"] == pytest.approx(0.8, abs=0.02)
    assert "Micro F1" in render(document)


def test_two_models_are_compared_on_rows_that_neither_learnt(ws, world, measured):
    _, _, version, snapshot = measured
    other = world.register(ws, snapshot, name="other")
    good, blind = world.WordModel(version.class_names), world.WordModel(version.class_names, blind=("refund",))
    found = compare(ws.store, (version, good), (other, blind))
    assert found["opponent"]["verdict"] == "better"
    assert "words@1 is better than other@1" in found["sentence"]
    assert found["differ"][0]["theirs"] != found["differ"][0]["ours"]
    assert found["classes"][0]["name"] == "refund"
    assert compare(ws.store, (version, good), (other, good))["opponent"]["verdict"] == "undecided"
    with pytest.raises(EmptyDataError, match="no fair comparison"):
        compare(ws.store, (version, good), (other, good), split="train")
    task = ws.task_from_column("another", "channel")
    stranger = world.register(ws, ws.snapshot(task), name="stranger")
    with pytest.raises(InputError, match="different tasks"):
        compare(ws.store, (version, good), (stranger, good))


def test_ticks_are_round():
    assert charts.ticks(0.85, 1.0) == [0.85, 0.9, 0.95, 1.0]
    assert charts.ticks(0.9, 1.0) == [0.9, 0.92, 0.94, 0.96, 0.98, 1.0]


def test_the_command_reports_what_is_stored(ws, measured):
    document, _, version, _ = measured
    root = str(ws.store.layout.root)
    ws.close()
    done = CliRunner().invoke(cli, ["evaluate", "nothing", "--workspace", root])
    assert "There is no model 'nothing'" in str(done.exception)
    assert document["version_id"] == version.version_id


@pytest.mark.slow
def test_a_browser_draws_it_at_every_width(measured, tmp_path):
    document, texts, _, _ = measured
    page = tmp_path / "report.html"
    page.write_text(render(document, texts), encoding="utf-8")
    for width in (390, 1280):
        shot = tmp_path / f"{width}.png"
        flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
        command = ["/usr/bin/chromium", *flags.split(), "--disable-component-update", "--disable-sync",
                   f"--window-size={width},2000", f"--screenshot={shot}", page.as_uri()]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        assert shot.stat().st_size > 20_000
