"""Live parts of pages: a fragment sent again, as a server-sent event, whenever it has changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import anyio.to_thread
from starlette.responses import Response, StreamingResponse

EVERY_S = 0.4
#: A comment line now and then, so that no proxy takes a quiet stream for a dead one.
STILL_HERE_S = 15.0


def live(fragment: Callable[[], tuple[str, bool]]) -> Response:
    """Send *fragment* whenever its HTML changes, until it says that it is final; then the event ``done``.

    Args:
        fragment: builds the HTML in a thread, and whether it is the last one. Built once before the stream opens, so
            that what does not exist is a 404 and not a stream that breaks.
    """
    fragment()
    return StreamingResponse(_events(fragment), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


async def _events(fragment: Callable[[], tuple[str, bool]]) -> AsyncIterator[str]:
    last, silent = "", 0.0
    while True:
        html, final = await anyio.to_thread.run_sync(fragment)
        if html != last:
            yield event(html)
            last, silent = html, 0.0
        if final:
            yield "event: done\ndata: \n\n"
            return
        await asyncio.sleep(EVERY_S)
        silent += EVERY_S
        if silent >= STILL_HERE_S:
            yield ": still here\n\n"
            silent = 0.0


def event(html: str) -> str:
    r"""One server-sent event. Each line is its own ``data:`` field, so no text of a record can begin another field.

    Example:
        >>> event("a\nevent: done")
        'data: a\ndata: event: done\n\n'
    """
    return "".join(f"data: {line}\n" for line in html.splitlines()) + "\n"
