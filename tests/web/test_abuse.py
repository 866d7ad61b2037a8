"""Slow and oversized requests, odd encodings, and streams that outlive their session (RELIABILITY T23, T28)."""

import asyncio
import gzip
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from homegrown.core.access import Permission, Role
from homegrown.studio.render import static_digest
from homegrown.studio.stream import live
from homegrown.web import deadlines, route, streams
from homegrown.web.route import Route

HEAD = "POST /api/v1/jobs HTTP/1.1\nHost: 127.0.0.1\nContent-Type: application/json\n"


@pytest.fixture
def quick(monkeypatch):
    """The deadlines in tenths of seconds."""
    monkeypatch.setattr(deadlines, "HEAD_S", 0.4)
    monkeypatch.setattr(route, "BODY_SECONDS", 0.4)
    monkeypatch.setattr(streams, "ASK_EVERY_S", 0.2)


def _trickle(served, first, piece, every=0.05, most=6.0):
    """Send *first*, then *piece* again and again until the server ends it; (what it said, seconds)."""
    started = time.monotonic()
    said = b""
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as connection:
        connection.sendall(first.replace("\n", "\r\n").encode())
        connection.settimeout(every)
        while time.monotonic() - started < most:
            try:
                chunk = connection.recv(65536)
            except TimeoutError:
                chunk = None
            except ConnectionError:
                break
            if chunk == b"":
                break
            said += chunk or b""
            try:
                connection.sendall(piece)
            except OSError:
                break
        return said, time.monotonic() - started


@pytest.mark.parametrize("first", ["", "GET / HTTP/1.1\nHost: 127.0.0.1\nX-Slow: "])
@pytest.mark.parametrize("piece", [b"", b"a"])
def test_a_head_that_does_not_end_is_cut_off(served, quick, first, piece):
    said, seconds = _trickle(served, first, piece)
    assert seconds < 3, "the connection stayed open"
    assert not said.startswith(b"HTTP/1.1 2")


def test_the_second_head_of_a_connection_has_a_deadline_too(served, quick):
    said, seconds = _trickle(served, "GET /healthz HTTP/1.1\nHost: 127.0.0.1\n\nGET /he", b"a")
    assert said.startswith(b"HTTP/1.1 ")
    assert seconds < 3


def test_a_body_that_trickles_is_answered_with_408_and_cut_off(served, quick):
    first = f"{HEAD}Authorization: Bearer {served.key()}\nContent-Length: 1000\n\n{{"
    said, seconds = _trickle(served, first, b" ")
    assert said.split(b" ")[1] == b"408"
    assert b"too_slow" in said
    assert seconds < 3


def test_a_steady_body_may_take_longer_than_the_deadline(served, quick, monkeypatch):
    monkeypatch.setattr(route, "SLOWEST_BYTES_PER_S", 100)
    body = b'{"verb": "embed", "unknown": "' + b"a" * 1000 + b'"}'
    first = f"{HEAD}Authorization: Bearer {served.key()}\nContent-Length: {len(body)}\nConnection: close\n\n"
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as connection:
        connection.sendall(first.replace("\n", "\r\n").encode())
        for start in range(0, len(body), 100):
            connection.sendall(body[start : start + 100])
            time.sleep(0.1)
        assert connection.recv(65536).split(b" ")[1] == b"422"


def test_who_connects_beyond_the_bound_is_told_so_and_the_others_are_answered(served, monkeypatch):
    monkeypatch.setattr(deadlines, "MOST_CONNECTIONS", 5)
    with served.client() as client:
        assert client.get("/api/v1/me").status_code == 200
        idle = [socket.create_connection(("127.0.0.1", served.port), timeout=10) for _ in range(10)]
        said = [connection.recv(1000) for connection in idle[-3:]]
        assert {s.split(b" ")[1] for s in said} == {b"503"}
        assert b"retry-after: 1" in said[0]
        assert client.get("/api/v1/me").status_code == 200
        for connection in idle:
            connection.close()
    time.sleep(0.2)
    with served.client() as client:
        assert client.get("/api/v1/me").status_code == 200


def test_the_files_of_a_process_bound_its_connections(monkeypatch):
    limits = [(1024, 4096)]
    monkeypatch.setattr(deadlines.resource, "getrlimit", lambda _: limits[-1])
    monkeypatch.setattr(deadlines.resource, "setrlimit", lambda _, to: limits.append(to))
    assert deadlines.most_connections() == 384
    deadlines.take_files()
    assert limits[-1] == (4096, 4096)
    assert deadlines.most_connections() == 1920
    deadlines.take_files()
    assert len(limits) == 2
    limits.append((deadlines.resource.RLIM_INFINITY,) * 2)
    deadlines.take_files()
    assert len(limits) == 3
    assert deadlines.most_connections() == deadlines.MOST_CONNECTIONS


def test_others_are_answered_while_many_trickle(served):
    slow = []
    for _ in range(200):
        connection = socket.create_connection(("127.0.0.1", served.port), timeout=10)
        connection.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
        slow.append(connection)
    with served.client() as client:
        started = time.monotonic()
        assert client.get("/api/v1/me").status_code == 200
        assert time.monotonic() - started < 1
    for connection in slow:
        connection.close()


MANY = 100_000


