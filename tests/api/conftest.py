"""A real server over a small workspace with two versions of one model."""

import shutil
import time

import pytest

from homegrown.core.access import SYSTEM
from homegrown.testing.server import running, small_workspace
from homegrown.workspace import connect


def wait_for(condition, seconds=10.0):
    """Until *condition* holds; how long it took."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds, "it did not happen in time"
        time.sleep(0.01)
    return time.monotonic() - started


@pytest.fixture(scope="session")
def grown(tmp_path_factory):
    """The workspace's folder and its two versions."""
    folder = tmp_path_factory.mktemp("grown")
    with connect(folder / "ws", actor=SYSTEM) as ws:
        versions = small_workspace(ws, folder)
    return folder / "ws", versions


@pytest.fixture
def fresh(grown, tmp_path):
    """A copy of that workspace, for tests that change or damage it."""
    shutil.copytree(grown[0], tmp_path / "ws")
    return tmp_path / "ws", grown[1]


@pytest.fixture(scope="session")
def served(grown, tmp_path_factory):
    # A copy: the original is never open while a test copies it.
    root = shutil.copytree(grown[0], tmp_path_factory.mktemp("served") / "ws")
    with connect(root, actor=SYSTEM) as ws, running(ws) as one:
        wait_for(lambda: "intent" in one.engine.live, 60)
        yield one
