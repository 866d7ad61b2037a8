"""Tasks of fields made in the studio: named one by one or by a schema, changed in place, each error in plain words."""

import json

import pytest

from homegrown.core.access import SYSTEM, Role
from homegrown.core.schema import FieldType
from homegrown.workspace import connect
from tests.studio.conftest import running, serious, visiting
from tests.studio.test_browser import HOSTILE

LINES = ("field", "type", "presence", "about", "choices")
SCHEMA = {"type": "object", "properties": {"day": {"type": "string", "format": "date"}, "lines": {"type": "array", "items": {
    "type": "object", "properties": {"what": {"type": "string"}}}}}}  # fmt: skip


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    (folder / "in.jsonl").write_text(
        '{"text": "Bob Ray, 13.50 EUR"}\n{"text": "Ann Lee, 1.00 EUR"}\n', encoding="utf-8"
    )
    with connect(folder / "desk", actor=SYSTEM) as ws, running(ws) as studio:
        ws.ingest(folder / "in.jsonl", text="text")
        yield studio


def form(*lines, **more):
    """What a browser sends: the same columns for every line."""
    rows = [dict(zip(LINES, (*line, *[""] * (len(LINES) - len(line))), strict=True)) for line in lines]
    return {name: [row[name] for row in rows] for name in LINES} | {"name": "", "guidelines": "", "schema": ""} | more


def test_fields_are_named_one_by_one_and_changed_in_place(desk):
    made = form(("who", "span", "always", f"who is paid {HOSTILE}"), ("due date", "date"), ("", "span"),
                ("kind", "choice*", "", "", "bill\n offer \n\nbill"), name="invoice", guidelines="Look **twice**.")  # fmt: skip
    with desk.client() as client:
        assert "Ask for an answer with fields" in client.get("/label").text
        answer = client.post("/label/fields", data=made, follow_redirects=False)
        assert answer.status_code == 303, answer.text
        page = client.get(answer.headers["location"]).text
        assert f"{answer.headers['location']}/station" in page
        assert "Change the fields" in page
        assert HOSTILE not in page
        task = desk.ws.store.tasks.find("invoice")
        who, due, kind = task.fields
        assert (who.type, who.is_required, due.name, due.type) == (FieldType.SPAN, True, "due_date", FieldType.DATE)
        assert (kind.takes_many, [c.name for c in kind.choices]) == (True, ["bill", "offer"])
        assert task.guidelines == "Look **twice**."
        changed = form(("who", "span*"), ("kind", "choice", "", "", "offer\nother"), if_version="1")
        done = client.post(f"/label/tasks/{task.task_id}/fields", data=changed, follow_redirects=True)
        assert "The task invoice now has 2 fields" in done.text
        now = desk.ws.store.tasks.find("invoice").fields
        assert (now[0].field_id, now[0].takes_many) == (who.field_id, True)
        assert now[1].choices[0].class_id == kind.choices[1].class_id
        listed = client.post("/label/fields", data=form(("paid", "choice", "", "", "card, cash"), name="how"))
        assert listed.status_code == 303
        assert [c.name for c in desk.ws.store.tasks.find("how").fields[0].choices] == ["card", "cash"]
        late = client.post(f"/label/tasks/{task.task_id}/fields", data=changed)
        assert (late.status_code, "Somebody has changed the task meanwhile" in late.text) == (422, True)
        client.post(f"/label/tasks/{task.task_id}/restore", data={"version": "1", "if_version": "2"})
        assert len(desk.ws.store.tasks.find("invoice").fields) == 3
        assert "3 fields, 0 records by you so far" in client.get("/label/mine").text
    with desk.client(Role.ANNOTATOR) as client:
        assert client.post("/label/fields", data=made).status_code == 403


def test_a_schema_does_as_well_and_its_lists_outlive_a_change(desk):
    with desk.client() as client:
        answer = client.post(
            "/label/fields", data=form(name="from a schema", schema=json.dumps(SCHEMA)), follow_redirects=True
        )
        assert answer.status_code == 200
        task = desk.ws.store.tasks.find("from a schema")
        assert [f.type.value for f in task.fields] == ["date", "list"]
        assert "Lists of objects stay as they are: lines." in answer.text
        changed = form(("day", "date"), ("sum", "money"), if_version="1")
        client.post(f"/label/tasks/{task.task_id}/fields", data=changed)
        assert [f.name for f in desk.ws.store.tasks.find("from a schema").fields] == ["day", "sum", "lines"]
        assert '<li class="field-line">' in client.get("/label/fields/line").text


