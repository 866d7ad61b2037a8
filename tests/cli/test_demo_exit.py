"""The way out of a model API in one command, over real processes: its figures are those of its workspace."""

import contextlib
import csv
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import openai
import pytest

from homegrown.cli.demo_script import existing_script
from homegrown.cli.demo_texts import book, demo_texts
from homegrown.cli.demo_upstream import SIMULATED, Book, local_upstream
from homegrown.cli.main import main
from homegrown.core.access import SYSTEM
from homegrown.core.traces import AT_HOME, answer_of, messages_of
from homegrown.metrics.intervals import wilson
from homegrown.server import ServerOptions, running_server
from homegrown.workspace import connect
from homegrown.workspace.public_data import examples_folder, public_file
from tests.conftest import heeding_ctrl_c

KEYS = {
    "n_traces", "templates", "student_id", "verdict", "alpha", "delta", "coverage", "coverage_ci95", "error_at_home",
    "cost_before_usd", "cost_after_usd", "break_even_month", "simulated", "seed", "seconds", "source", "calls", "stopped",
    "calibration", "error_at_home_ci95", "n_home", "n_after", "switched",
}  # fmt: skip
BOOK = Book("Answer with a label.", {"where is it": "order", "money back": "refund"}, {"refund": "order"}, 0.001)


def start(*arguments, data=None, **more):
    env = {**os.environ, **({"HOMEGROWN_DATA": str(data)} if data else {})}
    with heeding_ctrl_c():
        return subprocess.Popen(
            [sys.executable, "-m", "homegrown", "demo", "exit", *map(str, arguments)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, **more,
        )  # fmt: skip


def finish(process, seconds):
    out, told = process.communicate(timeout=seconds)
    return process.returncode, out, told


@pytest.fixture(scope="module")
def messages(tmp_path_factory):
    """A folder of data: English messages of our own set in the place of Banking77."""
    folder = tmp_path_factory.mktemp("data")
    with (examples_folder() / "support-desk" / "messages.csv").open(newline="", encoding="utf-8") as file:
        rows = [(r["message"], r["intent"]) for r in csv.DictReader(file) if r["language"] == "en"]
    known = {"where_is_my_order", "cancel_subscription", "app_problem", "billing_problem", "refund_request"}
    rows = [r for r in rows if r[1] in known]
    (folder / "banking77").mkdir()
    for name, part in (("train", rows[:-110]), ("test", rows[-110:])):
        with (folder / "banking77" / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("text", "category"), *part])
    return folder


@pytest.fixture(scope="module")
def played(messages, tmp_path_factory):
    """The demo, small: its workspace, its document, and what it told."""
    root = tmp_path_factory.mktemp("demo") / "ws"
    process = start(
        "--json",
        "--workspace",
        root,
        "--calls",
        360,
        "--alpha",
        0.15,
        "--recipe",
        "lexical",
        "--seed",
        3,
        data=messages,
    )
    code, out, told = finish(process, 240)
    assert code == 0, told
    return root, json.loads(out), told


def test_the_document_says_what_the_workspace_holds(played, messages):
    root, found, told = played
    assert found.keys() >= KEYS
    assert found["simulated"] is True
    assert "simulated" in told
    with connect(root) as ws:
        calls = []
        while page := ws.calls(limit=500, before=calls[-1].trace_id if calls else None):
            calls += page
        assert found["n_traces"] == len(calls) == sum(ws.store.captured.counts().values())
        assert {(p.template.name, p.suits.value) for p in ws.traffic().proposals} == {
            (t["name"], t["suits"]) for t in found["templates"]
        }
        assert {(t["suits"], t["accepted"]) for t in found["templates"]} == {("ready", True), ("not", False)}
        version = ws.store.models.version(found["student_id"])
        assert {c.version_id for c in calls} == {None, version.version_id}
        exit = ws.store.routes.get("default").config.exit
        assert (exit.alpha, exit.delta) == (found["alpha"], found["delta"]) == (0.15, 0.05)
    assert found["switched"] is True

    texts = _texts(messages, 360, 3)
    after, last = dict(texts.after), dict(texts.last)
    by_text = {messages_of(c)[-1]["content"]: c for c in calls}  # each message of these parts was sent once
    mine = [by_text[t] for t in after]
    home = [t for t in after if by_text[t].version_id]
    wrong = sum(answer_of(by_text[t]) != after[t] for t in home)
    assert (found["n_after"], found["n_home"]) == (len(after), len(home))
    assert found["coverage"] == len(home) / len(after)
    assert len(home) > 0.2 * len(after)
    low, high = found["coverage_ci95"]
    assert low <= found["coverage"] <= high
    assert (low, high) == pytest.approx(wilson(len(home), len(after)))
    assert found["error_at_home"] == pytest.approx(wrong / len(home))
    assert found["n_audited"] == sum(c.tags[AT_HOME] == "audit" for c in mine)

    stopped = found["stopped"]
    answered = [by_text[t] for t in last if by_text[t].version_id]
    assert stopped["n"] == len(last) == stopped["n_answered"] + stopped["n_failed"]
    assert stopped["n_answered"] == len(answered) > 0
    assert all(by_text[t].state.value == "failed" for t in last if not by_text[t].version_id)
    assert bool(stopped["error_of_the_rest"]) is (stopped["n_failed"] > 0)

    assert found["cost_after_usd"] > 0
    assert found["cost_before_usd"] == pytest.approx(_api_usd(found), abs=0.01)
    assert found["seconds"].keys() > {"traffic", "train", "switch", "stopped", "all"}


