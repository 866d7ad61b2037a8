"""Readers that do what a crafted file makes a parser do."""

import os
import signal
import sys
import threading
from pathlib import Path

from homegrown.core.records import Parsed


class Hostile:
    """Says 600 good rows, more than one frame of them, then does what its file says."""

    suffixes = (".hostile",)
    isolated = True

    def read(self, path, name, options):
        """Rows, and then harm."""
        deed = path.read_text()
        if deed == "environment":
            yield Parsed({"text": " ".join(sorted(os.environ)), "path": sys.path}, name)
            return
        yield from (Parsed({"text": f"good {i}"}, f"{name}:{i}") for i in range(600))
        {"crash": crash, "spin": spin, "grow": grow, "babble": babble, "write": write, "exit": leave}[deed](path)


def crash(_):
    """As memory errors in a C parser do."""
    os.kill(os.getpid(), signal.SIGSEGV)


def spin(_):
    """Compute without end."""
    while True:
        pass


def grow(_):
    """Take memory without end."""
    held = []
    while True:
        held.append(bytearray(8 << 20))


def babble(_):
    """Say what is no message, and stay."""
    os.write(1, b"\xff" * 100)
    threading.Event().wait(60)


def write(path):
    """Leave something on the disk."""
    Path(f"{path}.planted").write_bytes(b"x" * 100)


def leave(_):
    """End as if all were well."""
    os._exit(0)
