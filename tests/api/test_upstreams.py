"""Upstreams over the API: who may, what is refused, that no key comes back (RELIABILITY T15, T21)."""

import pytest

from homegrown.core.access import SYSTEM, Role
from homegrown.testing.server import running
from homegrown.testing.upstream import fake_upstream
from homegrown.workspace import connect
from tests.conftest import write_messages

KEY = "sk-CANARYapi0123456789"
BODY = {
    "base_url": "https://api.example.org/v1",
    "model": "m-1",
    "key": KEY,
    "price_in_usd": 0.15,
    "price_out_usd": 0.6,
    "terms": "no-training",
}


@pytest.fixture
def desk(tmp_path):
    with connect(tmp_path / "ws", actor=SYSTEM) as ws:
        ws.ingest(write_messages(tmp_path / "m.csv"), text="message")
        ws.task("topic", classes=["card", "refund", "login"])
        with running(ws) as served:
            yield served


def test_an_upstream_is_put_listed_moved_and_removed(desk):
    with desk.client() as owner:
        made = owner.put("/api/v1/upstreams/gpt", json=BODY)
        assert made.status_code == 200
        assert made.json()["has_key"] is True
        assert KEY not in made.text
        kept = owner.put("/api/v1/upstreams/gpt", json={k: v for k, v in BODY.items() if k != "key"}).json()
        assert kept["has_key"] is True
        moved = owner.put(
            "/api/v1/upstreams/gpt", json={**BODY, "base_url": "https://evil.example/v1", "key": None}
        ).json()
        assert (moved["has_key"], moved["upstream_id"]) == (False, kept["upstream_id"])
        assert [u["name"] for u in owner.get("/api/v1/upstreams").json()["upstreams"]] == ["gpt"]
        assert owner.delete("/api/v1/upstreams/gpt").json() == {"id": kept["upstream_id"]}
        assert owner.delete("/api/v1/upstreams/gpt").status_code == 404


@pytest.mark.parametrize(
    "changed",
    [{"base_url": "http://169.254.169.254/latest", "private": True}, {"base_url": "https://127.0.0.1/v1"}, {"base_url": "https://2130706433"},
     {"base_url": "file:///etc/passwd"}, {"api_base": "https://evil.example"}, {"headers": {"x": "y"}}, {"key": "a\r\nb: c"}, {"price_in_usd": -1},
     {"price_in_usd": None}, {"model": ""}],
)  # fmt: skip
def test_what_could_lead_elsewhere_is_refused(desk, changed):
    with desk.client() as owner:
        assert owner.put("/api/v1/upstreams/gpt", json={**BODY, **changed}).status_code == 422
        assert owner.get("/api/v1/upstreams").json() == {"upstreams": []}


def test_who_may(desk):
    expected = {
        Role.OWNER: (200, 200),
        Role.BUILDER: (403, 200),
        Role.REVIEWER: (403, 403),
        Role.ANNOTATOR: (403, 403),
        Role.CALLER: (403, 403),
    }
    for role, (put, get) in expected.items():
        with desk.client(role) as client:
            assert client.put("/api/v1/upstreams/x", json=BODY).status_code == put, role
            assert client.get("/api/v1/upstreams").status_code == get, role
            if put == 403:
                assert client.delete("/api/v1/upstreams/x").status_code == 403


def test_a_request_cannot_choose_where_to(desk):
    """In body, query and headers, of the dry run and of the job (LiteLLM CVE-2024-6587)."""
    task_id = desk.ws.store.tasks.find("topic").task_id
    with fake_upstream() as canary, desk.client() as owner:
        owner.put("/api/v1/upstreams/gpt", json=BODY)
        at = f"/api/v1/tasks/{task_id}/teachers/dry-run"
        good = owner.post(at, json={"upstream": "gpt", "limit": 3})
        assert good.status_code == 200
        assert good.json()["n_asked"] == 3
        for name in ("api_base", "base_url", "api_key", "organization", "headers", "metadata"):
            value = {"api_base": canary.base_url} if name in ("headers", "metadata") else canary.base_url
            assert owner.post(at, json={"upstream": "gpt", name: value}).status_code == 422
            arguments = {"task": task_id, "upstream": "gpt", name: value}
            assert owner.post("/api/v1/jobs", json={"verb": "teach", "arguments": arguments}).status_code == 422
        hostile = {
            "baggage": f"api_url={canary.base_url}",
            "x-request-id": canary.base_url,
            "x-api-base": canary.base_url,
            "traceparent": "0" * 4000,
        }
        assert (
            owner.post(f"{at}?api_base={canary.base_url}", json={"upstream": "gpt"}, headers=hostile).status_code == 200
        )
        assert owner.post(at, json={"upstream": canary.base_url}).status_code == 404
        assert canary.seen() == []


def test_labels_are_downloaded(desk):
    task_id = desk.ws.store.tasks.find("topic").task_id
    with desk.client(Role.REVIEWER) as client:
        found = client.get(f"/api/v1/tasks/{task_id}/labels", params={"format": "doccano"})
        assert found.status_code == 200
        assert len(found.text.splitlines()) == 36
        assert client.get(f"/api/v1/tasks/{task_id}/labels", params={"format": "x"}).status_code == 422
        assert client.get("/api/v1/tasks/task_x/labels", params={"format": "doccano"}).status_code == 404
