"""One door to the SQL database: SQLite inside the workspace, or PostgreSQL by URL.

SQLite below 3.51.3 (back-ports 3.50.7 and 3.44.6) can lose commits in WAL mode when two connections race a
reset; below that the rollback journal is used. ``synchronous=FULL``: what was acknowledged is on the disk.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from homegrown.errors import (
    ConflictError,
    CorruptDataError,
    DiskFullError,
    HomegrownError,
    StorageError,
    WorkspaceBusyError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BUSY_TIMEOUT_S = 5


def wal_is_safe(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> bool:
    """Whether this SQLite is free of the WAL-reset race.

    Example:
        >>> wal_is_safe((3, 40, 1)), wal_is_safe((3, 50, 7)), wal_is_safe((3, 52, 0)), wal_is_safe((3, 53, 0))
        (False, True, False, True)
    """
    if version[:2] == (3, 52):
        return False
    return version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51, 0) or (3, 44, 6) <= version < (3, 45, 0)


class Database:
    """Connections, transactions and their errors.

    Args:
        path: the SQLite file, used when *url* is None.
        url: an SQLAlchemy URL of a PostgreSQL database (``postgresql+psycopg://…``).
    """

    def __init__(self, path: Path, url: str | None = None) -> None:
        self.path = path
        self.is_sqlite = url is None
        try:
            self.engine = self._sqlite_engine(path) if url is None else sa.create_engine(url, pool_pre_ping=True)
        except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ImportError) as error:
            raise StorageError(
                "The database address is not understood; expected postgresql+psycopg://user@host/name "
                "(install homegrown[postgres])."
            ) from error

    @property
    def kind(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return "sqlite" if self.is_sqlite else "postgresql"

    @staticmethod
    def _sqlite_engine(path: Path) -> sa.Engine:
        engine = sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_TIMEOUT_S})

        @sa.event.listens_for(engine, "connect")
        def _prepare(connection: Any, _: Any) -> None:
            connection.isolation_level = None
            mode = "WAL" if wal_is_safe() else "DELETE"
            for pragma in (f"journal_mode={mode}", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
                connection.execute(f"PRAGMA {pragma}").close()

        @sa.event.listens_for(engine, "begin")
        def _begin(connection: sa.Connection) -> None:
            connection.exec_driver_sql(
                "BEGIN IMMEDIATE" if connection.get_execution_options().get("write") else "BEGIN"
            )

        return engine

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """One transaction that may write; committed when the block ends, rolled back when it raises."""
        with _translated(), self.engine.connect().execution_options(write=True) as connection, connection.begin():
            yield connection

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """One transaction that reads. Fetch everything inside it: an open cursor blocks writers."""
        with _translated(), self.engine.connect() as connection, connection.begin():
            yield connection

    def all(self, statement: sa.Executable) -> list[dict[str, Any]]:
        """All rows of one reading statement, as dictionaries."""
        with self.read() as connection:
            return [dict(row) for row in connection.execute(statement).mappings().all()]

    def one(self, statement: sa.Executable) -> dict[str, Any] | None:
        """The first row of one reading statement, or None."""
        rows = self.all(statement)
        return rows[0] if rows else None

    def check(self) -> None:
        """Raise ``CorruptDataError`` when SQLite finds its file damaged."""
        if not self.is_sqlite:
            return
        with self.read() as connection:
            verdict = connection.exec_driver_sql("PRAGMA quick_check").scalar()
        if verdict != "ok":
            raise CorruptDataError(_corrupt_message(str(verdict)))

    def vacuum(self) -> None:
        """Rewrite the database, so that deleted rows leave no bytes behind."""
        with _translated(), self.engine.connect() as connection:
            if self.is_sqlite:
                # Past SQLAlchemy, which would open a transaction, in which VACUUM is refused.
                cursor = connection.connection.cursor()
                cursor.execute("VACUUM")
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                cursor.fetchall()
                cursor.close()
            else:
                connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("VACUUM FULL")

    def close(self) -> None:
        """Drop all connections."""
        self.engine.dispose()


def _corrupt_message(detail: str) -> str:
    return (
        f"The workspace's database is damaged ({detail}). Nothing was changed. "
        "Copy the newest file of its backups/ folder over homegrown.db, or run: homegrown doctor"
    )


@contextmanager
def _translated() -> Iterator[None]:
    """Foreign errors stop here."""
    try:
        yield
    except sa.exc.IntegrityError as error:
        raise ConflictError(f"It clashes with what is there already: {_reason(error)}.") from error
    except sa.exc.DBAPIError as error:
        raise _as_ours(error) from error


def _reason(error: sa.exc.DBAPIError) -> str:
    return re.sub(r"\s+", " ", str(error.orig)).strip()[:200]


def _as_ours(error: sa.exc.DBAPIError) -> HomegrownError:
    reason = _reason(error)
    low = reason.lower()
    if "disk is full" in low or "no space" in low:
        return DiskFullError()
    if getattr(error.orig, "sqlite_errorname", "") == "SQLITE_IOERR_WRITE":
        return DiskFullError(
            "The disk refused a write to the workspace's database: a size limit was reached, or it is failing. "
            "What was acknowledged is kept. Make room or check the disk, then run the same command again."
        )
    if "locked" in low or "lock timeout" in low:
        return WorkspaceBusyError("Another process is writing to this workspace; try again in a moment.")
    if "malformed" in low or "not a database" in low or "disk image" in low:
        return CorruptDataError(_corrupt_message(reason))
    return StorageError(f"The workspace's database failed: {reason}.")
