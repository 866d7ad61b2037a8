"""Fields on which people disagree, settled in a real browser: by keys, by words, taken back, on a phone, and by whom."""

import json
import shutil

import pyarrow as pa
import pytest

from homegrown.core.access import SYSTEM, Actor, Role
from homegrown.core.assignments import Submission
from homegrown.core.ids import new_id
from homegrown.curate.object_labels import read_object_labels
from homegrown.workspace import connect
from tests.studio.conftest import running, serious, visiting
from tests.studio.test_browser import HOSTILE

TEXTS = [f"No {i} {HOSTILE}\nto Ann Lee, 12.50 EUR by 25 Nov 2026 and 7.00 EUR in tax" for i in range(4)]
FIELDS = {"who": "span", "total": "money", "kind": ["bill", "offer"], "paid": "boolean", "notes": "span*"}
FIELDS["sums"] = {"name": "span", "sum": "money"}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Four texts on which two people and an import differ."""
    tmp_path = tmp_path_factory.mktemp("review")
    rows = [{"text": t, "guess": {"total": "7.00 EUR"}} for t in TEXTS]
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    with connect(tmp_path / "desk", actor=SYSTEM) as ws:
        ws.ingest(tmp_path / "in.jsonl", text="text")
        task = ws.task("note", fields=FIELDS)
        task.import_answers("guess")
        for name, said in (
            (f"Anna {HOSTILE}", answers(task.noun, "Ann Lee", 0)),
            ("Ben", answers(task.noun, "Ann", 1)),
        ):
            made = ws.invite("note", name)
            mine = ws.acting_as(Actor(made.actor_id, "person", name, Role.ANNOTATOR))
            votes = [Submission(new_id("c"), "vote", record(ws, i), {"fields": f}) for i, f in enumerate(said)]
            assert {o.outcome for o in mine.submit("note", votes)} == {"kept"}
    return tmp_path / "desk"


@pytest.fixture
def desk(prepared, tmp_path):
    """A studio over a copy of them."""
    with connect(shutil.copytree(prepared, tmp_path / "desk"), actor=SYSTEM) as ws, running(ws) as studio:
        yield studio


def answers(task, words, choice):
    """What a person says of each text: two fields in dispute on the first, one on the second, none on the third."""
    who, total, kind, paid, *_ = (f.field_id for f in task.fields)
    place = [TEXTS[0].index(words), TEXTS[0].index(words) + len(words)]
    choices = [c.class_id for c in task.fields[2].choices]
    return [
        {who: {"spans": [place]}, kind: {"choices": [choices[choice]]}},
        {paid: {"value": choice == 0}, who: None},
        {total: {"value": "12.50", "currency": "EUR"}},
    ]


def record(ws, i):
    rows = ws.store.records.scan(["record_id", "text"]).to_pylist()
    return next(r["record_id"] for r in rows if r["text"] == TEXTS[i])


def here(studio, query=""):
    return f"/label/tasks/{studio.ws.store.tasks.find('note').task_id}/review{query}"


def waiting(ws, **how):
    names = {f.field_id: f.name for f in ws.task("note").noun.fields}
    ids = [record(ws, i) for i in range(3)]
    return [(ids.index(d.record_id), names[d.field_id]) for d in ws.disputed_fields("note", **how)]


def label(ws, i):
    task = ws.task("note").noun
    (value,) = read_object_labels(ws.store, task, pa.array([record(ws, i)])).values
    said = json.loads(value)["fields"]
    return {f.name: said[f.field_id] for f in task.fields if f.field_id in said}


def test_a_reviewer_settles_field_by_field_by_keys(chromium, desk):
    with visiting(chromium, desk, allow=("422",)) as visit:  # what does not stand in the text
        page, ws = visit.page, desk.ws
        page.on("dialog", lambda dialog: (visit.trouble.append("a dialog opened"), dialog.dismiss()))
        assert waiting(ws) == [(0, "who"), (0, "kind"), (1, "paid")]
        visit.go(f"/label/tasks/{ws.store.tasks.find('note').task_id}/people")
        visit.click("text=Settle them")
        page.wait_for_selector(".side")
        assert [m.get_attribute("data-name") for m in page.locator(".review mark[data-name]").all()] == ["1", "2"]
        assert page.locator(".side").count() == 3
        assert f"Anna {HOSTILE}" in page.inner_text(".review")
        assert page.locator("main img, main script").count() == 0
        visit.shot("object-review", full_page=True)
        assert not serious(page)
        page.keyboard.press("1")
        page.wait_for_selector(".notice-good >> text=“who” is settled: Ann")
        assert waiting(ws) == [(0, "kind"), (1, "paid")]
        assert "kind" in page.inner_text(".review h2")
        page.keyboard.press("u")
        page.wait_for_selector(".notice-good >> text=Taken back")
        assert "who" in page.inner_text(".review h2")
        page.keyboard.press("x")
        page.wait_for_selector(".notice-good >> text=not in this text")
        assert label(ws, 0)["who"] is None
        page.keyboard.press("s")
        page.wait_for_selector(".review h2:has-text('paid')")
        page.keyboard.press("2")
        page.wait_for_selector(".notice-good >> text=“paid” is settled: no")
        assert label(ws, 1) == {"who": None, "paid": {"value": False}} | {"total": label(ws, 1)["total"]}
        page.select_option("#words", "offer")
        page.click("text=Settle so")
        page.wait_for_selector("text=People agree")
        assert waiting(ws) == []
        page.click("text=See where other sources contradict them")
        page.wait_for_selector(".review h2:has-text('total')")
        assert "the column “guess”" in page.inner_text(".side >> nth=1")
        page.keyboard.press("o")
        page.keyboard.type("99.00 EUR")
        page.keyboard.press("Enter")
        page.wait_for_selector(".notice-wrong >> text=does not stand in the text")
        assert page.input_value("#words") == "99.00 EUR"
        page.fill("#words", "7 EUR")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=Nothing is disputed")
        assert label(ws, 2)["total"]["value"] in ("7", "7.00")


def test_it_fits_a_phone_and_is_clean_to_axe(chromium, desk):
    with visiting(chromium, desk, width=390, theme="dark") as visit:
        visit.go(here(desk, "?sources=1"))
        visit.page.wait_for_selector(".side")
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= 390
        assert not serious(visit.page)
        visit.shot("object-review-390", full_page=True)


def test_two_reviewers_and_programs_are_told_the_same(desk):
    task = desk.ws.store.tasks.find("note")
    kind = next(f for f in task.fields if f.name == "kind")
    api = f"/api/v1/tasks/{task.task_id}"
    where = {"record": record(desk.ws, 0), "field": kind.field_id}
    with desk.client(Role.REVIEWER) as reviewer, desk.client(accept="application/json") as owner:
        found = owner.get(f"{api}/conflicts").json()
        assert found["n_waiting"] == 2
        assert [len(r["disputes"]) for r in found["records"]] == [2, 1]
        assert len(owner.get(f"{api}/conflicts", params={"sources": True}).json()["records"]) == 3
        said = {"client_id": "client-0001", "record_id": where["record"], "answer": {kind.field_id: None}}
        assert owner.post(f"{api}/settle", json={"votes": [said]}).status_code == 200
        late = reviewer.post(here(desk), data={**where, "words": "bill"})
        assert late.headers["location"].endswith("clash=1")
        shown = reviewer.get(late.headers["location"]).text
        assert "settled it: not in this text" in shown
        base = shown.partition('name="base" value="')[2].partition('"')[0]
        assert reviewer.post(here(desk), data={**where, "words": "bill", "base": base}).status_code == 303
        assert label(desk.ws, 0)["kind"] == {"choices": [kind.choices[0].class_id]}
        for bad in ({"answer": "{"}, {"words": ""}, {"answer": '{"choices": ["no"]}'}, {"words": "neither"}):
            answer = reviewer.post(here(desk), data={**where, **bad, "base": base})
            assert answer.status_code == 422, bad
            assert "Nothing was settled" in answer.text
        assert reviewer.get(here(desk), params={**where, "field": "f_gone"}).status_code == 404
        assert reviewer.post(here(desk), data={**where, "field": "f_gone", "words": "x"}).status_code == 404
        assert owner.get(here(desk)).json()["case"]["field"] == "who"
    with desk.client(Role.ANNOTATOR) as annotator:
        assert annotator.get(here(desk)).status_code == 403
        assert annotator.post(here(desk), data={**where, "words": "bill"}).status_code == 403


def test_several_pieces_and_rows_of_a_list_are_written(desk):
    ws, task = desk.ws, desk.ws.store.tasks.find("note")
    notes, sums = task.fields[4], task.fields[5]
    item = [{sums.fields[0].field_id: {"spans": [[TEXTS[3].index("tax"), TEXTS[3].index("tax") + 3]]}}]
    for said in ({sums.field_id: {"items": item}, notes.field_id: None}, {sums.field_id: {"items": []}}):
        made = ws.invite("note", f"Person {len(said)}")
        mine = ws.acting_as(Actor(made.actor_id, "person", made.name, Role.ANNOTATOR))
        (done,) = mine.submit("note", [Submission(new_id("c"), "vote", record(ws, 3), {"fields": said})])
        assert done.outcome == "kept", done
    where = {"record": record(ws, 3), "field": sums.field_id}
    with desk.client() as client:
        shown = client.get(here(desk), params=where).text
        assert ">name: tax</textarea>" in shown
        assert 'data-name="1"' in shown, "the parts of a list are marked"
        wrong = client.post(here(desk), data={**where, "words": "tax 7.00"})
        assert "says no field of a row" in wrong.text
        assert (
            client.post(
                here(desk), data={**where, "words": "name: tax | sum: 7.00 EUR\r\n\r\nname: Ann Lee"}
            ).status_code
            == 303
        )
        pieces = {"record": record(ws, 3), "field": notes.field_id, "words": "Ann Lee\r\nin tax"}
        assert client.post(here(desk), data=pieces).status_code == 303
    found = label(ws, 3)
    assert [sorted(row) for row in found["sums"]["items"]] == [
        sorted(f.field_id for f in sums.fields),
        [sums.fields[0].field_id],
    ]
    assert [TEXTS[3][a:b] for a, b in found["notes"]["spans"]] == ["Ann Lee", "in tax"]
