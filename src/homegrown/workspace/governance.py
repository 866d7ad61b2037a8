"""The verbs of ``govern`` on a workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homegrown.govern.audit import AuditEntry, AuditFilter, read_audit
from homegrown.govern.forget import Forgotten, Subject, finish_begun, forget

if TYPE_CHECKING:
    from collections.abc import Iterator

    from homegrown.core.protocols import Progress
    from homegrown.store import Store


class Governance:
    """Mixed into ``Workspace``."""

    store: Store
    progress: Progress

    def forget(
        self,
        *,
        record: str | None = None,
        source: str | None = None,
        field: str | None = None,
        value: str | None = None,
    ) -> Forgotten:
        """Remove records for good and name what they touched; see ``homegrown.govern.forget``.

        Example:
            >>> ws.forget(field="email", value="anna@example.org").models  # doctest: +SKIP
        """
        return forget(self.store, Subject(record, source, field, value), progress=self.progress)

    def finish_forgetting(self) -> Forgotten | None:
        """Go on with a forgetting that was killed; None when there is none."""
        return finish_begun(self.store, progress=self.progress)

    def audit(
        self,
        *,
        since: str | None = None,
        until: str | None = None,
        actor: str | None = None,
        action: str | None = None,
        resource: str | None = None,
        before_seq: int | None = None,
        limit: int | None = None,
    ) -> Iterator[AuditEntry]:
        """Who did what to what, newest first, streamed; see ``homegrown.govern.audit``."""
        wanted = AuditFilter(since, until, actor, action, resource)
        return read_audit(self.store, wanted, before_seq=before_seq, limit=limit)
