"""Answers that are JSON documents: what their fields hold, read with care, and prompts that leave a document whole."""

import json
from dataclasses import replace

import pytest

from homegrown.core.schema import Field, FieldType
from homegrown.core.traces import CallState, Captured, Wire, answer_of, forced_tool
from homegrown.core.traffic import Frame
from homegrown.monitor import find_templates
from homegrown.monitor.objects import object_fields
from homegrown.monitor.reading import AnswerReader, loose_document
from homegrown.monitor.shapes import shape_of
from homegrown.monitor.turns import asked_schema
from tests.monitor.calls import READS, SHOPS, bill, bills, order

SCHEMA = {
    "type": "object",
    "properties": {
        "who": {"type": "string", "description": "The shop."},
        "kind": {"type": "string", "enum": ["bill", "offer", "reminder"]},
        "total": {"type": ["number", "null"]},
    },
}


def found_in(values, texts=None, schema=None):
    """The field that *values* are."""
    answers = [json.dumps({"x": v}) for v in values]
    texts = texts or [f"no {i}: {v} is said" for i, v in enumerate(values)]
    (one,) = object_fields(shape_of(answers), list(zip(texts, answers, strict=True)), schema)
    return one


@pytest.mark.parametrize(
    ("values", "type"),
    [
        ([f"{i}.50" for i in range(9)], "number"),
        ([i * 3 for i in range(9)], "number"),
        ([f"RM {i}.50" for i in range(9)], "money"),
        ([f"2026-01-{i + 10}" for i in range(9)], "date"),
        ([f"{i + 10}/11/2026" for i in range(9)], "date"),
        ([f"Mrs {c}" for c in "ABCDEFGHI"], "span"),
        ([f"00{i}{i}123" for i in range(9)], "span"),  # a code, for all that it has digits alone
        ([True, False, True, True, False] * 2, "boolean"),
        (["card", "cash"] * 9, "choice"),  # of texts that do not say so
        ([["Ann", "Bob"], ["Ann"], ["Cleo", "Dan"], ["Eve"], ["Fay"], ["Gus"], ["Hal"]], "span"),
        ([["Ann", "Bob"], ["Ann"], ["Bob"]] * 9, "span"),  # few names, and the texts say them
        ([["late", "cold"], ["late"], [], ["cold"]] * 9, "choice"),
    ],
)
def test_a_field_is_what_its_values_are(values, type):
    texts = [" and ".join(v) for v in values] if isinstance(values[0], list) else None
    texts = ["a text of no interest"] * len(values) if type == "choice" else texts
    one = found_in(values, texts)
    assert one.is_learnable, one
    assert (one.field.type.value, one.field.takes_many) == (type, isinstance(values[0], list))


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([f"a wording {i} of its own" for i in range(9)], "do not stand in the text"),
        ([[{"item": f"wording {i}"}] for i in range(9)], "“item” cannot be learnt: its words are the model's own"),
        ([[{"n": 3, "kind": k}] for k in ("a", "b") * 9], "“kind” cannot be learnt: it is a choice"),
        ([[{"n": 3, "of": [{"m": i}]}] for i in range(9)], "“of” cannot be learnt: of its small objects “m” cannot"),
        ([[{"n": 3, "of": {"m": i}}] for i in range(9)], "“of” cannot be learnt: it holds an object"),
        ([[i, i + 1] for i in range(9)], "not of numbers"),
        ([{"street": f"{i} Long Road"} for i in range(9)], "holds an object"),
        ([i * 1000 + 7 for i in range(9)], "do not stand in the text"),
    ],
)
def test_what_cannot_be_learnt_is_called_so(values, why):
    one = found_in(values, ["a text of no interest"] * len(values))
    assert not one.is_learnable
    assert why in one.why


def test_the_schema_of_the_requests_counts_before_the_values():
    calls, _ = bills(40, request={"response_format": {"type": "json_schema", "json_schema": {"schema": SCHEMA}}})
    (template,) = find_templates(lambda: iter(calls)).templates
    assert template.variants[0].schema == SCHEMA
    fields = {f.name: f for f in template.fields}
    assert [c.name for c in fields["kind"].field.choices] == ["bill", "offer", "reminder"]
    assert (fields["who"].field.description, fields["total"].field.type) == ("The shop.", FieldType.NUMBER)
    assert fields["note"].field is None


