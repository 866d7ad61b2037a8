"""Documents with lists given at home: small objects, several labels, several pieces of the text, and none of them."""

import json
from dataclasses import replace

import openai
import pytest

from homegrown.core.access import SYSTEM, Role
from homegrown.core.ids import new_id
from homegrown.core.models import Recipe
from homegrown.core.routing import RouteConfig, Target
from homegrown.core.schema import FieldType
from homegrown.core.traces import AT_HOME
from tests.gateway.conftest import until
from tests.gateway.homes import prompts
from tests.monitor.calls import SAYS, call, order

READS = "Read the order. Answer with JSON: goods, wants, people."
KEEPS = "Keep what the order says."
ROW = {
    "type": "object",
    "properties": {"what": {"type": "string"}, "n": {"type": "integer"}, "price": {"type": "number"}},
}
SCHEMA = {
    "type": "object",
    "properties": {
        "goods": {"type": "array", "items": ROW, "description": "What is ordered."},
        "wants": {"type": "array", "items": {"type": "string", "enum": [*SAYS, "fast"]}},
        "people": {"type": "array", "items": {"type": "string"}},
    },
}
FORMAT = {"type": "json_schema", "json_schema": {"name": "order", "schema": SCHEMA}}
TOOL = {
    "tools": [{"type": "function", "function": {"name": "keep", "parameters": SCHEMA}}],
    "tool_choice": {"type": "function", "function": {"name": "keep"}},
}


def written(i):
    """An order, and the answer of an upstream with habits of its own: amounts as texts, labels in an order of its own."""
    text, said = order(i)
    goods = [{"unit": "pc", "what": g["what"], "n": g["n"], "price": f"{g['price']:.2f}"} for g in said["goods"]]
    return text, json.dumps({"people": said["people"], "goods": goods, "wants": said["wants"][::-1]}, indent=2)


def called(i, **mine):
    """An order, and a function that is called with what stands in it."""
    text, said = order(i)
    one = {"id": "c", "type": "function", "function": {"name": "keep", "arguments": json.dumps(said)}}
    response = {"choices": [{"index": 0, "message": {"content": None, "tool_calls": [one]}}]}
    return replace(call(40_000 + i, KEEPS, text, "", request=TOOL, **mine), response=response)


@pytest.fixture(scope="module")
def desk(laid):
    laid.fresh()
    ws = laid.ws
    mine = {"upstream_id": laid.first.upstream_id, "model": "orders"}
    mode = {"request": {"response_format": {"type": "json_object"}}}
    calls = [call(30_000 + i, READS, *written(i), **mode, **mine) for i in range(150)] + [
        called(i, **mine) for i in range(150)
    ]
    ws.store.captured_imports.add([replace(c, trace_id=new_id("trace")) for c in calls])
    found = prompts(ws)
    done = ws.accept_template(found[KEEPS].template_id, name="orders")
    ws.accept_template(found[READS].template_id, name="orders")
    ws.train(
        ws.snapshot(done.task, test_share=0.4), Recipe("fields", {"choices": "lexical", "spans": "crf"}, 0), "orders"
    )
    ws.store.routes.put(SYSTEM, "orders", RouteConfig(targets=(Target(laid.first.upstream_id),)))
    client = openai.OpenAI(base_url=f"{laid.served.origin}/v1", api_key=laid.served.key(Role.CALLER), max_retries=0)
    return laid, client, found, done


def switch(laid, template, **options):
    done = laid.ws.switch_route("orders", "orders", alpha=0.1, audit_share=1e-9, template=template, **options)
    laid.gateway.board.look()
    route = laid.ws.store.routes.get("orders")
    if route.config.exit is not None:
        until(lambda: laid.gateway.exits.find(route) is not None)
    return done


def test_lists_are_fields_of_the_task_with_the_upstreams_answers_as_votes(desk):
    _, _, found, done = desk
    fields = {f.name: f for f in done.task.fields}
    assert {n: (f.type, f.takes_many) for n, f in fields.items()} == {
        "goods": (FieldType.LIST, False), "wants": (FieldType.CHOICE, True), "people": (FieldType.SPAN, True),
    }  # fmt: skip
    assert [c.name for c in fields["wants"].choices] == [*SAYS, "fast"]
    assert [f.type.value for f in fields["goods"].fields] == ["span", "number", "number"]
    assert not done.n_missing
    told = {f.name: f.field for f in found[READS].fields}  # without a schema the values tell it
    assert [(f.name, f.type.value) for f in told["goods"].fields] == [
        ("what", "span"),
        ("n", "number"),
        ("price", "number"),
    ]
    assert {c.name for c in told["wants"].choices} == set(SAYS)


def test_lists_are_given_at_home_to_the_letter_as_the_upstream_writes_them(desk):
    laid, client, found, _ = desk
    bound = switch(laid, found[READS].template_id).bound
    assert bound.threshold is not None, bound.sentence
    assert {f.name: f.n_differ for f in bound.fields} == {"goods": 0, "wants": 0, "people": 0}
    n_home = 0
    for i in range(300, 308):
        text, wanted = written(i)
        laid.upstream.label({"": wanted})
        turns = [{"role": "system", "content": READS}, {"role": "user", "content": text}]
        asked = {"model": "orders", "messages": turns, "response_format": {"type": "json_object"}}
        got = client.chat.completions.with_raw_response.create(**asked)
        assert got.parse().choices[0].message.content == wanted
        n_home += laid.last(got.headers["x-homegrown-trace"]).tags[AT_HOME] == "home"
        stream = client.chat.completions.create(**asked, stream=True)
        assert "".join(c.choices[0].delta.content or "" for c in stream if c.choices) == wanted
    assert n_home > 4


def test_a_function_is_called_with_lists_and_a_list_that_differs_counts_as_one_field(desk):
    laid, client, found, _ = desk
    switch(laid, found[KEEPS].template_id, by="field")
    route = laid.ws.store.routes.get("orders")
    (stage,) = laid.gateway.exits.find(route).stages
    speaker = stage.objects
    n_home = 0
    for i in range(320, 326):
        text, said = order(i)
        laid.upstream.label({"": json.dumps(said)})
        turns = [{"role": "system", "content": KEEPS}, {"role": "user", "content": text}]
        with client.chat.completions.stream(model="orders", messages=turns, **TOOL) as stream:
            choice = stream.get_final_completion().choices[0]
        (one,) = choice.message.tool_calls
        if "goods" in one.function.arguments:  # else the stub called it
            n_home += 1
            assert one.function.arguments == json.dumps(said)
    assert n_home > 2
    text, said = order(334)
    ours = speaker([text])[0]
    assert len(said["goods"]) > 1
    for other, differing in (
        (said, []),
        (said | {"goods": said["goods"][::-1], "wants": said["wants"][::-1]}, []),
        (said | {"goods": said["goods"][1:]}, ["goods"]),
        (said | {"goods": [said["goods"][0] | {"n": 77}, *said["goods"][1:]]}, ["goods"]),
        (said | {"goods": [g | {"colour": "red"} for g in said["goods"]]}, ["goods"]),
        (said | {"goods": [g | {"what": "a thing of no text"} for g in said["goods"]]}, ["goods"]),
        (said | {"wants": [], "people": ["Nobody Here"]}, ["wants", "people"]),
        (said | {"wants": [*said["wants"], "unheard of"]}, ["wants"]),
    ):
        heard = speaker.heard(text, json.dumps(other))
        assert speaker.differing(text, heard, ours) == differing
