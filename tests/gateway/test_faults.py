"""What an upstream can do to us, and what the caller, the book and the other upstreams see of it (F11 to F17, T29)."""

import gzip
import json
import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import openai
import pytest

from homegrown.core.access import Role
from homegrown.core.traces import CallState, answer_of
from tests.gateway.conftest import Target, listening, until

MESSAGES = [{"role": "user", "content": "where is my card? ünïcode 🙂"}]
BODY = {"model": "m", "messages": MESSAGES}
STREAM = {**BODY, "stream": True}
SAID = "You said: where is my card? ünïcode 🙂"
CHAT = "/v1/chat/completions"


@pytest.fixture
def raw(bed):
    with bed.served.client(Role.CALLER) as one:
        yield one


def broken(raw, body, path=CHAT):
    """What comes of a stream that is not brought to its end, and the head of it."""
    got = b""
    try:
        with raw.stream("POST", path, json=body) as answer:
            for piece in answer.iter_bytes():
                got += piece
    except httpx.RemoteProtocolError:
        return got, answer.headers
    raise AssertionError("it came to its end")


def quick(bed, *targets, **options):
    """The default route with short times."""
    times = {"connect_s": 1.0, "first_byte_s": 0.4, "between_s": 0.4, "total_s": 3.0, "retry_s": 0.0}
    bed.route("default", *targets, **{**times, **options})


@pytest.mark.parametrize("body", [BODY, STREAM])
def test_silence_ends_at_its_limit(bed, raw, body):
    quick(bed)
    bed.upstream.plan("silent")
    started = time.monotonic()
    answer = raw.post(CHAT, json=body)
    assert 0.3 < time.monotonic() - started < 3
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "upstream_timeout")
    call = bed.last(answer.headers["x-homegrown-trace"])
    assert (call.state, call.status, call.response) == (CallState.FAILED, 504, None)
    until(lambda: bed.upstream.facts()["n_open"] == 0, 2)
    assert bed.gateway.admission.n_open == 0


def test_silence_between_two_pieces_and_too_long_as_a_whole(bed, raw):
    for fault, options, code in (
        ("gap:5", {}, b"upstream_timeout"),
        ("gap:0.3", {"total_s": 1.0}, b"upstream_timeout"),
    ):
        quick(bed, **options)
        bed.upstream.plan(fault)
        got, _ = broken(raw, STREAM)
        assert code in got
        assert b"[DONE]" not in got
        assert bed.last().state is CallState.TRUNCATED
        until(lambda: bed.upstream.facts()["n_open"] == 0, 2)


@pytest.mark.parametrize("fault", ["cut", "reset"])
@pytest.mark.parametrize("n", [0, 1, 5, 9])
def test_a_stream_that_breaks_off_says_so_and_is_no_lesson(bed, raw, fault, n):
    bed.upstream.plan(f"{fault}:{n}")
    got, head = broken(raw, STREAM)
    assert json.loads(got.rpartition(b"data: ")[2])["error"]["code"] == "upstream"
    assert b"[DONE]" not in got
    call = bed.last(head["x-homegrown-trace"])
    assert call.state is CallState.TRUNCATED
    assert SAID.startswith(answer_of(call) or "")
    if n > 2:
        assert answer_of(call)
        assert call.response["choices"][0]["finish_reason"] is None
    assert call not in list(bed.ws.store.captured_imports.whole())
    with openai.OpenAI(
        base_url=f"{bed.served.origin}/v1", api_key=bed.served.key(Role.CALLER), max_retries=0
    ) as client:
        bed.upstream.plan(f"{fault}:{n}")
        with pytest.raises(openai.APIError, match="broke off"):
            list(client.chat.completions.create(**STREAM))


def test_a_whole_answer_that_breaks_off_is_a_502(bed, raw):
    for fault in ("cut", "reset"):
        bed.upstream.plan(f"{fault}:0")
        answer = raw.post(CHAT, json=BODY)
        assert (answer.status_code, answer.json()["error"]["type"]) == (502, "server_error")
        assert bed.last().state is CallState.FAILED
    assert len(bed.upstream.seen()) == 2  # it may have cost: never sent again by itself


def test_anthropic_s_streams_break_off_in_their_own_words(bed, raw):
    bed.upstream.plan("cut:4")
    got, _ = broken(raw, STREAM, "/v1/messages")
    assert b'event: error\ndata: {"type":"error"' in got
    assert bed.last().state is CallState.TRUNCATED