def test_letterheads_are_part_of_what_is_read():
    calls, _ = bills(80)
    head = "The Very Long Name Of A Shop In A Street & Sons, 12 Long Road, London"
    named = [replace(c, request=json.loads(json.dumps(c.request).replace(SHOPS[0], head))) for c in calls]
    named = [replace(c, response=json.loads(json.dumps(c.response).replace(SHOPS[0], head))) for c in named]
    (template,) = find_templates(lambda: iter(named)).templates
    assert [v.user for v in template.variants] == [Frame(("", ""))]
    inline = [
        replace(
            c, request={"messages": [{"role": "user", "content": f"{READS}\n\n{c.request['messages'][1]['content']}"}]}
        )
        for c in named
    ]
    (template,) = find_templates(lambda: iter(inline)).templates
    assert [v.user for v in template.variants] == [Frame((READS + "\n\n", "\nThank you"))]


def tool_call(wire, name="read", called="read", choice=None):
    arguments = {"total": 3}
    plain = {"name": name, "parameters": SCHEMA}
    if wire is Wire.CHAT:
        tools, said = [{"type": "function", "function": plain}], {"name": called, "arguments": json.dumps(arguments)}
        response = {"choices": [{"message": {"content": None, "tool_calls": [{"id": "c", "function": said}]}}]}
        choice = choice or {"type": "function", "function": {"name": name}}
    elif wire is Wire.RESPONSES:
        tools = [{"type": "function", **plain}]
        response = {"output": [{"type": "function_call", "name": called, "arguments": json.dumps(arguments)}]}
        choice = choice or {"type": "function", "name": name}
    else:
        tools = [{"name": name, "input_schema": SCHEMA}]
        response = {"content": [{"type": "tool_use", "name": called, "input": arguments}]}
        choice = choice or {"type": "tool", "name": name}
    return Captured("t", "x", wire, "m", CallState.WHOLE, {"tools": tools, "tool_choice": choice}, response, "")


@pytest.mark.parametrize("wire", [Wire.CHAT, Wire.RESPONSES, Wire.MESSAGES])
def test_what_a_function_is_called_with_is_the_answer_where_it_had_to_be_called(wire):
    call = tool_call(wire)
    assert json.loads(answer_of(call)) == {"total": 3}
    assert asked_schema(call.request) == SCHEMA
    any_of = tool_call(wire, choice={"type": "any"} if wire is Wire.MESSAGES else "required")
    assert json.loads(answer_of(any_of)) == {"total": 3}
    assert answer_of(tool_call(wire, called="other")) is None
    free = tool_call(wire, choice={"type": "auto"} if wire is Wire.MESSAGES else "auto")
    assert (forced_tool(free.request), answer_of(free)) == (None, None)


@pytest.mark.parametrize(
    ("answer", "value", "is_almost"),
    [
        ('{"a": 1}', {"a": 1}, False),
        ('```json\n{"a": 1}\n```', {"a": 1}, False),
        ('Sure! {"a": [1, 2,],}', {"a": [1, 2]}, True),
        ("{'a': None, 'b': True}", {"a": None, "b": True}, True),
        ('See [1]: {"a": 1, // once\n}', {"a": 1}, True),
        (r'{"a": "x\ud83d"}', {"a": "x?"}, True),
    ],
)
def test_almost_json_is_read_and_called_so(answer, value, is_almost):
    assert loose_document(answer) == (value, is_almost)
    assert loose_document(answer.replace("{", "").replace("}", "")) is None
    assert loose_document(answer[: answer.rindex("}")].rstrip("` \n")) is None, "cut off"


