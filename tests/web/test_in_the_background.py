"""A server in a thread of a program that is stopped by Ctrl-C."""

import signal
import subprocess
import sys
import time

from tests.conftest import heeding_ctrl_c

WAITS = """
import sys
import time
from pathlib import Path
from homegrown.server import ServerOptions, running_server
with running_server(ServerOptions(Path(sys.argv[1]))) as server:
    print("ready", flush=True)
    server.wait()
time.sleep(1)  # what it leaves behind would be told now
"""


def test_ctrl_c_ends_the_wait_and_the_server_in_order(tmp_path):
    command = [sys.executable, "-c", WAITS, str(tmp_path / "ws")]
    with heeding_ctrl_c():
        program = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with program:
        assert program.stdout.readline() == "ready\n"
        time.sleep(0.3)
        program.send_signal(signal.SIGINT)
        out, told = program.communicate(timeout=60)
    assert (program.returncode, out) == (0, "")
    assert told == ""
