"""Runs batch functions on this machine, in order, with bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow as pa

    from homegrown.core.protocols import BatchFunction, Progress


def map_batches(
    function: BatchFunction, batches: Iterable[pa.RecordBatch], progress: Progress | None = None
) -> Iterator[pa.RecordBatch]:
    """Apply *function* to each batch, lazily; one batch is in memory at a time.

    Example:
        >>> list(map_batches(lambda batch: batch, []))
        []
    """
    for batch in batches:
        result = function(batch)
        if progress is not None:
            progress.advance(batch.num_rows)
        yield result
