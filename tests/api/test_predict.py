"""The predict route, its traces, its limits."""

import time

import pytest

from homegrown.core.access import Role

PREDICT = "/api/v1/endpoints/intent/predict"


def test_one_text_and_many_texts(served):
    with served.client(Role.CALLER) as client:
        one = client.post(PREDICT, json={"text": "where is my card?", "top": 3}).json()
        many = client.post(PREDICT, json={"text": ["where is my card?", "the transfer failed"]}).json()
    assert one["model"] == "intent@1"
    answer = one["answers"][0]
    assert answer["label"] == "card"
    assert sorted(t["label"] for t in answer["top"]) == ["card", "pin", "transfer"]
    assert sum(t["prob"] for t in answer["top"]) == pytest.approx(1, abs=1e-4)
    assert many["answers"][0]["label"] == "card"
    assert many["answers"][1]["top"][0]["label"] == "transfer"
    assert many["answers"][0]["prob"] == pytest.approx(answer["prob"], abs=1e-4)


def test_answers_are_the_workspace_s_own(served):
    texts = ["where is my card?", "transfer money", "ça va", "x" * 5000]
    with served.client() as client:
        over_http = client.post(PREDICT, json={"text": texts}).json()["answers"]
    here = served.ws.predict(served.ws.store.models.version("intent@1"), texts)
    assert [a["label"] for a in over_http] == [a["label"] for a in here]
    assert [a["prob"] for a in over_http] == pytest.approx([a["prob"] for a in here], abs=1e-4)


def test_every_call_leaves_a_trace_without_its_text(served):
    marker = "a sentence that must not be kept 8d1f"
    with served.client() as client:
        answer = client.post(PREDICT, json={"text": [marker, "card"]}).json()["answers"]
        time.sleep(0.5)
        rows = client.get("/api/v1/endpoints/intent/traces").json()["traces"]
        found = {r["trace_id"]: r for r in rows}
        trace = found[answer[0]["trace_id"]]
        assert trace["text"] is None
        assert trace["status"] == 200
        assert trace["answer"]["label"] == answer[0]["label"]
        assert answer[1]["trace_id"] in found
        done = client.post(f"/api/v1/traces/{answer[0]['trace_id']}/feedback", json={"label": "card"})
        assert done.status_code == 200
        assert client.post("/api/v1/traces/trace_none/feedback", json={"label": None}).status_code == 404
    assert marker.encode() not in (served.ws.store.layout.database).read_bytes()


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b"", "application/json", 422),
        (b"{", "application/json", 422),
        (b'{"text": 5}', "application/json", 422),
        (b'{"text": ""}', "application/json", 422),
        (b'{"text": []}', "application/json", 422),
        (b'{"text": "a", "unknown": 1}', "application/json", 422),
        (b'{"text": "\\ud800"}', "application/json", 422),
        (b'{"text": "\xff"}', "application/json", 422),
        (b'{"text": ' + b"[" * 1_000_000 + b"]" * 1_000_000 + b"}", "application/json", 422),
        (b'{"unknown": ' + b'{"a":' * 600_000 + b"1" + b"}" * 600_000 + b"}", "application/json", 422),
        (b"[" * 1_000_000, "application/json", 422),
        (b'{"text": "a"}', "text/plain", 415),
        (b"text=a", "application/x-www-form-urlencoded", 415),
        (b'{"text": "' + b"a" * (5 << 20) + b'"}', "application/json", 413),
        (b'{"text": [' + b'"a",' * 1000 + b'"a"]}', "application/json", 422),
    ],
)
def test_bad_bodies_get_a_sentence(served, content, content_type, status):
    with served.client() as client:
        started = time.monotonic()
        answer = client.post(PREDICT, content=content, headers={"Content-Type": content_type})
        assert time.monotonic() - started < 5
        assert answer.status_code == status
        assert answer.json()["error"]["message"].endswith((".", ">"))
        assert "Traceback" not in answer.text
        assert client.post(PREDICT, json={"text": "card"}).status_code == 200


def test_a_body_longer_than_it_says_is_cut_off(served):
    head = (
        f"POST {PREDICT} HTTP/1.1\nHost: 127.0.0.1\nAuthorization: Bearer {served.key()}\n"
        "Content-Type: application/json\nTransfer-Encoding: chunked\nConnection: close\n\n"
    )
    piece = b"%x\r\n" % 65536 + b"a" * 65536 + b"\r\n"
    # No more than what is read: a reset for the rest might overtake the answer.
    assert served.raw(head, piece * 65).split(b" ")[1] == b"413"


@pytest.mark.parametrize(
    "name",
    [
        "../intent", "..%2f..%2fetc%2fpasswd", "%2e%2e%2f", "%252e%252e", "....//", "intent%00", "C:%5C", "%5C%5Chost",
        "%2Fetc%2Fpasswd", "file:%2F%2F%2Fetc%2Fpasswd", "%2F%2Fproc%2Fself%2Froot", "http:%2F%2F%2F%23%2F..%2Fetc",
        "a" * 4096, "intent;..%2f", "intent%3F..%2f", "nothing", "' OR 1=1 --", "%F0%9F%8C%B1",
    ],
)  # fmt: skip
def test_names_are_names_and_never_paths(served, name):
    with served.client() as client:
        for method, path, body in (
            ("POST", f"/api/v1/endpoints/{name}/predict", {"text": "card"}),
            ("GET", f"/api/v1/endpoints/{name}", None),
            ("GET", f"/api/v1/models/{name}", None),
            ("GET", f"/api/v1/records/{name}", None),
            ("GET", f"/api/v1/jobs/{name}", None),
            ("GET", f"/v1/models/{name}", None),
            ("GET", f"/static/{name}", None),
        ):
            answer = client.request(method, path, json=body)
            assert answer.status_code in (400, 404, 405, 422), f"{method} {path}: {answer.status_code}"
            assert "root:" not in answer.text
            assert str(served.ws.store.layout.root) not in answer.text
        for body in ({"model": name}, {"model": name, "keep_text": True}):
            answer = client.post("/api/v1/endpoints/intent/deploy", json=body)
            assert answer.status_code in (404, 422)
        answer = client.post(
            "/v1/chat/completions", json={"model": name, "messages": [{"role": "user", "content": "a"}]}
        )
        assert answer.status_code in (400, 404)


def test_health_and_metrics(served):
    with served.client(None) as anybody:
        health = anybody.get("/healthz")
        assert health.status_code == 200
        assert health.json() == {"status": "ok", "endpoints": {}, "problems": {}, "gateway": {}, "disk": ""}
        assert anybody.get("/metrics").status_code == 401
    with served.client() as client:
        assert client.get("/healthz").json()["endpoints"] == {"intent": "ok"}
        client.post(PREDICT, json={"text": "card"})
        page = client.get("/metrics").text
    assert 'homegrown_calls_total{endpoint="intent",status="200"}' in page
    assert "homegrown_waiting_texts 0.0" in page
