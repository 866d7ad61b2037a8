"""Discoveries: clusters of unlabelled records, kept with the settings as JSON of ids; forgetting reaches them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from homegrown.core.discovery import Cluster, Discovery, Step
from homegrown.errors import NotFoundError
from homegrown.store import tables
from homegrown.store.events import record_event

if TYPE_CHECKING:
    from collections.abc import Callable

    from homegrown.core.access import Actor
    from homegrown.store.database import Database

_S = tables.settings
PREFIX = "discovery:"
MOST = 20  # older discoveries make room: each can be found again in seconds
FORGOTTEN = "words forgotten"


class _Dated(msgspec.Struct):
    """All that is read of a discovery to tell the old ones: the rest may be a hundred thousand ids."""

    created_at: str


class DiscoveryStore:
    """Discoveries by id, the newest ``MOST`` of them."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, actor: Actor, found: Discovery) -> None:
        """Keep a new one."""
        with self._db.write() as connection:
            connection.execute(sa.insert(_S).values(name=PREFIX + found.discovery_id, value=_text(found)))
            rows = connection.execute(_all()).mappings().all()
            dated = sorted((msgspec.json.decode(row["value"], type=_Dated).created_at, row["name"]) for row in rows)
            for _, name in dated[:-MOST]:
                connection.execute(sa.delete(_S).where(_S.c.name == name))
            record_event(
                connection, actor, "label.discover", f"discovery:{found.discovery_id}",
                n_records=found.n_records, n_clusters=len(found.clusters),
            )  # fmt: skip

    def get(self, discovery_id: str) -> Discovery:
        """One of them.

        Raises:
            NotFoundError: there is none of this id.
        """
        row = self._db.one(_one(discovery_id))
        return _there(None if row is None else row["value"])

    def list(self) -> list[Discovery]:
        """All of them, the newest first."""
        found = [_decoded(row["value"]) for row in self._db.all(_all())]
        return sorted(found, key=lambda d: d.created_at, reverse=True)

    def change(self, actor: Actor, discovery_id: str, what: str, change: Callable[[Discovery], Discovery]) -> Discovery:
        """Put what *change* makes of a discovery in its place; of two at once one sees what the other did.

        Args:
            actor: who changes it.
            discovery_id: which.
            what: the event, ``merge``, ``split`` …
            change: raises where it does not fit.
        """
        with self._db.write() as connection:
            new = change(_there(connection.execute(_one(discovery_id)).scalar()))
            changed = sa.update(_S).where(_S.c.name == PREFIX + discovery_id).values(value=_text(new))
            connection.execute(changed)
            record_event(connection, actor, f"label.cluster_{what}", f"discovery:{discovery_id}")
        return new


def without(connection: sa.Connection, record_ids: set[str]) -> None:
    """Take *record_ids* out of every discovery, and the words of each cluster that held one of them."""
    for row in connection.execute(_all()).mappings().all():
        found = _decoded(row["value"])
        outliers = tuple(r for r in found.outliers if r not in record_ids)
        clusters = tuple(_without(c, record_ids) for c in found.clusters)
        steps = tuple(_step_without(s, record_ids) for s in found.steps)
        new = replace(found, clusters=clusters, outliers=outliers, steps=steps)
        if new != found:
            connection.execute(sa.update(_S).where(_S.c.name == row["name"]).values(value=_text(new)))


def _step_without(step: Step, record_ids: set[str]) -> Step:
    """What was made holds the records of what is gone: where one of these goes, so do the names that the step tells."""
    gone = tuple(_without(c, record_ids) for c in step.gone)
    return step if gone == step.gone else Step(f"Changed a group, {FORGOTTEN}", gone, step.made)


def _without(cluster: Cluster, record_ids: set[str]) -> Cluster:
    if record_ids.isdisjoint(cluster.record_ids) and record_ids.isdisjoint(cluster.twins):
        return cluster
    return replace(
        cluster,
        name=cluster.name if cluster.class_id else FORGOTTEN,
        terms=(),
        record_ids=tuple(r for r in cluster.record_ids if r not in record_ids),
        twins=tuple(r for r in cluster.twins if r not in record_ids),
    )


def _all() -> Any:
    return sa.select(_S.c.name, _S.c.value).where(_S.c.name.like(PREFIX + "%"))


def _one(discovery_id: str) -> Any:
    return sa.select(_S.c.value).where(_S.c.name == PREFIX + discovery_id)


def _text(found: Discovery) -> str:
    return msgspec.json.encode(found).decode()


def _decoded(value: str) -> Discovery:
    return msgspec.json.decode(value, type=Discovery)


def _there(value: str | None) -> Discovery:
    if value is None:
        raise NotFoundError("There is no such list of clusters here. Find them anew: it takes seconds.")
    return _decoded(value)
