"""Snapshots, runs, models, versions, aliases and evaluations in the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from homegrown.core.ids import canonical_json, new_id, timestamp
from homegrown.core.models import ModelVersion, Recipe, Snapshot
from homegrown.errors import ConflictError, NotFoundError
from homegrown.store import tables
from homegrown.store.events import DEFAULT_PROJECT, record_event

if TYPE_CHECKING:
    from homegrown.core.access import Actor
    from homegrown.store.database import Database

CHAMPION, CHALLENGER = "champion", "challenger"


def _json(value: Any) -> str:
    return canonical_json(value).decode()


class ModelStore:
    """The registry, from Snapshot to Evaluation."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add_snapshot(self, actor: Actor, snapshot: Snapshot) -> None:
        """Register a frozen snapshot; registering it again changes nothing."""
        s = tables.snapshots
        with self._db.write() as connection:
            if connection.execute(sa.select(s.c.snapshot_id).where(s.c.snapshot_id == snapshot.snapshot_id)).first():
                return
            connection.execute(
                sa.insert(s).values(
                    snapshot_id=snapshot.snapshot_id,
                    task_id=snapshot.task_id,
                    task_version=snapshot.task_version,
                    n_by_split=_json(snapshot.n_by_split),
                    details=_json(snapshot.details),
                    created_at=timestamp(),
                )
            )
            record_event(
                connection, actor, "curate.freeze", f"snapshot:{snapshot.snapshot_id}", n_by_split=snapshot.n_by_split
            )

    def snapshot(self, snapshot_id: str) -> Snapshot:
        """A registered snapshot."""
        row = self._db.one(sa.select(*tables.snapshots.c).where(tables.snapshots.c.snapshot_id == snapshot_id))
        if row is None:
            raise NotFoundError(f"There is no snapshot {snapshot_id!r} in this workspace.")
        decode = msgspec.json.decode
        return Snapshot(
            snapshot_id, row["task_id"], row["task_version"], decode(row["n_by_split"]), decode(row["details"])
        )

    def frozen_at(self, snapshot_id: str) -> str:
        """When a snapshot was frozen, as it is stored."""
        s = tables.snapshots
        row = self._db.one(sa.select(s.c.created_at).where(s.c.snapshot_id == snapshot_id))
        return str(row["created_at"]) if row else ""

    def snapshots_with(self, name: str, value: Any) -> list[str]:
        """Ids of the snapshots whose details hold *value* under *name*."""
        s = tables.snapshots
        rows = self._db.all(sa.select(s.c.snapshot_id, s.c.details))
        return [r["snapshot_id"] for r in rows if msgspec.json.decode(r["details"]).get(name) == value]

    def unfinished_run(self, snapshot_id: str, recipe: Recipe) -> str | None:
        """A run of the same recipe on the same snapshot that was interrupted, to go on with."""
        r = tables.runs
        row = self._db.one(
            sa.select(r.c.run_id)
            .where(r.c.snapshot_id == snapshot_id, r.c.recipe == _json(recipe), r.c.status == "running")
            .order_by(r.c.started_at.desc())
            .limit(1)
        )
        return None if row is None else str(row["run_id"])

    def start_run(self, actor: Actor, snapshot: Snapshot, recipe: Recipe) -> str:
        """Record that a run begins; returns its id."""
        run_id = new_id("run")
        with self._db.write() as connection:
            connection.execute(
                sa.insert(tables.runs).values(
                    run_id=run_id,
                    task_id=snapshot.task_id,
                    snapshot_id=snapshot.snapshot_id,
                    recipe=_json(recipe),
                    seed=recipe.seed,
                    status="running",
                    details="{}",
                    started_at=timestamp(),
                )
            )
            record_event(connection, actor, "train.start", f"run:{run_id}", recipe=recipe.trainer, seed=recipe.seed)
        return run_id

    def end_run(
        self, actor: Actor, run_id: str, status: str, details: dict[str, Any], error: str | None = None
    ) -> None:
        """Record how a run ended: ``succeeded``, ``failed`` or ``cancelled``, with all that it decided."""
        r = tables.runs
        with self._db.write() as connection:
            connection.execute(
                sa.update(r)
                .where(r.c.run_id == run_id)
                .values(status=status, details=_json(details), error=error, ended_at=timestamp())
            )
            record_event(connection, actor, "train.end", f"run:{run_id}", status=status)

    def run(self, run_id: str) -> dict[str, Any]:
        """A run with its recipe and details parsed."""
        row = self._db.one(sa.select(*tables.runs.c).where(tables.runs.c.run_id == run_id))
        if row is None:
            raise NotFoundError(f"There is no run {run_id!r} in this workspace.")
        return {**row, "recipe": msgspec.json.decode(row["recipe"]), "details": msgspec.json.decode(row["details"])}

    def add_version(self, actor: Actor, version: ModelVersion, alias: str = CHAMPION) -> None:
        """Register a bundle that lies in the store, under *alias*; a model's first version is its champion."""
        m = tables.models
        with self._db.write() as connection:
            row = connection.execute(sa.select(m.c.model_id).where(m.c.name == version.model_name)).first()
            model_id = row[0] if row else new_id("model")
            if row is None:
                connection.execute(
                    sa.insert(m).values(
                        model_id=model_id,
                        project_id=DEFAULT_PROJECT,
                        name=version.model_name,
                        task_id=version.task_id,
                        created_at=timestamp(),
                    )
                )
            classes = [{"class_id": i, "name": n} for i, n in zip(version.class_ids, version.class_names, strict=True)]
            connection.execute(
                sa.insert(tables.model_versions).values(
                    version_id=version.version_id,
                    model_id=model_id,
                    number=version.number,
                    task_version=version.task_version,
                    run_id=version.run_id,
                    snapshot_id=version.snapshot_id,
                    recipe=version.recipe,
                    classes=_json(classes),
                    multi=int(version.multi),
                    bundle_digest=version.bundle_digest,
                    details=_json(version.details),
                    created_at=timestamp(),
                )
            )
            self._point(connection, model_id, CHAMPION if row is None else alias, version.version_id)
            record_event(
                connection, actor, "train.register", f"model_version:{version.version_id}",
                model=version.model_name, number=version.number, bundle_digest=version.bundle_digest,
            )  # fmt: skip

    @staticmethod
    def _point(connection: sa.Connection, model_id: str, alias: str, version_id: str) -> None:
        a = tables.aliases
        connection.execute(sa.delete(a).where(a.c.model_id == model_id, a.c.alias == alias))
        connection.execute(sa.insert(a).values(model_id=model_id, alias=alias, version_id=version_id))

    def promote(
        self, actor: Actor, champion: ModelVersion, to: ModelVersion, *, action: str = "retrain.promote"
    ) -> list[str]:
        """Let *to* be the champion in place of *champion*, and answer wherever that answers; one transaction.

        Returns:
            Names of the endpoints that switched.

        Raises:
            ConflictError: another version is the champion by now.
        """
        m, a, e, d = tables.models, tables.aliases, tables.endpoints, tables.deployments
        at = timestamp()
        with self._db.write() as connection:
            model_id = connection.execute(sa.select(m.c.model_id).where(m.c.name == to.model_name)).scalar_one()
            of_model = sa.select(a.c.version_id).where(a.c.model_id == model_id, a.c.alias == CHAMPION)
            if connection.execute(of_model).scalar() != champion.version_id:
                raise ConflictError(f"{to.model_name} got another champion meanwhile. Look at it, then decide anew.")
            self._point(connection, model_id, CHAMPION, to.version_id)
            gone = a.c.model_id == model_id, a.c.alias == CHALLENGER, a.c.version_id == to.version_id
            connection.execute(sa.delete(a).where(*gone))
            live = sa.select(d.c.endpoint_id, e.c.name).join_from(d, e, d.c.endpoint_id == e.c.endpoint_id)
            live = live.where(d.c.state == "live", d.c.version_id == champion.version_id)
            switched = connection.execute(live.order_by(e.c.name)).all()
            for endpoint_id, name in switched:
                old = d.c.endpoint_id == endpoint_id, d.c.state == "live"
                connection.execute(sa.update(d).where(*old).values(state="replaced", ended_at=at))
                new = {"deployment_id": new_id("dep"), "endpoint_id": endpoint_id, "version_id": to.version_id}
                connection.execute(sa.insert(d).values(**new, state="live", created_at=at))
                record_event(
                    connection, actor, "serve.deploy", f"endpoint:{endpoint_id}", name=name, version_id=to.version_id
                )
            record_event(
                connection, actor, action, f"model:{model_id}", name=to.model_name, number=to.number,
                from_version=champion.version_id, to_version=to.version_id,
            )  # fmt: skip
        return [name for _, name in switched]

    def promoted(self, model_name: str) -> tuple[str, str] | None:
        """The last promotion of a model that was not taken back: the champions before and after it, by id."""
        m, e = tables.models, tables.events
        row = self._db.one(sa.select(m.c.model_id).where(m.c.name == model_name))
        if row is None:
            return None
        wanted = sa.select(e.c.action, e.c.details).where(
            e.c.resource == f"model:{row['model_id']}", e.c.action.in_(("retrain.promote", "retrain.rollback"))
        )
        last = self._db.one(wanted.order_by(e.c.seq.desc()).limit(1))
        if last is None or last["action"] != "retrain.promote":
            return None
        details = msgspec.json.decode(last["details"])
        return details["from_version"], details["to_version"]

    def next_number(self, model_name: str) -> int:
        """The number that the next version of *model_name* gets."""
        m, v = tables.models, tables.model_versions
        row = self._db.one(
            sa.select(sa.func.max(v.c.number).label("n"))
            .join_from(m, v, m.c.model_id == v.c.model_id)
            .where(m.c.name == model_name)
        )
        return (row["n"] or 0 if row else 0) + 1

    def versions(self, model_name: str | None = None) -> list[ModelVersion]:
        """All versions, newest first; of one model or of all."""
        m, v = tables.models, tables.model_versions
        statement = sa.select(*v.c, m.c.name.label("model_name"), m.c.task_id).join_from(
            m, v, m.c.model_id == v.c.model_id
        )
        if model_name is not None:
            statement = statement.where(m.c.name == model_name)
        return [_version(row) for row in self._db.all(statement.order_by(v.c.created_at.desc()))]

    def version(self, reference: str) -> ModelVersion:
        """By version id, by ``name@number``, by ``name@alias``, or by name: its champion.

        Raises:
            NotFoundError: naming the models that there are.
        """
        name, _, tag = reference.partition("@")
        for candidate in self.versions():
            if candidate.version_id == reference or (candidate.model_name == name and tag == str(candidate.number)):
                return candidate
        m, a = tables.models, tables.aliases
        row = self._db.one(
            sa.select(a.c.version_id)
            .join_from(m, a, m.c.model_id == a.c.model_id)
            .where(m.c.name == name, a.c.alias == (tag or CHAMPION))
        )
        if row is None:
            known = ", ".join(sorted({v.model_name for v in self.versions()})) or "none yet"
            raise NotFoundError(f"There is no model {reference!r} in this workspace. Models here: {known}.")
        return self.version(row["version_id"])

    def champion_of(self, task_id: str) -> ModelVersion | None:
        """The champion of a task that was made last, of all its models; None where it has none."""
        m, v, a = tables.models, tables.model_versions, tables.aliases
        row = self._db.one(
            sa.select(*v.c, m.c.name.label("model_name"), m.c.task_id)
            .join_from(m, v, m.c.model_id == v.c.model_id)
            .join(a, a.c.version_id == v.c.version_id)
            .where(m.c.task_id == task_id, a.c.alias == CHAMPION)
            .order_by(v.c.created_at.desc())
            .limit(1)
        )
        return None if row is None else _version(row)

    def aliases(self) -> dict[str, list[str]]:
        """The aliases of each version that has any, by version id."""
        found: dict[str, list[str]] = {}
        for row in self._db.all(sa.select(*tables.aliases.c).order_by(tables.aliases.c.alias)):
            found.setdefault(row["version_id"], []).append(row["alias"])
        return found

    def created_at(self, version_id: str) -> str:
        """When a version was registered, as it is stored."""
        v = tables.model_versions
        row = self._db.one(sa.select(v.c.created_at).where(v.c.version_id == version_id))
        return str(row["created_at"]) if row else ""

    def add_evaluation(
        self, actor: Actor, version_id: str, snapshot_id: str, split: str, result: dict[str, Any]
    ) -> str:
        """Keep an evaluation for good; returns its id."""
        evaluation_id = new_id("eval")
        with self._db.write() as connection:
            connection.execute(
                sa.insert(tables.evaluations).values(
                    evaluation_id=evaluation_id,
                    version_id=version_id,
                    snapshot_id=snapshot_id,
                    split=split,
                    result=_json(result),
                    created_at=timestamp(),
                )
            )
            record_event(
                connection, actor, "evaluate.run", f"evaluation:{evaluation_id}", version_id=version_id, split=split
            )
        return evaluation_id

    def evaluations(self, version_id: str | None = None) -> list[dict[str, Any]]:
        """Evaluations, newest first, with ``result`` parsed."""
        e = tables.evaluations
        statement = sa.select(*e.c)
        if version_id is not None:
            statement = statement.where(e.c.version_id == version_id)
        rows = self._db.all(statement.order_by(e.c.created_at.desc()))
        return [{**row, "result": msgspec.json.decode(row["result"])} for row in rows]

    def versions_evaluated(self, snapshot_ids: list[str], split: str) -> set[str]:
        """Ids of the versions that were ever measured on *split* of any of these snapshots."""
        e = tables.evaluations
        rows = self._db.all(
            sa.select(e.c.version_id).where(e.c.snapshot_id.in_(snapshot_ids), e.c.split == split).distinct()
        )
        return {r["version_id"] for r in rows}


def _version(row: dict[str, Any]) -> ModelVersion:
    classes = msgspec.json.decode(row["classes"])
    return ModelVersion(
        version_id=row["version_id"],
        model_name=row["model_name"],
        number=row["number"],
        task_id=row["task_id"],
        task_version=row["task_version"],
        run_id=row["run_id"],
        snapshot_id=row["snapshot_id"],
        recipe=row["recipe"],
        class_ids=tuple(c["class_id"] for c in classes),
        class_names=tuple(c["name"] for c in classes),
        multi=bool(row["multi"]),
        bundle_digest=row["bundle_digest"],
        details=msgspec.json.decode(row["details"]),
    )
