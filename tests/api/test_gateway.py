"""The way out of a model API over the API: routes, calls, the exit of a route, the verdict and its sample."""

import shutil
from dataclasses import replace

import pytest
import sqlalchemy as sa

from homegrown.core.access import SYSTEM, Role
from homegrown.core.ids import new_id, timestamp
from homegrown.core.models import Recipe
from homegrown.core.traces import CallState
from homegrown.store import tables
from homegrown.testing.server import running
from homegrown.workspace import connect
from tests.api.conftest import wait_for
from tests.monitor.calls import call, rng, topics

AT = "/api/v1/gateway"
SAYS = "Say what the customer wants: card, refund or login."


@pytest.fixture(scope="module")
def served(grown, tmp_path_factory):
    """A server of our own: these tests add records, calls and a model."""
    root = shutil.copytree(grown[0], tmp_path_factory.mktemp("left") / "ws")
    with connect(root, actor=SYSTEM) as ws, running(ws) as one:
        wait_for(lambda: "intent" in one.engine.live, 60)
        yield one


@pytest.fixture(scope="module")
def left(served):
    """A route with 700 calls, a task and a model that answered 40 of them silently."""
    ws = served.ws
    upstream = ws.upstream_at("http://127.0.0.1:9/v1", private=True)
    route = ws.put_route("acme/small", upstreams=[upstream.name])
    mine = {"route_id": route.route_id, "upstream_id": upstream.upstream_id, "latency_s": 0.4}
    calls = [replace(c, trace_id=new_id("trace")) for c in topics(rng(4), 700, [SAYS], model="acme/small", **mine)]
    calls.append(replace(call(9000, SAYS, "my card <b>", "card", **mine), state=CallState.FAILED, error="no answer"))
    ws.store.captured_imports.add([*calls, replace(call(1, SAYS, "x", "card", **mine), created_at=timestamp())])
    proposal = next(p for p in ws.find_tasks().proposals if p.template.name)
    task = ws.accept_template(proposal.template.template_id, name="api wish").task
    version = ws.train(ws.snapshot(task, test_share=0.4), Recipe("lexical", {}, 0), "api-wish")
    rows = [
        {"trace_id": c.trace_id, "version_id": version.version_id, "answer": "card", "prob": 0.9,
         "agrees": i % 10, "latency_s": 0.002, "created_at": c.created_at}
        for i, c in enumerate(calls[:40])
    ]  # fmt: skip
    with ws.store.db.write() as connection:
        connection.execute(sa.insert(tables.shadow_answers), [{**r, "agrees": int(r["agrees"] > 0)} for r in rows])
    yield served, version
    ws.remove_route("acme/small")


def test_routes_are_made_listed_and_dropped(left):
    served, _ = left
    with served.client() as owner, served.client(Role.BUILDER) as builder:
        assert builder.put(f"{AT}/routes/other", json={"leaves": "refuse"}).status_code == 403
        made = owner.put(f"{AT}/routes/other/of-two", json={"leaves": "refuse", "sample": 0.5}).json()
        assert (made["name"], made["leaves"], made["sample"], made["exit"]) == ("other/of-two", "refuse", 0.5, None)
        assert owner.put(f"{AT}/routes/other/of-two", json={"leaves": "some"}).status_code == 422
        assert owner.put(f"{AT}/routes/x", json={"upstreams": ["nobody"]}).status_code == 404
        listed = {r["name"]: r for r in owner.get(f"{AT}/routes").json()["routes"]}
        assert listed["acme/small"]["targets"][0]["upstream"] == "127.0.0.1:9"
        assert listed["acme/small"]["day"]["n"] == 1
        assert listed["other/of-two"]["day"] == {"n": 0, "n_home": 0, "n_bad": 0, "cost_usd": 0.0, "last_at": None}
        assert owner.delete(f"{AT}/routes/other/of-two").json()["removed"] is True
        assert owner.delete(f"{AT}/routes/other/of-two").status_code == 404


