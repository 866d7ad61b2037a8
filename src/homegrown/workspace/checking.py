"""The verb by which a person learns where a model errs: a few records that stand for many."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homegrown import curate
from homegrown.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from homegrown.core import tasks
    from homegrown.core.protocols import Encoder
    from homegrown.store import Store
    from homegrown.workspace import handles

MOST = 1000


class Checking:
    """Mixed into ``Workspace``."""

    store: Store

    if TYPE_CHECKING:

        @property
        def encoder(self) -> Encoder:
            """The workspace's frozen encoder."""
            ...

        def _task(self, task: tasks.Task | handles.Task | str) -> tasks.Task: ...

    def records_to_check(self, task: tasks.Task | handles.Task | str, n: int = 50) -> list[str]:
        """Ids of records that a person should look at to correct a model's votes: an upstream's, a teacher's.

        Each stands for many others that the model gave the same label. Say of all of them what they are, by ``vote`` or
        in the station, those that are right too; then ask again, for the next ones depend on what was said. From 20
        on the next ``snapshot`` lets mistakes that were seen twice correct the votes around them.

        Args:
            task: the question, or its name.
            n: how many.

        Example:
            >>> ws.records_to_check("intent", 40)  # doctest: +SKIP
        """
        if not 1 <= n <= MOST:
            raise InputError(f"Between 1 and {MOST:,} records can be named to be checked, not {n}.")
        asked = self._task(task)
        found = curate.to_check(self.store, asked, self._near, n)
        key = curate.checked_key(asked)
        before = self.store.settings.get(key) or []
        self.store.settings.put(self.store.actor, key, list(dict.fromkeys([*before, *found])), "label.to_check")
        return found

    def _near(self, record_ids: pa.Array) -> np.ndarray:
        """Vectors of records by the frozen encoder, float32 [n, dim]."""
        ids = record_ids.to_pylist()
        texts = self.store.records.texts(ids)
        return self.encoder.encode([texts.get(i, "") for i in ids])
