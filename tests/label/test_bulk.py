"""Everything under a filter labelled at once, after a sample, and taken back as a whole."""

import pytest

from homegrown.core.access import SYSTEM, Role
from homegrown.errors import EmptyDataError, InputError, NotFoundError
from homegrown.workspace import connect
from homegrown.workspace.bulk import Checked, Filter
from tests.conftest import write_messages
from tests.studio.conftest import running

REFUND = Filter(selection="refunds")


@pytest.fixture
def ws(tmp_path):
    with connect(tmp_path / "work") as ws:
        ws.ingest(write_messages(tmp_path / "m.csv", 20), text="message")
        ws.task("intent", classes=["card", "refund", "login"])
        ws.save_selection("refunds", "select record_id from records where text like '%(refund case%'")
        yield ws


def labels(ws):
    return ws.sql("select record_id, class, prob, gold from labels").rows()


def test_a_filter_is_labelled_after_a_sample_and_undone(ws):
    sample = ws.bulk_sample("intent", REFUND, n=6)
    assert (sample.n, len(sample.records)) == (20, 6)
    assert [r.record_id for r in sample.records] != [
        r.record_id for r in ws.bulk_sample("intent", REFUND, n=6, seed=1).records
    ]
    ids = [r.record_id for r in sample.records]
    checked = Checked(right=tuple(ids[:5]), wrong=tuple(ids[5:]))
    assert checked.share == pytest.approx(5 / 6)
    assert checked.ci95[0] < 5 / 6 < checked.ci95[1]
    source = ws.bulk_label("intent", "refund", REFUND, checked)
    found = {r["record_id"]: r for r in labels(ws)}
    assert len(found) == 19, "what was found wrong is left out"
    assert ids[5] not in found
    assert {r["class"] for r in found.values()} == {"refund"}
    assert sum(r["gold"] for r in found.values()) == 5, "only what was looked at is gold"
    other = next(i for i in found if i not in ids)
    ws.vote(other, "intent", "card")
    assert next(r for r in labels(ws) if r["record_id"] == other)["class"] == "card", "a person outweighs the bulk"
    assert ids[5] in [w.record.record_id for w in ws.next_records("intent", 41).records]
    standing = ws.bulk_labels("intent")
    assert [(s["config"]["n"], s["config"]["sample"]) for s in standing] == [(19, {"n": 6, "n_right": 5})]
    ws.undo_bulk("intent", source)
    assert len(labels(ws)) == 6
    assert ws.bulk_labels("intent") == []
    with pytest.raises(NotFoundError):
        ws.undo_bulk("intent", source)


def test_a_second_time_takes_the_place_of_the_first(ws):
    for name in ("refund", "login"):
        ids = [r.record_id for r in ws.bulk_sample("intent", REFUND, n=2).records]
        ws.bulk_label("intent", name, REFUND, Checked(right=tuple(ids)))
    assert len(ws.bulk_labels("intent")) == 1
    assert sorted({r["class"] for r in labels(ws) if not r["gold"]}) == ["login"]
    assert ws.snapshot(ws.store.tasks.find("intent"))


def test_words_are_a_filter_and_nothing_is_none(ws):
    by_words = Filter(words="password")
    sample = ws.bulk_sample("intent", by_words, n=3)
    assert sample.n == 10
    ws.bulk_label("intent", None, by_words, Checked(right=(sample.records[0].record_id,)))
    assert labels(ws) == []
    assert ws.sql("select count(*) as n from votes").rows()[0]["n"] == 11
    for wrong in (Filter(), Filter("refunds", "password"), Filter(words=" ")):
        with pytest.raises(InputError):
            ws.bulk_sample("intent", wrong)
    with pytest.raises(EmptyDataError):
        ws.bulk_sample("intent", Filter(words="zebra"))
    with pytest.raises(NotFoundError):
        ws.bulk_sample("intent", Filter(selection="nothing"))
    with pytest.raises(InputError, match="Look at a sample"):
        ws.bulk_label("intent", "card", by_words, Checked(wrong=(sample.records[0].record_id,)))


def test_the_three_steps_in_the_studio(ws):
    task = ws.store.tasks.find("intent")
    path = f"/label/tasks/{task.task_id}/bulk"
    with (
        running(ws.acting_as(SYSTEM)) as studio,
        studio.client(accept="application/json") as client,
        studio.client() as people,
    ):
        assert client.get(path).json()["selections"] == ["refunds"]
        asked = {"selection": "refunds", "class": "refund"}
        first = client.get(path, params=asked).json()
        assert (first["n"], len(first["sample"])) == (20, 20)
        assert "Are these refund?" in people.get(path, params=asked).text
        verdicts = {
            f"record-{r['record_id']}": "wrong" if i < 2 else "right" for i, r in enumerate(first["sample"][:10])
        }
        second = client.post(f"{path}/check", data=asked | verdicts)
        assert second.json()["found"]["value"] == 0.8
        assert "Label all 20 as refund" in people.post(f"{path}/check", data=asked | verdicts).text
        assert client.post(path, data=asked | verdicts).status_code == 303
        done = client.get(path).json()["standing"]
        assert [(d["says"], d["n"], d["checked"]) for d in done] == [("refund", 18, "8 of 10 looked at were right")]
        ws.merge_classes("intent", ["card", "refund"], "money")
        assert [d["says"] for d in client.get(path).json()["standing"]] == ["money"]
        assert client.post(f"{path}/undo", data={"label_source_id": done[0]["label_source_id"]}).status_code == 303
        assert client.get(path).json()["standing"] == []
        assert "No record is under" in client.get(path, params={"words": "zebra", "class": "card"}).json()["problem"]
        assert client.post(path, data={"words": "card"}).status_code == 422
        assert "at least one" in client.post(f"{path}/check", data=asked).json()["problem"]
        with studio.client(Role.ANNOTATOR) as annotator:
            assert annotator.post(path, data=asked | verdicts).status_code == 403
