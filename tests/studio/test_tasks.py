"""Tasks in the studio: classes and guidelines changed in place, everything undone by one press, nothing ever a script."""

import re

import pytest

from homegrown.core.access import Role
from homegrown.studio.markdown import markdown
from homegrown.workspace import connect
from tests.studio.conftest import running, serious, visiting

HOSTILE = (
    '<script>window.hacked=1</script> <img src=x onerror="window.hacked=1"> [x](javascript:window.hacked=1) '
    '![pic](http://canary.invalid/?q=1) [ref][1]\n\n[1]: javascript:alert(1)\n\n" onerror=" <svg/onload=window.hacked=1>'
)


@pytest.fixture
def studio(tmp_path, messages):
    with connect(tmp_path / "desk") as ws, running(ws) as studio:
        ws.ingest(messages, text="message", label="topic")
        ws.import_labels("topic", "topic")
        yield studio


def task(studio):
    return studio.ws.store.tasks.find("topic")


def class_id(studio, name):
    return task(studio).named(name)[0]


def post(studio, path, **data):
    with studio.client() as client:
        answer = client.post(f"/label/tasks/{task(studio).task_id}/{path}", data=data)
        assert answer.status_code == 303, answer.text[:3000]
        return client.get(answer.headers["location"]).text


def test_the_menu_leads_to_every_task_with_what_waits(studio):
    with studio.client() as client:
        page = client.get("/label").text
        assert re.search(r'href="/label"[^>]*aria-current="page"', page)
        assert f"/label/tasks/{task(studio).task_id}" in page
        tabs = page.split('class="tabbar"')[1].split("</nav>")[0]
        assert re.findall(r'<a href="(/[^"]*)"', tabs) == ["/", "/ingest", "/query/records", "/label"]
        twin = client.get("/label", params={"format": "json"}).json()
        assert twin["tasks"][0] | {"href": ""} == {
            "name": "topic", "href": "", "kind": "one class per record", "n_classes": 3, "n_voted": 36,
            "n_records": 36, "share": 1.0, "waits": "nothing",
        }  # fmt: skip


def test_a_task_with_silent_records_ends_in_its_station(studio):
    page, station = f"/label/tasks/{task(studio).task_id}", f"/label/tasks/{task(studio).task_id}/station"
    with studio.client() as client:
        assert client.get(page).text.count(f'href="{station}"') == 1, "all are labelled: the link above alone"
        studio.ws.remove_class("topic", "card")
        silent = studio.ws.store.records.count() - studio.ws.task_counts("topic").n_voted
        assert silent == 0, "votes for what is gone are kept"
        new = client.post("/label/tasks", data={"name": "mood", "classes": "glad\ncross"}).headers["location"]
        text = client.get(new).text
        assert "Of 36 records nobody has said anything yet" in text
        assert text.count(f'href="{new}/station"') == 2


def test_classes_are_changed_in_place_and_each_change_is_undone_by_one_press(studio):
    first = task(studio)
    page = post(studio, "split", class_id=class_id(studio, "card"), parts="card lost\r\ncard late\r\n")
    assert "12 records wait for somebody to say which part" in page
    undo = dict(re.findall(r'type="hidden" name="(version|if_version)" value="(\d+)"', page.split("notice-good")[1]))
    assert undo == {"version": "1", "if_version": "2"}
    assert "records wait" not in post(studio, "restore", **undo)
    assert task(studio).classes == first.classes

    merged = post(studio, "merge", class_id=[class_id(studio, "card"), class_id(studio, "refund")], into="money")
    assert "formerly card, refund" in merged
    described = post(
        studio, "describe", class_id=class_id(studio, "money"), name="money & cards", description="d", examples="a\nb"
    )
    assert "money &amp; cards" in described
    assert task(studio).classes[0].examples == ("a", "b")
    post(studio, "classes", name="new one", description="")
    post(studio, "remove", class_id=class_id(studio, "login"))
    assert task(studio).class_names == ("money & cards", "new one")
    assert len(studio.ws.task_history("topic")) == 8


