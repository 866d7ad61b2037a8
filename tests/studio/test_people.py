"""Several people in the studio: invited, at work, in conflict, settled; and what an annotator may see."""

import re

import httpx
import pytest

from homegrown.core.access import SYSTEM, Actor, Role
from homegrown.core.assignments import Submission
from homegrown.core.ids import new_id
from homegrown.workspace import connect
from tests.studio.conftest import running, serious, visiting
from tests.studio.test_browser import HOSTILE
from tests.studio.test_station import READY, saved, shown, write_cases


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A studio in which three people answered the same 30 records, and differ on some."""
    folder = tmp_path_factory.mktemp("people")
    with connect(folder / "desk", actor=SYSTEM) as ws:
        ws.ingest(write_cases(folder / "cases.csv", 60), text="text")
        task = ws.task("intent", classes=["card", f"refund {HOSTILE}", "login"]).noun
        record_ids = sorted(ws.store.records.all_ids().to_pylist())[:30]
        for who, name in enumerate(("Anna", "Ben", f"Cleo {HOSTILE}")):
            made = ws.invite("intent", name)
            mine = ws.acting_as(Actor(made.actor_id, "person", name, Role.ANNOTATOR))
            said = [
                Submission(new_id("c"), "vote", r, {"classes": [task.class_ids[(i + (who == 2 and i % 6 == 0)) % 3]]})
                for i, r in enumerate(record_ids)
            ]
            assert {o.outcome for o in mine.submit(task, said)} == {"kept"}
            mine.comment(task, record_ids[who], "question", f"what of this? {HOSTILE}")
        with running(ws) as studio:
            yield studio


def people_of(studio, part="people"):
    return f"/label/tasks/{studio.ws.store.tasks.find('intent').task_id}/{part}"


@pytest.mark.parametrize("width", [1280, 390])
def test_the_people_page_is_clean_and_hostile_names_stay_text(chromium, desk, width):
    with visiting(chromium, desk, width=width) as visit:
        page = visit.page
        page.on("dialog", lambda dialog: (visit.trouble.append("a dialog opened"), dialog.dismiss()))
        visit.go(people_of(desk))
        visit.shot(f"people-{width}", full_page=True)
        assert page.locator("main img, main script, main svg[onload]").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert "Settle" in page.inner_text("section[aria-label='Next step']")
        assert f"Cleo {HOSTILE}" in page.inner_text("main")
        assert re.search(r"0\.\d\d \(0\.\d\d to [01]\.\d\d\)", page.inner_text("main"))
        assert not serious(page)


def test_the_numbers_are_those_of_the_people(desk):
    with desk.client(accept="application/json") as client:
        found = client.get(people_of(desk)).json()
        assert sorted(p["n_votes"] for p in found["people"]) == [30, 30, 30]
        assert found["overall"]["n"] == 30
        assert "estimated" in found["people"][0]["accuracy"]
        task_id = found["task_id"]
        team = client.get(f"/api/v1/tasks/{task_id}/people").json()
        assert team["n_conflicts"] == 5
        assert team["n_questions"] == 3
        question = client.get(f"/api/v1/tasks/{task_id}/comments", params={"kind": "question"}).json()["comments"][0]
        assert (
            client.post(f"/api/v1/comments/{question['comment_id']}/answer", json={"answer": "card"}).status_code == 200
        )
        assert client.post("/api/v1/comments/none/answer", json={}).status_code == 404
        assert client.get(f"/api/v1/tasks/{task_id}/people").json()["n_questions"] == 2
        kept = client.post(people_of(desk, "people/settings"), data={"overlap": "2", "field": "channel", "hides": "on"})
        assert kept.status_code == 303
        now = desk.ws.station_settings("intent")
        assert (now.overlap, now.fields, now.hides_suggestions) == (2, ("channel",), True)
        for bad in ("0", "x", "101", "²"):
            assert client.post(people_of(desk, "people/settings"), data={"overlap": bad}).status_code == 422
    with desk.client(Role.REVIEWER) as reviewer:
        assert "Invite somebody" not in reviewer.get(people_of(desk)).text
        assert reviewer.post(people_of(desk, "invite"), data={"name": "Dan"}).status_code == 403


def test_a_reviewer_settles_conflicts_by_keys(chromium, desk):
    with visiting(chromium, desk) as visit:
        page = visit.page
        visit.go(people_of(desk))
        visit.click("text=Settle them")
        page.wait_for_selector(READY)
        record_id = shown(page)
        assert page.locator(".station-votes li").count() == 3
        visit.shot("review")
        page.keyboard.press("1")
        saved(page)
        assert desk.ws.sql("select class, prob from labels where record_id = ?", [record_id]).rows() == [
            {"class": "card", "prob": 1.0}
        ]
        page.keyboard.press("u")
        saved(page)
        assert len(desk.ws.sql("select * from labels where record_id = ?", [record_id]).rows()) == 1
        assert record_id in [w.record.record_id for w in desk.ws.conflicts("intent").records]


def test_an_annotator_comes_by_a_link_labels_and_sees_nothing_else(chromium, desk):
    with desk.client() as owner:
        page_with_link = owner.post(people_of(desk, "invite"), data={"name": "Dora", "role": "annotator"}).text
    link = re.search(r"http://[^\s<]*/signin\?link=[\w-]+", page_with_link).group()
    context = chromium.new_context()
    page = context.new_page()
    trouble = []
    page.on("console", lambda m: trouble.append(m.text) if m.type in ("error", "warning") else None)
    page.goto(link)
    page.wait_for_url("**/label/mine")
    assert [a.inner_text().strip() for a in page.locator(".menu a").all()] == ["Label"]
    page.click("text=Open the station")
    page.wait_for_selector(READY)
    page.keyboard.press("1")
    saved(page)
    page.click("header a")
    page.wait_for_url("**/label/mine")
    assert "1 record by you" in page.inner_text("main")
    assert not trouble
    cookies = {c["name"]: c["value"] for c in context.cookies()}
    context.close()
    record_id = desk.ws.search_records(limit=1).records[0].record_id
    hidden = ("/query/records", f"/query/records/{record_id}", "/query", "/train", "/evaluate", "/jobs", "/govern",
              people_of(desk), people_of(desk, "review"), "/api/v1/records", "/api/v1/models")  # fmt: skip
    with httpx.Client(base_url=desk.origin, cookies=cookies) as dora:
        for path in hidden:
            assert dora.get(path).status_code == 403, path
        other = desk.ws.task("other", classes=["x", "y"]).noun.task_id
        assert dora.get(f"/api/v1/tasks/{other}/queue").status_code == 403
        assert dora.get(f"/label/tasks/{other}/station").status_code == 403
        actor_id = next(
            a["actor_id"] for a in desk.ws.sql("select actor_id, name from actors").rows() if a["name"] == "Dora"
        )
        with desk.client() as owner:
            assert "http" in owner.post(people_of(desk, "people/link"), data={"actor_id": actor_id}).text
            assert owner.post(people_of(desk, "people/remove"), data={"actor_id": actor_id}).status_code == 303
        assert dora.get("/label/mine").status_code == 303, "signed out at once"
