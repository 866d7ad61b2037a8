"""The verbs of ``query`` on a workspace."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from homegrown.errors import NotFoundError
from homegrown.query import (
    Abilities,
    IndexReport,
    Limits,
    Page,
    Result,
    Selection,
    build_indexes,
    delete_selection,
    get_selection,
    list_selections,
    run_query,
    save_selection,
    search_records,
    stream_query,
    write_stream,
)
from homegrown.store.spreadsheets import csv_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from homegrown.core.models import ModelVersion
    from homegrown.core.protocols import Encoder, Predictor, Progress
    from homegrown.store import Store


class Queries:
    """Mixed into ``Workspace``."""

    store: Store
    progress: Progress

    if TYPE_CHECKING:

        @property
        def encoder(self) -> Encoder:
            """The workspace's frozen encoder."""
            ...

        def predictor(self, model: str | ModelVersion) -> Predictor:
            """A loaded model."""
            ...

    def _abilities(self) -> Abilities:
        return Abilities(encoder=lambda: self.encoder, predictor=self._named_predictor)

    def _named_predictor(self, name: str) -> tuple[str, Predictor]:
        version = self._named_version(name)
        return version.version_id, self.predictor(version)

    def _named_version(self, name: str) -> ModelVersion:
        """What answers to *name*: an endpoint, else a model (``name@alias`` too), else a task's newest version."""
        live = {e.name: e.version_id for e in self.store.endpoints.list()}
        if name in live:
            return self.store.models.version(live[name])
        task = self.store.tasks.find(name)
        try:
            return self.store.models.version(name)
        except NotFoundError:
            of_task = [v for v in self.store.models.versions() if task and v.task_id == task.task_id]
            if of_task:
                return of_task[0]
            raise

    def sql(
        self,
        sql: str,
        parameters: list[Any] | None = None,
        *,
        limits: Limits | None = None,
        max_rows: int | None = None,
    ) -> Result:
        """Answer one SELECT over every noun; see ``homegrown.query``.

        Example:
            >>> ws.sql("select fields->>'channel' as channel, count(*) from records group by all")  # doctest: +SKIP
        """
        return run_query(
            self.store, sql, abilities=self._abilities(), parameters=parameters, limits=limits, max_rows=max_rows
        )

    def export_sql(self, sql: str, target: str | Path, kind: str, *, limits: Limits | None = None) -> int:
        """Write an answer to a file as ``csv``, ``parquet`` or ``jsonl``, as a stream; returns the number of rows."""
        with stream_query(self.store, sql, abilities=self._abilities(), limits=limits) as reader:
            return write_stream(reader, Path(target), kind)

    def stream_csv(self, sql: str, *, limits: Limits | None = None) -> Iterator[str]:
        """An answer of any size as the pieces of a CSV, its line of column names first; formula cells made harmless."""
        with stream_query(self.store, sql, abilities=self._abilities(), limits=limits) as reader:
            yield csv_text([reader.schema.names])
            for batch in reader:
                yield csv_text(zip(*(column.to_pylist() for column in batch.columns), strict=True))

    def search_records(self, text: str = "", *, mode: str = "text", limit: int = 50, cursor: str | None = None) -> Page:
        """One page of records: all of them, or those found by words (``text``) or by meaning (``semantic``)."""
        return search_records(self.store, text, mode=mode, limit=limit, cursor=cursor, abilities=self._abilities())

    def build_indexes(self) -> IndexReport:
        """Build the full-text and nearest-neighbour indexes anew."""
        return build_indexes(self.store, self.progress)

    def save_selection(self, name: str, sql: str) -> Selection:
        """Save a query under a name, after it was seen to run; other queries and verbs take the name."""
        self.sql(sql, max_rows=1)
        return save_selection(self.store, self.store.actor, name, sql)

    def selections(self) -> list[Selection]:
        """Saved queries."""
        return list_selections(self.store)

    def delete_selection(self, name: str) -> None:
        """Remove a saved query."""
        delete_selection(self.store, self.store.actor, name)

    def selected_ids(self, name: str) -> list[str]:
        """The record ids that a Selection names now; its query must answer a column ``record_id``."""
        found = get_selection(self.store, name)
        rows = self.sql(f'SELECT DISTINCT record_id FROM "{found.name}"')  # noqa: S608 (names are letters and digits)
        return [str(i) for i in rows.arrow["record_id"].to_pylist()]
