import csv

import pytest

from homegrown.workspace import connect


@pytest.fixture
def ws(tmp_path):
    with connect(tmp_path / "work") as ws:
        yield ws


@pytest.fixture
def put(ws, tmp_path):
    """Import rows (dictionaries) as a file of the given name."""

    def put(rows, name="rows.csv", label="label"):
        with (tmp_path / name).open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        return ws.ingest(tmp_path / name, text="text", label=label)

    return put


@pytest.fixture
def rows_of(ws):
    """The rows of a snapshot, joined with text and fields, as dictionaries."""

    def rows_of(snapshot):
        found = ws.store.snapshots.read(snapshot.snapshot_id).to_pylist()
        records = {r.record_id: r for r in ws.store.records.get([f["record_id"] for f in found])}
        return [{**f, "text": records[f["record_id"]].text, **records[f["record_id"]].fields} for f in found]

    return rows_of
