"""The server's log: one JSON line per request on standard error, and nothing of what was sent.

No header, query string, body or cookie is ever written; of a fault its class and where it arose, not its message,
which may quote the user's data.
"""

from __future__ import annotations

import logging
import traceback
from pathlib import Path

import msgspec

from homegrown.core.ids import timestamp

LOGGER = logging.getLogger("homegrown.server")


def note_request(request_id: str, method: str, route: str, status: int, seconds: float, actor_id: str | None) -> None:
    """One served request."""
    if LOGGER.isEnabledFor(logging.INFO):
        facts = {
            "at": timestamp(), "request_id": request_id, "method": method, "route": route,
            "status": status, "ms": round(seconds * 1000, 2), "actor": actor_id,
        }  # fmt: skip
        LOGGER.info("%s", msgspec.json.encode(facts).decode())


def note_fault(request_id: str, error: BaseException) -> None:
    """A fault of our own: class and lines of code."""
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    where = [f"{Path(f.filename).name}:{f.lineno}:{f.name}" for f in frames]
    causes = [type(e).__name__ for e in (error, error.__cause__, error.__context__) if e is not None]
    facts = {"at": timestamp(), "request_id": request_id, "fault": causes, "where": where}
    LOGGER.error("%s", msgspec.json.encode(facts).decode())


def note(sentence: str) -> None:
    """Something that the operator should know; ids and names only."""
    LOGGER.warning("%s", msgspec.json.encode({"at": timestamp(), "note": sentence}).decode())
