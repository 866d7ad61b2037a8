"""Tasks found in traffic in the studio: over HTTP, and looked at in a real browser, with hostile text everywhere."""

import io
import json

import pytest

from homegrown.core.access import SYSTEM, Role
from homegrown.studio import work
from homegrown.workspace import connect
from homegrown.workspace.verbs import run_verb
from tests.monitor.calls import bills, call, message, rng, topics
from tests.studio.conftest import running, serious, visiting

HOSTILE = '<img src=x onerror="alert(1)"><script>alert(2)</script> {{70707*70707}}'
TOPIC = (
    "Tell the topic of the message: card, refund or login.",
    "You sort mail of a shop by topic. Topics: login, card, refund.",
)


def _traffic():
    r = rng()
    calls = topics(r, 160, TOPIC, frame="Message: {}\nTopic:", tags={"feature": "triage"})
    calls += [
        call(300 + i, "Say what the customer feels, and why.", message(r, "refund"),
             json.dumps({"mood": ("angry", "calm", "sad")[i % 3], "why": f"because of number {i} {HOSTILE}"}))
        for i in range(90)
    ]  # fmt: skip
    calls += [call(500 + i, f"Reply to the customer. {HOSTILE}", f"{HOSTILE} {message(r, 'card')}",
                   f"Dear customer {i}, {HOSTILE} thank you.") for i in range(120)]  # fmt: skip
    calls += [call(700 + i, f"Is it spam? {HOSTILE}", f"{HOSTILE} {i} {message(r, 'login')}", ("spam <b>", "ham")[i % 2])
              for i in range(80)]  # fmt: skip
    return calls


@pytest.fixture(scope="module")
def traffic(tmp_path_factory):
    """A studio over captured calls in which templates are found."""
    with connect(tmp_path_factory.mktemp("traffic") / "desk", actor=SYSTEM) as ws:
        ws.store.captured_imports.add(_traffic())
        ws.find_tasks()
        with running(ws) as studio:
            yield studio


def _named(studio, name):
    return next(p.template for p in studio.ws.traffic().proposals if p.template.name == name)


def test_the_list_says_what_can_be_learned_and_what_cannot(traffic):
    with traffic.client() as people, traffic.client(accept="application/json") as programs:
        html = people.get("/monitor").text
        page = programs.get("/monitor").json()
        for one in (*page["proposals"], *page["others"]):
            shown = people.get(one["href"])
            assert shown.status_code == 200
            assert "<img src=x" not in shown.text
            assert "4999479849" not in shown.text, "70707 times itself"
            assert programs.get(one["href"]).json()["name"] == one["name"]
        assert people.get("/monitor/tpl_none").status_code == 404
    assert "<script>alert" not in html
    assert "No recipe here can learn these" in html
    says = {one["name"]: one["says"] for one in (*page["proposals"], *page["others"])}
    assert says["triage"] == "can be learned"
    assert says["mood"] == "in part"
    assert "not here" in says.values()


def test_what_changes_is_marked_in_real_calls(traffic):
    one = _named(traffic, "triage")
    with traffic.client() as people:
        html = people.get(f"/monitor/{one.template_id}").text
    shown = traffic.ws.template_calls(one.template_id, 1)[0]
    changing = next(text for text, changes in shown.parts if changes)
    assert f"<mark>{changing}</mark>" in html
    assert [text for text, changes in shown.parts if not changes] == ["Message: ", "\nTopic:"]


def test_accepting_is_a_job_with_the_edited_names(traffic):
    one = _named(traffic, "triage")
    form = {
        "template_id": one.template_id,
        "field": "",
        "name": "mail",
        "class_0": "cards",
        "class_1": "",
        "class_2": "refund",
    }
    with traffic.client() as owner, traffic.client(Role.ANNOTATOR) as annotator:
        for path in ("/find", "/tag", "/accept", "/import"):
            assert annotator.post(f"/monitor{path}", data=form).status_code == 403
        sent = owner.post("/monitor/accept", data=form)
        assert sent.status_code == 303
        job = work.queue(traffic.ws).get(sent.headers["location"].partition("job=")[2])
        assert job.arguments["names"] == {"card": "cards", "login": None}
        assert "Make a Task of traffic" in owner.get("/jobs").text
        assert run_verb(traffic.ws, job.verb, job.arguments)["task"] == "mail"
        page = owner.get(f"/monitor/{one.template_id}").text
        assert "Add what came since" in page
        assert 'value="cards"' in page
        assert owner.post("/monitor/accept", data={"template_id": "tpl_none"}).status_code == 404
        free = next(p.template for p in traffic.ws.traffic().proposals if not p.learnable)
        assert owner.post("/monitor/accept", data={"template_id": free.template_id}).status_code == 422
        assert owner.post("/monitor/tag", data={"tag": "nothing"}).status_code == 422
        assert owner.post("/monitor/tag", data={"tag": "feature=triage"}).status_code == 303


