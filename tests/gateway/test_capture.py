"""What is kept of calls: durable and fast, sampled, masked, aged out; by a full disk and by kill -9 (F5, F6, T27)."""

import json
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from homegrown.core.access import SYSTEM, Role
from homegrown.core.ids import new_id, timestamp
from homegrown.core.traces import CallState, answer_of
from homegrown.errors import DiskFullError
from homegrown.gateway.capture import CaptureWriter, Tally
from homegrown.govern.access import Access
from homegrown.store.captured import Begun
from homegrown.store.spool import NAMES, Spool, recover
from homegrown.testing.wire_upstream import wire_upstream
from homegrown.workspace import connect
from tests.gateway.conftest import SECRET, CaptureMode, ended, started, until

CHAT = "/v1/chat/completions"
BODY = {"model": "m", "messages": [{"role": "user", "content": "write to anna@example.org about it"}]}


@pytest.fixture
def raw(bed):
    with bed.served.client(Role.CALLER) as one:
        yield one


def row(**changed):
    fixed = {"trace_id": new_id("trace"), "route_id": None, "wire": "chat", "model": "m", "actor_id": SYSTEM.actor_id,
             "upstream_id": None, "is_stream": 0, "request": "{}", "tags": "{}", "created_at": timestamp()}  # fmt: skip
    return Begun(**fixed | changed)


def test_a_row_stands_open_while_the_upstream_works(bed, raw):
    bed.upstream.plan("slow:1.5")
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(raw.post, CHAT, json=BODY)
        until(lambda: bed.calls() and bed.last().state is CallState.OPEN, 1.4)
        assert bed.last().request == BODY
        assert answer.result().status_code == 200
    assert bed.last().state is CallState.WHOLE


def test_fast_rows_come_a_moment_later(bed, raw):
    bed.route("default", capture=CaptureMode.FAST)
    trace_id = raw.post(CHAT, json=BODY).headers["x-homegrown-trace"]
    until(lambda: bed.ws.store.captured.get(trace_id) is not None, 2)
    assert bed.last(trace_id).state is CallState.WHOLE


def test_what_is_kept_is_the_owner_s_choice(bed, raw):
    route = bed.route("default", sample=0.0)
    trace_id = raw.post(CHAT, json=BODY).headers["x-homegrown-trace"]
    bed.route("default", mask_kept=True, sample=1.0)
    masked = raw.post(CHAT, json=BODY, headers={"x-homegrown-tags": "feature=triage, team=desk"})
    assert "anna@example.org" in masked.text
    assert bed.ws.store.captured.get(trace_id) is None
    call = bed.last(masked.headers["x-homegrown-trace"])
    assert call.request["messages"][0]["content"] == "write to [email] about it"
    assert answer_of(call) == "You said: write to [email] about it"
    assert call.tags == {"feature": "triage", "team": "desk"}
    later = datetime.now(UTC) + timedelta(days=8)
    n_mine = sum(c.route_id == route.route_id for c in bed.calls(10_000))
    assert bed.ws.store.captured.age_out(route.route_id, 7.0) == 0
    assert bed.ws.store.captured.age_out(route.route_id, 7.0, later) == n_mine
    assert bed.ws.store.captured.get(call.trace_id) is None
    for tags in ("a", "=b", "a=", ",".join(f"k{i}=v" for i in range(11))):
        assert raw.post(CHAT, json=BODY, headers={"x-homegrown-tags": tags}).status_code == 400


class Full:
    """A table of calls on a disk that is full until it is not."""

    def __init__(self):
        self.is_full, self.rows = True, []

    def write(self, begun, ended):
        if self.is_full:
            raise DiskFullError
        self.rows += [*begun, *ended]


