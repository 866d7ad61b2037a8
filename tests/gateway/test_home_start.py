"""A server that starts while its upstream is down answers from the first call on what its model is sure of."""

import shutil
from types import SimpleNamespace

import httpx

from homegrown.core.access import SYSTEM, Role
from homegrown.store.upstreams import UpstreamSettings
from homegrown.workspace import connect
from tests.gateway.conftest import SECRET, ended, started
from tests.gateway.homes import asked

DEAD = "http://127.0.0.1:9/v1"
# A disk from which a model takes its time to come.
SLOW = """
import time
from homegrown.gateway import exits
load = exits.load
exits.load = lambda *a: (time.sleep(1), load(*a))[1]
from homegrown.cli.main import main
main()
"""


def test_the_first_call_after_a_start_is_answered_though_the_upstream_is_dead(home, tmp_path):
    home.switch()
    key = home.bed.served.key(Role.CALLER)
    root = tmp_path / "ws"
    shutil.copytree(home.ws.store.layout.root, root, ignore=shutil.ignore_patterns("locks"))
    with connect(root, actor=SYSTEM) as ws:
        ws.store.upstreams.put(SYSTEM, "stub", DEAD, UpstreamSettings("*", 2, 4, "", is_private=True), key=SECRET)
    # Announced before it runs: this call waits in the listener's queue, and is the very first.
    process, origin = started(root, SimpleNamespace(base_url=DEAD), "durable", program=("-c", SLOW))
    try:
        headers = {"Authorization": f"Bearer {key}"}
        answer = httpx.post(f"{origin}/v1/chat/completions", json=asked("hello, i want my money back since monday again"),
                            headers=headers, timeout=60)  # fmt: skip
    finally:
        ended(process)
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-homegrown-model"] == home.exit.model
    assert answer.json()["choices"][0]["message"]["content"] == "**Refund**"