def _texts(folder, n, seed):
    before = os.environ.get("HOMEGROWN_DATA")
    os.environ["HOMEGROWN_DATA"] = str(folder)
    try:
        return demo_texts(n, seed)
    finally:
        del os.environ["HOMEGROWN_DATA"]
        if before is not None:
            os.environ["HOMEGROWN_DATA"] = before


def _api_usd(found):
    """A month by the API alone, by the price list's guess: 3 and 15 USD a million tokens, 30.4375 days."""
    cost = found["cost"]
    return (3 * cost["n_tokens_in"] + 15 * cost["n_tokens_out"]) / 1e6 * cost["calls_per_day"] * 30.4375


def test_no_message_stands_in_two_parts_of_the_story(messages):
    texts = _texts(messages, 360, 0)
    parts = [[t for t, _ in p] for p in (texts.taught, texts.shadow, texts.after, texts.last)] + [texts.letters]
    every = [t.casefold() for part in parts for t in part]
    assert len(every) == len(set(every)) > 400
    with (messages / "banking77" / "test.csv").open(newline="", encoding="utf-8") as file:
        of_test = {r["text"].strip() for r in csv.DictReader(file)}
    assert of_test >= {*parts[2], *parts[3]}
    assert of_test.isdisjoint({*parts[0], *parts[1]})
    said = book(texts, 0, 0.1)
    assert said.instead
    assert not said.instead.keys() & set(said.instead.values())
    wrong = [said.answer(texts.system, t) != label for t, label in texts.gold.items()]
    assert 0 < sum(wrong) < 0.25 * len(wrong)
    assert said.answer("Another prompt.", parts[0][0]) not in texts.labels


def test_the_script_s_answers_come_from_home_after_the_api_is_gone(played, messages):
    root, found, _ = played
    texts = _texts(messages, 360, 3)
    with (
        running_server(ServerOptions(root)) as server,
        openai.OpenAI(base_url=f"{server.address}/v1", api_key=server.key, max_retries=0) as client,
    ):

        def ask(text):
            try:
                return client.chat.completions.with_raw_response.create(**(texts.ask(["", text])[1]))
            except openai.APIStatusError:
                return None

        until = time.monotonic() + 30
        while not any(answers := [ask(text) for text, _ in texts.last]):  # until the server has loaded the model
            assert time.monotonic() < until
        answers = [a for a in answers if a is not None]
        for answer in answers:
            assert answer.headers["x-homegrown-model"] == found["student"]["name"]
            assert "x-homegrown-upstream" not in answer.headers
            assert answer.parse().choices[0].message.content in texts.labels
        assert 0 < len(answers) <= found["stopped"]["n_answered"]


def test_the_local_api_speaks_openai_s_protocol_and_ends_with_us(tmp_path):
    with (
        local_upstream(BOOK, tmp_path) as upstream,
        existing_script(tmp_path) as script,
        openai.OpenAI(base_url=upstream.base_url, api_key="none", max_retries=0) as client,
    ):
        assert client.models.list().data[0].owned_by == SIMULATED

        def ask(system, text, **more):
            said = [{"role": "system", "content": system}, {"role": "user", "content": text}]
            return client.chat.completions.create(model="m", messages=said, **more)

        whole = ask(BOOK.system, "where is it")
        assert (whole.choices[0].message.content, whole.system_fingerprint) == ("order", SIMULATED)
        assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens > 0
        assert ask(BOOK.system, "money back").choices[0].message.content == "order"  # it always confuses these
        streamed = list(ask(BOOK.system, "where is it", stream=True, stream_options={"include_usage": True}))
        assert "".join(c.choices[0].delta.content or "" for c in streamed if c.choices) == "order"
        assert streamed[-1].usage.completion_tokens == whole.usage.completion_tokens
        letters = {ask("Write a reply.", f"where is parcel {i}").choices[0].message.content for i in range(8)}
        assert len(letters) == 8

        bodies = [
            {"model": "m", "messages": [{"role": "user", "content": "hello"}], "stream": s} for s in (False, True)
        ]
        got = script.send([*bodies, {"model": "m"}], upstream.base_url, "none", at_once=2)
        assert got[0].said == got[1].said
        assert (got[2].status, got[2].error) == (400, "This is no chat.")
        upstream.kill()
        assert script.send(bodies, upstream.base_url, "none", at_once=1)[0].error.endswith(").")
        script.process.stdin.close()
        assert script.process.wait(20) == 0