@pytest.mark.parametrize(
    ("fault", "state"), [("no-done", "whole"), ("error", "truncated"), ("long:10000000", "truncated")]
)
def test_odd_streams_pass_as_they_are(bed, raw, fault, state):
    bed.upstream.plan(fault, fault)
    here, there = raw.post(CHAT, json=STREAM), httpx.post(f"{bed.upstream.base_url}/chat/completions", json=STREAM)
    assert here.content == there.content
    assert bed.last().state.value == state


def test_other_content_types_and_packed_answers_pass(bed, raw):
    bed.upstream.plan("html", "plain", "json", "gzip", "gzip")
    page = raw.post(CHAT, json=BODY)
    assert (page.text, page.headers["content-type"]) == ("<html>maintenance</html>", "text/html")
    assert (bed.last().state, bed.last().response) == (CallState.FAILED, None)
    plain = raw.post(CHAT, json=STREAM)
    assert plain.headers["content-type"] == "text/plain"
    assert (bed.last().state, answer_of(bed.last())) == (CallState.WHOLE, SAID)
    assert raw.post(CHAT, json=STREAM).json()["choices"][0]["message"]["content"] == SAID
    assert bed.last().state is CallState.WHOLE
    for body in (BODY, STREAM):
        with raw.stream("POST", CHAT, json=body) as packed:
            raw_bytes = b"".join(packed.iter_raw())
        assert packed.headers["content-encoding"] == "gzip"
        assert b"finish_reason" in gzip.decompress(raw_bytes)
        assert (bed.last().state, answer_of(bed.last())) == (CallState.WHOLE, SAID)


def test_redirects_are_not_followed(bed, raw):
    heard = []

    def hear(connection):
        with connection:
            heard.append(connection.recv(1000))

    with listening(hear) as port:
        bed.upstream.plan(f"redirect:http://127.0.0.1:{port}/", f"redirect:http://127.0.0.1:{port}/")
        for body in (BODY, STREAM):
            answer = raw.post(CHAT, json=body)
            assert answer.status_code == 502
            assert str(port) not in answer.text
    assert heard == []


def test_no_connection_bad_tls_and_no_name(bed, raw):
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        closed = nobody.getsockname()[1]

    def garbage(connection):
        connection.recv(100)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n no TLS here")
        connection.close()

    with listening(garbage) as plain:
        for i, address in enumerate(
            (f"http://127.0.0.1:{closed}/v1", f"https://localhost:{plain}/v1", "https://no-such.invalid/v1")
        ):
            upstream = bed.add_upstream(f"gone {i}", address)
            quick(bed, Target(upstream.upstream_id))
            answer = raw.post(CHAT, json=BODY)
            assert answer.status_code == 502
            assert bed.last().state is CallState.FAILED
            # and with somebody to fall back to nobody notices
            quick(bed, Target(upstream.upstream_id), Target(bed.first.upstream_id))
            answer = raw.post(CHAT, json=STREAM)
            assert answer.headers["x-homegrown-upstream"] == "stub"
            assert bed.last().tags["attempts"] == f"gone {i}: upstream; stub: 200"
            assert (bed.last().state, bed.last().upstream_id) == (CallState.WHOLE, bed.first.upstream_id)
    assert ssl.OPENSSL_VERSION


def soon(seconds):
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    "after", ["429:0", "429:0.2", "503:0.1", "429@Wed, 21 Oct 2015 07:28:00 GMT", "429", "503", "529"]
)
def test_a_refusal_before_work_is_sent_again_when_its_time_is_short(bed, raw, after):
    bed.upstream.plan(after)
    answer = raw.post(CHAT, json=BODY)
    assert answer.json()["choices"][0]["message"]["content"] == SAID
    assert len(bed.upstream.seen()) == 2
    assert bed.last().tags["attempts"] == f"stub: {after[:3]}; stub: 200"
    assert bed.ws.store.captured.get(answer.headers["x-homegrown-trace"]).state is CallState.WHOLE


@pytest.mark.parametrize("after", ["429:1e9", "429:99999999999999999999", "429:60", "429@in an hour", "429:soon"])
def test_a_wait_that_is_too_long_is_the_caller_s_to_wait(bed, raw, after):
    after = after.replace("in an hour", soon(3600))
    bed.route("default", retry_s=0.2 if after == "429:soon" else 5.0)
    bed.upstream.plan(always=after)
    started = time.monotonic()
    answer = raw.post(CHAT, json=BODY)
    assert time.monotonic() - started < 4
    assert (answer.status_code, answer.headers["retry-after"]) == (429, after[4:])
    assert answer.json()["error"]["code"] == "stub_429"


