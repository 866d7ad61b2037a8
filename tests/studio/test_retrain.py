"""The loop closes in the studio: a button, a verdict in large type, a schedule, and one press back."""

import pytest

from homegrown.core.access import Role
from homegrown.core.models import Recipe
from homegrown.jobs import JobQueue, Schedules
from homegrown.studio.guide import situation
from homegrown.workspace import connect
from homegrown.workspace.verbs import run_verb
from tests.conftest import write_messages
from tests.studio.conftest import running, visiting


@pytest.fixture
def studio(tmp_path):
    with connect(tmp_path / "desk") as ws, running(ws) as studio:
        ws.ingest(write_messages(tmp_path / "messages.csv", n_per_class=40), text="message", label="topic")
        task = ws.task_from_column("topic", "topic")
        version = ws.train(ws.snapshot(task, test_share=0.4), Recipe("lexical"), "topic")
        ws.evaluate(version)
        ws.deploy(version, "topic")
        yield studio


def test_from_the_report_to_a_verdict_and_back(studio):
    ws = studio.ws
    first = ws.store.models.version("topic")
    learnt = [r for r in ws.store.snapshots.read(first.snapshot_id).to_pylist() if r["split"] == "train"]
    ws.vote(learnt[0]["record_id"], "topic", None)
    with studio.client() as client:
        assert f"/evaluate/{first.version_id}/retrain" in client.get(f"/evaluate/{first.version_id}").text
        path = f"/evaluate/{first.version_id}/retrain"
        assert "Retrain on 1 new votes" in client.get(path).text
        asked = client.post(path, data={"margin": "30", "slices": "channel"})
        assert asked.status_code == 303
        job = JobQueue(ws.store.db).get(asked.headers["location"].rpartition("/")[2])
        assert "A challenger is being made" in client.get(path).text
        done = run_verb(ws, job.verb, job.arguments)
        page = client.get(path).text
        assert done["verdict"] == "SWITCH", done
        assert "SWITCH" in page
        assert "channel = app" in page
        back = client.post(f"/evaluate/{done['version_id']}/rollback")
        assert "topic@1 answers again" in client.get(back.headers["location"]).text
        assert ws.store.endpoints.get("topic").version_id == first.version_id


def test_a_vote_that_was_taken_back_is_nothing_new(studio):
    ws = studio.ws
    record = ws.search_records(limit=1).records[0]
    vote_id = ws.vote(record.record_id, "topic", None)
    assert situation(ws).n_new_votes == ws.n_new_votes("topic") == 1
    ws.undo_vote(vote_id)
    assert situation(ws).n_new_votes == ws.n_new_votes("topic") == 0


def test_a_schedule_is_kept_and_what_does_not_fit_is_said(studio):
    version = studio.ws.store.models.version("topic")
    one = f"/evaluate/{version.version_id}"
    with studio.client() as client:
        assert client.post(f"{one}/schedule", data={"every_s": "604800", "margin": "2"}).status_code == 303
        kept = Schedules(studio.ws.store.db).get("retrain", "topic")
        assert (kept.every_s, kept.arguments["margin"]) == (604800, 0.02)
        for wrong in ({"every_s": "5"}, {"every_s": "86400", "margin": "nan"}, {"every_s": "86400", "margin": "x"}):
            assert client.post(f"{one}/schedule", data=wrong).status_code == 422
        assert client.post(f"{one}/schedule", data={"every_s": ""}).status_code == 303
        assert Schedules(studio.ws.store.db).list() == []
        assert client.post(f"{one}/rollback").status_code == 422
    with studio.client(Role.ANNOTATOR) as client:
        assert client.post(f"{one}/retrain").status_code == 403


def test_it_reads_well_on_a_phone(studio, chromium):
    version = studio.ws.store.models.version("topic")
    with visiting(chromium, studio, width=390, theme="dark") as v:
        v.go(f"/evaluate/{version.version_id}/retrain")
        wide = v.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0
