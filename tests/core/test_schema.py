"""Object answers: fields that can be, values that can be, JSON Schema and documents in and out."""

from dataclasses import replace
from decimal import Decimal

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from pydantic import Field as Described

from homegrown.core.documents import answer_in, document_of, places_of
from homegrown.core.json_schema import fields_of, json_schema
from homegrown.core.schema import Field, FieldType, check_fields, checked_value
from homegrown.core.tasks import TaskClass
from homegrown.errors import InputError

TEXT = "To Ann Lee: 2 lamps at 9.50 EUR each, 19.00 EUR in all, to be paid by 2026-12-01. Urgent!"
KINDS = (TaskClass("c_order", "order"), TaskClass("c_bill", "bill"))
FIELDS = (
    Field("f_who", "who", FieldType.SPAN, "whom it is sent to", is_required=True),
    Field("f_kind", "kind", FieldType.CHOICE, choices=KINDS),
    Field("f_marks", "marks", FieldType.CHOICE, choices=(TaskClass("c_u", "urgent"), TaskClass("c_l", "late")), takes_many=True),
    Field("f_urgent", "is_urgent", FieldType.BOOLEAN),
    Field("f_due", "due", FieldType.DATE),
    Field("f_total", "total", FieldType.MONEY, is_required=True),
    Field("f_words", "words", FieldType.SPAN, takes_many=True),
    Field(
        "f_lines", "lines", FieldType.LIST,
        fields=(Field("f_what", "what", FieldType.SPAN), Field("f_n", "n", FieldType.NUMBER)),
    ),
)  # fmt: skip
VALUE = {
    "fields": {
        "f_who": {"spans": [[3, 10]]},
        "f_kind": {"choices": ["c_bill"]},
        "f_marks": {"choices": ["c_u"]},
        "f_urgent": {"value": True, "spans": [[82, 88]]},
        "f_due": {"value": "2026-12-01", "spans": [[70, 80]]},
        "f_total": {"value": "19.00", "currency": "EUR", "spans": [[38, 47]]},
        "f_words": {"spans": [[3, 6], [82, 88]]},
        "f_lines": {"items": [{"f_what": {"spans": [[14, 19]]}, "f_n": {"value": "2"}}]},
    }
}  # fmt: skip
DOCUMENT = {
    "who": "Ann Lee", "kind": "bill", "marks": ["urgent"], "is_urgent": True, "due": "2026-12-01",
    "total": {"amount": 19.0, "currency": "EUR"}, "words": ["Ann", "Urgent"], "lines": [{"what": "lamps", "n": 2}],
}  # fmt: skip


def test_a_value_and_its_document_say_the_same():
    assert checked_value(FIELDS, VALUE, TEXT) == VALUE
    document = document_of(FIELDS, VALUE, TEXT)
    assert document == DOCUMENT
    jsonschema.validate(document, json_schema(FIELDS))
    read = answer_in(FIELDS, document, TEXT)
    assert read.problems == []
    without_evidence = {
        k: ({n: v for n, v in a.items() if n != "spans"} if "value" in a else a) for k, a in VALUE["fields"].items()
    }
    without_evidence["f_total"] = {"value": "19.0", "currency": "EUR"}
    assert read.value["fields"] == without_evidence


def test_what_was_not_said_is_null_or_empty_and_valid_where_it_is_optional():
    document = document_of(FIELDS, {"fields": {}}, TEXT)
    assert document == dict.fromkeys(DOCUMENT) | {"marks": [], "words": [], "lines": []}
    optional = tuple(replace(f, is_required=False) for f in FIELDS)
    jsonschema.validate(document, json_schema(optional))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, json_schema(FIELDS))


def test_a_schema_that_went_out_comes_back():
    again = fields_of(json_schema(FIELDS), "task_a")

    def plain(fields):
        return [
            (f.name, f.type, f.description, f.takes_many, [c.name for c in f.choices], plain(f.fields)) for f in fields
        ]

    assert plain(again) == plain(FIELDS)
    assert again == fields_of(json_schema(FIELDS), "task_a")
    assert {f.name for f in again if f.is_required} == {"who", "total"}
    assert json_schema(again) == json_schema(FIELDS)


class Item(BaseModel):
    name: str
    count: int = Described(description="how many")


class Order(BaseModel):
    buyer: str
    paid: bool | None = None
    items: list[Item]
    cost: Decimal | None = None
    tags: list[str] = []


