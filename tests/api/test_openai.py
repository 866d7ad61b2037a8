"""OpenAI's own client against our server: sync, async, streaming, errors."""

import asyncio
import math

import httpx
import openai
import pytest

from homegrown.core.access import Role
from tests.api.conftest import wait_for
from tests.conftest import in_a_loop
from tests.gateway.homes import events_in

MESSAGES = [{"role": "system", "content": "Classify."}, {"role": "user", "content": "where is my card?"}]


@pytest.fixture(scope="module")
def client(served):
    with openai.OpenAI(base_url=f"{served.origin}/v1", api_key=served.key(Role.CALLER), max_retries=0) as one:
        yield one


def test_the_label_is_the_answer_and_its_probability_the_logprob(client, served):
    answer = client.chat.completions.create(model="intent", messages=MESSAGES, logprobs=True, top_logprobs=5, seed=1)
    choice = answer.choices[0]
    assert choice.message.content == "card"
    assert choice.finish_reason == "stop"
    token = choice.logprobs.content[0]
    own = served.ws.predict("intent@1", ["where is my card?"])[0]
    assert math.exp(token.logprob) == pytest.approx(own["prob"], abs=1e-4)
    assert sorted(t.token for t in token.top_logprobs) == ["card", "pin", "transfer"]
    assert token.top_logprobs[0].token == "card"
    assert sum(math.exp(t.logprob) for t in token.top_logprobs) == pytest.approx(1, abs=1e-3)
    assert answer.usage.total_tokens == 5


def test_streaming(client):
    stream = client.chat.completions.create(
        model="intent", messages=MESSAGES, stream=True, stream_options={"include_usage": True}, logprobs=True
    )
    chunks = list(stream)
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "card"
    assert chunks[-1].usage.total_tokens == 5
    assert [c.choices[0].finish_reason for c in chunks if c.choices] == [None, None, "stop"]
    assert len({c.id for c in chunks}) == 1


def test_content_in_parts(client):
    parts = [{"type": "text", "text": "the transfer"}, {"type": "text", "text": "failed"}]
    one = [{"role": "user", "content": "the transfer\nfailed"}]
    answers = [
        client.chat.completions.create(model="intent", messages=m, logprobs=True, top_logprobs=4).choices[0]
        for m in ([{"role": "user", "content": parts}], one)
    ]
    assert answers[0] == answers[1]
    tokens = {t.token: math.exp(t.logprob) for t in answers[0].logprobs.content[0].top_logprobs}
    assert tokens["transfer"] > tokens["card"]
    assert sum(tokens.values()) == pytest.approx(1, abs=1e-3)


def test_async_and_many_at_once(served):
    async def ask():
        async with openai.AsyncOpenAI(base_url=f"{served.origin}/v1", api_key=served.key(Role.CALLER)) as client:
            calls = [client.chat.completions.create(model="intent", messages=MESSAGES) for _ in range(40)]
            answers = await asyncio.gather(*calls)
            stream = await client.chat.completions.create(model="intent", messages=MESSAGES, stream=True)
            streamed = [c async for c in stream]
        return answers, streamed

    answers, streamed = in_a_loop(ask())
    assert {a.choices[0].message.content for a in answers} == {"card"}
    assert len({a.id for a in answers}) == 40
    assert streamed[1].choices[0].delta.content == "card"


