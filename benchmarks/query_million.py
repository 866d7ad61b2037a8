"""Queries over a million records: grouped SQL, a full-text search, a page; beside DuckDB reading the same CSV.

    python -m benchmarks.query_million [rows]

The rows are made up from the words of a fixed vocabulary with a Zipf-like distribution; index time is told apart.
"""

from __future__ import annotations

import csv
import json
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import duckdb
import numpy as np

from benchmarks.common import in_turns, machine
from homegrown.core.progress import Silent
from homegrown.core.records import ReadOptions
from homegrown.errors import NotFoundError
from homegrown.ingest import IngestRequest, import_file
from homegrown.query import Abilities, build_indexes, run_query, search_records
from homegrown.store import Store

CHANNELS = ("web", "mail", "phone", "app", "shop")
TURNS = 5


def write_rows(path: Path, n: int) -> None:
    rng = np.random.default_rng(0)
    vocabulary = np.array([f"w{i:05d}" for i in range(50_000)])
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["body", "channel", "n"])
        for start in range(0, n, 10_000):
            words = vocabulary[np.minimum(rng.zipf(1.2, (10_000, 10)), 50_000) - 1]
            writer.writerows(
                (" ".join(row), CHANNELS[(start + i) % 5], start + i) for i, row in enumerate(words) if start + i < n
            )


def _nothing(name: str) -> tuple[str, object]:
    raise NotFoundError(name)


def main(n: int) -> None:
    abilities = Abilities(encoder=lambda: None, predictor=_nothing)  # type: ignore[arg-type, return-value]
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "work") as store:
        source = Path(folder) / "rows.csv"
        write_rows(source, n)
        started = time.perf_counter()
        request = IngestRequest(source, "body", None, None, "rows", None, ReadOptions())
        import_file(store, request, progress=Silent())
        seconds = {"ingest": time.perf_counter() - started}
        seconds["full-text index"] = build_indexes(store, Silent()).seconds

        def sql(text: str) -> int:
            return len(run_query(store, text, abilities=abilities))

        def page(text: str, cursor: str | None = None) -> int:
            return len(search_records(store, text, mode="text", limit=50, cursor=cursor, abilities=abilities).records)

        peer = f"select channel, count(*) from read_csv('{source}') group by all"
        works = {
            "grouped SQL over a JSON field": lambda: sql(
                "select fields->>'channel', count(*) from records group by all"
            ),
            "grouped SQL over a column": lambda: sql("select source, count(*) from records group by all"),
            "DuckDB alone, grouping the CSV": lambda: duckdb.sql(peer).fetchall(),
            "search, rare word, first 50": lambda: page("w04321"),
            "search, two common words, first 50": lambda: page("w00000 w00003"),
            "search() in SQL, first 20": lambda: sql("select text, score from search('w04321', 20)"),
            "first page of records": lambda: page(""),
            "page in the middle": lambda: page("", f"n{n // 2}"),
        }
        measured = in_turns(TURNS, **works)
        figures = {k: {"median_s": median(v), "max_s": max(v)} for k, v in measured.items()}
    for name, spent in seconds.items():
        print(f"{name:38} {spent:8.2f} s")
    for name, f in figures.items():
        print(f"{name:38} {f['median_s']:8.3f} s  (slowest of {TURNS}: {f['max_s']:.3f})")
    print(json.dumps({"rows": n, "machine": machine(), "once_s": seconds, "figures": figures}))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
