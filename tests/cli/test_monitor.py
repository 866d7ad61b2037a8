"""``homegrown monitor`` as somebody types it: a file of calls in, tasks out, one of them made a Task."""

import json
import subprocess
import sys

from tests.monitor.calls import rng, topics

TOPIC = ("Tell the topic of the message: card, refund or login.",)


def _run(tmp_path, *arguments):
    command = [sys.executable, "-m", "homegrown", "monitor", *arguments, "--workspace", str(tmp_path / "ws")]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_from_a_file_of_calls_to_a_task(tmp_path):
    path = tmp_path / "calls.jsonl"
    rows = [{"id": c.trace_id, "request": c.request, "response": c.response, "tags": {"feature": "triage"},
             "created_at": c.created_at} for c in topics(rng(), 80, TOPIC)]  # fmt: skip
    path.write_text("\n".join([*map(json.dumps, rows), "{bad"]))
    brought = _run(tmp_path, "import", str(path))
    assert "80 calls (requests), 80 of them new." in brought.stdout
    assert "calls.jsonl:81: it is no JSON" in brought.stdout
    found = json.loads(_run(tmp_path, "--json").stdout)
    assert found["bill"]["n_calls"] == 80
    template_id = found["proposals"][0]["template"]["template_id"]
    shown = _run(tmp_path, "tasks", "--last").stdout
    assert "3 classes (card, login, refund)" in shown
    assert f"Next: homegrown monitor accept {template_id}" in shown
    made = json.loads(_run(tmp_path, "accept", "triage", "--rename", "card=cards", "--json").stdout)
    assert [c["name"] for c in made["task"]["classes"]] == ["cards", "login", "refund"]
    refused = _run(tmp_path, "accept")
    assert (refused.returncode, "Name a template" in refused.stderr) == (2, True)
    assert _run(tmp_path, "accept", "triage", "--rename", "card").returncode == 2