def test_responses_whole_and_streamed(client, served):
    answer = client.responses.create(model="intent", input="where is my card?", instructions="Classify.")
    assert (answer.output_text, answer.status, answer.instructions) == ("card", "completed", "Classify.")
    turns = [{"role": "user", "content": [{"type": "input_text", "text": "where is my card?"}]}]
    with client.responses.stream(model="intent", input=turns, top_logprobs=3) as stream:
        kinds = [event.type for event in stream]
        last = stream.get_final_response()
    assert (kinds[0], kinds[-1], last.output_text) == ("response.created", "response.completed", "card")
    token = last.output[0].content[0].logprobs[0]
    assert math.exp(token.logprob) == pytest.approx(served.ws.predict("intent@1", ["where is my card?"])[0]["prob"])
    assert len(token.top_logprobs) == 3
    trace_id = last.id.removeprefix("resp_")
    wait_for(lambda: trace_id in {t["trace_id"] for t in served.ws.store.endpoints.traces()})
    for more in ({"previous_response_id": "resp_1"}, {"background": True}, {"tools": [{"type": "web_search"}]}):
        with pytest.raises(openai.BadRequestError, match="leave"):
            client.responses.create(model="intent", input="where is my card?", **more)
    with pytest.raises(openai.NotFoundError):
        client.responses.create(model="nothing", input="where is my card?")


def test_messages_whole_and_streamed(served):
    asked = {"model": "intent", "max_tokens": 5, "messages": MESSAGES[1:]}
    with httpx.Client(base_url=served.origin, headers={"x-api-key": served.key(Role.CALLER)}) as http:
        answer = http.post("/v1/messages", json=asked).json()
        assert (answer["content"], answer["stop_reason"]) == ([{"type": "text", "text": "card"}], "end_turn")
        events = events_in(http.post("/v1/messages", json={**asked, "stream": True}).text)
        refused = http.post("/v1/messages", json={**asked, "tools": [{"name": "f"}]})
    assert [name for name, _ in events] == [
        "message_start",
        "content_block_start",
        "ping",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert events[3][1]["delta"] == {"type": "text_delta", "text": "card"}
    assert (refused.status_code, refused.json()["type"]) == (400, "error")
    trace_id = answer["id"].removeprefix("msg_")
    wait_for(lambda: trace_id in {t["trace_id"] for t in served.ws.store.endpoints.traces()})


def test_embeddings(client):
    model = client.models.list().data[-1].id
    found = client.embeddings.create(model=model, input=["where is my card?", "the card"])
    floats = client.embeddings.create(model=model, input="where is my card?", encoding_format="float", dimensions=384)
    assert found.data[0].embedding == pytest.approx(floats.data[0].embedding, abs=1e-4)
    assert sum(x * x for x in found.data[1].embedding) == pytest.approx(1, abs=1e-3)
    with pytest.raises(openai.BadRequestError):
        client.embeddings.create(model=model, input="a", dimensions=7)


def test_models(client):
    assert [m.id for m in client.models.list()] == ["intent", "all-minilm-l6-v2"]
    assert client.models.retrieve("intent").owned_by == "homegrown"


def test_refusals_are_the_client_s_own_errors(client, served):
    with pytest.raises(openai.NotFoundError, match="no such endpoint"):
        client.chat.completions.create(model="nothing", messages=MESSAGES)
    for extra in ({"tools": [{"type": "function", "function": {"name": "f"}}]}, {"n": 2}, {"top_logprobs": 3}):
        with pytest.raises(openai.BadRequestError):
            client.chat.completions.create(model="intent", messages=MESSAGES, **extra)
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="intent", messages=[{"role": "system", "content": "x"}])
    image = [{"type": "image_url", "image_url": {"url": "http://canary.invalid/x.png"}}]
    with pytest.raises(openai.BadRequestError, match="text only"):
        client.chat.completions.create(model="intent", messages=[{"role": "user", "content": image}])
    for field in ("api_base", "base_url", "api_key", "organization", "headers"):
        with pytest.raises(openai.BadRequestError, match="not taken"):
            client.chat.completions.create(
                model="intent", messages=MESSAGES, extra_body={field: "http://canary.invalid"}
            )
    for key, error in (
        ("hg_wrong", openai.AuthenticationError),
        (served.key(Role.ANNOTATOR), openai.PermissionDeniedError),
    ):
        with openai.OpenAI(base_url=f"{served.origin}/v1", api_key=key, max_retries=0) as other, pytest.raises(error):
            other.models.list()
