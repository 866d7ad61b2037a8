"""Answers that are given again: to whom, when, how long, and what stands in the book (RELIABILITY T31)."""

import contextlib
import time

import httpx
import pytest

from homegrown.core.access import Role
from homegrown.core.routing import RouteConfig
from homegrown.core.traces import CallState, answer_of
from homegrown.errors import InputError
from homegrown.gateway import cache as module
from homegrown.gateway.cache import Again, Cache
from tests.gateway.conftest import Leaves, Target, until

CHAT = "/v1/chat/completions"
BODY = {"model": "m", "temperature": 0, "messages": [{"role": "user", "content": "where is my card? ünïcode 🙂"}]}
HIT = "x-homegrown-cache"


@pytest.fixture
def raw(bed):
    with bed.served.client(Role.CALLER) as one:
        yield one


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", [CHAT, "/v1/responses", "/v1/messages"])
def test_the_same_request_gets_its_answer_again_byte_for_byte_and_costs_nothing(bed, raw, path, stream):
    bed.route("default", cache_s=60)
    body = {**BODY, "input": "hello", "stream": stream}
    first, second = raw.post(path, json=body), raw.post(path, json=body)
    assert (first.headers.get(HIT), second.headers[HIT]) == (None, "hit")
    assert second.content == first.content
    assert second.headers["content-type"] == first.headers["content-type"]
    assert second.headers["x-homegrown-model"] == first.headers["x-homegrown-model"]
    assert ("content-length" in second.headers) is not stream
    assert len(bed.upstream.seen()) == 1
    asked, again = (bed.last(a.headers["x-homegrown-trace"]) for a in (first, second))
    assert (again.state, again.status, again.cost_usd) == (CallState.WHOLE, 200, 0.0)
    assert asked.cost_usd != 0
    assert again.tags == {"homegrown.cache": asked.trace_id}
    assert (answer_of(again), again.upstream_id) == (answer_of(asked), asked.upstream_id)
    assert again.request == asked.request


def test_another_caller_another_letter_another_route_is_asked_anew(bed, raw):
    bed.route("default", cache_s=60)
    bed.route("other", cache_s=60)
    raw.post(CHAT, json=BODY)
    with bed.served.client(Role.OWNER) as other:
        assert HIT not in other.post(CHAT, json=BODY).headers  # nobody learns what others asked
    for changed in ({**BODY, "seed": 1}, {**BODY, "model": "other"}, {**BODY, "stream": True}):
        assert HIT not in raw.post(CHAT, json=changed).headers
    assert HIT not in raw.post("/v1/messages?beta=true", json=BODY).headers
    assert HIT not in raw.post("/v1/messages", json=BODY).headers
    assert HIT not in raw.post("/v1/messages", json=BODY, headers={"anthropic-beta": "b"}).headers
    assert raw.post(CHAT, json=BODY, headers={"x-homegrown-tags": "homegrown.cache=mine"}).headers[HIT] == "hit"
    assert bed.last().tags["homegrown.cache"] != "mine"
    # a route that changed in anything begins anew, and so does one whose answers are given again no more
    bed.route("default", cache_s=60, leaves=Leaves.MASK)
    assert HIT not in raw.post(CHAT, json=BODY).headers
    assert raw.post(CHAT, json=BODY).headers[HIT] == "hit"
    bed.route("default")
    assert HIT not in raw.post(CHAT, json=BODY).headers


def test_callers_share_where_the_route_says_so(bed, raw):
    bed.route("default", cache_s=60, cache_shared=True)
    raw.post(CHAT, json=BODY)
    with bed.served.client(Role.OWNER) as other:
        assert other.post(CHAT, json=BODY).headers[HIT] == "hit"


def test_what_is_drawn_by_chance_or_remembered_upstream_is_asked_anew(bed, raw):
    bed.route("default", cache_s=60)
    by_chance = [{**BODY, "temperature": t} for t in (0.7, None, "0", True)]
    by_chance.append({k: v for k, v in BODY.items() if k != "temperature"})
    for body in by_chance:
        for _ in range(2):
            assert HIT not in raw.post(CHAT, json=body).headers
    for name in ("previous_response_id", "conversation", "background"):
        for _ in range(2):
            assert HIT not in raw.post("/v1/responses", json={**BODY, "input": "x", name: "resp_1"}).headers
    embeddings = [raw.post("/v1/embeddings", json={"model": "e", "input": "abc"}) for _ in range(2)]
    assert (embeddings[1].headers[HIT], embeddings[1].content) == ("hit", embeddings[0].content)
    bed.route("default", cache_s=60, cache_any_temperature=True)
    for body in by_chance:
        raw.post(CHAT, json=body)
        assert raw.post(CHAT, json=body).headers[HIT] == "hit"


