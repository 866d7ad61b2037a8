"""A real, small file system, and how to fill it up."""

import contextlib
import os
import shutil
import subprocess

import pytest


@contextlib.contextmanager
def small_disk(folder):
    """An empty file system of a megabyte at *folder*, and how to make it larger."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.getuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("SKIPPED ALOUD: a small file system can be mounted by root only")

    def resize(n_bytes):
        subprocess.run(["mount", "-o", f"remount,size={n_bytes}", str(folder)], check=True)

    try:
        yield resize
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder):
    """Leave no byte free; the file is called ``fill``."""
    with (folder / "fill").open("ab") as file, contextlib.suppress(OSError):
        while shutil.disk_usage(folder).free:
            file.write(bytes(1 << 12))
            file.flush()
