"""Many small writes that wait at the same time share one transaction, and one flush to the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

import anyio
import anyio.to_thread

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class GroupCommit(Generic[T]):
    """Gathers writes from many tasks of one event loop; each returns when its own is durable.

    Args:
        commit: carries out some writes in one transaction; runs in a thread, one call at a time.

    Example:
        >>> group = GroupCommit(answers.write)  # doctest: +SKIP
        >>> await group.do(write)  # doctest: +SKIP
    """

    def __init__(self, commit: Callable[[list[T]], None]) -> None:
        self._commit = commit
        self._waiting: list[tuple[T, anyio.Event]] = []
        self._turn = anyio.Lock()
        self._failed: BaseException | None = None

    async def do(self, write: T) -> None:
        """Have *write* carried out, with whatever else waits when its turn comes.

        Raises:
            Exception: what *commit* raised, for all that were written together and all that come after.
        """
        done = anyio.Event()
        self._waiting.append((write, done))
        async with self._turn:
            if self._failed is not None:
                raise self._failed
            if done.is_set():
                return
            group, self._waiting = self._waiting, []
            try:
                await anyio.to_thread.run_sync(self._commit, [w for w, _ in group])
            except BaseException as error:
                self._failed = error
                raise
            for _, event in group:
                event.set()
