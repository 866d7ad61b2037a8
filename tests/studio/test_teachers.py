"""The teachers' page: register, see the cost, ask, watch; files in and out; nothing hostile runs, no key comes back."""

import json
import time

import pytest
import sqlalchemy as sa

from homegrown.core.access import SYSTEM, Role
from homegrown.studio.pages import teachers
from homegrown.studio.render import STATIC
from homegrown.workspace import connect
from tests.conftest import write_messages
from tests.studio.conftest import running, visiting

KEY = "sk-CANARYstudio0123456789"
EVIL = '<img src=x onerror="document.title=1">'


@pytest.fixture
def desk(tmp_path, upstream):
    """A studio with its worker, over records without labels."""
    upstream.plan()
    upstream.forget()
    with connect(tmp_path / "desk", actor=SYSTEM) as ws:
        ws.ingest(write_messages(tmp_path / "m.csv"), text="message")
        ws.task("topic", classes=["card", "refund", "login"], guidelines=EVIL)
        with running(ws, with_worker=True) as studio:
            yield studio


def page_of(studio):
    return f"/label/tasks/{studio.ws.store.tasks.find('topic').task_id}"


def form(upstream, **changed):
    filled = {
        "name": "fake",
        "base_url": upstream.base_url,
        "model": "toy",
        "price_in": "1",
        "price_out": "2",
        "terms": "no-training",
        "key": KEY,
        "private": "1",
    }
    return {**filled, **changed}


def test_from_an_address_to_votes_in_the_browser(chromium, desk, upstream):
    with visiting(chromium, desk) as visit:
        page = visit.page
        visit.go(page_of(desk) + "/teachers")
        for field, value in (
            ("name", "fake"),
            ("url", upstream.base_url),
            ("model", "toy"),
            ("in", "1"),
            ("out", "2"),
            ("terms", "no-training"),
            ("key", KEY),
        ):
            page.fill(f"#new-{field}", value)
        page.check("[name=private]")
        visit.click("text=Register >> nth=-1")
        page.wait_for_selector("text=See the cost first")
        assert KEY not in page.content()
        upstream.plan("429:0", delay_s=0.05)
        visit.click("text=See the cost first")
        page.wait_for_selector("text=What it would cost")
        assert upstream.seen() == []
        visit.click("text=Call 1, as it would be sent")
        assert EVIL in page.inner_text("#system-1")
        visit.shot("teachers-plan", full_page=True)
        visit.click("section[aria-labelledby=plan] button[type=submit]")
        page.wait_for_selector("text=36 votes stand", timeout=60_000)
        assert "status 429" in page.inner_text("#live")
        page.reload()
        assert "no-training" in page.inner_text("section[aria-labelledby=voters]")
        visit.shot("teachers-done", full_page=True)
    assert desk.ws.sql("select count(*) as n from votes where kind = 'model'").arrow["n"][0].as_py() == 36


@pytest.mark.parametrize(("width", "theme"), [(390, "dark"), (1280, "light")])
def test_it_reads_on_a_phone_and_to_a_machine(chromium, desk, upstream, width, theme):
    desk.ws.add_upstream("fake", upstream.base_url, model="toy", private=True)
    axe = STATIC.parents[3] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
    with visiting(chromium, desk, width=width, theme=theme) as visit:
        visit.go(page_of(desk) + "/teachers?plan=1&upstream=fake&budget=1")
        assert visit.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        visit.shot(f"teachers-{width}-{theme}", full_page=True)
        if axe.is_file():
            found = visit.page.evaluate(
                axe.read_text()
                + "; axe.run(document, {resultTypes: ['violations']}).then(r => r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html).join(' ')))"
            )
            assert found == []


def test_the_forms_refuse_in_place_and_keep_what_was_typed(desk, upstream):
    at = page_of(desk) + "/teachers"
    with desk.client() as client:
        for changed, told in (
            ({"base_url": "http://169.254.169.254/v1"}, "link-local"), ({"base_url": "file:///etc/passwd"}, "begins with https"),
            ({"price_in": "much"}, "a number"), ({"private": "", "base_url": "http://api.example.org"}, "https"),
            ({"price_in": "", "private": "", "base_url": "https://api.example.org/v1"}, "million"), ({"key": "a b"}, "without spaces"),
        ):  # fmt: skip
            answer = client.post(f"{at}/upstreams", data=form(upstream, **changed))
            assert answer.status_code == 422, changed
            assert told in answer.text
            assert 'value="fake"' in answer.text
            assert KEY not in answer.text
        assert client.post(f"{at}/upstreams", data=form(upstream)).status_code == 303
        for query, told in (
            ("upstream=no", "no upstream"),
            ("upstream=fake&budget=x", "amount in USD"),
            ("upstream=fake&limit=0", "1 or more"),
        ):
            assert told in client.get(f"{at}?plan=1&{query}").text
        assert client.post(at, data={"upstream": "fake", "budget": "nan"}).status_code == 422
        assert client.post(at, data={"upstream": "no", "budget": "1"}).status_code == 404
        twin = client.get(at, headers={"Accept": "application/json"}).json()
        assert twin["upstreams"][0]["has_key"] is True
        assert "<img" not in client.get(f"{at}?plan=1&upstream=fake").text
        assert client.post(f"{at}/remove", data={"name": "fake"}).status_code == 303
        assert client.get(at, headers={"Accept": "application/json"}).json()["upstreams"] == []
        assert client.get("/label/tasks/task_x/teachers").status_code == 404
    assert upstream.seen() == []


