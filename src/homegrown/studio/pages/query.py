"""Query: records by words, meaning or source, one record with all that is known of it, and SQL over every noun."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import pyarrow as pa
from starlette.responses import Response

from homegrown.core.access import Permission
from homegrown.errors import HomegrownError, NotFoundError
from homegrown.studio import charts, search, words
from homegrown.studio.answer import asked, show
from homegrown.studio.view import AsCode
from homegrown.web import Route, Shape

if TYPE_CHECKING:
    from homegrown.web import Call
    from homegrown.workspace import Workspace

SHOWN_ROWS = 1000
_FIRST = "select source, count(*) as n\nfrom records\ngroup by all\norder by n desc"
_EXAMPLES = (
    ("Labels and how many", "select task, class, count(*) as n from labels group by all order by n desc"),
    ("The longest records", "select n_chars, text from records order by n_chars desc limit 50"),
    ("A field of the file", "select fields->>'channel' as channel, count(*) as n from records group by all"),
    ("By words", "select text, score from search('money back', 20)"),
)
_FUNCTIONS = (
    ("search('words', 20)", "the best records for some words"),
    ("nearest('text', 20)", "the records nearest in meaning"),
    ("predict('name', text)", "what a model says"),
    ("similarity(a, b)", "how near two texts are, −1 to 1"),
)
_TABLES = ("records", "labels", "votes", "sources", "tasks", "snapshots", "models", "evaluations", "traces", "events")


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
    first_href: str
    next_href: str
    as_code: AsCode


@dataclass(frozen=True, kw_only=True)
class VoteRow:
    """A vote on the record."""

    source: str
    value: str
    confidence: str


@dataclass(frozen=True, kw_only=True)
class RecordPage:
    """One record."""

    template: ClassVar[str] = "query/record.html"
    record_id: str
    text: str
    fields: tuple[tuple[str, str], ...]
    votes: tuple[VoteRow, ...]
    as_code: AsCode


@dataclass(frozen=True, kw_only=True)
class ResultColumn:
    """A column of a result."""

    name: str
    is_number: bool


@dataclass(frozen=True, kw_only=True)
class Example:
    """A query to begin with."""

    name: str
    href: str


@dataclass(frozen=True, kw_only=True)
class SqlPage:
    """A query and its answer."""

    template: ClassVar[str] = "query/sql.html"
    sql: str
    problem: str
    schema: dict[str, tuple[str, ...]]
    functions: tuple[tuple[str, str], ...]
    examples: tuple[Example, ...]
    columns: tuple[ResultColumn, ...]
    rows: tuple[tuple[str, ...], ...]
    showing: str
    csv_href: str
    chart: dict[str, Any] | None
    as_code: AsCode


_COLUMNS: dict[str, tuple[str, ...]] = {}
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
        problem=found.note or "",
        first_href="/query/records?" + words.query_string(**same) if cursor else "",
        next_href="/query/records?" + words.query_string(**same, cursor=found.cursor) if found.cursor else "",
        as_code=_records_code(q, by, source),
    )
    return show(call, page)


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


def record(call: Call) -> Response:
    """``GET /query/records/{record_id}``."""
    record_id = call.path["record_id"]
    found = call.ws.store.records.get([record_id])
    if not found:
        raise NotFoundError("There is no such record here. It may have been forgotten.")
    fields = [("Source", found[0].source), *((name, str(value)) for name, value in found[0].fields.items())]
    page = RecordPage(
        record_id=record_id,
        text=found[0].text,
        fields=tuple(fields),
        votes=tuple(_vote(v) for v in search.votes(call.ws, record_id)),
        as_code=AsCode(
            cli=f"homegrown query \"select * from records where record_id = '{record_id}'\"",
            python=f'ws.store.records.get(["{record_id}"])',
            sql=f"select * from records where record_id = '{record_id}'",
        ),
    )
    return show(call, page)


def _vote(row: dict[str, Any]) -> VoteRow:
    sure = row["confidence"]
    return VoteRow(
        source=f"{row['kind']}: {row['label_source']}",
        value=str(row["class"] or row["value"] or "abstains"),
        confidence=words.percent(sure, 0) if sure is not None else "",
    )


def sql(call: Call) -> Response:
    """``GET /query``."""
    asked_sql = asked(call, "sql").strip()
    problem, result, took = "", None, 0.0
    if asked_sql:
        try:
            answer = call.ws.sql(asked_sql, max_rows=SHOWN_ROWS)
            result, took = answer.arrow, answer.seconds
            problem = " ".join(answer.notes)
        except HomegrownError as error:
            problem = error.message
    columns = tuple(_column(f) for f in result.schema) if result is not None else ()
    rows = result.to_pylist() if result is not None else []
    cut = len(rows) == SHOWN_ROWS
    page = SqlPage(
        sql=asked_sql or _FIRST,
        problem=problem,
        schema=_schema(call.ws),
        functions=_FUNCTIONS,
        examples=tuple(Example(name=n, href="/query?" + words.query_string(sql=s)) for n, s in _EXAMPLES),
        columns=columns,
        rows=tuple(tuple(_cell(v) for v in row.values()) for row in rows),
        showing=f"{'The first ' if cut else ''}{words.plural(len(rows), 'row')} in {words.duration(took)}",
        csv_href="",
        chart=charts.of_result([(c.name, c.is_number) for c in columns], rows),
        as_code=AsCode(
            cli=f"homegrown query {words.shell(asked_sql or _FIRST)}",
            python=f'ws.sql("""{asked_sql or _FIRST}""").to_pandas()',
            sql=asked_sql or _FIRST,
        ),
    )
    return show(call, page, 422 if problem and result is None else 200)


def _column(field: pa.Field) -> ResultColumn:
    kind = field.type
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    return ResultColumn(name=field.name, is_number=is_number)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.6g}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    shown = str(value)
    return shown if len(shown) <= 500 else shown[:499] + "…"


def _schema(ws: Workspace) -> dict[str, tuple[str, ...]]:
    """The columns of the tables; they are the same in every workspace, so they are asked for once."""
    if not _COLUMNS:
        _COLUMNS.update(_asked_columns(ws))
    return _COLUMNS


def _asked_columns(ws: Workspace) -> dict[str, tuple[str, ...]]:
    return {name: tuple(ws.sql(f"select * from {name} limit 0").columns) for name in _TABLES}


ROUTES = (
    Route("/query", sql, Permission.READ, shape=Shape.PAGE),
    Route("/query/records", records, Permission.READ, shape=Shape.PAGE),
    Route("/query/records/{record_id}", record, Permission.READ, shape=Shape.PAGE),
)
