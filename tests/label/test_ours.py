"""A model of ours votes on what it has not learnt from."""

import pytest

from homegrown.core.models import Recipe
from homegrown.core.progress import Silent
from homegrown.errors import InputError, NotFoundError
from homegrown.label.ours import vote_with_model
from homegrown.workspace import connect
from tests.conftest import write_messages


@pytest.fixture(scope="module")
def ws(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ours")
    with connect(folder / "ws") as found:
        found.ingest(write_messages(folder / "m.csv", 30), text="message", label="topic")
        task = found.task("topic", column="topic")
        found.train(found.snapshot(task.noun), Recipe("lexical"), "topic")
        (folder / "new.csv").write_text("message\nmy card never came at all\nplease refund me\nzzz qqq\n")
        found.ingest(folder / "new.csv", text="message")
        yield found


def test_the_champion_votes_with_its_probability_where_it_has_not_learnt(ws):
    done = ws.task("topic").model_votes()
    version = ws.store.models.version("topic")
    rows = ws.store.snapshots.read(version.snapshot_id)
    learnt = {r["record_id"] for r in rows.to_pylist() if r["split"] in ("train", "valid")}
    assert done.n_learnt == len(learnt) > 0
    votes = [
        v for v in ws.store.votes.of_task(version.task_id).to_pylist() if v["label_source_id"] == done.label_source_id
    ]
    assert len(votes) == done.n_votes + done.n_abstained == ws.store.records.count() - len(learnt)
    assert not learnt & {v["record_id"] for v in votes}
    said = ws.predict("topic", list(ws.store.records.texts(v["record_id"] for v in votes).values()))
    assert sum(a["label"] is None for a in said) == done.n_abstained
    assert all(0 < v["confidence"] <= 1 for v in votes)
    again = ws.model_votes("topic")
    assert again == done, "the same version again is the same source"


def test_a_model_of_another_task_does_not_vote(ws):
    other = ws.task("other", classes=["a", "b"])
    version = ws.store.models.version("topic")
    with pytest.raises(InputError):
        vote_with_model(ws.store, other.noun, version, ws.predictor(version), Silent())
    with pytest.raises(NotFoundError, match="Train one"):
        other.model_votes()