def test_who_may_what(desk, upstream):
    at = page_of(desk)
    with desk.client(Role.BUILDER) as builder, desk.client(Role.REVIEWER) as reviewer:
        assert builder.post(f"{at}/teachers/upstreams", data=form(upstream)).status_code == 403
        assert builder.post(f"{at}/teachers/remove", data={"name": "fake"}).status_code == 403
        assert reviewer.post(f"{at}/teachers", data={"upstream": "fake", "budget": "1"}).status_code == 403
        assert reviewer.post(f"{at}/import", files={"file": ("f", b"x")}).status_code == 403
        desk.ws.add_upstream("fake", upstream.base_url, model="toy", private=True)
        shown = reviewer.get(f"{at}/teachers?plan=1&upstream=fake", headers={"Accept": "application/json"}).json()
        assert (shown["plan"], shown["upstreams"]) == (None, [])


def test_files_come_in_and_go_out(desk):
    at = page_of(desk)
    file = (
        b'{"text": "'
        + EVIL.replace('"', "'").encode()
        + b'", "label": ["card"]}\n{"text": "x", "label": ["<b>wolf"]}\nbroken\n'
    )
    with desk.client() as client:
        found = client.post(f"{at}/import", files={"file": ("f.jsonl", file)})
        assert found.status_code == 200
        assert "1 vote of doccano came in" in found.text
        assert "no class &#39;&lt;b&gt;wolf&#39;" in found.text
        assert "line 3" in found.text
        assert client.post(f"{at}/import", files={"file": ("f.jsonl", b"nonsense")}).status_code == 422
        assert client.post(f"{at}/import", data={"format": "doccano"}).status_code == 422
        for name in ("label-studio", "argilla", "prodigy", "doccano", "openai"):
            out = client.get(f"{at}/export", params={"format": name})
            assert out.headers["content-disposition"].startswith("attachment")
            assert out.headers["content-type"] == "application/octet-stream"
            items = (
                json.loads(out.text) if name == "label-studio" else [json.loads(line) for line in out.text.splitlines()]
            )
            assert len(items) == (1 if name == "openai" else 38)
        assert client.get(f"{at}/export", params={"format": "excel"}).status_code == 422
    of_spans(desk)


def test_a_large_file_comes_in_by_a_job(tmp_path, monkeypatch):
    monkeypatch.setattr(teachers, "_JOB_ABOVE_BYTES", 100)
    lines = [*(json.dumps({"text": f"case {i} of its own", "label": ["card"]}) for i in range(30)), "broken"]
    with connect(tmp_path / "work", actor=SYSTEM) as ws:
        ws.task("intent", classes=["card", "refund"])
        at = f"/label/tasks/{ws.store.tasks.find('intent').task_id}"
        with running(ws, with_worker=True) as studio, studio.client(Role.BUILDER) as client:
            done = client.post(f"{at}/import", files={"file": ("f.jsonl", "\n".join(lines).encode())})
            after = done.headers["location"]
            ended = time.monotonic() + 60
            while "votes of doccano came in" not in (page := client.get(after).text):
                assert "It was not done" not in page
                assert 'hx-trigger="every 1s"' in page
                assert time.monotonic() < ended
                time.sleep(0.2)
            assert "30 votes of doccano came in, with 30 new records" in page
            assert "line 31" in page
            by = ws.store.db.one(sa.text("select a.name from events e join actors a on a.actor_id = e.actor_id "
                                         "where e.action = 'label.import'"))  # fmt: skip
            assert by["name"] == "test builder"


def of_spans(desk):
    """The same page for a task with fields: spans come in, are told, and go out; every part of it is escaped."""
    task = desk.ws.task("people", fields={"who": "span*"}).noun
    at, file = f"/label/tasks/{task.task_id}", "to\tO\nAnn\tB-who\n\ny\tB-<b>wolf\n\n"
    with desk.client() as client:
        found = client.post(f"{at}/import", files={"file": ("f.conll", file.encode())})
        assert found.status_code == 200
        assert "2 votes of CoNLL came in, with 2 new records" in found.text
        assert "no field &#39;&lt;b&gt;wolf&#39;" in found.text
        for name in ("conll", "label-studio", "prodigy", "doccano"):
            assert b"Ann" in client.get(f"{at}/export?format={name}").content
            assert b"Ann" in client.get(f"/api/v1/tasks/{task.task_id}/labels?format={name}").content
        assert client.get(f"{at}/export?format=brat").status_code == 422
        page = client.get(f"{at}/teachers").text
        assert "A file of CoNLL, Label Studio, Prodigy or doccano" in page
        rule = {"name": "a name", "fills": [{"kind": "pattern", "pattern": "to (?P<who>[A-Z][a-z]+)"}]}
        tried = client.post(f"/api/v1/tasks/{task.task_id}/rules/preview", json=rule).json()
        assert (tried["n_matches"], tried["matches"][0]["label"]) == (1, "who: Ann")
        assert client.post(f"/api/v1/tasks/{task.task_id}/rules", json=rule).status_code == 200
        (kept,) = client.get(f"/api/v1/tasks/{task.task_id}/rules").json()["rules"]
        assert kept["rule"]["fills"][0]["pattern"] == rule["fills"][0]["pattern"]
