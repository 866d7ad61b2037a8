"""Charges from captured calls, and comparisons that start from them; on SQLite and on PostgreSQL."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from homegrown.core.ids import timestamp
from homegrown.errors import InputError
from homegrown.store import tables
from homegrown.workspace import connect

DAY = datetime(2026, 11, 20, 12, tzinfo=UTC)


def call(ws, n, **changed):
    """One captured call of 1,000 tokens sent and 100 answered, an hour after the one before."""
    row = {
        "trace_id": f"trace_{n:03}", "project_id": "project_default", "origin": "test", "wire": "chat", "model": "gpt-x",
        "state": "whole", "status": 200, "is_stream": 0, "request": "{}", "tags": "{}", "n_tokens_in": 1000,
        "n_tokens_out": 100, "created_at": timestamp(DAY + timedelta(hours=n)), "actor_id": "actor_terminal", **changed,
    }  # fmt: skip
    with ws.store.db.write() as connection:
        connection.execute(sa.insert(tables.captured).values(**row))


def fill(ws):
    ws.add_upstream("mine", "https://api.example.org/v1", model="gpt-x", price_in_usd=1, price_out_usd=10)
    upstream_id = ws.store.upstreams.get("mine").upstream_id
    task = ws.task("intent", classes=["a", "b"])
    with ws.store.db.write() as connection:
        connection.execute(
            sa.insert(tables.templates).values(
                template_id="tpl_1", project_id="project_default",
                task_id=ws.store.tasks.find("intent").task_id, state="accepted", details="{}", created_at="z",
            )
        )  # fmt: skip
    assert task is not None
    call(ws, 0, cost_usd=0.5)  # noted: that counts, whatever the tokens would cost
    call(ws, 1, upstream_id=upstream_id, template_id="tpl_1")  # 0.001 + 0.001
    call(ws, 2, upstream_id=upstream_id, actor_id="actor_system")
    call(ws, 24, upstream_id=upstream_id, n_tokens_in=2000, template_id="tpl_1")  # 0.002 + 0.001
    call(ws, 25, model="other")  # no price
    call(ws, 26, upstream_id=upstream_id, n_tokens_in=None)  # no tokens
    call(ws, 27, version_id="mv_1")  # at home
    call(ws, 28, state="failed", status=500, n_tokens_in=None, n_tokens_out=None)


def assert_added_up(ws):
    days = {c.group: c for c in ws.charges()}
    assert list(days) == ["2026-11-21", "2026-11-20"]
    assert days["2026-11-20"].cost_usd == pytest.approx(0.504)
    assert days["2026-11-21"].cost_usd == pytest.approx(0.003)
    assert (days["2026-11-21"].n_calls, days["2026-11-21"].n_unpriced, days["2026-11-21"].n_at_home) == (5, 2, 1)
    keys = {c.name: c.cost_usd for c in ws.charges("key")}
    assert keys == {"terminal": pytest.approx(0.505), "system": pytest.approx(0.002)}
    tasks = {c.name: (c.n_calls, c.cost_usd) for c in ws.charges("task")}
    assert tasks == {"intent": (2, pytest.approx(0.005)), "no task": (6, pytest.approx(0.502))}
    assert [c.name for c in ws.charges("model")] == ["gpt-x", "other"]
    traces = {c.group: c for c in ws.charges("trace", since="2026-11-20", until="2026-11-21")}
    assert list(traces) == ["trace_002", "trace_001", "trace_000"]
    assert traces["trace_001"].cost_usd == pytest.approx(0.002)
    with pytest.raises(InputError, match="day, key, task, model, trace"):
        ws.charges("moon")


def test_charges_are_added_up_by_day_key_task_model_and_trace(tmp_path):
    with connect(tmp_path / "w") as ws:
        fill(ws)
        assert_added_up(ws)
        assert sum(c.n_calls for c in ws.charges("trace")) == sum(c.n_calls for c in ws.charges("day"))


def test_charges_on_postgresql(tmp_path, postgres):
    with connect(tmp_path / "w", database_url=postgres) as ws:
        fill(ws)
        assert_added_up(ws)
        assert ws.recent_traffic().upstream == "mine"


def test_a_price_of_the_day_prices_the_calls_of_that_day(tmp_path):
    with connect(tmp_path / "w") as ws:
        for n in (0, 24, 48):
            call(ws, n)
        assert [c.n_unpriced for c in ws.charges()] == [1, 1, 1]
        assert "API small-api" in [o.title for o in ws.compare_costs().options]
        ws.set_price("upstream", "gpt-x", valid_from="2026-11-21", price_in_usd=1, price_out_usd=0)
        ws.set_price("upstream", "gpt-x", valid_from="2026-11-22", price_in_usd=5, price_out_usd=0)
        assert "API gpt-x" in [o.title for o in ws.compare_costs().options]
        # The day before the first price takes the first.
        assert [round(c.cost_usd, 6) for c in ws.charges()] == [0.005, 0.001, 0.001]


def test_a_comparison_starts_from_what_was_captured(tmp_path):
    with connect(tmp_path / "w") as ws:
        with pytest.raises(InputError, match="No calls have been captured yet"):
            ws.compare_costs()
        assert ws.recent_traffic() is None
        fill(ws)
        seen = ws.recent_traffic()
        assert (seen.n_calls, seen.upstream) == (7, "mine")
        assert seen.days == pytest.approx(27 / 24)
        done = ws.compare_costs()
        assert done.calls_per_day == pytest.approx(7 / (27 / 24))
        origins = {i.name: i.origin for i in done.inputs}
        assert origins["calls_per_day"] == "measured"
        assert "API mine" in [o.title for o in done.options]
        assert done.break_even_month is None
        assert "stay with mine" in done.sentence


def test_a_call_in_the_future_does_not_thin_the_traffic_out(tmp_path):
    """A clock that jumped ahead by years and back again."""
    with connect(tmp_path / "w") as ws:
        call(ws, 0)
        call(ws, 1)
        call(ws, 2, created_at="2071-01-01T00:00:00.000000+00:00")
        assert ws.recent_traffic().calls_per_day >= 1
        assert len(ws.charges()) == 2


def test_what_was_answered_at_home_is_the_coverage_of_the_mix(tmp_path):
    with connect(tmp_path / "w") as ws:
        ws.add_upstream("mine", "https://api.example.org/v1", model="gpt-x", price_in_usd=1, price_out_usd=10)
        upstream_id = ws.store.upstreams.get("mine").upstream_id
        for n in range(40):
            call(ws, n, upstream_id=upstream_id)
        assert _coverage(ws) == (1.0, "assumed")
        for n in range(40, 100):  # of these 60 a model answered 45; its words are no tokens
            is_home = n % 4 == 0 or n % 2 == 1
            call(ws, n, **({"version_id": "mv_1", "n_tokens_in": 9} if is_home else {"upstream_id": upstream_id}))
        assert _coverage(ws) == (0.75, "measured")
        assert _coverage(ws, coverage=0.5) == (0.5, "asked")
        assert ws.recent_traffic().n_tokens_in == 1000
        assert ws.compare_costs().home == "mix"


def _coverage(ws, **said):
    found = next(i for i in ws.compare_costs(**said).inputs if i.name == "coverage")
    return found.value, found.origin
