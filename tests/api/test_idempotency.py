"""A request that is sent again makes nothing twice (RELIABILITY F17, as far as the API creates things)."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from homegrown.core.access import Role
from homegrown.store.events import read_events

JOB = {"verb": "evaluate", "arguments": {"model": "no such model"}}


def _submit(client, key, body=JOB):
    return client.post("/api/v1/jobs", json=body, headers={"Idempotency-Key": key})


def _n_submitted(served):
    return sum(e["action"] == "jobs.submit" for e in read_events(served.ws.store.db, limit=1000))


def test_many_at_once_are_one_job(served):
    before = _n_submitted(served)
    with served.client() as client, ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: _submit(client, "once"), range(20)))
        assert {a.status_code for a in answers} == {200}
        assert len({a.json()["job_id"] for a in answers}) == 1
        assert _n_submitted(served) == before + 1
        assert _submit(client, "twice").json()["job_id"] != answers[0].json()["job_id"]
        assert len({client.post("/api/v1/jobs", json=JOB).json()["job_id"] for _ in range(2)}) == 2


def test_another_body_under_the_same_key_is_refused(served):
    with served.client() as client:
        first = _submit(client, "body").json()
        for other in ({"verb": "embed", "arguments": {}}, {**JOB, "arguments": {"model": "another"}}):
            answer = _submit(client, "body", other)
            assert answer.status_code == 422
            assert answer.json()["error"]["code"] == "reused_key"
        assert _submit(client, "body").json()["job_id"] == first["job_id"]


def test_a_key_is_its_callers_own(served):
    with served.client(Role.OWNER) as one, served.client(Role.BUILDER) as other:
        assert _submit(one, "mine").json()["job_id"] != _submit(other, "mine").json()["job_id"]


@pytest.mark.parametrize("key", ["", "a" * 201, "\u00e9".encode("latin-1")])
def test_odd_keys_are_refused(served, key):
    with served.client() as client:
        assert _submit(client, key).status_code == 422
        twice = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
        assert client.post("/api/v1/jobs", json=JOB, headers=twice).status_code == 422


def test_feedback_is_kept_once(served):
    with served.client() as client:
        trace = client.post("/api/v1/endpoints/intent/predict", json={"text": "my card"}).json()["answers"][0][
            "trace_id"
        ]
        path, headers = f"/api/v1/traces/{trace}/feedback", {"Idempotency-Key": "said"}

        def say(label):
            return client.post(path, json={"label": label}, headers=headers)

        while (first := say("card")).status_code == 404:  # traces are written within a second
            pass
        assert say("card").json() == first.json()
        assert say("pin").status_code == 422
        assert say("card").json() == first.json()
