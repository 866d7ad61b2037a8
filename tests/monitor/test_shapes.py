"""What answers are, whatever models put round them; and that nothing in them is run."""

import pytest

from homegrown.core.traffic import AnswerKind
from homegrown.monitor.listed import labels_listed
from homegrown.monitor.shapes import reader, shape_of

SPELT = [
    "refund",
    "Refund.",
    '"refund"',
    "**refund**",
    "REFUND",
    "Category: refund",
    "```\nrefund\n```",
    "card lost",
    "Card_Lost",
]


def _one(answers, prompt="", **more):
    shape = shape_of(answers, prompt, **more)
    return shape, shape.fields[0] if shape.fields else None


def test_spellings_of_a_label_are_one_and_the_prompt_has_the_say():
    shape, field = _one(SPELT * 4, "Say one of: refund, card_lost, login.")
    assert (shape.kind, field.classes) == (AnswerKind.CLASS, ("card_lost", "login", "refund"))
    assert [reader(shape, field)(a) for a in SPELT] == [["refund"]] * 7 + [["card_lost"]] * 2
    assert reader(shape, field)("I cannot tell.") is None


def test_signs_that_are_part_of_a_label_stay():
    assert _one(["Other (misc)"] * 20 + ["(card)"] * 20 + ["what?"] * 20)[1].classes == (
        "Other (misc)",
        "card",
        "what?",
    )


def test_without_a_list_the_most_frequent_spelling_has_it():
    _, field = _one(["Card lost"] * 30 + ["card lost."] * 9 + ["refund"] * 40)
    assert field.classes == ("Card lost", "refund")


@pytest.mark.parametrize(
    "prompt",
    [
        "Topics:\n- refund\n- card lost\n- login\nAnswer with one.",
        "Topics:\n1. refund: money back\n2. card lost: gone\n3. login - cannot enter",
        "One of refund, card lost or login, please.",
        'Choose from ["refund", "card lost", "login"].',
        "refund | card lost | login",
        "The topics are (refund; card lost; login). Be brief.",
    ],
)
def test_labels_that_the_prompt_lists_are_all_there(prompt):
    assert sorted(labels_listed(prompt, ["refund", "card lost"])) == ["card lost", "login", "refund"]


def test_several_labels_and_names_with_a_comma():
    many = ["refund, card", "card", "refund", "card, login", "login", "refund, login"] * 5
    assert _one(many)[1].kind is AnswerKind.CLASSES
    shape, field = _one(many)
    assert reader(shape, field)("login, refund") == ["login", "refund"]
    assert _one(['["refund", "card"]', '["card"]', "[]", '["refund"]'] * 6)[1].kind is AnswerKind.CLASSES
    named = ["bills, payments and taxes", "cards and pins"] * 20
    assert _one(named)[1].classes == ("bills, payments and taxes", "cards and pins")


def test_documents_have_a_shape_for_each_field():
    said = [
        f'{{"intent": "{i}", "why": "because {n}", "confidence": 0.{n}}}' for n in range(10, 40) for i in ("a", "b")
    ]
    said[0] = "```json\n" + said[0] + "\n```"
    shape = shape_of(said)
    assert {f.name: f.kind for f in shape.fields} == {
        "intent": AnswerKind.CLASS, "why": AnswerKind.TEXT, "confidence": AnswerKind.NUMBER,
    }  # fmt: skip
    assert [f.name for f in shape.closed()] == ["intent"]
    assert reader(shape, shape.closed()[0])(said[0]) == ["a"]
    allowed = shape_of(said, enums={"intent": ("a", "b", "c")})
    assert allowed.closed()[0].classes == ("a", "b", "c")


def test_numbers_and_free_text_are_no_labels():
    assert _one([str(n * 7) for n in range(60)])[1].kind is AnswerKind.NUMBER
    assert _one(["$1,200.50", "17%", "3"] * 9 + [str(i) for i in range(99)])[1].kind is AnswerKind.NUMBER
    assert _one([f"Dear customer number {n}, we are sorry to hear that." for n in range(60)])[1].kind is AnswerKind.TEXT
    assert _one([f"word{n}" for n in range(60)])[1].kind is AnswerKind.TEXT
    assert _one(["1", "2", "3", "4", "5"] * 20)[1].classes == ("1", "2", "3", "4", "5")


def test_a_slip_of_the_model_is_no_class():
    answers = {"yes": 200, "no": 180, "maybe so": 1}
    _, field = _one(answers)
    assert field.classes == ("no", "yes")
    assert field.n_outside == 1


@pytest.mark.parametrize("answer", ["{" * 3000, "[" * 3000, '{"a":' * 600, "```" * 200, "a:" * 900, "-" * 5000])
def test_hostile_answers_are_texts(answer):
    shape, field = _one([answer] * 9 + ["{{7*7}}"] * 9)
    assert (shape.kind, field.kind, field.classes) == (AnswerKind.TEXT, AnswerKind.TEXT, ())
    assert reader(shape, field)(answer) is None


@pytest.mark.parametrize(
    ("answer", "name"), [("__import__('os').system('x')", "import__('os').system('x')"), ("\ud800", "\ud800")]
)
def test_hostile_labels_are_read_as_they_are_spelt_and_nothing_in_them_is_worked_out(answer, name):
    shape, field = _one([answer] * 9 + ["{{7*7}}"] * 9)
    assert (shape.kind, set(field.classes)) == (AnswerKind.CLASS, {"7*7", name})
    assert reader(shape, field)(answer) == [name]
