"""Work that nobody waits for, one piece at a time for each key."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from homegrown.errors import HomegrownError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable


class Background:
    """Does work in a thread for each key; what is asked for while its key is busy is left, as it is done already.

    An error of ours ends a piece of work and is not told: what it would have brought is missing, and whoever looks
    for that next asks again.

    Args:
        name: of its threads.

    Example:
        >>> work, found = Background("sums"), []
        >>> work.start("a", lambda: found.append(1 + 1))
        >>> work.wait()
        >>> found, work.is_busy("a")
        ([2], False)
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._threads: dict[Hashable, threading.Thread] = {}

    def start(self, key: Hashable, work: Callable[[], object]) -> None:
        """Begin *work*, unless work of that key is going on."""

        def run() -> None:
            with contextlib.suppress(HomegrownError):
                work()

        with self._lock:
            if not self.is_busy(key):
                self._threads[key] = threading.Thread(target=run, name=self._name, daemon=True)
                self._threads[key].start()

    def is_busy(self, key: Hashable) -> bool:
        """Whether work of that key is going on."""
        thread = self._threads.get(key)
        return thread is not None and thread.is_alive()

    def wait(self, *keys: Hashable) -> None:
        """Until no work of *keys* is going on; of all when none are named."""
        with self._lock:  # what another thread is just beginning has begun by then
            threads = [self._threads[k] for k in keys or list(self._threads) if k in self._threads]
        for thread in threads:
            thread.join()
