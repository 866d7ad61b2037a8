import numpy as np
import pytest

from homegrown.core.ids import text_hash
from homegrown.evaluate import evaluate, render
from homegrown.evaluate.sentences import more_labels
from homegrown.metrics.learning import LearningPoint


@pytest.fixture
def measured(ws, world, tmp_path):
    """A version whose encoder left a vector for every text: the class with noise; test texts are off by a class."""

    def make(n=600, vectors=True):
        rows = world.rows(n)
        ws.ingest(world.write_csv(tmp_path / "t.csv", rows), text="text", label="label")
        snapshot = ws.snapshot(ws.task_from_column("intent", "label"))
        version = world.register(ws, snapshot)
        version.details["encoder"] = "fake"
        if vectors:
            split = {r["text_hash"]: r["split"] for r in ws.store.snapshots.read(snapshot.snapshot_id).to_pylist()}
            rng = np.random.default_rng(0)
            names = sorted({r["label"] for r in rows})
            hashes = [text_hash(r["text"]) for r in rows]
            classes = np.array([names.index(r["label"]) for r in rows])
            classes = (classes + np.array([split[h] == "test" for h in hashes])) % 3
            found = np.eye(3, 16)[classes] + rng.normal(size=(n, 16)) * 0.7
            ws.store.vectors("fake", 16).add(hashes, found.astype(np.float32))
        return version, evaluate(ws.store, version, world.WordModel(version.class_names))

    return make


def test_the_curve_is_read_off_training_and_validation_rows_alone(measured, ws):
    version, found = measured()
    curve = found["learning"]
    snapshot = ws.store.models.snapshot(version.snapshot_id)
    assert (curve["n"], curve["n_valid"]) == (snapshot.n_by_split["train"], snapshot.n_by_split["valid"])
    assert curve["points"][-1]["n"] == curve["n"]
    # Had it been fitted or measured on test rows, whose vectors point to another class, it would be far lower.
    assert curve["points"][-1]["accuracy"] > 0.7
    assert [p["n"] for p in curve["ahead"]] == [2 * curve["n"], 4 * curve["n"]]
    assert f"{2 * curve['n']:,} in place of {curve['n']:,}" in curve["sentence"]
    assert curve["seconds"] < 2
    html = render(found)
    assert "What more labels would bring" in html
    assert curve["sentence"] in html
    assert "Accuracy against the number of labelled rows" in html


def test_without_vectors_nothing_is_computed_and_with_few_rows_it_says_so(measured):
    _, found = measured(vectors=False)
    assert found["learning"] is None
    assert "What more labels" not in render(found)


def test_few_rows(measured):
    _, found = measured(n=60)
    assert found["learning"]["sentence"].startswith("Too few rows to say")
    assert found["learning"]["points"] == []
    assert "Too few rows to say" in render(found)


@pytest.mark.parametrize(
    ("gain", "interval", "said"),
    [
        (0.012, (0.004, 0.02), "should bring about 1.2 points of accuracy (95% interval 0.4 to 2.0)."),
        (0.001, (0.0, 0.003), "would bring little: about 0.1 points"),
        (0.08, (0.0, 0.2), "may bring anything from 0.0 to 20.0 points"),
    ],
)
def test_the_sentence_says_how_sure_it_is(gain, interval, said):
    assert said in more_labels(1000, LearningPoint(2000, 0.9, (0.8, 0.95), gain, interval))
