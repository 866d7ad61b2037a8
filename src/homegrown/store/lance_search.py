"""Words and nearest neighbours in Lance tables: build the indexes, ask them, do without them.

An index knows the rows that were there when it was built or refreshed; Lance scans the newer ones beside it, so an
answer is complete either way. Indexes are built by a job, never inside ingest.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import lance.query
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from homegrown.store.lance_tables import translated

if TYPE_CHECKING:
    from homegrown.store.lance_tables import LanceTable

WORDS_INDEX = "text_words"
VECTORS_INDEX = "vector_near"
# Below this many vectors an exact scan is fast enough (12 ms for 200,000 × 384) and an index only costs accuracy.
EXACT_BELOW = 200_000


def has_index(table: LanceTable, name: str) -> bool:
    """Whether the index *name* was built."""
    if not table.exists:
        return False
    with translated(table.path):
        return any(index.name == name for index in table.dataset().describe_indices())


def build_words_index(table: LanceTable, column: str = "text") -> None:
    """Build the full-text index anew.

    Words as they are written, lower case, without accents; no stemming and no stop words: it serves every language.
    """
    with translated(table.path):
        table.dataset().create_scalar_index(
            column,
            "INVERTED",
            name=WORDS_INDEX,
            replace=True,
            with_position=False,
            stem=False,
            remove_stop_words=False,
            ascii_folding=True,
            lower_case=True,
        )


def build_vectors_index(table: LanceTable) -> bool:
    """Build the nearest-neighbour index anew; returns False when there are too few vectors to need one."""
    if table.count() < EXACT_BELOW:
        return False
    with translated(table.path):
        table.dataset().create_index(
            "vector", "IVF_RQ", name=VECTORS_INDEX, metric="cosine", replace=True, num_partitions=None
        )
    return True


def refresh_indexes(table: LanceTable) -> None:
    """Take rows that came after the build into the indexes."""
    if table.exists:
        with translated(table.path):
            table.dataset().optimize.optimize_indices()


def search_words(
    table: LanceTable, words: str, columns: list[str], limit: int | None, column: str = "text"
) -> tuple[pa.Table, bool]:
    """Rows that hold all of *words*, best first (BM25), with their ``score``.

    Returns:
        The rows, and whether an index ranked them; without one they are in the order of the table, score 1.
    """
    if has_index(table, WORDS_INDEX):
        with translated(table.path):
            query = lance.query.MatchQuery(words, column, operator=lance.query.FullTextOperator.AND)
            wanted = table.count() if limit is None else limit
            rows = table.dataset().scanner(columns=[*columns, "_score"], full_text_query=query, limit=wanted).to_table()
        return rows.rename_columns([*columns, "score"]), True
    return _scan_words(table, words, columns, limit, column), False


def _scan_words(table: LanceTable, words: str, columns: list[str], limit: int | None, column: str) -> pa.Table:
    patterns = [
        rf"(?i)(^|[^\pL\pN_]){re.escape(word)}($|[^\pL\pN_])" for word in dict.fromkeys(re.findall(r"\w+", words))
    ]
    found: list[pa.RecordBatch] = []
    n = 0
    if not patterns or not table.exists:
        return _with_score(pa.Table.from_batches([], pa.schema([table.schema.field(c) for c in columns])))
    for batch in table.batches([*columns] if column in columns else [*columns, column], rows=65_536):
        keep = pc.match_substring_regex(batch[column], patterns[0])
        for pattern in patterns[1:]:
            keep = pc.and_(keep, pc.match_substring_regex(batch[column], pattern))
        found.append(batch.filter(keep).select(columns))
        n += found[-1].num_rows
        if limit is not None and n >= limit:
            break
    rows = pa.Table.from_batches(found, pa.schema([table.schema.field(c) for c in columns]))
    return _with_score(rows if limit is None else rows.slice(0, limit))


def _with_score(rows: pa.Table) -> pa.Table:
    return rows.append_column("score", pa.array(np.ones(rows.num_rows, np.float32)))


def nearest_vectors(table: LanceTable, vector: np.ndarray, limit: int) -> list[tuple[str, float]]:
    """The *limit* text hashes nearest to *vector* (float32 [dim], length 1), with their cosine, best first."""
    if not table.exists:
        return []
    nearest = {"column": "vector", "q": vector, "k": limit, "metric": "cosine"}
    if has_index(table, VECTORS_INDEX):
        nearest |= {"nprobes": 40, "refine_factor": 5}
    with translated(table.path):
        rows = table.dataset().scanner(columns=["text_hash", "_distance"], nearest=nearest).to_table()
    return [(h, 1.0 - d) for h, d in zip(rows["text_hash"].to_pylist(), rows["_distance"].to_pylist(), strict=True)]


def drop_indexes(table: LanceTable) -> list[str]:
    """Take every index off the table, since an index holds words and vectors of its own; returns their names."""
    if not table.exists:
        return []
    with translated(table.path):
        names = [index.name for index in table.dataset().describe_indices()]
        for name in names:
            table.dataset().drop_index(name)
    return names


def rebuild_indexes(table: LanceTable, names: list[str]) -> None:
    """Build those of *names* that are ours; the others are rebuilt by who made them."""
    if WORDS_INDEX in names:
        build_words_index(table)
    if VECTORS_INDEX in names:
        build_vectors_index(table)
