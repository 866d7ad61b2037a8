"""The label station over 100,000 records in a real Chromium: key to next record, a fast person, queue pages, export.

Figures: next record on screen within 50 ms of the key; a scripted person at 3 decisions a second loses none; a page of the
queue within 0.2 s; an export of 100,000 labels within 5 s. That no vote is lost when the network goes and the server is
killed is a test (``tests/studio/test_station.py``). There is no peer here: labelling tools publish no such figures.
"""

from __future__ import annotations

import csv
import sys
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles

import httpx

from benchmarks.common import data_folder, machine
from benchmarks.studio_million import browser_page
from homegrown.core.access import SYSTEM, Role
from homegrown.govern.access import Access
from homegrown.server import ServerOptions, running_server
from homegrown.workspace import Workspace, connect
from homegrown.workspace.bulk import Checked, Filter

N = 100_000
DECISIONS = 300
PER_SECOND = 3
PAGES = 30
# After the frame in which the next record is painted: a frame's callback, then a message behind it.
_PRESS = """async ([n, pause]) => {
  const text = document.querySelector(".station-text");
  const painted = () => new Promise((done) => requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => done();
    channel.port2.postMessage(0);
  }));
  const spent = [];
  for (let at = 0; at < n; at++) {
    const before = text.dataset.record, started = performance.now();
    document.body.dispatchEvent(new KeyboardEvent("keydown", { key: String(1 + (at % 9)), bubbles: true }));
    await painted();
    if (text.dataset.record && text.dataset.record !== before) spent.push(performance.now() - started);
    await new Promise((done) => setTimeout(done, Math.max(0, pause - (performance.now() - started))));
  }
  return spent;
}"""


def fill(root: Path, folder: Path, n: int) -> tuple[str, str]:
    """Real bank queries, repeated with a number until there are *n*, and a task of 77 classes; its id and a class's."""
    with (data_folder() / "banking77" / "train.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with (folder / "queries.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["text"], *([f"{rows[i % len(rows)]['text']} ({i})"] for i in range(n))])
    with connect(root, actor=SYSTEM) as ws:
        ws.ingest(folder / "queries.csv", text="text")
        task = ws.task("intent", classes=sorted({row["category"] for row in rows})).noun
        return task.task_id, task.class_ids[0]


def queue_seconds(client: httpx.Client, task_id: str, class_id: str) -> list[float]:
    """Seconds of pages of 20, each with other records: those of the page before are answered in between."""
    spent = []
    for turn in range(PAGES + 1):
        started = time.perf_counter()
        page = client.get(f"/api/v1/tasks/{task_id}/queue", params={"n": 20}).raise_for_status().json()
        if turn:
            spent.append(time.perf_counter() - started)
        records = enumerate(page["records"])
        votes = [
            {"client_id": f"page-{turn}-{i}", "record_id": r["record_id"], "class_ids": [class_id]} for i, r in records
        ]
        client.post(f"/api/v1/tasks/{task_id}/votes", json={"votes": votes}).raise_for_status()
    return spent


def export_seconds(ws: Workspace, folder: Path) -> tuple[float, int]:
    """Seconds to write every label as CSV, and how many there are."""
    ws.save_selection("everything", "select record_id from records")
    sample = ws.bulk_sample("intent", Filter(selection="everything"))
    first = ws.store.tasks.find("intent")
    name = first.class_names[0] if first else ""
    ws.bulk_label(
        "intent", name, Filter(selection="everything"), Checked(right=tuple(r.record_id for r in sample.records))
    )
    started = time.perf_counter()
    n = ws.export_sql("select record_id, class, prob, gold from labels", folder / "labels.csv", "csv")
    return time.perf_counter() - started, n


def main(n: int = N, decisions: int = DECISIONS) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        root = folder / "work"
        task_id, class_id = fill(root, folder, n)
        with connect(root, actor=SYSTEM) as ws:
            key = Access(ws.store.db).add_key(SYSTEM, "benchmark", Role.OWNER).secret
        with (
            running_server(ServerOptions(root=root)) as server,
            httpx.Client(base_url=server.address, headers={"Authorization": f"Bearer {key}"}, timeout=60) as client,
            browser_page(server.sign_in_link) as page,
        ):
            spent = sorted(queue_seconds(client, task_id, class_id))
            print(
                f"queue page of 20: median {1000 * median(spent):.0f} ms, slowest {1000 * spent[-1]:.0f} ms (n = {PAGES})"
            )
            if page is not None:
                page.goto(f"{server.address}/label/tasks/{task_id}/station")
                page.wait_for_selector(".station-text[data-record]:not([data-record=''])")
                times = page.evaluate(_PRESS, [decisions, 1000 / PER_SECOND])
                p95 = quantiles(times, n=20)[-1]
                print(
                    f"key to the next record painted: median {median(times):.0f} ms, 95% {p95:.0f} ms, "
                    f"slowest {max(times):.0f} ms (n = {len(times)})"
                )
                page.wait_for_selector(".station-saved[data-count='0']", timeout=60_000)
        with connect(root, actor=SYSTEM) as ws:
            owner = "select count(*) as n, count(distinct record_id) as m from votes where label_source = 'owner'"
            kept = ws.sql(owner).rows()[0]
            print(f"a person at {PER_SECOND} a second: {decisions} decisions, {kept['n']} votes on {kept['m']} records")
            seconds, n_labels = export_seconds(ws, folder)
            print(f"export of {n_labels:,} labels: {seconds:.1f} s")
    print(f"{n:,} records, 77 classes; figures: 50 ms, none lost, 200 ms, 5 s; {machine()}")


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:3]))
