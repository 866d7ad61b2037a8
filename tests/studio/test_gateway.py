"""The way out of a model API in the studio: over HTTP, and looked at in a real browser, with hostile text everywhere."""

import re
from copy import copy
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlsplit

import numpy as np
import pytest
import sqlalchemy as sa

from homegrown.core.access import SYSTEM, Role
from homegrown.core.ids import new_id, timestamp
from homegrown.core.models import Recipe
from homegrown.core.progress import Silent
from homegrown.core.traces import AT_HOME, SELECTED, CallState
from homegrown.errors import InputError
from homegrown.inference.recall import MEASURED
from homegrown.jobs import JobQueue
from homegrown.serve.fallback import Policy, Stage, Why
from homegrown.store import tables
from homegrown.store.route_traffic import OUTCOMES
from homegrown.studio.pages.gateway_calls import WHAT
from homegrown.workspace import connect
from homegrown.workspace.verbs import run_verb
from tests.monitor.calls import call, message, rng, topics
from tests.studio.conftest import running, serious, visiting
from tests.workspace.test_exams import truth_of

HOSTILE = '<img src=x onerror="alert(1)"><script>alert(2)</script> {{70707*70707}}'
ROUTE = f"acme/<b>small {HOSTILE[:40]}"
SAYS = "Say what the customer wants: card, refund or login."


def shadowed(ws, route, version, n=400, seed=2):
    """Calls that the model answered silently; it is wrong in each twentieth, the upstream in each fortieth."""
    r, found, rows = rng(seed), [], []
    for i in range(n):
        topic = ("card", "refund", "login")[i % 3]
        ours, theirs = ("login" if i % 20 == 0 else topic), ("card" if i % 40 == 7 else topic)
        one = call(20_000 + i, SAYS, message(r, topic), theirs, route_id=route.route_id,
                   upstream_id=route.config.targets[0].upstream_id, latency_s=0.6 + i % 5 / 10, cost_usd=0.0004,
                   tags={"channel": ("app", "web <b>")[i % 2], AT_HOME: "shadow"})  # fmt: skip
        found.append(replace(one, trace_id=new_id("trace")))
        rows.append({"trace_id": found[-1].trace_id, "version_id": version.version_id, "answer": ours, "prob": 0.9,
                     "agrees": int(ours == theirs), "latency_s": 0.0021, "created_at": one.created_at})  # fmt: skip
    ws.store.captured_imports.add(found)
    with ws.store.db.write() as connection:
        connection.execute(sa.insert(tables.shadow_answers), rows)


@pytest.fixture(scope="module")
def leaving(tmp_path_factory):
    """A studio over a route with a task, a model, its silent answers, and hostile text in calls and names."""
    with connect(tmp_path_factory.mktemp("leaving") / "desk", actor=SYSTEM) as ws:
        upstream = ws.upstream_at("http://127.0.0.1:9/v1", private=True, price_in_usd=0.15, price_out_usd=0.6)
        ws.put_route("default", upstreams=[upstream.name])
        route = ws.put_route(ROUTE, upstreams=[upstream.name])
        mine = {"route_id": route.route_id, "upstream_id": upstream.upstream_id, "latency_s": 0.7}
        calls = [replace(c, trace_id=new_id("trace")) for c in topics(rng(), 700, [SAYS], model=ROUTE, **mine)]
        odd = replace(call(15_000, HOSTILE, f"{HOSTILE} hello", HOSTILE, model=HOSTILE, tags={"who": HOSTILE}, **mine))
        calls += [replace(odd, created_at=timestamp(), trace_id="trace_odd", actor_id="actor_system")]
        calls += [replace(odd, state=CallState.FAILED, response=None, error=HOSTILE, trace_id="trace_bad")]
        ws.store.captured_imports.add(calls)
        ws.find_tasks()
        task = ws.accept_template(ws.traffic().proposals[0].template.template_id, name="wish").task
        version = ws.train(ws.snapshot(task, test_share=0.4), Recipe("lexical", {}, 0), "wish")
        ws.evaluate(version)
        shadowed(ws, route, version)
        with running(ws) as studio:
            studio.version, studio.task, studio.route = version, task, route
            yield studio


def at(studio):
    return f"/gateway/routes/{studio.ws.store.routes.get(ROUTE).name.replace('/', '%2F')}"


def ended(ws, sent):
    """The page to which a form led, once the job that it started is done: here there is no worker to do it."""
    where = sent.headers["location"]
    job_id = parse_qs(urlsplit(where).query)["job"][0]
    queue = JobQueue(ws.store.db)
    job, steps = queue.begin(SYSTEM, job_id), Steps()
    doing = copy(ws)
    doing.progress = steps
    queue.end(SYSTEM, job_id, "succeeded", result=run_verb(doing, job.verb, job.arguments))
    assert steps.done
    return where


