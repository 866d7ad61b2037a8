"""The one server of a workspace: mounts the faces, holds the ``server`` lock, starts and stops what they share."""

from __future__ import annotations

import contextlib
import logging
import signal
import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Router

from homegrown.api import routes as api
from homegrown.core.access import SYSTEM, Permission, Role
from homegrown.core.ids import new_id
from homegrown.errors import InputError, NotFoundError
from homegrown.gateway import routes as gateway
from homegrown.govern.access import Access
from homegrown.store.locks import FileLock
from homegrown.studio import routes as studio
from homegrown.web import Doors, Route, Shape, signin
from homegrown.web.answers import refusal
from homegrown.web.deadlines import DeadlineProtocol, take_files
from homegrown.web.guard import Guard, Hosts
from homegrown.web.identity import Identity
from homegrown.web.log import LOGGER
from homegrown.web.room import room
from homegrown.workspace import connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from homegrown.govern.access import NewKey
    from homegrown.web.call import Call
    from homegrown.workspace import Workspace

DEFAULT_PORT = 8700
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
STOP_WITHIN_S = 20
KEEP_ALIVE_S = 75
FIRST_KEY = "first"


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """How to serve.

    Attributes:
        port: 0 takes any free one.
        allow_hosts: further host names that people use for this server.
        public_url: the address that people open when a TLS proxy stands in front, such as https://models.example.org.
        log_requests: one line per request on standard error.
        gateway_alone: only the gateway, health and metrics; no studio, no API, no worker.
    """

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    allow_hosts: tuple[str, ...] = ()
    public_url: str | None = None
    log_requests: bool = False
    gateway_alone: bool = False


@dataclass(frozen=True, slots=True)
class Announcement:
    """What the operator is told when the server listens.

    Attributes:
        first_key: a caller's key, made when the workspace had none; shown this once.
    """

    origin: str
    sign_in_url: str
    first_key: NewKey | None


def routes() -> list[Route]:
    """Every route of every face; what is called most stands first."""
    return [*api.HOT, *gateway.ROUTES, *api.ROUTES, *studio.ROUTES, *signin.ROUTES]


def gateway_routes() -> list[Route]:
    """Those of the gateway by itself."""
    return [*gateway.ROUTES, *api.WATCHING]


def application(ws: Workspace, origin: str, hosts: Hosts, *, gateway_alone: bool = False) -> Guard:
    """The ASGI application of a workspace, or of its gateway alone."""
    access = Access(ws.store.db)
    identity = Identity(access, f"hg_session_{ws.store.workspace_id[-8:]}")
    doors = Doors(ws, access, identity, origin)
    mounted: list[BaseRoute] = [route.mount(doors) for route in (gateway_routes() if gateway_alone else routes())]
    mounted.append(_fallback(mounted).mount(doors))

    @contextlib.asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        ws.chooser = ws.chooser or ws.most_useful()
        async with contextlib.AsyncExitStack() as stack:
            rest = api.ALONE if gateway_alone else {**api.PARTS, **studio.PARTS}
            for name, part in (("reserve", room), *gateway.PARTS.items(), *rest.items()):
                doors.parts[name] = await stack.enter_async_context(part(doors))
            yield

    return Guard(Router(mounted, redirect_slashes=False, lifespan=lifespan), hosts, doors, _shape)


def _shape(path: str) -> Shape:
    if path == "/v1/messages":
        return Shape.ANTHROPIC
    return Shape.OPENAI if path.startswith("/v1/") else Shape.API


def _fallback(mounted: list[BaseRoute]) -> Route:
    """Answers what no route answers, through the same door as all: a bad key gets its 401 here too."""
    known = list(mounted)

    async def nothing(call: Call) -> Response:
        scope = call.request.scope
        allowed = {m for r in known if r.matches(scope)[0] is Match.PARTIAL for m in getattr(r, "methods", ())}
        if allowed:
            response = refusal(InputError("This address does not take that method."), Shape.API, call.request_id)
            response.status_code = 405
            response.headers["Allow"] = ", ".join(sorted(allowed))
            return response
        shape = _shape(scope["path"])
        if shape is Shape.API and "text/html" in call.request.headers.get("accept", ""):
            shape = Shape.PAGE
        return refusal(NotFoundError(), shape, call.request_id)

    return Route("/{rest:path}", nothing, Permission.PUBLIC, methods=())


