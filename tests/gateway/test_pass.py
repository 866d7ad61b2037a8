"""What goes in comes out: bytes, headers, streams and errors, by clients that know nothing of a gateway."""

import asyncio
import json

import httpx
import openai
import pytest

from homegrown.core.access import Role
from homegrown.core.traces import CallState, Wire, answer_of, messages_of
from tests.conftest import in_a_loop
from tests.gateway.conftest import SECRET, Target

MESSAGES = [{"role": "user", "content": "where is my card? ünïcode 🙂"}]
SAID = "You said: where is my card? ünïcode 🙂"
ODD = b'{ "model":"gpt-x",\n "messages":[{"role":"user","content":"h\\u00e9 \xc3\xa9"}] ,"an_unknown":{"z":1,"a":[1.0,1e3]}, "seed":1 }'
JSON = {"content-type": "application/json"}


@pytest.fixture
def client(bed):
    with openai.OpenAI(base_url=f"{bed.served.origin}/v1", api_key=bed.served.key(Role.CALLER), max_retries=0) as one:
        yield one


@pytest.fixture
def raw(bed):
    with bed.served.client(Role.CALLER) as one:
        yield one


def test_openai_s_client_notices_nothing(client, bed):
    answer = client.chat.completions.create(model="gpt-x", messages=MESSAGES, temperature=0)
    assert answer.choices[0].message.content == SAID
    assert answer.usage.total_tokens > 0
    assert answer._request_id == "req_of_the_stub"
    call = bed.last()
    assert (call.state, call.wire, call.model, call.status) == (CallState.WHOLE, Wire.CHAT, "gpt-x", 200)
    assert messages_of(call)[0]["content"] == MESSAGES[0]["content"]
    assert answer_of(call) == SAID
    assert (call.n_tokens_in, call.n_tokens_out) == (answer.usage.prompt_tokens, answer.usage.completion_tokens)
    assert call.cost_usd == pytest.approx((call.n_tokens_in * 2 + call.n_tokens_out * 4) / 1e6)
    assert call.latency_s > 0
    assert call.upstream_id == bed.first.upstream_id


def test_streams_of_openai_s_client(client, bed):
    stream = client.chat.completions.create(
        model="gpt-x", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    )
    assert "".join(c.choices[0].delta.content or "" for c in stream if c.choices) == SAID
    call = bed.last()
    assert call.is_stream
    assert call.state is CallState.WHOLE
    assert answer_of(call) == SAID
    assert call.n_tokens_out == len(SAID) // 4
    assert 0 < call.first_token_s <= call.latency_s


def test_tools_responses_embeddings_and_models(client, bed):
    tools = [{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}]
    with client.chat.completions.stream(model="gpt-x", messages=MESSAGES, tools=tools) as stream:
        done = stream.get_final_completion()
    assert json.loads(done.choices[0].message.tool_calls[0].function.arguments) == {"said": MESSAGES[0]["content"]}
    kept = bed.last().response["choices"][0]
    assert (
        kept["message"]["tool_calls"][0]["function"]["arguments"]
        == done.choices[0].message.tool_calls[0].function.arguments
    )
    assert kept["finish_reason"] == "tool_calls"

    assert client.responses.create(model="gpt-x", input="hello").output_text == "You said: hello"
    with client.responses.stream(model="gpt-x", input="hello") as stream:
        assert stream.get_final_response().output_text == "You said: hello"
    assert answer_of(bed.last()) == "You said: hello"
    assert bed.last().wire is Wire.RESPONSES

    assert client.embeddings.create(model="e", input=["abc"], encoding_format="float").data[0].embedding == [3, 0.5]
    assert bed.last().n_tokens_in > 0
    assert {"stub-large", "all-minilm-l6-v2"} <= {m.id for m in client.models.list()}
    assert client.models.retrieve("stub-large").owned_by == "stub"


def test_async_and_many_at_once(bed):
    async def ask():
        key = bed.served.key(Role.CALLER)
        async with openai.AsyncOpenAI(base_url=f"{bed.served.origin}/v1", api_key=key, max_retries=0) as client:
            turns = [[{"role": "user", "content": f"number {i}"}] for i in range(30)]
            answers = await asyncio.gather(*(client.chat.completions.create(model="m", messages=t) for t in turns))
            stream = await client.chat.completions.create(model="m", messages=MESSAGES, stream=True)
            return [a.choices[0].message.content for a in answers], [c async for c in stream]

    said, streamed = in_a_loop(ask())
    assert said == [f"You said: number {i}" for i in range(30)]
    assert "".join(c.choices[0].delta.content or "" for c in streamed) == SAID


def test_anthropic_s_protocol(raw, bed):
    body = {"model": "claude-x", "max_tokens": 10, "messages": MESSAGES}
    own = {"x-api-key": bed.served.key(Role.CALLER), "anthropic-beta": "a-beta"}
    with httpx.Client(base_url=bed.served.origin, headers=own) as client:
        assert client.post("/v1/messages?beta=true", json=body).json()["content"][0]["text"] == SAID
        streamed = client.post("/v1/messages", json={**body, "stream": True}).text
    assert streamed.rstrip().endswith('data: {"type": "message_stop"}')
    sent = bed.upstream.seen()[0]
    assert sent["path"] == "/v1/messages?beta=true"
    assert sent["headers"]["x-api-key"] == SECRET
    assert sent["headers"]["anthropic-version"] == "2023-06-01"
    assert sent["headers"]["anthropic-beta"] == "a-beta"
    for call in bed.calls(2):
        assert (call.state, answer_of(call), call.wire) == (CallState.WHOLE, SAID, Wire.MESSAGES)
    refused = httpx.post(f"{bed.served.origin}/v1/messages", headers={"x-api-key": "hg_no"}, json=body)
    assert (refused.status_code, refused.json()["type"]) == (401, "error")
    assert refused.json()["error"]["type"] == "authentication_error"


