"""The way out of an API that reads receipts, in one command: its figures are those of the rows that were kept."""

import json
import os
import subprocess
import sys

import pytest

from homegrown.cli.demo_fields import given_fields
from homegrown.cli.demo_receipts import FIELDS, demo_receipts, differing, made_up, receipts_book
from homegrown.cli.main import main
from homegrown.core.access import SYSTEM
from homegrown.core.ids import text_hash
from homegrown.core.traces import AT_HOME, messages_of
from homegrown.errors import InputError
from homegrown.gateway.parts import FIELDS as GIVEN
from homegrown.workspace import connect

KEYS = {
    "n_traces", "templates", "student_id", "verdict", "alpha", "delta", "coverage", "coverage_ci95", "error_at_home",
    "cost_before_usd", "cost_after_usd", "break_even_month", "simulated", "seed", "seconds", "source", "calls", "stopped",
    "calibration", "error_at_home_ci95", "n_home", "n_after", "switched", "fields", "fields_coverage", "verdict_fields",
}  # fmt: skip


@pytest.fixture
def nothing_public(monkeypatch, tmp_path):
    monkeypatch.setenv("HOMEGROWN_DATA", str(tmp_path))


def test_receipts_stand_in_one_part_of_the_story_each(nothing_public):
    told = demo_receipts(300, 2)
    parts = [told.taught, told.shadow, told.after, told.last]
    assert [len(p) for p in parts] == [240, 60, 160, 20]
    texts = [text_hash(t) for part in parts for t, _ in part]
    assert len(texts) == len(set(texts)) == len(told.gold)
    assert "made up" in told.source
    body = told.ask(["x"])[0]
    assert list(body["response_format"]["json_schema"]["schema"]["properties"]) == list(FIELDS)
    text, document = told.taught[0]
    book = receipts_book(told, 0.0)
    assert json.loads(book.answer(told.system, text)) == document
    assert json.loads(book.answer(told.system, text, ["total", "date"])) == {k: document[k] for k in ("total", "date")}
    assert differing(None, document) == list(FIELDS)
    with pytest.raises(InputError, match="needs 60 receipts"):
        demo_receipts(10, 0)


def test_what_is_made_up_stands_in_its_text():
    for text, document in made_up()[:40]:
        assert document["company"] in text
        assert f"{document['total']:.2f}" in text
        assert document["address"].split(", ")[1] in text


@pytest.mark.slow
def test_the_story_is_played_and_its_figures_are_those_of_its_rows(nothing_public, tmp_path):
    root = tmp_path / "ws"
    arguments = ["--fields", "--json", "--workspace", str(root), "--calls", "240", "--alpha", "0.1", "--seed", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "homegrown", "demo", "exit", *arguments], stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=600, env=os.environ, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found.keys() >= KEYS
    assert found["switched"] is True
    assert [f["name"] for f in found["fields"]] == list(FIELDS)
    assert (found["templates"][0]["suits"], found["templates"][0]["fields"]) == ("ready", list(FIELDS))
    receipts = demo_receipts(240, 1)
    with connect(root, actor=SYSTEM) as ws:
        calls = []
        while page := ws.calls(limit=500, before=calls[-1].trace_id if calls else None):
            calls += page
        assert found["n_traces"] == len(calls)
        after = dict(receipts.after)
        mine = [c for c in calls if messages_of(c)[-1]["content"] in after]
        assert len(mine) == found["n_after"] == len(after)
        exit = ws.store.routes.get("default").config.exit
        assert (exit.alpha, exit.object.by) == (0.1, "field")
    counted = given_fields(mine, receipts.gold)
    assert {f.name: (f.n_home, f.n_wrong) for f in counted} == {
        f["name"]: (f["n_home"], f["n_wrong"]) for f in found["fields"]
    }
    assert found["n_home"] == sum(c.version_id is not None for c in mine)
    assert found["n_part"] == sum(c.tags[AT_HOME] == "part" for c in mine)
    assert all(c.tags[GIVEN] for c in mine if c.tags[AT_HOME] == "part")
    assert found["fields_coverage"] == sum(f.n_home for f in counted) / (4 * len(mine))
    assert found["fields_coverage"] > 0.4
    assert found["error_at_home"] == sum(f.n_wrong for f in counted) / sum(f.n_home for f in counted)
    assert found["stopped"]["n_answered"] == found["stopped"]["n_home"]
    assert 0 < found["saved_share"] < 1


def test_what_cannot_be_is_one_sentence(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["homegrown", "demo", "exit", "--fields", "--recipe", "linear"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert capsys.readouterr().err.strip().endswith("--recipe is of labels; documents have one recipe, fields.")
