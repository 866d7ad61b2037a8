"""What is marked in a text, and said of it, as an answer: what is read from words, and each refusal in one sentence."""

import pytest

from homegrown.core.choices import TaskClass
from homegrown.core.schema import Field, FieldType
from homegrown.errors import InputError
from homegrown.inference.candidates import Reading
from homegrown.label.marks import read_mark, read_typed, read_words, said_value
from homegrown.label.places import with_place

WHO = Field("f_who", "who", FieldType.SPAN)
DAY = Field("f_day", "day", FieldType.DATE)
SUM = Field("f_sum", "total", FieldType.MONEY)
KIND = Field("f_kind", "kind", FieldType.CHOICE, choices=(TaskClass("c_a", "bill"), TaskClass("c_b", "offer")))
PAID = Field("f_paid", "paid", FieldType.BOOLEAN)
LINES = Field("f_lines", "lines", FieldType.LIST, fields=(Field("f_n", "n", FieldType.NUMBER),))
FIELDS = (WHO, DAY, SUM, KIND, PAID, LINES)
TEXT = "👩‍🚀 Zoë Ann\non 03/04/2026, RM12.50 in all, or 1Z.50?"


def at(words):
    return [TEXT.index(words), TEXT.index(words) + len(words)]


def test_marked_words_are_read_and_of_a_value_also_what_stands_round_them():
    assert read_mark(WHO, TEXT, *at("Zoë"), Reading()).answers == ({"spans": [at("Zoë")]},)
    both = read_mark(DAY, TEXT, *at("03/04/2026"), Reading())
    assert ([a["value"] for a in both.answers], both.is_sure) == (["2026-04-03", "2026-03-04"], False)
    known = read_mark(DAY, TEXT, *at("04"), Reading(day_first=False))
    assert (known.answers[0], known.is_sure) == ({"value": "2026-03-04", "spans": [at("03/04/2026")]}, True)
    assert read_mark(SUM, TEXT, *at("12"), Reading()).answers[0] == {
        "value": "12.50", "currency": "MYR", "spans": [at("RM12.50")],
    }  # fmt: skip
    assert read_mark(DAY, TEXT, *at("Ann"), Reading()).problem == "“Ann” is no date."
    far = "x " * 5000
    assert read_mark(SUM, f"{far}9.75 EUR {far}", 10_000, 10_001, Reading()).answers[0]["spans"] == [[10_000, 10_008]]
    with pytest.raises(InputError, match="does not lie in the text, which has 52 characters"):
        read_mark(WHO, TEXT, 40, 60, Reading())


def test_typed_words_are_looked_for_in_the_text():
    assert read_words(WHO, TEXT, "zoë  ann", Reading()).answers == ({"spans": [at("Zoë Ann")]},)
    assert read_words(SUM, TEXT, "12,5", Reading()).answers[0] == {
        "value": "12.50", "currency": "MYR", "spans": [at("RM12.50")],
    }  # fmt: skip
    assert read_words(DAY, TEXT, "3 April 2026", Reading()).answers[0]["spans"] == [at("03/04/2026")]
    for reading, is_sure in ((Reading(), False), (Reading(day_first=True), True)):
        assert read_words(DAY, TEXT, "03/04/2026", reading).is_sure is is_sure
    assert "12.75, which does not stand in the text" in read_words(SUM, TEXT, "12.75", Reading()).problem
    assert read_words(DAY, TEXT, "soon", Reading()).problem == "“soon” is no date."
    assert read_typed(SUM, TEXT, "12.50", *at("1Z.50"), Reading()).answers == (
        {"value": "12.50", "spans": [at("1Z.50")]},
    )  # fmt: skip
    assert "says 13, and the words" in read_typed(SUM, TEXT, "13", *at("RM12.50"), Reading()).problem
    twice = read_words(SUM, "5 and 5", "5.00", Reading())
    assert twice.answers == ({"value": "5.00"},), "it stands twice: no place is made up"


ROWS = "1 x bun 2.50 2.50 EUR\n2 x jam 2.50 EUR\n2 in all"
GOODS = Field("f_g", "goods", FieldType.LIST, fields=(WHO, Field("f_n", "n", FieldType.NUMBER), SUM))


def in_rows(words, after=""):
    start = ROWS.index(words, ROWS.index(after))
    return {"spans": [[start, start + len(words)]]}


def test_typed_words_of_a_row_stand_near_it():
    jam = ROWS.index("jam")
    for words, spans in (("2", in_rows("2", "2 in")), ("2,5", in_rows("2.50", "jam"))):
        assert read_words(GOODS.fields[1], ROWS, words, Reading(), near=jam).answers[0] == {
            "value": "2" if words == "2" else "2.50", **spans,
        }, words  # fmt: skip
    assert read_words(WHO, "Ann, Bob; Ann", "ann", Reading(), near=5).answers[0] == {"spans": [[10, 13]]}
    assert read_words(WHO, "Ann, Bob; Ann", "ann", Reading()).answers[0] == {"spans": [[0, 3]]}