class _Uvicorn(uvicorn.Server):
    """Stops quietly on a signal; uvicorn's own raises it again and ends the process by it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        old = {s: signal.signal(s, self.handle_exit) for s in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in old.items():
                signal.signal(number, handler)


def serve(ws: Workspace, options: ServeOptions, announce: Callable[[Announcement], None]) -> None:
    """Serve *ws* until a signal comes; requests under way are finished first.

    Args:
        ws: the opened workspace.
        options: where and how.
        announce: told once, when the server listens.

    Raises:
        WorkspaceBusyError: another server has this workspace; the message names its address.
        InputError: the port cannot be had.
    """
    with _prepared(ws, options) as (server, listener, origin):
        announce(_announcement(ws, origin))
        server.run(sockets=[listener])


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """A workspace folder to serve in the background, on any free port unless one is named."""

    root: Path
    port: int = 0
    host: str = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server in a thread of this process.

    Attributes:
        address: where it answers.
        key: a caller's key that lives as long as the server.
        sign_in_link: opens the studio, once.
    """

    address: str
    key: str
    sign_in_link: str
    thread: threading.Thread

    def wait(self) -> None:
        """Until the server ends, or Ctrl-C."""
        with contextlib.suppress(KeyboardInterrupt):
            # Not by ``join``: interrupted in it, Python 3.11 takes the thread for ended, and nobody waits for it then.
            while self.thread.is_alive():
                time.sleep(0.2)


@contextlib.contextmanager
def running_server(options: ServerOptions) -> Iterator[RunningServer]:
    """Serve a workspace while the block runs.

    Example:
        >>> with running_server(ServerOptions(Path("work"))) as server:  # doctest: +SKIP
        ...     print(server.address)
    """
    chosen = ServeOptions(host=options.host, port=options.port)
    with (
        connect(options.root, actor=SYSTEM) as ws,
        _prepared(ws, chosen) as (server, listener, origin),
    ):
        access = Access(ws.store.db)
        key = access.add_key(SYSTEM, new_id("background"), Role.CALLER)
        link = f"{origin}/signin?link={access.add_link(SYSTEM)}"
        thread = threading.Thread(target=lambda: server.run(sockets=[listener]), name="server", daemon=True)
        thread.start()
        try:
            yield RunningServer(origin, key.secret, link, thread)
        finally:
            server.should_exit = True
            thread.join(STOP_WITHIN_S + 5)
            access.revoke_key(SYSTEM, key.key_id)


@contextlib.contextmanager
def _prepared(ws: Workspace, options: ServeOptions) -> Iterator[tuple[uvicorn.Server, socket.socket, str]]:
    """The server of *ws* with its lock held and its port bound, not running yet."""
    path = ws.store.layout.folder("locks") / "server.lock"
    with FileLock(path, exclusive=True, wait_s=0.3) as lock, _bound(options.host, options.port) as listener:
        origin = _origin(options, listener.getsockname()[1])
        lock.describe(address=origin)
        take_files()
        _set_up_log(options.log_requests)
        app = application(ws, origin, _hosts(options), gateway_alone=options.gateway_alone)
        yield _Uvicorn(uvicorn_config(app)), listener, origin


def uvicorn_config(app: Guard) -> uvicorn.Config:
    """How *app* is served: bounded heads, deadlines, no word about us in headers, no trust in proxies' headers."""
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        # h11 bounds the size of a request's head; httptools, which "auto" would take if it were there, does not.
        http=DeadlineProtocol,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=STOP_WITHIN_S,
        h11_max_incomplete_event_size=64 << 10,
    )


def _announcement(ws: Workspace, origin: str) -> Announcement:
    access = Access(ws.store.db)
    actor = ws.store.actor
    link = f"{origin}/signin?link={access.add_link(actor)}"
    first = access.add_key(actor, FIRST_KEY, Role.CALLER) if not access.keys() else None
    return Announcement(origin, link, first)


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol must be named: asyncio sets TCP_NODELAY only then, and without it each answer waits 40 ms for an
    # acknowledgement that the client delays.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host.strip("[]"), port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise InputError(
            f"The address {host}:{port} cannot be served ({error.strerror or error}). Choose another with --port."
        ) from error
    listener.set_inheritable(False)
    return listener


def _origin(options: ServeOptions, port: int) -> str:
    if options.public_url:
        return options.public_url.rstrip("/")
    host = "127.0.0.1" if options.host in ("0.0.0.0", "") else options.host  # noqa: S104  # shown, not bound
    host = "[::1]" if host in ("::", "[::]") else host
    return f"http://{f'[{host}]' if ':' in host and not host.startswith('[') else host}:{port}"


def _hosts(options: ServeOptions) -> Hosts:
    names = {*LOOPBACK, *options.allow_hosts}
    if options.public_url:
        names.add(options.public_url.partition("://")[2].partition("/")[0].partition(":")[0])
    open_to_all = options.host not in (*LOOPBACK, "::1")
    if open_to_all:
        names.add(socket.gethostname())
    return Hosts(names, any_address=open_to_all)


def _set_up_log(log_requests: bool) -> None:
    if not LOGGER.handlers:
        LOGGER.addHandler(logging.StreamHandler())
    LOGGER.propagate = False
    LOGGER.setLevel(logging.INFO if log_requests else logging.WARNING)
