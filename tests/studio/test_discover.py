"""Groups of like records in the studio: over HTTP, and pressed through in a real browser."""

import re

import pytest
from playwright.sync_api import expect

from homegrown.core.access import SYSTEM, Role
from homegrown.workspace import connect
from tests.conftest import write_messages
from tests.studio.conftest import running, visiting

HOSTILE = '<img src=x onerror="alert(1)"><script>alert(2)</script> {{7*7}} my card never came'


@pytest.fixture(scope="module")
def grouped(tmp_path_factory):
    """A studio over unlabelled records whose groups are found."""
    folder = tmp_path_factory.mktemp("grouped")
    with connect(folder / "desk", actor=SYSTEM) as ws:
        ws.ingest(write_messages(folder / "messages.csv", n_per_class=20), text="message")
        hostile = folder / "hostile.csv"
        hostile.write_text("message\n" + "\n".join(f'"{HOSTILE.replace(chr(34), chr(34) * 2)} {i}"' for i in range(12)))
        ws.ingest(hostile, text="message")
        ws.discover()
        with running(ws) as studio:
            yield studio


def _newest(studio):
    return studio.ws.store.discoveries.list()[0]


def test_every_page_is_html_for_people_and_json_for_programs(grouped):
    found = _newest(grouped)
    paths = ("/label/discover", f"/label/discover/{found.discovery_id}",
             f"/label/discover/{found.discovery_id}/{found.clusters[0].cluster_id}")  # fmt: skip
    with grouped.client() as people, grouped.client(accept="application/json") as programs:
        for path in paths:
            html = people.get(path)
            assert html.status_code == 200, html.text[:500]
            assert "As code" in html.text
            assert "<img src=x" not in html.text
            assert "as_code" in programs.get(path).json()
    listed = {c["name"] for c in programs_of(grouped, paths[1])["clusters"]}
    assert listed == {c.name for c in found.clusters}


def programs_of(studio, path):
    with studio.client(accept="application/json") as client:
        return client.get(path).json()


def test_what_is_not_there_or_not_allowed_is_said(grouped):
    found = _newest(grouped)
    one = found.clusters[0]
    with grouped.client() as owner, grouped.client(Role.ANNOTATOR) as annotator:
        assert owner.get("/label/discover/disc_none").status_code == 404
        assert owner.get(f"/label/discover/{found.discovery_id}/clu_none").status_code == 404
        assert owner.get("/label/tasks/task_none/discover").status_code == 404
        assert owner.get("/label/tasks/task_none/next").status_code == 404
        form = {"discovery_id": found.discovery_id, "cluster_id": one.cluster_id}
        assert owner.post("/label/discover/class", data=form).status_code == 422
        assert owner.post("/label/discover/class", data=form | {"task": "t", "name": " "}).status_code == 422
        assert owner.post("/label/discover/merge", data=form).status_code == 422
        for path in ("", "/merge", "/split", "/rename", "/undo", "/class", "/back"):
            assert annotator.post(f"/label/discover{path}", data=form).status_code == 403
    assert grouped.ws.store.tasks.names() == []


@pytest.mark.parametrize(("width", "theme"), [(390, "dark"), pytest.param(1280, "light", marks=pytest.mark.slow)])
def test_from_groups_to_the_next_records_in_a_browser(chromium, tmp_path, width, theme):
    with connect(tmp_path / "desk", actor=SYSTEM) as ws:
        ws.ingest(write_messages(tmp_path / "messages.csv", n_per_class=20), text="message")
        with running(ws, with_worker=True) as studio, visiting(chromium, studio, width=width, theme=theme) as visit:
            page = visit.page
            visit.go("/label/discover")
            visit.click("text=Find groups")
            page.locator("a:has-text('See them')").or_(page.locator("h1:has-text('Groups of like')")).first.wait_for(
                timeout=90_000
            )
            if page.locator("a:has-text('See them')").count():
                visit.click("text=See them")
            look = page.locator("a:has-text('Look')")
            look.first.wait_for()
            before = look.count()
            assert before >= 2
            for box in page.locator("input[name=cluster]").all()[:2]:
                box.check()
            visit.click("text=Merge the ticked")
            expect(look).to_have_count(before - 1)
            visit.click("button:has-text('Undo')")
            expect(look).to_have_count(before)
            for number in range(before):
                look.nth(number).click()
                if number == 0:
                    visit.shot(f"cluster-{width}-{theme}")
                    page.fill("input[name=task]", "topic")
                visit.click("text=I read them")
                expect(page.locator("text=is a class now")).to_have_count(1)
            visit.shot(f"clusters-{width}-{theme}", full_page=True)
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0
            task = ws.store.tasks.find("topic")
            visit.go(f"/label/tasks/{task.task_id}/discover")
            assert re.search(r"\d+ of 60 records have no class", page.inner_text("main"))
            visit.go(f"/label/tasks/{task.task_id}/next")
            page.locator("h2:has-text('The next records')").wait_for(timeout=90_000)
            assert page.locator("#next tbody tr").count() > 5
            visit.shot(f"next-{width}-{theme}", full_page=True)