def test_a_full_disk_stops_no_call_and_the_gap_is_told(bed, raw, monkeypatch, tmp_path):
    disk = Full()
    writer = bed.gateway.writer
    monkeypatch.setattr(writer, "_store", disk)
    answers = [raw.post(CHAT, json=BODY) for _ in range(3)]
    assert {a.status_code for a in answers} == {200}
    with bed.served.client() as owner:
        health = owner.get("/healthz").json()
        assert (health["status"], "No space is left" in health["gateway"]["capture"]) == ("ok", True)
        assert "homegrown_gateway_lost" in owner.get("/metrics").text
    assert httpx.get(f"{bed.served.origin}/healthz").json()["gateway"] == {}
    disk.is_full = False
    until(lambda: len(disk.rows) == 6, 4)
    until(lambda: writer.problem is None, 2)
    # more than memory may hold: dropped, and counted
    monkeypatch.setattr("homegrown.gateway.capture.MOST_WAITING_BYTES", -1)
    before = writer.n_lost
    assert raw.post(CHAT, json=BODY).status_code == 200
    assert writer.n_lost == before + 1
    assert "1 calls passed" in bed.gateway.health()["capture.lost"]
    writer.n_lost = before


def test_a_row_that_the_database_does_not_take_costs_no_other_one_its_place(tmp_path):
    with connect(tmp_path / "ws") as ws:
        locks = ws.store.layout.folder("locks")
        tally = Tally(tmp_path / "tally")
        writer = CaptureWriter(ws.store.captured, Spool(locks), tally)
        good, bad = row(), row(actor_id="nobody")
        for one in (bad, good):
            writer.begin(one)
        writer.start()
        writer.stop()
        tally.close()
        assert ws.store.captured.get(good.trace_id).state is CallState.OPEN
        assert (writer.n_lost, writer.n_kept) == (1, 1)


def test_what_a_killed_gateway_noted_has_its_row_after_the_next_start(tmp_path):
    with connect(tmp_path / "ws") as ws:
        locks = ws.store.layout.folder("locks")
        spool, rows = Spool(locks), [row() for _ in range(4)]
        with spool.turn:
            spool.add(rows[0])
            spool.swap()
            for one in rows[1:]:
                spool.add(one)
        ws.store.captured.write(rows[1:2], [])
        with (locks / NAMES[1]).open("ab") as file:
            file.write(b'{"trace_id":"cut')
        spool.close(is_empty=False)
        assert recover(ws.store) == 3
        assert recover(ws.store) == 0
        assert ws.store.captured.counts() == {"open": 4}


@pytest.mark.slow
@pytest.mark.parametrize("capture", ["durable", "fast"])
def test_kill_under_load(tmp_path, capture):
    """RELIABILITY F5, three kills each: no call that reached the upstream without its row, or the gap is counted."""
    root = tmp_path / "ws"
    with connect(root, actor=SYSTEM) as ws, wire_upstream() as upstream:
        headers = {"Authorization": f"Bearer {Access(ws.store.db).add_key(SYSTEM, 'test', Role.CALLER).secret}"}
        upstream.forget()
        whole, n_lost = set(), 0
        for turn in range(3):
            upstream.plan(delay_s=0.02 * turn)
            process, origin = started(root, upstream, capture)

            def ask(number, origin=origin, turn=turn):
                with httpx.Client(base_url=origin, headers=headers, timeout=10) as client:
                    for i in range(1000):
                        text = f"turn {turn} client {number} call {i}"
                        body = {"model": "m", "stream": i % 2 == 1, "messages": [{"role": "user", "content": text}]}
                        try:
                            answer = client.post(CHAT, json=body)
                        except httpx.TransportError:
                            return
                        if answer.status_code == 200:
                            whole.add(answer.headers["x-homegrown-trace"])

            threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
            for thread in threads:
                thread.start()
            until(lambda least=25 * (turn + 1): upstream.facts()["n_calls"] > least, 60)
            ended(process, signal.SIGKILL)
            for thread in threads:
                thread.join()
        process, origin = started(root, upstream, capture)
        httpx.get(f"{origin}/healthz", timeout=60)  # it is told before it runs; what was killed is looked at first
        ended(process)
        n_lost = int(ws.store.settings.get("gateway.lost") or 0)
        calls = ws.store.captured.page(limit=100_000)
        reached = {json.loads(c["body"])["messages"][0]["content"] for c in upstream.seen()}
        kept = {c.request["messages"][0]["content"] for c in calls}
        assert len(reached) > 60
        if capture == "durable":
            assert reached <= kept
            assert whole <= {c.trace_id for c in calls if c.state is CallState.WHOLE}
            assert n_lost == 0
        else:
            assert len(reached - kept) <= n_lost <= len(reached - kept) + 3 * 8


