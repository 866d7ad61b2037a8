"""The next step in each state of a workspace, and where pages end in it."""

import io
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from homegrown.core.access import SYSTEM
from homegrown.core.ids import new_id
from homegrown.core.models import Recipe
from homegrown.jobs import JobQueue
from homegrown.store import tables
from homegrown.studio import pasted
from homegrown.studio.guide import Measured, Situation, after, situation, step
from homegrown.studio.leaving_step import leaving_step
from homegrown.workspace import connect
from homegrown.workspace.counts import Counts
from tests.monitor.calls import rng, topics
from tests.studio.conftest import running, visiting
from tests.studio.test_pages import PATHS


def measured(accuracy=0.9, recalls=(0.9, 0.9), number=1, snapshot="snap_1", low=None, n=100):
    classes = [{"name": f"c{i}", "n": 50, "recall": r} for i, r in enumerate(recalls)]
    result = {"accuracy": accuracy, "accuracy_ci95": [accuracy - 0.02 if low is None else low, 1.0], "n": n}
    version = SimpleNamespace(
        model_name="m", number=number, version_id=f"mv_{number}", snapshot_id=snapshot, task_id="task_1"
    )
    return Measured(version=version, result=result | {"classes": classes})


def now(best=None, served=None, job="", votes=0, task="", has_route=False, **counts):
    names = ("n_sources", "n_records", "n_votes", "n_labels", "n_snapshots", "n_models", "n_endpoints")
    many = Counts(**dict.fromkeys(names, 0) | counts)
    return Situation(counts=many, best=best, served=served, running_job=job, n_new_votes=votes, task_id=task,
                     has_route=has_route)  # fmt: skip


ALL = {"n_records": 100, "n_votes": 100, "n_models": 1, "n_endpoints": 1}
STATES = {
    "empty": (now(), "Drop a file of your own cases", "/ingest"),
    "before the first call": (now(has_route=True), "Point a program at the gateway", "/gateway"),
    "running": (now(job="job_1", n_records=1), "Watch the model being made", "/train/job_1"),
    "texts only": (now(n_records=9), "Find the groups in your records", "/label/discover"),
    "a question": (
        now(n_records=90, n_votes=9, task="task_1"), "Say of some records what they are", "/label/tasks/task_1/station",
    ),
    "labelled": (now(n_records=90, n_votes=90, task="task_1"), "Train a first model", "/train"),
    "trained": (now(measured(), **ALL | {"n_endpoints": 0}), "Read the report on m v1 and deploy it", "/evaluate/mv_1"),
    "unmeasured": (
        now(*[Measured(version=measured().version, result=None)] * 2, **ALL),
        "Ask the model something it has never seen", "/serve/playground",
    ),
    "votes": (now(measured(), measured(), votes=3, **ALL), "Train again with what people said", "/train"),
    "a better one": (
        now(measured(0.95, number=2), measured(0.8), **ALL), "Let m v2 answer instead of m v1", "/evaluate/mv_2",
    ),
    "not surely better": (
        now(measured(0.81, number=2), measured(0.8, (0.8, 0.8)), **ALL),
        "Ask the model something it has never seen", "/serve/playground",
    ),
    "another test": (
        now(measured(0.95, number=2, snapshot="snap_2"), measured(0.8, (0.7, 0.9)), **ALL),
        "Add more examples of “c0”", "/ingest",
    ),
    "a weak class": (now(measured(), measured(0.9, (0.8, 1.0)), **ALL), "Add more examples of “c0”", "/ingest"),
    "hardly tested": (
        now(*[few := measured(1.0, (1.0, 1.0), low=0.44, n=3)] * 2, **ALL | {"n_votes": 16}),
        "Say what more records are", "/label/tasks/task_1/station",
    ),
    "all labelled": (now(few, few, **ALL), "Ask the model something it has never seen", "/serve/playground"),
    "level": (now(measured(), measured(), **ALL), "Ask the model something it has never seen", "/serve/playground"),
    "perfect": (
        now(*[measured(1.0, (1.0, 1.0), low=0.96)] * 2, **ALL),
        "Ask the model something it has never seen", "/serve/playground",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STATES)
def test_the_next_step_in_each_state(name):
    state, title, href = STATES[name]
    found = step(state)
    assert (found.title, found.href) == (title, href)
    assert found.reason.endswith(".")
    assert after(state, href) is None
    assert after(state, "/elsewhere") == found


def test_what_was_said_so_far_is_counted_in_the_next_step():
    assert "9 votes so far" in step(STATES["a question"][0]).reason


def test_a_perfect_test_is_not_called_a_weak_class():
    assert "all 100 test records, so the true figure lies above 96%" in step(STATES["perfect"][0]).reason


@pytest.mark.parametrize("path", [p for p in PATHS if p not in ("/", "/patterns")])
def test_every_page_ends_in_one_next_step(grown, path):
    with grown.client() as client:
        text = client.get(path).text
    assert text.count('aria-label="Next step"') == (0 if path == "/serve/playground" else 1)


def test_what_was_stopped_is_no_alarm_and_can_go_on(empty):
    jobs = JobQueue(empty.ws.store.db)
    job_id = jobs.submit(
        SYSTEM, "grow", {"name": "topic", "source": "a.csv", "file": "a.csv", "text": "a", "label": "b"}
    )
    with empty.client() as client:
        running = client.get(f"/train/{job_id}").text
        assert 'aria-label="Next step"' not in running
        jobs.cancel(SYSTEM, job_id)
        stopped = client.get(f"/train/{job_id}").text
        assert "It was stopped." in stopped
        assert 'role="alert"' not in stopped
        assert f'action="/jobs/{job_id}/resume"' in stopped
        assert stopped.count('aria-label="Next step"') == 1
        assert "See the training" in client.get(f"/jobs/{job_id}").text


def test_a_preview_has_one_next_step(empty):
    upload = empty.ws.uploads.add(io.BytesIO(b"text,label\n" + b"one,a\ntwo,b\n" * 15), "sample.csv")
    with empty.client() as client:
        text = client.get(f"/ingest/{upload.upload_id}").text
    assert text.count("Next step<") == 1


def test_the_example_is_one_press_from_the_empty_overview(chromium, tmp_path):
    with connect(tmp_path / "desk", actor=SYSTEM) as ws, running(ws) as fresh, visiting(chromium, fresh) as visit:
        visit.click("text=Try our example")
        visit.page.wait_for_url("**/ingest/up_*")
        assert visit.page.locator('.slot[data-role="text"] .chip-column').inner_text().startswith("message\n")
        assert visit.page.locator('.slot[data-role="label"] .chip-column').inner_text().startswith("intent")
        assert visit.page.locator("button[name=do]").is_enabled()


def test_the_count_of_jobs_follows_while_a_page_is_open(chromium, empty):
    with visiting(chromium, empty) as visit:
        visit.go("/govern")
        assert visit.page.locator("#jobs-now a").count() == 0
        jobs = JobQueue(empty.ws.store.db)
        job_id = jobs.submit(SYSTEM, "embed", {})
        visit.page.wait_for_selector("#jobs-now >> text=1 job", timeout=8_000)
        jobs.cancel(SYSTEM, job_id)
        started = time.monotonic()
        visit.page.wait_for_selector("#jobs-now a", state="detached", timeout=8_000)
        assert time.monotonic() - started < 8


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("message\ttopic\nwhere, is it\tcard\n", "message,topic\r\n\"where, is it\",card\r\n"),
        ("a;b\n1;2\n3;4", "a,b\r\n1,2\r\n3,4\r\n"),
        ("Hello, you.\nGood, bye.", "text\r\n\"Hello, you.\"\r\n\"Good, bye.\"\r\n"),
        ("one\r\n\r\n two ", "text\r\none\r\ntwo\r\n"),
        ("a,a\n1,2", "text\r\n\"a,a\"\r\n\"1,2\"\r\n"),
        ("=cmd()", "text\r\n=cmd()\r\n"),
    ],
)  # fmt: skip
def test_what_is_pasted_is_a_table_or_one_text_a_line(text, rows):
    name, content = pasted.as_file(text)
    assert name.startswith("pasted ")
    assert name.endswith(".csv")
    assert content.decode() == rows


