"""Attacks on a private server through a browser or by odd requests (RELIABILITY T11, T12, T17, T27, T28)."""

import socket
import time

import pytest

from homegrown.core.access import Role
from homegrown.server import _bound
from homegrown.web.guard import Hosts


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("localhost", True), ("LOCALHOST:8700", True), ("127.0.0.1:1", True), ("[::1]:9", True), ("localhost.", False),
        ("attacker.tld", False), ("a/?x=", False), ("x/docs?", False), ("localhost@evil.com", False), ("", False),
        ("localhost:99999999", False), ("localhost evil", False), ("10.0.0.1", False), ("[::1", False),
    ],
)  # fmt: skip
def test_only_our_own_host_names(host, allowed):
    assert Hosts({"localhost", "127.0.0.1", "[::1]"}).allow(host) is allowed


def test_addresses_are_taken_only_when_bound_to_all_interfaces():
    assert Hosts(set(), any_address=True).allow("10.0.0.1:80")
    assert not Hosts(set(), any_address=True).allow("attacker.tld")


def test_a_request_needs_a_key_and_says_so_in_one_shape(served):
    with served.client(None) as client:
        answer = client.get("/api/v1/me")
    assert answer.status_code == 401
    assert set(answer.json()["error"]) == {"code", "message", "request_id"}
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["x-request-id"] == answer.json()["error"]["request_id"]
    assert "unsafe" not in answer.headers["content-security-policy"]


@pytest.mark.parametrize("host", ["attacker.tld", "a/?x=", "x/docs?", "127.0.0.1.nip.io", "evil@127.0.0.1"])
def test_other_host_names_are_refused_with_or_without_a_key(served, host):
    with served.client() as client:
        answer = client.get("/api/v1/me", headers={"Host": host})
    assert answer.status_code == 403
    assert "owner" not in answer.text


def test_two_hosts_and_no_host_are_refused(served):
    twice = served.raw("GET /api/v1/me HTTP/1.1\nHost: 127.0.0.1\nHost: localhost\nConnection: close\n\n")
    assert twice.split(b" ")[1] in (b"400", b"422")
    none = served.raw("GET /api/v1/me HTTP/1.0\n\n")
    assert none.split(b" ")[1] in (b"400", b"422")


@pytest.mark.parametrize("path", ["//api/v1/me", "/%2e/api/v1/me", "/api/v1/../v1/me", "/api//v1/me", "/api/v1/me/"])
def test_no_spelling_of_a_path_opens_a_door(served, path):
    answer = served.raw(f"GET {path} HTTP/1.1\nHost: 127.0.0.1\nConnection: close\n\n")
    assert answer.split(b" ")[1] in (b"401", b"403", b"404")
    absolute = served.raw("GET http://evil.com/api/v1/me HTTP/1.1\nHost: 127.0.0.1\nConnection: close\n\n")
    assert absolute.split(b" ")[1] in (b"400", b"401", b"403", b"404")


@pytest.mark.parametrize("name", ["X-Forwarded-Prefix", "X-Forwarded-Host", "X-HTTP-Method-Override", "X-Original-URL"])
def test_headers_that_steer_are_not_believed(served, name):
    with served.client(None) as client:
        assert client.get("/api/v1/me", headers={name: "/signin"}).status_code == 401


@pytest.fixture(scope="module")
def session(served):
    """The cookie of somebody signed in by the one-time link."""
    secret = served.access.add_link(served.ws.store.actor)
    with served.client(None) as client:
        answer = client.get(f"/signin?link={secret}")
        assert answer.status_code == 200
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "samesite=strict" in cookie.lower()
        assert client.get(f"/signin?link={secret}").status_code == 401, "a link works once"
        assert client.get("/api/v1/me", headers={"Cookie": cookie.split(";")[0]}).json()["role"] == "owner"
    return cookie.split(";")[0]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://attacker.tld"}, {"Origin": "null"}, {}, {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"}, {"Origin": "http://127.0.0.1:1"},
    ],
)  # fmt: skip
def test_a_foreign_page_changes_nothing(served, session, method, headers):
    with served.client(None) as client:
        answer = client.request(method, "/signout", headers={"Cookie": session, **headers})
        assert answer.status_code == 403
        assert client.get("/api/v1/me", headers={"Cookie": session}).status_code == 200


def test_signing_out_ends_the_session_at_once(served):
    secret = served.access.open_session(served.access.add_link(served.ws.store.actor))
    cookie = {"Cookie": f"{served.app.cookie}={secret}"}
    with served.client(None) as client:
        assert client.get("/api/v1/me", headers=cookie).status_code == 200
        assert client.post("/signout", headers={**cookie, "Origin": served.origin}).status_code == 303
        assert client.get("/api/v1/me", headers=cookie).status_code == 401


def test_a_revoked_key_stops_within_a_second(served):
    key = served.access.add_key(served.ws.store.actor, "short-lived", Role.OWNER)
    with served.client(None) as client:
        headers = {"Authorization": f"Bearer {key.secret}"}
        assert client.get("/api/v1/me", headers=headers).status_code == 200
        served.access.revoke_key(served.ws.store.actor, "short-lived")
        time.sleep(0.6)
        assert client.get("/api/v1/me", headers=headers).status_code == 401


@pytest.mark.parametrize(
    "secret",
    ["x' OR (SELECT 1) --", "%", "_", "hg_" + "a" * 20000, "k\u00e9y", "hg_x hg_y", "\x7f"],
)
@pytest.mark.parametrize("path", ["/api/v1/me", "/nothing/here", "/signin", "/v1/nothing"])
def test_no_bearer_value_reaches_sql(served, secret, path):
    before = served.access.keys()
    value = f"Bearer {secret}".encode("latin-1")
    with served.client(None) as client:
        started = time.monotonic()
        answer = client.get(path, headers=[(b"Authorization", value)])
        assert time.monotonic() - started < 2
    assert answer.status_code in (400, 401)
    assert served.access.keys() == before


def test_unknown_addresses_and_methods(served):
    with served.client(None) as client:
        assert client.get("/api/v1/nothing").json()["error"]["code"] == "not_found"
        assert set(client.get("/v1/nothing").json()["error"]) == {"message", "type", "param", "code"}
        wrong = client.delete("/api/v1/me")
        assert wrong.status_code == 405
        assert "GET" in wrong.headers["allow"]


def test_too_many_headers_are_refused(served):
    with served.client(None) as client:
        answer = client.get("/api/v1/me", headers={"X-Big": "a" * 40000})
    assert answer.status_code in (400, 413, 431)


def test_the_listening_socket_names_its_protocol_so_that_answers_do_not_wait_for_acknowledgements():
    with _bound("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP
