"""Processes that ``homegrown demo exit`` starts, and that end with it, however it ends.

Example:
    >>> process = child("homegrown.cli.demo_script", stdout=subprocess.PIPE)  # doctest: +SKIP
    >>> end(process)  # doctest: +SKIP
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading


def child(
    module: str, *arguments: str, pass_fds: tuple[int, ...] = (), stdout: int = subprocess.DEVNULL
) -> subprocess.Popen[bytes]:
    """A process of ours that reads from a pipe, by whose end it notices that we are gone."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=stdout, stderr=subprocess.DEVNULL, env=env, pass_fds=pass_fds
    )


def end(process: subprocess.Popen[bytes]) -> None:
    """Stop a child and let go of its pipes."""
    process.kill()
    process.wait(10)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


def leave_with_parent() -> None:
    """End this process when standard input closes, for the one that started it is gone.

    Ctrl-C on a terminal reaches both; it is for that one to handle.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        with contextlib.suppress(OSError):
            sys.stdin.buffer.read()
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()
