"""Files for other labelling software: 100,000 records out and in again; and the texts that a teacher is sent, masked.

python -m benchmarks.exchange [--n 100000]
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.common import column, data_folder, machine
from homegrown.inference.masking import PatternMasker
from homegrown.label.formats import FORMATS
from homegrown.workspace import connect

ROUNDS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=100_000)
    n = parser.parse_args().n
    source = data_folder() / "banking77" / "train.csv"
    texts, labels = column(source, "text"), column(source, "category")
    print(f"{machine()}; {n:,} records of Banking77's training texts, numbered, 77 classes")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        with (root / "many.csv").open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(["text", "category"])
            rows.writerows([f"{texts[i % len(texts)]} ({i})", labels[i % len(texts)]] for i in range(n))
        with connect(root / "ws") as ws:
            ws.ingest(root / "many.csv", text="text", label="category")
            ws.task("intent", column="category")
            for name in FORMATS:
                path, seconds = root / f"out.{name}", []
                for _ in range(ROUNDS):
                    started = time.perf_counter()
                    done = ws.export_labels("intent", path, format=name)
                    seconds.append(time.perf_counter() - started)
                assert done.n_items == n
                size = path.stat().st_size / 1e6
                print(f"out, {name:13} {median(seconds):6.2f} s  (target 5; n = {ROUNDS})  {size:.0f} MB")
        for name in ("doccano", "openai"):
            with connect(root / f"in-{name}") as fresh:
                started = time.perf_counter()
                back = fresh.import_votes("intent", root / f"out.{name}")
                print(
                    f"in,  {name:13} {time.perf_counter() - started:6.2f} s  {back.n_votes:,} votes, {back.n_aside} aside"
                )
    masker = PatternMasker()
    started = time.perf_counter()
    found = sum(bool(masker.mask(text).n_found) for text in texts)
    spent = time.perf_counter() - started
    print(f"masked: {len(texts) / spent:,.0f} texts/s; something found in {found} of {len(texts):,} (none holds any)")


if __name__ == "__main__":
    main()
