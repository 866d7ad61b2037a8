"""One request, as a page sees it: who asks, of which workspace, with what."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from homegrown.core.access import Actor
from homegrown.studio import render
from homegrown.studio.frame import Frame, frame

if TYPE_CHECKING:
    from homegrown.workspace import Workspace

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, kw_only=True)
class Call:
    """A request with its workspace. A page is a plain function of it that runs in a thread, so it may wait."""

    request: Request
    ws: Workspace
    actor: Actor
    form: FormData = field(default_factory=FormData)

    def query(self, name: str, default: str = "") -> str:
        """A query parameter."""
        return self.request.query_params.get(name, default)

    def path(self, name: str) -> str:
        """A part of the path: always an opaque id or a name, never a file."""
        return str(self.request.path_params[name])

    def text(self, name: str, default: str = "") -> str:
        """A field of the posted form that is text."""
        value = self.form.get(name)
        return value if isinstance(value, str) else default

    def upload(self, name: str) -> UploadFile | None:
        """A field of the posted form that is a file; None when none was chosen."""
        value = self.form.get(name)
        return value if isinstance(value, UploadFile) and value.filename else None

    @property
    def frame(self) -> Frame:
        """What stands round the page."""
        return frame(
            project=self.ws.store.layout.root.name,
            actor=self.actor.name,
            role=self.actor.role.value,
            theme=self.request.cookies.get("hg_theme", ""),
            n_jobs=0,
            path=self.request.scope["path"],
        )

    def show(self, page: render.Page, status: int = 200) -> Response:
        """A whole page, or its JSON twin."""
        return render.respond(self.request, page, self.frame, status)

    def part(self, template: str, page: render.Page) -> Response:
        """A part of a page."""
        return render.fragment(template, page, self.frame)


def go(href: str) -> Response:
    """Send the browser on after a form: always to one of our own pages."""
    return RedirectResponse(href, 303)
