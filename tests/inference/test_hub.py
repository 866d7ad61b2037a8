"""A base model of a hub: fetched when one may go out, and nobody is asked when every way out is closed."""

import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

ASK = """
from homegrown.errors import InputError
from homegrown.inference.encoder_folder import open_folder
try:
    open_folder("someone/some-model", is_offline={closed})
except InputError as error:
    print(error.message)
"""


@pytest.fixture
def hub():
    asked = []

    class Hub(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        do_HEAD = do_GET

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def _said(hub, home, *, closed=False, **environment):
    env = {k: v for k, v in os.environ.items() if k not in ("HF_HUB_OFFLINE", "HOMEGROWN_OFFLINE")}
    env |= {"HF_ENDPOINT": hub[0], "HF_HOME": str(home)} | environment
    done = subprocess.run(
        [sys.executable, "-c", ASK.format(closed=closed)], env=env, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_hub_is_asked_only_where_one_may_go_out(hub, tmp_path):
    assert "could not be fetched from the hub" in _said(hub, tmp_path)
    assert hub[1]
    hub[1].clear()
    assert "offline nothing is fetched" in _said(hub, tmp_path, closed=True)
    assert "offline nothing is fetched" in _said(hub, tmp_path, HOMEGROWN_OFFLINE="1")
    assert hub[1] == []
