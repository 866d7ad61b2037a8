"""kill -9 while versions are deployed, and a second server beside the first: real processes (RELIABILITY F4, F18)."""

import re
import signal
import subprocess
import sys
import threading

import httpx
import pytest

from homegrown.core.access import SYSTEM, Role
from homegrown.govern.access import Access
from homegrown.store import Store

PREDICT = "/api/v1/endpoints/intent/predict"
pytestmark = pytest.mark.slow


def start(root, *options):
    """A server process; its address is read from what it prints."""
    command = [sys.executable, "-m", "homegrown", "serve", "--port", "0", "--workspace", str(root), *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def address_of(process):
    for line in process.stdout:
        found = re.match(r"Serving on (\S+)", line)
        if found:
            return found.group(1)
    raise AssertionError(process.stderr.read())


def ask(client):
    answer = client.post(PREDICT, json={"text": ["where is my card", "my pin"]})
    return answer.status_code, answer.json().get("version_id")


def test_kill_at_any_moment_of_a_deploy_leaves_one_committed_pointer(fresh):
    root, (first, second) = fresh
    with Store(root) as store:
        headers = {"Authorization": f"Bearer {Access(store.db).add_key(SYSTEM, 'test', Role.BUILDER).secret}"}
        for turn in range(3):
            process = start(root)
            with httpx.Client(base_url=address_of(process), headers=headers, timeout=60) as client:
                committed = store.endpoints.get("intent").version_id
                assert ask(client) == (200, committed), "what was committed answers after the restart"
                target = second if committed == first.version_id else first
                killer = threading.Timer(0.02 * turn, process.kill)
                killer.start()
                try:
                    done = client.post("/api/v1/endpoints/intent/deploy", json={"model": target.version_id})
                    acknowledged = done.status_code == 200
                except httpx.TransportError:
                    acknowledged = False
                killer.join()
            process.wait()
            process.stdout.close()
            process.stderr.close()
            live = [
                d for d in store.endpoints.history(store.endpoints.get("intent").endpoint_id) if d["state"] == "live"
            ]
            assert len(live) == 1
            assert live[0]["version_id"] in (first.version_id, second.version_id)
            if acknowledged:
                assert live[0]["version_id"] == target.version_id


def test_a_second_server_names_the_first_and_ends_with_2(fresh):
    root, _ = fresh
    first = start(root)
    address = address_of(first)
    second = start(root)
    _, said = second.communicate(timeout=120)
    assert second.returncode == 2
    assert address in said
    assert "Traceback" not in said
    first.send_signal(signal.SIGTERM)
    _, said = first.communicate(timeout=120)
    assert first.returncode == 0, said
    third = start(root)
    assert address_of(third)
    third.kill()
    third.communicate()
