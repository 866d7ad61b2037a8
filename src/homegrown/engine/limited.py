"""Child processes for work that may run out of bounds: they start with what Python needs and no secret of ours.

A child runs as the same user: it is a wall against running out, not against somebody who means harm.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from typing import IO

_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")


class LimitedChild:
    """One process that runs a module of ours; what it is asked and answers goes over two pipes.

    Args:
        module: run as ``python -m``; it calls ``limits.confine`` first.
        arguments: of the command line.
    """

    def __init__(self, module: str, *arguments: object) -> None:
        self.process = subprocess.Popen(
            # -P: no folder of the user's data may stand on the child's path.
            [sys.executable, "-P", "-m", module, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
        )
        if self.process.stdin is None or self.process.stdout is None:
            raise OSError("No process could be started.")
        self.orders: IO[bytes] = self.process.stdin
        self.answers: IO[bytes] = self.process.stdout

    def ended_by(self) -> int:
        """How it ended: its exit status, negative for a signal; 0 when it still lives."""
        try:
            return self.process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            return 0

    def end(self) -> None:
        """Stop it, whatever it does."""
        self.process.kill()
        for pipe in (self.orders, self.answers):
            with contextlib.suppress(OSError):
                pipe.close()
        self.process.wait()


def _environment() -> dict[str, str]:
    return {
        **{k: os.environ[k] for k in _KEPT if k in os.environ},
        "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
        # The system's allocator: Arrow's own reserves address space beyond what it uses, which the limit would count.
        "ARROW_DEFAULT_MEMORY_POOL": "system",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
