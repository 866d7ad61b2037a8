"""How an answer goes out: in one piece, or as server-sent events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from starlette.responses import Response, StreamingResponse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

EVENTS = "text/event-stream"
JSON = "application/json"
_ENCODER = msgspec.json.Encoder()


def event(value: dict[str, Any], name: str = "") -> bytes:
    r"""One event, named where the protocol names them.

    Example:
        >>> event({"type": "ping"}, "ping")
        b'event: ping\ndata: {"type":"ping"}\n\n'
    """
    line = b"event: " + name.encode() + b"\n" if name else b""
    return line + b"data: " + _ENCODER.encode(value) + b"\n\n"


def given(pieces: list[bytes], *, is_stream: bool) -> Response:
    """The response: of a stream one piece after the other, else all together."""
    if not is_stream:
        return Response(b"".join(pieces), media_type=JSON)
    return StreamingResponse(_flow(pieces), media_type=EVENTS, headers={"X-Accel-Buffering": "no"})


async def _flow(pieces: list[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
