"""The part of a call that a model of ours reads, and what the upstream's answers mean to it."""

import pytest

from homegrown.core.traffic import AnswerKind, AnswerShape, FieldShape
from homegrown.errors import UnsuitableLabelsError
from homegrown.monitor import find_templates
from homegrown.monitor.prompt import Prompt, check_shape
from tests.monitor.calls import rng, topics

SAYS = "Which of card, refund, login is it about?"


@pytest.fixture(scope="module")
def template():
    found = topics(rng(), 60, [SAYS], frame="Text: {}\nLabel:", form=lambda t: f"{t.title()}.")
    return find_templates(lambda: iter(found)).templates[0]


def body(text="Text: where is it\nLabel:", **more):
    return {"messages": [{"role": "system", "content": SAYS}, {"role": "user", "content": text}], **more}


def test_text_and_class(template):
    prompt = Prompt(template, "", {"card": "cards", "refund": None})
    assert prompt.text_of(body(), "gpt-4o-mini", {}) == "where is it"
    assert prompt.text_of(body([{"type": "text", "text": "Text: a\nLabel:"}]), "gpt-4o-mini", {}) == "a"
    assert (prompt.class_of("**Card**"), prompt.class_of("Refund."), prompt.class_of("no idea")) == (
        "cards",
        None,
        None,
    )


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
    assert Prompt(template, "", {}).text_of(other, "gpt-4o-mini", {}) is None


def test_only_wordings_that_are_named(template):
    assert Prompt(template, "", {}, ()).text_of(body(), "gpt-4o-mini", {}) is None


def test_answers_that_one_label_cannot_stand_for_are_refused(template):
    several = FieldShape("", AnswerKind.CLASSES, ("a", "b"))
    with pytest.raises(UnsuitableLabelsError, match="several labels"):
        check_shape(template, several)
    one = FieldShape("intent", AnswerKind.CLASS, ("a", "b"))
    document = type(template)(
        "t", "t", (), AnswerShape(AnswerKind.JSON, (one, FieldShape("why", AnswerKind.TEXT))), template.volume, {}
    )
    with pytest.raises(UnsuitableLabelsError, match="why"):
        check_shape(document, one)
    check_shape(template, template.shape.fields[0])