def test_the_planted_key_is_in_no_file_and_no_answer(bed, raw):
    """RELIABILITY T27."""
    bed.upstream.plan("401", "cut:3", "500")
    said = []
    for _ in range(4):
        try:
            said.append(raw.post(CHAT, json={**BODY, "stream": True}).text)
        except httpx.TransportError:
            continue
    with bed.served.client() as owner:
        said += [owner.get("/metrics").text, owner.get("/healthz").text]
    assert SECRET not in "".join(said)
    files = [p for p in bed.ws.store.layout.root.rglob("*") if p.is_file()]
    assert len(files) > 3
    for needle in (SECRET, bed.served.key(Role.CALLER)):
        assert [p.name for p in files if needle.encode() in p.read_bytes()] == []


def test_synced_calls_are_on_the_disk_before_they_leave_and_share_their_flushes(bed, raw, monkeypatch):
    """RELIABILITY F5, F26: what a power cut would take is what was not flushed."""
    bed.route("default", capture=CaptureMode.SYNCED)
    flushed, spool = [], bed.gateway.writer._spool
    sync = spool.sync

    def slow():
        with spool.turn:
            noted = b"".join(os.pread(f, 1 << 20, 0) for f in spool._files)
        # A call whose row is committed already is on the disk too, and its note is taken away.
        noted += "".join(c.trace_id for c in bed.ws.calls(limit=100)).encode()
        sync()
        time.sleep(0.05)
        flushed.append((noted, len(bed.upstream.seen())))

    monkeypatch.setattr(spool, "sync", slow)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda i: raw.post(CHAT, json={**BODY, "seed": i}), range(8)))
    assert {a.status_code for a in answers} == {200}
    assert flushed[0][1] == 0  # nothing had left before the first flush
    assert len(flushed) < 8
    assert all(a.headers["x-homegrown-trace"].encode() in b"".join(n for n, _ in flushed) for a in answers)
    assert {c.state for c in bed.calls(8)} == {CallState.WHOLE}
    monkeypatch.setattr("os.fdatasync", _refuse)
    monkeypatch.setattr(spool, "sync", sync)
    assert raw.post(CHAT, json=BODY).status_code == 200  # a disk that fails stops no call


def _refuse(_):
    raise OSError(5, "Input/output error")


@pytest.mark.slow
def test_a_key_that_was_answered_is_not_asked_again_after_a_kill(tmp_path):
    """RELIABILITY F17: kill -9 after the answer, and while the upstream works."""
    root = tmp_path / "ws"
    with connect(root, actor=SYSTEM) as ws, wire_upstream() as upstream:
        headers = {"Authorization": f"Bearer {Access(ws.store.db).add_key(SYSTEM, 'test', Role.CALLER).secret}"}
        process, origin = started(root, upstream, "durable")
        upstream.forget()
        with httpx.Client(base_url=origin, headers=headers, timeout=30) as client:
            first = client.post(CHAT, json=BODY, headers={"idempotency-key": "answered"})
            upstream.plan("silent")
            with ThreadPoolExecutor(1) as pool:
                cut = pool.submit(client.post, CHAT, json=BODY, headers={"idempotency-key": "under way"})
                until(lambda: upstream.facts()["n_calls"] == 2)
                ended(process, signal.SIGKILL)
                with pytest.raises(httpx.TransportError):
                    cut.result()
        process, origin = started(root, upstream, "durable")
        with httpx.Client(base_url=origin, headers=headers, timeout=30) as client:
            again = client.post(CHAT, json=BODY, headers={"idempotency-key": "answered"})
            assert (again.content, again.headers["x-homegrown-repeated"]) == (first.content, "true")
            unknown = client.post(CHAT, json=BODY, headers={"idempotency-key": "under way"})
            assert (unknown.status_code, unknown.json()["error"]["code"]) == (409, "conflict")
            assert upstream.facts()["n_calls"] == 2
        ended(process)
