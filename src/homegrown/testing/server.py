"""A real server on a real port, in a thread of the calling process, and a small workspace to serve.

Example:
    >>> with connect(folder) as ws, running(ws) as served:  # doctest: +SKIP
    ...     served.client().get("/api/v1/me").json()["role"]
    'owner'
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import uvicorn

from homegrown.core.access import SYSTEM, Role
from homegrown.core.models import ModelVersion, Recipe
from homegrown.govern.access import Access
from homegrown.server import LOOPBACK, application, uvicorn_config
from homegrown.web.guard import Guard, Hosts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from homegrown.serve import Engine
    from homegrown.workspace import Workspace

OPENERS = ("hello,", "please help:", "good morning,", "hi,", "urgent!", "I wonder,")
MATTERS = {
    "card": (
        "where is my card", "my new card has not come", "I lost my bank card", "send me another card",
        "the card did not arrive by post", "when will the card be delivered",
    ),
    "transfer": (
        "the transfer failed", "my transfer did not go through", "I want to send money abroad",
        "cancel the payment to my landlord", "the transfer is still pending", "why was the payment declined",
    ),
    "pin": (
        "I forgot my pin", "change my pin code please", "the machine says my pin is wrong",
        "my pin is blocked after three tries", "how do I set a new pin code", "nobody told me my pin",
    ),
}  # fmt: skip
SAMPLE = {label: [f"{o} {m}" for o in OPENERS for m in matters] for label, matters in MATTERS.items()}
"""Three classes of 36 texts."""


@dataclass
class Served:
    """A running server, and clients for it."""

    origin: str
    ws: Workspace
    access: Access
    app: Guard
    keys: dict[Role, str] = field(default_factory=dict)

    def key(self, role: Role = Role.OWNER) -> str:
        """A key of *role*, made once."""
        if role not in self.keys:
            self.keys[role] = self.access.add_key(SYSTEM, f"{role.value} {time.monotonic_ns()}", role).secret
        return self.keys[role]

    def bearer(self, role: Role = Role.OWNER) -> dict[str, str]:
        """The header of a program with *role*."""
        return {"Authorization": f"Bearer {self.key(role)}"}

    def client(self, role: Role | None = Role.OWNER) -> httpx.Client:
        """A client with a key of *role*; None sends no key."""
        return httpx.Client(base_url=self.origin, headers=self.bearer(role) if role else {}, timeout=60)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.origin.rpartition(":")[2])

    @property
    def engine(self) -> Engine:
        """The serving engine inside."""
        return self.app.parts["engine"]

    def raw(self, head: str, body: bytes = b"") -> bytes:
        """Send bytes as they are (newlines become CRLF in *head*); for requests that no client would send."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(head.replace("\n", "\r\n").encode("latin-1") + body)
            answer = b""
            with contextlib.suppress(TimeoutError, ConnectionResetError):
                while chunk := connection.recv(65536):
                    answer += chunk
            return answer


@contextlib.contextmanager
def running(ws: Workspace) -> Iterator[Served]:
    """Serve *ws* while the block runs."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
    app = application(ws, origin, Hosts(LOOPBACK))
    server = uvicorn.Server(uvicorn_config(app))
    thread = threading.Thread(target=lambda: server.run(sockets=[listener]))
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    try:
        yield Served(origin, ws, Access(ws.store.db), app)
    finally:
        server.should_exit = True
        thread.join(60)
        listener.close()


def small_workspace(ws: Workspace, folder: Path, *, n_versions: int = 2) -> list[ModelVersion]:
    """Teach *ws* three classes from 108 texts and deploy the first version as the endpoint ``intent``."""
    file = folder / "sample.csv"
    rows = [f'"{text}",{label}' for label, texts in SAMPLE.items() for text in texts]
    file.write_text("text,label\n" + "\n".join(rows) + "\n", encoding="utf-8")
    ws.ingest(file, text="text", label="label")
    task = ws.task_from_column("intent", "label")
    snapshot = ws.snapshot(task)
    versions = [ws.train(snapshot, Recipe("linear", {}, seed), "intent") for seed in range(n_versions)]
    ws.deploy(versions[0], "intent")
    return versions
