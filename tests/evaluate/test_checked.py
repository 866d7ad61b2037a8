"""Agreeing with rules is not being right: how many labels somebody vouched for is counted, and said first."""

import msgspec
import pyarrow.compute as pc
import pytest

from homegrown.evaluate import evaluate
from homegrown.store.vouched import vouched

SAYS = {"card": "card lost", "refund": "money back", "login": "cannot enter"}


@pytest.fixture
def by_rules(ws, world, tmp_path):
    """A task in which a rule labels every record, and a person fifteen of them."""
    ws.ingest(world.write_csv(tmp_path / "raw.csv", world.rows()), text="text")
    task = ws.task("topic", classes=list(SAYS))
    for name, words in SAYS.items():
        ws.add_rule("topic", {"name": name, "says": [name], "when": [{"kind": "words", "any": [words]}]})
    ws.run_rules("topic")
    records = ws.store.records.scan(["record_id", "fields"]).to_pylist()[:15]
    for record in records:
        ws.vote(record["record_id"], "topic", msgspec.json.decode(record["fields"])["label"])
    return task.noun, {r["record_id"] for r in records}


def test_labels_of_rules_are_told_from_those_of_people(ws, world, by_rules):
    task, said = by_rules
    every = ws.store.records.scan(["record_id"])["record_id"].to_pylist()
    known = vouched(ws.store, task.task_id, every)
    assert {i for i, one in zip(every, known, strict=True) if one} == said
    snapshot = ws.snapshot(task)
    version = world.register(ws, snapshot)
    found = evaluate(ws.store, version, world.WordModel(version.class_names, blind=("login",)))
    rows = ws.store.snapshots.read(snapshot.snapshot_id)
    test = set(rows.filter(pc.equal(rows["split"], "test"))["record_id"].to_pylist())
    assert found["n_checked"] == len(test & said) < found["n"] / 2
    assert found["sentence"].startswith("It agrees with the votes on")
    first = found["cautions"][0]
    assert first["kind"] == "guessed"
    assert f"{found['n'] - found['n_checked']:,} of the {found['n']:,} labels" in first["text"]


def test_labels_of_a_file_are_vouched_for(ws, world, tmp_path):
    ws.ingest(world.write_csv(tmp_path / "t.csv", world.rows()), text="text", label="label")
    task = ws.task_from_column("topic", "label")
    ws.add_rule(task, {"name": "r", "says": ["card"], "when": [{"kind": "words", "any": ["card"]}]})
    ws.run_rules(task)
    version = world.register(ws, ws.snapshot(task))
    found = evaluate(ws.store, version, world.WordModel(version.class_names))
    assert found["n_checked"] == found["n"]
    assert found["sentence"].startswith("It is right on")
    assert "guessed" not in {c["kind"] for c in found["cautions"]}
