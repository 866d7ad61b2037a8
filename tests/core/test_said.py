"""When two answers to a field mean the same."""

import pytest

from homegrown.core.classes import TaskClass
from homegrown.core.said import meaning_of
from homegrown.core.schema import Field, FieldType

TOTAL = Field("f_t", "total", FieldType.MONEY)
WHO = Field("f_w", "who", FieldType.SPAN)
KIND = Field("f_k", "kind", FieldType.CHOICE, takes_many=True, choices=(TaskClass("c1", "a"), TaskClass("c2", "b")))
ITEMS = Field("f_i", "items", FieldType.LIST, fields=(WHO, TOTAL))
TEXT = "Ann 2, ANN. 3"


def item(start, value, *spans, **more):
    return {"f_w": {"spans": [[start, start + 3]]}, "f_t": {"value": value, "spans": [*spans], **more}}


@pytest.mark.parametrize(
    ("one", "mine", "theirs", "text", "is_same"),
    [
        (TOTAL, {"value": "12.50", "spans": [[0, 1]]}, {"value": "12.5"}, None, True),
        (TOTAL, {"value": "-0"}, {"value": "0.0"}, None, True),
        (TOTAL, {"value": "1", "currency": "EUR"}, {"value": "1"}, None, False),
        (TOTAL, {"value": "0"}, None, None, False),
        (KIND, {"choices": ["c2", "c1"]}, {"choices": ["c1", "c2"]}, None, True),
        (WHO, {"spans": [[0, 3]]}, {"spans": [[7, 11]]}, TEXT, True),
        (WHO, {"spans": [[0, 3]]}, {"spans": [[7, 11]]}, None, False),
        (ITEMS, {"items": [item(0, "2", [4, 5])]}, {"items": [item(0, "2.0")]}, None, True),
        (ITEMS, {"items": [item(0, "2"), item(7, "3")]}, {"items": [item(7, "3"), item(0, "2")]}, None, True),
        (ITEMS, {"items": [item(0, "2")]}, {"items": [item(7, "2")]}, TEXT, True),
        (ITEMS, {"items": [item(0, "2")]}, {"items": [item(7, "2")]}, None, False),
        (ITEMS, {"items": [item(0, "2")]}, {"items": [item(0, "2"), item(0, "2")]}, TEXT, False),
        (ITEMS, {"items": [item(0, "2")]}, {"items": [item(0, "2", currency="EUR")]}, TEXT, False),
    ],
)
def test_answers_mean_the_same_whatever_their_evidence_order_and_zeros(one, mine, theirs, text, is_same):
    assert (meaning_of(one, mine, text) == meaning_of(one, theirs, text)) is is_same