def test_what_pydantic_writes_is_read():
    fields = {f.name: f for f in fields_of(Order.model_json_schema(), "task_a")}
    assert [(f.type.value, f.is_required, f.takes_many) for f in fields.values()] == [
        ("span", True, False), ("boolean", False, False), ("list", False, False), ("number", False, False), ("span", False, True),
    ]  # fmt: skip
    assert [(f.name, f.type.value, f.description) for f in fields["items"].fields] == [
        ("name", "span", ""),
        ("count", "number", "how many"),
    ]


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ({"type": "array"}, "The schema is no object with properties"),
        ({"type": "object", "properties": {}}, "1 to 200 fields"),
        ({"properties": {"a": {"type": "object", "properties": {"b": {"type": "string"}}}}}, "“a” is object; a field is"),
        ({"properties": {"a": {"anyOf": [{"type": "string"}, {"type": "boolean"}]}}}, "“a” may be several things"),
        ({"properties": {"a": {"type": "array", "items": {"type": "number"}}}}, "“a” is an array of numbers"),
        ({"properties": {"a": {"enum": [1, 2]}}}, "“a” chooses from what is no text"),
        ({"properties": {"a": {"$ref": "https://elsewhere.example/x"}}}, "not in this document"),
        ({"properties": {"a": {"$ref": "#/properties/a"}}}, "refers to itself"),
        ({"properties": {"a b": {"type": "string"}}}, "'a b' is not"),
        ({"properties": {"a": True}}, "“a” is no JSON Schema"),
        ({"properties": {"a": {"type": "string"}}, "required": [["a"]], "type": "array"}, "no object with properties"),
        ({"properties": {"a": {"type": "object", "properties": [{}]}}}, "“a” is object"),
        ({"properties": {"a": {"enum": 5}}}, "“a” is anything"),
        ({"properties": {"a": {"type": "array", "items": {"type": "object", "properties": {"b": {"type": "array", "items":
            {"type": "object", "properties": {"c": {"type": "string"}}}}}}}}}, "lists hold plain fields"),
    ],
)  # fmt: skip
def test_schemas_that_no_field_is_for_are_refused_with_the_place(schema, says):
    with pytest.raises(InputError, match=says):
        fields_of(schema, "task_a")


@pytest.mark.parametrize(
    ("field_id", "answer", "says"),
    [
        ("f_who", {"spans": [[3, 10], [11, 12]]}, "takes one span, and 2"),
        ("f_who", {}, "needs a span"),
        ("f_who", {"spans": [[80, 900]]}, "does not lie in the text"),
        ("f_who", {"spans": [[3.0, 10]]}, "pairs of offsets"),
        ("f_who", {"spans": [[3, 10]], "value": "Ann"}, "has no 'value'"),
        ("f_kind", {"choices": ["c_gone"]}, "one of: order, bill"),
        ("f_kind", {"choices": ["c_bill", "c_order"]}, "takes one choice, and 2"),
        ("f_urgent", {"value": 1}, "true or false"),
        ("f_due", {"value": "2026-02-30"}, "is a date"),
        ("f_due", {"value": "1.12.2026"}, "is a date"),
        ("f_total", {"value": "nineteen"}, "is a number"),
        ("f_total", {"value": "19", "currency": "euro"}, "three letters"),
        ("f_lines", {"items": [{"f_gone": None}]}, "no field 'f_gone'"),
        ("f_lines", {"items": [[]]}, "list of objects"),
        ("f_lines", {"items": [], "spans": []}, "has no 'spans'"),
        ("f_gone", None, "no field 'f_gone'"),
        ("f_who", "Ann", "is an object or null"),
    ],
)
def test_values_that_cannot_be_are_refused_with_the_field(field_id, answer, says):
    with pytest.raises(InputError, match=says):
        checked_value(FIELDS, {"fields": {field_id: answer}}, TEXT)


