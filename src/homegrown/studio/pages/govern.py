"""Govern: the audit, who did what to which."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from starlette.responses import Response, StreamingResponse

from homegrown.core.access import Permission
from homegrown.errors import InputError
from homegrown.store.events import read_events
from homegrown.studio import words
from homegrown.studio.answer import asked, show
from homegrown.studio.sentences import sentence
from homegrown.studio.view import AsCode
from homegrown.web import Route, Shape

if TYPE_CHECKING:
    from homegrown.store.database import Database
    from homegrown.web import Call

ROWS = 50
MOST_SEARCHED = 20_000


@dataclass(frozen=True, kw_only=True)
class AuditRow:
    """One act."""

    at: str
    actor: str
    action: str
    resource: str
    sentence: str


@dataclass(frozen=True, kw_only=True)
class AuditPage:
    """The newest acts first."""

    template: ClassVar[str] = "govern/audit.html"
    q: str
    entries: tuple[AuditRow, ...]
    showing: str
    next_href: str
    as_code: AsCode


def audit(call: Call) -> Response:
    """``GET /govern``."""
    q, before = asked(call, "q").strip(), asked(call, "before")
    if before and not before.isdigit():
        raise InputError("This place in the audit is not known. Begin again from the newest.")
    found = _matching(call.ws.store.db, q, int(before) if before else None)
    rows = found[:ROWS]
    more = len(found) > ROWS
    page = AuditPage(
        q=q,
        entries=tuple(_row(e) for e in rows),
        showing=f"{words.plural(len(rows), 'entry', 'entries')}{', and older ones' if more else ''}",
        next_href="/govern?" + words.query_string(q=q, before=rows[-1]["seq"]) if more else "",
        as_code=AsCode(
            cli="homegrown govern audit --json",
            python="ws.audit()",
            sql="select created_at, actor_id, action, resource from events order by created_at desc",
        ),
    )
    return show(call, page)


def _matching(db: Database, q: str, before: int | None) -> list[dict[str, Any]]:
    """Up to one more entry than a page holds; a search reads on in pieces, and stops somewhere."""
    if not q:
        return read_events(db, limit=ROWS + 1, before_seq=before)
    found: list[dict[str, Any]] = []
    read = 0
    while len(found) <= ROWS and read < MOST_SEARCHED:
        piece = read_events(db, limit=1000, before_seq=before)
        if not piece:
            break
        found += [e for e in piece if q.lower() in f"{e['actor']} {e['action']} {e['resource']}".lower()]
        before, read = piece[-1]["seq"], read + len(piece)
    return found[: ROWS + 1]


def _row(event: dict[str, Any]) -> AuditRow:
    return AuditRow(
        at=event["created_at"],
        actor=event["actor"] or event["actor_id"],
        action=event["action"],
        resource=event["resource"],
        sentence=sentence(event["action"], event["details"]),
    )


def export(call: Call) -> Response:
    """``GET /govern/audit.csv``: the whole log, streamed."""
    return StreamingResponse(
        _lines(call.ws.store.db),
        media_type="text/csv",
        headers={"Content-Disposition": 'attachment; filename="audit.csv"'},
    )


def _lines(db: Database) -> Iterator[str]:
    yield "at,actor,action,resource,sentence\r\n"
    before: int | None = None
    while piece := read_events(db, limit=1000, before_seq=before):
        before = piece[-1]["seq"]
        buffer = io.StringIO()
        writer = csv.writer(buffer)
        for event in piece:
            row = _row(event)
            writer.writerow([row.at, *(_safe(v) for v in (row.actor, row.action, row.resource, row.sentence))])
        yield buffer.getvalue()


def _safe(value: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{value}" if value[:1] in "=+-@\t\r" else value


ROUTES = (
    Route("/govern", audit, Permission.GOVERN, shape=Shape.PAGE),
    Route("/govern/audit.csv", export, Permission.GOVERN, shape=Shape.PAGE),
)