def test_a_field_is_renamed_in_its_own_small_form_and_taken_back(desk):
    with desk.client() as client:
        client.post("/label/fields", data=form(("sum", "money"), ("day", "date"), name="renamed"))
        task = desk.ws.store.tasks.find("renamed")
        at, total = f"/label/tasks/{task.task_id}", task.fields[0].field_id
        sent = {"field_id": total, "name": "total due", "if_version": "1"}
        done = client.post(f"{at}/fields/rename", data=sent, follow_redirects=True)
        assert "A field was renamed in renamed, which has 2 fields" in done.text
        assert "formerly sum</span>" in done.text
        now = desk.ws.store.tasks.find("renamed").fields[0]
        assert (now.field_id, now.name, now.former) == (total, "total_due", ("sum",))
        for change, status, sentence in (
            ({"if_version": "1"}, 409, "Somebody has changed the task meanwhile"),
            ({"if_version": "2", "name": "day"}, 409, "has a field &#39;day&#39; already"),
            ({"if_version": "2", "name": HOSTILE}, 422, "The name of a field is a letter"),
            ({"if_version": "2", "field_id": "f_gone"}, 404, "has no field &#39;f_gone&#39;"),
        ):
            answer = client.post(f"{at}/fields/rename", data={**sent, **change})
            assert (answer.status_code, sentence in answer.text) == (status, True), answer.text
            assert HOSTILE not in answer.text
        # Whoever writes the old name into the form of all fields wants it back, and no new field.
        back = form(("sum", "money"), ("day", "date"), if_version="2")
        answer = client.post(f"{at}/fields", data=back)
        assert (answer.status_code, "“sum” is a name that “total_due” had" in answer.text) == (422, True)
        client.post(f"{at}/restore", data={"version": "1", "if_version": "2"})
        assert desk.ws.store.tasks.find("renamed").fields == task.fields
    with desk.client(Role.ANNOTATOR) as client:
        assert client.post(f"{at}/fields/rename", data=sent).status_code == 403


WRONG = (
    (form(name="x"), "Name at least one field"),
    (form(("a", "span")), "A task needs a name"),
    (form(("a", "span"), name="taken"), "There is a task &#39;taken&#39; already"),
    (form(("a", "span"), ("a", "date"), name="x"), "Two fields are called “a”"),
    (form(("", "date", "", "when"), name="x"), "The first field has no name"),
    (form(("2nd", "date"), name="x"), "The name of a field is a letter and then letters, digits or _"),
    (form(("a", "spam"), name="x"), "“a” is of no type that there is"),
    (form(("a", "choice"), name="x"), "“a” is one of a list: write what may be chosen"),
    (form(name="x", schema="{"), "The schema is no JSON: line 1, column 2"),
    (form(name="x", schema="[1]"), "That is JSON, but no JSON Schema of an object"),
    (form(name="x", schema="[" * 100_000), "nested too deeply"),
    (form(name="x", schema='{"properties": {"a": {"type": "array", "items": {"type": "number"}}}}'), "“a” is an array of numbers"),
    (form(("a", "span"), name="x", schema="{}"), "one of them stays empty"),
)  # fmt: skip


def test_what_is_wrong_is_said_above_what_was_written(desk):
    desk.ws.task("taken", fields={"a": "span"})
    with desk.client() as client:
        for sent, sentence in WRONG:
            answer = client.post("/label/fields", data=sent)
            assert (answer.status_code, sentence in answer.text) == (422, True), (sentence, answer.text)
            assert "Nothing was lost" in answer.text
            assert f'name="name" value="{sent["name"]}"' in answer.text
    assert desk.ws.store.tasks.find("x") is None


@pytest.mark.slow
@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "dark"), (1280, "dark"), (390, "light")])
def test_the_form_grows_fits_and_is_clean_to_axe(chromium, desk, width, theme):
    with visiting(chromium, desk, width=width, theme=theme) as visit:
        page = visit.page
        visit.go("/label?ask=fields")
        page.click("text=Another field")
        page.wait_for_selector(".field-line:nth-child(5)")
        page.locator("[name=field]").nth(4).fill("kind")
        assert not page.locator("[name=choices]").nth(4).is_visible()
        page.locator("[name=type]").nth(4).select_option("choice")
        assert page.locator("[name=choices]").nth(4).is_visible()
        page.evaluate("window.scrollTo(0, 0)")
        visit.shot(f"task-fields-{width}-{theme}", full_page=True)
        task = desk.ws.store.tasks.find("invoice") or desk.ws.task("invoice", fields={"a": "span"}).noun
        for path in ("", f"/label/tasks/{task.task_id}"):
            if path:
                visit.go(path)
                page.click("text=Change the fields")
                page.locator("summary >> text=Rename").first.click()
                visit.shot(f"task-of-fields-{width}-{theme}", full_page=True)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert not serious(page)