def test_only_whole_good_answers_are_given_again(bed, raw):
    bed.route("default", cache_s=60, retry_s=0.0)
    for fault, stream in (
        ("400", False), ("503:99", False), ("html", False), ("cut:4", True), ("error", True), ("reset:2", True),
    ):  # fmt: skip
        bed.upstream.plan(fault)
        body = {**BODY, "stream": stream, "seed": fault}
        with contextlib.suppress(httpx.RemoteProtocolError):  # what breaks off is told in another test
            raw.post(CHAT, json=body)
        bed.gateway.board._breakers.clear()
        answer = raw.post(CHAT, json=body)
        assert (answer.status_code, HIT in answer.headers) == (200, False), fault
    # a whole answer where a stream was asked for, and one that came packed
    for fault, stream in (("json", True), ("gzip", True), ("gzip", False)):
        bed.upstream.plan(fault)
        body = {**BODY, "stream": stream, "user": fault}
        first, second = raw.post(CHAT, json=body), raw.post(CHAT, json=body)
        assert (second.headers[HIT], second.content) == ("hit", first.content)
        assert second.headers.get("content-encoding") == first.headers.get("content-encoding")
        assert answer_of(bed.last()) == f"You said: {BODY['messages'][0]['content']}"


def test_personal_data_stands_in_the_answer_again(bed, raw):
    bed.route("default", cache_s=60, leaves=Leaves.MASK)
    for stream in (False, True):
        body = {**BODY, "messages": [{"role": "user", "content": "I am anna@example.org"}], "stream": stream}
        first, second = raw.post(CHAT, json=body), raw.post(CHAT, json=body)
        assert (second.headers[HIT], second.content) == ("hit", first.content)
        assert "EMAIL" not in second.text
    assert b"anna" not in b"".join(c["body"] for c in bed.upstream.seen())


def test_it_ends_with_its_time_and_answers_with_every_way_out_closed(bed, raw, monkeypatch):
    bed.route("default", cache_s=0.5)
    raw.post(CHAT, json=BODY)
    assert raw.post(CHAT, json=BODY).headers[HIT] == "hit"
    until(lambda: HIT not in raw.post(CHAT, json=BODY).headers, 5)
    monkeypatch.setenv("HOMEGROWN_OFFLINE", "1")
    bed.gateway.cache._answers.move_to_end(next(iter(bed.gateway.cache._answers)))
    assert raw.post(CHAT, json={**BODY, "seed": 9}).status_code == 503
    assert raw.post(CHAT, json=BODY).headers[HIT] == "hit"
    with bed.served.client() as owner:
        assert "homegrown_gateway_cache_hits" in owner.get("/metrics").text


def answer(n_bytes=10):
    return Again("trace", "up_1", "stub", "m", (b"x" * n_bytes,), "application/json", None)


def test_memory_is_bounded_and_the_longest_unused_goes_first(bed, monkeypatch):
    route = bed.route("default", cache_s=60, keep_days=1 / 86_400)
    monkeypatch.setattr(module, "MOST_ANSWERS", 3)
    cache = Cache()
    for name in "abc":
        cache.keep(name, route, answer())
    assert cache.find("a")
    cache.keep("d", route, answer())
    assert [bool(cache.find(n)) for n in "abcd"] == [True, False, True, True]
    cache.keep("e", route, answer(module.LARGEST_BYTES))
    assert cache.find("e") is None
    monkeypatch.setattr(module, "MOST_BYTES", 3000)
    cache.keep("f", route, answer(1500))
    assert (cache.n_bytes, bool(cache.find("f"))) == (2500, True)
    time.sleep(1.1)  # what a route keeps no longer than a second is not given again after it
    assert cache.find("f") is None
    assert cache.n_bytes == 0


def test_what_makes_no_sense_is_refused(bed):
    targets = (Target(bed.first.upstream_id),)
    for options in ({"cache_s": 0}, {"cache_s": 1e9}, {"cache_shared": True}, {"cache_any_temperature": True}):
        with pytest.raises(InputError):
            RouteConfig(targets=targets, **options).check()
    made = bed.ws.put_route("again", upstreams=["stub"], cache_s=30, cache_shared=True)
    assert (made.config.cache_s, made.config.cache_shared) == (30, True)
