"""The gateway when too much comes, when callers trickle, and when they leave: goodput, waits, and what stays open.

The upstream is a stub in a process of its own, so is the gateway; capture is durable, keys are on.

- ``overload``: a route takes 8 calls at once of an upstream that takes 0.2 s for each: 40 calls a second. Eight callers
  that ask one after the other give the peak; then ten times as many calls come, whether or not others were answered.
- ``slow``: so many connections send a byte a second: a third of them their heads, a third their bodies, and a third read
  streams of which the upstream sends a byte a second. Meanwhile others call at a steady rate.
- ``aborts``: so many calls whose callers leave while the upstream is silent, and so many that are refused.

python -m benchmarks.gateway_faults [--overload-s 60] [--slow 2000] [--aborts 5000] [--json]
"""

import argparse
import asyncio
import contextlib
import json
import logging
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks.common import machine
from benchmarks.gateway import Connection, memory_mb, request, start_ours, wait
from benchmarks.serve_latency import percentile
from homegrown.core.access import SYSTEM
from homegrown.testing.wire_upstream import WireUpstream, wire_upstream
from homegrown.workspace import connect

AT_ONCE, WORK_S, TIMES = 8, 0.2, 10


def body_for(model: str, *, stream: bool = False) -> bytes:
    said = [{"role": "user", "content": "I was charged twice for the same order last week."}]
    return json.dumps({"model": model, "messages": said} | ({"stream": True} if stream else {})).encode()


def head_for(port: int, key: str, n_bytes: int) -> bytes:
    lines = ["POST /v1/chat/completions HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Authorization: Bearer {key}"]
    return "\r\n".join([*lines, "Content-Type: application/json", f"Content-Length: {n_bytes}", "", ""]).encode()