def test_faults_after_work_are_sent_again_only_where_the_caller_allowed_it(bed, raw):
    for fault in ("500", "502", "reset"):
        bed.fresh()
        bed.upstream.plan(fault)
        assert raw.post(CHAT, json=BODY).status_code in (500, 502)
        assert len(bed.upstream.seen()) == 1
        bed.upstream.plan(fault)
        answer = raw.post(CHAT, json=BODY, headers={"idempotency-key": f"may {fault}"})
        assert answer.status_code == 200
        assert bed.upstream.seen()[-1]["headers"]["idempotency-key"] == f"may {fault}"


def test_sending_again_adds_a_tenth_to_the_load_and_no_more(bed, raw):
    """RELIABILITY F12."""
    bed.route("default", retry_s=60.0)
    bed.upstream.plan(always="429:0")
    for _ in range(60):
        assert raw.post(CHAT, json=BODY).status_code == 429
    assert 60 < len(bed.upstream.seen()) <= 60 * 1.1 + 6


def test_a_circuit_opens_looks_and_closes(bed, raw, monkeypatch):
    monkeypatch.setattr("homegrown.gateway.breaker.OPEN_S", 0.5)
    bed.upstream.plan(always="500")
    for _ in range(5):
        assert raw.post(CHAT, json=BODY).status_code == 500
    n_before = len(bed.upstream.seen())
    answer = raw.post(CHAT, json=BODY)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
    assert answer.headers["retry-after"]
    assert len(bed.upstream.seen()) == n_before
    assert bed.gateway.health() == {"upstream stub m": "left alone (open)"}
    breaker = bed.gateway.board.breaker(bed.first.upstream_id, "m")
    breaker._open_until = 0.0
    bed.upstream.plan(delay_s=0.5)
    with ThreadPoolExecutor(8) as pool:
        statuses = [a.status_code for a in pool.map(lambda _: raw.post(CHAT, json=BODY), range(8))]
    assert statuses.count(200) == 1  # one went to see
    bed.upstream.plan()
    assert raw.post(CHAT, json=BODY).status_code == 200
    assert bed.gateway.health() == {}


def test_the_next_upstream_answers_for_one_that_fails(bed, raw):
    other = bed.add_upstream("backup", bed.upstream.base_url, model="backup-model", price=5.0)
    quick(bed, Target(bed.first.upstream_id), Target(other.upstream_id, "backup-model"))
    for fault in ("500", "502", "429:99", "reset", "silent", "503:99"):
        bed.gateway.board._breakers.clear()
        bed.upstream.plan(fault)
        answer = raw.post(CHAT, json=STREAM)
        assert answer.status_code == 200, fault
        assert (answer.headers["x-homegrown-upstream"], answer.headers["x-homegrown-model"]) == (
            "backup",
            "backup-model",
        )
        call = bed.last()
        assert (call.state, call.upstream_id, call.model) == (CallState.WHOLE, other.upstream_id, "m")
        assert json.loads(bed.upstream.seen()[-1]["body"])["model"] == "backup-model"
    assert len(bed.ws.store.captured.page(limit=1000)) == len(
        {c.trace_id for c in bed.ws.store.captured.page(limit=1000)}
    )


PHASES = [
    ("silent", 0, BODY),
    ("silent", 0, STREAM),
    ("slow:2", 0, STREAM),
    ("gap:0.2", 1, STREAM),
    ("gap:0.2", 4, STREAM),
]


