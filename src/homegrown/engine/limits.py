"""What a child process sets itself before it does foreign work: memory, processor time, bytes that it writes."""

from __future__ import annotations

import resource
import signal


def confine(memory_bytes: int) -> None:
    """No core files, and no more private memory than *memory_bytes*; mapped libraries do not count."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    _hard(resource.RLIMIT_CORE, 0)
    _hard(resource.RLIMIT_DATA, memory_bytes)


def allow_cpu(seconds: int) -> None:
    """From here on, *seconds* of processor time; then SIGXCPU."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _soft(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + 1 + seconds)


def allow_files(n_bytes: int) -> None:
    """Files that are written may have *n_bytes* at most."""
    _soft(resource.RLIMIT_FSIZE, n_bytes)


def _hard(kind: int, most: int) -> None:
    _, hard = resource.getrlimit(kind)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (most, most))


def _soft(kind: int, most: int) -> None:
    _, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
