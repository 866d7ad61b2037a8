"""The label station in a real browser: keys, undo, hostile text, a phone, and no vote lost when everything fails (F2, F17)."""

import contextlib
import csv
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pytest

from homegrown.core.access import SYSTEM, Role
from homegrown.core.assignments import StationSettings
from homegrown.core.tasks import TaskKind
from homegrown.govern.access import Access
from homegrown.store.tables import ALL
from homegrown.workspace import connect
from tests.studio.conftest import running, serious, visiting
from tests.studio.test_browser import HOSTILE

OFFLINE = ("ERR_", "Failed to load", "Failed to fetch")
READY = ".station-text[data-record]:not([data-record=''])"


def write_cases(path, n):
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["text", "channel"])
        rows.writerows([f"case {i} of its own {HOSTILE if i % 3 == 0 else ''}", HOSTILE] for i in range(n))
    return path


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A studio over unlabelled records, with tasks of one and of many classes."""
    folder = tmp_path_factory.mktemp("station")
    with connect(folder / "desk", actor=SYSTEM) as ws:
        ws.ingest(write_cases(folder / "cases.csv", 120), text="text")
        ws.task(
            "intent",
            classes=["card", f"refund {HOSTILE}", "login"],
            guidelines=f"Say what they **want**.\n\n- not more\n\n{HOSTILE}",
        )
        ws.set_station("intent", StationSettings(fields=("channel",)))
        ws.store.tasks.define(SYSTEM, "topics", ["x", "y", "z"], kind=TaskKind.CLASSES)
        ws.task("wide", classes=[f"kind number {i}" for i in range(77)])
        with running(ws) as studio:
            yield studio


def station(visit, task, part="station"):
    visit.go(f"/label/tasks/{visit.studio.ws.store.tasks.find(task).task_id}/{part}")
    visit.page.wait_for_selector(READY)


def until(holds, seconds=20):
    """A string that the page itself would evaluate again and again is against its policy."""
    started = time.monotonic()
    while not holds():
        assert time.monotonic() - started < seconds, "it did not happen in time"
        time.sleep(0.05)


def saved(page):
    page.wait_for_selector(".station-saved[data-count='0']", timeout=20_000)


def said(ws, task):
    """What stands, by record: the names of classes."""
    noun = ws.store.tasks.find(task)
    names = {c.class_id: c.name for c in noun.classes}
    return {
        record_id: [names.get(c, "none") for c in re.findall(r"c_\w+", value)]
        for record_id, value in ws.store.person_votes.standing(noun.task_id)
    }


def shown(page):
    return page.get_attribute(".station-text", "data-record")


def test_a_person_labels_by_keys_and_goes_back(chromium, desk):
    with visiting(chromium, desk) as visit:
        page = visit.page
        page.on("dialog", lambda dialog: (visit.trouble.append("a dialog opened"), dialog.dismiss()))
        station(visit, "intent")
        assert page.locator("label-station img, label-station script, label-station svg").count() == 0
        visit.shot("station")
        seen = []
        for key in "1230":
            seen.append(shown(page))
            page.keyboard.press(key)
        page.keyboard.press("s")
        page.keyboard.press("c")
        page.keyboard.type(f"odd one 123 {HOSTILE}")
        page.click("button:has-text('Ask about the guidelines')")
        page.wait_for_selector("dialog[open]", state="detached")
        page.keyboard.press("u")
        page.keyboard.press("u")
        assert len(set(seen)) == 4, seen
        until(lambda: shown(page) == seen[3])  # the record comes back with its answer taken back
        page.keyboard.press("1")
        saved(page)
        assert [len(said(desk.ws, "intent").get(i, [])) for i in seen] == [1, 1, 1, 1]
        assert said(desk.ws, "intent")[seen[3]] == ["card"]
        assert desk.ws.sql("select kind, text from comments").rows() == [
            {"kind": "question", "text": f"odd one 123 {HOSTILE}"}
        ]
        page.keyboard.press("g")
        assert HOSTILE in page.inner_text(".station-guide")
        assert page.inner_text(".station-guide strong") == "want"
        assert page.locator(".station-guide li").count() == 1
        assert page.locator("label-station img, label-station script").count() == 0
        page.keyboard.press("?")
        page.wait_for_selector("dialog[open] >> text=skip: let somebody else say")
        page.keyboard.press("Escape")
        page.reload()
        page.wait_for_selector(READY)
        for left in (3, 2, 1, 0):  # further back than this visit
            page.keyboard.press("u")
            until(lambda left=left: len(said(desk.ws, "intent")) == left)
        saved(page)
        assert not said(desk.ws, "intent")


def test_many_classes_are_toggled_and_wide_tasks_are_searched(chromium, desk):
    with visiting(chromium, desk) as visit:
        page = visit.page
        station(visit, "topics")
        record_id = shown(page)
        for key in ("3", "2", "1", "2", "Enter"):
            page.keyboard.press(key)
        saved(page)
        assert said(desk.ws, "topics") == {record_id: ["x", "z"]}
        station(visit, "wide")
        record_id = shown(page)
        page.keyboard.press("/")
        page.keyboard.type("kind 41")
        assert page.locator(".station-class[data-best]").inner_text() == "kind number 41"
        page.keyboard.press("Enter")
        until(lambda: shown(page) != record_id)
        again = shown(page)
        assert page.locator(".station-class").first.inner_text().split() == ["1", "kind", "number", "41"], (
            "the last used comes first"
        )
        page.keyboard.press("1")
        saved(page)
        assert said(desk.ws, "wide") == {record_id: ["kind number 41"], again: ["kind number 41"]}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_phone_is_enough(chromium, desk, theme):
    with visiting(chromium, desk, width=390, theme=theme) as visit:
        page = visit.page
        station(visit, "wide")
        visit.shot(f"station-390-{theme}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        record_id = shown(page)
        page.locator(".station-class").first.click()
        until(lambda: shown(page) != record_id)
        page.click("[data-act=undo]")
        assert shown(page) == record_id
        saved(page)
        assert not serious(page)


def test_two_tabs_that_differ_are_shown_both_answers(chromium, desk):
    with visiting(chromium, desk, allow=("409",)) as visit:
        page = visit.page
        station(visit, "intent")
        other = page.context.new_page()
        other.goto(page.url)
        other.wait_for_selector(READY)
        record_id = shown(page)
        assert shown(other) == record_id
        page.keyboard.press("1")
        saved(page)
        other.keyboard.press("3")
        other.wait_for_selector(".station-stale >> text=Something else was said")
        assert said(desk.ws, "intent")[record_id] == ["card"]
        other.click("text=Say: login")
        saved(other)
        other.wait_for_selector(".station-stale", state="detached")
        assert said(desk.ws, "intent")[record_id] == ["login"]


def test_an_answer_that_can_never_be_kept_is_shown_and_holds_up_nothing(chromium, desk):
    with visiting(chromium, desk, allow=("422",)) as visit:
        page = visit.page
        station(visit, "intent")
        first = shown(page)
        page.evaluate(
            """() => { const one = document.querySelector("[data-class]"); one.dataset.class = "c_gone"; one.click(); }"""
        )
        second = shown(page)
        page.keyboard.press("1")
        page.wait_for_selector(".station-refused >> text=A class that was voted for is not there")
        saved(page)
        assert first not in said(desk.ws, "intent")
        assert said(desk.ws, "intent")[second] == ["card"]
        page.click("text=Seen")
        page.wait_for_selector(".station-refused", state="detached")


@dataclass
class Backend:
    """A server in a process of its own, on one port, that is killed and started at will."""

    root: Path
    port: int
    process: subprocess.Popen | None = None

    @property
    def origin(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        command = [sys.executable, "-m", "homegrown", "serve", "--port", str(self.port), "--workspace", str(self.root)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        while True:
            line = self.process.stdout.readline()
            assert line, "the server did not start"
            if found := re.match(r"Serving on http://127\.0\.0\.1:(\d+)", line):
                self.port = int(found.group(1))
                return self

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()


@contextlib.contextmanager
def backend(tmp_path, n):
    with connect(tmp_path / "desk", actor=SYSTEM) as ws:
        ws.ingest(write_cases(tmp_path / "cases.csv", n + 100), text="text")
        task_id = ws.task("intent", classes=["card", "refund", "login"]).noun.task_id
        link = Access(ws.store.db).add_link(SYSTEM)
    server = Backend(tmp_path / "desk", 0).start()
    try:
        yield server, task_id, link
    finally:
        if server.process.poll() is None:
            server.kill()


def outbox(page):
    """Client ids that wait in the browser."""
    return page.evaluate(
        """() => Object.entries({...localStorage}).filter(([k]) => k.startsWith("hg-outbox:")).map(([, v]) => JSON.parse(v).body.client_id)"""
    )


def spied(page):
    """Have the page remember each client id that it made and each that was acknowledged."""
    page.add_init_script("""
      const keep = (name, ids) => sessionStorage.setItem(name, JSON.stringify([...JSON.parse(sessionStorage.getItem(name) ?? "[]"), ...ids]));
      const ask = window.fetch;
      window.fetch = async (path, how = {}) => {
        const answer = await ask(path, how);
        if (String(path).endsWith("/votes") && answer.ok) keep("acknowledged", (await answer.clone().json()).votes.map((v) => v.client_id));
        return answer;
      };
      const put = Storage.prototype.setItem;
      Storage.prototype.setItem = function (key, value) {
        if (key.startsWith("hg-outbox:")) keep("made", [JSON.parse(value).body.client_id]);
        return put.call(this, key, value);
      };
    """)


def labelled_through_faults(chromium, tmp_path, n, seed=0):
    """Press *n* keys while the network goes and the server is killed at random; then look for every vote."""
    rng = np.random.default_rng(seed)
    with backend(tmp_path, n) as (server, task_id, link):
        context = chromium.new_context()
        page = context.new_page()
        spied(page)
        page.goto(f"{server.origin}/signin?link={link}")
        page.wait_for_url(server.origin + "/")
        page.goto(f"{server.origin}/label/tasks/{task_id}/station")
        starting: threading.Thread | None = None
        n_kills = n_cuts = n_reloads = pressed = 0
        while pressed < n:
            fault = rng.random()
            if fault < 0.02 + 2 / n and starting is None:
                server.kill()
                n_kills += 1
                starting = threading.Thread(target=server.start)
                starting.start()
            elif fault < 0.06 + 4 / n:
                context.set_offline(True)
                n_cuts += 1
            elif fault < 0.16:
                context.set_offline(False)
            if starting is not None and not starting.is_alive():
                starting = None
                if rng.random() < 0.5:
                    context.set_offline(False)
                    page.reload()
                    n_reloads += 1
            if not page.locator(READY).count():  # nothing left that was fetched ahead
                context.set_offline(False)
                if starting is not None:
                    starting.join()
                page.wait_for_selector(READY, timeout=60_000)
            page.keyboard.press(str(rng.integers(1, 4)))
            pressed += 1
        # What the database has now, and what waits: nothing may be in neither.
        context.set_offline(True)
        if starting is not None:
            starting.join()
        time.sleep(0.5)
        made, acknowledged, waiting = set(told(page, "made")), told(page, "acknowledged"), set(outbox(page))
        kept = in_database(server.root)
        assert len(kept) == len(set(kept))
        assert set(acknowledged) <= set(kept), "every acknowledged vote is there, once"
        assert made == set(kept) | waiting, "every other one still waits in the browser"
        assert len(made) == n
        # A closed tab, a new one: what waited goes out.
        context.set_offline(False)
        page.close()
        page = context.new_page()
        page.goto(f"{server.origin}/label/tasks/{task_id}/station")
        page.wait_for_selector(READY, timeout=60_000)
        saved(page)
        assert sorted(in_database(server.root)) == sorted(made)
        context.close()
    return {"kills": n_kills, "cuts": n_cuts, "reloads": n_reloads, "waited": len(waiting)}


def told(page, name):
    return page.evaluate(f"JSON.parse(sessionStorage.getItem({name!r}) ?? '[]')")


def in_database(root):
    with connect(root, actor=SYSTEM) as ws:
        return [r["client_id"] for r in ws.store.db.all(ALL["votes"].select().where(ALL["votes"].c.value.is_not(None)))]


def test_no_vote_is_lost_when_the_network_goes_and_the_server_is_killed(chromium, tmp_path):
    faults = labelled_through_faults(chromium, tmp_path, 60, seed=3)
    assert faults["kills"] >= 1
    assert faults["cuts"] >= 1


@pytest.mark.slow
def test_none_of_five_hundred_votes_is_lost(chromium, tmp_path):
    faults = labelled_through_faults(chromium, tmp_path, 500, seed=1)
    assert faults["kills"] >= 3
    assert faults["cuts"] >= 5


def test_what_was_left_behind_goes_out_from_any_page_of_the_same_person(chromium, desk):
    with visiting(chromium, desk, allow=OFFLINE) as visit:
        page = visit.page
        station(visit, "intent")
        page.context.set_offline(True)
        record_id = shown(page)
        page.keyboard.press("2")
        assert outbox(page)
        page.context.set_offline(False)
        visit.go("/jobs")
        until(lambda: not outbox(page))
        assert record_id in said(desk.ws, "intent")


def test_the_station_asks_seldom_where_nothing_waits(chromium, desk):
    task = desk.ws.task("short", classes=["x", "y"]).noun
    desk.ws.save_selection("one", "select record_id from records order by text limit 1")
    with visiting(chromium, desk) as visit:
        page, asked = visit.page, []
        page.on("request", lambda request: asked.append(request.url) if "/queue?" in request.url else None)
        visit.go(f"/label/tasks/{task.task_id}/station?selection=one")
        page.wait_for_selector(READY)
        page.keyboard.press("1")
        saved(page)
        page.wait_for_selector(".station-text >> text=Nothing waits for you here.")
        n_before = len(asked)
        page.wait_for_timeout(1500)
        assert len(asked) - n_before <= 1


def test_fifty_equal_requests_at_once_are_one_vote(desk):
    task_id = desk.ws.store.tasks.find("wide").task_id
    with desk.client(Role.ANNOTATOR, accept="application/json") as client:
        waiting = client.get(f"/api/v1/tasks/{task_id}/queue", params={"n": 1}).json()["records"][0]
        body = {"votes": [{"client_id": "fifty-at-once", "record_id": waiting["record_id"], "class_ids": []}]}
        answers = []
        threads = [
            threading.Thread(target=lambda: answers.append(client.post(f"/api/v1/tasks/{task_id}/votes", json=body)))
            for _ in range(50)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {a.status_code for a in answers} == {200}
        assert len({a.json()["votes"][0]["vote_id"] for a in answers}) == 1
        body["votes"][0]["class_ids"] = [desk.ws.store.tasks.find("wide").class_ids[0]]
        assert client.post(f"/api/v1/tasks/{task_id}/votes", json=body).status_code == 422
        body["votes"][0]["client_id"] = "another-one"
        clash = client.post(f"/api/v1/tasks/{task_id}/votes", json=body)
        assert (clash.status_code, clash.json()["votes"][0]["stands"]["class_ids"]) == (409, [])
        assert client.post(f"/api/v1/tasks/{task_id}/settle", json=body).status_code == 403
        assert httpx.get(f"{desk.origin}/api/v1/tasks/{task_id}/queue").status_code == 401
