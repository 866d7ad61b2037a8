"""Query: records by words, meaning or source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from starlette.responses import Response

from homegrown.core.access import Permission
from homegrown.studio import search, words, work
from homegrown.studio.answer import asked, go, show
from homegrown.studio.view import AsCode
from homegrown.web import Route, Shape

if TYPE_CHECKING:
    from homegrown.web import Call


#: from how many records on a search without an index is worth a word
MANY = 50_000


@dataclass(frozen=True, kw_only=True)
class Way:
    """A way to search."""

    name: str
    title: str
    says: str
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class RecordRow:
    """A record in the list."""

    record_id: str
    text: str
    label: str
    source: str
    near: float


@dataclass(frozen=True, kw_only=True)
class RecordsPage:
    """A page of records."""

    template: ClassVar[str] = "query/records.html"
    lead: str
    q: str
    by: str
    ways: tuple[Way, ...]
    source: str
    sources: tuple[str, ...]
    n_records: int
    records: tuple[RecordRow, ...]
    has_labels: bool
    showing: str
    problem: str
    offers_index: bool
    first_href: str
    next_href: str
    as_code: AsCode


_WAYS = (
    Way(name="words", title="Words", says="records that hold all these words"),
    Way(name="meaning", title="Meaning", says="records that say something like it"),
)


def records(call: Call) -> Response:
    """``GET /query/records``."""
    q, by, source = asked(call, "q").strip()[:1000], asked(call, "by", "words"), asked(call, "source")
    cursor = asked(call, "cursor") or None
    found = search.page(call.ws, text=q, by=by, source=source, cursor=cursor)
    labels = search.labels(call.ws, [r.record_id for r in found.records])
    scores = found.scores or [0.0] * len(found.records)
    n_records = call.ws.store.records.count()
    rows = tuple(
        RecordRow(
            record_id=r.record_id, text=r.text[:600], label=labels.get(r.record_id, ""), source=r.source, near=score
        )
        for r, score in zip(found.records, scores, strict=True)
    )
    unindexed = bool(q) and by == "words" and found.note is not None
    same = {"q": q, "by": by if by != "words" else "", "source": source}
    page = RecordsPage(
        lead=f"{words.plural(n_records, 'record')}: each is one thing that you have.",
        q=q,
        by=by,
        ways=_WAYS,
        source=source,
        sources=tuple(s.name for s in call.ws.store.sources.list()),
        n_records=n_records,
        records=rows,
        has_labels=bool(labels),
        showing=_showing(len(rows), q, found.cursor is not None),
        problem="" if unindexed else found.note or "",
        offers_index=unindexed and n_records > MANY and call.actor.may(Permission.BUILD),
        first_href="/query/records?" + words.query_string(**same) if cursor else "",
        next_href="/query/records?" + words.query_string(**same, cursor=found.cursor) if found.cursor else "",
        as_code=_records_code(q, by, source),
    )
    return show(call, page)


def index(call: Call) -> Response:
    """``POST /query/index``: index the words of all records, as a job."""
    return go(f"/jobs/{work.submit(call.ws, call.actor, 'index', {})}")


def _showing(n: int, q: str, more: bool) -> str:
    what = f"{words.plural(n, 'record')} on this page"
    return f"{what}, the best first" if q else what + (", more follow" if more else "")


def _records_code(q: str, by: str, source: str) -> AsCode:
    quoted = q.replace("'", "''")
    function = "search" if by == "words" else "nearest"
    where = f" where source = '{source.replace(chr(39), chr(39) * 2)}'" if source else ""
    browse = f"select text, source from records{where} limit 50"
    sql = f"select text, score from {function}('{quoted}', 50)" if q else browse
    mode = search.MODES.get(by, "text")
    return AsCode(cli=f"homegrown query {words.shell(sql)}", python=f"ws.search_records({q!r}, mode={mode!r})", sql=sql)


ROUTES = (
    Route("/query/records", records, Permission.READ, shape=Shape.PAGE),
    Route("/query/index", index, Permission.BUILD, methods=("POST",), shape=Shape.PAGE, form=True),
)
