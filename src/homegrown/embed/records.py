"""Give every current record its vector."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from homegrown.store.events import record_event

if TYPE_CHECKING:
    from collections.abc import Iterator

    from homegrown.core.protocols import Progress
    from homegrown.inference.cached import CachedEncoder
    from homegrown.store import Store


@dataclass(frozen=True, slots=True)
class EmbedReport:
    """What an embedding did.

    Attributes:
        embedder: fingerprint: weights, pooling, window length, precision.
        n_records: current records.
        n_texts: distinct texts among them.
        n_embedded: distinct texts that had no vector yet.
        seconds: wall time.
        texts_per_s: of the texts that were embedded.
        share_read: share of their tokens that reached a vector.
        n_windowed: texts longer than one window, read in several.
        n_unknown: tokens outside the encoder's vocabulary.
        n_foreign: texts that look foreign to the encoder.
        warnings: the same as sentences, where it matters.
    """

    embedder: str
    n_records: int
    n_texts: int
    n_embedded: int
    seconds: float
    texts_per_s: float = 0.0
    share_read: float = 1.0
    n_windowed: int = 0
    n_unknown: int = 0
    n_foreign: int = 0
    warnings: tuple[str, ...] = ()


def embed_records(store: Store, encoder: CachedEncoder, progress: Progress) -> EmbedReport:
    """Embed what is not embedded yet; killed and run again, it goes on.

    Args:
        store: the opened workspace.
        encoder: the embedder with its vectors table behind it.
        progress: told of each batch of texts; may cancel, and what was committed by then is kept.
    """
    started = time.monotonic()
    n_records, wanted = 0, set[str]()
    for batch in store.records.batches(["text_hash"]):
        n_records += batch.num_rows
        wanted.update(batch["text_hash"].to_pylist())
    n_texts = len(wanted)
    wanted -= encoder.known()
    n_missing = len(wanted)
    progress.start("embed", n_missing, "texts")
    begun, before = time.monotonic(), encoder.reading
    for texts in _wanted_texts(store, wanted):
        encoder.add(texts, progress)
    spent = max(time.monotonic() - begun, 1e-9)
    progress.finish()
    if n_missing:
        table = f"table:vectors_{encoder.fingerprint}"
        with store.db.write() as connection:
            record_event(connection, store.actor, "embed.add", table, n_texts=n_missing)
    reading = encoder.reading - before
    return EmbedReport(
        embedder=encoder.fingerprint,
        n_records=n_records,
        n_texts=n_texts,
        n_embedded=n_missing,
        seconds=time.monotonic() - started,
        texts_per_s=n_missing / spent,
        share_read=reading.share_read,
        n_windowed=reading.n_windowed,
        n_unknown=reading.n_unknown,
        n_foreign=reading.n_foreign,
        warnings=tuple(reading.warnings()),
    )


def _wanted_texts(store: Store, wanted: set[str]) -> Iterator[dict[str, str]]:
    """Texts by hash, batch by batch, each hash of *wanted* once; empties *wanted* as it goes."""
    for batch in store.records.batches(["text_hash", "text"]):
        pairs = zip(batch["text_hash"].to_pylist(), batch["text"].to_pylist(), strict=True)
        texts = {h: t for h, t in pairs if h in wanted}
        wanted.difference_update(texts)
        if texts:
            yield texts
        if not wanted:
            return
