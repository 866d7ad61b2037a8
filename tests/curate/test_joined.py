"""Several label columns on the same records: their votes are weighed, and people's word stands above them."""

import numpy as np
import pytest

from homegrown.core.access import Actor, Role
from homegrown.core.assignments import Submission
from homegrown.core.ids import new_id
from homegrown.curate.labels import read_labels
from homegrown.label import join_votes
from homegrown.store import tables


@pytest.fixture
def three(ws, put):
    """A column that is nearly always right, and two that guess and echo nobody; and the truth by text."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 300)
    right = rng.random((300, 5)) < [0.97, 0.62, 0.62, 0.62, 0.6]
    said = np.where(right, truth[:, None], 1 - truth[:, None])
    words = rng.permutation(3000).reshape(300, 10)
    rows = [
        {"text": " ".join(f"w{w}" for w in words[i])} | {f"c{j}": "ny"[said[i, j]] for j in range(5)}
        for i in range(300)
    ]
    put(rows, label="c0")
    for column in range(5):
        task = ws.import_labels("t", f"c{column}").task
    return task, {row["text"]: int(t) for row, t in zip(rows, truth, strict=True)}, rows


def test_a_snapshot_trusts_the_better_source(ws, three, rows_of):
    task, truth, rows = three
    frozen = rows_of(ws.snapshot(task))
    assert len(frozen) == 300
    found = {row["text"]: row["probs"] for row in frozen}
    hits = np.mean([np.argmax(found[text]) == answer for text, answer in truth.items()])
    counted = np.mean([(sum(row[f"c{j}"] == "y" for j in range(5)) > 2) == truth[row["text"]] for row in rows])
    assert hits > counted + 0.05
    assert all(sum(probs) == pytest.approx(1, abs=1e-4) for probs in found.values())


def test_the_word_of_people_stands_alone_among_many(ws, three, rows_of):
    task = three[0]
    first, second = rows_of(ws.snapshot(task))[:2]
    other = 1 - int(np.argmax(first["probs"]))
    ws.vote(first["record_id"], "t", "ny"[other])
    ws.vote(second["record_id"], "t", "n")
    anna = Actor("actor_anna", "person", "Anna", Role.OWNER)
    with ws.store.db.write() as connection:
        connection.execute(
            tables.actors.insert().values(actor_id=anna.actor_id, kind="person", name="Anna", created_at="x")
        )
    ws.acting_as(anna).vote(second["record_id"], "t", "y")
    after = {row["record_id"]: row["probs"] for row in rows_of(ws.snapshot(task))}
    assert after[first["record_id"]][other] == 1
    assert after[second["record_id"]] == [0.5, 0.5]


def test_the_same_votes_give_the_same_snapshot(ws, three):
    assert ws.snapshot(three[0]).snapshot_id == ws.snapshot(three[0]).snapshot_id


@pytest.mark.parametrize("plan", [{}, {"test_source": "more.csv"}, {"group_by": "part"}])
def test_what_people_say_of_test_records_teaches_nothing(ws, three, put, rows_of, plan):
    task, _, rows = three
    rng = np.random.default_rng(1)
    words = rng.permutation(3000).reshape(300, 10)[:100]
    more = [{**rows[i], "text": " ".join(f"v{w}" for w in words[i]), "part": f"p{i % 20}"} for i in range(100)]
    put(more, "more.csv", label="c0")
    put([{**row, "part": f"p{i % 20}"} for i, row in enumerate(rows)], label="c0")
    for column in range(5):
        ws.import_labels("t", f"c{column}")
    first = ws.snapshot(task, **plan)
    before = rows_of(first)
    tested = [row for row in before if row["split"] == "test"]
    assert len(tested) > 40
    # A column that guesses is right, says a person, on each record of the test: were that heard, it would be believed.
    for row in tested:
        ws.vote(row["record_id"], "t", row["c1"])
    # A random draw is balanced by the labels as they are now, so that it is held to the texts of the first one.
    plan = plan or {"test_of": first.snapshot_id}
    after = rows_of(ws.snapshot(task, **plan))
    assert {r["record_id"] for r in after if r["split"] == "test"} == {r["record_id"] for r in tested}
    probs = {r["record_id"]: r["probs"] for r in before}
    assert all(r["probs"] == probs[r["record_id"]] for r in after if r["split"] != "test")
    assert all(max(r["probs"]) == 1 for r in after if r["split"] == "test")


N = 400


@pytest.fixture
def say(ws, put):
    """Lets somebody, by name, say classes of records, by number; and reads the labels of all."""
    put([{"text": f"case {i}", "label": "ny"[i % 2], "group": f"g{i % 40}"} for i in range(N)])
    task = ws.import_labels("t", "label").task
    ids = ws.store.records.scan(["record_id"]).sort_by("record_id")["record_id"].combine_chunks()
    keys = ids.to_pylist()

    def say(name, said, settles=False):
        actor = Actor(f"actor_{name}", "person", name, Role.OWNER)
        with ws.store.db.write() as connection:
            row = {"actor_id": actor.actor_id, "kind": "person", "name": name, "created_at": "x"}
            connection.execute(tables.actors.insert().prefix_with("OR IGNORE").values(**row))
        votes = [Submission(new_id("c"), "vote", keys[i], {"classes": [task.class_ids[k]]}) for i, k in said.items()]
        assert {o.outcome for o in ws.acting_as(actor).submit("t", votes, settles=settles)} == {"kept"}

    def read():
        return read_labels(ws.store, ws.store.tasks.find("t"), ids, join_votes).dense(np.arange(N))

    return say, read, keys


def test_people_who_disagree_are_weighed_by_how_good_they_are_once_reviewers_settled_enough(ws, say):
    say, read, keys = say
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 2, N)
    right = rng.random((N, 3)) < [0.95, 0.65, 0.65]
    said = np.where(right, truth[:, None], 1 - truth[:, None])
    said[:40, 1:] = -1  # one person alone
    for name, column in zip(("ann", "ben", "cat"), said.T, strict=True):
        say(name, {i: int(k) for i, k in enumerate(column) if k >= 0})
    differ = np.flatnonzero((said[:, :1] != said).any(1) & (said[:, 1] >= 0))
    settled, rest = differ[:90], differ[90:]
    counted = read()
    assert np.allclose(counted[differ].max(1), 2 / 3)
    say("rita", {i: int(truth[i]) for i in settled[:49]}, settles=True)
    assert np.allclose(read()[rest].max(1), 2 / 3), "too little is settled to know"
    say("rita", {i: int(truth[i]) for i in settled[49:]}, settles=True)
    probs = read()
    assert (probs[rest].argmax(1) == truth[rest]).mean() > (counted[rest].argmax(1) == truth[rest]).mean() + 0.05
    assert probs[rest].max() < 0.995
    assert np.log(probs[rest, truth[rest]]).mean() > np.log(counted[rest, truth[rest]]).mean() + 0.1
    sure = np.setdiff1d(np.arange(N), differ)
    assert (probs[sure, said[sure, 0]] == 1).all()
    assert (probs[settled, truth[settled]] == 1).all()
    shown = ws.sql("select prob, count(*) as n from labels where prob < 1 group by prob").rows()
    assert [(round(row["prob"], 3), row["n"]) for row in shown] == [(0.667, len(rest))]
    # What a reviewer says of a test record moves the label of none that is learnt from.
    first = ws.snapshot(ws.store.tasks.find("t"), group_by="group")
    before = ws.store.snapshots.read(first.snapshot_id).to_pylist()
    doubtful = [r for r in before if max(r["probs"]) < 1 and r["split"] == "train"]
    assert any(abs(max(r["probs"]) - 2 / 3) > 0.1 for r in doubtful)
    tested = [keys.index(r["record_id"]) for r in before if r["split"] == "test"]
    say("rita", {i: int(said[i, 1]) for i in np.intersect1d(tested, rest)}, settles=True)
    after = ws.store.snapshots.read(ws.snapshot(ws.store.tasks.find("t"), group_by="group").snapshot_id).to_pylist()
    learnt = [{r["record_id"]: r["probs"] for r in rows if r["split"] != "test"} for rows in (before, after)]
    assert learnt[0] == learnt[1]


def test_people_are_counted_where_counting_is_as_good(say):
    say, read, _ = say
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, N)
    alone = rng.integers(0, 3, N)  # who stands against the other two, and is right once in three times
    they = np.where(rng.random(N) < 2 / 3, truth, 1 - truth)
    for person, name in enumerate(("ann", "ben", "cat")):
        say(name, {i: int(k) for i, k in enumerate(np.where(alone == person, 1 - they, they))})
    say("rita", {i: int(truth[i]) for i in range(150)}, settles=True)
    assert np.allclose(read()[150:].max(1), 2 / 3)