def test_two_answers_are_the_same_where_they_mean_the_same():
    fields = [
        Field("w", "who", FieldType.SPAN),
        Field("d", "day", FieldType.DATE),
        Field("t", "total", FieldType.MONEY),
    ]
    text, _ = bill(4)
    said = [(bill(i)[0], json.dumps({"day": f"{i % 27 + 1:02}/0{i % 9 + 1}/2026"})) for i in range(30)]
    reader = AnswerReader.learnt(fields, said)
    assert reader.day_first is True
    theirs = reader.of(text, '{"who": "CORNER  shop.", "day": "05/05/2026", "total": "EUR 8.480"}')
    place = [0, len(SHOPS[0])]
    ours = {"w": {"spans": [place]}, "d": {"value": "2026-05-05"}, "t": {"value": "8.48"}}
    assert reader.differing(text, theirs, ours) == []
    assert reader.differing(text, theirs, ours | {"d": None, "t": {"value": "8.48", "currency": "USD"}}) == [
        "day",
        "total",
    ]
    other = reader.of(text, '{"who": "Nobody", "day": null}')
    assert reader.differing(text, other, ours | {"d": None}) == ["who", "total"]


ROWS = Field(
    "g", "goods", FieldType.LIST,
    fields=(Field("gw", "what", FieldType.SPAN), Field("gp", "price", FieldType.MONEY), Field("gd", "day", FieldType.DATE)),
)  # fmt: skip


def test_each_row_of_a_list_has_its_own_place():
    text = "Tea House, 3.50 or more\nTea on 03/04/2026: 3.50 EUR\nTea on 25/04/2026: 3.50 EUR\nTea 7"
    said = [{"what": "Tea", "price": 3.5, "day": day} for day in ("03.04.2026", "25.04.2026")]
    reader = AnswerReader.learnt([ROWS], [(text, json.dumps({"goods": said}))])
    assert reader.day_first is True
    heard = reader.vote(text, json.dumps({"goods": said}))
    places = [{i: a["spans"][0] for i, a in item.items()} for item in heard.fields["g"]["items"]]
    first, second = text.index("Tea on"), text.index("Tea on", 30)
    assert [p["gw"][0] for p in places] == [first, second]
    assert [p["gp"][0] for p in places] == [first + 19, second + 19]
    assert [p["gd"][0] for p in places] == [first + 7, second + 7]
    again = {"goods": [{**item, "price": "3.50 EUR"} for item in said[::-1]]}
    assert reader.differing(text, reader.of(text, json.dumps(again)), heard.fields) == []


@pytest.mark.parametrize("wrong", [{"what": "Coffee"}, {"price": "dear"}, {"price": 99}, {"day": "soon"}])
def test_a_list_of_which_a_part_is_not_understood_says_nothing(wrong):
    text, item = "Tea 3.50 on 25/04/2026", {"what": "Tea", "price": 3.5, "day": "2026-04-25"}
    reader = AnswerReader([ROWS], True)
    assert reader.vote(text, json.dumps({"goods": [item]})).missing == []
    heard = reader.vote(text, json.dumps({"goods": [item, item | wrong]}))
    assert (heard.fields, heard.missing) == ({}, ["goods"])


def test_lists_in_a_schema_count_before_the_values():
    item = {
        "type": "object",
        "properties": {"what": {"type": "string", "description": "Of one."}, "n": {"type": "integer"}},
    }
    schema = {
        "type": "object",
        "properties": {
            "goods": {"type": "array", "items": {"$ref": "#/$defs/item"}, "description": "What is bought."},
            "wants": {"type": "array", "items": {"enum": ["gift", "express", "fragile", "fast"]}},
        },
        "$defs": {"item": item},
    }
    said = [(t, json.dumps(d)) for t, d in map(order, range(60))]
    fields = {f.name: f for f in object_fields(shape_of([a for _, a in said]), said, schema)}
    goods, wants = fields["goods"].field, fields["wants"].field
    assert (goods.description, goods.fields[0].description) == ("What is bought.", "Of one.")
    assert [f.name for f in goods.fields] == ["what", "n", "price"]  # the schema forgot one
    assert ([c.name for c in wants.choices], wants.takes_many) == (["gift", "express", "fragile", "fast"], True)
    assert fields["people"].field.said_type == "span*"
    assert all(f.share == 1 for f in fields.values())