def test_bytes_go_out_as_they_came_and_come_back_as_they_were(raw, bed):
    answer = raw.post("/v1/chat/completions", content=ODD, headers=JSON)
    assert bed.upstream.seen()[0]["body"] == ODD
    with httpx.Client() as direct:
        there = direct.post(f"{bed.upstream.base_url}/chat/completions", content=ODD, headers=JSON)
    assert answer.content == there.content
    assert b"an_unknown_field" in answer.content
    assert answer.headers["content-type"] == there.headers["content-type"]
    assert answer.headers["x-ratelimit-remaining-requests"] == "99"
    assert answer.headers["x-homegrown-upstream"] == "stub"
    assert bed.last(answer.headers["x-homegrown-trace"]).request["an_unknown"] == {"z": 1, "a": [1.0, 1000.0]}
    for hidden in ("set-cookie", "x-inside", "server"):
        assert hidden not in answer.headers


@pytest.mark.parametrize("spelling", ["", "bytes", "crlf", "comments", "no-done"])
def test_streams_are_not_written_anew(raw, bed, spelling):
    body = {"model": "m", "messages": MESSAGES, "stream": True}
    bed.upstream.plan(always=spelling)
    here = raw.post("/v1/chat/completions", json=body)
    there = httpx.post(f"{bed.upstream.base_url}/chat/completions", json=body)
    assert here.content == there.content
    call = bed.last(here.headers["x-homegrown-trace"])
    assert (call.state, answer_of(call)) == (CallState.WHOLE, SAID)


def test_only_the_name_of_the_model_is_changed_where_the_route_says_so(raw, bed):
    bed.route("cheap", Target(bed.first.upstream_id, "gpt-x-mini"))
    raw.post("/v1/chat/completions", content=ODD.replace(b'"gpt-x"', b'"cheap"'), headers=JSON)
    assert bed.upstream.seen()[0]["body"] == ODD.replace(b'"gpt-x"', b'"gpt-x-mini"')
    assert "cheap" in {m["id"] for m in raw.get("/v1/models").json()["data"]}
    assert raw.get("/v1/models/cheap").json()["owned_by"] == "homegrown"


def test_an_upstream_s_own_refusals_pass(client, bed):
    bed.upstream.plan("400", "401", "404", "418")
    for status, error in (
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (404, openai.NotFoundError),
    ):
        with pytest.raises(error, match="as planned") as told:
            client.chat.completions.create(model="m", messages=MESSAGES)
        assert told.value.code == f"stub_{status}"
        assert bed.last().state is CallState.FAILED
        assert bed.last().status == status
    with pytest.raises(openai.APIStatusError) as told:
        client.chat.completions.create(model="m", messages=MESSAGES, stream=True)
    assert told.value.status_code == 418


def test_the_upstream_gets_its_own_key_and_nothing_of_the_caller(raw, bed):
    steering = {"baggage": "api_url=http://x", "x-request-id": "http://x", "openai-organization": "o", "cookie": "a=b",
                "x-api-base": "http://x", "forwarded": "for=1", "traceparent": "0" * 3000}  # fmt: skip
    answer = raw.post("/v1/chat/completions", content=ODD, headers=JSON | steering)
    assert answer.status_code == 200
    sent = bed.upstream.seen()[0]["headers"]
    assert sent["authorization"] == f"Bearer {SECRET}"
    assert sent["accept-encoding"] == "identity"
    assert sent.keys() == {
        "host",
        "accept",
        "accept-encoding",
        "authorization",
        "content-length",
        "content-type",
        "user-agent",
    }
    assert bed.served.key(Role.CALLER) not in str(sent)


STEERING = ["api_base", "base_url", "api_key", "organization", "headers", "API-Base", "extra_headers"]


@pytest.mark.parametrize("name", STEERING)
@pytest.mark.parametrize("path", ["chat/completions", "responses", "messages", "embeddings"])
def test_no_request_says_where_it_goes(raw, bed, name, path):
    """RELIABILITY T15: body, metadata and query."""
    good = {"model": "m", "messages": MESSAGES, "input": "x"}
    tries = [
        ({**good, name: "http://canary.invalid"}, ""),
        ({**good, "metadata": {name: "x"}}, ""),
        (good, f"?{name}=x"),
    ]
    for body, query in tries:
        assert raw.post(f"/v1/{path}{query}", json=body).status_code == 400
    assert bed.upstream.seen() == []


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"model":1}', b'{"model":"a","model":"b","messages":[]}', b'{"model":"","messages":[]}',
     b'{"model":"a","x":"\xff"}', b'{"model":"a"', b'{"model":"a","x":1,"x":2}', b'{"model":"' + b"a" * 300 + b'"}'],
)  # fmt: skip
def test_a_body_that_two_readers_might_read_differently_is_refused(raw, bed, body):
    answer = raw.post("/v1/chat/completions", content=body, headers=JSON)
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")
    assert raw.post("/v1/chat/completions", content=b"{}", headers={"content-type": "text/plain"}).status_code == 415
    assert bed.upstream.seen() == []
