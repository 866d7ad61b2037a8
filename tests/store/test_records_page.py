"""Paging through current records."""

import pyarrow as pa
import pytest

from homegrown.core.ids import now
from homegrown.errors import InputError
from homegrown.store.records import RECORDS, RecordStore


def _fill(folder, n, source="a.csv"):
    store = RecordStore(folder)
    rows = [
        {"record_id": f"{i:032x}", "text_hash": f"{i:032x}", "text": f"text {i}", "fields": "{}", "source": source,
         "source_id": "src_1", "external_id": None, "n_chars": 6, "created_at": now()}
        for i in range(n)
    ]  # fmt: skip
    store.table.append(pa.Table.from_pylist(rows, RECORDS).to_batches())
    return store


def _walk(store, limit, **options):
    seen, cursor = [], None
    while True:
        page = store.page(cursor, limit, **options)
        seen += [r.text for r in page.records]
        cursor = page.next_cursor
        if cursor is None:
            return seen, page


def test_pages_cover_every_current_record_once_and_back_again(tmp_path):
    store = _fill(tmp_path, 103)
    store.retire(pa.array([f"{i:032x}" for i in range(20, 60)]))
    kept = [f"text {i}" for i in range(103) if not 20 <= i < 60]
    seen, last = _walk(store, 10)
    assert seen == kept
    back = [r.text for r in last.records]
    while last.previous_cursor:
        last = store.page(last.previous_cursor, 10)
        back = [r.text for r in last.records] + back
    assert back == kept


def test_a_page_of_one_source_and_of_nothing(tmp_path):
    store = _fill(tmp_path, 5)
    assert len(store.page(source="a.csv").records) == 5
    assert store.page(source="o'b").records == []
    assert RecordStore(tmp_path / "none").page().records == []


@pytest.mark.parametrize("cursor", ["x", "", "n-1", "n1' or 1", "n" + "9" * 30])
def test_a_foreign_cursor_is_refused(tmp_path, cursor):
    with pytest.raises(InputError, match="first page"):
        _fill(tmp_path, 1).page(cursor)


@pytest.mark.parametrize("limit", [0, 1001])
def test_a_page_has_bounds(tmp_path, limit):
    with pytest.raises(InputError):
        _fill(tmp_path, 1).page(limit=limit)
