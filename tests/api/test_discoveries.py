"""Start without classes over the API: a real server and its worker, from texts that nobody labelled to a class and back."""

import time

import pytest

from homegrown.core.access import SYSTEM, Role
from homegrown.testing.server import running
from homegrown.workspace import connect
from tests.conftest import write_messages

PATH = "/api/v1/discoveries"


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    folder = tmp_path_factory.mktemp("desk")
    with connect(folder / "work", actor=SYSTEM) as ws:
        ws.ingest(write_messages(folder / "messages.csv", n_per_class=20), text="message")
        with running(ws) as served:
            yield served


@pytest.fixture
def client(desk):
    with desk.client() as client:
        yield client


def good(answer):
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture(scope="module")
def found(desk):
    """The address of what a job found."""
    with desk.client() as client:
        job_id = good(client.post(PATH, json={"sources": ["messages.csv"]}))["job_id"]
        ended = time.monotonic() + 120
        while (job := good(client.get(f"/api/v1/jobs/{job_id}")))["status"] != "succeeded":
            assert job["status"] in ("queued", "running"), job["error"]
            assert time.monotonic() < ended
            time.sleep(0.2)
    return f"{PATH}/{job['result']['discovery_id']}"


def test_groups_are_named_merged_split_and_taken_back(client, found):
    first = good(client.get(found, params={"n": 5}))
    assert first["discovery_id"] in {d["discovery_id"] for d in good(client.get(PATH))["discoveries"]}
    assert sum(g["n_records"] for g in first["clusters"]) + first["n_outliers"] == first["n_records"] == 60
    one, two = first["clusters"][:2]
    assert len(one["record_ids"]) == 5
    assert first["undoes"] is None
    named = good(client.post(f"{found}/clusters/{one['cluster_id']}/rename", json={"name": "a new name"}))
    assert "a new name" in {g["name"] for g in named["clusters"]}
    new_id = next(g["cluster_id"] for g in named["clusters"] if g["name"] == "a new name")
    merged = good(client.post(f"{found}/merge", json={"cluster_ids": [new_id, two["cluster_id"]], "name": "both"}))
    both = next(g for g in merged["clusters"] if g["name"] == "both")
    assert both["n_records"] == one["n_records"] + two["n_records"]
    divided = good(client.post(f"{found}/clusters/{both['cluster_id']}/split"))
    assert divided["undoes"].startswith("Split “both” into")
    for _ in range(3):
        back = good(client.post(f"{found}/undo"))
    assert (back["undoes"], {g["cluster_id"] for g in back["clusters"]}) == (
        None, {g["cluster_id"] for g in first["clusters"]},
    )  # fmt: skip
    assert client.post(f"{found}/undo").status_code == 422


def test_a_group_becomes_a_class_after_its_sample_and_is_one_no_more(desk, client, found):
    group = good(client.get(found))["clusters"][0]
    at = f"{found}/clusters/{group['cluster_id']}"
    sample = good(client.get(f"{at}/sample"))["records"]
    assert len(sample) == 10
    assert all(row["text"] for row in sample)
    assert "Give the task a name" in client.post(f"{at}/class", json={"name": "card"}).json()["error"]["message"]
    strange = {"name": "card", "task": "intent", "wrong": ["rec_none"]}
    assert client.post(f"{at}/class", json=strange).status_code == 422
    wrong = sample[0]["record_id"]
    made = good(client.post(f"{at}/class", json={"name": "card", "task": "intent", "wrong": [wrong]}))
    assert (made["cluster"]["check"]["n"], made["cluster"]["check"]["n_right"]) == (10, 9)
    assert made["n_votes"] == group["n_records"] - 1
    said = desk.ws.sql("select kind, count(*) as n from votes group by all").rows()
    assert {row["kind"]: row["n"] for row in said} == {"person": 9, "rule": made["n_votes"]}
    assert client.post(f"{at}/class", json={"name": "card"}).status_code == 409, "it is one already"
    assert good(client.get(found))["task_id"] == made["task_id"]
    assert good(client.delete(f"{at}/class"))["class_id"] is None
    assert desk.ws.sql("select count(*) as n from votes where kind = 'rule'").rows()[0]["n"] == 0


def test_what_is_not_there_or_not_allowed_is_said(desk, client, found):
    assert client.get(f"{PATH}/disc_none").status_code == 404
    assert client.get(f"{found}/clusters/clu_none/sample").status_code == 404
    assert client.post(PATH, json={"task_id": "task_none"}).status_code == 404
    assert client.post(PATH, json={"uncovered": True}).status_code == 422
    assert "no source 'nowhere.csv'" in client.post(PATH, json={"sources": ["nowhere.csv"]}).json()["error"]["message"]
    assert client.post(f"{found}/merge", json={"cluster_ids": ["clu_none"]}).status_code == 422
    key = {"Idempotency-Key": "once"}
    twice = [good(client.post(PATH, json={}, headers=key))["job_id"] for _ in range(2)]
    assert twice[0] == twice[1]
    client.post(f"/api/v1/jobs/{twice[0]}/cancel")
    with desk.client(Role.REVIEWER) as reviewer, desk.client(Role.ANNOTATOR) as annotator:
        assert reviewer.get(found).status_code == 200
        assert reviewer.post(f"{found}/undo").status_code == 403
        assert annotator.get(found).status_code == 403
