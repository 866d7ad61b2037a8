"""The workspace on disk: database, Lance tables, model bundles, snapshots, the event log, migrations."""

from homegrown.store.store import Store

__all__ = ["Store"]
