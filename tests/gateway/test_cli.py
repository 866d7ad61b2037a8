"""``homegrown gateway`` in the terminal; that it serves is in test_capture's kill."""

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from homegrown.cli.main import cli
from homegrown.core.access import SYSTEM, Role
from homegrown.errors import InputError
from homegrown.govern.access import Access
from homegrown.server import gateway_routes
from homegrown.store.captured import Ended
from homegrown.workspace import connect
from tests.gateway.test_capture import row


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("HOMEGROWN_WORKSPACE", str(tmp_path / "ws"))

    def go(*words):
        done = CliRunner().invoke(cli, list(words), catch_exceptions=False, standalone_mode=False)
        return done.output

    return go


def test_routes_limits_calls_and_offline(run, tmp_path):
    run("govern", "upstream", "add", "big", "http://127.0.0.1:9/v1", "--model", "*", "--private")
    made = json.loads(
        run("gateway", "route", "gpt", "--upstream", "big=small", "--leaves", "mask", "--keep-days", "7", "--json")
    )
    assert (made["targets"][0]["model"], made["leaves"], made["keep_days"]) == ("small", "mask", 7.0)
    assert "gpt → big as small; leaves: mask; kept durable, for 7 days" in run("gateway", "routes")
    with connect(tmp_path / "ws") as ws:
        Access(ws.store.db).add_key(SYSTEM, "desk", Role.CALLER)
        one = row()
        answer = {"choices": [{"message": {"content": "refund"}}]}
        done = Ended(
            one.trace_id, "whole", 200, None, json.dumps(answer), 1, 1, 0.002, 0.5, 0.1, "{}", None, one.created_at
        )
        ours = row()
        home = replace(done, trace_id=ours.trace_id, cost_usd=0.0, version_id="version_ours")
        ws.store.captured.write([one, ours], [done, home])
    assert json.loads(run("gateway", "limit", "desk", "--per-minute", "60", "--json"))["per_minute"] == 60
    assert "no limits" in run("gateway", "limit", "desk")
    listed = run("gateway", "calls")
    assert "m  0.50 s  0.002000 USD  refund" in listed
    assert "m  at home  0.50 s  0.000000 USD  refund" in listed
    assert json.loads(run("gateway", "calls", "--json"))["counts"] == {"whole": 2}
    assert json.loads(run("gateway", "drop", "gpt", "--json"))["removed"] is True
    assert json.loads(run("govern", "offline", "on", "--json")) == {"offline": True}
    assert "Online" in run("govern", "offline", "off")


def test_without_an_upstream_it_says_what_is_missing(run):
    with pytest.raises(InputError, match="--upstream"):
        run("gateway", "--port", "0")
    with pytest.raises(InputError, match="--private"):
        run("gateway", "--upstream", "http://127.0.0.1:9/v1", "--port", "0")


def test_by_itself_it_has_no_studio():
    assert {r.path.split("/")[1] for r in gateway_routes()} == {"v1", "healthz", "metrics"}