class Steps(Silent):
    """Hears how far a job is."""

    done = 0

    def advance(self, n=1, **facts):
        self.done += n


def clean(html):
    assert "<img src=x" not in html
    assert "<script>alert" not in html
    assert "4999479849" not in html, "70707 times itself"
    return html


def test_what_is_found_of_personal_data_is_as_measured():
    text = (Path(__file__).parents[2] / "docs" / "issues.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| ([\w ,]+?) \| (\d+) \| ([\d.]+) \| ([\d.]+) to ([\d.]+) \|$", text, re.MULTILINE)
    assert [(k, int(n), *map(float, rest)) for k, n, *rest in table] == [tuple(m) for m in MEASURED]


def test_the_gateway_says_how_to_point_a_program_here(leaving):
    with leaving.client() as owner, leaving.client(accept="application/json") as programs:
        html = clean(owner.get("/gateway").text)
        page = programs.get("/gateway").json()
    assert f"base_url=&#34;{leaving.origin}/v1&#34;" in html
    assert "homegrown govern key add my-program --role caller" in html
    assert "It cannot see names" in html
    assert "67.6" in html
    assert {r["name"] for r in page["routes"]} == {"default", ROUTE}
    assert [k["name"] for k in page["kinds"] if not k["is_masked"]] == ["postcode", "domain, URL"]


def test_a_model_api_is_registered_and_its_key_is_shown_nowhere(leaving):
    form = {"url": "http://127.0.0.1:8/v1", "key": "sk-canary-71", "private": "1", "price_in_usd": "0.5"}
    with leaving.client() as owner, leaving.client(Role.BUILDER) as builder:
        assert builder.post("/gateway/upstream", data=form).status_code == 403
        assert owner.post("/gateway/upstream", data=form).status_code == 303
        html = owner.get("/gateway?did=upstream").text
        assert "127.0.0.1:8" in html
        assert "sealed" in html
        assert "sk-canary-71" not in html
        bad = owner.post("/gateway/upstream", data={"url": "http://169.254.169.254/v1", "private": "1"})
        assert bad.status_code == 422
        assert (
            owner.post("/gateway/upstream", data={"url": "https://a.example/v1", "price_in_usd": "x"}).status_code
            == 422
        )
        assert owner.post("/gateway/leaves", data={"route": "default", "leaves": "mask"}).status_code == 303
        assert leaving.ws.store.routes.get("default").config.leaves == "mask"
        assert builder.post("/gateway/leaves", data={"route": "default", "leaves": "allow"}).status_code == 403
        owner.post("/gateway/leaves", data={"route": "default", "leaves": "allow"})
    leaving.ws.remove_upstream("127.0.0.1:8")


def test_calls_are_listed_filtered_and_opened_as_text(leaving):
    with leaving.client() as owner, leaving.client(accept="application/json") as programs:
        html = clean(owner.get("/gateway/calls").text)
        assert "&lt;img src=x" in html
        first = programs.get("/gateway/calls").json()
        assert len(first["calls"]) == 50
        second = programs.get(first["next_href"]).json()
        assert {c["href"] for c in first["calls"]}.isdisjoint(c["href"] for c in second["calls"])
        failed = programs.get("/gateway/calls", params={"state": "failed"}).json()["calls"]
        assert [c["href"] for c in failed] == ["/gateway/calls/trace_bad"]
        mine = programs.get("/gateway/calls", params={"route": ROUTE}).json()
        assert mine["route"] == ROUTE
        assert programs.get("/gateway/calls", params={"state": "odd"}).status_code == 422
        opened = clean(owner.get("/gateway/calls/trace_odd").text)
        assert "&lt;img src=x" in opened
        assert "As it went over the wire" in opened
        clean(owner.get("/gateway/calls/trace_bad").text)
        assert owner.get("/gateway/calls/none").status_code == 404
    with leaving.client(Role.ANNOTATOR) as annotator:
        assert annotator.get("/gateway/calls/trace_odd").status_code == 403


