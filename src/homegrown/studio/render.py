"""From a page's dataclass to an answer: HTML for a person, JSON for a program, at the same address."""

from __future__ import annotations

import dataclasses
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Protocol

import jinja2
import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from homegrown.studio import words
from homegrown.studio.frame import Frame
from homegrown.studio.markdown import markdown

HERE = Path(__file__).parent
STATIC = HERE / "static"


class Page(Protocol):
    """A frozen dataclass that names its template; its fields are the template's variables and the JSON twin's body.

    One whose ``has_step`` is true shows the next step itself; any other page ends in the workspace's.
    """

    template: ClassVar[str]


@lru_cache(maxsize=1)
def environment() -> jinja2.Environment:
    """The template environment: everything is escaped, and a variable that does not exist is an error."""
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {"percent": words.percent, "count_words": words.count, "doubt": words.doubt, "markdown": markdown}
    found.globals["static"] = static_href
    return found


@lru_cache(maxsize=1)
def static_digest() -> str:
    """The digest of the bundle, part of each file's address so that a browser may keep it; empty before `make`."""
    path = STATIC / "digest.txt"
    return path.read_text().strip() if path.exists() else "missing"


def static_href(name: str) -> str:
    """The address of a bundled file."""
    return f"/static/{static_digest()}/{name}"


def values(page: Page) -> dict[str, Any]:
    """A page's fields by name, not copied: the template's variables."""
    return {field.name: getattr(page, field.name) for field in dataclasses.fields(page)}  # type: ignore[arg-type]


def html(template: str, page: Page, frame: Frame) -> str:
    """A page, or a fragment of one, as HTML."""
    return environment().get_template(template).render(frame=frame, **values(page))


def wants_json(request: Request) -> bool:
    """Whether the caller wants the JSON twin: by `?format=json`, or by an Accept header that names it and no HTML."""
    accept = request.headers.get("accept", "")
    return request.query_params.get("format") == "json" or ("application/json" in accept and "text/html" not in accept)


def respond(request: Request, page: Page, frame: Frame, status: int = 200) -> Response:
    """The page as the caller wants it."""
    if wants_json(request):
        return Response(msgspec.json.encode(values(page)), status, media_type="application/json")
    return HTMLResponse(html(page.template, page, frame), status)


def fragment(template: str, page: Page, frame: Frame) -> Response:
    """A part of a page, for htmx to put in place."""
    return HTMLResponse(html(template, page, frame))


def bare(page: Page, status: int = 200) -> Response:
    """A page without the frame: for somebody who is not signed in, or when something went wrong."""
    return HTMLResponse(environment().get_template(page.template).render(**values(page)), status)
