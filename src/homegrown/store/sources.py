"""Sources, their versions (one per import), and the quarantine."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from homegrown.core.ids import canonical_json, new_id, timestamp
from homegrown.core.records import Quarantined, SourceVersion
from homegrown.store import tables
from homegrown.store.events import DEFAULT_PROJECT, record_event

if TYPE_CHECKING:
    from homegrown.core.access import Actor
    from homegrown.store.database import Database


class SourceStore:
    """Named sources."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def ensure(self, name: str) -> str:
        """The id of the source *name*, created at its first import."""
        s = tables.sources
        with self._db.write() as connection:
            row = connection.execute(sa.select(s.c.source_id).where(s.c.name == name)).first()
            if row:
                return str(row[0])
            source_id = new_id("src")
            connection.execute(
                sa.insert(s).values(source_id=source_id, project_id=DEFAULT_PROJECT, name=name, created_at=timestamp())
            )
            return source_id

    def latest(self, source_id: str) -> dict[str, Any] | None:
        """The newest version row of a source."""
        v = tables.source_versions
        return self._db.one(sa.select(*v.c).where(v.c.source_id == source_id).order_by(v.c.version.desc()).limit(1))

    def add_version(
        self, actor: Actor, version: SourceVersion, content_digest: str, quarantined: list[Quarantined]
    ) -> None:
        """Commit an import: from here on its records are the current ones."""
        with self._db.write() as connection:
            connection.execute(
                sa.insert(tables.source_versions).values(
                    source_id=version.source_id,
                    version=version.version,
                    digest=content_digest,
                    n_records=version.n_records,
                    n_added=version.n_added,
                    n_quarantined=version.n_quarantined,
                    text_column=version.text_column,
                    label_column=version.label_column,
                    options=canonical_json(version.options).decode(),
                    created_at=timestamp(version.created_at),
                )
            )
            for start in range(0, len(quarantined), 500):
                connection.execute(
                    sa.insert(tables.quarantine),
                    [
                        {
                            "source_id": version.source_id,
                            "version": version.version,
                            "file": q.file,
                            "line": q.line,
                            "reason": q.reason,
                        }
                        for q in quarantined[start : start + 500]
                    ],
                )
            record_event(
                connection, actor, "ingest.import", f"source:{version.source_id}",
                name=version.name, version=version.version, n_records=version.n_records,
                n_added=version.n_added, n_quarantined=version.n_quarantined,
            )  # fmt: skip

    def list(self) -> list[SourceVersion]:
        """The newest version of every source, in order of name."""
        s, v = tables.sources, tables.source_versions
        newest = sa.select(v.c.source_id, sa.func.max(v.c.version).label("version")).group_by(v.c.source_id).subquery()
        rows = self._db.all(
            sa.select(*v.c, s.c.name)
            .join_from(v, newest, sa.and_(v.c.source_id == newest.c.source_id, v.c.version == newest.c.version))
            .join(s, s.c.source_id == v.c.source_id)
            .order_by(s.c.name)
        )
        return [source_version(row) for row in rows]

    def quarantined(self, source_id: str, limit: int = 1000) -> list[Quarantined]:
        """What the newest import of a source set aside."""
        latest = self.latest(source_id)
        q = tables.quarantine
        if latest is None:
            return []
        rows = self._db.all(
            sa.select(q.c.file, q.c.line, q.c.reason)
            .where(q.c.source_id == source_id, q.c.version == latest["version"])
            .limit(limit)
        )
        return [Quarantined(**row) for row in rows]


def source_version(row: dict[str, Any], **changes: Any) -> SourceVersion:
    """A ``source_versions`` row (with the source's ``name``) as a noun."""
    facts: dict[str, Any] = {
        "source_id": row["source_id"],
        "name": row["name"],
        "version": row["version"],
        "n_records": row["n_records"],
        "n_added": row["n_added"],
        "n_quarantined": row["n_quarantined"],
        "created_at": datetime.fromisoformat(row["created_at"]),
        "text_column": row["text_column"],
        "label_column": row["label_column"],
        "options": msgspec.json.decode(row["options"]),
        "id_column": msgspec.json.decode(row["options"]).get("id_column"),
    }
    return SourceVersion(**(facts | changes))
