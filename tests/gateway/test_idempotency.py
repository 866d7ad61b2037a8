"""The same request under the same Idempotency-Key, in one process and after a restart (RELIABILITY F17)."""

from contextlib import closing
from datetime import timedelta
from http.client import HTTPConnection

import pytest

from homegrown.core.access import Role
from homegrown.core.ids import now
from homegrown.gateway import idempotency as module
from homegrown.gateway.idempotency import KEEP_S, Keys
from homegrown.gateway.rebuild import KEPT_BYTES
from homegrown.store.captured import drop_calls
from homegrown.store.repeats import Known
from tests.gateway.conftest import CaptureMode, Leaves, until

CHAT = "/v1/chat/completions"
BODY = {"model": "m", "temperature": 0, "messages": [{"role": "user", "content": "I am anna@example.org ünïcode 🙂"}]}


@pytest.fixture
def raw(bed):
    with bed.served.client(Role.CALLER) as one:
        yield one


def restart(bed):
    """What a new process would know of keys."""
    bed.gateway.keys = Keys(bed.ws.store.repeats.known(100))


def ask(raw, key, **changed):
    return raw.post(CHAT, json={**BODY, **changed}, headers={"idempotency-key": key})


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("fault", "leaves"), [("", Leaves.ALLOW), ("", Leaves.MASK), ("gzip", Leaves.ALLOW)])
def test_after_a_restart_the_answer_is_the_same_to_the_byte(bed, raw, stream, fault, leaves):
    bed.route("default", leaves=leaves)
    bed.upstream.plan(fault)
    key = f"restart {stream} {fault} {leaves.value}"
    first = ask(raw, key, stream=stream)
    restart(bed)
    again = ask(raw, key, stream=stream)
    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["x-homegrown-repeated"] == "true"
    assert again.headers["x-homegrown-trace"] == first.headers["x-homegrown-trace"]
    assert len(bed.upstream.seen()) == 1
    other = ask(raw, key, seed=2)
    assert (other.status_code, other.json()["error"]["code"]) == (400, "reused_key")
    with bed.served.client(Role.OWNER) as owner:
        assert "x-homegrown-repeated" not in ask(owner, key, stream=stream).headers


def test_a_refusal_of_the_upstream_is_repeated_and_what_may_pass_is_not(bed, raw):
    bed.route("default", retry_s=0.0)
    bed.upstream.plan("400", "500", "429:99")
    assert [ask(raw, k).status_code for k in ("final", "fault", "full")] == [400, 500, 429]
    restart(bed)
    assert [ask(raw, k).status_code for k in ("final", "fault", "full")] == [400, 200, 200]


def test_a_call_that_a_kill_cut_off_is_not_asked_again(bed, raw):
    bed.upstream.plan("slow:20")
    with closing(HTTPConnection(bed.served.origin.removeprefix("http://"))) as leaving:
        said = raw.build_request("POST", CHAT, json=BODY, headers={"idempotency-key": "cut"})
        leaving.request("POST", CHAT, said.content, dict(said.headers))
        until(lambda: any(not k.is_answered for k in bed.ws.store.repeats.known(100)))  # there while it is under way
        known = bed.ws.store.repeats.known(100)
    until(lambda: bed.gateway.admission.n_open == 0)
    until(lambda: not any(not k.is_answered for k in bed.ws.store.repeats.known(100)))  # the caller left: it is free
    assert ask(raw, "cut").status_code == 200
    bed.gateway.keys = Keys(known)  # a process that was killed meanwhile would have found this
    n_before = len(bed.upstream.seen())
    refused = ask(raw, "cut")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "conflict")
    assert "another key" in refused.json()["error"]["message"]
    assert len(bed.upstream.seen()) == n_before


def test_it_is_kept_for_a_day(bed, raw):
    ask(raw, "a day")
    known = bed.ws.store.repeats.known(100)
    for hours, status in ((23, "true"), (25, None)):
        aged = [Known(k.key_digest, k.request_digest, k.is_answered, 3600.0 * hours) for k in known]
        bed.gateway.keys = Keys(aged)
        assert ask(raw, "a day").headers.get("x-homegrown-repeated") == status
    assert bed.ws.store.repeats.age_out(KEEP_S, now() + timedelta(hours=23)) == 0
    assert bed.ws.store.repeats.age_out(KEEP_S, now() + timedelta(hours=25)) >= 1
    assert bed.ws.store.repeats.known(100) == []


def test_what_is_forgotten_or_too_long_is_said_to_be_gone(bed, raw):
    first = ask(raw, "forgotten")
    with bed.ws.store.db.write() as connection:
        drop_calls(connection, [first.headers["x-homegrown-trace"]])
    restart(bed)
    assert ask(raw, "forgotten").status_code == 200  # nobody knows of it any more
    assert len(bed.upstream.seen()) == 2
    bed.upstream.plan(f"long:{KEPT_BYTES + 1}")
    assert len(ask(raw, "long", stream=True).content) > KEPT_BYTES
    for _ in range(2):
        answer = ask(raw, "long", stream=True)
        assert (answer.status_code, "not kept" in answer.json()["error"]["message"]) == (409, True)
        restart(bed)
    assert len(bed.upstream.seen()) == 3


def test_what_is_masked_for_good_lies_nowhere_as_it_was(bed, raw):
    bed.route("default", mask_kept=True)
    n_before = len(bed.ws.store.repeats.known(1000))
    first = ask(raw, "masked")
    assert "anna@example.org" in first.text
    assert ask(raw, "masked").content == first.content
    assert len(bed.ws.store.repeats.known(1000)) == n_before


def test_fast_routes_know_it_a_moment_later(bed, raw):
    bed.route("default", capture=CaptureMode.FAST)
    first = ask(raw, "fast")
    until(lambda: any(k.is_answered for k in bed.ws.store.repeats.known(1)), 3)
    until(lambda: bed.ws.store.captured.get(first.headers["x-homegrown-trace"]) is not None, 3)
    restart(bed)
    assert ask(raw, "fast").content == first.content


def test_memory_is_bounded_and_what_left_it_is_read_again(bed, raw, monkeypatch):
    monkeypatch.setattr(module, "MOST_BYTES", 1)
    bed.gateway.keys = Keys()
    first = ask(raw, "small memory")
    ask(raw, "another")
    entries = list(bed.gateway.keys._entries.values())
    assert [e.answer is None for e in entries].count(True) >= 1
    n_before = len(bed.upstream.seen())
    again = ask(raw, "small memory")
    assert (again.content, len(bed.upstream.seen())) == (first.content, n_before)
    keys = Keys([Known("a", "b", is_answered=True, age_s=KEEP_S + 1)])
    keys.begin("x", "y")
    assert "a" not in keys._entries
