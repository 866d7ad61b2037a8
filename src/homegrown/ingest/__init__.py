"""Source → Record: parsed, normalised, content-addressed; a second import adds nothing."""

from homegrown.ingest.importer import IngestRequest, import_file
from homegrown.ingest.preview import preview
from homegrown.ingest.texts import texts_of_file

__all__ = ["IngestRequest", "import_file", "preview", "texts_of_file"]
