"""Searches by words, before and beside the index, and pages of records."""

import pytest

from homegrown.errors import InputError, NotFoundError, QueryError
from homegrown.query.lookups import NO_INDEX


def texts(result):
    return sorted(r["text"] for r in result.rows())


@pytest.mark.parametrize("indexed", [False, True])
def test_search_as_condition_as_table_and_beside_a_join(ws, indexed):
    if indexed:
        assert ws.build_indexes().n_records == 6
    found = ["i want my money back", "please send the money back to me"]
    result = ws.sql("select text from records where search('money BACK')")
    assert texts(result) == found
    assert result.notes == (() if indexed else (NO_INDEX,))
    assert texts(ws.sql("select text from records r where search('money back') and fields->>'channel' = 'web'")) == [
        found[0]
    ]
    assert texts(ws.sql("select text, score from search('money back')")) == found
    assert len(ws.sql("select text, score from search('money', 1)")) == 1
    joined = "select r.text from records r join labels l using (record_id) where search('money') and l.class = 'refund'"
    assert texts(ws.sql(joined)) == found
    qualified = "select r.text from records r, votes v where v.record_id = r.record_id and search('card', r.record_id)"
    assert len(ws.sql(qualified)) == 2
    assert len(ws.sql("select * from records where search('card') or search('login')")) == 4
    assert len(ws.sql("select * from records where not search('card')")) == 4
    assert len(ws.sql("select * from records where search('nosuchword')")) == 0
    assert len(ws.sql("with c as (select * from records where search('card')) select * from c where n_chars > 20")) == 1


def test_new_records_are_found_before_the_index_knows_them(ws, tmp_path):
    ws.build_indexes()
    more = tmp_path / "more.csv"
    more.write_text("body\nthe zebra card\n")
    ws.ingest(more, text="body")
    assert texts(ws.sql("select text from records where search('zebra')")) == ["the zebra card"]


def test_pages_of_records(ws):
    seen, cursor = [], None
    while True:
        page = ws.search_records(limit=4, cursor=cursor)
        seen += [r.text for r in page.records]
        cursor = page.cursor
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 6
    page = ws.search_records("card", limit=1)
    assert page.cursor == "1"
    assert page.note == NO_INDEX
    assert len(page.scores) == 1
    rest = ws.search_records("card", limit=1, cursor=page.cursor)
    assert rest.cursor is None
    assert {page.records[0].text, rest.records[0].text} == {"where is my card", "my card has not arrived yet"}
    for bad in ("-1", "x", "9" * 20, "١"):
        with pytest.raises(InputError):
            ws.search_records("card", cursor=bad)
        with pytest.raises(InputError):
            ws.search_records(cursor=bad)
    with pytest.raises(InputError, match="Modes"):
        ws.search_records("x", mode="magic")


def test_pages_leave_out_retired_records(ws, tmp_path):
    path = tmp_path / "tickets.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], *lines[3:]]) + "\n")
    ws.ingest(path, text="body", label="intent")
    page = ws.search_records(limit=3)
    assert len(page.records) == 3
    rest = ws.search_records(limit=3, cursor=page.cursor)
    assert len(rest.records) == 1
    assert not ws.search_records("card").records


def test_selections_are_tables_and_ids(ws):
    ws.save_selection("refunds", "select * from records where search('money')")
    ws.save_selection("web_refunds", "select record_id, text from refunds where fields->>'channel' = 'web'")
    assert texts(ws.sql("select text from web_refunds")) == ["i want my money back"]
    assert len(ws.selected_ids("web_refunds")) == 1
    assert [s.name for s in ws.selections()] == ["refunds", "web_refunds"]
    with pytest.raises(QueryError):
        ws.save_selection("broken", "select nothing from records")
    for name in ("records", "search", "A", "x;y", "", "x" * 80):
        with pytest.raises(InputError):
            ws.save_selection(name, "select 1")
    ws.delete_selection("web_refunds")
    with pytest.raises(NotFoundError, match="refunds"):
        ws.selected_ids("web_refunds")
    actions = [r["action"] for r in ws.sql("select action from events where action like 'query.%' order by seq").rows()]
    assert actions == ["query.save_selection", "query.save_selection", "query.delete_selection"]


def test_selections_in_a_circle_are_refused(ws):
    ws.save_selection("a", "select 1 as x")
    ws.save_selection("b", "select x from a")
    ws.save_selection("a", "select 2 as x")
    ws.save_selection("a", "select x from b")
    with pytest.raises(QueryError, match="name one another in a circle"):
        ws.sql("select * from a")
