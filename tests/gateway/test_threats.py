"""Keys that are guessed, spliced or made up, and one that is used by fifty at once (RELIABILITY T17, T19, T30)."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from homegrown.core.access import Role
from homegrown.store import tables
from tests.gateway.conftest import until

BODY = {"model": "m", "messages": [{"role": "user", "content": "where is my card?"}], "input": "x"}
PATHS = ["chat/completions", "responses", "messages", "embeddings", "nothing/here"]
JWT = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJvd25lciJ9."  # "alg": "none"


def counts(bed):
    with bed.ws.store.db.read() as connection:
        listed = (tables.captured, tables.events, tables.api_keys, tables.actors, tables.repeats)
        return [connection.execute(sa.select(sa.func.count()).select_from(t)).scalar() for t in listed]


@pytest.mark.parametrize("header", ["authorization", "x-api-key"])
def test_no_made_up_key_opens_anything_or_leaves_a_trace(bed, header):
    real = bed.served.key(Role.CALLER)
    with bed.served.client(Role.CALLER) as client:
        assert client.post("/v1/chat/completions", json=BODY).status_code == 200  # the real one is remembered now
    until(lambda: bed.gateway.writer.n_waiting == 0)
    before = counts(bed)
    made_up = [
        "x' OR (SELECT sleep(8)) --", "%", "_", "hg_%", "' UNION SELECT digest FROM api_keys --", JWT, "é" * 50,
        real[:-1], real[:-1] + ("a" if real[-1] != "a" else "b"), real + "x", real.upper(), f"{real} {real}", "a" * 8000,
    ]  # fmt: skip
    with bed.served.client(None) as client:
        for secret in made_up:
            value = f"Bearer {secret}" if header == "authorization" else secret
            for path in PATHS if secret == made_up[0] else PATHS[:1]:
                answer = client.post(f"/v1/{path}", json=BODY, headers={header: value.encode("latin-1")})
                assert answer.status_code == 401, secret[:40]
                assert "OR (SELECT" not in answer.text
        broken = client.post("/v1/chat/completions", content=b"{", headers={header: b"Bearer x' --"})
        assert broken.status_code == 401  # who asks is looked at before what
    assert counts(bed) == before
    assert len(bed.upstream.seen()) == 1


def test_two_keys_at_once_are_none(bed):
    real = bed.served.key(Role.CALLER)
    with bed.served.client(None) as client:
        sent = [("authorization", f"Bearer {real}"), ("authorization", "Bearer x")]
        assert client.post("/v1/chat/completions", json=BODY, headers=sent).status_code == 401
        assert client.post("/v1/chat/completions", json=BODY, headers={"authorization": real}).status_code == 401
    assert bed.upstream.seen() == []


def test_fifty_connections_of_one_key_reach_the_upstream_as_often_as_it_may(bed):
    with bed.served.client(Role.CALLER) as client:
        known = bed.served.access.keys()
        name = next(k["name"] for k in known if k["role"] == "caller")
        bed.ws.limit_key(name, max_open=2)
        try:
            until(lambda: bed.gateway.admission.limits, 3)
            bed.upstream.plan(delay_s=0.05)
            with ThreadPoolExecutor(50) as pool:
                answers = list(pool.map(lambda _: client.post("/v1/chat/completions", json=BODY), range(200)))
            assert {a.status_code for a in answers} == {200, 429}
            assert bed.upstream.facts()["most_open"] <= 2
        finally:
            bed.ws.limit_key(name)
            until(lambda: not bed.gateway.admission.limits, 3)
