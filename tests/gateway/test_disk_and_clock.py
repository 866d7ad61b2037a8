"""A real disk that fills up under the gateway, and a real clock that jumps (RELIABILITY F6, F10)."""

import os
import shutil
import struct
import subprocess
import time

import httpx
import pytest

from homegrown.core.access import SYSTEM, Role
from homegrown.core.routing import RouteConfig, Target
from homegrown.core.traces import CallState
from homegrown.govern.access import Access
from homegrown.store.upstreams import UpstreamSettings
from homegrown.testing.server import running
from homegrown.testing.wire_upstream import wire_upstream
from homegrown.workspace import connect
from tests.disks import fill, small_disk
from tests.gateway.conftest import ended, started, until

CHAT = "/v1/chat/completions"
BODY = {"model": "m", "messages": [{"role": "user", "content": "where is my card?"}]}


def test_calls_pass_while_the_disk_is_full_and_stand_in_the_book_once_there_is_room(tmp_path):
    with small_disk(tmp_path / "disk") as resize, wire_upstream() as upstream:
        resize(24 << 20)
        disk = tmp_path / "disk"
        with connect(disk / "w", actor=SYSTEM) as ws, running(ws) as served, served.client(Role.CALLER) as client:
            until(lambda: "gateway" in served.app.parts)
            gateway = served.app.parts["gateway"]
            settings = UpstreamSettings("*", 2.0, 4.0, "", is_private=True)
            target = ws.store.upstreams.put(SYSTEM, "stub", upstream.base_url, settings, key="k").upstream_id
            ws.store.routes.put(SYSTEM, "default", RouteConfig(targets=(Target(target),)))
            gateway.board.look()
            assert client.post(CHAT, json=BODY).status_code == 200
            served.key()
            fill(disk)
            answers = [client.post(CHAT, json={**BODY, "stream": i % 2 == 1}) for i in range(40)]
            assert {a.status_code for a in answers} == {200}
            assert len(upstream.seen()) == 41
            with served.client() as owner:
                assert "No space is left" in owner.get("/healthz").json()["gateway"]["capture"]
            (disk / "fill").unlink()
            until(lambda: gateway.writer.problem is None and gateway.writer.n_waiting == 0, 10)
            calls = [ws.store.captured.get(a.headers["x-homegrown-trace"]) for a in answers]
            assert {c.state for c in calls} == {CallState.WHOLE}
            assert gateway.writer.n_lost == 0
            assert client.post(CHAT, json=BODY).status_code == 200


SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t which, struct timespec *at) {
    static int (*real)(clockid_t, struct timespec *) = 0;
    static int file = -1;
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    if (file < 0) file = open(getenv("CLOCK_OFFSET"), O_RDONLY | O_CLOEXEC);
    int said = real(which, at);
    long long seconds = 0;
    if (which == CLOCK_REALTIME && pread(file, &seconds, 8, 0) == 8) at->tv_sec += seconds;
    return said;
}
"""


class Clock:
    """The wall clock of a process that was started with ``environment``."""

    def __init__(self, folder):
        compiler = shutil.which("cc")
        if compiler is None:
            pytest.skip("SKIPPED ALOUD: a clock is put forward by a small C library, and there is no compiler")
        source, library, self._offset = folder / "clock.c", folder / "clock.so", folder / "offset"
        source.write_text(SHIM)
        subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
        self.jump(0)
        self.environment = {**os.environ, "LD_PRELOAD": str(library), "CLOCK_OFFSET": str(self._offset)}

    def jump(self, seconds):
        """So far from the true time, from now on."""
        self._offset.write_bytes(struct.pack("<q", seconds))


@pytest.mark.slow
def test_a_clock_that_jumps_refills_nothing_loses_nothing_and_locks_nobody_out(tmp_path):
    """RELIABILITY F10, T30: a server in a process of its own, an hour and a year either way."""
    clock, root = Clock(tmp_path), tmp_path / "ws"
    with connect(root, actor=SYSTEM) as ws, wire_upstream() as upstream:
        key = Access(ws.store.db).add_key(SYSTEM, "test", Role.CALLER)
        poor = Access(ws.store.db).add_key(SYSTEM, "poor", Role.CALLER)
        process, origin = started(root, upstream, "durable", "--price-in", "5", environment=clock.environment)
        ws.put_route("kept", upstreams=[ws.upstreams()[0].name], keep_days=30)
        ws.limit_key("test", per_minute=6)
        ws.limit_key("poor", usd_per_day=1e-9)
        time.sleep(1)
        with httpx.Client(base_url=origin, headers={"Authorization": f"Bearer {key.secret}"}, timeout=30) as client:
            statuses, traces, spent = [], [], []
            beggar = {"Authorization": f"Bearer {poor.secret}"}
            for jump in (0, 3600, -3600, 365 * 86_400, -365 * 86_400, 0):
                clock.jump(jump)
                time.sleep(0.6)  # whoever looks at the clock has looked
                answer = client.post(CHAT, json=BODY, headers={"idempotency-key": "the same"})
                again = client.post(CHAT, json={**BODY, "seed": jump})
                spent.append(client.post(CHAT, json={**BODY, "model": "kept"}, headers=beggar).status_code)
                statuses += [answer.status_code, again.status_code]
                traces += [a.headers["x-homegrown-trace"] for a in (answer, again) if a.status_code == 200]
                assert client.get("/healthz").json()["status"] == "ok"
            n_upstream = len(upstream.seen())
        clock.jump(0)
        ended(process)
        assert set(statuses) == {200, 429}
        assert n_upstream == 7  # six of the one key in its minute, and one of the other in its day
        assert spent == [200, *[429] * 5]  # a new day that comes by a jump brings no new money
        assert any(c.model == "kept" for c in ws.store.captured.page(limit=100))  # nor does it delete anything
        calls = {c.trace_id: c for c in ws.store.captured.page(limit=100)}
        assert set(traces) <= calls.keys()
        assert {calls[t].state for t in traces} == {CallState.WHOLE}
        assert all(0 <= calls[t].latency_s < 10 for t in traces)
