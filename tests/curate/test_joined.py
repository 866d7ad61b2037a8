"""Several label columns on the same records: their votes are weighed, and people's word stands above them."""

import numpy as np
import pytest

from homegrown.core.access import Actor, Role
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
