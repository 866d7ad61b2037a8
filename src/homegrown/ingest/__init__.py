"""Source → Record: parsed, normalised, content-addressed; a second import adds nothing."""

from homegrown.ingest.importer import import_file

__all__ = ["import_file"]