def test_documents_are_accepted_as_one_task_of_objects(traffic):
    calls, _ = bills(60, start=2000)
    traffic.ws.store.captured_imports.add(calls)
    one = next(p.template for p in traffic.ws.find_tasks().proposals if p.template.is_object)
    with traffic.client() as owner:
        listed = owner.get("/monitor").text
        page = owner.get(f"/monitor/{one.template_id}").text
        assert "JSON documents: who (span), day (date), total (number), kind (choice), note (free)" in listed
        assert "stands in the text in 100% of" in page
        assert "words of the text" in page
        assert "0.0000 USD" not in listed + page
        assert "the whole document" in page
        sent = owner.post("/monitor/accept", data={"template_id": one.template_id, "field": "{}", "name": "bill"})
        job = work.queue(traffic.ws).get(sent.headers["location"].partition("job=")[2])
        assert run_verb(traffic.ws, job.verb, job.arguments)["task"] == "bill"
        kinds = owner.get(f"/monitor/{one.template_id}?field=kind").text
        assert 'value="offer"' in kinds
        assert "Add what came since" in owner.get(f"/monitor/{one.template_id}").text


def test_files_come_in_by_the_page_and_bad_lines_are_listed(traffic):
    turns = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]
    file = f"{json.dumps({'messages': turns})}\n{{bad\n".encode()
    with traffic.client() as owner:
        html = owner.post("/monitor/import", files={"file": (f"{HOSTILE}.jsonl", io.BytesIO(file))}).text
        assert "1 call (openai-fine-tuning), 1 of them new." in html
        assert "line 2: it is no JSON" in html
        assert "<img src=x" not in html
        assert owner.post("/monitor/import", files={"file": ("a.csv", io.BytesIO(b"a,b\n"))}).status_code == 422
        assert owner.post("/monitor/import", data={}).status_code == 422


def test_the_api_lists_and_queues(traffic):
    with traffic.client(accept="application/json") as client:
        found = client.get("/api/v1/monitor/tasks").json()
        assert found["bill"]["by"] == "cost"
        first = found["proposals"][0]
        assert {p["name"] for p in first["parts"]} == {""}
        path = f"/api/v1/monitor/tasks/{first['template_id']}/accept"
        assert client.post(path, json={"names": {"card": None}}).json()["job_id"].startswith("job_")
        assert client.post(path, json={"nam": {}}).status_code == 422
        assert client.post("/api/v1/monitor/tasks/tpl_none/accept", json={}).status_code == 404
        assert client.post("/api/v1/monitor/find").json()["job_id"].startswith("job_")
        tag = {"tag": "feature", "value": "triage"}
        assert client.post("/api/v1/monitor/tags/accept", json=tag).json()["job_id"].startswith("job_")


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "dark")])
def test_the_pages_are_clean_to_axe_and_fit(chromium, traffic, width, theme):
    ids = [p.template.template_id for p in traffic.ws.traffic().proposals]
    with visiting(chromium, traffic, width=width, theme=theme) as visit:
        for n, path in enumerate(("/monitor", *(f"/monitor/{i}" for i in (ids[0], ids[-1])))):
            visit.go(path)
            visit.shot(f"monitor-{n}-{width}-{theme}", full_page=True)
            assert visit.page.evaluate("document.documentElement.scrollWidth") <= width, path
            assert not serious(visit.page), path


@pytest.mark.slow
def test_from_a_file_of_calls_to_a_task_in_the_browser(chromium, with_worker, tmp_path):
    path = tmp_path / "calls.jsonl"
    calls = topics(rng(), 120, TOPIC[:1], tags={"feature": "triage"})
    rows = [
        {"id": c.trace_id, "request": c.request, "response": c.response, "created_at": c.created_at, "tags": c.tags}
        for c in calls
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    with visiting(chromium, with_worker) as visit:
        visit.go("/monitor")
        visit.page.set_input_files("#file", str(path))
        visit.click("button:has-text('Bring in')")
        visit.page.wait_for_selector("text=120 calls")
        visit.click("button:has-text('Find tasks')")
        visit.page.wait_for_selector("text=1 prompt shared by calls", timeout=60_000)
        visit.click("a:has-text('See them')")
        visit.page.click("th >> text=triage")
        visit.click("button:has-text('Accept')")
        visit.page.wait_for_selector("text=is a Task", timeout=60_000)
        visit.click("a:has-text('Open it')")
        visit.page.wait_for_url("**/label/tasks/task_*")
        assert with_worker.ws.store.tasks.find("triage").class_names == ("card", "login", "refund")
