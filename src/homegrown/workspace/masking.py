"""Masked records: made from others, under a source of their own whose newest import always lists all of them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pyarrow as pa

from homegrown.core.progress import Silent
from homegrown.core.records import ReadOptions
from homegrown.errors import InputError, NotFoundError
from homegrown.inference.masking import masked
from homegrown.ingest import IngestRequest, import_file
from homegrown.store.lance_tables import quoted
from homegrown.store.locks import FileLock

if TYPE_CHECKING:
    from homegrown.store import Store

#: the source of the records that masking made
MASKED = "masked"
_ORIGINAL = "masked_from"
KIND = "mask"


def mask_record(store: Store, record_id: str) -> str:
    """Make a masked record from one, keep the link, and return its id; the original stays, for who may see it.

    Raises:
        NotFoundError: there is no such record.
        InputError: nothing in it can be masked.
    """
    text = store.records.texts([record_id]).get(record_id)
    if text is None:
        raise NotFoundError("There is no such record here. It may have been forgotten.")
    hidden = masked(text).text
    if hidden == text:
        raise InputError("Nothing in this record has a form that can be masked. Drop it instead, or keep it.")
    with _lock(store):
        made = _write(store, {**_texts(store), record_id: hidden})
        store.issues.derive(store.actor, made[record_id], record_id, KIND)
    return made[record_id]


def unmask_record(store: Store, record_id: str) -> None:
    """Take the masked record out of use again, and cut the link."""
    with _lock(store):
        derived = store.issues.derived(KIND).get(record_id)
        if derived is None:
            return
        store.issues.underive(store.actor, record_id, KIND)
        left = {original: text for original, text in _texts(store).items() if original != record_id}
        if left:
            _write(store, left)
        with store.imports.exclusive():
            store.records.retire(pa.array([derived]))


def _lock(store: Store) -> FileLock:
    return FileLock(store.layout.folder("locks") / "masked.lock", exclusive=True, wait_s=60.0)


def _texts(store: Store) -> dict[str, str]:
    """Original → masked text, of all that are masked now."""
    made = store.issues.derived(KIND)
    texts = store.records.texts(made.values())
    return {original: texts[derived] for original, derived in made.items() if derived in texts}


def _write(store: Store, texts: dict[str, str]) -> dict[str, str]:
    """Make *texts* the content of the source; returns original → id of the masked record."""
    with tempfile.TemporaryDirectory(dir=store.layout.folder("tmp")) as folder:
        path = Path(folder) / "masked.jsonl"
        rows = ({"text": text, _ORIGINAL: original} for original, text in texts.items())
        path.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
        request = IngestRequest(path, "text", None, _ORIGINAL, MASKED, None, ReadOptions())
        import_file(store, request, progress=Silent())
    where = f"source IN {quoted([MASKED])}"
    rows = store.records.table.scan(["record_id", "external_id"], where=where)
    return dict(zip(rows["external_id"].to_pylist(), rows["record_id"].to_pylist(), strict=True))
