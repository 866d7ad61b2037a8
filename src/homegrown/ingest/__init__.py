"""Source → Record: parsed, normalised, content-addressed; a second import adds nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homegrown.core.lazy import on_demand

if TYPE_CHECKING:
    from homegrown.ingest.importer import IngestRequest, import_file
    from homegrown.ingest.look import preview
    from homegrown.ingest.texts import columns_of_file, texts_of_file

# On demand also for the child of ``homegrown.ingest.isolated``, which needs one reader and nothing of the store.
__getattr__ = on_demand(
    __name__,
    {
        "IngestRequest": "homegrown.ingest.importer",
        "columns_of_file": "homegrown.ingest.texts",
        "import_file": "homegrown.ingest.importer",
        "preview": "homegrown.ingest.look",
        "texts_of_file": "homegrown.ingest.texts",
    },
)

__all__ = ["IngestRequest", "columns_of_file", "import_file", "preview", "texts_of_file"]
