"""The one way out: what it refuses, and that it is the only one (RELIABILITY T13, T15, T16, F11)."""

import ast
import contextlib
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from homegrown import errors
from homegrown.core.upstreams import origin_of
from homegrown.inference.in_loop import in_loop
from homegrown.inference.outbound import Limits, Outbound

SOURCE = Path(errors.__file__).parent


class Canary:
    """Listens on a port of this machine and answers each connection with the same bytes; counts what comes."""

    def __init__(self, answer=b"", *, pause_s=0.0, hold=False):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.heard, self.answer, self.pause_s, self.hold = [], answer, pause_s, hold
        self.stop = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection):
        with connection, contextlib.suppress(OSError):
            self.heard.append(connection.recv(65536))
            for i in range(len(self.answer) if self.pause_s else 0):
                connection.sendall(self.answer[i : i + 1])
                if self.stop.wait(self.pause_s):
                    return
            if not self.pause_s:
                connection.sendall(self.answer)
            if self.hold:
                self.stop.wait(30)

    def close(self):
        self.stop.set()
        self.listener.close()


@pytest.fixture
def canary():
    made = []

    def make(*args, **options):
        made.append(Canary(*args, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def resolver(*answers):
    """A resolver that gives one list of addresses per look-up, the last one for ever."""
    left = list(answers)

    async def resolve(host, port):
        return left.pop(0) if len(left) > 1 else left[0]

    return resolve


def send(origin, *, resolve=None, limits=None, times=1, **request):
    async def go():
        async with Outbound((origin,), limits or Limits(), resolve).open() as out:
            for _ in range(times):
                reply = await out.send(
                    request.get("method", "GET"), request.get("to", origin), request.get("path", "/v1"),
                    headers=request.get("headers"), body=request.get("body", b""), total_s=request.get("total_s"),
                )  # fmt: skip
        return reply

    return in_loop(go)


ADDRESSES = [
    "http://api.example.org", "ftp://api.example.org", "gopher://api.example.org", "file:///etc/passwd", "https://",
    "https://user@api.example.org", "https://api.example.org@evil.example", "https://api.example.org/v1?x=1",
    "https://api.example.org/#x", "https://api.example.org/a/../b", "https://api.example.org/%2e%2e",
    "https://api.example.org\\@evil.example", "https://api.example.org:0", "https://api.example.org:99999",
    "https://localhost", "https://localhost.", "https://model.localhost", "https://127.0.0.1", "https://10.1.2.3",
    "https://192.168.0.1", "https://172.16.5.4", "https://100.64.0.1", "https://169.254.169.254", "https://0.0.0.0",
    "https://[::1]", "https://[::ffff:127.0.0.1]", "https://[fe80::1]", "https://[fd00::1]", "https://[64:ff9b::7f00:1]",
    "https://[2002:7f00:1::]", "https://0177.0.0.1", "https://2130706433", "https://0x7f.1", "https://127.1",
    "https://224.0.0.1", "https://255.255.255.255", "https://api.exa mple.org", "https://api.example.org/\r\nX: y",
    "https://аpi.example.org", "https://-a.example.org", "https://" + "a" * 600,
]  # fmt: skip


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_that_could_lead_inside_is_not_registered(address):
    with pytest.raises(errors.InputError) as told:
        origin_of(address)
    assert told.value.message.endswith(".") or "--private" in told.value.message


def test_a_private_origin_is_what_the_owner_names_and_no_cloud_metadata():
    assert str(origin_of("http://127.0.0.1:11434/v1", is_private=True)) == "http://127.0.0.1:11434"
    assert origin_of("http://gpu.internal:8000/v1", is_private=True).port == 8000
    for never in ("http://169.254.169.254", "http://[fe80::1]", "http://0.0.0.0:80", "http://[::ffff:169.254.169.254]"):
        with pytest.raises(errors.InputError):
            origin_of(never, is_private=True)


@pytest.mark.parametrize(
    "found",
    [["127.0.0.1"], ["10.0.0.8"], ["8.8.8.8", "127.0.0.1"], ["169.254.169.254"], ["::ffff:127.0.0.1"], ["::1"],
     ["100.64.1.1"], ["0.0.0.0"], ["64:ff9b::7f00:1"], ["fe80::1%eth0"], ["nonsense"]],
)  # fmt: skip
def test_a_public_name_that_leads_inside_is_not_called(canary, found):
    listening = canary(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
    origin = origin_of(f"https://api.example.org:{listening.port}")
    with pytest.raises(errors.RefusedAddressError):
        send(origin, resolve=resolver(found))
    assert listening.heard == []


def test_what_was_judged_is_what_is_connected_to(canary):
    """A name that answers well when it is judged and otherwise afterwards: there is no second look-up."""
    listening = canary(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
    origin = origin_of(f"http://model.internal:{listening.port}", is_private=True)
    asked = []

    async def resolve(host, port):
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

    assert send(origin, resolve=resolve).body == b"ok"
    assert asked == ["model.internal"]
    with pytest.raises(errors.RefusedAddressError):
        send(origin, resolve=resolve)
    assert len(listening.heard) == 1


def test_only_registered_origins_are_called(canary):
    listening = canary(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
    mine = origin_of("https://api.example.org")
    for other in (
        origin_of(f"http://127.0.0.1:{listening.port}", is_private=True),
        origin_of("https://api.example.org:8443"),
        origin_of("https://api.example.org", is_private=True),
    ):
        with pytest.raises(errors.RefusedAddressError):
            send(mine, to=other)
    assert listening.heard == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(canary, status):
    inside = canary(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecret")
    where = f"http://127.0.0.1:{inside.port}/"
    head = f"HTTP/1.1 {status} Found\r\nlocation: {where}\r\ncontent-length: 0\r\n\r\n"
    outside = canary(head.encode())
    with pytest.raises(errors.UpstreamError, match="not followed") as told:
        send(origin_of(f"http://127.0.0.1:{outside.port}", is_private=True), headers={"authorization": "Bearer k"})
    assert where not in told.value.message
    assert inside.heard == []


def test_nothing_of_the_environment_goes_out(canary, monkeypatch, tmp_path):
    proxy = canary(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nproxy")
    listening = canary(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\nset-cookie: a=b\r\n\r\nok")
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login canary password CANARY\n")
    netrc.chmod(0o600)
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))
    origin = origin_of(f"http://127.0.0.1:{listening.port}", is_private=True)
    assert send(origin, times=2).body == b"ok"
    said = b"".join(listening.heard).lower()
    assert proxy.heard == []
    assert b"authorization" not in said
    assert b"cookie" not in said
    assert b"canary" not in said


def test_headers_are_on_a_list_in_both_directions(canary):
    head = b"HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nX-Evil: 1\r\nConnection: keep-alive\r\ncontent-length: 0\r\n\r\n"
    listening = canary(head)
    origin = origin_of(f"http://127.0.0.1:{listening.port}", is_private=True)
    assert send(origin).headers == {"retry-after": "7"}
    for headers in (
        {"baggage": "api_url=http://x"}, {"x-request-id": "http://x"}, {"host": "evil"}, {"connection": "upgrade"},
        {"transfer-encoding": "chunked"}, {"accept": "a\r\nx: y"}, {"authorization": "Bearer é"},
    ):  # fmt: skip
        with pytest.raises(errors.RefusedAddressError):
            send(origin, headers=headers)
    for path in ("v1", "/a b", "/a\r\nx: y", "/é", ""):
        with pytest.raises(errors.RefusedAddressError):
            send(origin, path=path)
    assert len(listening.heard) == 1


def test_size_is_bounded_both_ways(canary):
    limits = Limits(read_bytes=1000, sent_bytes=100)
    listening = canary(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100_000)
    origin = origin_of(f"http://127.0.0.1:{listening.port}", is_private=True)
    with pytest.raises(errors.UpstreamError, match="1,000 bytes"):
        send(origin, limits=limits)
    with pytest.raises(errors.TooLargeError):
        send(origin, limits=limits, method="POST", body=b"x" * 101)
    squeezed = canary(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\nbomb")
    with pytest.raises(errors.UpstreamError, match="compressed"):
        send(origin_of(f"http://127.0.0.1:{squeezed.port}", is_private=True))


@pytest.mark.parametrize("where", ["silent", "drips its head", "drips its body"])
def test_time_is_bounded_as_a_whole(canary, where):
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 10000\r\n\r\n"
    listening = {
        "silent": lambda: canary(b"", hold=True),
        "drips its head": lambda: canary(head, pause_s=0.02),
        "drips its body": lambda: canary(head + b"x" * 10000, pause_s=0.002),
    }[where]()
    origin = origin_of(f"http://127.0.0.1:{listening.port}", is_private=True)
    started = time.monotonic()
    with pytest.raises(errors.UpstreamTimeoutError) as told:
        send(origin, limits=Limits(silence_s=5, total_s=0.5))
    assert time.monotonic() - started < 0.8
    assert told.value.may_have_cost
    started = time.monotonic()
    with pytest.raises(errors.UpstreamTimeoutError):
        send(origin, total_s=0.2)
    assert time.monotonic() - started < 0.5


def test_failures_are_told_in_one_sentence(canary):
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    unreachable = origin_of(f"http://127.0.0.1:{port}", is_private=True)
    with pytest.raises(errors.UpstreamError, match="could not be reached") as told:
        send(unreachable)
    assert not told.value.may_have_cost
    for answer in (b"", b"garbage", b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"):
        listening = canary(answer)
        with pytest.raises(errors.UpstreamError, match="broke off") as told:
            send(origin_of(f"http://127.0.0.1:{listening.port}", is_private=True))
        assert told.value.may_have_cost
    plain = canary(b"no TLS here")
    with pytest.raises(errors.UpstreamError, match="could not be reached"):
        send(origin_of(f"https://localhost:{plain.port}", is_private=True))
    with pytest.raises(errors.UpstreamError, match="its name is not known"):
        send(origin_of("https://no-such-host.invalid"))


OPENS = {"httpx", "requests", "aiohttp", "urllib3", "httpcore", "websockets", "paramiko", "urllib.request",
         "http.client", "ftplib", "smtplib", "telnetlib", "imaplib", "poplib", "xmlrpc.client"}  # fmt: skip


def _ways_out(tree):
    found = set()
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        found |= {n for n in names if n in OPENS or n.partition(".")[0] in OPENS & {n.partition(".")[0]}}
        if isinstance(node, ast.Attribute) and node.attr in (
            "create_connection",
            "open_connection",
            "connect_tcp",
            "connect_ex",
        ):
            found.add(node.attr)
    return found


def test_nothing_else_in_the_package_opens_a_connection():
    modules = [p for p in SOURCE.rglob("*.py") if "testing" not in p.relative_to(SOURCE).parts]
    assert len(modules) > 200
    found = {str(p.relative_to(SOURCE)): _ways_out(ast.parse(p.read_text())) for p in modules}
    assert {k for k, v in found.items() if v} == {"inference/connections.py", "inference/outbound.py"}
    for bad in ("import httpx", "from urllib.request import urlopen", "import http.client", "from urllib import request",
                "socket.create_connection(x)", "await asyncio.open_connection(h, p)"):  # fmt: skip
        assert _ways_out(ast.parse(bad)), bad


def test_the_whole_loop_calls_nobody(tmp_path, messages):
    """By the interpreter's own account of every connection, from the import to a model's answer."""
    code = f"""
import sys
called = []
sys.addaudithook(lambda name, args: called.append(str(args[1])) if name in ("socket.connect", "socket.sendto") else None)
from homegrown.workspace import connect
with connect({str(tmp_path / "ws")!r}) as ws:
    ws.ingest({str(messages)!r}, text="message", label="topic")
    task = ws.task("topic", column="topic")
    model = task.train(task.snapshot(), "lexical")
    print(model.predict(["my card never came"])[0]["label"])
print(called)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["card", "[]"]
