"""SQL over every noun."""

import threading
import time

import pytest

from homegrown.errors import QueryError
from homegrown.query import VIEWS, Limits


def one(ws, sql, *parameters):
    rows = ws.sql(sql, list(parameters) or None).rows()
    assert len(rows) == 1
    values = list(rows[0].values())
    return values[0] if len(values) == 1 else values


def test_the_query_of_the_design_works(ws):
    rows = ws.sql("select fields->>'channel', count(*) from records group by all order by 2 desc, 1").rows()
    assert [tuple(r.values()) for r in rows] == [("app", 2), ("web", 2), ("mail", 1), ("phone", 1)]


def test_every_view_can_be_read(ws):
    assert len(VIEWS) == 39
    for name in VIEWS:
        result = ws.sql(f"select * from {name}")
        assert result.columns, name
    assert one(ws, "select count(*) from records") == 6
    assert one(ws, "select count(*) from votes where class = 'bug' and kind = 'imported' and task = 'intent'") == 2
    assert one(ws, "select count(*) from labels where class = 'refund' and prob = 1 and not gold") == 2
    assert one(ws, "select n_records, name from sources") == [6, "tickets.csv"]
    assert one(ws, "select n_classes from tasks") == 3
    assert one(ws, "select count(*) from events where actor = 'terminal' and action = 'ingest.import'") == 1
    assert one(ws, "select details->>'n_records' from events where action = 'ingest.import'") == "6"


def test_secrets_are_no_tables(ws):
    for name in ("api_keys", "sessions", "login_links", "settings", "_api_keys"):
        with pytest.raises(QueryError, match=r"does not exist.*Tables here: records"):
            ws.sql(f"select * from {name}")


def test_older_content_is_not_shown(ws, tmp_path):
    (tmp_path / "tickets.csv").write_text("body,intent,channel,n\nwhere is my new card,delivery,web,1\n")
    ws.ingest(tmp_path / "tickets.csv", text="body", label="intent")
    assert one(ws, "select text from records") == "where is my new card"
    assert one(ws, "select count(*) from all_records") == 7
    assert [r["text"] for r in ws.sql("select text from records where search('card')").rows()] == [
        "where is my new card"
    ]


def test_answers_turn_into_what_people_work_in(ws):
    result = ws.sql("select text, n_chars, created_at from records order by text")
    assert len(result) == 6
    assert result.arrow.num_rows == 6
    assert result.to_pandas()["n_chars"].iloc[0] == len(result.rows()[0]["text"])
    assert result.to_polars().height == 6
    assert result.rows()[0]["created_at"].tzinfo is not None


def test_parameters_are_values_never_sql(ws):
    assert one(ws, "select count(*) from records where source = ?", "tickets.csv") == 6
    assert one(ws, "select count(*) from records where text = ?", "' or 1=1 --") == 0


def test_max_rows_says_that_it_cut(ws):
    result = ws.sql("select * from records", max_rows=2)
    assert (len(result), result.truncated) == (2, True)
    assert not ws.sql("select * from records", max_rows=6).truncated


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("selec 1", "syntax error"),
        ("select 1; select 2", "One SELECT at a time"),
        ("", "One SELECT at a time"),
        ("insert into records values (1)", "Only SELECT is allowed; this is INSERT"),
        ("drop view records", "Only SELECT is allowed; this is DROP"),
        ("create table x as select 1", "Only SELECT"),
        ("copy records to 'x.csv'", "Only SELECT"),
        ("attach 'x.db'", "Only SELECT"),
        ("install httpfs", "Only SELECT"),
        ("set memory_limit = '1TB'", "Only SELECT"),
        ("pragma database_list", "Only SELECT"),
        ("select * from read_csv('/etc/passwd')", "closed to it"),
        ("select * from read_text('/etc/passwd')", "closed to it"),
        ("select * from glob('/*')", "closed to it"),
        ("select * from read_parquet('http://127.0.0.1/x')", "closed to it|failed"),
        ("select * from '/etc/passwd'", "does not exist"),
        ("select * from query('select * from read_csv(''/etc/passwd'')')", "closed to it"),
        ("select * from enable_logging(storage='file', storage_path='x')", "cannot change settings"),
        ("select nothing from records", 'column "nothing" not found'),
        ("select * from nothing", "Tables here: records"),
        ("select * from recrods", "Did you mean records"),
        ("select cast('x' as int)", "Could not convert"),
        ("select search(text) from records", "takes a text in quotes"),
        ("select * from search('')", "nothing to look for"),
        ("select * from search('x', 0)", "at least 1"),
        ("select '\ud800'", "no valid text"),
    ],
)
def test_refusals_are_one_sentence(ws, sql, says):
    with pytest.raises(QueryError, match=says) as caught:
        ws.sql(sql)
    message = caught.value.message
    assert "\n" not in message
    assert "Traceback" not in message
    assert not list(ws.store.layout.folder("tmp").iterdir())


def test_a_query_that_takes_too_long_is_stopped(ws):
    started, n_threads = time.monotonic(), threading.active_count()
    with pytest.raises(QueryError, match=r"stopped after 0\.5 s"):
        ws.sql("select count(*) from range(1000000000000) a(i) where i % 7 = 3", limits=Limits(seconds=0.5))
    assert time.monotonic() - started < 10
    assert threading.active_count() <= n_threads + 4, "the query runs on"


def test_memory_is_bounded_and_the_spill_stays_inside(ws):
    limits = Limits(memory_mb=60, disk_mb=1, threads=1)
    with pytest.raises(QueryError, match="more than 60 MB of memory"):
        ws.sql(
            "select * from (select md5(i::varchar) h, i from range(3000000) t(i)) order by h limit 2000000",
            limits=limits,
        )
    with pytest.raises(QueryError, match="larger than 1 MB"):
        ws.sql("select repeat('x', 1000) from range(100000)", limits=Limits(result_mb=1))
    assert not list(ws.store.layout.folder("tmp").iterdir())


def test_names_of_the_workspace_win_over_the_machine(ws, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert (tmp_path / "tickets.csv").exists()
    with pytest.raises(QueryError):
        ws.sql("select * from 'tickets.csv'")
