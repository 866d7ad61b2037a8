"""Slow ones on either side, certificates, callers that leave early: in bounds, and nothing stays open (F11, F13, F14, F16)."""

import asyncio
import datetime
import json
import socket
import ssl
import threading
import time

import httpx
import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from homegrown.core.access import Role
from homegrown.core.traces import CallState
from tests.conftest import in_a_loop
from tests.gateway.conftest import SECRET, Target, until

CHAT = "/v1/chat/completions"
BODY = {"model": "m", "messages": [{"role": "user", "content": "where is my card? ünïcode 🙂"}]}
STREAM = {**BODY, "stream": True}


@pytest.fixture
def raw(bed):
    with bed.served.client(Role.CALLER) as one:
        yield one


def head_of(bed, n_bytes):
    key = bed.served.key(Role.CALLER)
    lines = [
        f"POST {CHAT} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {key}",
        "Content-Type: application/json",
    ]
    return "\r\n".join([*lines, f"Content-Length: {n_bytes}", "", ""]).encode()


def calm(bed):
    """Nobody is under way, here and at the upstream."""
    until(lambda: bed.upstream.facts()["n_open"] == 0 and bed.gateway.admission.n_open == 0, 5)


@pytest.mark.parametrize("body", [BODY, STREAM])
@pytest.mark.parametrize("fault", ["head:0.05", "drip:0.05"])
def test_an_upstream_that_trickles_is_cut_off_at_the_route_s_time(bed, raw, fault, body):
    """RELIABILITY F14: each byte comes in time, the whole does not."""
    bed.route("default", connect_s=0.3, first_byte_s=0.4, between_s=0.4, total_s=0.6, retry_s=0.0)
    bed.upstream.plan(fault)
    is_begun = fault.startswith("drip") and "stream" in body
    if is_begun:
        with pytest.raises(httpx.RemoteProtocolError):
            raw.post(CHAT, json=body)
    else:
        answer = raw.post(CHAT, json=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (504, "upstream_timeout")
    until(lambda: bed.last().state is (CallState.TRUNCATED if is_begun else CallState.FAILED), 2)
    calm(bed)


@pytest.fixture
def self_signed(tmp_path):
    """A certificate for localhost that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path = tmp_path / "own.pem"
    pem = serialization.Encoding.PEM
    own = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(own + made.public_bytes(pem))
    return path


def test_a_certificate_that_nobody_vouches_for_gets_no_key_and_no_text(bed, raw, self_signed):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed)
    heard = []

    def serve(listener):
        while True:
            try:
                connection, _ = listener.accept()
                with context.wrap_socket(connection, server_side=True) as secure:
                    heard.append(secure.recv(65536))
            except ssl.SSLError:
                continue
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        upstream = bed.add_upstream("own", f"https://localhost:{listener.getsockname()[1]}/v1")
        bed.route("default", Target(upstream.upstream_id), connect_s=2.0, retry_s=0.0)
        answer = raw.post(CHAT, json=BODY)
        assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream")
        assert "certificate" in bed.last().error
        assert SECRET.encode() not in b"".join(heard)
        assert b"where is my card" not in b"".join(heard)


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_who_leaves_before_the_request_is_whole_is_never_passed_on(bed, share):
    content = json.dumps(BODY).encode()
    with socket.create_connection(("127.0.0.1", bed.served.port), timeout=10) as connection:
        connection.sendall(head_of(bed, len(content)) + content[: int(share * len(content))])
        time.sleep(0.1)
    calm(bed)
    assert bed.upstream.seen() == []


def test_who_leaves_after_the_last_piece_was_answered_whole(bed):
    content = json.dumps(STREAM).encode()
    with socket.create_connection(("127.0.0.1", bed.served.port), timeout=10) as connection:
        connection.sendall(head_of(bed, len(content)) + content)
        got = b""
        while not got.endswith(b"0\r\n\r\n"):
            got += connection.recv(65536)
    assert bed.last().state is CallState.WHOLE
    calm(bed)


def test_a_request_that_trickles_in_holds_no_place_of_those_that_are_whole(bed, raw):
    """RELIABILITY F14: a place is taken when the body is there."""
    bed.route("default", max_open=1)
    content = json.dumps(BODY).encode()
    slow = []
    for _ in range(20):
        connection = socket.create_connection(("127.0.0.1", bed.served.port), timeout=10)
        connection.sendall(head_of(bed, len(content)) + content[:5])
        slow.append(connection)
    assert [raw.post(CHAT, json=BODY).status_code for _ in range(3)] == [200] * 3
    for connection in slow:
        connection.sendall(content[5:])
    statuses = {connection.recv(65536).split()[1] for connection in slow}
    assert statuses <= {b"200", b"429"}
    assert b"200" in statuses
    for connection in slow:
        connection.close()
    calm(bed)


def test_each_answer_is_its_own_though_many_leave_in_the_middle(bed):
    """RELIABILITY F27: a connection whose call was left is closed, and never used for another one."""
    bed.upstream.plan(delay_s=0.005, gap_s=0.001)
    leaving = np.random.default_rng(7).choice([0.0, 0.0, 0.005, 0.02, 0.05], 150)

    async def one(client, number):
        body = {**BODY, "stream": number % 2 == 0, "messages": [{"role": "user", "content": f"nonce {number} of many"}]}
        try:
            async with asyncio.timeout(leaving[number] or None):
                answer = await client.post(CHAT, json=body)
        except TimeoutError:
            return None
        assert answer.status_code == 200
        lines = [line[6:] for line in answer.text.splitlines() if line.startswith("data: {")]
        said = "".join(json.loads(line)["choices"][0]["delta"].get("content") or "" for line in lines)
        return number, said or answer.json()["choices"][0]["message"]["content"]

    async def all_of_them():
        limits = httpx.Limits(max_connections=40)
        headers = bed.served.bearer(Role.CALLER)
        async with httpx.AsyncClient(base_url=bed.served.origin, headers=headers, limits=limits, timeout=60) as client:
            return await asyncio.gather(*(one(client, number) for number in range(150)))

    answered = [a for a in in_a_loop(all_of_them()) if a is not None]
    assert 30 < len(answered) < 150
    assert all(said == f"You said: nonce {number} of many" for number, said in answered)
    calm(bed)