@pytest.mark.parametrize("kind", ["fields", "files", "urlencoded", "boundary", "long name"])
def test_a_form_of_too_many_parts_is_refused_quickly(served, kind):
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    part = b'--b\r\nContent-Disposition: form-data; name="a"%s\r\n\r\nx\r\n'
    body = b"".join([part % b""] * MANY) + b"--b--\r\n"
    if kind == "files":
        body = b"".join([part % b'; filename="a.csv"'] * MANY) + b"--b--\r\n"
    elif kind == "urlencoded":
        headers, body = {"Content-Type": "application/x-www-form-urlencoded"}, b"a=1&" * MANY
    elif kind == "boundary":
        headers, body = {"Content-Type": "multipart/form-data; boundary=" + "-" * 20_000}, b"-" * 1_000_000
    elif kind == "long name":
        body = b'--b\r\nContent-Disposition: form-data; name="' + b"a" * 1_000_000 + b'"\r\n\r\nx\r\n--b--\r\n'
    with served.client() as client:
        for path in ("/ingest", "/ingest/nothing"):
            started = time.monotonic()
            answer = client.post(path, content=body, headers=headers)
            assert time.monotonic() - started < 10
            assert 400 <= answer.status_code < 500, (path, answer.status_code)
        assert client.get("/api/v1/me").status_code == 200


@pytest.mark.parametrize("ranges", ["bytes=" + ",".join(f"{i}-" for i in range(5000)), "bytes=0-", "bytes=5-1", "x"])
def test_ranges_are_not_read(served, ranges):
    with served.client() as client:
        for path in (f"/static/{static_digest()}/studio.js", "/api/v1/openapi.json", "/favicon.ico"):
            plain = client.get(path)
            assert plain.status_code == 200
            started = time.monotonic()
            answer = client.get(path, headers={"Range": ranges})
            assert time.monotonic() - started < 10  # each range by itself would take minutes
            assert (answer.status_code, answer.content) == (plain.status_code, plain.content)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "identity, gzip"])
def test_packed_bodies_are_not_unpacked(served, encoding):
    bomb = gzip.compress(b'{"verb": "embed", "x": "' + b"a" * 50_000_000 + b'"}')
    headers = {"Content-Encoding": encoding, "Content-Type": "application/json"}
    with served.client() as client:
        answer = client.post("/api/v1/jobs", content=bomb, headers=headers)
    assert answer.status_code == 422
    assert "not JSON" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "head",
    [
        "GET / HTTP/1.1\nHost: 127.0.0.1\n" + "".join(f"X-{i}: a\n" for i in range(4000)),
        "GET / HTTP/1.1\nHost: 127.0.0.1\nX: " + "a" * 200_000 + "\n",
        "GET /" + "a" * 200_000 + " HTTP/1.1\nHost: 127.0.0.1\n",
        f"{HEAD}Content-Length: 99999999999999999999\n",
        f"{HEAD}Content-Length: -1\n",
        f"{HEAD}Content-Length: 3\nTransfer-Encoding: chunked\n",
        f"{HEAD}Content-Length: 3\nContent-Length: 4\n",
    ],
)
def test_heads_beyond_bounds_are_refused(served, head):
    authorised = head + f"Authorization: Bearer {served.key()}\nConnection: close\n\n"
    assert served.raw(authorised).split(b" ")[1] in (b"400", b"401", b"413", b"422", b"431")


def _quiet():
    """A page's live part that never changes."""
    return "<p>still</p>", False


@pytest.fixture
def stream(served):
    """A stream of the application, open as long as its session is."""
    from starlette.routing import Route as StarletteRoute

    def handler(_):
        return live(_quiet)

    mounted = Route("/test/stream", handler, Permission.READ).mount(served.app.router.routes[0].endpoint._doors)
    assert isinstance(mounted, StarletteRoute)
    served.app.router.routes.insert(0, mounted)
    yield "/test/stream"
    served.app.router.routes.remove(mounted)


def _seconds_until_cut(served, path, headers, cut):
    with (
        httpx.Client(base_url=served.origin, headers=headers, timeout=10) as client,
        client.stream("GET", path) as answer,
    ):
        assert answer.status_code == 200
        lines = answer.iter_lines()
        assert next(lines) == "data: <p>still</p>"
        cut()
        started = time.monotonic()
        for _ in lines:
            assert time.monotonic() - started < 5
        return time.monotonic() - started


def test_an_open_stream_is_cut_on_sign_out(served, quick, stream):
    secret = served.access.open_session(served.access.add_link(served.ws.store.actor))
    cookie = {"Cookie": f"{served.app.cookie}={secret}"}

    def sign_out():
        answer = httpx.post(f"{served.origin}/signout", headers={**cookie, "Origin": served.origin})
        assert answer.status_code == 303

    assert _seconds_until_cut(served, stream, cookie, sign_out) < 3


def test_an_open_stream_is_cut_when_its_key_is_revoked(served, quick, stream):
    key = served.access.add_key(served.ws.store.actor, "streams", Role.OWNER)
    headers = {"Authorization": f"Bearer {key.secret}"}
    actor = served.ws.store.actor
    assert _seconds_until_cut(served, stream, headers, lambda: served.access.revoke_key(actor, "streams")) < 3


def test_the_shipped_deadlines_hold_the_promise():
    assert streams.ASK_EVERY_S + 1 <= 5
    assert deadlines.HEAD_S <= 30
    assert route.BODY_SECONDS <= 60


def test_a_stream_passes_on_what_comes_and_ends_its_source(monkeypatch):
    monkeypatch.setattr(streams, "ASK_EVERY_S", 0.05)
    closed = []

    async def source():
        try:
            for i in range(3):
                yield i
            await asyncio.sleep(60)
        finally:
            closed.append(True)

    async def heard():
        answers = iter([True, False])

        async def admitted():
            return next(answers)

        return [part async for part in streams.while_admitted(source(), admitted)]

    # In a thread of its own: a browser that another test holds open keeps a loop in this one.
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(asyncio.run, heard()).result(30) == [0, 1, 2]
    assert closed == [True]
