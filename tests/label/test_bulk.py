"""Everything under a filter labelled at once, after a sample, and taken back as a whole."""

import json
import os
import pty
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

from homegrown.cli.main import cli
from homegrown.core.access import SYSTEM, Role
from homegrown.errors import EmptyDataError, InputError, NotFoundError, QueryError
from homegrown.studio.pages import bulk as bulk_page
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


def test_a_condition_is_a_filter(ws):
    where = Filter(where="text like '%(refund case%' -- all of them")
    sample = ws.bulk_sample("intent", where, n=4)
    assert (sample.n, len(sample.code)) == (20, 8)
    ws.bulk_label("intent", "refund", where, Checked(right=(sample.records[0].record_id,)))
    assert ws.bulk_labels("intent")[0]["name"].endswith("under the condition text like '%(refund case%' -- all of them")
    assert ws.bulk_sample("intent", where, n=4).code != sample.code, "who was looked at is drawn no more"
    for wrong in ("no_such_column = 1", "1 = 1); delete from records; --"):
        with pytest.raises(QueryError):
            ws.bulk_sample("intent", Filter(where=wrong))


def test_the_terminal_shows_a_sample_before_it_labels(ws, tmp_path):
    ws.close()

    def run(*words):
        arguments = ["label", "bulk", *words, "--workspace", str(tmp_path / "work")]
        done = CliRunner().invoke(cli, arguments, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    def refused(*words):
        with pytest.raises(InputError) as told:
            run(*words)
        return told.value.message

    wanted = ["intent", "refund", "--where", "text like '%(refund case%'"]
    assert "Look at a sample first" in refused(*wanted)
    assert "no class" in refused("intent", "refunt", "--words", "x", "--dry-run")
    assert "--none" in refused("intent", "--words", "password")
    told = json.loads(run(*wanted, "--dry-run", "--json"))
    assert (told["n"], len(told["sample"])) == (20, 20)
    shown = run(*wanted, "--dry-run")
    assert told["sample"][0]["record_id"] in shown
    assert f"--looked {told['looked']}" in shown
    assert "another by now" in refused(*wanted, "--looked", "00000000")
    assert "not in the sample" in refused(*wanted, "--looked", told["looked"], "--wrong", "rec_x")
    wrong = told["sample"][0]["record_id"]
    done = json.loads(run(*wanted, "--looked", told["looked"], "--wrong", wrong, "--json"))
    assert (done["n"], done["n_looked"], done["n_right"], done["share"]) == (19, 20, 19, 0.95)
    assert "Taken back" in run("intent", "--undo", done["label_source_id"])
    with connect(tmp_path / "work") as again:
        assert again.bulk_labels("intent") == []
        assert len(labels(again)) == 19, "what was looked at stays"


def test_a_terminal_asks_which_are_wrong(ws, tmp_path):
    ws.close()
    words = ["label", "bulk", "intent", "refund", "--words", "refund case", "--workspace", str(tmp_path / "work")]
    ours, theirs = pty.openpty()
    with subprocess.Popen([sys.executable, "-m", "homegrown", *words], stdin=theirs, stdout=subprocess.PIPE) as asked:
        os.write(ours, b"2, 5\n")
        told = asked.stdout.read().decode()
    assert asked.returncode == 0, told
    assert "20 of 20 records. Are these refund?" in told
    assert "18 records are labelled; 18 of 20" in told
    for end in (ours, theirs):
        os.close(end)


def test_much_is_labelled_by_a_job_in_the_name_of_who_asked(ws, monkeypatch):
    monkeypatch.setattr(bulk_page, "JOB_ABOVE", 10)
    path = f"/label/tasks/{ws.store.tasks.find('intent').task_id}/bulk"
    asked = {"selection": "refunds", "class": "refund"}
    with (
        running(ws.acting_as(SYSTEM), with_worker=True) as studio,
        studio.client(Role.REVIEWER, "application/json") as client,
        studio.client(Role.REVIEWER) as people,
    ):
        ids = [r["record_id"] for r in client.get(path, params=asked).json()["sample"]]
        verdicts = {f"record-{i}": "wrong" if n < 2 else "right" for n, i in enumerate(ids[:10])}
        assert client.post(path, data=asked | dict.fromkeys(verdicts, "wrong")).status_code == 422
        after = client.post(path, data=asked | verdicts).headers["location"]
        page = people.get(after).text
        assert "All of them are labelled" in page or 'hx-trigger="every 1s"' in page
        ended = time.monotonic() + 60
        while not (told := client.get(after).json())["job"]["is_done"]:
            assert told["job"]["problem"] == ""
            assert time.monotonic() < ended
            time.sleep(0.2)
        assert "All of them are labelled" in people.get(after).text
        assert [(d["n"], d["name"].split(",")[0]) for d in told["standing"]] == [(18, "test reviewer")]
        named = ws.sql("select label_source, count(*) as n from votes where kind = 'person' group by all").rows()
        assert {r["label_source"]: r["n"] for r in named}["test reviewer"] == 8
        job_id = after.rpartition("job=")[2]
        assert client.get(f"/label/tasks/{path.split('/')[3]}/teachers", params={"job": job_id}).status_code == 404
        ordered = {"verb": "bulk", "arguments": {}}
        assert client.post("/api/v1/jobs", json=ordered).status_code in (403, 422), "nobody acts for somebody else"
