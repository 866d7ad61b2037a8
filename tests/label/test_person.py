"""A person's vote: one standing per person and record, undoable, outweighing what was imported, kept by a snapshot."""

import csv

import pytest

from homegrown.core.access import Actor, Role
from homegrown.errors import ConflictError, ForbiddenError, InputError, NotFoundError
from homegrown.store import tables
from homegrown.store.events import read_events
from homegrown.workspace import connect
from homegrown.workspace.labelling import TAUGHT

ANNA = Actor("actor_anna", "person", "Anna", Role.OWNER)


@pytest.fixture
def ws(tmp_path):
    with (tmp_path / "rows.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(
            [["text", "topic"], *([f"unlike the others {i} " + "xyz"[i % 3] * i, "ab"[i % 2]] for i in range(40))]
        )
    with connect(tmp_path / "work") as ws:
        ws.ingest(tmp_path / "rows.csv", text="text", label="topic")
        ws.task_from_column("t", "topic")
        yield ws


@pytest.fixture
def record(ws):
    return next(r for r in ws.search_records(limit=50).records if r.fields["topic"] == "a")


def label(ws, record_id):
    return ws.sql("select class, prob, gold from labels where record_id = ?", [record_id]).rows()


def frozen(ws, record_id):
    """The probabilities of a record in a snapshot made now, by class name."""
    task = ws.store.tasks.find("t")
    rows = ws.store.snapshots.read(ws.snapshot(task).snapshot_id).to_pylist()
    probs = next((r["probs"] for r in rows if r["record_id"] == record_id), None)
    return dict(zip(task.class_names, probs, strict=True)) if probs else None


def test_a_person_outweighs_what_was_imported(ws, record):
    assert frozen(ws, record.record_id) == {"a": 1.0, "b": 0.0}
    ws.vote(record.record_id, "t", "b")
    assert label(ws, record.record_id) == [{"class": "b", "prob": 1.0, "gold": True}]
    assert frozen(ws, record.record_id) == {"a": 0.0, "b": 1.0}
    ws.vote(record.record_id, "t", None)
    assert frozen(ws, record.record_id) == {"a": 0.0, "b": 0.0}


def test_a_vote_is_taken_back_and_brought_back(ws, record):
    first = ws.vote(record.record_id, "t", "b")
    undone = ws.undo_vote(first)
    assert frozen(ws, record.record_id) == {"a": 1.0, "b": 0.0}
    assert label(ws, record.record_id)[0]["class"] == "a"
    ws.undo_vote(undone)
    assert frozen(ws, record.record_id) == {"a": 0.0, "b": 1.0}
    with pytest.raises(ConflictError, match="changed since"):
        ws.undo_vote(first)
    with pytest.raises(NotFoundError):
        ws.undo_vote("vote_x")
    actions = [e["action"] for e in read_events(ws.store.db, limit=5)]
    assert "label.undo_vote" in actions


def test_one_person_has_one_vote_and_two_have_two(ws, record):
    first = ws.vote(record.record_id, "t", "b")
    assert ws.vote(record.record_id, "t", "b") == first
    ws.vote(record.record_id, "t", "a")
    ws.vote(record.record_id, "t", "b")
    assert len(ws.store.person_votes.of_records([record.record_id])) == 1
    with ws.store.db.write() as connection:
        connection.execute(
            tables.actors.insert().values(actor_id=ANNA.actor_id, kind="person", name="Anna", created_at="x")
        )
    anna = ws.acting_as(ANNA)
    hers = anna.vote(record.record_id, "t", "a")
    assert frozen(ws, record.record_id) == {"a": 0.5, "b": 0.5}
    with pytest.raises(ForbiddenError, match="Only who gave"):
        ws.undo_vote(hers)


def test_a_text_that_is_new_becomes_a_record_with_its_vote(ws):
    done = [ws.teach(f'never seen {i}\r\n"; a,b\0', "t", "b") for i in range(3)]
    assert [d.is_new for d in done] == [True, True, True]
    again = ws.teach('never seen 1\n"; a,b', "t", "b")
    assert (again.record_id, again.vote_id, again.is_new) == (done[1].record_id, done[1].vote_id, False)
    assert {s.name: s.n_records for s in ws.store.sources.list()} == {"rows.csv": 40, TAUGHT: 3}
    assert ws.store.records.count() == 43
    assert [frozen(ws, d.record_id) for d in done] == [{"a": 0.0, "b": 1.0}] * 3
    assert ws.teach("unlike the others 1 y", "t", "b").is_new is False


@pytest.mark.parametrize(
    ("said", "sentence"), [("bb", "Did you mean 'b'"), ("zzz", "Classes: a, b"), (["a", "b"], "one")]
)
def test_what_cannot_be_said_is_refused(ws, record, said, sentence):
    with pytest.raises(InputError, match=sentence):
        ws.vote(record.record_id, "t", said)


def test_what_is_not_there_cannot_be_voted_on(ws):
    with pytest.raises(NotFoundError):
        ws.vote("nothing", "t", "a")
    with pytest.raises(InputError, match="There is no task"):
        ws.teach("a text", "u", "a")
    with pytest.raises(InputError, match="no class"):
        ws.teach("a text", "t", "c")
    assert ws.store.records.count() == 40
    with pytest.raises(InputError, match="no text"):
        ws.teach("  ", "t", "a")
