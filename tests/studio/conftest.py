"""A real server, a real worker and a real browser round one workspace."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import uvicorn

from homegrown.core.access import SYSTEM, TERMINAL, Role
from homegrown.core.models import Recipe
from homegrown.govern.access import Access
from homegrown.server import LOOPBACK, application
from homegrown.studio.render import STATIC
from homegrown.web.guard import Hosts
from homegrown.workspace import Workspace, connect
from tests.conftest import write_messages

SHOTS = Path(__file__).parents[2] / "screenshots"
AXE = Path(__file__).parents[2] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass
class Studio:
    """A running studio."""

    origin: str
    ws: Workspace
    access: Access
    keys: dict = field(default_factory=dict)

    def client(self, role: Role = Role.OWNER, accept: str = "text/html") -> httpx.Client:
        """A client with a key of *role*; the studio takes keys too, for its JSON twins."""
        if role not in self.keys:
            self.keys[role] = self.access.add_key(SYSTEM, f"test {role.value}", role).secret
        headers = {"Authorization": f"Bearer {self.keys[role]}", "Accept": accept}
        return httpx.Client(base_url=self.origin, headers=headers, timeout=60)

    def link(self) -> str:
        """A fresh one-time link."""
        return f"{self.origin}/signin?link={self.access.add_link(TERMINAL)}"


@contextlib.contextmanager
def running(ws: Workspace, *, with_worker: bool = False):
    """Serve *ws* while the block runs; the worker comes with the application's own start, and only when asked for."""
    listener = socket.create_server(("127.0.0.1", 0))
    origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
    config = uvicorn.Config(
        application(ws, origin, Hosts(LOOPBACK)), log_config=None, access_log=False, ws="none", proxy_headers=False,
        lifespan="on" if with_worker else "off",
        timeout_graceful_shutdown=2,
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: server.run(sockets=[listener]))
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    try:
        yield Studio(origin, ws, Access(ws.store.db))
    finally:
        server.should_exit = True
        thread.join(30)
        listener.close()


@pytest.fixture(scope="session")
def empty(tmp_path_factory):
    """A studio over a workspace that holds nothing."""
    with connect(tmp_path_factory.mktemp("empty") / "desk", actor=SYSTEM) as ws, running(ws) as studio:
        yield studio


@pytest.fixture(scope="session")
def grown(tmp_path_factory):
    """A studio over a workspace in which a model was made, measured and deployed."""
    folder = tmp_path_factory.mktemp("grown")
    file = write_messages(folder / "messages.csv", n_per_class=30)
    with connect(folder / "desk", actor=SYSTEM) as ws:
        ws.ingest(file, text="message", label="topic")
        ws.embed()
        task = ws.task_from_column("topic", "topic")
        snapshot = ws.snapshot(task)
        for _ in range(2):
            version = ws.train(snapshot, Recipe("linear"), "topic")
            ws.evaluate(version)
            ws.deploy(version, "topic")
        with running(ws) as studio:
            yield studio


@pytest.fixture
def with_worker(tmp_path):
    """A studio over an empty workspace, with the worker that runs its jobs."""
    with connect(tmp_path / "desk", actor=SYSTEM) as ws, running(ws, with_worker=True) as studio:
        yield studio


def _missing(what: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what}; under CI=true that is a failure.")
    pytest.skip(f"SKIPPED ALOUD: {what}.")


@pytest.fixture(scope="session")
def chromium():
    """A real Chromium, driven from outside."""
    path = next((p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), None)
    if path is None:
        _missing("there is no Chromium on this machine")
    if not (STATIC / "studio.js").exists():
        _missing("the studio's browser code is not bundled; run: make studio")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Visit:
    """A browser page of somebody signed in, and everything that must not have happened in it."""

    page: object
    studio: Studio
    trouble: list = field(default_factory=list)
    clicks: int = 0

    def go(self, path: str) -> None:
        """Open a page of the studio."""
        self.page.goto(self.studio.origin + path, wait_until="load")

    def click(self, selector: str) -> None:
        """One click, counted."""
        self.clicks += 1
        self.page.locator(selector).first.click()

    def shot(self, name: str, **how) -> None:
        """Keep a picture of the page."""
        SHOTS.mkdir(exist_ok=True)
        self.page.screenshot(path=str(SHOTS / f"{name}.png"), **how)


def serious(page) -> list:
    """What axe finds serious or critical on the page as it stands: the rule, and where it is broken."""
    # The browser's own evaluate is not bound by the page's policy, so the page stays as strict as it is.
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [
        (v["id"], [n["html"][:200] for n in v["nodes"][:3]]) for v in found if v["impact"] in ("serious", "critical")
    ]


@contextlib.contextmanager
def visiting(
    browser,
    studio: Studio,
    *,
    width: int = 1280,
    theme: str = "light",
    allow: tuple[str, ...] = (),
    has_touch: bool = False,
):
    """Sign in by a link, and fail at the end if the console spoke, a policy was broken or another host was asked.

    Args:
        allow: parts of console messages that the test provokes itself.
        has_touch: the page can be touched, by ``page.touchscreen``.
    """
    size = {"width": width, "height": 900 if width > 500 else 844}
    context = browser.new_context(viewport=size, color_scheme=theme, has_touch=has_touch)
    page = context.new_page()
    visit = Visit(page, studio)

    def heard(message) -> None:
        if message.type in ("error", "warning") and not any(part in message.text for part in allow):
            visit.trouble.append(f"console {message.type}: {message.text}")

    page.on("console", heard)
    page.on("pageerror", lambda error: visit.trouble.append(f"script: {error}"))
    page.on(
        "request",
        lambda r: None if r.url.startswith((studio.origin, "blob:", "data:")) else visit.trouble.append(r.url),
    )
    try:
        page.goto(studio.link())
        page.wait_for_url(studio.origin + "/", timeout=30_000)
        yield visit
        assert not visit.trouble, visit.trouble
    finally:
        context.close()


@pytest.fixture
def bare(tmp_path):
    """A studio over an empty workspace of the test's own."""
    with connect(tmp_path / "own", actor=SYSTEM) as ws, running(ws) as studio:
        yield studio
