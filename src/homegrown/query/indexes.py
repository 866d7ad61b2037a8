"""Build the full-text and the nearest-neighbour index; a job, since it takes about a second per 100,000 texts."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from homegrown.store.events import record_event
from homegrown.store.lance_search import build_vectors_index, build_words_index
from homegrown.store.lance_tables import LanceTable

if TYPE_CHECKING:
    from homegrown.core.protocols import Progress
    from homegrown.store import Store


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What was indexed.

    Attributes:
        n_records: records whose words were indexed.
        vector_tables: embedders whose vectors were indexed; fewer than 200,000 vectors are searched exactly instead.
    """

    n_records: int
    vector_tables: tuple[str, ...]
    seconds: float


def build_indexes(store: Store, progress: Progress) -> IndexReport:
    """Build both indexes anew; running it again is harmless and takes newer rows in."""
    started = time.monotonic()
    n = store.records.table.count()
    progress.start("index words", n, "records")
    if n:
        store.records.table.compact()
        build_words_index(store.records.table)
    progress.advance(n)
    progress.finish()
    done = []
    for path in sorted(store.layout.folder("lance").glob("vectors_*.lance")):
        table = LanceTable(path, pa.schema([]))
        progress.start("index vectors", table.count(), "vectors")
        if build_vectors_index(table):
            done.append(path.stem.removeprefix("vectors_"))
        progress.advance(table.count())
        progress.finish()
    with store.db.write() as connection:
        record_event(connection, store.actor, "query.index", "table:records", n_records=n, n_vector_tables=len(done))
    return IndexReport(n, tuple(done), time.monotonic() - started)
