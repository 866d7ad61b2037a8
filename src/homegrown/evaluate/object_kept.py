"""What a model said of the records whose errors a report shows, kept beside its evaluation.

It lies in the cache, which is emptied when a record is forgotten; then the model is asked again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from homegrown.core.models import ObjectAnswer
from homegrown.evaluate.object_errors import SHOWN
from homegrown.store.files import write_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from homegrown.store import Store


def shown_ids(document: Mapping[str, Any]) -> list[str]:
    """Ids of the records whose errors a report shows, the surest errors first."""
    return list(dict.fromkeys(m["record_id"] for m in document["mistakes"]))[:SHOWN]


def keep_said(store: Store, document: Mapping[str, Any], said: Mapping[str, ObjectAnswer]) -> None:
    """Keep what is said of the records that the report of *document* shows; *said* by record id."""
    kept = {i: said[i] for i in shown_ids(document) if i in said}
    write_atomic(_path(store, document), msgspec.json.encode(kept, enc_hook=lambda scalar: scalar.item()))


def kept_said(store: Store, document: Mapping[str, Any]) -> dict[str, ObjectAnswer]:
    """What is kept of it, by record id; nothing where the cache was emptied or damaged."""
    try:
        return msgspec.json.decode(_path(store, document).read_bytes(), type=dict[str, ObjectAnswer])
    except (OSError, msgspec.MsgspecError):
        return {}


def _path(store: Store, document: Mapping[str, Any]) -> Path:
    return store.layout.folder("cache") / f"objects_{document['version_id']}_{document['split']}.json"
