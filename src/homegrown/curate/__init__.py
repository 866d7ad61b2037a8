"""Records and labels → a frozen Snapshot with splits."""

from homegrown.curate.freeze import freeze

__all__ = ["freeze"]