def test_pasted_cells_are_previewed_and_nothing_is_refused(empty):
    with empty.client() as client:
        cells = "message\ttopic\n" + "".join(f"case {i}\t{'ab'[i % 2]}\n" for i in range(30))
        sent = client.post("/ingest/paste", data={"text": cells})
        preview = client.get(sent.headers["location"], params={"format": "json"}).json()
        assert [(c["name"], c["role"]) for c in preview["columns"]] == [("message", "text"), ("topic", "label")]
        assert "30 rows" in preview["facts"]
        refused = client.post("/ingest/paste", data={"text": " \n"})
        assert (refused.status_code, "Nothing was pasted" in refused.text) == (422, True)
        as_json = client.post("/ingest/paste", data={"text": '{"text": "a"}\n{"text": "b"}'})
        assert as_json.status_code == 303


def test_the_way_out_of_a_model_api_step_by_step(tmp_path):
    r = rng(4)
    with connect(tmp_path / "desk", actor=SYSTEM) as ws:
        upstream = ws.upstream_at("http://127.0.0.1:9/v1", private=True)
        route = ws.put_route("triage", upstreams=[upstream.name])
        assert leaving_step(ws) is None
        mine = {"route_id": route.route_id, "upstream_id": upstream.upstream_id}
        calls = [replace(c, trace_id=new_id("trace")) for c in topics(r, 400, ["Card, refund or login?"], **mine)]
        ws.store.captured_imports.add(calls)
        assert leaving_step(ws).href == "/monitor"
        template = ws.find_tasks().proposals[0].template
        assert leaving_step(ws).href == f"/monitor/{template.template_id}"
        task = ws.accept_template(template.template_id, name="wish").task
        found = leaving_step(ws)
        assert (found.action, found.href) == ("Train", "/gateway/routes/triage")
        assert found.title == "Train a model on “wish”", "as the task is called, not the prompt"
        version = ws.train(ws.snapshot(task, test_share=0.4), Recipe("lexical", {}, 0), "wish")
        assert "answer silently" in step(situation(ws)).title
        ws.switch_route("triage", "wish", shadow=True)
        assert leaving_step(ws) is None, "it listens; there is nothing to do until it has heard enough"
        assert "nobody can ask it" not in step(situation(ws)).reason
        rows = [
            {"trace_id": c.trace_id, "version_id": version.version_id, "answer": "card", "agrees": 1,
             "created_at": c.created_at} for c in calls[:50]
        ]  # fmt: skip
        with ws.store.db.write() as connection:
            connection.execute(sa.insert(tables.shadow_answers), rows)
        assert leaving_step(ws).href == f"/evaluate/verdict/{version.version_id}"
        ws.switch_route("triage", off=True)
        assert leaving_step(ws).action == "See the verdict", "what it said stays"
        exit = ws.switch_route("triage", "wish", alpha=0.2).exit
        assert leaving_step(ws) is None
        assert situation(ws).served.version.version_id == version.version_id
        ws.store.exits.keep("triage", exit.stages[0], {"fallen": {"sentence": "x"}, "n_home": 0, "watch": {}})
        assert "answers no more" in leaving_step(ws).title
