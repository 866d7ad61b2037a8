"""Answers given at home in each protocol, as the upstream gives them there: one piece, and events in their order."""

import httpx
import pytest

from homegrown.core.access import Role
from homegrown.core.traces import AT_HOME, CallState, Wire, answer_of
from tests.gateway.homes import SURE, SYSTEM_SAYS, events_in

ASKED = {"model": "triage", "instructions": SYSTEM_SAYS}
TOLD = {"model": "triage", "max_tokens": 20, "system": SYSTEM_SAYS, "messages": [{"role": "user", "content": SURE}]}


@pytest.fixture(scope="module")
def http(laid):
    headers = {"x-api-key": laid.served.key(Role.CALLER), "anthropic-version": "2023-06-01"}
    with httpx.Client(base_url=laid.served.origin, headers=headers, timeout=30) as client:
        yield client


def test_a_response_has_the_shape_of_the_upstream_s(home):
    create = home.client.responses.create
    ways = [SURE, [{"role": "user", "content": [{"type": "input_text", "text": SURE}]}]]
    theirs = [create(**ASKED, input=way) for way in ways]
    assert home.n_out() == 2
    home.switch()
    ours = [create(**ASKED, input=way, temperature=0.0, metadata={"team": "desk"}) for way in ways]
    assert home.n_out() == 2
    for their, our in zip(theirs, ours, strict=True):
        assert our.output_text == their.output_text == "**Refund**"
        assert (our.status, our.model, our.instructions) == ("completed", "triage", SYSTEM_SAYS)
        assert [i.type for i in our.output] == [i.type for i in their.output]
        assert our.usage.total_tokens == our.usage.input_tokens + our.usage.output_tokens
    assert (ours[0].temperature, ours[0].metadata) == (0.0, {"team": "desk"})
    call = home.bed.last()
    assert (call.wire, call.version_id, answer_of(call)) == (Wire.RESPONSES, home.version.version_id, "**Refund**")
    assert call.tags[AT_HOME] == "home"


def test_a_streamed_response_comes_by_the_client_s_own_helper(home):
    def streamed():
        with home.client.responses.stream(**ASKED, input=SURE) as stream:
            kinds = [event.type for event in stream]
            return kinds, stream.get_final_response().output_text

    home.switch()
    kinds, said = streamed()
    assert home.n_out() == 0
    assert said == "**Refund**"
    assert kinds == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    events = list(home.client.responses.create(**ASKED, input=SURE, stream=True))
    assert [e.sequence_number for e in events] == list(range(len(kinds)))
    assert home.bed.last().is_stream
    assert home.bed.last().state is CallState.WHOLE


def test_a_message_has_the_shape_of_the_upstream_s(home, http):
    def shape(said):
        return {k: type(v) for k, v in said.items() if k != "id"}, said["content"], said["stop_reason"]

    theirs = http.post("/v1/messages", json=TOLD)
    assert theirs.headers["x-homegrown-upstream"] == "stub"
    home.switch()
    ours = http.post("/v1/messages", json=TOLD)
    assert ours.headers["x-homegrown-model"] == "wish@1"
    assert home.n_out() == 1
    assert shape(ours.json()) == shape(theirs.json())
    blocks = {**TOLD, "system": [{"type": "text", "text": SYSTEM_SAYS, "cache_control": {"type": "ephemeral"}}]}
    assert http.post("/v1/messages", json=blocks).headers["x-homegrown-model"] == "wish@1"


def test_a_streamed_message_has_the_events_of_the_upstream_s_in_their_order(home, http):
    def events():
        answer = http.post("/v1/messages", json={**TOLD, "stream": True})
        assert answer.headers["content-type"].startswith("text/event-stream")
        found = events_in(answer.text)
        assert all(name == said["type"] for name, said in found)
        text = "".join(said["delta"]["text"] for name, said in found if name == "content_block_delta")
        order = [name for i, (name, _) in enumerate(found) if not i or name != found[i - 1][0]]
        ends = next(said for name, said in found if name == "message_delta")
        return order, text, found[0][1]["message"]["content"], ends["delta"], set(ends["usage"])

    theirs = events()
    home.switch()
    assert events() == theirs
    assert home.n_out() == 1
    assert home.bed.last().wire is Wire.MESSAGES


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("responses", {**ASKED, "input": SURE, "previous_response_id": "resp_1"}),
        ("responses", {**ASKED, "input": SURE, "include": ["message.output_text.logprobs"]}),
        ("responses", {**ASKED, "input": [{"type": "function_call_output", "call_id": "a", "output": SURE}]}),
        ("responses", {"model": "triage", "input": SURE}),
        ("messages", {**TOLD, "thinking": {"type": "enabled", "budget_tokens": 2000}}),
        ("messages", {**TOLD, "tools": [{"name": "look_up", "input_schema": {"type": "object"}}]}),
        ("messages", {**TOLD, "messages": [*TOLD["messages"], {"role": "assistant", "content": "**"}]}),
        ("messages", {**TOLD, "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}}),
    ],
)
def test_calls_that_ask_for_more_go_out(home, http, path, asked):
    home.switch()
    assert http.post(f"/v1/{path}", json=asked).headers["x-homegrown-upstream"] == "stub"
    assert AT_HOME not in home.bed.last().tags


def test_calls_of_each_protocol_judge_a_model(home):
    """What the upstream said in another protocol counts, too."""
    before = home.ws.switch_route("triage", "wish", alpha=0.1, shadow=True).bound.n
    home.ws.switch_route("triage", off=True)
    home.follow()
    for n in range(3):
        home.client.responses.create(**ASKED, input=f"hello, the sign in page fails for order {n} thanks")
    assert home.ws.switch_route("triage", "wish", alpha=0.1, shadow=True).bound.n == before + 3
