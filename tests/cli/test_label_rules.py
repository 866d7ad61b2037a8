"""``homegrown label rules``: try, keep, run, list, remove and bring back; files of rules; refusals in a sentence."""

import json
import subprocess
import sys

import pytest

from homegrown.workspace import connect
from tests.conftest import write_messages

RULE = {"name": "money", "says": ["refund"], "when": [{"kind": "words", "any": ["money back", "refund*"]}]}


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    root = tmp_path_factory.mktemp("rules")
    with connect(root / "w") as ws:
        ws.ingest(write_messages(root / "messages.csv"), text="message")
        ws.task("topic", classes=["card", "refund", "login"])
    (root / "rule.json").write_text(json.dumps(RULE))
    return root


def run(desk, *arguments, stdin=None):
    command = [
        sys.executable,
        "-m",
        "homegrown",
        "label",
        "rules",
        "topic",
        *map(str, arguments),
        "--workspace",
        desk / "w",
    ]
    return subprocess.run(command, capture_output=True, text=True, input=stdin, timeout=120, check=False)


def test_a_rule_is_tried_kept_listed_removed_and_brought_back(desk):
    tried = json.loads(run(desk, "--preview", desk / "rule.json", "--json").stdout)
    assert (tried["n_matches"], tried["n_records"], tried["accuracy"]) == (12, 36, None)
    assert "votes on 12 of 36 records (33.3%)" in run(desk, "--preview", "-", stdin=json.dumps(RULE)).stdout
    kept = run(desk, "--add", desk / "rule.json", "--json")
    assert json.loads(kept.stdout)["rules"] == [{"name": "money", "n_asked": 36, "n_votes": 12, "problem": ""}]
    assert "votes on 33.3% (12)" in run(desk).stdout
    stood = json.loads(run(desk, "--remove", "money", "--json").stdout)["removed"]
    assert json.loads(run(desk, "--json").stdout) == {"rules": []}
    assert run(desk, "--restore", stood).returncode == 0
    assert [r["figures"]["n_votes"] for r in json.loads(run(desk, "--json").stdout)["rules"]] == [12]


def test_a_file_of_rules_runs_and_what_was_stopped_is_told(desk):
    file = desk / "rules.py"
    file.write_text("def card(record): return 'card' if 'card' in record.text else None\ndef odd(record): return 7\n")
    done = run(desk, file)
    assert done.returncode == 2
    assert "card                                            12 votes on 36" in done.stdout
    assert "problem: The rule 'odd' was stopped at record" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    file.write_text("def card(record): return 'card' if 'card' in record.text else None\n")
    assert run(desk, file).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--add", "nowhere.json"], "cannot be read"),
        (["--preview", "-"], "A rule is JSON such as"),
        (["--remove", "nothing"], "There is no rule 'nothing'"),
        (["--restore", "nothing"], "There is no such version"),
        (["nowhere.py"], "cannot be read as text"),
        (["--remove", "a", "--restore", "b"], "Name one of"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(desk, arguments, said):
    done = run(desk, *arguments, stdin="{")
    assert done.returncode in (1, 2)
    assert said in done.stderr
    assert "Traceback" not in done.stderr
