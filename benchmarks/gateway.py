"""What the gateway adds: latency at a steady rate, calls per second, many streams at once; beside LiteLLM's proxy.

The upstream is a stub in a process of its own that answers at once; so are the gateway and the peer; the client
is this process. Durable capture and keys are on. The peer checks a key and keeps nothing. Added latency is the
difference of the medians (and of the 99th hundredths) through the gateway and straight to the stub, at the same
rate, in turns.

python -m benchmarks.gateway [--seconds 10] [--rate 100] [--clients 32] [--streams 500] [--peer FOLDER]
    [--capture durable]
"""

import argparse
import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.common import machine
from benchmarks.serve_latency import free_port, percentile
from homegrown.core.access import SYSTEM, Role
from homegrown.govern.access import Access
from homegrown.testing.wire_upstream import WireUpstream, wire_upstream
from homegrown.workspace import connect

TEXT = "I was charged twice for the same order last week, and nobody answers my mails. " * 4
MASTER = "sk-peer-master"


def request(port: int, key: str, *, stream: bool = False, path: str = "/v1/chat/completions") -> bytes:
    """One keep-alive request as bytes."""
    body = {"model": "stub-small", "messages": [{"role": "user", "content": TEXT}], "temperature": 0}
    content = json.dumps(body | ({"stream": True} if stream else {})).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


class Connection:
    """One keep-alive connection."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def ask(self, what: bytes) -> tuple[float, bytes]:
        """Seconds to the first byte of the body, and the body; anything but 200 raises."""
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 24)
        assert self.reader is not None
        started = time.perf_counter()
        self.writer.write(what)
        head = (await self.reader.readuntil(b"\r\n\r\n")).lower()
        if not head.startswith(b"http/1.1 200"):
            raise RuntimeError(head[:200].decode("latin-1"))
        length = re.search(rb"content-length: (\d+)", head)
        if length:
            body = await self.reader.readexactly(int(length[1]))
            return time.perf_counter() - started, body
        body, first = b"", 0.0
        while True:
            size = int(await self.reader.readuntil(b"\r\n"), 16)
            first = first or time.perf_counter() - started
            body += (await self.reader.readexactly(size + 2))[:-2]
            if not size:
                return first, body

    def close(self) -> None:
        """Close it."""
        if self.writer is not None:
            self.writer.close()


async def steady(port: int, what: bytes, rate: float, seconds: float) -> list[float]:
    """Seconds of each call, sent at *rate* whether or not the earlier ones were answered."""
    idle: list[Connection] = []
    found: list[float] = []

    async def one() -> None:
        connection = idle.pop() if idle else Connection(port)
        found.append((await connection.ask(what))[0])
        idle.append(connection)

    tasks = []
    started = time.perf_counter()
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, started + number / rate - time.perf_counter()))
        tasks.append(asyncio.create_task(one()))
    await asyncio.gather(*tasks)
    for connection in idle:
        connection.close()
    return found


async def flood(port: int, what: bytes, clients: int, seconds: float) -> tuple[float, int]:
    """Calls per second of *clients* that ask one after the other, and how many failed."""
    end = time.perf_counter() + seconds
    n_good, n_bad = 0, 0

    async def client() -> None:
        nonlocal n_good, n_bad
        connection = Connection(port)
        while time.perf_counter() < end:
            try:
                await connection.ask(what)
                n_good += 1
            except (RuntimeError, OSError, asyncio.IncompleteReadError):
                n_bad += 1
                connection.close()
                connection = Connection(port)
        connection.close()

    started = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    return n_good / (time.perf_counter() - started), n_bad


async def many_streams(port: int, what: bytes, n: int, expected: bytes) -> tuple[float, int]:
    """Seconds until *n* streams that begin together are over, and how many were not as they should be."""
    started = time.perf_counter()

    async def one() -> bytes:
        connection = Connection(port)
        try:
            return (await connection.ask(what))[1]
        except (RuntimeError, OSError, asyncio.IncompleteReadError):
            return b""
        finally:
            connection.close()

    bodies = await asyncio.gather(*(one() for _ in range(n)))
    return time.perf_counter() - started, sum(b != expected for b in bodies)


def memory_mb(process: subprocess.Popen[bytes]) -> float:
    """Resident memory of a process now."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]


def start_ours(folder: Path, upstream: WireUpstream, capture: str) -> tuple[subprocess.Popen[bytes], int, str]:
    port = free_port()
    with connect(folder / "ws", actor=SYSTEM) as ws:
        key = Access(ws.store.db).add_key(SYSTEM, "benchmark", Role.CALLER).secret
    command = [sys.executable, "-m", "homegrown", "gateway", "--upstream", upstream.base_url, "--private"]
    more = ["--port", str(port), "--capture", capture, "--workspace", str(folder / "ws")]
    return subprocess.Popen([*command, *more], stdout=subprocess.DEVNULL), port, key


