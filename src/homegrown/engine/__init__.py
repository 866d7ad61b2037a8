"""One door for batch work over many records: here, or (later) on Ray."""

from homegrown.engine.local import map_batches

__all__ = ["map_batches"]
