"""Give every current record its vector."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from homegrown.core.protocols import Progress
    from homegrown.inference.cached import CachedEncoder
    from homegrown.store import Store


@dataclass(frozen=True, slots=True)
class EmbedReport:
    """What an embedding did.

    Attributes:
        n_records: current records.
        n_embedded: distinct texts that had no vector yet.
        seconds: wall time.
    """

    embedder: str
    n_records: int
    n_embedded: int
    seconds: float


def embed_records(store: Store, encoder: CachedEncoder, progress: Progress) -> EmbedReport:
    """Embed what is not embedded yet; killed and run again, it goes on."""
    started = time.monotonic()
    n_records = store.records.count()
    progress.start("embed", n_records)
    n_embedded = 0
    for batch in store.records.batches(["text_hash", "text"]):
        texts = dict(zip(batch["text_hash"].to_pylist(), batch["text"].to_pylist(), strict=True))
        n_embedded += encoder.ensure(texts, progress)
    progress.finish()
    return EmbedReport(encoder.fingerprint, n_records, n_embedded, time.monotonic() - started)
