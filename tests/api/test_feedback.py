"""Feedback on an answer becomes a vote where the endpoint keeps texts; and what retraining makes of it, over the API."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from homegrown.core.access import SYSTEM, Role
from homegrown.testing.server import running
from homegrown.workspace import connect
from tests.api.conftest import wait_for


@pytest.fixture
def keeping(fresh):
    """A server whose endpoint keeps what it is asked."""
    root, versions = fresh
    with connect(root, actor=SYSTEM) as ws:
        ws.deploy(versions[0], "intent", keep_text=True)
        with running(ws) as one:
            wait_for(lambda: "intent" in one.engine.live, 60)
            yield one


def ask(served, client, text):
    asked = client.post("/api/v1/endpoints/intent/predict", json={"text": text}).json()
    trace_id = asked["answers"][0]["trace_id"]
    wait_for(lambda: trace_id in {t["trace_id"] for t in served.ws.store.endpoints.traces()})
    return f"/api/v1/traces/{trace_id}/feedback"


def test_feedback_is_the_callers_vote_on_the_text_that_was_asked(keeping):
    with keeping.client(Role.CALLER) as client:
        label = keeping.ws.store.models.version("intent").class_names[0]
        path = ask(keeping, client, "  something\r\nnever asked before ")
        said = client.post(path, json={"label": label}).json()
        (record,) = keeping.ws.store.records.get([said["record_id"]])
        assert record.text == "something\nnever asked before"
        rows = keeping.ws.sql("select class, kind, gold from labels join votes using (record_id, class) where record_id = ?",
                              [said["record_id"]]).rows()  # fmt: skip
        assert rows == [{"class": label, "kind": "person", "gold": True}]
        none = client.post(path, json={"label": None}).json()
        assert none["record_id"] == said["record_id"]
        assert keeping.ws.sql("select count(*) as n from labels where record_id = ?", [said["record_id"]]).rows() == [
            {"n": 0}
        ]


def test_the_same_feedback_fifty_times_at_once_is_one_vote_on_one_record(keeping):
    with keeping.client(Role.CALLER) as client:
        label = keeping.ws.store.models.version("intent").class_names[1]
        path = ask(keeping, client, "asked once, complained about often")
        with ThreadPoolExecutor(8) as pool:
            said = list(pool.map(lambda _: client.post(path, json={"label": label}).json(), range(50)))
        assert len({s["vote_id"] for s in said}) == 1
        assert len({s["record_id"] for s in said}) == 1
        found = keeping.ws.sql("select count(*) as n from records where text like 'asked once%'").rows()
        assert found == [{"n": 1}]


def test_what_cannot_be_a_vote_is_kept_and_says_why(keeping, served):
    with keeping.client(Role.CALLER) as client:
        path = ask(keeping, client, "what about this")
        said = client.post(path, json={"label": "no such class"}).json()
        assert (said["vote_id"], said["record_id"]) == (None, None)
        assert "no class of that name" in said["note"]
    with served.client(Role.CALLER) as client:
        said = client.post(ask(served, client, "not kept"), json={"label": None}).json()
        assert said["vote_id"] is None
        assert "kept no text" in said["note"]


def test_a_name_that_changed_since_the_model_learnt_it_still_finds_its_class(keeping):
    version = keeping.ws.store.models.version("intent")
    task = keeping.ws.store.tasks.get(version.task_id)
    frozen = version.class_names[0]
    keeping.ws.rename_class(task, frozen, "called otherwise")
    with keeping.client(Role.CALLER) as client:
        first = client.post(ask(keeping, client, "first new text"), json={"label": frozen}).json()
        second = client.post(ask(keeping, client, "second new text"), json={"label": "called otherwise"}).json()
    for said in (first, second):
        assert keeping.ws.sql("select class from labels where record_id = ?", [said["record_id"]]).rows() == [
            {"class": "called otherwise"}
        ]


def test_a_model_says_what_is_new_to_it_and_is_put_on_a_schedule(keeping):
    with keeping.client() as client:
        one = "/api/v1/retrain/intent"
        assert client.get(one).json()["verdict"] is None
        assert client.put(f"{one}/schedule", json={"every_s": 86400, "slices": ["channel"]}).json()["next_at"]
        state = client.get(one).json()
        assert (state["every_s"], state["n_new_votes"]) == (86400, 0)
        assert client.put(f"{one}/schedule", json={"every_s": 1}).status_code == 422
        assert client.delete(f"{one}/schedule").json() == {"next_at": None}
        assert client.post(f"{one}/rollback").status_code == 422
        assert client.get("/api/v1/retrain/nope").status_code == 404
        assert (
            client.post(
                "/api/v1/jobs", json={"verb": "retrain", "arguments": {"name": "x", "base": "/etc"}}
            ).status_code
            == 422
        )
    with keeping.client(Role.ANNOTATOR) as client:
        assert client.post(f"{one}/rollback").status_code == 403