@pytest.mark.parametrize("path", [CHAT, "/v1/responses", "/v1/messages"])
@pytest.mark.parametrize(("fault", "n_pieces", "body"), PHASES)
def test_who_leaves_ends_the_upstream_s_work_within_a_second(bed, path, fault, n_pieces, body):
    """RELIABILITY F16."""
    bed.upstream.plan(fault)
    content = json.dumps({**body, "input": "x" * 50}).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {bed.served.key(Role.CALLER)}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", bed.served.port), timeout=10) as connection:
        connection.sendall(head.encode() + content)
        until(lambda: bed.upstream.facts()["n_open"] == 1)
        got = b""
        while got.count(b"data:") < n_pieces:
            got += connection.recv(1000)
    left = time.time()
    until(lambda: any("left_at" in c for c in bed.upstream.seen()), 3)
    assert bed.upstream.seen()[0]["left_at"] - left < 1
    until(lambda: bed.last().state is not CallState.OPEN, 3)
    call = bed.last()
    assert (call.state, call.is_stream) == (CallState.CANCELLED, "stream" in body)
    if n_pieces > 2 and path == CHAT:
        assert "You" in answer_of(call)
    until(lambda: bed.gateway.admission.n_open == 0, 2)


def test_nothing_stays_open_after_many_that_left_and_many_that_were_refused(bed):
    """RELIABILITY T29."""
    bed.upstream.plan(always="silent")
    key = bed.served.key(Role.CALLER)
    content = json.dumps(STREAM).encode()
    head = (
        f"POST {CHAT} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
    )
    head += f"Content-Length: {len(content)}\r\n\r\n"

    def leave(_):
        with socket.create_connection(("127.0.0.1", bed.served.port), timeout=10) as connection:
            connection.sendall(head.encode() + content)
            time.sleep(0.1)

    before = bed.upstream.facts()["n_connections"]
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(leave, range(100)))
    until(lambda: bed.upstream.facts()["n_open"] == 0 and bed.gateway.admission.n_open == 0)
    assert bed.upstream.facts()["n_connections"] <= before + 2
    assert httpx.get(f"{bed.served.origin}/healthz").status_code == 200


def test_the_same_request_again_is_asked_once(bed, raw):
    """RELIABILITY F17."""
    headers = {"idempotency-key": "once"}
    bed.upstream.plan(delay_s=0.3)
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: raw.post(CHAT, json=BODY, headers=headers), range(10)))
    assert sorted({a.status_code for a in answers}) in ([200, 409], [200])
    again = raw.post(CHAT, json=BODY, headers=headers)
    assert again.content == next(a for a in answers if a.status_code == 200).content
    assert again.headers["x-homegrown-repeated"] == "true"
    assert len(bed.upstream.seen()) == 1
    assert raw.post(CHAT, json={**BODY, "seed": 2}, headers=headers).json()["error"]["code"] == "reused_key"
    with bed.served.client(Role.OWNER) as other:
        assert "x-homegrown-repeated" not in other.post(CHAT, json=BODY, headers=headers).headers
    streamed = [raw.post(CHAT, json=STREAM, headers={"idempotency-key": "stream"}) for _ in range(2)]
    assert streamed[0].content == streamed[1].content
    bed.upstream.plan("429:999")
    assert raw.post(CHAT, json=BODY, headers={"idempotency-key": "later"}).status_code == 429
    assert raw.post(CHAT, json=BODY, headers={"idempotency-key": "later"}).status_code == 200


def test_too_much_at_once_is_refused_at_once_and_health_answers(bed, raw):
    """RELIABILITY F21, small: the route takes four at a time."""
    bed.route("default", max_open=4)
    bed.upstream.plan(delay_s=0.5)
    seconds = []

    def ask(_):
        started = time.monotonic()
        answer = raw.post(CHAT, json=BODY)
        seconds.append(time.monotonic() - started)
        return answer

    with ThreadPoolExecutor(30) as pool:
        answers = list(pool.map(ask, range(30)))
        assert httpx.get(f"{bed.served.origin}/healthz").status_code == 200
    refused = [a for a in answers if a.status_code == 429]
    assert len(answers) - len(refused) >= 4
    assert {a.headers["retry-after"] for a in refused} == {"1"}
    assert bed.upstream.facts()["most_open"] <= 4


def test_a_slow_reader_holds_the_upstream_back_and_not_our_memory(bed):
    """RELIABILITY F14: what is not taken is not read."""
    bed.upstream.plan("long:60000000")
    key, content = bed.served.key(Role.CALLER), json.dumps(STREAM).encode()
    head = (
        f"POST {CHAT} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
    )
    head += f"Content-Length: {len(content)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", bed.served.port), timeout=10) as connection:
        connection.sendall(head.encode() + content)
        connection.recv(10)
        time.sleep(1.0)
        assert bed.upstream.facts()["n_open"] == 1  # it waits for us
    until(lambda: bed.upstream.facts()["n_open"] == 0)
    assert threading.active_count() < 100
