"""Tasks whose answer is an object, in the studio: what is asked, what was said, trained by a press, and asked."""

import json
import time

import pytest

from homegrown.core.access import SYSTEM
from homegrown.core.models import Recipe
from homegrown.workspace import connect
from tests.studio.conftest import running, serious, visiting
from tests.workspace.test_objects import FIELDS, rows

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def receipts(tmp_path_factory):
    """A studio with its worker, over sixty receipts with their answers."""
    folder = tmp_path_factory.mktemp("receipts")
    (folder / "in.jsonl").write_text("\n".join(map(json.dumps, rows(60))), encoding="utf-8")
    with connect(folder / "desk", actor=SYSTEM) as ws, running(ws, with_worker=True) as studio:
        ws.ingest(folder / "in.jsonl", text="text")
        ws.task("receipt", fields=FIELDS).import_answers("answer")
        yield studio


def test_the_task_shows_its_fields_and_offers_nothing_that_is_for_classes(receipts):
    task = receipts.ws.store.tasks.find("receipt")
    with receipts.client() as client:
        html = client.get(f"/label/tasks/{task.task_id}").text
        listed = client.get("/label").text
        people = client.get(f"/label/tasks/{task.task_id}/people").text
    assert "Invite somebody" in people
    assert 'value="answer"' in people
    assert 'value="text"' not in people, "it is the text that is shown anyway"
    assert "/bulk" not in people
    assert "an object with fields per record" in html
    assert "bill, offer" in html
    assert "The task receipt now has 4 fields" in html
    assert "Add a class" not in html
    assert f"/label/tasks/{task.task_id}/discover" not in html
    assert f"/label/tasks/{task.task_id}/rules" in html
    assert "an object with fields per record" in listed


def test_what_was_said_of_a_record_is_said_in_words(receipts):
    (row,) = receipts.ws.sql("select record_id from records where text like 'No 13%'").rows()
    with receipts.client() as client:
        page = client.get(f"/query/records/{row['record_id']}").text
    assert "who: characters 6 to 13; day: 2026-05-14; total: 13.50 EUR; kind: bill" in page
    assert "a class that is gone" not in page
    assert "Say what it is" not in page


def test_one_press_trains_it_and_the_playground_answers_with_its_evidence(receipts):
    ws = receipts.ws
    task = ws.store.tasks.find("receipt")
    with receipts.client() as client:
        assert "receipt (60 labelled records, 4 fields)" in client.get("/train").text
        started = client.post("/train", data={"task_id": task.task_id, "recipe": "fields"}, follow_redirects=False)
        job_id = started.headers["location"].rpartition("/")[2]
        until = time.monotonic() + 120
        while (job := client.get(f"/api/v1/jobs/{job_id}").json())["status"] in ("queued", "running"):
            assert time.monotonic() < until
            time.sleep(0.2)
        assert job["status"] == "succeeded", job
        assert "of 12 records it had never seen" in client.get(f"/train/{job_id}").text
        version = ws.store.models.version("receipt")
        assert version.recipe == "fields"
        report = client.get(f"/evaluate/{version.version_id}").text
        assert "Field by field" in report
        assert f"/evaluate/{version.version_id}/retrain" in report
        file = client.get(f"/evaluate/{version.version_id}/report.html")
        assert (file.status_code, "Field by field" in file.text) == (200, True)
        asked = {"model": version.version_id, "text": "No 7\nCleo Fox\non 12/03/2026, 77.25 EUR in all <script>"}
        html = client.get("/serve/playground", params=asked).text
        part = client.get("/serve/playground/answer", params=asked).text
        for one in (html, part):
            assert "<mark>77.25 EUR</mark>" in one
            assert "2026-03-12" in one
            assert 'data-name="total">77.25 EUR</mark> in all &lt;script&gt;' in one
            assert "77.25 EUR</td>" in one
        nothing = client.get("/serve/playground", params={**asked, "text": "nothing <b>here</b>"}).text
        assert "not there" in nothing
        assert "<b>here</b>" not in nothing


def test_a_model_of_objects_is_not_offered_as_a_voter(receipts):
    task = receipts.ws.store.tasks.find("receipt")
    assert receipts.ws.store.models.champion(task.task_id) is not None
    with receipts.client() as client:
        page = client.get(f"/label/tasks/{task.task_id}/teachers").text
    assert "No model API is registered" in page
    assert "Let our model vote" not in page


def test_errors_stand_in_the_text_and_two_models_are_compared_document_by_document(receipts):
    ws = receipts.ws
    first = ws.store.models.version("receipt")
    lines = json.dumps({"text": f"No 999\n{HOSTILE}\non 1/02/2026, 9.50 EUR in all, with thanks", "answer": {
        "who": HOSTILE, "day": "03/02/2026", "total": "1.00 EUR", "kind": "bill"}})  # fmt: skip
    path = ws.store.layout.folder("tmp") / "more.jsonl"
    path.write_text(lines, encoding="utf-8")
    ws.ingest(path, text="text")
    task = ws.task("receipt")
    task.import_answers("answer")
    snapshot = task.snapshot(test_source="more.jsonl")
    # one model that knows every field and one that knows few, both measured on the one text that is wrong
    second = ws.train(snapshot, Recipe("fields", {"choices": "lexical"}), "receipt")
    ws.evaluate(second)
    with receipts.client() as client:
        page = client.get(f"/evaluate/{second.version_id}").text
        compared = client.get(f"/evaluate/compare?model={second.version_id}&model={first.version_id}").text
        twin = client.get(f"/evaluate/{second.version_id}?format=json").json()
    assert "Where it is wrong" in page
    assert '<mark class="mark-' in page
    for html in (page, compared):
        assert "<script>alert" not in html
        assert "<img src=x" not in html
    assert "onerror=alert(1)&gt;" in page
    shown = {f["name"]: f for f in twin["documents"][0]["fields"]}
    assert (shown["day"]["truth"], shown["day"]["said"][0]["state"]) == ("2026-02-03", "wrong")
    assert "Field by field" in compared
    assert "cannot be told apart" in compared


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "dark")])
def test_its_pages_fit_and_are_clean_to_axe(chromium, receipts, width, theme):
    ws = receipts.ws
    record_id = ws.sql("select record_id from records limit 1").rows()[0]["record_id"]
    paths = ["/label", f"/label/tasks/{ws.store.tasks.find('receipt').task_id}", f"/query/records/{record_id}", "/train",
             *(f"/evaluate/{v.version_id}" for v in ws.store.models.versions()),
             "/evaluate/compare?" + "&".join(f"model={v.version_id}" for v in ws.store.models.versions()),
             "/serve/playground?text=No+7%0ACleo+Fox%0Aon+12/03/2026,+77.25+EUR"]  # fmt: skip
    with visiting(chromium, receipts, width=width, theme=theme) as visit:
        for path in paths:
            visit.go(path)
            assert visit.page.evaluate("document.documentElement.scrollWidth") <= width, path
            assert not serious(visit.page), path