def test_what_cannot_be_is_one_sentence(messages, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOMEGROWN_DATA", str(messages))

    def told(*arguments):
        monkeypatch.setattr(sys, "argv", ["homegrown", "demo", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        assert (ended.value.code, out) == (2, "")
        return err.strip().splitlines()[-1]

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"127.0.0.1:{port} cannot be served" in told("exit", "--port", port)
    assert "--alpha lies between 0 and 1" in told("exit", "--alpha", 1.5)
    assert "'little' is not a valid float" in told("exit", "--alpha", "little")
    assert "those of exit come after it" in told("--port", 0, "exit")
    with connect(tmp_path / "ws", actor=SYSTEM) as ws:
        ws.import_calls(_a_call(tmp_path))
    assert "a folder of its own" in told("exit", "--workspace", tmp_path / "ws")
    with connect(tmp_path / "closed", actor=SYSTEM) as ws:
        ws.set_offline(True)
    assert "is offline: every way out is closed" in told("exit", "--workspace", tmp_path / "closed")
    monkeypatch.setenv("HOMEGROWN_OFFLINE", "1")
    assert "closes every way out" in told("exit")


def _a_call(folder):
    turns = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "hi"}]
    (folder / "calls.jsonl").write_text(json.dumps({"messages": turns}) + "\n", encoding="utf-8")
    return folder / "calls.jsonl"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="children are looked up in /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGKILL, marks=pytest.mark.slow)])
def test_when_it_is_ended_in_the_middle_no_process_stays(messages, tmp_path, monkeypatch, number):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with start("--calls", 360, data=messages, start_new_session=True) as process:
        for line in process.stdout:
            if line.startswith("1. A script"):
                break
        children = _below(process.pid)
        assert len(children) >= 2  # the API and the script; the server's worker, where it is there already
        process.send_signal(number)
        assert process.wait(60) == (1 if number == signal.SIGINT else -signal.SIGKILL)
        told = process.stderr.read()
    if number == signal.SIGINT:
        assert "homegrown: stopped." in told
        assert not list(tmp_path.glob("homegrown-*"))
    until = time.monotonic() + 30
    while left := [pid for pid in children if _is_alive(pid)]:
        assert time.monotonic() < until, left
        time.sleep(0.1)


def _below(pid):
    """Processes that *pid* started, and theirs."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    found, more = set(), {pid}
    while more:
        more = {child for child, parent in parents.items() if parent in more} - found
        found |= more
    return found


def _is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.slow
def test_on_the_whole_of_banking77_it_ends_with_a_switch():
    if public_file("banking77/train.csv") is None:
        pytest.skip("Banking77 is neither here nor to be had")
    code, out, told = finish(start("--json"), 900)
    assert code == 0, told
    found = json.loads(out)
    assert found.keys() >= KEYS
    assert (found["switched"], found["alpha"]) == (True, 0.02)
    assert found["verdict"] in ("SWITCH", "KEEP", "NEED")
    assert found["calls"]["taught"] + found["calls"]["shadow"] == 7500
    assert found["calibration"]["disagreement"] <= 0.02
    assert found["coverage"] > 0.5
    assert found["stopped"]["n_home"] == found["stopped"]["n_answered"] > 0.5 * found["stopped"]["n"]
    assert found["break_even_month"] is not None
    assert found["cost_after_usd"] < found["cost_before_usd"]


@pytest.mark.slow
def test_where_nothing_can_be_vouched_for_nothing_is_switched_and_it_says_so(messages):
    process = start("--json", "--calls", 360, "--alpha", 0.001, "--recipe", "lexical", data=messages)
    code, out, told = finish(process, 240)
    assert code == 0, told
    found = json.loads(out)
    assert found.keys() >= KEYS
    assert (found["switched"], found["coverage"], found["error_at_home"]) == (False, 0.0, None)
    assert found["switch_sentence"].startswith("Nothing was switched.")
    assert (found["cost_after_usd"], found["break_even_month"]) == (found["cost_before_usd"], None)
    assert found["stopped"]["n_failed"] == found["stopped"]["n"]
    assert "nothing is answered at home" in told