def test_calls_are_filtered_paged_and_opened(left):
    served, _ = left
    with served.client(Role.REVIEWER) as client:
        first = client.get(f"{AT}/calls", params={"route": "acme/small", "limit": 500}).json()
        second = client.get(f"{AT}/calls", params={"route": "acme/small", "before": first["next_before"], "limit": 500})
        ids = [c["trace_id"] for c in (*first["calls"], *second.json()["calls"])]
        assert len(ids) == len(set(ids)) == 702
        assert second.json()["next_before"] is None
        assert "request" not in first["calls"][0]
        failed = client.get(f"{AT}/calls", params={"state": "failed"}).json()["calls"]
        assert [c["error"] for c in failed] == ["no answer"]
        template = first["calls"][5]["template_id"]
        of_prompt = client.get(f"{AT}/calls", params={"template": template, "limit": 1000}).json()["calls"]
        assert {c["template_id"] for c in of_prompt} == {template}
        recent = client.get(f"{AT}/calls", params={"since": timestamp()[:10]}).json()["calls"]
        assert len(recent) == 1
        whole = client.get(f"{AT}/calls/{failed[0]['trace_id']}").json()
        assert [m["role"] for m in whole["messages"]] == ["system", "user"]
        assert whole["answer"] == "card"
        assert whole["request"]["messages"][1]["content"] == "my card <b>"
        assert client.get(f"{AT}/calls/nothing").status_code == 404
        assert client.get(f"{AT}/calls", params={"state": "odd"}).status_code == 422


def test_a_route_is_switched_reported_and_given_back(left):
    served, version = left
    where = f"{AT}/routes/acme/small/exit"
    with served.client() as owner, served.client(Role.BUILDER) as builder:
        assert owner.get(where).json() == {"report": None}
        assert builder.put(where, json={"models": ["api-wish"]}).status_code == 403
        found = builder.get(f"{where}/bounds", params={"model": "api-wish"}).json()["bounds"]
        assert [b["alpha"] for b in found] == sorted(b["alpha"] for b in found)
        assert all(b["coverage_ci95"][0] <= b["coverage"] <= b["coverage_ci95"][1] for b in found)
        assert found[-1]["threshold"] is not None
        none = owner.put(where, json={"models": ["api-wish"], "alpha": 0.0005}).json()
        assert (none["switched"], none["exit"]) == (False, None)
        body = {"models": ["api-wish@1"], "alpha": found[-1]["alpha"], "share": 0.5}
        done = owner.put(where, json=body).json()
        assert (done["switched"], done["exit"]["mode"], done["exit"]["share"]) == (True, "home", 0.5)
        assert done["bound"]["coverage"] == pytest.approx(found[-1]["coverage"])
        report = owner.get(where).json()["report"]
        assert (report["exit"]["model"], report["n_calls"], report["fallen"]) == ("api-wish@1", 0, None)
        assert report["since"]
        silent = owner.put(where, json={"models": ["api-wish"], "shadow": True}).json()
        assert (silent["switched"], silent["exit"]["mode"]) == (True, "shadow")
        assert owner.post(f"{where}/back").json()["exit"]["mode"] == "home"
        assert owner.delete(where).json()["exit"] is None
        assert owner.get(where).json() == {"report": None}
        assert owner.put(where, json={"alpha": 2}).status_code == 422
        actions = [e.action for e in served.ws.audit(limit=6)]
        assert actions.count("gateway.switch") == 3
    assert version.version_id == done["exit"]["version_id"]


def test_the_verdict_and_its_sample(left):
    served, version = left
    where = f"{AT}/verdicts/{version.version_id}"
    with served.client(Role.REVIEWER) as reviewer, served.client(Role.BUILDER) as builder:
        found = reviewer.get(where).json()
        assert (found["verdict"], found["n"], found["against"]) == ("NEED", 40, "incumbent")
        assert reviewer.get(f"{where}/gold-sample").json()["n_drawn"] == 0
        assert reviewer.post(f"{where}/gold-sample", json={"n": 3}).status_code == 403
        drawn = builder.post(f"{where}/gold-sample", json={"n": 3}).json()
        assert (drawn["n_waiting"], drawn["selection"]) == (3, "exam_api_wish_1")
        assert builder.post(f"{where}/gold-sample", json={"n": 0}).status_code == 422
        assert reviewer.get(where, params={"margin": 2}).status_code == 422
        assert reviewer.get(f"{AT}/verdicts/nobody").status_code == 404
    assert served.ws.store.actor == SYSTEM
