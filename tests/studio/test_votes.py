"""A person's vote in the studio: given in the playground or on a record, seen there, taken back by one press."""

import re

import pytest

from homegrown.core.access import SYSTEM, Role
from homegrown.core.models import Recipe
from homegrown.workspace import connect
from homegrown.workspace.labelling import TAUGHT
from tests.conftest import write_messages
from tests.studio.conftest import running, visiting


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    """A studio over a workspace of its own, since votes change it."""
    folder = tmp_path_factory.mktemp("votes")
    file = write_messages(folder / "messages.csv", n_per_class=12)
    with connect(folder / "desk", actor=SYSTEM) as ws:
        ws.ingest(file, text="message", label="topic")
        task = ws.task_from_column("topic", "topic")
        ws.embed()
        ws.train(ws.snapshot(task), Recipe("linear"), "topic")
        with running(ws) as studio:
            yield studio


def test_a_wrong_answer_becomes_a_vote_and_is_undone_in_the_browser(chromium, taught):
    with visiting(chromium, taught) as visit:
        page = visit.page
        visit.go("/serve/playground")
        page.fill("#text", "my plastic is gone <b>")
        page.wait_for_selector(".answer-label")
        assert re.search(r"the rung linear \(topic v1\) in [\d.]+ m?s", page.inner_text(".answer"))
        assert page.locator(".neighbours .tag").count() == 5
        page.select_option("#should", "login")
        visit.click("text=Say so")
        page.wait_for_selector(".notice-good >> text=You said: login.")
        visit.shot("playground-taught", full_page=True)
        assert "A person said: login" in page.inner_text(".answer")
        record_id = taught.ws.record_of("my plastic is gone <b>")
        visit.go(f"/query/records/{record_id}")
        assert "login" in page.inner_text("main table")
        visit.go("/serve/playground?text=my+plastic+is+gone+%3Cb%3E")
        page.select_option("#should", "refund")
        visit.click("text=Say so")
        visit.click("text=Undo")
        page.wait_for_url(f"**/query/records/{record_id}?*")
        standing = taught.ws.store.person_votes.of_records([record_id])
        assert [re.findall(r"c_\w+", v["value"]) for v in standing] == [[_class(taught.ws, "login")]]
        assert page.locator("text=changed since").count() == 2
        visit.shot("record-voted", full_page=True)


def _class(ws, name):
    return next(c.class_id for c in ws.store.tasks.find("topic").classes if c.name == name)


def test_a_vote_on_a_record_is_seen_in_the_list_and_undone(taught):
    record = taught.ws.search_records(limit=5).records[3]
    task = taught.ws.store.tasks.find("topic")
    other = next(name for name in task.class_names if name != record.fields["topic"])
    with taught.client() as client, taught.client(accept="application/json") as program:
        voted = client.post(
            "/label/vote", data={"record_id": record.record_id, "task_id": task.task_id, "class": other}
        ).headers["location"]
        page = program.get(voted).json()
        assert page["done"]["sentence"] == f"You said: {other}."
        assert [(v["says"], v["stands"], v["why_not"]) for v in page["votes"]] == [
            (record.fields["topic"], False, "a person outweighs it"),
            (other, True, ""),
        ]
        shown = {r["record_id"]: r["label"] for r in program.get("/query/records").json()["records"]}
        assert shown[record.record_id] == other
        back = client.post("/label/undo", data=dict(page["done"]["fields"])).headers["location"]
        assert program.get(back).json()["done"]["sentence"] == "Your vote was taken back."
        shown = {r["record_id"]: r["label"] for r in program.get("/query/records").json()["records"]}
        assert shown[record.record_id] == record.fields["topic"]


def test_what_is_not_said_or_not_ones_own_is_refused(taught):
    record = taught.ws.search_records(limit=5).records[4]
    task = taught.ws.store.tasks.find("topic")
    data = {"record_id": record.record_id, "task_id": task.task_id}
    with taught.client() as client, taught.client(Role.REVIEWER) as reviewer, taught.client(Role.CALLER) as caller:
        assert client.post("/label/vote", data=data).status_code == 422
        assert client.post("/label/vote", data=data | {"class": "nothing of ours"}).status_code == 422
        assert caller.post("/label/vote", data=data | {"class": "card"}).status_code == 403
        voted = reviewer.post("/label/vote", data=data | {"class": " "}).headers["location"]
        assert "none of these" in reviewer.get(voted).text
        vote_id = voted.split("voted=")[1]
        assert client.post("/label/undo", data={"vote_id": vote_id}).status_code == 403
        assert "Undo" not in client.get(voted).text
        assert client.post("/label/undo", data={"vote_id": "vote_x"}).status_code == 404


def test_texts_of_the_playground_are_one_source(taught):
    version = taught.ws.store.models.versions()[0]
    with taught.client() as client:
        for text in ("one\r\nmore", "another"):
            said = {"model_id": version.version_id, "text": text, "class": "card"}
            assert client.post("/label/teach", data=said).status_code == 303
    names = [s.name for s in taught.ws.store.sources.list()]
    assert names.count(TAUGHT) == 1
    assert taught.ws.record_of("one\nmore")
