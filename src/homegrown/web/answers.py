"""Answers and refusals: one JSON shape, OpenAI's shape below ``/v1``, a page for people."""

from __future__ import annotations

import html
import math
from enum import StrEnum
from typing import Any

import msgspec
from starlette.responses import HTMLResponse, RedirectResponse, Response

from homegrown.errors import (
    HomegrownError,
    OfflineError,
    OverloadedError,
    SlowRequestError,
    TooLargeError,
    UnauthenticatedError,
    UnavailableError,
)

_ENCODER = msgspec.json.Encoder()
_TOLD = (UnavailableError, OfflineError)
_ANTHROPIC_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
}
_OPENAI_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}


class Shape(StrEnum):
    """How a route speaks when it refuses."""

    API = "api"
    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    PAGE = "page"


def json_response(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """*value* (builtins, dataclasses, msgspec structs) as JSON."""
    return Response(_ENCODER.encode(value), status, headers, "application/json")


def refusal(error: HomegrownError, shape: Shape, request_id: str) -> Response:
    """What the client gets for *error*: a sentence, a stable code, the request's id; no path, address or trace."""
    headers = {}
    if isinstance(error, OverloadedError):
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_s)))
    if isinstance(error, UnavailableError):
        headers["Retry-After"] = "1"
    if isinstance(error, UnauthenticatedError):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, (TooLargeError, SlowRequestError)):
        headers["Connection"] = "close"  # the rest of the body is not read
    message = error.message if error.status < 500 or isinstance(error, _TOLD) else _inside(error)
    if shape is Shape.OPENAI:
        body: dict[str, Any] = {
            "message": message,
            "type": _OPENAI_TYPES.get(error.status, "invalid_request_error" if error.status < 500 else "server_error"),
            "param": None,
            "code": error.code,
        }
        # OpenAI's clients know 400 for what does not fit, not 422.
        return json_response({"error": body}, 400 if error.status == 422 else error.status, headers)
    if shape is Shape.ANTHROPIC:
        kind = _ANTHROPIC_TYPES.get(error.status, "invalid_request_error" if error.status < 500 else "api_error")
        said = {"type": "error", "error": {"type": kind, "message": message}, "request_id": request_id}
        return json_response(said, 400 if error.status == 422 else error.status, headers)
    if shape is Shape.PAGE:
        if isinstance(error, UnauthenticatedError):
            return RedirectResponse("/signin", 303)
        return HTMLResponse(plain_page("That did not work", message, request_id), error.status, headers)
    body = {"code": error.code, "message": message, "request_id": request_id}
    return json_response({"error": body}, error.status, headers)


def _inside(error: HomegrownError) -> str:
    """Faults of our own are said in general words; the log has the rest under the request's id."""
    return type(error)().message


def plain_page(title: str, sentence: str, note: str = "", head: str = "") -> str:
    """A small page without script, for where the studio's own pages cannot be."""
    quoted = [html.escape(part) for part in (title, sentence, note)]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{quoted[0]} · homegrown</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        # The studio's style, where it is bundled; the page reads well without it.
        f'<link rel="stylesheet" href="/static/plain.css"><link rel="icon" href="/favicon.ico">{head}</head>'
        f'<body><main class="bare"><div class="bare-card card stack"><h1>{quoted[0]}</h1>'
        f'<p>{quoted[1]}</p><p class="faint">{quoted[2]}</p></div></main></body></html>'
    )
