"""What page functions need of a call: the frame round the page, a form's fields, the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import UploadFile
from starlette.responses import RedirectResponse, Response

from homegrown.core.access import Permission
from homegrown.studio import render
from homegrown.studio.frame import Frame, Waits, frame
from homegrown.studio.guide import after, situation
from homegrown.studio.view import NextStep
from homegrown.studio.work import n_running

if TYPE_CHECKING:
    from homegrown.web import Call


def framed(call: Call, step: NextStep | None = None, waiting: dict[str, Waits] | None = None) -> Frame:
    """What stands round the page that *call* asks for, the next step that it ends in, and what waits in which room."""
    return frame(
        project=call.ws.store.layout.root.name,
        actor=call.actor.name,
        role=call.actor.role.value,
        theme=call.request.cookies.get("hg_theme", ""),
        n_jobs=n_running(call.ws),
        path=call.request.scope["path"],
        step=step,
        only_labels=not call.actor.may(Permission.READ),
        waiting=waiting,
    )


def _waiting(call: Call) -> dict[str, Waits]:
    """What waits for somebody, by the address of its room."""
    return {
        "/label": Waits.of(call.ws.n_to_label(), "record"),
        "/curate": Waits.of(call.ws.store.issues.n_open(), "doubtful case"),
    }


def show(call: Call, page: render.Page, status: int = 200, *, step: NextStep | None = None) -> Response:
    """A whole page, or its JSON twin; it ends in *step*, or in the workspace's where it has none of its own."""
    ends = call.actor.may(Permission.READ) and not render.wants_json(call.request)
    if ends and step is None and not getattr(page, "has_step", False):
        step = after(situation(call.ws), call.request.scope["path"])
    return render.respond(call.request, page, framed(call, step, _waiting(call) if ends else None), status)


def part(call: Call, template: str, page: render.Page) -> Response:
    """A part of a page."""
    return render.fragment(template, page, framed(call))


def go(href: str) -> Response:
    """Send the browser on after a form; always to one of our own pages."""
    return RedirectResponse(href, 303)


def asked(call: Call, name: str, default: str = "") -> str:
    """One parameter of the query string."""
    return call.request.query_params.get(name, default)


def posted(call: Call, name: str, default: str = "") -> str:
    """One text field of the posted form."""
    value = call.form.get(name)
    return value if isinstance(value, str) else default


def posted_file(call: Call, name: str) -> UploadFile | None:
    """One file of the posted form; None when none was chosen."""
    value = call.form.get(name)
    return value if isinstance(value, UploadFile) and value.filename else None
