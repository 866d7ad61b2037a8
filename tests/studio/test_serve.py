"""The serve page: what one copies really works, and what was done is taken back by one press."""

import os
import shutil
import subprocess
import sys
import time

import pytest

from homegrown.core.access import SYSTEM, Role
from homegrown.testing.server import small_workspace
from homegrown.workspace import connect
from tests.studio.conftest import running, visiting


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    """A studio whose endpoint answers, with two versions of its model."""
    folder = tmp_path_factory.mktemp("live")
    with connect(folder / "desk it's", actor=SYSTEM) as ws:
        versions = small_workspace(ws, folder)
        for version in reversed(versions):
            ws.deploy(version, "intent")
        with running(ws, with_worker=True) as studio:
            yield studio


@pytest.mark.parametrize("title", ["curl", "OpenAI's client", "Python, without a server"])
def test_each_snippet_works_as_it_is_copied(live, title):
    if title == "curl" and shutil.which("curl") is None:
        pytest.skip("SKIPPED ALOUD: there is no curl on this machine.")
    with live.client(accept="application/json") as client:
        card = next(e for e in client.get("/serve").json()["endpoints"] if e["name"] == "intent")
    code = next(s["code"] for s in card["snippets"] if s["title"] == title)
    live.client(Role.CALLER).close()
    command = ["bash", "-c", code.replace("curl ", "curl -sS --max-time 20 --fail-with-body ")]
    if title != "curl":
        command = [sys.executable, "-c", code]
    environment = os.environ | {"HOMEGROWN_KEY": live.keys[Role.CALLER]}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "card" in done.stdout, done.stdout


def test_a_rollback_and_its_undo_are_one_press_each(chromium, live):
    before = live.ws.store.endpoints.get("intent").version_id
    with visiting(chromium, live) as visit:
        page = visit.page
        visit.go("/serve")
        visit.click("button:has-text('Back to')")
        page.wait_for_selector(".notice-good >> text=intent is deployed")
        assert live.ws.store.endpoints.get("intent").version_id != before
        visit.shot("serve-rolled-back", full_page=True)
        visit.click(".notice button:has-text('Undo')")
        page.wait_for_url("**was=*")
        deadline = time.monotonic() + 5
        while live.ws.store.endpoints.get("intent").version_id != before:
            assert time.monotonic() < deadline
        visit.go("/serve?deployed=intent&was=mv_of_somebody_else")
        assert page.locator(".notice button").count() == 0