class Caller:
    """A connection that takes any status."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.asked_at = time.perf_counter()

    async def ask(self, what: bytes) -> tuple[int, float]:
        """Status, and seconds until the answer was there."""
        begun = self.asked_at = time.perf_counter()
        if self.streams is None:
            self.streams = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self.streams
        writer.write(what)
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(h.partition(b":")[2]) for h in head.lower().split(b"\r\n") if h.startswith(b"content-length"))
        await reader.readexactly(length)
        return int(head.split(b" ", 2)[1]), time.perf_counter() - begun

    def close(self) -> None:
        """Close it."""
        if self.streams is not None:
            self.streams[1].close()


async def in_turn(port: int, what: bytes, n: int, seconds: float) -> float:
    """Good answers a second of *n* callers that ask one after the other."""
    end, n_good = time.perf_counter() + seconds, 0

    async def one() -> None:
        nonlocal n_good
        caller = Caller(port)
        while time.perf_counter() < end:
            status, _ = await caller.ask(what)
            n_good += status == 200
        caller.close()

    await asyncio.gather(*(one() for _ in range(n)))
    return n_good / seconds


async def at_rate(port: int, what: bytes, rate: float, seconds: float) -> list[tuple[int, float]]:
    """Status and seconds of calls that come at *rate*, whether or not others were answered; 0 where none came."""
    idle: list[Caller] = []
    found: list[tuple[int, float]] = []

    async def one() -> None:
        caller = idle.pop() if idle else Caller(port)
        if time.perf_counter() - caller.asked_at > 30:  # the server closes those that say nothing for 75 s
            caller.close()
            caller = Caller(port)
        try:
            found.append(await caller.ask(what))
        except (OSError, asyncio.IncompleteReadError, StopIteration):
            found.append((0, 0.0))
            return
        if found[-1][0] != 503:  # else this connection was one too many
            idle.append(caller)

    begun, tasks = time.perf_counter(), set()
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, begun + number / rate - time.perf_counter()))
        task = asyncio.create_task(one())
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    for caller in idle:
        caller.close()
    return found


async def healthy(port: int, seconds: float) -> list[float]:
    """Seconds of /healthz, asked twice a second on a connection of its own each time."""
    ask = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    end, found = time.perf_counter() + seconds, []
    while time.perf_counter() < end:
        caller = Caller(port)
        status, took = await caller.ask(ask)
        caller.close()
        found.append(took if status == 200 else 1e9)
        await asyncio.sleep(0.5)
    return found


async def overload(port: int, key: str, seconds: float, process: subprocess.Popen[bytes]) -> dict[str, float]:
    content = body_for("tight")
    what = head_for(port, key, len(content)) + content
    peak = await in_turn(port, what, AT_ONCE, min(10.0, seconds))
    rate = TIMES * AT_ONCE / WORK_S
    spent = processor_s(process)
    answers, health = await asyncio.gather(at_rate(port, what, rate, seconds), healthy(port, seconds))
    good = [s for status, s in answers if status == 200]
    refused = [s for status, s in answers if status in (429, 503)]
    after = time.perf_counter()
    recovered = await in_turn(port, what, AT_ONCE, 3.0)
    return {
        "offered_per_s": rate, "n_offered": len(answers), "n_accepted": len(good), "n_refused": len(refused),
        "processor_ms_a_call": 1e3 * (processor_s(process) - spent) / len(answers),
        "n_other": len(answers) - len(good) - len(refused), "peak_per_s": peak, "goodput_per_s": len(good) / seconds,
        "accepted_p50_ms": 1e3 * percentile(good, 0.5), "accepted_p99_ms": 1e3 * percentile(good, 0.99),
        "refused_p50_ms": 1e3 * percentile(refused, 0.5), "refused_p99_ms": 1e3 * percentile(refused, 0.99),
        "health_p99_ms": 1e3 * percentile(health, 0.99), "after_per_s": recovered,
        "after_s": time.perf_counter() - after,
    }  # fmt: skip


async def trickle(port: int, key: str, number: int, until: float, ended: list[str]) -> None:
    """One slow caller: head, body or stream, a byte a second."""
    kind = ("head", "body", "stream")[number % 3]
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 10)
        content = body_for("slow!drip:1" if kind == "stream" else "m", stream=kind == "stream")
        whole = head_for(port, key, len(content)) + content
        n_at_once = {"head": 0, "body": len(whole) - len(content), "stream": len(whole)}[kind]
        writer.write(whole[:n_at_once])
        for i in range(n_at_once, len(whole)):
            if time.perf_counter() > until or writer.is_closing():
                break
            writer.write(whole[i : i + 1])
            await asyncio.sleep(1)
        while kind == "stream" and time.perf_counter() < until and await reader.read(1 << 10):
            pass
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.1):
                await reader.read(1 << 10)  # a refusal, or the end
                ended.append(kind)
        writer.close()
    except OSError:
        ended.append(kind)


async def slow(port: int, key: str, n: int, process: subprocess.Popen[bytes]) -> dict[str, float]:
    content = body_for("m")
    what, rate, seconds = head_for(port, key, len(content)) + content, 20.0, 20.0
    before = await at_rate(port, what, rate, seconds)
    memory = memory_mb(process)
    ended: list[str] = []
    until = time.perf_counter() + seconds + n / 500 + 5
    crowd = []
    for number in range(n):
        crowd.append(asyncio.create_task(trickle(port, key, number, until, ended)))
        if number % 50 == 49:
            await asyncio.sleep(0.1)
    await asyncio.sleep(1)
    spent, begun = processor_s(process), time.perf_counter()
    during = await at_rate(port, what, rate, seconds)
    share = (processor_s(process) - spent) / (time.perf_counter() - begun)
    most = memory_mb(process)
    await asyncio.gather(*crowd)
    return {
        "n_slow": n, "n_calls": len(during), "n_refused": sum(s == 429 for s, _ in during),
        "n_failed": sum(s not in (200, 429) for s, _ in during),
        "before_p50_ms": 1e3 * percentile([s for _, s in before], 0.5),
        "before_p99_ms": 1e3 * percentile([s for _, s in before], 0.99),
        "during_p50_ms": 1e3 * percentile([s for _, s in during], 0.5),
        "during_p99_ms": 1e3 * percentile([s for _, s in during], 0.99),
        "processor_share": share, "memory_before_mb": memory, "memory_during_mb": most, "n_cut_off": len(ended),
        "peak_memory_mb": peak_mb(process),
    }  # fmt: skip


async def leave(port: int, key: str, n: int) -> None:
    """*n* callers that leave while the upstream is silent, and as many whose request is refused, a hundred at a time."""
    places = asyncio.Semaphore(100)
    content = body_for("m!silent", stream=True)
    silent = head_for(port, key, len(content)) + content
    bad = head_for(port, key, 9) + b"no object"

    async def one(what: bytes, *, is_refused: bool) -> None:
        async with places:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(what)
                await writer.drain()
                if is_refused:
                    await reader.readuntil(b"\r\n\r\n")
                else:
                    await asyncio.sleep(0.05)
                writer.close()

    for what, is_refused in ((silent, False), (bad, True)):
        await asyncio.gather(*(one(what, is_refused=is_refused) for _ in range(n)))


def peak_mb(process: subprocess.Popen[bytes]) -> float:
    """Most memory that a process had."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def processor_s(process: subprocess.Popen[bytes]) -> float:
    """Processor time of a process so far."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def state(process: subprocess.Popen[bytes], upstream: WireUpstream) -> dict[str, float]:
    facts = upstream.facts()
    folder = Path(f"/proc/{process.pid}")
    return {
        "upstream_open": facts["n_open"], "fds": len(list((folder / "fd").iterdir())),
        "threads": len(list((folder / "task").iterdir())), "memory_mb": memory_mb(process),
    }  # fmt: skip


def aborts(port: int, key: str, n: int, process: subprocess.Popen[bytes], upstream: WireUpstream) -> dict[str, float]:
    asyncio.run(leave(port, key, min(200, n)))  # connections, threads and caches are there
    time.sleep(2)
    before = state(process, upstream)
    begun = time.perf_counter()
    asyncio.run(leave(port, key, n))
    took, left = time.perf_counter() - begun, time.perf_counter()
    while upstream.facts()["n_open"] and time.perf_counter() - left < 30:
        time.sleep(0.1)
    settled = time.perf_counter() - left
    time.sleep(2)
    after = state(process, upstream)
    told = {f"{name}_{when}": v for when, s in (("before", before), ("after", after)) for name, v in s.items()}
    return {"n_left": n, "n_refused": n, "took_s": took, "settled_s": settled, **told}


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--overload-s", type=float, default=60.0)
    options.add_argument("--slow", type=int, default=2000)
    options.add_argument("--aborts", type=int, default=5000)
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # it warns of each letter to who was cut off
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as name, wire_upstream() as upstream:
        upstream.forget(remembers=False)
        process, port, key = start_ours(Path(name), upstream, "durable")
        try:
            wait(port, request(port, key), process)
            with connect(Path(name) / "ws", actor=SYSTEM) as ws:
                ws.put_route("tight", upstreams=[ws.upstreams()[0].name], max_open=AT_ONCE)
            time.sleep(1)
            if chosen.overload_s:
                upstream.plan(delay_s=WORK_S)
                found["overload"] = asyncio.run(overload(port, key, chosen.overload_s, process))
                found["overload"]["most_at_upstream"] = upstream.facts()["most_open"]
                upstream.plan()
            if chosen.slow:
                found["slow"] = asyncio.run(slow(port, key, chosen.slow, process))
            if chosen.aborts:
                found["aborts"] = aborts(port, key, chosen.aborts, process, upstream)
            asyncio.run(Connection(port).ask(request(port, key)))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
    if chosen.json:
        print(json.dumps(found))
        return
    print(f"{machine()}; load {os.getloadavg()[0]:.1f}")
    for part, facts in found.items():
        print(part, *(f"{k} {v:,.2f}" for k, v in facts.items()), sep="\n  ")


if __name__ == "__main__":
    main()
