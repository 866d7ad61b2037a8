"""The studio over a million records: for each page the server's median time and Chromium's first contentful paint.

The million come by ``homegrown ingest`` with imported votes and the full-text index; a small second source carries a model
and an endpoint, and 100,000 of the million a doubtful case, so that no page is empty. Figure: under 200 ms. Without a Chromium the paint is left out, and it is said so.
"""

from __future__ import annotations

import csv
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from benchmarks.common import machine
from benchmarks.ingest_million import N, write_csv
from homegrown.core.access import SYSTEM, Role
from homegrown.core.issues import Found
from homegrown.core.models import Recipe
from homegrown.govern.access import Access
from homegrown.server import ServerOptions, running_server
from homegrown.workspace import connect

ROUNDS = 9
LIMIT_MS = 200
N_ISSUES = 100_000
PAGES = {
    "overview": "/",
    "ingest": "/ingest",
    "records": "/query/records",
    "records, far on": "/query/records?cursor=n{middle}",
    "records of a source": "/query/records?source=million.csv",
    "search by words": "/query/records?q=word17+word99",
    "one record": "/query/records/{record}",
    "SQL": "/query",
    "SQL, grouped": "/query?sql=select+source,count(*)+as+n+from+records+group+by+all",
    "label": "/label",
    "one task": "/label/tasks/{task}",
    "its rules": "/label/tasks/{task}/rules",
    "its people": "/label/tasks/{task}/people",
    "its station": "/label/tasks/{task}/station",
    "its groups": "/label/tasks/{task}/discover",
    "in bulk": "/label/tasks/{task}/bulk",
    "curate": "/curate",
    "issues": "/curate/issues",
    "train": "/train",
    "models": "/evaluate",
    "report": "/evaluate/{model}",
    "serve": "/serve",
    "playground": "/serve/playground?text=word17+word99",
    "jobs": "/jobs",
    "audit": "/govern",
}

_PAINT = """new Promise((done) => new PerformanceObserver((list) => {
  const [first] = list.getEntriesByName("first-contentful-paint");
  if (first) done(first.startTime);
}).observe({type: "paint", buffered: true}))"""


def fill(root: Path, folder: Path, n: int) -> dict[str, object]:
    """A workspace with *n* records, and with a model of a small second source; what pages name in their addresses."""
    write_csv(folder / "million.csv", n)
    write_csv(folder / "small.csv", min(n, 3000))
    with connect(root, actor=SYSTEM) as ws:
        for name in ("million.csv", "small.csv"):
            ws.ingest(folder / name, text="body", label="category")
        ws.import_labels("category", "category", sources=["million.csv"])
        with (folder / "easy.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([["body", "kind"], *([f"word{i % 9} word{i}", f"k{i % 3}"] for i in range(900))])
        ws.ingest(folder / "easy.csv", text="body", label="kind")
        task = ws.task_from_column("kind", "kind", sources=["easy.csv"])
        version = ws.train(ws.snapshot(task), Recipe("lexical"), "kind")
        ws.evaluate(version)
        ws.deploy(version, "kind")
        ws.build_indexes()
        record = ws.search_records(limit=1).records[0].record_id
        large = ws.store.tasks.find("category")
        assert large is not None
        doubtful = ws.store.records.table.scan(["record_id"], limit=min(n, N_ISSUES))["record_id"].to_pylist()
        found = (Found(record_id, "outlier", 0.5, "Unlike all others.") for record_id in doubtful)
        ws.store.issues.put(SYSTEM, {"outlier": None}, found)
    return {"record": record, "model": version.version_id, "middle": n // 2, "task": large.task_id}


def server_ms(client: httpx.Client, path: str) -> float:
    """The median of some answers after one that is not counted."""
    times = []
    for turn in range(ROUNDS + 1):
        started = time.perf_counter()
        client.get(path).raise_for_status()
        if turn:
            times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times)


@contextmanager
def browser_page(link: str) -> Iterator[Any]:
    """A page of a signed-in Chromium, or None where there is none."""
    path = next((p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), None)
    if path is None:
        print("There is no Chromium here: first paints are left out.", file=sys.stderr)
        yield None
        return
    from playwright.sync_api import sync_playwright  # only where there is a browser

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--headless", "--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(link, wait_until="load")
        page.wait_for_url(lambda address: "/signin" not in address, wait_until="load")
        yield page
        browser.close()


def paint_ms(page: Any, address: str) -> float:
    """The median first contentful paint of three loads."""
    times = []
    for _ in range(3):
        page.goto(address, wait_until="load")
        times.append(page.evaluate(_PAINT))
    return statistics.median(times)


def main(n: int = N) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "work"
        facts = fill(root, Path(folder), n)
        with connect(root, actor=SYSTEM) as ws:
            key = Access(ws.store.db).add_key(SYSTEM, "benchmark", Role.OWNER).secret
        headers = {"Authorization": f"Bearer {key}", "Accept": "text/html"}
        with (
            running_server(ServerOptions(root=root)) as server,
            httpx.Client(base_url=server.address, headers=headers, timeout=60) as client,
            browser_page(server.sign_in_link) as page,
        ):
            print(f"{n:,} records; each page: the server's median of {ROUNDS}, first contentful paint of 3")
            slow = []
            for name, pattern in PAGES.items():
                path = pattern.format(**facts)
                spent = server_ms(client, path)
                paint = f"{paint_ms(page, server.address + path):6.0f} ms painted" if page else ""
                print(f"{name:<20} {spent:6.0f} ms {paint}", flush=True)
                slow += [name] if spent > LIMIT_MS else []
    print(f"figure: {LIMIT_MS} ms; over it: {', '.join(slow) or 'none'}; {machine()}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else N)
