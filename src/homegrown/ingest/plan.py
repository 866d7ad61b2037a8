"""What an import would change: final ids, twins, rows with the same own id, and a digest of it all."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from homegrown.core.ids import canonical_json, record_id, record_id_by_key
from homegrown.core.records import Quarantined
from homegrown.ingest.hexids import ID, from_bytes, sorted_order, twins

if TYPE_CHECKING:
    from homegrown.ingest.staging import Roles, Staging


@dataclass(slots=True)
class Plan:
    """The rows of an import with their final ids.

    Attributes:
        ids: final record ids of all staged rows, [n].
        content: their identity by content, twins included, [n]; the same array without an id column.
        keep: False for rows whose own id another row had before, bool [n].
        digest: equal for two imports that hold the same.
    """

    ids: np.ndarray
    content: np.ndarray
    keep: np.ndarray
    digest: str

    @property
    def kept_ids(self) -> np.ndarray:
        """Ids of the rows that become records."""
        return self.ids[self.keep]


def make_plan(staging: Staging, roles: Roles, source_id: str) -> tuple[Plan, list[Quarantined]]:
    """Count twins or doubled ids and give every row its final id."""
    content = staging.ids.copy()
    count = twins(content)
    if count.any():
        _number_twins(staging, content, count)
    keep = np.ones(len(content), bool)
    aside: list[Quarantined] = []
    ids = content
    if roles.id:
        raw = b"".join(bytes.fromhex(record_id_by_key(source_id, key.decode())) for key in staging.keys)
        ids = from_bytes(raw)
        again = twins(ids) > 0
        if again.any():
            keep = ~again
            aside = _doubled(staging, again)
    return Plan(ids, content, keep, _digest(ids[keep], content[keep], roles)), aside


def _number_twins(staging: Staging, content: np.ndarray, count: np.ndarray) -> None:
    """The k-th of several identical rows gets an id of its own; only those rows are read again."""
    at = 0
    for batch in staging.batches():
        n = len(batch.ids)
        again = np.flatnonzero(count[at : at + n])
        for i, fields in zip(again, batch.hashed.take(pa.array(again)).to_pylist() if len(again) else [], strict=True):
            new = record_id(batch.hashes[int(i)].as_py().hex(), fields.encode(), int(count[at + i]))
            content[at + i] = from_bytes(bytes.fromhex(new))[0]
        at += n


def _doubled(staging: Staging, again: np.ndarray) -> list[Quarantined]:
    aside = []
    at = 0
    for batch in staging.batches():
        n = len(batch.ids)
        for i in np.flatnonzero(again[at : at + n]):
            file, _, line = str(batch.locators[int(i)]).rpartition(":")
            reason = "its id stands in an earlier row of this import already; that row was kept"
            aside.append(Quarantined(file, int(line), reason) if line.isdecimal() else Quarantined(line, None, reason))
        at += n
    return aside


def _digest(ids: np.ndarray, content: np.ndarray, roles: Roles) -> str:
    order = sorted_order(ids)
    hashed = hashlib.blake2b(canonical_json([roles.text, roles.label, roles.id]), digest_size=16)
    hashed.update(np.ascontiguousarray(ids[order]).view(ID).tobytes())
    if roles.id:
        hashed.update(np.ascontiguousarray(content[order]).tobytes())
    return hashed.hexdigest()
