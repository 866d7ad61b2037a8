"""The review queue in a real browser: one key per decision, undo, hostile texts, a phone, and for whom."""

import csv
import json
import re
from dataclasses import replace

import pytest

from homegrown.core.access import SYSTEM, Role
from homegrown.core.issues import Found
from homegrown.workspace import connect
from tests.conftest import TOPICS
from tests.studio.conftest import running, serious, visiting
from tests.studio.test_browser import HOSTILE


@pytest.fixture(scope="module")
def doubtful(tmp_path_factory):
    """A studio over a workspace with hostile texts, wrong labels, twins and personal data."""
    folder = tmp_path_factory.mktemp("curate")
    with (folder / "in.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["message", "topic"])
        for topic, texts in TOPICS.items():
            rows.writerows([f"{text} n{i} {topic}{j}", topic] for i in range(6) for j, text in enumerate(texts))
        rows.writerow(["i want my money back please refund it", "login"])
        rows.writerow([f"{HOSTILE} write to anna@example.org {HOSTILE}", "card"])
        rows.writerow([f"{HOSTILE} or call +49 30 901820", "card"])
        rows.writerow(["please block my card n0 card2!!!", "card"])
    with connect(folder / "desk", actor=SYSTEM) as ws:
        ws.ingest(folder / "in.csv", text="message", label="topic")
        ws.find_issues(ws.task_from_column("topic", "topic"))
        with running(ws) as studio:
            yield studio


def states(studio):
    return {i.issue_id: i.state for i in studio.ws.issues(state=None, limit=1000)}


def test_keys_decide_and_undo_in_the_browser(chromium, doubtful):
    with visiting(chromium, doubtful) as visit:
        page = visit.page
        visit.go("/curate")
        visit.shot("curate", full_page=True)
        page.click("text=Begin")
        page.wait_for_url("**/curate/issues")
        visit.go("/curate/issues?kind=personal")
        first = page.locator("input[name=issue_id]").first.get_attribute("value")
        assert page.locator("mark").count() == 1
        visit.shot("curate-issues", full_page=True)
        page.keyboard.press("m")
        page.wait_for_selector(".notice-good >> text=Masked.")
        assert states(doubtful)[first] == "masked"
        assert page.locator("main input[name=issue_id]").nth(1).get_attribute("value") != first
        page.keyboard.press("u")
        page.wait_for_selector(".notice-good >> text=Taken back")
        assert states(doubtful)[first] == "open"
        assert page.locator("main section input[name=issue_id]").first.get_attribute("value") == first
        page.keyboard.press("k")
        page.wait_for_selector(".notice-good >> text=Kept.")
        page.keyboard.press("d")
        page.wait_for_selector(".notice-good >> text=Dropped.")
        assert page.locator("text=Nothing doubtful waits").count() == 1
        assert sorted(s for s in states(doubtful).values() if s != "open") == ["dropped", "kept"]
        visit.go("/curate/issues?kind=label_error")
        one = page.locator("input[name=issue_id]").first.get_attribute("value")
        page.select_option("#other-class", "refund")
        page.locator("#other-class").focus()
        page.keyboard.press("k")  # typing in a list is no decision
        assert states(doubtful)[one] == "open"
        page.click("main form.field button[type=submit]")
        page.wait_for_selector(".notice-good >> text=Relabelled.")
        assert states(doubtful)[one] == "relabelled"


@pytest.mark.parametrize(("width", "theme"), [(1280, "dark"), (390, "light")])
def test_the_queue_fits_and_is_clean_to_axe(chromium, doubtful, width, theme):
    with visiting(chromium, doubtful, width=width, theme=theme) as visit:
        for path in ("/curate", "/curate/issues", "/curate/issues?kind=near_duplicate"):
            visit.go(path)
            assert not serious(visit.page), path
            assert visit.page.evaluate("document.documentElement.scrollWidth") <= width


def test_hostile_texts_stand_as_texts(doubtful):
    with doubtful.client() as client:
        for issue in doubtful.ws.issues(state=None, limit=1000):
            html = client.get("/curate/issues", params={"issue": issue.issue_id}).text
            assert "<img src=x" not in html
            assert "<script>alert" not in html


def test_two_reviewers_at_once_and_who_may_decide(doubtful):
    issue = doubtful.ws.issues(limit=1)[0]
    form = {"issue_id": issue.issue_id, "decision": "keep"}
    with doubtful.client(Role.ANNOTATOR) as client:
        assert client.get("/curate/issues").status_code == 403
        assert client.post("/curate/decide", data=form).status_code == 403
    with doubtful.client(Role.REVIEWER) as client:
        assert client.post("/curate/decide", data=form).status_code == 303
        again = client.post("/curate/decide", data=form)
        assert again.status_code == 409
        assert "decided meanwhile" in again.text
        assert client.post("/curate/undo", data=form).status_code == 303
        assert client.post("/curate/decide", data={**form, "decision": "nonsense"}).status_code == 422
        assert client.post("/curate/decide", data={"issue_id": "x", "decision": "keep"}).status_code == 404
        assert client.post("/curate/find", data={"task": "topic"}).status_code == 403


def test_the_api_lists_and_decides(doubtful):
    with doubtful.client(Role.REVIEWER, accept="application/json") as client:
        found = client.get("/api/v1/issues", params={"task": "topic", "limit": 1}).json()
        issue = found["issues"][0]
        assert issue["harm"] > 0
        assert "keep" in issue["decisions"]
        path = f"/api/v1/issues/{issue['issue_id']}"
        assert client.post(f"{path}/decision", json={"decision": "drop"}).json()["state"] == "dropped"
        assert client.post(f"{path}/decision", json={"decision": "drop"}).status_code == 409
        assert client.get("/api/v1/issues", params={"state": "any", "limit": 1000}).json()["counts"]
        assert client.post(f"{path}/undo").json()["state"] == "open"
        assert client.post(f"{path}/decision", json={"decision": "eat"}).status_code == 422


def test_looking_is_a_job(doubtful):
    with doubtful.client() as client:
        answer = client.post("/curate/find", data={"task": "topic"})
        assert re.fullmatch(r"/jobs/job_\w+", answer.headers["location"])


def test_before_anybody_looked_the_queue_says_so(tmp_path):
    with connect(tmp_path / "desk", actor=SYSTEM) as ws, running(ws) as studio, studio.client() as client:
        assert "Nobody has looked yet" in client.get("/curate/issues").text
        file = tmp_path / "in.csv"
        file.write_text("message\nwhere is my card\nthe lamp is broken\n", encoding="utf-8")
        ws.ingest(file, text="message")
        ws.find_issues()
        assert ws.store.issues.n_open() == 0
        assert "Nothing doubtful waits" in client.get("/curate/issues").text


def test_a_doubtful_field_is_shown_in_its_text_and_mended_with_one_click(tmp_path):
    """What is labelled and what is suggested stand marked in the record; hostile words stay words."""
    text = f"to {HOSTILE} and Ann Lee, 12.50 EUR"
    (tmp_path / "in.jsonl").write_text(json.dumps({"text": text}), encoding="utf-8")
    with connect(tmp_path / "desk", actor=SYSTEM) as ws:
        ws.ingest(tmp_path / "in.jsonl", text="text")
        task = ws.task("note", fields={"who": "span", "total": "money"}).noun
        (record_id,) = ws.store.records.all_ids().to_pylist()
        given, answer = ([[text.index(w), text.index(w) + len(w)]] for w in (HOSTILE, "Ann Lee"))
        details = {
            "field_id": task.fields[0].field_id,
            "given": {"spans": given},
            "answer": {"spans": answer},
            "prob": 0.9,
        }
        longer = {"spans": [[answer[0][0] - len("and "), answer[0][1]]]}
        found = Found(record_id, "field_error", 0.9, "“who”: a model says something else (90%).", details=details)
        ws.store.issues.put(ws.store.actor, {"field_error": task.task_id}, [found], replace=True)
        with running(ws) as studio, studio.client() as client:
            page = client.get("/curate/issues").text
            assert HOSTILE not in page
            assert "Relabel as who: “Ann Lee”" in page
            assert page.count("<mark") == 2
            ws.store.issues.put(
                ws.store.actor, {"field_error": task.task_id}, [replace(found, details=details | {"given": longer})],
                replace=True,
            )  # fmt: skip
            page = client.get("/curate/issues").text
            assert '<mark title="labelled">and </mark><mark title="labelled, suggested">Ann Lee</mark>' in page
            (issue,) = ws.issues()
            form = {"issue_id": issue.issue_id, "decision": "relabel", "kind": ""}
            assert client.post("/curate/decide", data=form, follow_redirects=True).status_code == 200
        (vote,) = ws.store.person_votes.people(task.task_id)
        assert json.loads(vote["value"])["fields"] == {task.fields[0].field_id: {"spans": answer}}
