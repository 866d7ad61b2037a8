"""Hot swaps, damaged models, overload: the engine inside a running server (RELIABILITY F4, F8, F18, F21)."""

import asyncio
import threading
import time

import openai
import pytest

from homegrown.core.access import SYSTEM, Role
from homegrown.errors import HomegrownError, OverloadedError, WorkspaceBusyError
from homegrown.serve.batcher import Batcher
from homegrown.server import ServeOptions, serve
from homegrown.store import Store
from homegrown.testing.server import running
from homegrown.workspace import connect
from tests.conftest import in_a_loop

PREDICT = "/api/v1/endpoints/intent/predict"


def wait_for(condition, seconds=20.0):
    """Until *condition* holds; how long it took."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds, "it did not happen in time"
        time.sleep(0.01)
    return time.monotonic() - started


def version_of(served):
    live = served.engine.live.get("intent")
    return live and live.version.version_id


def test_a_version_is_swapped_without_a_failed_request(fresh):
    root, (first, second) = fresh
    seen, failed, stop = [], [], threading.Event()
    with connect(root, actor=SYSTEM) as ws, running(ws) as served:
        wait_for(lambda: version_of(served) == first.version_id, 60)

        def ask():
            with served.client(None) as client:
                client.headers.update(headers)
                while not stop.is_set():
                    begun = time.monotonic()
                    answer = client.post(PREDICT, json={"text": ["where is my card", "my pin"] * 20})
                    if answer.status_code == 200:
                        seen.append((begun, answer.json()["version_id"]))
                    else:
                        failed.append(answer.text)

        headers = served.bearer(Role.CALLER)
        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        with Store(root) as other:  # a terminal beside the server
            for target in (second, first, second):
                other.endpoints.deploy(SYSTEM, "intent", target)
                took = wait_for(lambda t=target: version_of(served) == t.version_id)
                assert took < 3, "noticed within a second on an idle machine"
                swapped = time.monotonic()
                wait_for(lambda since=swapped: any(begun > since for begun, _ in seen))
        stop.set()
        for thread in threads:
            thread.join()
    assert failed == []
    assert {version for _, version in seen} == {first.version_id, second.version_id}
    assert {version for begun, version in seen if begun > swapped} == {second.version_id}


@pytest.mark.parametrize("damage", ["flip", "truncate", "append", "extra", "pickle", "missing"])
def test_a_damaged_model_is_refused_and_the_last_good_one_goes_on(fresh, damage):
    root, (first, second) = fresh
    folder = root / "models" / second.version_id
    file = folder / "head.safetensors"
    content = file.read_bytes()
    marker = root.parent / "executed"
    if damage == "flip":
        file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif damage == "truncate":
        file.write_bytes(content[: len(content) // 2])
    elif damage == "append":
        file.write_bytes(content + b"x")
    elif damage == "extra":
        (folder / "model.pkl").write_bytes(b"cos\nsystem\n(S'touch %s'\ntR." % str(marker).encode())
    elif damage == "pickle":
        file.write_bytes(b"cos\nsystem\n(S'touch %s'\ntR." % str(marker).encode())
    else:
        file.unlink()
    with connect(root, actor=SYSTEM) as ws:
        ws.deploy(second, "intent")
        with running(ws) as served, served.client() as client:
            wait_for(lambda: version_of(served), 60)
            assert version_of(served) == first.version_id
            answer = client.post(PREDICT, json={"text": "where is my card"})
            assert answer.json()["version_id"] == first.version_id
            state = client.get("/api/v1/endpoints/intent").json()
            assert second.version_id in state["problem"]
            health = client.get("/healthz")
            assert health.status_code == 200
            assert "intent" in health.json()["problems"]
            ws.deploy(first, "intent")
            wait_for(lambda: not served.engine.problems)
    assert not marker.exists()


def test_with_no_good_version_left_it_says_so(fresh):
    root, versions = fresh
    for version in versions:
        (root / "models" / version.version_id / "head.safetensors").write_bytes(b"")
    with connect(root, actor=SYSTEM) as ws, running(ws) as served, served.client() as client:
        wait_for(lambda: served.engine.problems, 60)
        answer = client.post(PREDICT, json={"text": "a"})
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "1"
        assert "damaged" in answer.json()["error"]["message"]
        assert client.get("/healthz").status_code == 503
        assert client.get("/api/v1/models").status_code == 200


def test_a_full_queue_refuses_at_once_and_health_still_answers(served, monkeypatch):
    live = served.engine.live["intent"]
    usual, release = live.run, threading.Event()

    def slow(texts):
        release.wait(10)
        return usual(texts)

    monkeypatch.setattr(live, "run", slow)
    monkeypatch.setattr(served.engine.batcher, "_max_waiting", 3)
    codes, threads = [], []
    with served.client() as client:

        def ask():
            codes.append(client.post(PREDICT, json={"text": "card"}).status_code)

        for _ in range(4):  # one runs, three wait
            threads.append(threading.Thread(target=ask))
            threads[-1].start()
            time.sleep(0.1)
        started = time.monotonic()
        refused = client.post(PREDICT, json={"text": "card"})
        assert time.monotonic() - started < 1
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 1
        other = openai.OpenAI(base_url=f"{served.origin}/v1", api_key=served.key(), max_retries=0)
        with other, pytest.raises(openai.RateLimitError):
            other.chat.completions.create(model="intent", messages=[{"role": "user", "content": "card"}])
        release.set()
        for thread in threads:
            thread.join()
        assert codes == [200] * 4
        assert client.get("/healthz").status_code == 200
        assert served.engine.batcher.n_waiting == 0


def test_a_bad_text_fails_alone_and_answers_keep_their_order():
    batcher = Batcher(max_batch=4)

    def run(texts):
        if any(t == "bad" for t in texts):
            raise ValueError(texts)
        time.sleep(0.001)
        return [t.upper() for t in texts]

    async def ask():
        batcher.start()
        calls = [["a"], ["bad"], ["b", "c"], [f"x{i}" for i in range(11)], ["d"]]
        return await asyncio.gather(*(batcher.submit(run, texts) for texts in calls), return_exceptions=True)

    got = in_a_loop(ask())
    batcher.stop()
    assert isinstance(got[1], HomegrownError)
    assert got[0] == ["A"]
    assert got[2] == ["B", "C"]
    assert got[3] == [f"X{i}" for i in range(11)]
    assert got[4] == ["D"]
    assert batcher.n_waiting == 0


def test_cancelled_requests_give_their_places_back():
    batcher = Batcher(max_batch=2, max_waiting=10)

    async def ask():
        for _ in range(200):
            waiting = [batcher.submit(str, ["a"] * 3) for _ in range(3)]
            with pytest.raises(OverloadedError):
                batcher.submit(str, ["a"] * 3)
            for future in waiting:
                future.cancel()
            batcher._take()
            while batcher._turns:
                batcher._take()
        assert batcher.n_waiting == 0

    in_a_loop(ask())


def test_traces_are_all_on_the_disk_when_the_server_has_stopped(fresh):
    root, _ = fresh
    with connect(root, actor=SYSTEM) as ws:
        with running(ws) as served, served.client() as client:
            wait_for(lambda: version_of(served), 60)
            ids = [
                a["trace_id"]
                for _ in range(5)
                for a in client.post(PREDICT, json={"text": ["a", "b"]}).json()["answers"]
            ]
        written = {t["trace_id"] for t in ws.store.endpoints.traces()}
    assert set(ids) <= written


def test_text_is_kept_only_where_the_endpoint_says_so(fresh):
    root, (first, _) = fresh
    with connect(root, actor=SYSTEM) as ws, running(ws) as served, served.client() as client:
        wait_for(lambda: version_of(served), 60)
        client.post(PREDICT, json={"text": "not this one"})
        client.post("/api/v1/endpoints/intent/deploy", json={"model": first.version_id, "keep_text": True})
        wait_for(lambda: served.engine.live["intent"].endpoint.keep_text)
        client.post(PREDICT, json={"text": "keep this one"})
        wait_for(lambda: any(t["text"] == "keep this one" for t in ws.store.endpoints.traces()))
        texts = [t["text"] for t in ws.store.endpoints.traces()]
    assert sorted(texts, key=str) == [None, "keep this one"]


def test_one_server_per_workspace(served):
    with connect(served.ws.store.layout.root) as ws:
        path = ws.store.layout.folder("locks") / "server.lock"
        from homegrown.store.locks import FileLock

        with FileLock(path, exclusive=True) as lock:
            lock.describe(address="http://127.0.0.1:8700")
            with pytest.raises(WorkspaceBusyError, match=r"127\.0\.0\.1:8700") as caught:
                serve(ws, ServeOptions(port=0), print)
        assert caught.value.exit_code == 2