def test_guidelines_have_versions_a_diff_and_no_lost_words(studio):
    post(studio, "guidelines", guidelines="# How\n\nRead **all** of it.", if_version="1")
    page = post(studio, "guidelines", guidelines="# How\n\nRead *half* of it.", if_version="2")
    assert "<h3>How</h3>" in page
    assert "<em>half</em>" in page
    assert "<del>Read **all** of it.</del>" in page
    assert "<ins>Read *half* of it.</ins>" in page
    with studio.client() as client:
        late = client.post(
            f"/label/tasks/{task(studio).task_id}/guidelines", data={"guidelines": "mine", "if_version": "2"}
        )
        assert late.status_code == 409
        assert "changed meanwhile" in late.text


@pytest.mark.parametrize(
    ("path", "data", "status"),
    [
        ("classes", {"name": " "}, 422),
        ("classes", {"name": "card"}, 409),
        ("merge", {"class_id": "c_nope", "into": "x"}, 422),
        ("split", {"class_id": "c_nope", "parts": "a\nb"}, 404),
        ("split", {"class_id": "card", "parts": "one"}, 422),
        ("restore", {"version": "99", "if_version": "1"}, 404),
        ("restore", {"version": "-1", "if_version": "x"}, 422),
        ("guidelines", {"guidelines": "x" * 50_001, "if_version": "1"}, 422),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(studio, path, data, status):
    before = task(studio)
    with studio.client() as client:
        assert client.post(f"/label/tasks/{before.task_id}/{path}", data=data).status_code == status
        assert client.get("/label/tasks/task_nope").status_code == 404
    assert task(studio) == before


def test_only_builders_change_tasks(studio):
    with studio.client(Role.ANNOTATOR) as client:
        path = f"/label/tasks/{task(studio).task_id}"
        assert "Change them" not in client.get(path).text
        assert client.post(f"{path}/classes", data={"name": "x"}).status_code == 403


def test_a_task_may_begin_without_classes(studio):
    with studio.client() as client:
        made = client.post("/label/tasks", data={"name": "mood", "classes": ""})
        assert made.status_code == 303
        assert "No classes yet" in client.get(made.headers["location"]).text
        assert client.post("/label/tasks", data={"name": "mood", "classes": "a\nb"}).status_code == 422


def test_markdown_is_text_whatever_it_says():
    found = str(markdown(HOSTILE))
    assert not re.search(r"<(script|img|svg|iframe)", found)
    assert "javascript:" not in "".join(re.findall(r'href="([^"]*)"', found))
    assert not re.search(r"<[^>]*\son\w+=", found)
    assert 'rel="noopener noreferrer nofollow"' in str(markdown("[a](https://example.org)"))
    assert "href" not in str(markdown("[a](/label/undo) [b](//evil.example) [c](data:text/html,x) <file:///etc>"))


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "dark")])
def test_hostile_text_in_every_field_runs_nowhere(studio, chromium, width, theme):
    made = post(studio, "classes", name=HOSTILE.split("[")[0][:190], description=HOSTILE.replace("\n", " "))
    assert "<script>window" not in made
    hostile = task(studio).classes[-1]
    post(studio, "describe", class_id=hostile.class_id, name=hostile.name, description="", examples=HOSTILE)
    table = "\n\n| a | b |\n|---|---|\n| c | d |"
    post(studio, "guidelines", guidelines=HOSTILE + table, if_version=str(task(studio).version))
    with visiting(chromium, studio, width=width, theme=theme) as v:
        v.go("/label")
        findings = [serious(v.page)]
        v.go(f"/label/tasks/{task(studio).task_id}?did={task(studio).version}")
        v.shot(f"label-task-{width}-{theme}", full_page=True)
        for summary in v.page.locator("main summary").all():
            summary.click()
        assert v.page.evaluate("window.hacked") is None
        wide = v.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, "nothing sticks out"
        findings.append(serious(v.page))
        assert findings == [[], []]
