"""``Store``: everything that a stage may read and write, behind one object."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa

from homegrown.core.access import SYSTEM, TERMINAL, Actor
from homegrown.core.ids import canonical_json, new_id, timestamp
from homegrown.errors import CorruptDataError, InputError, NewerWorkspaceError, WorkspaceBusyError
from homegrown.store import tables
from homegrown.store.assignments import AssignmentStore
from homegrown.store.bundles import BundleStore
from homegrown.store.captured import CapturedStore
from homegrown.store.captured_import import CapturedImports
from homegrown.store.comments import Comments
from homegrown.store.database import Database
from homegrown.store.discoveries import DiscoveryStore
from homegrown.store.endpoints import EndpointStore
from homegrown.store.events import DEFAULT_PROJECT
from homegrown.store.exams import ExamStore
from homegrown.store.exits import ExitStore
from homegrown.store.failpoints import failpoint
from homegrown.store.files import write_atomic
from homegrown.store.imports import Imports
from homegrown.store.issues import IssueStore
from homegrown.store.layout import Layout
from homegrown.store.locks import FileLock
from homegrown.store.migrate import current_version, migrate, migrations, refuse_newer
from homegrown.store.models import ModelStore
from homegrown.store.person_votes import PersonVotes
from homegrown.store.prices import PriceStore
from homegrown.store.records import RecordStore
from homegrown.store.repeats import RepeatStore
from homegrown.store.route_traffic import RouteTraffic
from homegrown.store.routes import RouteStore
from homegrown.store.rules import RuleStore
from homegrown.store.settings import Settings
from homegrown.store.snapshots import SnapshotStore
from homegrown.store.sources import SourceStore
from homegrown.store.submissions import Submissions
from homegrown.store.tasks import TaskStore
from homegrown.store.templates import TemplateStore
from homegrown.store.upstream_answers import UpstreamAnswers
from homegrown.store.upstreams import UpstreamStore
from homegrown.store.vectors import VectorStore
from homegrown.store.votes import VoteStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

FORMAT = 1
DATABASE_VARIABLE = "HOMEGROWN_DATABASE_URL"
_RESTORE = "Nothing was changed; bring that file back from a copy of the workspace."


class Store:
    """One workspace on disk, opened.

    Holds the shared ``schema`` lock while it is open; migrations take it exclusively first.

    Args:
        root: the workspace folder; created when it does not exist.
        database_url: PostgreSQL for the nouns instead of the SQLite file; the environment variable
            ``HOMEGROWN_DATABASE_URL`` when it is not given. A workspace stays with the kind that it began with.
        actor: who acts through this store, for the event log.
    """

    def __init__(self, root: Path | str, *, database_url: str | None = None, actor: Actor = TERMINAL) -> None:
        os.umask(0o077)
        self.layout = Layout(Path(root).expanduser().resolve())
        self.layout.create()
        self.actor = actor
        self.db = Database(self.layout.database, database_url or os.environ.get(DATABASE_VARIABLE) or None)
        try:
            self._schema_lock = self._open()
        except BaseException:
            self.db.close()
            raise
        lance_folder = self.layout.folder("lance")
        self.records = RecordStore(lance_folder)
        self.votes = VoteStore(lance_folder)
        self.snapshots = SnapshotStore(self.layout.folder("snapshots"))
        self.bundles = BundleStore(self.layout.folder("models"))
        self.sources = SourceStore(self.db)
        self.tasks = TaskStore(self.db)
        self.rules = RuleStore(self.db, self.tasks, self.votes)
        self.models = ModelStore(self.db)
        self.endpoints = EndpointStore(self.db)
        self.person_votes = PersonVotes(self.db)
        self.submissions = Submissions(self.db)
        self.assignments = AssignmentStore(self.db)
        self.comments = Comments(self.db)
        self.settings = Settings(self.db)
        self.upstreams = UpstreamStore(self.db, self.layout.folder("secrets"))
        self.upstream_answers = UpstreamAnswers(self.db)
        self.issues = IssueStore(self.db)
        self.prices = PriceStore(self.db)
        self.captured_imports = CapturedImports(self.db)
        self.templates = TemplateStore(self.db)
        self.routes = RouteStore(self.db)
        self.exits = ExitStore(self.db)
        self.exams = ExamStore(self.db)
        self.route_traffic = RouteTraffic(self.db)
        self.captured = CapturedStore(self.db)
        self.repeats = RepeatStore(self.db)
        self.discoveries = DiscoveryStore(self.db)
        self.imports = Imports(self.layout.folder("locks"), self.db, self.records)
        self.imports.recover()

    def _open(self) -> FileLock:
        path = self.layout.folder("locks") / "schema.lock"
        lock = FileLock(path, exclusive=False).acquire()
        try:
            have, known = current_version(self.db), migrations()
            refuse_newer(have, known)
            self._refuse_newer_format()
            self._refuse_other_database(have)
        except BaseException:
            lock.release()
            raise
        if have == known[-1].version and self.layout.marker.exists() and self._has_first_rows():
            return lock
        lock.release()
        with FileLock(path, exclusive=True):
            if not self.layout.marker.exists():
                self._refuse_other_database(current_version(self.db))
                facts = {"format": FORMAT, "workspace_id": new_id("ws"), "created_at": timestamp()}
                write_atomic(self.layout.marker, canonical_json(facts | {"database": self.db.kind}))
            failpoint("workspace.marker")
            migrate(self.db, self.layout.folder("backups"))
            self._first_rows()
            failpoint("workspace.rows")
        return FileLock(path, exclusive=False).acquire()

    def _refuse_newer_format(self) -> None:
        if not self.layout.marker.exists():
            return
        found = self._marker().get("format")
        if not isinstance(found, int):
            raise CorruptDataError(f"{self.layout.marker} does not say what format the workspace has. {_RESTORE}")
        if found > FORMAT:
            raise NewerWorkspaceError(
                f"This workspace has format {found}, and this homegrown knows {FORMAT}. "
                "Install the newer homegrown that wrote it."
            )

    def _refuse_other_database(self, have: int) -> None:
        """Two databases for one workspace, or two workspaces in one database, would each show half of the truth."""
        if not self.layout.marker.exists():
            if have and not self.db.is_sqlite:
                raise InputError(
                    f"The database of {DATABASE_VARIABLE} belongs to another workspace already. "
                    "Create an empty database for this one."
                )
            return
        began = self._marker().get("database", "sqlite")
        if began == self.db.kind:
            return
        if began == "sqlite":
            raise InputError(
                f"This workspace keeps its own database file, and {DATABASE_VARIABLE} names another one. "
                f"Unset it, or choose a new folder with --workspace."
            )
        raise InputError(f"This workspace has its database on a PostgreSQL server: set {DATABASE_VARIABLE} to its URL.")

    def _marker(self) -> dict[str, object]:
        try:
            return msgspec.json.decode(self.layout.marker.read_bytes(), type=dict[str, object])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise CorruptDataError(f"{self.layout.marker} is damaged. {_RESTORE}") from error

    def _has_first_rows(self) -> bool:
        return self.db.one(sa.select(tables.projects.c.project_id)) is not None

    def _first_rows(self) -> None:
        if self._has_first_rows():
            return
        with self.db.write() as connection:
            at = timestamp()
            connection.execute(
                sa.insert(tables.projects).values(project_id=DEFAULT_PROJECT, name="default", created_at=at)
            )
            for actor in (TERMINAL, SYSTEM):
                connection.execute(
                    sa.insert(tables.actors).values(
                        actor_id=actor.actor_id, kind=actor.kind, name=actor.name, created_at=at
                    )
                )
                connection.execute(
                    sa.insert(tables.grants).values(
                        actor_id=actor.actor_id, project_id=DEFAULT_PROJECT, role=actor.role.value
                    )
                )

    @property
    def workspace_id(self) -> str:
        """The id that this workspace got when it was made."""
        return str(self._marker()["workspace_id"])

    def vectors(self, fingerprint: str, dim: int) -> VectorStore:
        """Vectors of one embedder."""
        return VectorStore(self.layout.folder("lance"), fingerprint, dim)

    def stored_vectors(self, fingerprint: str) -> VectorStore | None:
        """Vectors that an embedder left here; None when it left none."""
        return VectorStore.stored(self.layout.folder("lance"), fingerprint)

    @property
    def has_vectors(self) -> bool:
        """Whether any embedder left vectors here."""
        return any(self.layout.folder("lance").glob("vectors_*.lance"))

    def run_folder(self, run_id: str) -> Path:
        """Where a run keeps its checkpoints and builds its bundle."""
        folder = self.layout.folder("runs") / run_id
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def drop_run_folder(self, run_id: str) -> None:
        """Remove a finished run's scratch files."""
        shutil.rmtree(self.layout.folder("runs") / run_id, ignore_errors=True)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the workspace alone: nobody else, the server included, has it open meanwhile.

        Raises:
            WorkspaceBusyError: somebody has.
        """
        path = self.layout.folder("locks") / "schema.lock"
        self._schema_lock.release()
        try:
            alone = self._alone(path)
            try:
                yield
            finally:
                alone.release()
        finally:
            self._schema_lock = FileLock(path, exclusive=False).acquire()

    @staticmethod
    def _alone(path: Path) -> FileLock:
        lock = FileLock(path, exclusive=True, wait_s=2.0)
        try:
            lock.acquire()
        except WorkspaceBusyError as error:
            raise WorkspaceBusyError(
                "The workspace is open in another process (a server, a notebook, a command). Stop it and try again."
            ) from error
        return lock

    def close(self) -> None:
        """Release the lock and the connections."""
        self.db.close()
        self._schema_lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
