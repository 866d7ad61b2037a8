"""A real server with a gateway in front of a real stub upstream."""

import contextlib
import re
import signal
import subprocess
import sys
import threading
import time

import pytest

from homegrown.core.access import SYSTEM
from homegrown.core.routing import CaptureMode, Leaves, RouteConfig, Target
from homegrown.store.upstreams import UpstreamSettings
from homegrown.testing.server import running
from homegrown.testing.wire_upstream import wire_upstream
from homegrown.workspace import connect

SECRET = "sk-planted-canary-5f1d"


class Bed:
    """The server, the stub, and what tests do with both."""

    def __init__(self, served, upstream):
        self.served, self.upstream = served, upstream
        self.ws = served.ws
        self.gateway = served.app.parts["gateway"]
        self.first = self.add_upstream("stub", upstream.base_url)
        self.route()

    def add_upstream(self, name, base_url, *, key=SECRET, model="*", price=2.0):
        settings = UpstreamSettings(model, price, 2 * price, "", is_private=True)
        return self.ws.store.upstreams.put(SYSTEM, name, base_url, settings, key=key)

    def route(self, name="default", *targets, **options):
        """Put a route, and wait until the gateway knows of it."""
        targets = targets or (Target(self.first.upstream_id),)
        made = self.ws.store.routes.put(SYSTEM, name, RouteConfig(targets=targets, **options))
        self.gateway.board.look()
        return made

    def fresh(self):
        """As at the start: no faults, nothing remembered, every circuit closed."""
        self.upstream.plan()
        self.upstream.label({})
        self.upstream.forget()
        self.gateway.board._breakers.clear()
        self.gateway.board.budget.tokens = 5.0
        for route in self.ws.store.routes.list():
            if route.name != "default":
                self.ws.store.routes.remove(SYSTEM, route.name)
        self.route()

    def calls(self, n=1):
        """The newest captured calls, newest first."""
        return self.ws.store.captured.page(limit=n)

    def last(self, trace_id=None):
        return self.ws.store.captured.get(trace_id) if trace_id else self.calls()[0]


def until(condition, seconds=10.0):
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds, "it did not happen in time"
        time.sleep(0.02)
    return time.monotonic() - started


@pytest.fixture(scope="session")
def laid(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gateway") / "ws"
    with wire_upstream() as upstream, connect(folder, actor=SYSTEM) as ws, running(ws) as served:
        until(lambda: "gateway" in served.app.parts)
        yield Bed(served, upstream)


@pytest.fixture
def bed(laid):
    laid.fresh()
    return laid


@pytest.fixture(scope="session")
def one(laid):
    from tests.gateway.homes import Home

    laid.fresh()
    return Home(laid)


@pytest.fixture
def home(one):
    one.fresh()
    return one


@contextlib.contextmanager
def listening(answer):
    """A bare socket that answers every connection with *answer(connection)* in a thread."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    threading.Thread(target=answer, args=(connection,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]


def started(root, upstream, capture, *more, environment=None, program=("-m", "homegrown")):
    """A gateway in a process of its own, and its address; *program* is what Python runs."""
    command = [sys.executable, *program, "gateway", "--upstream", upstream.base_url, "--private"]
    process = subprocess.Popen(
        [*command, "--port", "0", "--capture", capture, "--workspace", str(root), *more],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip
    for line in process.stdout:
        found = re.match(r"The gateway answers on (\S+)", line)
        if found:
            return process, found.group(1)
    raise AssertionError(process.stderr.read())


def ended(process, number=signal.SIGTERM):
    """Stop it."""
    process.send_signal(number)
    process.wait(30)
    process.stdout.close()
    process.stderr.close()


__all__ = ["CaptureMode", "Leaves", "Target"]
