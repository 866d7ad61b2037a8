"""``label discover`` and ``label next`` as a person and a script use them."""

import json

import pytest
from click.testing import CliRunner

from homegrown.cli.label_discover import command as discover
from homegrown.cli.label_next import command as following
from homegrown.cli.label_queue import command as queue
from homegrown.workspace import connect
from tests.conftest import write_messages

HOSTILE = "\x1b[2J\x1b]0;owned\x07 my card never came\u202e"


@pytest.fixture
def desk(tmp_path):
    with connect(tmp_path / "desk") as ws:
        ws.ingest(write_messages(tmp_path / "messages.csv", n_per_class=12), text="message")
        hostile = tmp_path / "hostile.csv"
        hostile.write_text("message\n" + "\n".join(f'"{HOSTILE} {i}"' for i in range(4)))
        ws.ingest(hostile, text="message")
    return tmp_path / "desk"


def called(command, workspace, *arguments):
    done = CliRunner().invoke(command, [*arguments, "--workspace", str(workspace)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_groups_are_listed_looked_at_and_made_a_class(desk):
    found = json.loads(called(discover, desk, "--json"))
    shown = called(discover, desk, "--show", found["discovery_id"])
    assert all(c["cluster_id"] in shown and c["name"] in shown for c in found["clusters"])
    one = found["clusters"][0]
    at = ["--show", found["discovery_id"]]
    sample = json.loads(called(discover, desk, *at, "--sample", one["cluster_id"], "--json"))["sample"]
    assert set(sample) <= set(one["record_ids"])
    wrong = next(iter(sample))
    made = called(
        discover, desk, *at, "--make", one["cluster_id"], "--task", "topic", "--name", "first", "--wrong", wrong
    )
    assert f"{len(sample) - 1} of {len(sample)} texts looked at belong to “first”" in made
    assert "(a class)" in called(discover, desk, *at)


def test_each_record_comes_with_its_reason_and_no_text_moves_the_cursor(desk):
    with connect(desk) as ws:
        ws.task("topic", classes=["card", "refund"])
    document = json.loads(called(following, desk, "topic", "-n", "40", "--json"))
    assert len(document["records"]) == 40
    lines = called(following, desk, "topic", "-n", "40").splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith(document["records"][0]["record_id"]))
    for choice, at in zip(document["records"], range(first, len(lines), 2), strict=True):
        assert lines[at].startswith(choice["record_id"])
        assert lines[at + 1] == f"    {choice['reason']}"
    listed = [called(following, desk, "topic", "-n", "40"), called(queue, desk, "topic", "-n", "40")]
    for said in listed:
        assert "owned" in said
        assert all(c.isprintable() for c in said if c != "\n")
