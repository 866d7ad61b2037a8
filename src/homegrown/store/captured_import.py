"""Captured calls that came in files, and reading all whole calls, wherever they came from, with their templates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from homegrown.core.ids import canonical_json
from homegrown.core.traces import CallState, Captured
from homegrown.store import tables
from homegrown.store.captured import captured_of
from homegrown.store.events import DEFAULT_PROJECT, record_event

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from homegrown.core.access import Actor
    from homegrown.store.database import Database

_C = tables.captured
_PAGE = 500
_WHOLE = _C.c.state == CallState.WHOLE.value


class CapturedImports:
    """Adds calls that happened elsewhere, and reads whole ones in pages, so that no reader holds a writer up."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, calls: Sequence[Captured]) -> int:
        """Keep calls, those that are here already left alone; how many were new. One transaction."""
        rows = {call.trace_id: _row(call) for call in calls}
        with self._db.write() as connection:
            here = connection.execute(sa.select(_C.c.trace_id).where(_C.c.trace_id.in_(list(rows)))).scalars()
            for trace_id in set(here):
                del rows[trace_id]
            if rows:
                connection.execute(sa.insert(_C), list(rows.values()))
        return len(rows)

    def told(self, actor: Actor, origin: str, **details: Any) -> None:
        """Note that an import ended."""
        with self._db.write() as connection:
            record_event(connection, actor, "monitor.import", f"captured:{origin}", **details)

    def whole(
        self, *, templates: Sequence[str | None] | None = None, tag: tuple[str, str] | None = None
    ) -> Iterator[Captured]:
        """Every call with a good answer to its end, oldest first.

        Args:
            templates: only calls of these templates; None among them stands for calls without one.
            tag: only calls with this tag.
        """
        wanted = sa.select(*_C.c).where(_WHOLE)
        if templates is not None:
            named = [t for t in templates if t is not None]
            of = [_C.c.template_id.in_(named), *([_C.c.template_id.is_(None)] if None in templates else [])]
            wanted = wanted.where(sa.or_(*of))
        for row in self._pages(wanted):
            call = captured_of(row)
            if tag is None or call.tags.get(tag[0]) == tag[1]:
                yield call

    def _pages(self, wanted: sa.Select[Any]) -> Iterator[dict[str, Any]]:
        after = ("", "")
        while True:
            same = sa.and_(_C.c.created_at == after[0], _C.c.trace_id > after[1])
            later = sa.or_(_C.c.created_at > after[0], same)
            rows = self._db.all(wanted.where(later).order_by(_C.c.created_at, _C.c.trace_id).limit(_PAGE))
            yield from rows
            if len(rows) < _PAGE:
                return
            after = (rows[-1]["created_at"], rows[-1]["trace_id"])

    def get(self, trace_ids: Iterable[str]) -> list[Captured]:
        """Those of some calls that are here, in the order in which they are named."""
        wanted = list(trace_ids)
        rows = {r["trace_id"]: r for r in self._db.all(sa.select(*_C.c).where(_C.c.trace_id.in_(wanted)))}
        return [captured_of(rows[t]) for t in wanted if t in rows]

    def count(self) -> int:
        """How many whole calls there are."""
        found = self._db.one(sa.select(sa.func.count().label("n")).where(_WHOLE))
        return int(found["n"]) if found else 0

    def assign(self, templates: Mapping[str, str | None]) -> None:
        """Say of which template calls are, by their ids; one transaction."""
        by: dict[str | None, list[str]] = {}
        for trace_id, template_id in templates.items():
            by.setdefault(template_id, []).append(trace_id)
        with self._db.write() as connection:
            for template_id, ids in by.items():
                for start in range(0, len(ids), _PAGE):
                    some = _C.c.trace_id.in_(ids[start : start + _PAGE])
                    connection.execute(sa.update(_C).where(some).values(template_id=template_id))

    def rename(self, templates: Mapping[str, str]) -> None:
        """Put another template's id in place of one, for all its calls; one transaction."""
        with self._db.write() as connection:
            for old, new in templates.items():
                connection.execute(sa.update(_C).where(_C.c.template_id == old).values(template_id=new))


def _row(call: Captured) -> dict[str, Any]:
    row = {name: getattr(call, name) for name in Captured.__dataclass_fields__}
    return row | {
        "project_id": DEFAULT_PROJECT,
        "wire": call.wire.value,
        "state": call.state.value,
        "is_stream": int(call.is_stream),
        "request": canonical_json(call.request).decode(),
        "response": None if call.response is None else canonical_json(call.response).decode(),
        "tags": canonical_json(call.tags).decode(),
    }