def test_values_of_rows_are_shown_in_their_own_rows():
    told = {"items": [
        {"f_who": in_rows("bun"), "f_n": {"value": "1"}, "f_sum": {"value": "2.5"}},
        {"f_who": in_rows("jam"), "f_n": None, "f_sum": {"value": "2.50"}},
        {"f_sum": {"value": "77"}},
    ]}  # fmt: skip
    rows = with_place(GOODS, ROWS, told, Reading())["items"]
    assert rows[0] == {
        "f_who": in_rows("bun"), "f_n": {"value": "1", **in_rows("1")}, "f_sum": {"value": "2.5", **in_rows("2.50")},
    }  # fmt: skip
    assert rows[1] == {**told["items"][1], "f_sum": {"value": "2.50", **in_rows("2.50 EUR", "jam")}}
    assert rows[2] == told["items"][2], "what stands nowhere has no place"
    assert with_place(GOODS, ROWS, None, Reading()) is None


def test_rows_that_are_only_marked_are_read_and_what_is_wrong_is_said_with_its_row():
    marked = {"f_g": {"items": [{"f_who": in_rows("bun"), "f_sum": in_rows("2.50")}]}}
    assert said_value((GOODS,), marked, ROWS, Reading())["fields"]["f_g"]["items"][0]["f_sum"] == {
        "value": "2.50", **in_rows("2.50"),
    }  # fmt: skip
    fine = {"f_who": in_rows("bun")}
    for row, sentence in (
        ({"f_n": in_rows("jam")}, "Row 2 of “goods”: “n”: “jam” is no number."),
        ({"f_n": {"value": "9"}}, "Row 2 of “goods”: “n” says 9, which does not stand in the text."),
        ({"f_who": {"spans": [[0, 999]]}}, "Row 2 of “goods”: The span 0 to 999 does not lie in the text"),
        ({"f_x": None}, "Row 2 of “goods”: The task has no field 'f_x'."),
    ):
        with pytest.raises(InputError, match=sentence):
            said_value((GOODS,), {"f_g": {"items": [fine, row]}}, ROWS, Reading())


def test_an_answer_is_kept_as_imports_keep_it():
    said = {
        "f_who": {"spans": [at("Zoë Ann")]},
        "f_day": {"spans": [at("03/04/2026")]},
        "f_sum": {"value": "12.5", "spans": [at("12.50")]},
        "f_kind": {"choices": ["c_b"]},
        "f_paid": None,
    }
    assert said_value(FIELDS, said, TEXT, Reading(day_first=True))["fields"] == {
        **said,
        "f_day": {"value": "2026-04-03", "spans": [at("03/04/2026")]},
    }
    # Of a bad scan: what cannot be read is evidence for what a person makes of it.
    mended = {"f_sum": {"value": "12.50", "spans": [at("1Z.50")]}}
    assert said_value(FIELDS, mended, TEXT, Reading())["fields"] == mended
    overlapping = {"f_who": {"spans": [at("Zoë Ann")]}, "f_lines": {"items": [{"f_n": {"value": "12.50"}}]}}
    assert said_value(FIELDS, overlapping, TEXT, Reading())["fields"] == overlapping


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({}, "Nothing is said of any field"),
        ({"f_x": None}, "The task has no field 'f_x'"),
        ({"f_who": {"spans": [[0, 99]]}}, "The span 0 to 99 does not lie in the text"),
        ({"f_day": {"spans": [[5, 99]]}}, "The span 5 to 99 does not lie in the text"),
        ({"f_day": {"spans": [["a", 9]]}}, "The spans of “day” are pairs of offsets"),
        ({"f_day": {"spans": [at("Ann")]}}, "“day”: “Ann” is no date."),
        ({"f_day": {"spans": [at("03/04/2026")]}}, "may be 2026-04-03 or 2026-03-04; say which"),
        ({"f_day": {"value": "2026-13-01"}}, "“day” is a date, such as 2026-11-25"),
        ({"f_day": {"value": "2026-05-05"}}, "“day” says 2026-05-05, which does not stand in the text"),
        ({"f_day": {"value": "2026-05-05", "spans": [at("03/04/2026")]}}, "the words that are marked for it say 2026"),
        ({"f_sum": {"value": "13", "spans": [at("RM12.50")]}}, "“total” says 13, and the words .* say 12.50 MYR"),
        ({"f_sum": {"value": True}}, "“total” is a number"),
        ({"f_sum": {"value": "12.50", "currency": "rm"}}, "three letters"),
        ({"f_who": {"spans": [[3, 4], [5, 8]]}}, "“who” takes one span, and 2 were given"),
        ({"f_who": {"value": "Ann"}}, r"The answer to “who” \(span\) has no 'value'"),
        ({"f_kind": {"choices": ["c_gone"]}}, "“kind” is one of: bill, offer"),
        ({"f_paid": {"value": "yes"}}, "“paid” is true or false"),
        ({"f_lines": {"items": [{"f_n": {"value": "77"}}]}}, "“n” says 77, which does not stand"),
        ({"f_who": "Ann"}, "is an object or null"),
    ],
)
def test_what_cannot_be_is_refused_with_one_sentence(said, sentence):
    with pytest.raises(InputError, match=sentence) as refused:
        said_value(FIELDS, said, TEXT, Reading())
    assert refused.value.message.count("\n") == 0
