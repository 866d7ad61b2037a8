"""What may leave, who may use how much, and the one switch for everything."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import httpx
import pytest

from homegrown.core.access import Role
from homegrown.core.routing import KeyLimits, RouteConfig
from homegrown.core.traces import Wire, answer_of
from homegrown.errors import ForbiddenError, InputError, NotFoundError, OfflineError
from homegrown.gateway.limits import Admission, SteadyClock
from homegrown.gateway.veil import Veil
from homegrown.inference.in_loop import in_loop
from homegrown.inference.outbound import Outbound
from homegrown.workspace import connect
from homegrown.workspace.declared import apply_declaration
from tests.gateway.conftest import Leaves, Target, until

CHAT = "/v1/chat/completions"
TEXT = 'I am "anna@example.org", call +49 170 1234567 or anna@example.org; [EMAIL_1] is mine. ünïcode 🙂 [x]'
BODY = {"model": "m", "messages": [{"role": "system", "content": "be kind"}, {"role": "user", "content": TEXT}]}
TOOLS = [{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}]


@pytest.fixture
def raw(bed):
    with bed.served.client(Role.CALLER) as one:
        yield one


def said_in(stream):
    """What the deltas of a stream add up to: text and a tool's arguments."""
    text = ""
    for line in stream.splitlines():
        if line.startswith("data: {"):
            event = json.loads(line[6:])
            for choice in event.get("choices", []):
                delta = choice["delta"]
                text += delta.get("content") or ""
                text += "".join(t["function"]["arguments"] for t in delta.get("tool_calls", []))
            text += event["delta"] if event.get("type") == "response.output_text.delta" else ""
            text += event["delta"].get("text", "") if event.get("type") == "content_block_delta" else ""
    return text


def test_personal_data_stays_and_comes_back(bed, raw):
    bed.route("default", leaves=Leaves.MASK)
    whole = raw.post(CHAT, json=BODY).json()["choices"][0]["message"]["content"]
    assert whole == f"You said: {TEXT}"
    sent = json.loads(bed.upstream.seen()[0]["body"])
    assert sent["messages"][1]["content"] == (
        'I am "[EMAIL_2]", call [PHONE_1] or [EMAIL_2]; [EMAIL_1] is mine. ünïcode 🙂 [x]'
    )
    assert sent["messages"][0] == BODY["messages"][0]
    call = bed.last()
    assert (answer_of(call), call.request) == (f"You said: {TEXT}", BODY)  # at home it is known as it was


@pytest.mark.parametrize("fault", ["", "bytes", "crlf"])
@pytest.mark.parametrize("path", [CHAT, "/v1/responses", "/v1/messages"])
def test_streams_put_it_back_though_placeholders_come_in_pieces(bed, raw, path, fault):
    bed.route("default", leaves=Leaves.MASK)
    bed.upstream.plan(always=fault)
    body = {**BODY, "input": TEXT, "stream": True}
    answer = raw.post(path, json=body)
    assert said_in(answer.text) == f"You said: {TEXT}"
    assert b"anna" not in bed.upstream.seen()[-1]["body"]
    assert answer_of(bed.last()) == f"You said: {TEXT}"
    if path == CHAT:
        with_tools = raw.post(path, json={**body, "tools": TOOLS})
        assert json.loads(said_in(with_tools.text)) == {"said": TEXT}
        assert answer.text.rstrip().endswith("data: [DONE]")


def test_where_nothing_is_found_not_a_byte_is_changed(bed, raw):
    bed.route("default", leaves=Leaves.MASK)
    body = b'{ "model" : "m", "messages":[{"role":"user","content":"no\\u006ebody"}], "n":1.0}'
    raw.post(CHAT, content=body, headers={"content-type": "application/json"})
    assert bed.upstream.seen()[0]["body"] == body


def test_quotes_are_kept_apart_in_a_tool_s_arguments():
    veil = Veil(Wire.CHAT)
    hidden = veil._placeholder("password", 'a"b\\c')
    assert json.loads(veil.lifted('{"x":"' + hidden + '"}', in_json=True)) == {"x": 'a"b\\c'}
    assert veil.lifted(hidden) == 'a"b\\c'


def test_home_only_and_refused_names_do_not_leave(bed, raw):
    bed.route("inside", leaves=Leaves.HOME)
    bed.route("never", leaves=Leaves.REFUSE)
    for name in ("inside", "never"):
        for path in ("chat/completions", "responses", "messages", "embeddings"):
            assert raw.post(f"/v1/{path}", json={**BODY, "model": name, "input": "x"}).status_code == 403
    assert bed.upstream.seen() == []


def test_offline_closes_every_way_out(bed, raw, monkeypatch):
    bed.ws.set_offline(True)
    try:
        until(lambda: bed.gateway.board.is_closed(), 3)
        for stream in (False, True):
            answer = raw.post(CHAT, json={**BODY, "stream": stream})
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "offline")
        assert {m["id"] for m in raw.get("/v1/models").json()["data"]} == {"all-minilm-l6-v2"}
        assert bed.gateway.health()["offline"]
    finally:
        bed.ws.set_offline(False)
    until(lambda: not bed.gateway.board.is_closed(), 3)
    assert bed.upstream.seen() == []
    assert raw.post(CHAT, json=BODY).status_code == 200
    monkeypatch.setenv("HOMEGROWN_OFFLINE", "1")

    async def go():
        async with Outbound((bed.first.origin,)).open() as out:
            await out.send("GET", bed.first.origin, "/v1/models")

    with pytest.raises(OfflineError):
        in_loop(go)
    assert raw.post(CHAT, json=BODY).status_code == 503


