"""The part of a call that a model of ours reads, and what the upstream's answers mean to it."""

import pytest

from homegrown.core.traffic import AnswerKind, AnswerShape, FieldShape
from homegrown.errors import InputError, UnsuitableLabelsError
from homegrown.monitor import find_templates
from homegrown.monitor.prompt import Prompt, check_fields, refuse_free
from tests.monitor.calls import rng, topics

SAYS = "Which of card, refund, login is it about?"


@pytest.fixture(scope="module")
def template():
    found = topics(rng(), 60, [SAYS], frame="Text: {}\nLabel:", form=lambda t: f"{t.title()}.")
    return find_templates(lambda: iter(found)).templates[0]


def body(text="Text: where is it\nLabel:", **more):
    return {"messages": [{"role": "system", "content": SAYS}, {"role": "user", "content": text}], **more}


def test_text_and_class(template):
    prompt = Prompt(template, [""])
    assert prompt.text_of(body(), "gpt-4o-mini", {}) == "where is it"
    assert prompt.text_of(body([{"type": "text", "text": "Text: a\nLabel:"}]), "gpt-4o-mini", {}) == "a"
    assert [prompt.labels_of(a) for a in ("**Card**", "Refund.", "no idea", None)] == [
        (["card"],),
        (["refund"],),
        (None,),
        (None,),
    ]


@pytest.mark.parametrize(
    "other",
    [
        body("where is it"),
        body(n=2),
        body(logprobs=True),
        body(tools=[{"type": "function"}]),
        body([{"type": "text", "text": "Text: a\nLabel:"}, {"type": "input_audio"}]),
        body("Text: \nLabel:"),
        {"messages": "Text: a\nLabel:"},
        {"messages": [*body()["messages"], {"role": "assistant", "content": "It"}]},
        {"messages": []},
        {},
    ],
)
def test_what_it_is_not(template, other):
    assert Prompt(template, [""]).text_of(other, "gpt-4o-mini", {}) is None


def test_only_wordings_that_are_named(template):
    assert Prompt(template, [""], ()).text_of(body(), "gpt-4o-mini", {}) is None


def document(template, *fields):
    shape = AnswerShape(AnswerKind.JSON, fields)
    return type(template)("t", "wishes", (), shape, template.volume, {})


WISH = FieldShape("wish", AnswerKind.CLASS, ("Card", "Refund"))
PARTS = FieldShape("parts", AnswerKind.CLASSES, ("a", "b"))


def test_documents_are_read_field_by_field(template):
    whole = document(template, WISH, PARTS)
    prompt = Prompt(whole, ["wish", "parts"], rest='{"v":1}')
    assert prompt.labels_of('{"parts": ["B", "a"], "wish": "card", "v": 1}') == (["Card"], ["b", "a"])
    assert prompt.labels_of('{"parts": [], "wish": "fee", "v": 1}') == (None, [])
    assert prompt.labels_of('{"parts": [], "wish": "card", "v": 2}') == (None, None)
    assert (prompt.rest_of('{"wish": "card"}'), prompt.rest_of("card")) == ("", "")


def test_documents_that_no_model_gives_whole_are_refused(template):
    why = FieldShape("why", AnswerKind.TEXT)
    with pytest.raises(InputError, match="hold parts too"):
        check_fields(document(template, WISH, PARTS), ["wish"])
    check_fields(document(template, WISH, why), ["wish"])
    with pytest.raises(UnsuitableLabelsError, match="hold why: free text or a number, which no classifier writes"):
        refuse_free(Prompt(document(template, WISH, why), ["wish"]))
    check_fields(template, [""])