def test_the_story_of_a_route_is_told_and_undone_with_one_click(leaving):
    ws = leaving.ws
    with leaving.client() as owner, leaving.client(accept="application/json") as programs:
        page = programs.get(at(leaving)).json()
        html = clean(owner.get(at(leaving)).text)
        assert (page["collect"]["task"], page["train"]["name"], page["answering"]) == ("wish", "wish v1", None)
        assert page["shadow"]["agreement"]["n"] == 400
        assert "said the same as the upstream in" in html
        table = clean(owner.get(page["bounds_href"]).text)
        assert "of all calls" in table
        assert "not possible yet" in table
        form = {"route": ROUTE, "model": leaving.version.version_id, "do": "home", "alpha": "0.1", "share": "0.5"}
        with leaving.client(Role.BUILDER) as builder:
            assert builder.post("/gateway/switch", data=form).status_code == 403
        silent = owner.post("/gateway/switch", data=form | {"do": "shadow"})
        assert "answers silently now" in owner.get(ended(ws, silent)).text
        done = owner.post("/gateway/switch", data=form)
        waits = owner.get(done.headers["location"]).text
        assert 'id="switching"' in waits
        assert "You may leave" in waits
        with leaving.client(Role.BUILDER) as builder:
            job_id = parse_qs(urlsplit(done.headers["location"]).query)["job"][0]
            assert builder.post(f"/jobs/{job_id}/resume").status_code == 403
        told = owner.get(ended(ws, done)).text
        assert "answers what it is sure of" in told
        assert 'action="/gateway/back"' in told
        exit = ws.store.routes.get(ROUTE).config.exit
        assert (exit.mode, exit.alpha, exit.share) == ("home", 0.1, 0.5)
        owner.post("/gateway/share", data={"route": ROUTE, "share": "0.25"})
        assert ws.store.routes.get(ROUTE).config.exit.share == 0.25
        owner.post("/gateway/back", data={"route": ROUTE})
        assert ws.store.routes.get(ROUTE).config.exit.mode == "shadow"
        gone = owner.post("/gateway/off", data={"route": ROUTE})
        assert "The upstream answers every call again" in owner.get(gone.headers["location"]).text
        assert ws.store.routes.get(ROUTE).config.exit is None
        impossible = owner.post("/gateway/switch", data=form | {"alpha": "0.0005"})
        assert "Nothing was switched" in owner.get(ended(ws, impossible)).text
        assert owner.post("/gateway/switch", data=form | {"model": "nobody"}).status_code == 404
        assert owner.post("/gateway/switch", data=form | {"alpha": "x"}).status_code == 422
        assert owner.get("/gateway/routes/nothing").status_code == 404


def test_a_chain_of_models_is_switched_on_and_told_step_by_step(leaving):
    ws = leaving.ws
    second = ws.train(ws.store.models.snapshot(leaving.version.snapshot_id), Recipe("lexical", {}, 7), "wish")
    ids = [second.version_id, leaving.version.version_id]
    with leaving.client() as owner, leaving.client(accept="application/json") as programs:
        page = programs.get(at(leaving), params={"model": ids[0]}).json()
        assert [one["model_id"] for one in page["then"]] == ids[1:]
        asked = dict(parse_qsl(urlsplit(page["bounds_href"]).query))
        table = owner.get("/gateway/bounds", params={**asked, "then": ids[1]}).text
        assert "There is no call on which wish@1 could be judged" in table  # for wish@2 answers all of them
        form = {"route": ROUTE, "model": ids[0], "then": [ids[1], ""], "do": "home", "alpha": "0.1"}
        where = owner.post("/gateway/switch", data=form).headers["location"]
        queue, job_id = JobQueue(ws.store.db), parse_qs(urlsplit(where).query)["job"][0]
        job = queue.get(job_id)
        assert job.arguments["models"] == ids
        with pytest.raises(InputError) as error:
            run_verb(ws, job.verb, job.arguments)
        queue.end(SYSTEM, job_id, "failed", error=error.value.message)
        assert "could be judged" in owner.get(where).text
        alone = owner.post("/gateway/switch", data=form | {"then": ["", ""]})
        look = owner.get(ended(ws, alone), headers={"HX-Request": "true"}).text
        assert "See what it does" in look
        owner.post("/gateway/off", data={"route": ROUTE})


def test_a_route_that_fell_back_says_why(leaving):
    ws = leaving.ws
    with leaving.client() as owner:
        form = {"route": ROUTE, "model": leaving.version.version_id, "do": "home", "alpha": "0.1"}
        ended(ws, owner.post("/gateway/switch", data=form))
        exit = ws.store.routes.get(ROUTE).config.exit
        stage, r = Stage(Policy(0.5, 0.1, 0.05, 0.5)), np.random.default_rng(0)
        for i in range(200):
            stage.decide(0.999 if i % 4 else 0.1, 1.0, r, answer="card")
        ws.store.exits.keep(ROUTE, exit.stages[0], stage.state())
        assert ws.exit_report(ROUTE).coverage == pytest.approx(0.75)
        assert "75.0%" in owner.get(at(leaving)).text
        for _ in range(40):
            stage.observe(True, stage.epoch)
        ws.store.exits.keep(ROUTE, exit.stages[0], stage.state(), "breach")
        html = owner.get(at(leaving)).text
        assert "answers no more" in html
        assert "fell back" in owner.get("/gateway").text
        owner.post("/gateway/off", data={"route": ROUTE})


