"""Masked records: made from others and kept out of sight; a snapshot puts each in the place of its original."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from homegrown.core.ids import canonical_json, identity, now, record_id, text_hash
from homegrown.errors import InputError, NotFoundError
from homegrown.inference.masking import masked
from homegrown.store.records import RECORDS

if TYPE_CHECKING:
    from homegrown.store import Store

#: the source of the records that masking made
MASKED = "masked"
_ORIGINAL = "masked_from"
_WAIT_S = 60.0


def mask_record(store: Store, original: str) -> str:
    """Make a masked record from one and return its id; the original stays, for who may see it.

    The new record is retired from the start: nobody labels, counts or looks at the same content twice.

    Raises:
        NotFoundError: there is no such record.
        InputError: nothing in it can be masked.
    """
    text = store.records.texts([original]).get(original)
    if text is None:
        raise NotFoundError("There is no such record here. It may have been forgotten.")
    hidden = masked(text).text
    if hidden == text:
        raise InputError("Nothing in this record has a form that can be masked. Drop it instead, or keep it.")
    fields = {_ORIGINAL: original}
    hashed = text_hash(hidden)
    made = record_id(hashed, identity(fields))
    row = {
        "record_id": made, "text_hash": hashed, "text": hidden, "fields": canonical_json(fields).decode(),
        "source": MASKED, "source_id": store.sources.ensure(MASKED), "external_id": original, "n_chars": len(hidden),
        "created_at": now(),
    }  # fmt: skip
    store.issues.made(made, original)
    with store.imports.exclusive(_WAIT_S):
        store.records.retire(pa.array([made]))
        store.records.table.insert_missing(pa.Table.from_pylist([row], schema=RECORDS), "record_id")
    return made
