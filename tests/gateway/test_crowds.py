"""Ten times what a route takes, 2,000 callers that trickle, 5,000 that leave: nobody else fails, nothing stays open."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_crowds_are_borne_and_leave_nothing_behind():
    """RELIABILITY F14, F21, T29; the figures are measured by the same command."""
    command = [sys.executable, "-m", "benchmarks.gateway_faults", "--overload-s", "15", "--json"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    much, slow, left = found["overload"], found["slow"], found["aborts"]
    assert much["n_other"] == 0  # 200 or 429, nothing else
    assert much["n_accepted"] > 0
    assert much["n_refused"] > 5 * much["n_accepted"]
    assert much["most_at_upstream"] <= 8
    assert slow["n_failed"] == 0  # 200, or 429 where this machine has too much to do
    assert slow["n_cut_off"] >= 600  # those whose heads do not end
    assert slow["memory_during_mb"] - slow["memory_before_mb"] < 200
    assert left["upstream_open_after"] == 0
    assert left["fds_after"] <= left["fds_before"] + 5
    assert left["threads_after"] <= left["threads_before"] + 2
    assert left["memory_mb_after"] - left["memory_mb_before"] < 100
