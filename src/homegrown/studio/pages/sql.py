"""SQL over every noun: the answer, all of it as CSV, and queries saved as Selections."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar

import pyarrow as pa
from starlette.responses import Response, StreamingResponse

from homegrown.core.access import Permission
from homegrown.errors import HomegrownError, NotFoundError
from homegrown.studio import charts, words
from homegrown.studio.answer import asked, go, posted, show
from homegrown.studio.view import AsCode, Done
from homegrown.web import Route, Shape

if TYPE_CHECKING:
    from homegrown.query import Selection
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
class Saved:
    """A selection: a query under a name."""

    name: str
    sql: str
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
    done: Done | None
    saved: tuple[Saved, ...]
    may_save: bool
    name: str
    csv_href: str
    chart: dict[str, Any] | None
    as_code: AsCode


_COLUMNS: dict[str, tuple[str, ...]] = {}


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
    saved = tuple(_saved(s) for s in call.ws.selections())
    page = SqlPage(
        sql=asked_sql or _FIRST,
        problem=problem,
        schema=_schema(call.ws),
        functions=_FUNCTIONS,
        examples=tuple(Example(name=n, href="/query?" + words.query_string(sql=s)) for n, s in _EXAMPLES),
        columns=columns,
        rows=tuple(tuple(_cell(v) for v in row.values()) for row in rows),
        showing=f"{'The first ' if cut else ''}{words.plural(len(rows), 'row')} in {words.duration(took)}",
        done=_done(call, {s.name for s in saved}),
        saved=saved,
        may_save=call.actor.may(Permission.BUILD),
        name=asked(call, "name")[:63],
        csv_href="/query/result.csv?" + words.query_string(sql=asked_sql) if rows else "",
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


def _saved(selection: Selection) -> Saved:
    href = "/query?" + words.query_string(sql=f"select * from {selection.name}")
    return Saved(name=selection.name, sql=selection.sql, href=href)


def _done(call: Call, names: set[str]) -> Done | None:
    """What was just done to a selection, with the way back; the text of the query before stands in the address."""
    saved, removed, before = asked(call, "saved"), asked(call, "removed"), asked(call, "before")
    if saved in names:
        undo = "/query/save" if before else "/query/remove"
        fields = (("name", saved), ("sql", before)) if before else (("name", saved),)
        more = f"Other queries take it as a table: select * from {saved}"
        return Done(sentence=f"The selection {saved} is saved.", more=more, undo=undo, fields=fields)
    if removed and before and removed not in names:
        fields = (("name", removed), ("sql", before))
        return Done(sentence=f"The selection {removed} is removed.", undo="/query/save", fields=fields)
    return None


def save(call: Call) -> Response:
    """``POST /query/save``: keep a query under a name."""
    name = re.sub(r"[^a-z0-9]+", "_", posted(call, "name").lower()).strip("_")
    before = next((s.sql for s in call.ws.selections() if s.name == name), "")
    sql = posted(call, "sql").strip()
    call.ws.save_selection(name, sql)
    return go("/query?" + words.query_string(sql=sql, saved=name, before=before if before != sql else ""))


def remove(call: Call) -> Response:
    """``POST /query/remove``: forget a name; undone by saving it again."""
    name = posted(call, "name")
    before = next((s.sql for s in call.ws.selections() if s.name == name), "")
    call.ws.delete_selection(name)
    return go("/query?" + words.query_string(removed=name, before=before))


def download(call: Call) -> Response:
    """``GET /query/result.csv``: the whole answer, streamed; no cell is taken for a formula."""
    sql = asked(call, "sql").strip()
    if not sql:
        raise NotFoundError("There is no query to answer. Write one first.")
    pieces = call.ws.stream_csv(sql)
    # The first piece is made before the answer begins, so that a query that fails is a page and not half a file.
    return StreamingResponse(_begun(pieces), media_type="text/csv; charset=utf-8",
                             headers={"Content-Disposition": 'attachment; filename="result.csv"'})  # fmt: skip


def _begun(pieces: Iterator[str]) -> Iterator[str]:
    return chain([next(pieces)], pieces)


ROUTES = (
    Route("/query", sql, Permission.READ, shape=Shape.PAGE),
    Route("/query/result.csv", download, Permission.READ, shape=Shape.PAGE),
    Route("/query/save", save, Permission.BUILD, methods=("POST",), shape=Shape.PAGE, form=True),
    Route("/query/remove", remove, Permission.BUILD, methods=("POST",), shape=Shape.PAGE, form=True),
)
