"""Run one query over the workspace."""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from homegrown.errors import HomegrownError, QueryError
from homegrown.query.duck import Duck, Limits
from homegrown.query.functions import Functions
from homegrown.query.lookups import answer_lookup
from homegrown.query.nouns import read_noun
from homegrown.query.plan import VALUE_FUNCTIONS, Plan, make_plan
from homegrown.query.result import Result
from homegrown.query.selections import find_selection
from homegrown.query.views import RECORDS_ALL_CURRENT, VIEWS, order_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from homegrown.query.functions import Abilities
    from homegrown.store import Store


def run_query(
    store: Store,
    sql: str,
    *,
    abilities: Abilities,
    parameters: list[Any] | None = None,
    limits: Limits | None = None,
    max_rows: int | None = None,
) -> Result:
    """Answer one SELECT over the nouns of *store*.

    Args:
        store: the workspace.
        sql: one SELECT; its tables are ``VIEWS`` and saved Selections.
        abilities: the models behind ``predict``, ``embed``, ``similarity`` and ``nearest``.
        parameters: values for ``?`` or ``$1`` in the query.
        limits: time, memory, size of the answer.
        max_rows: cut the answer here and say so.

    Raises:
        QueryError: in one sentence, what was refused or failed.
    """
    started = time.monotonic()
    with _prepared(store, sql, abilities, limits or Limits()) as query:
        rows, truncated = query.duck.fetch(query.sql, parameters, max_rows)
    return Result(rows, sql, time.monotonic() - started, truncated, tuple(query.notes))


@contextmanager
def stream_query(
    store: Store,
    sql: str,
    *,
    abilities: Abilities,
    parameters: list[Any] | None = None,
    limits: Limits | None = None,
) -> Iterator[pa.RecordBatchReader]:
    """The answer of ``run_query`` as a stream of batches, for answers larger than memory."""
    with (
        _prepared(store, sql, abilities, limits or Limits()) as query,
        query.duck.stream(query.sql, parameters) as reader,
    ):
        yield reader


class _Prepared:
    """A connection on which everything that a query mentions is in place."""

    def __init__(self, store: Store, duck: Duck, functions: Functions) -> None:
        self.store, self.duck, self.functions = store, duck, functions
        self.notes: list[str] = []
        self.sql = ""
        self._made: set[str] = set()
        self._open: set[str] = set()

    def prepare(self, sql: str) -> None:
        plan = make_plan(self.duck.tree(sql))
        self._provide(plan)
        self.sql = self.duck.sql_of(plan.tree) if plan.lookups else sql
        self.duck.lock()

    def _provide(self, plan: Plan) -> None:
        for name in order_of(plan.tables & VIEWS.keys()):
            self._table(name)
        for name in sorted(plan.tables - VIEWS.keys()):
            self._selection(name)
        self.functions.add(self.duck, plan.functions & set(VALUE_FUNCTIONS))
        for lookup in plan.lookups:
            rows, note = answer_lookup(self.store, lookup, self.functions.abilities)
            self.duck.register(lookup.table, rows)
            self.duck.run_trusted(
                f'CREATE MACRO "_is_in{lookup.table}"(id) AS id IN (SELECT record_id FROM "{lookup.table}")'  # noqa: S608
            )
            if note and note not in self.notes:
                self.notes.append(note)

    def _table(self, name: str) -> None:
        if name in self._made:
            return
        self._made.add(name)
        if name not in VIEWS:
            self.duck.register(name, read_noun(self.store, name))
            return
        sql = VIEWS[name].sql
        if name == "records" and not self.store.records.retired.count():
            sql = RECORDS_ALL_CURRENT
        self.duck.run_trusted(f'CREATE VIEW "{name}" AS {sql}')

    def _selection(self, name: str) -> None:
        found = find_selection(self.store, name)
        if found is None or name in self._made:
            return
        if name in self._open:
            raise QueryError(f"The saved selections {', '.join(sorted(self._open))} name one another in a circle.")
        self._open.add(name)
        plan = make_plan(self.duck.tree(found.sql), prefix=f"{name}_")
        self._provide(plan)
        self._open.discard(name)
        self._made.add(name)
        quoted = name.replace('"', '""')
        self.duck.run_trusted(f'CREATE VIEW "{quoted}" AS {self.duck.sql_of(plan.tree)}')


@contextmanager
def _prepared(store: Store, sql: str, abilities: Abilities, limits: Limits) -> Iterator[_Prepared]:
    duck = Duck(store.layout.folder("tmp"), limits)
    functions = Functions(store, abilities)
    query = _Prepared(store, duck, functions)
    try:
        query.prepare(sql)
        yield query
    except QueryError as error:
        if isinstance(functions.failure, HomegrownError):
            raise functions.failure from error
        raise QueryError(_with_tables(error.message)) from error
    finally:
        duck.close()
        query.notes.extend(functions.finish())


def _with_tables(message: str) -> str:
    """Name the tables that there are, in place of DuckDB's guess among its own."""
    missing = re.search(r"Table with name (\S+) does not exist", message)
    if missing is None:
        return message
    near = get_close_matches(missing.group(1).lower(), VIEWS, n=1)
    guess = f" Did you mean {near[0]}?" if near else ""
    return f"There is no table {missing.group(1)} (it does not exist).{guess} Tables here: {', '.join(VIEWS)}."
