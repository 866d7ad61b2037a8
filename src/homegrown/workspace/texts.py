"""Single texts that become records: found where they are held already, else added to a source that lists all of its."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from homegrown.core.ids import text_hash
from homegrown.core.progress import Silent
from homegrown.core.records import ReadOptions
from homegrown.ingest import IngestRequest, import_file
from homegrown.store.lance_tables import quoted
from homegrown.store.locks import FileLock

if TYPE_CHECKING:
    from collections.abc import Iterable

    from homegrown.store import Store

_PIECE = 1000


def holding(store: Store, texts: Iterable[str]) -> dict[str, str]:
    """The id of a current record with exactly that text, by text; those that no record holds are missing."""
    wanted = {text_hash(t): t for t in texts}
    if not wanted or not store.records.table.exists:
        return {}
    where = f"text_hash IN {quoted(list(wanted))}"
    found: dict[str, str] = {}
    for batch in store.records.batches(["record_id", "text_hash"], where=where):
        for record_id, h in zip(batch["record_id"].to_pylist(), batch["text_hash"].to_pylist(), strict=True):
            found.setdefault(wanted[h], record_id)
    return found


def add_texts(store: Store, source: str, texts: Iterable[str]) -> dict[str, str]:
    """Records of *texts*, those that are not here yet added to *source*, whose newest import always lists all of its.

    Returns:
        Record ids by text; a text that cannot be kept is missing.
    """
    wanted = list(dict.fromkeys(texts))
    with FileLock(store.layout.folder("locks") / "taught.lock", exclusive=True, wait_s=60.0):
        there = holding(store, wanted)  # somebody may have said the same while this waited for its turn
        fresh = [t for t in wanted if t not in there]
        if not fresh:
            return there
        kept, cursor = [], None
        while True:
            page = store.records.page(cursor, _PIECE, source=source)
            kept += [record.text for record in page.records]
            cursor = page.next_cursor
            if cursor is None:
                break
        with tempfile.TemporaryDirectory(dir=store.layout.folder("tmp")) as folder:
            path = Path(folder) / "texts.jsonl"
            path.write_bytes(b"\n".join(msgspec.json.encode({"text": t}) for t in (*kept, *fresh)) + b"\n")
            import_file(store, IngestRequest(path, "text", None, None, source, None, ReadOptions()), progress=Silent())
    return there | holding(store, fresh)