def start_peer(folder: Path, packages: Path, upstream: WireUpstream) -> tuple[subprocess.Popen[bytes], int, str]:
    port = free_port()
    model = {"model": "openai/stub-small", "api_base": upstream.base_url, "api_key": "sk-none"}
    config = {
        "model_list": [{"model_name": "stub-small", "litellm_params": model}],
        "general_settings": {"master_key": MASTER},
        "litellm_settings": {"telemetry": False, "num_retries": 0},
    }
    path = folder / "peer.json"
    path.write_text(json.dumps(config))
    environment = {**os.environ, "PYTHONPATH": str(packages), "LITELLM_LOCAL_MODEL_COST_MAP": "True",
                   "LITELLM_LOG": "ERROR", "NO_PROXY": "127.0.0.1"}  # fmt: skip
    runner = "import sys; from litellm.proxy.proxy_cli import run_server; run_server()"
    command = [sys.executable, "-c", runner, "--config", str(path), "--port", str(port), "--host", "127.0.0.1"]
    log = (folder / "peer.log").open("wb")
    return subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=folder), port, MASTER


def wait(port: int, what: bytes, process: subprocess.Popen[bytes]) -> None:
    """Until it answers."""
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        try:
            asyncio.run(Connection(port).ask(what))
            return
        except (RuntimeError, OSError, asyncio.IncompleteReadError):
            time.sleep(0.3)
    raise SystemExit("A server did not start.")


def shown(values: list[float]) -> str:
    return f"p50 {percentile(values, 0.5) * 1e3:7.2f} ms   p99 {percentile(values, 0.99) * 1e3:7.2f} ms"


def measure(chosen: argparse.Namespace, upstream: WireUpstream, sides: dict, processes: dict) -> None:
    print(f"{machine()}; stub upstream, client and server on the same cores; capture {chosen.capture}")
    for what in ("whole", "stream"):
        found: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(chosen.rounds):
            for name, (port, key) in sides.items():
                sent = request(port, key, stream=what == "stream")
                asyncio.run(steady(port, sent, chosen.rate, 1.0))  # connections are there, caches are warm
                found[name] += asyncio.run(steady(port, sent, chosen.rate, chosen.seconds))
        print(f"{what}, first byte, {chosen.rate:g}/s, n = {len(found['straight'])} each")
        for name, values in found.items():
            added = [
                1e3 * (percentile(values, share) - percentile(found["straight"], share)) for share in (0.5, 0.99)
            ]  # fmt: skip
            print(f"  {name:<12}{shown(values)}   added p50 {added[0]:6.2f} p99 {added[1]:6.2f} ms")
    rates: dict[str, list[float]] = {name: [] for name in sides}
    failed = dict.fromkeys(sides, 0)
    for _ in range(chosen.rounds):
        for name, (port, key) in sides.items():
            rate, n_bad = asyncio.run(flood(port, request(port, key), chosen.clients, chosen.seconds))
            rates[name].append(rate)
            failed[name] += n_bad
    print(f"{chosen.clients} clients, one call after the other")
    for name, found_rates in rates.items():
        listed = ", ".join(f"{r:.0f}" for r in found_rates)
        print(
            f"  {name:<12}{sorted(found_rates)[len(found_rates) // 2]:7.0f} calls/s, {failed[name]} failed ({listed})"
        )
    upstream.plan(gap_s=0.05)
    port, key = sides["straight"]
    expected = asyncio.run(Connection(port).ask(request(port, key, stream=True)))[1]
    for name in [n for n in sides if n != "straight"]:
        port, key = sides[name]
        before = memory_mb(processes[name])
        seconds, n_wrong = asyncio.run(many_streams(port, request(port, key, stream=True), chosen.streams, expected))
        after = memory_mb(processes[name])
        n = expected.count(b"data:")
        print(
            f"  {name:<12}{chosen.streams} streams of {n} events at once: {seconds:.1f} s, {n_wrong} not byte for byte; "
            f"{before:.0f} → {after:.0f} MB"
        )


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--seconds", type=float, default=8.0)
    options.add_argument("--rate", type=float, default=100.0)
    options.add_argument("--clients", type=int, default=32)
    options.add_argument("--streams", type=int, default=500)
    options.add_argument("--rounds", type=int, default=2)
    options.add_argument("--capture", default="durable")
    options.add_argument("--peer", type=Path, help="folder into which litellm[proxy] was installed")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as name, wire_upstream() as upstream:
        upstream.forget(remembers=False)
        folder = Path(name)
        straight = int(upstream.origin.rpartition(":")[2])
        sides = {"straight": (straight, "none")}
        processes = {}
        processes["homegrown"], *ours = start_ours(folder, upstream, chosen.capture)
        sides["homegrown"] = (ours[0], ours[1])
        if chosen.peer:
            processes["LiteLLM"], *theirs = start_peer(folder, chosen.peer, upstream)
            sides["LiteLLM"] = (theirs[0], theirs[1])
        try:
            for label, process in processes.items():
                wait(sides[label][0], request(*sides[label]), process)
            measure(chosen, upstream, sides, processes)
        finally:
            for process in processes.values():
                process.send_signal(signal.SIGTERM)
            for process in processes.values():
                process.wait(30)


if __name__ == "__main__":
    main()
