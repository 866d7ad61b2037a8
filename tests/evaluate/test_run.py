import msgspec
import pytest

from homegrown.errors import EmptyDataError, InputError, MissingColumnError
from homegrown.evaluate import evaluate, stored_evaluation


@pytest.fixture
def grown(ws, tmp_path, world):
    def make(data=None, **options):
        ws.ingest(world.write_csv(tmp_path / "t.csv", data or world.rows()), text="text", label="label")
        snapshot = ws.snapshot(ws.task_from_column("intent", "label"), **options)
        return snapshot, world.register(ws, snapshot)

    return make


def test_the_document_has_all_parts_and_no_text(ws, grown, world):
    snapshot, version = grown(world.rows(500))
    found = evaluate(ws.store, version, world.WordModel(version.class_names, blind=("login",)))
    assert found["n"] == snapshot.n_by_split["test"]
    assert found["accuracy_ci95"][0] < found["accuracy"] < found["accuracy_ci95"][1] < 1
    assert found["sentence"].startswith("It is right on about")
    by_name = {c["name"]: c for c in found["classes"]}
    assert by_name["card"]["n_train"] > 20
    assert by_name["refund"]["recall"] == 1.0
    assert by_name["login"]["recall"] == 0.0
    top = found["confusions"][0]
    assert (top["truth"], top["n"]) == ("login", by_name["login"]["n"])
    assert len(top["record_ids"]) == min(5, top["n"])
    assert {o["kind"] for o in found["opponents"]} == {"majority", "tfidf"}
    majority = found["opponents"][0]
    assert majority["verdict"] == "better"
    assert majority["difference_ci95"][0] > 0
    assert found["latency"]["p95_ms"] >= found["latency"]["p50_ms"] > 0
    assert [w["wanted"] for w in found["coverage"]["wanted"]] == [0.9, 0.95, 0.97, 0.99]
    assert {s["field"] for s in found["slices"]} >= {"channel", "n"}
    assert all(s["n"] >= 20 for s in found["slices"])
    assert found["size_bytes"] > 0
    text = msgspec.json.encode(found).decode()
    assert "money back" not in text
    assert "cannot enter" not in text


def test_the_test_split_is_touched_once_and_looks_are_counted(ws, grown, world):
    snapshot, version = grown()
    first = evaluate(ws.store, version, world.WordModel(version.class_names))
    again = evaluate(ws.store, version, world.WordModel(version.class_names, blind=("card",)))
    assert again == stored_evaluation(ws.store, version.version_id)
    assert again["evaluation_id"] == first["evaluation_id"]
    assert first["looks"] == 1
    for expected in range(2, 8):
        other = evaluate(ws.store, world.register(ws, snapshot), world.WordModel(version.class_names))
        assert other["looks"] == expected
    assert "looks" in {c["kind"] for c in other["cautions"]}


def test_a_slice_that_is_worse_is_flagged(ws, grown, world):
    data = world.rows(600)
    for row in data:
        if row["channel"] == "mail" and row["label"] == "card":
            row["text"] = row["text"].replace("card lost", "cannot enter")
    _, version = grown(data)
    found = evaluate(ws.store, version, world.WordModel(version.class_names))
    worse = [(s["field"], s["value"]) for s in found["slices"] if s["worse"]]
    assert worse == [("channel", "mail")]
    one = evaluate(ws.store, version, world.WordModel(version.class_names), slice_by="channel")
    assert one["evaluation_id"] == found["evaluation_id"]
    with pytest.raises(MissingColumnError, match="no field 'colour'"):
        evaluate(ws.store, version, world.WordModel(version.class_names), slice_by="colour")


def test_few_rows_are_said_plainly(ws, grown, world):
    _, version = grown(world.rows(30))
    found = evaluate(ws.store, version, world.WordModel(version.class_names))
    kinds = {c["kind"] for c in found["cautions"]}
    assert {"few_rows", "thin_class"} <= kinds
    assert "far too few" in found["sentence"]


def test_other_splits_are_marked_and_unknown_ones_refused(ws, grown, world):
    _, version = grown()
    found = evaluate(ws.store, version, world.WordModel(version.class_names), split="valid")
    assert found["cautions"][0]["kind"] == "not_test"
    assert found["opponents"] == []
    with pytest.raises(InputError, match="no split 'dev'"):
        evaluate(ws.store, version, world.WordModel(version.class_names), split="dev")


def test_forgotten_rows_are_counted_and_an_empty_split_is_a_sentence(ws, grown, world):
    snapshot, version = grown()
    table = ws.store.snapshots.read(snapshot.snapshot_id).to_pylist()
    test_ids = [r["record_id"] for r in table if r["split"] == "test"]
    ws.store.records.table.delete(f"record_id = '{test_ids[0]}'")
    found = evaluate(ws.store, version, world.WordModel(version.class_names))
    assert found["n_missing"] == 1
    assert found["n"] == len(test_ids) - 1
    ws.store.records.table.delete("true")
    with pytest.raises(EmptyDataError, match="test split of this snapshot is empty"):
        evaluate(ws.store, world.register(ws, snapshot), world.WordModel(version.class_names))