def test_the_file_says_offline_too(tmp_path):
    with connect(tmp_path / "ws") as ws:
        path = tmp_path / "homegrown.toml"
        path.write_text("homegrown = 1\noffline = true\n")
        assert [c.what for c in apply_declaration(ws, path)] == ["offline"]
        assert ws.is_offline
        assert apply_declaration(ws, path) == []
        path.write_text('homegrown = 1\noffline = "no"\n')
        with pytest.raises(InputError, match="true or false"):
            apply_declaration(ws, path)


def test_a_key_uses_no_more_than_it_may(bed):
    with bed.served.client(Role.CALLER) as client:
        known = bed.served.access.keys()
        name = next(k["name"] for k in known if k["role"] == "caller")
        bed.ws.limit_key(name, per_minute=3)
        until(lambda: bed.gateway.admission.limits, 3)
        statuses = [client.post(CHAT, json=BODY).status_code for _ in range(5)]
        assert statuses == [200, 200, 200, 429, 429]
        assert 1 <= int(client.post(CHAT, json=BODY).headers["retry-after"]) <= 60
        bed.ws.limit_key(name, max_open=2)
        until(lambda: next(iter(bed.gateway.admission.limits.values())).max_open, 3)
        bed.upstream.plan(delay_s=0.4)
        with ThreadPoolExecutor(8) as pool:
            statuses = [a.status_code for a in pool.map(lambda _: client.post(CHAT, json=BODY), range(8))]
        assert 200 in statuses
        assert bed.upstream.facts()["most_open"] <= 2
        bed.ws.limit_key(name, usd_per_day=1e-9)
        until(lambda: next(iter(bed.gateway.admission.limits.values())).usd_per_day, 3)
        assert client.post(CHAT, json=BODY).status_code == 429
        bed.ws.limit_key(name)
        until(lambda: not bed.gateway.admission.limits, 3)
        assert client.post(CHAT, json=BODY).status_code == 200


def test_a_clock_that_is_put_back_refills_no_budget():
    """RELIABILITY F10, T30."""
    admission = Admission()
    admission.begin_day("2026-11-25", {"a": 3.0})
    admission.turn("2025-11-25")
    assert admission._spent == {"a": 3.0}
    admission.turn("2026-11-26")
    assert admission._spent == {}
    clock = SteadyClock(datetime(2026, 11, 25, 23, 59, 59, tzinfo=UTC))
    assert clock.today() == "2026-11-25"
    clock._at -= 2.0
    assert clock.today() == "2026-11-26"
    clock._at -= 86_400.0
    assert clock.today() == "2026-11-27"


def test_only_an_owner_changes_where_calls_go(bed):
    builder = bed.ws.acting_as(next(iter([_actor(Role.BUILDER)])))
    for act in (
        lambda ws: ws.put_route("x", upstreams=["stub"]), lambda ws: ws.remove_route("default"),
        lambda ws: ws.limit_key("x"), lambda ws: ws.set_offline(True), lambda ws: ws.upstream_at("https://a.example/v1"),
    ):  # fmt: skip
        with pytest.raises(ForbiddenError):
            act(builder)
    with pytest.raises(NotFoundError, match="no upstream"):
        bed.ws.put_route("x", upstreams=["nowhere"])
    for config in ({"sample": 2.0}, {"keep_days": -1}, {"total_s": 0}, {"max_open": 0}, {}):
        with pytest.raises(InputError):
            RouteConfig(targets=(Target("u"),) if config else (), **config).check()
    with pytest.raises(InputError):
        KeyLimits(per_minute=0).check()
    with pytest.raises(InputError, match="allow, mask"):
        bed.ws.put_route("x", upstreams=["stub"], leaves="some")
    made = bed.ws.put_route("y", upstreams=["stub=small"], model="big")
    assert made.config.targets == (Target(bed.first.upstream_id, "small"),)


def _actor(role):
    from homegrown.core.access import Actor

    return Actor("actor_terminal", "person", "terminal", role)


def test_the_gateway_is_no_open_door(bed):
    body = {**BODY}
    for headers in ({}, {"x-api-key": "hg_wrong"}, {"authorization": "Bearer x' OR 1=1 --"}):
        for path in ("chat/completions", "responses", "messages", "embeddings"):
            assert httpx.post(f"{bed.served.origin}/v1/{path}", json=body, headers=headers).status_code == 401
    with bed.served.client(Role.ANNOTATOR) as other:
        assert other.post(CHAT, json=body).status_code == 403
    assert bed.upstream.seen() == []


def test_a_slow_look_never_puts_an_older_state_over_a_newer_one(bed, monkeypatch):
    board, routes = bed.gateway.board, bed.ws.store.routes
    listed, has_read, may_go_on = type(routes).list, threading.Event(), threading.Event()

    def slow(self):
        found = listed(self)
        if threading.current_thread().name == "slow":
            has_read.set()
            may_go_on.wait(5)
        return found

    monkeypatch.setattr(type(routes), "list", slow)
    bed.ws.put_route("earlier", upstreams=["stub"])

    def look():
        with board._looking:  # the server looks now and then too, and would find nothing left to read
            board._seen = -1
            board._look()

    first = threading.Thread(target=look, name="slow")
    first.start()
    assert has_read.wait(5)
    bed.ws.put_route("later", upstreams=["stub"])
    second = threading.Thread(target=board.look)
    second.start()
    second.join(0.5)
    may_go_on.set()
    first.join()
    second.join()
    assert {"earlier", "later"} <= board.table.routes.keys()
