"""The menu says how much waits for somebody, and no page waits for it to be counted."""

import csv
import threading
import time

from homegrown.core.access import SYSTEM, Role
from homegrown.core.issues import Found
from homegrown.studio.words import compact
from homegrown.workspace import connect
from homegrown.workspace.kept import Kept
from tests.studio.conftest import running


def until(holds):
    started = time.monotonic()
    while not holds():
        assert time.monotonic() - started < 20, "it did not happen in time"
        time.sleep(0.02)


def test_the_menu_counts_what_waits(tmp_path):
    with (tmp_path / "in.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["text"], *([f"case {i}"] for i in range(30))])
    with connect(tmp_path / "desk", actor=SYSTEM) as ws, running(ws) as studio:
        ws.ingest(tmp_path / "in.csv", text="text")
        with studio.client() as client, studio.client(Role.ANNOTATOR) as annotator:
            assert 'class="count"' not in client.get("/").text
            ws.task("intent", classes=["a", "b"])
            ids = ws.store.records.scan(["record_id"])["record_id"].to_pylist()
            for record_id in ids[:4]:
                ws.vote(record_id, "intent", "a")
            ws.store.issues.put(SYSTEM, {"outlier": None}, [Found(ids[0], "outlier", 0.9, "Unlike all others.")])
            until(lambda: ": 26 records wait</span>" in client.get("/").text)
            assert ": 1 doubtful case waits</span>" in client.get("/jobs").text
            assert "wait</span>" not in annotator.get("/label/mine").text


def test_what_is_out_of_date_is_counted_while_the_page_goes_out(tmp_path):
    free, counted = threading.Event(), []

    def slow(_store, task):
        free.wait(20)
        counted.append(task.version)
        return len(counted)

    with connect(tmp_path / "desk", actor=SYSTEM) as ws:
        task = ws.task("intent", classes=["a", "b"]).noun
        kept = Kept(slow)
        assert [kept.soon(ws.store, task, 0.01) for _ in range(3)] == [None] * 3
        free.set()
        until(lambda: kept.soon(ws.store, task, 0.01) == 1)
        ws.add_class(task, "c")
        changed = ws.store.tasks.get(task.task_id)
        free.clear()
        assert kept.soon(ws.store, changed, 0.01) == 1  # what stood last, until it is counted anew
        free.set()
        until(lambda: kept.soon(ws.store, changed, 0.01) == 2)
        assert counted == [1, 2], "asked three times, worked out once"


def test_counts_are_short():
    assert [compact(n) for n in (0, 999, 1000, 7904, 99_999, 100_000, 1_234_567)] == [
        "0", "999", "1k", "7.9k", "99.9k", "100k", "1.2M",
    ]  # fmt: skip
