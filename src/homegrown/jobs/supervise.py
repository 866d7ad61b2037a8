"""Keeps the worker process alive while the server lives."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

LONGEST_PAUSE_S = 30.0


class WorkerProcess:
    """``python -m homegrown.worker``, started again whenever it ends.

    The worker watches its standard input: when this process dies, however it dies, the pipe closes and the worker
    leaves. Its output goes to *log*.

    Example:
        >>> worker = WorkerProcess(Path("work"))  # doctest: +SKIP
        >>> worker.start(); worker.stop()  # doctest: +SKIP
    """

    def __init__(self, root: Path, *, log: Path | None = None) -> None:
        self._root, self._log = root, log
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep, name="homegrown-worker", daemon=True)

    @property
    def pid(self) -> int | None:
        """Process id of the worker that runs now."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> None:
        """Start the worker and the thread that keeps it."""
        self._launch()
        self._thread.start()

    def stop(self, wait_s: float = 10.0) -> None:
        """Let the worker leave: it stops at the next checkpoint, and the job goes on when a worker starts again."""
        self._stopping.set()
        process = self._process
        if process is None:
            return
        if process.stdin:
            process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(wait_s)
        if process.poll() is None:
            process.kill()
            process.wait()
        self._thread.join(wait_s)

    def _launch(self) -> None:
        # -P: a json.py in the folder where the server was started is no module of ours.
        command = [sys.executable, "-P", "-m", "homegrown.worker", str(self._root)]
        with contextlib.ExitStack() as stack:
            output = stack.enter_context(self._log.open("ab")) if self._log else subprocess.DEVNULL
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=output, stderr=output)

    def _keep(self) -> None:
        pause = 0.5
        while not self._stopping.is_set():
            process = self._process
            if process is None:
                return
            process.wait()
            if process.stdin:
                process.stdin.close()
            if self._stopping.wait(pause):
                return
            pause = min(pause * 2, LONGEST_PAUSE_S)
            self._launch()
