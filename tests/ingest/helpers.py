"""What the tests of this room share."""

from dataclasses import replace

from homegrown.core.progress import Silent
from homegrown.core.records import Cells, Notice, Parsed, Quarantined, ReadOptions
from homegrown.ingest import IngestRequest, import_file
from homegrown.ingest.inputs import readers


def read(path, options=None, **changes):
    """(rows as dictionaries, quarantined, notices, locators) of one file."""
    reader = readers()[path.suffix.lower()]()
    rows, aside, notices, locators = [], [], [], []
    for item in reader.read(path, path.name, replace(options or ReadOptions(), **changes)):
        if isinstance(item, Cells):
            cells = [c.to_pylist() for c in item.columns]
            rows += [dict(zip(item.names, row, strict=True)) for row in zip(*cells, strict=True)]
            locators += [f"{item.file}:{line}" for line in item.lines.to_pylist()]
        elif isinstance(item, Parsed):
            rows.append(item.fields)
            locators.append(item.locator)
        else:
            assert isinstance(item, (Quarantined, Notice))
            (aside if isinstance(item, Quarantined) else notices).append(item)
    return rows, aside, notices, locators


def ingest(store, path, text="text", **options):
    """Import *path*."""
    return import_file(store, IngestRequest(path, text, **options), progress=Silent())


def fields(store):
    """Fields of all current records, in the order of storage."""
    page = store.records.page(limit=1000)
    assert page.next_cursor is None
    return [r.fields for r in page.records]
