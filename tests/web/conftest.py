"""A real server on a real port, in a thread of the test process, over an empty workspace."""

import contextlib
import socket
import threading
import time
from dataclasses import dataclass, field

import httpx
import pytest
import uvicorn

from homegrown.core.access import SYSTEM, Role
from homegrown.govern.access import Access
from homegrown.server import LOOPBACK, application
from homegrown.store import Store
from homegrown.web.guard import Hosts
from homegrown.workspace import Workspace


@dataclass
class Served:
    """A running server and a client for it."""

    origin: str
    ws: Workspace
    access: Access
    app: object
    keys: dict = field(default_factory=dict)

    def key(self, role: Role) -> str:
        """A key of *role*, made once."""
        if role not in self.keys:
            self.keys[role] = self.access.add_key(SYSTEM, f"test {role.value} {time.monotonic_ns()}", role).secret
        return self.keys[role]

    def bearer(self, role: Role = Role.OWNER) -> dict[str, str]:
        """Headers of a program with *role*."""
        return {"Authorization": f"Bearer {self.key(role)}"}

    def client(self, role: Role | None = Role.OWNER) -> httpx.Client:
        """A client with a key of *role*; None sends no key."""
        headers = self.bearer(role) if role else {}
        return httpx.Client(base_url=self.origin, headers=headers, timeout=30)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.origin.rpartition(":")[2])

    def raw(self, head: str, body: bytes = b"") -> bytes:
        """Bytes as they are, for requests that no client would send."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(head.replace("\n", "\r\n").encode("latin-1") + body)
            answer = b""
            with contextlib.suppress(TimeoutError, ConnectionResetError):
                while chunk := connection.recv(65536):
                    answer += chunk
            return answer


@contextlib.contextmanager
def running(ws: Workspace):
    """Serve *ws* while the block runs."""
    listener = socket.create_server(("127.0.0.1", 0))
    origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
    app = application(ws, origin, Hosts(LOOPBACK))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, ws="none", proxy_headers=False))
    thread = threading.Thread(target=lambda: server.run(sockets=[listener]))
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    try:
        yield Served(origin, ws, Access(ws.store.db), app)
    finally:
        server.should_exit = True
        thread.join(30)
        listener.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with Workspace(Store(tmp_path_factory.mktemp("served") / "ws", actor=SYSTEM)) as ws, running(ws) as one:
        yield one