@pytest.mark.parametrize("value", [{}, {"fields": []}, {"class": "c_a"}, {"fields": {}, "more": 1}])
def test_values_of_another_shape_are_refused(value):
    with pytest.raises(InputError, match=r'answer of an object is \{"fields"'):
        checked_value(FIELDS, value, TEXT)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ([Field("a", "x", FieldType.SPAN), Field("b", "x", FieldType.DATE)], "Two fields are called"),
        ([Field("a", "x", FieldType.CHOICE)], "nothing to choose from"),
        ([Field("a", "x", FieldType.DATE, choices=KINDS)], "has no choices"),
        ([Field("a", "x", FieldType.DATE, takes_many=True)], "several are a list"),
        ([Field("a", "x", FieldType.LIST)], "1 to 200 fields"),
        ([Field("a", "1x", FieldType.DATE)], "a letter and then"),
        ([Field("a", "x", FieldType.CHOICE, choices=(*KINDS, TaskClass("c_2", "bill")))], "have the same name"),
        ([Field("a", "x", FieldType.CHOICE, choices=(*KINDS, TaskClass("c_2", "bill ")))], "have the same name"),
        (
            [Field("a", "x", FieldType.CHOICE, choices=(TaskClass("c_1", " "),))],
            "1 to 200 characters that can be shown",
        ),
        ([Field("a", "x", FieldType.CHOICE, choices=(TaskClass("c_1", "a\0"),))], "that can be shown; 'a.x00' is none"),
        ([Field("a", "x", FieldType.CHOICE, choices=(TaskClass("c_1", "\ud800"),))], "that can be shown"),
        ([Field("a", "x", FieldType.CHOICE, choices=(TaskClass("c_1", "n" * 201),))], "that can be shown"),
        ([Field("a", "x", FieldType.DATE, description="d" * 4001)], "“x” has more than 4,000 characters"),
        ([Field("a", "\u00e9", FieldType.SPAN), Field("b", "e\u0301", FieldType.SPAN)], "Two fields are called"),
        ([Field("a", "x" * 81, FieldType.SPAN)], "a letter and then"),
    ],
)
def test_fields_that_cannot_be(fields, says):
    with pytest.raises(InputError, match=says):
        check_fields(fields)


def test_names_of_fields_are_words_of_any_language():
    names = ["公司", "ที่อยู่", "राशि", "größe", "e\u0301tat", "_x"]
    assert [f.name for f in check_fields([Field(n, n, FieldType.SPAN) for n in names])] == names


def test_a_choice_is_itself_before_it_is_another_one_in_any_case():
    field = Field(
        "f", "size", FieldType.CHOICE, choices=(TaskClass("c_1", "M"), TaskClass("c_2", "m "), TaskClass("c_3", "mm"))
    )
    said = [answer_in((field,), {"size": s}, "").value["fields"] for s in ("M", "m ", "MM ")]
    assert [s["f"]["choices"] for s in said] == [["c_1"], ["c_2"], ["c_3"]]


def test_a_list_of_which_a_part_is_not_understood_says_nothing():
    said = {"lines": [{"what": "lamps", "n": 2}, {"what": "lamps", "n": "many"}], "who": "Ann"}
    read = answer_in(FIELDS, said, TEXT)
    assert set(read.value["fields"]) == {"f_who"}
    assert [p.partition(":")[0] for p in read.problems] == ["“lines.n”", "“lines”"]


def test_what_a_document_says_that_cannot_be_understood_is_told_and_the_rest_is_kept():
    said = {
        "who": "Bob", "kind": "BILL", "marks": ["urgent", "new"], "due": "03/04/2026", "total": "19,00 €",
        "lines": [{"what": "lamps", "n": "two"}], "unknown": 1,
    }  # fmt: skip
    read = answer_in(FIELDS, said, TEXT)
    assert read.value["fields"] == {
        "f_kind": {"choices": ["c_bill"]},
        "f_total": {"value": "19.00", "currency": "EUR"},
    }
    assert [p.partition(":")[0] for p in read.problems] == ["“who”", "“marks”", "“due”", "“lines.n”", "“lines”"]
    assert answer_in(FIELDS, said, TEXT, day_first=True).value["fields"]["f_due"] == {"value": "2026-04-03"}
    assert answer_in(FIELDS, [1], TEXT).problems == ["The answer is no JSON object."]


def test_of_several_spans_each_place_of_their_words_counts():
    text = "Ann wrote to Bob, and Ann came"
    read = answer_in(FIELDS, {"words": ["Ann", "Bob"], "who": "Ann"}, text)
    assert read.value["fields"] == {"f_words": {"spans": [[0, 3], [13, 16], [22, 25]]}, "f_who": {"spans": [[0, 3]]}}
    assert answer_in(FIELDS, document_of(FIELDS, read.value, text), text).value["fields"] == read.value["fields"] | {
        i: None for i in ("f_kind", "f_marks", "f_urgent", "f_due", "f_total", "f_lines")
    }


@given(
    st.lists(st.sampled_from(["ann", "Ann", "é", "👍🏽", "19.00", "(x)", "a.b", "\u0301"]), min_size=1, max_size=8),
    st.data(),
)
def test_words_that_stand_in_a_text_are_found_where_they_stand(words, data):
    text = data.draw(st.sampled_from([" ", "\n", "  "])).join(words)
    start = data.draw(st.integers(0, len(words) - 1))
    wanted = " ".join(words[start : data.draw(st.integers(start + 1, len(words)))])
    places = places_of(wanted, text)
    assert places
    assert all(" ".join(text[a:b].split()).casefold() == wanted.casefold() for a, b in places)
