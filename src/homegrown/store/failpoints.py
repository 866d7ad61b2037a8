"""Named places where a test may kill the process or fill the disk: ``HG_FAILPOINT=name:action[:n]``.

``action`` is ``kill`` (SIGKILL, as the kernel or a power cut would), ``enospc`` (no space left) or ``eio`` (the disk
fails); *n* is the visit at which it happens, default 1. Without the variable a call costs one look-up.

Example:
    ``HG_FAILPOINT=ingest.records:kill homegrown ingest tickets.csv``
"""

from __future__ import annotations

import errno
import os
import signal
from collections import Counter

_visits: Counter[str] = Counter()


def failpoint(name: str) -> None:
    """Fail here if the environment says so."""
    if "HG_FAILPOINT" in os.environ:
        _fail(name, os.environ["HG_FAILPOINT"])


def _fail(name: str, spec: str) -> None:
    wanted, _, rest = spec.partition(":")
    action, _, n = rest.partition(":")
    if wanted != name:
        return
    _visits[name] += 1
    if _visits[name] != int(n or 1):
        return
    if action == "enospc":
        raise OSError(errno.ENOSPC, "No space left on device")
    if action == "eio":
        raise OSError(errno.EIO, "Input/output error")
    os.kill(os.getpid(), signal.SIGKILL)
