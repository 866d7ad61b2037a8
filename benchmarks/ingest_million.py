"""A CSV of a million rows: seconds and peak memory of ``homegrown ingest``, with pandas on the same file beside it.

Each run is a process of its own, so that peak memory is its own; ours and the peer's run in turns. Figure: at most 10 s
and 1 GB resident.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.common import machine

N = 1_000_000
ROUNDS = 3
OURS = """
import json, resource, sys, time
from homegrown.workspace import connect
with connect(sys.argv[2]) as ws:
    started, spent = time.perf_counter(), time.process_time()
    done = ws.ingest(sys.argv[1], text="body", label="category")
    facts = {"seconds": time.perf_counter() - started, "processor": time.process_time() - spent, "rows": done.n_added}
    started = time.perf_counter()
    again = ws.ingest(sys.argv[1], text="body", label="category")
    facts["again"] = time.perf_counter() - started
    assert again.unchanged
    for name, cursor in (("first page", None), ("middle page", "n500000"), ("last page", "p1000000")):
        times = []
        for _ in range(5):
            started = time.perf_counter()
            assert len(ws.store.records.page(cursor, 50).records) == 50
            times.append(time.perf_counter() - started)
        facts[name] = sorted(times)[2]
facts["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
print(json.dumps(facts))
"""
PEER = """
import json, resource, sys, time
import pandas as pd
started, spent = time.perf_counter(), time.process_time()
frame = pd.read_csv(sys.argv[1])
frame.to_parquet(sys.argv[2], index=False)
facts = {"seconds": time.perf_counter() - started, "processor": time.process_time() - spent, "rows": len(frame)}
print(json.dumps(facts | {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3}))
"""


def write_csv(path: Path, n: int = N) -> None:
    """*n* rows with an id, a date, a text of 12 words (some quoted), a label of 77 and a priority."""
    rng = np.random.default_rng(0)
    words = np.array([f"word{i}" for i in range(5000)])
    with path.open("w", encoding="utf-8") as file:
        file.write("id,created,body,category,priority\n")
        for start in range(0, n, 10_000):
            texts = words[rng.integers(0, len(words), (min(10_000, n - start), 12))]
            for i, row in enumerate(texts, start):
                text = f'"{", ".join(row)}"' if i % 7 == 0 else " ".join(row)
                file.write(f"{i},2026-01-{i % 28 + 1:02},{text},class {i % 77},{i % 5}\n")


def run(code: str, *arguments: str) -> dict[str, float]:
    done = subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True, text=True)
    facts: dict[str, float] = json.loads(done.stdout)
    return facts


def main() -> None:
    ours, peer = [], []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "million.csv"
        write_csv(path)
        print(f"{N:,} rows, {path.stat().st_size / 1e6:.0f} MB")
        for turn in range(ROUNDS):
            ours.append(run(OURS, str(path), str(Path(folder) / f"work{turn}")))
            peer.append(run(PEER, str(path), str(Path(folder) / "peer.parquet")))
    middle = {name: statistics.median(r[name] for r in ours) for name in ours[0]}
    theirs = {name: statistics.median(r[name] for r in peer) for name in peer[0]}
    for name, facts in (("ingest", middle), ("pandas + to_parquet", theirs)):
        rate = N / facts["seconds"]
        cost = f"{facts['processor']:.1f} s of processor time, peak {facts['peak_mb']:,.0f} MB"
        print(f"{name:<20} {facts['seconds']:6.1f} s  {rate:>9,.0f} rows/s  {cost}")
    print(f"ratio {middle['seconds'] / theirs['seconds']:.2f} (theirs keeps no ids, hashes, origins or versions)")
    print(f"the same file again  {middle['again']:6.1f} s, nothing added")
    for name in ("first page", "middle page", "last page"):
        print(f"{name:<20} {middle[name] * 1000:6.0f} ms for 50 records (figure: 200 ms)")
    print(f"median of {ROUNDS} runs; figure: 10 s and 1,000 MB; {machine()}")


if __name__ == "__main__":
    main()
