"""Freeze a million labelled rows: labels from a column, twins, splits, the snapshot on disk.

Run: ``python -m benchmarks.freeze_million [rows]``. The texts are drawn, ten words each; nothing is downloaded.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

import homegrown as hg
from benchmarks.common import machine
from homegrown.core.ids import now
from homegrown.store.records import RECORDS

N_CLASSES, N_WORDS = 77, 5000


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 and sys.argv[1].isdigit() else 1_000_000
    print(machine())
    with tempfile.TemporaryDirectory() as folder, hg.connect(f"{folder}/work") as ws:
        ws.store.records.table.append(drawn(n))
        started, started_cpu = time.perf_counter(), time.process_time()
        labels = ws.import_labels("topic", "label")
        labelled, labelled_cpu = time.perf_counter(), time.process_time()
        snapshot = ws.snapshot(labels.task)
        frozen, frozen_cpu = time.perf_counter(), time.process_time()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{n:,} rows, once; wall clock (processor time); peak {peak:.1f} GB")
    print(f"labels {labelled - started:.1f} s ({labelled_cpu - started_cpu:.1f} s)")
    print(f"freeze {frozen - labelled:.1f} s ({frozen_cpu - labelled_cpu:.1f} s)")
    print(f"splits: {snapshot.n_by_split}")


def drawn(n: int) -> Iterator[pa.RecordBatch]:
    """Records as an import leaves them."""
    rng = np.random.default_rng(0)
    for start in range(0, n, 50_000):
        size = min(50_000, n - start)
        texts = [" ".join(f"w{k}" for k in row) for row in rng.integers(0, N_WORDS, (size, 10)).tolist()]
        classes = rng.integers(0, N_CLASSES, size).tolist()
        ids = [f"{k:032x}" for k in range(start, start + size)]
        columns = {
            "record_id": ids,
            "text_hash": ids,
            "text": texts,
            "fields": [f'{{"label":"class {c}","text":"{t}"}}' for c, t in zip(classes, texts, strict=True)],
            "source": ["drawn"] * size,
            "source_id": ["src_drawn"] * size,
            "n_chars": [len(t) for t in texts],
            "created_at": [now()] * size,
        }
        yield pa.record_batch([pa.array(columns.get(f.name, [None] * size), f.type) for f in RECORDS], schema=RECORDS)


if __name__ == "__main__":
    main()