def test_the_verdict_draws_cases_and_people_settle_it(leaving):
    ws, version = leaving.ws, leaving.version
    where = f"/evaluate/verdict/{version.version_id}"
    with leaving.client() as owner, leaving.client(accept="application/json") as programs:
        page = programs.get(where).json()
        assert page["word"].startswith("NEED")
        assert page["agreement"]["n"] == 400
        assert "vega-chart" in clean(owner.get(where).text)
        assert {"Half of its answers within", "1,000 of the upstream&#39;s cost"} <= {
            k.replace("'", "&#39;") for k, _ in page["facts"]
        }
        with leaving.client(Role.REVIEWER) as reviewer:
            assert reviewer.get(where).status_code == 200
            assert reviewer.post("/evaluate/verdict/draw", data={"model": version.version_id}).status_code == 403
        sent = owner.post("/evaluate/verdict/draw", data={"model": version.version_id, "n": "200"})
        assert sent.headers["location"].startswith(f"/label/tasks/{leaving.task.task_id}/station?selection=exam_wish_1")
        assert owner.get(sent.headers["location"]).status_code == 200
        for one in ws.next_records("wish", 200, selection="exam_wish_1").records:
            ws.vote(one.record.record_id, "wish", truth_of(one.record.text))
        after = programs.get(where, params={"margin": "0.05"}).json()
        assert (after["n_waiting"], after["ours"]["value"] < after["theirs"]["value"]) == (0, True)
        assert any("lost" in w["lost"] for w in after["wheres"])
        assert {w["what"].split(" ")[0] for w in after["wheres"]} >= {"it", "channel"}
        assert after["slices"] == []
        sliced = programs.get(where, params={"margin": "0.05", "slice": ["channel", "nothing"]}).json()
        document = ws.verdict(version, margin=0.05, slice_by=["channel"])
        assert [s["where"] for s in sliced["slices"]] == [
            "all calls",
            *(f"channel = {s['value']}" for s in document["slices"]),
        ]
        assert [s["says"].split()[0] for s in sliced["slices"][1:]] == [s["verdict"] for s in document["slices"]]
        assert [s["n"] for s in sliced["slices"][1:]] == [s["n"] for s in document["slices"]]
        html = owner.get(where, params={"slice": "channel"}).text
        assert "Each slice by itself" in html
        assert 'value="channel" checked' in html
        assert owner.get(where, params={"margin": "5"}).status_code == 422
        assert owner.get("/evaluate/verdict/nobody").status_code == 404


def test_a_model_that_said_nothing_yet_is_led_on(leaving):
    ws = leaving.ws
    other = ws.train(ws.store.models.snapshot(leaving.version.snapshot_id), Recipe("lexical", {}, 5), "other")
    with leaving.client() as owner:
        html = owner.get(f"/evaluate/verdict/{other.version_id}").text
    assert "Nothing to compare yet" in html
    assert "Let it answer silently on" in html


@pytest.mark.parametrize(
    ("width", "theme"),
    [
        (1280, "light"),
        (390, "dark"),
        pytest.param(1280, "dark", marks=pytest.mark.slow),
        pytest.param(390, "light", marks=pytest.mark.slow),
    ],
)
def test_the_pages_are_clean_to_axe_and_fit(chromium, leaving, width, theme):
    ws = leaving.ws
    ws.switch_route(ROUTE, "wish", alpha=0.1, share=0.5)
    pages = {
        "gateway": "/gateway", "calls": "/gateway/calls", "call": "/gateway/calls/trace_odd", "answering": at(leaving),
        "verdict": f"/evaluate/verdict/{leaving.version.version_id}?slice=channel", "route": at(leaving),
    }  # fmt: skip
    drawn = {"verdict": "vega-chart svg", "route": "#bounds table"}
    with visiting(chromium, leaving, width=width, theme=theme) as visit:
        for name, path in pages.items():
            if name == "route":
                ws.switch_route(ROUTE, off=True)
            visit.go(path)
            if name in drawn:
                visit.page.wait_for_selector(drawn[name])
            visit.shot(f"gateway-{name}-{width}-{theme}", full_page=True)
            assert visit.page.evaluate("document.documentElement.scrollWidth") <= width, path
            assert not serious(visit.page), path


def test_whatever_became_of_a_call_is_said_in_words():
    assert set(WHAT) == {*OUTCOMES, "other"}
    assert set(OUTCOMES) >= {w.value for w in Why} | SELECTED
