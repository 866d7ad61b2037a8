"""How an upstream writes its documents is learnt from its answers, to the letter."""

import json
from dataclasses import replace
from datetime import date

import pytest

from homegrown.core.choices import TaskClass
from homegrown.core.object_exits import By
from homegrown.core.schema import Field, FieldType
from homegrown.core.traffic import AnswerKind, AnswerShape, FieldShape, Template, Volume
from homegrown.errors import UnsuitableLabelsError
from homegrown.monitor.object_form import Writer
from homegrown.monitor.object_learning import learn_documents, reader_of
from homegrown.monitor.reading import AnswerReader
from tests.monitor.calls import SHOPS, bill, order

FIELDS = [
    Field("w", "who", FieldType.SPAN), Field("a", "at", FieldType.SPAN), Field("d", "day", FieldType.DATE),
    Field("t", "total", FieldType.MONEY), Field("b", "bill", FieldType.BOOLEAN),
]  # fmt: skip
HABITS = [
    lambda d: json.dumps(d),
    lambda d: json.dumps(d, separators=(",", ":"), ensure_ascii=False),
    lambda d: json.dumps({**d, "day": date.fromisoformat(d["day"]).strftime("%d.%m.%Y"), "total": f"{d['total']:.2f}"}),
    lambda d: json.dumps({"day": d["day"], **d, "who": d["who"].upper(), "total": f"{d['total']:,.2f}"}, indent=2),
    lambda d: json.dumps({**d, "total": {"amount": d["total"], "currency": None}, "at": d["at"].replace("\n", ", ")}),
    lambda d: "```json\n" + json.dumps({**d, "model": "v1", "bill": "yes" if d["bill"] else "no"}, indent=1) + "\n```",
]


def documents():
    for i in range(40):
        text, said = bill(i)
        where = "12 Long Road, London" if i % 2 else SHOPS[i % 4] + "\n12 Long Road, London"
        yield (
            text,
            {
                "who": said["who"],
                "at": where,
                "day": said["day"],
                "total": said["total"],
                "bill": said["kind"] == "bill",
            },
        )


def template(names):
    fields = tuple(FieldShape(n, AnswerKind.TEXT) for n in names)
    return Template("tpl", "bills", (), AnswerShape(AnswerKind.JSON, fields), Volume(), {})


@pytest.mark.parametrize("habit", HABITS)
def test_documents_are_written_as_the_upstream_writes_them(habit):
    pairs = [(text, habit(d)) for text, d in documents()]
    names = list(json.loads(pairs[0][1].strip("`").removeprefix("json")))
    exit, reader = learn_documents(template(names), FIELDS, pairs, pairs, By.DOCUMENT)
    writer = Writer(FIELDS, exit)
    for text, answer in pairs:
        heard = reader.of(text, answer).fields
        found = {f.field_id: reader.as_found(f, text, heard[f.field_id]) for f in FIELDS}
        assert writer.content(writer.values(found, text)) == answer
    assert {f.exact for f in exit.fields} == {1.0}


def test_a_field_that_was_renamed_is_written_under_the_upstream_s_name():
    pairs = [(text, json.dumps(d)) for text, d in documents()]
    names = list(json.loads(pairs[0][1]))
    fields = [replace(f, name=f"our_{f.name}", former=(f.name,)) for f in FIELDS]
    exit, reader = learn_documents(template(names), fields, pairs, pairs, By.DOCUMENT)
    assert [f.name for f in exit.fields] == [f.name for f in FIELDS]
    later, writer = reader_of(exit, {f.field_id: f for f in fields}), Writer(fields, exit)
    for text, answer in pairs:
        heard = later.of(text, answer).fields
        assert heard == reader.of(text, answer).fields
        found = {f.field_id: reader.as_found(f, text, heard[f.field_id]) for f in FIELDS}
        assert writer.content(writer.values(found, text)) == answer
    assert AnswerReader(fields).vote(*pairs[0]).fields == AnswerReader(FIELDS).vote(*pairs[0]).fields


@pytest.mark.parametrize("absent", ["null", '""', None])
def test_what_is_not_there_is_written_as_ever(absent):
    def answer(i, d):
        told = {"who": d["who"], "day": d["day"], "total": d["total"]}
        if i % 5 == 0:
            told |= {"day": json.loads(absent)} if absent else {}
            told = {k: v for k, v in told.items() if absent or k != "day"}
        return json.dumps(told)

    pairs = [(text, answer(i, d)) for i, (text, d) in enumerate(documents())]
    exit, reader = learn_documents(template(["who", "day", "total"]), FIELDS, pairs, pairs, By.DOCUMENT)
    writer = Writer(FIELDS, exit)
    for text, said in pairs:
        heard = reader.of(text, said).fields
        found = {f.field_id: reader.as_found(f, text, heard.get(f.field_id)) for f in FIELDS}
        assert writer.content(writer.values(found, text)) == said
        again = reader_of(exit, {f.field_id: f for f in FIELDS})
        assert again.differing(text, again.of(text, said), found) == []
    never = {"w": None, "d": None, "t": {"value": "3"}}
    assert writer.values(never, "")["who"] is None  # it was never seen to be missing


