"""A real server over an empty workspace."""

import pytest

from homegrown.core.access import SYSTEM
from homegrown.store import Store
from homegrown.testing.server import running
from homegrown.workspace import Workspace


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with Workspace(Store(tmp_path_factory.mktemp("served") / "ws", actor=SYSTEM)) as ws, running(ws) as one:
        yield one
