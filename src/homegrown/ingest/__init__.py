"""Source → Record: parsed, normalised, content-addressed; a second import adds nothing."""

from homegrown.ingest.importer import import_file
from homegrown.ingest.preview import preview

__all__ = ["import_file", "preview"]
