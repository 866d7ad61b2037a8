"""The boundary to DuckDB: one fresh, locked connection per query, with limits, and its errors as sentences.

No file, no network, no extension, no setting that a query could change; exactly one SELECT.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from homegrown.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

BATCH_ROWS = 65_536


@dataclass(frozen=True, slots=True)
class Limits:
    """What one query may use.

    Attributes:
        seconds: wall time, then it is interrupted.
        memory_mb: of DuckDB; beyond it, it spills into the workspace's ``tmp`` folder.
        disk_mb: how much it may spill.
        result_mb: size of an answer held in memory.
        threads: of DuckDB; None for one per core.
    """

    seconds: float = 60.0
    memory_mb: int = 2048
    disk_mb: int = 20_480
    result_mb: int = 2048
    threads: int | None = None


class Duck:
    """One connection for one query.

    Args:
        folder: under which it may spill; a private folder in it is made and removed.
        limits: what it may use.
    """

    def __init__(self, folder: Path, limits: Limits) -> None:
        self._limits = limits
        self._spill = tempfile.mkdtemp(prefix="query-", dir=folder)
        config: dict[str, Any] = {
            "memory_limit": f"{limits.memory_mb}MB",
            "enable_external_access": "false",
            "temp_directory": self._spill,
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_community_extensions": "false",
            "python_enable_replacements": "false",
        }
        if limits.threads:
            config["threads"] = limits.threads
        self._connection = duckdb.connect(":memory:", config=config)
        self._connection.execute("SET TimeZone = 'UTC'").fetchall()
        # Given in the configuration above, DuckDB 2.0.0 shows this limit and does not keep it.
        self._connection.execute(f"SET max_temp_directory_size = '{int(limits.disk_mb)}MB'").fetchall()

    def tree(self, sql: str) -> dict[str, Any]:
        """The syntax tree of exactly one SELECT.

        Raises:
            QueryError: it is no SQL, another kind of statement, or more than one.
        """
        if not _is_text(sql):
            raise QueryError("The query holds characters that are no valid text.")
        with _sentences(self._limits):
            statements = self._connection.extract_statements(sql)
        if len(statements) != 1:
            raise QueryError(f"One SELECT at a time, please: here are {len(statements)} statements.")
        if statements[0].type != duckdb.StatementType.SELECT:
            kind = re.sub(r"_STATEMENT$", "", statements[0].type.name).replace("MULTI", "PIVOT")
            raise QueryError(f"Only SELECT is allowed; this is {kind}. Queries read the workspace and never change it.")
        with _sentences(self._limits):
            ((text,),) = self._connection.execute("SELECT json_serialize_sql(?)", [sql]).fetchall()
        tree: dict[str, Any] = json.loads(text)
        if tree["error"]:
            raise QueryError(f"The query cannot be read: {tree['error_message'].rstrip('.!')}.")
        return tree

    def sql_of(self, tree: dict[str, Any]) -> str:
        """The SQL text of a syntax tree."""
        with _sentences(self._limits):
            ((text,),) = self._connection.execute("SELECT json_deserialize_sql(?)", [json.dumps(tree)]).fetchall()
        return str(text)

    def register(self, name: str, rows: Any) -> None:
        """Make an Arrow table or data set readable under *name*."""
        self._connection.register(name, rows)

    def run_trusted(self, statement: str) -> None:
        """Run a statement of ours (a view, a macro) before ``lock``."""
        with _sentences(self._limits):
            self._connection.execute(statement).fetchall()

    def add_function(self, name: str, function: Callable[..., Any], arguments: list[Any], answer: str) -> None:
        """Add a function over Arrow arrays; NULLs reach it."""
        options: dict[str, Any] = {"type": "arrow", "null_handling": "special", "side_effects": False}
        self._connection.create_function(name, function, arguments, answer, **options)

    def lock(self) -> None:
        """From here on no setting can be changed; files and addresses were closed from the start."""
        self._connection.execute("SET lock_configuration = true").fetchall()

    @contextmanager
    def stream(self, sql: str, parameters: list[Any] | None = None) -> Iterator[pa.RecordBatchReader]:
        """The answer in batches; interrupted when its time is over."""
        timer = threading.Timer(self._limits.seconds, self._connection.interrupt)
        timer.daemon = True
        timer.start()
        try:
            with _sentences(self._limits):
                relation = self._connection.sql(sql, params=parameters)
                if relation is None:
                    raise QueryError("The query answers nothing.")
                yield relation.to_arrow_reader(BATCH_ROWS)
        finally:
            timer.cancel()
            timer.join()

    def fetch(self, sql: str, parameters: list[Any] | None, max_rows: int | None) -> tuple[pa.Table, bool]:
        """The whole answer, or its first *max_rows* rows and True."""
        batches: list[pa.RecordBatch] = []
        rows = size = 0
        with self.stream(sql, parameters) as reader:
            schema = reader.schema
            for batch in reader:
                batches.append(batch)
                rows, size = rows + batch.num_rows, size + batch.nbytes
                if max_rows is not None and rows > max_rows:
                    return pa.Table.from_batches(batches, schema).slice(0, max_rows), True
                if size > self._limits.result_mb * 1_000_000:
                    raise QueryError(
                        f"The answer is larger than {self._limits.result_mb:,} MB. Add a LIMIT or name fewer columns, "
                        "or write it to a file with --parquet or --csv."
                    )
        return pa.Table.from_batches(batches, schema), False

    def close(self) -> None:
        """Close the connection and remove what it spilled."""
        self._connection.close()
        shutil.rmtree(self._spill, ignore_errors=True)


@contextmanager
def _sentences(limits: Limits) -> Iterator[None]:
    try:
        yield
    except (duckdb.Error, pa.ArrowException) as error:
        raise QueryError(_sentence(str(error), limits)) from error


def _is_text(sql: str) -> bool:
    try:
        sql.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _sentence(text: str, limits: Limits) -> str:
    low = text.lower()
    if "interrupted" in low:
        return f"The query was stopped after {limits.seconds:g} s. Narrow it, or allow more time with --timeout."
    if "out of memory" in low:
        room = f"{limits.memory_mb:,} MB of memory and {limits.disk_mb:,} MB of scratch space"
        return f"The query needs more than {room}. Narrow it, or aggregate before sorting."
    if "file system operations are disabled" in low or "external access" in low:
        return "A query reads the workspace only: files, folders and addresses are closed to it."
    if "configuration has been locked" in low:
        return "A query cannot change settings."
    first = re.sub(r"\s+", " ", re.split(r"\n\s*\nLINE \d+:|\nLINE \d+:", text)[0]).strip()
    first = re.sub(r"^[A-Za-z ]*(Error|Exception): ", "", first)
    first = re.sub(r'"_(\w+)"', r'"\1"', first)
    return f"The query failed: {first[:400].rstrip('.!')}."