def test_a_field_of_nobody_keeps_documents_with_the_upstream_and_by_field_it_is_asked_for():
    pairs = [(t, json.dumps({"who": d["who"], "total": d["total"], "note": f"nice {t[:9]}"})) for t, d in documents()]
    names = ["who", "total", "note"]
    with pytest.raises(UnsuitableLabelsError, match="hold note, which this model does not give"):
        learn_documents(template(names), FIELDS, pairs, pairs, By.DOCUMENT)
    exit, _ = learn_documents(template(names), FIELDS, pairs, pairs, By.FIELD)
    assert (exit.asked, [f.name for f in exit.fields]) == (("note",), ["who", "total"])
    with pytest.raises(UnsuitableLabelsError, match="none of the fields"):
        learn_documents(template(names), [Field("x", "other", FieldType.DATE)], pairs, pairs, By.FIELD)


def test_how_often_values_stand_in_the_text_bounds_how_sure_one_can_be():
    pairs = [
        (t, json.dumps({"who": d["who"] if i % 4 else f"Else {i}", "total": d["total"]}))
        for i, (t, d) in enumerate(documents())
    ]
    exit, _ = learn_documents(template(["who", "total"]), FIELDS, pairs, pairs, By.DOCUMENT)
    trust = {f.name: f.trust for f in exit.fields}
    assert trust == {"who": pytest.approx(31 / 41), "total": 1.0}


GOODS = Field(
    "g", "goods", FieldType.LIST,
    fields=(Field("gw", "what", FieldType.SPAN), Field("gn", "n", FieldType.NUMBER), Field("gp", "price", FieldType.MONEY)),
)  # fmt: skip
WANTS = tuple(TaskClass(f"c_{w}", w) for w in ("fragile", "gift", "express"))
LISTS = [
    GOODS,
    Field("w", "wants", FieldType.CHOICE, takes_many=True, choices=WANTS),
    Field("p", "people", FieldType.SPAN, takes_many=True),
]


def rows(d, **more):
    return {**d, "goods": [{"price": f"{g['price']:.2f}", **more, "what": g["what"], "n": g["n"]} for g in d["goods"]]}


LIST_HABITS = [
    lambda d: json.dumps(d),
    lambda d: json.dumps(d, separators=(",", ":")),
    lambda d: json.dumps(rows(d, unit="pc"), indent=2),
    lambda d: json.dumps(
        {**rows(d), "wants": [w.upper() for w in reversed(d["wants"])], "people": d["people"] or None}
    ),
    lambda d: json.dumps({k: v for k, v in d.items() if v} | {"n": 1}, indent=1),
]


@pytest.mark.parametrize("habit", LIST_HABITS)
def test_lists_are_written_as_the_upstream_writes_them(habit):
    pairs = [(text, habit(d)) for text, d in map(order, range(60))]
    exit, reader = learn_documents(template(["goods", "wants", "people"]), LISTS, pairs, pairs, By.DOCUMENT)
    writer = Writer(LISTS, exit)
    for text, answer in pairs:
        heard = reader.of(text, answer).fields
        found = {f.field_id: reader.as_found(f, text, heard.get(f.field_id)) for f in LISTS}
        assert writer.content(writer.values(found, text)) == answer
    assert {f.exact for f in exit.fields} == {1.0}
    told = {f.field_id: f for f in exit.fields}
    never = {"items": [{"gw": {"spans": [[0, 5]]}, "gp": {"value": "3.50"}}]}
    assert writer.value(told["g"], never, "Order 3.50") is None  # a row without its number was never seen


@pytest.mark.parametrize("names", [lambda said: list(dict.fromkeys(said)), list])
def test_words_that_stand_twice_are_named_as_often_as_the_upstream_names_them(names):
    said = [["Ann Lee", "Bob Ray", "Ann Lee"], ["Cleo Moss"], ["Dan Poe", "Dan Poe"]] * 4
    pairs = [(f"{i}: {' met '.join(s)}.", json.dumps({"people": names(s)})) for i, s in enumerate(said)]
    exit, reader = learn_documents(template(["people"]), LISTS[2:], pairs, pairs, By.DOCUMENT)
    for text, answer in pairs:
        heard = reader.of(text, answer).fields
        assert len(heard["p"]["spans"]) == text.count("met") + 1
        assert Writer(LISTS, exit).content(Writer(LISTS, exit).values(heard, text)) == answer
