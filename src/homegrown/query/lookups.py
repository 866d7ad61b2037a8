"""Answer searches by words and by meaning with whole records, before or without SQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from homegrown.errors import InputError, QueryError
from homegrown.store.lance_search import nearest_vectors, search_words
from homegrown.store.lance_tables import quoted
from homegrown.store.records import RECORDS, record_of

if TYPE_CHECKING:
    from homegrown.core.protocols import Encoder
    from homegrown.core.records import Record
    from homegrown.query.functions import Abilities
    from homegrown.query.plan import Lookup
    from homegrown.store import Store

COLUMNS = [f.name for f in RECORDS]
DEFAULT_NEAREST = 100
NO_INDEX = "There is no full-text index yet: the search read every record. Build it with: homegrown query --index"
NO_VECTORS = "Few or no records have a vector yet, so few can be near. Run: homegrown embed"


@dataclass(frozen=True, slots=True)
class Page:
    """Some records, and where to go on.

    Attributes:
        scores: as long as *records*; BM25 for words, cosine for meaning, empty when merely browsing.
        cursor: pass it to get the next page; None at the end.
        note: what the reader should know, or None.
    """

    records: list[Record]
    scores: list[float]
    cursor: str | None
    note: str | None = None


def answer_lookup(store: Store, lookup: Lookup, abilities: Abilities) -> tuple[pa.Table, str | None]:
    """The rows of one search: the columns of ``records`` and ``score``, best first."""
    if not lookup.text.strip():
        raise QueryError(f"{lookup.kind}('') has nothing to look for: give it words.")
    if lookup.limit is not None and lookup.limit < 1:
        raise QueryError(f"{lookup.kind} needs a number of at least 1.")
    if lookup.kind == "nearest":
        limit = DEFAULT_NEAREST if lookup.limit is None else lookup.limit
        return by_meaning(store, abilities.encoder(), lookup.text, limit, COLUMNS)
    return by_words(store, lookup.text, lookup.limit, COLUMNS)


def by_words(store: Store, words: str, limit: int | None, columns: list[str]) -> tuple[pa.Table, str | None]:
    """Current records that hold all *words*, best first."""
    retired = store.records.retired_ids()
    asked = None if limit is None else limit + len(retired)
    rows, indexed = search_words(store.records.table, words, columns, asked)
    if len(retired):
        rows = rows.filter(pc.invert(pc.is_in(rows["record_id"], value_set=retired)))
    return rows if limit is None else rows.slice(0, limit), None if indexed else NO_INDEX


def by_meaning(
    store: Store, encoder: Encoder, text: str, limit: int, columns: list[str]
) -> tuple[pa.Table, str | None]:
    """Current records nearest to *text*, best first; only those that have a vector can be found."""
    schema = pa.schema([RECORDS.field(c) for c in columns] + [("score", pa.float32())])
    table = store.vectors(encoder.fingerprint, encoder.dim).table
    if not store.records.table.exists or not table.exists:
        return schema.empty_table(), NO_VECTORS
    # Vectors of texts that are no records (queries, retired rows) take places too: ask for some more.
    near = dict(nearest_vectors(table, _encode(encoder, text), limit * 2 + 16))
    rows = store.records.table.scan(columns, where=f"text_hash IN {quoted(near)}")
    rows = rows.filter(pc.invert(pc.is_in(rows["record_id"], value_set=store.records.retired_ids())))
    scores = np.array([near[h] for h in rows["text_hash"].to_pylist()], np.float32)
    best = pa.array(np.argsort(-scores, kind="stable")[:limit])
    note = None if table.count() * 2 >= store.records.count() else NO_VECTORS
    return rows.append_column("score", pa.array(scores)).take(best).cast(schema), note


def _encode(encoder: Encoder, text: str) -> np.ndarray:
    return np.asarray(encoder.encode([text]), np.float32)[0]


def search_records(store: Store, text: str, *, mode: str, limit: int, cursor: str | None, abilities: Abilities) -> Page:
    """One page of records: browsing when *text* is empty, else by words (``text``) or by meaning (``semantic``).

    Args:
        store: the workspace.
        text: what to look for.
        mode: ``text`` or ``semantic``.
        limit: records per page, 1 to 500.
        cursor: of the page before.
        abilities: for the encoder.
    """
    if not 1 <= limit <= 500:
        raise InputError("A page holds 1 to 500 records.")
    if not text.strip():
        stored = store.records.page(cursor, limit)
        return Page(stored.records, [], stored.next_cursor)
    start = _position(cursor)
    if mode == "text":
        rows, note = by_words(store, text, start + limit + 1, COLUMNS)
    elif mode == "semantic":
        rows, note = by_meaning(store, abilities.encoder(), text, start + limit + 1, COLUMNS)
    else:
        raise InputError(f"Search mode {mode!r} is unknown. Modes: text, semantic.")
    page = rows.slice(start, limit).to_pylist()
    more = str(start + limit) if rows.num_rows > start + limit else None
    return Page([record_of(r) for r in page], [float(r["score"]) for r in page], more, note)


def _position(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 12:
        raise InputError("That page does not exist: start again from the first.")
    return int(cursor)
