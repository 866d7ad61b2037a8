"""Answers of several fields against the truth: what is not there, what means the same, whole objects."""

import numpy as np
import pytest

from homegrown.core.classes import TaskClass
from homegrown.core.said import plain_words
from homegrown.core.schema import Field, FieldType
from homegrown.metrics.intervals import wilson
from homegrown.metrics.objects import object_scores
from homegrown.metrics.paired import mcnemar

TOTAL = Field("f_t", "total", FieldType.MONEY)
DATE = Field("f_d", "date", FieldType.DATE)
SHOP = Field("f_s", "shop", FieldType.SPAN, takes_many=True)
KIND = Field(
    "f_k", "kind", FieldType.CHOICE, takes_many=True, choices=(TaskClass("c1", "food"), TaskClass("c2", "fuel"))
)
PAID = Field("f_p", "paid", FieldType.BOOLEAN)
ITEMS = Field(
    "f_i",
    "items",
    FieldType.LIST,
    fields=(Field("f_n", "name", FieldType.SPAN), Field("f_q", "count", FieldType.NUMBER)),
)


def one(field, truth, answer, text=None):
    done = object_scores(
        [field], [{field.field_id: truth}], [{field.field_id: answer}], texts=None if text is None else [text]
    )
    return done.fields[field.field_id].exact, done.fields[field.field_id].normalised


@pytest.mark.parametrize(
    ("field", "truth", "answer", "text", "exact", "means"),
    [
        (TOTAL, {"value": "12.50", "currency": "EUR"}, {"value": "12.5", "currency": "EUR", "spans": [[0, 4]]}, None, 0, 1),
        (TOTAL, {"value": "12.50", "currency": "EUR"}, {"value": "12.50", "currency": "USD"}, None, 0, 0),
        (TOTAL, {"value": "12.50"}, {"value": "12.50", "spans": [[3, 8]]}, None, 1, 1),
        (TOTAL, {"value": "1E+2"}, {"value": "100"}, None, 0, 1),
        (DATE, {"value": "2026-11-25"}, {"value": "2026-11-25"}, None, 1, 1),
        (DATE, {"value": "2026-11-25"}, {"value": "2026-11-26"}, None, 0, 0),
        (SHOP, {"spans": [[0, 4]]}, {"spans": [[5, 10]]}, "Acme ACME, x", 0, 1),
        (SHOP, {"spans": [[0, 4]]}, {"spans": [[5, 10]]}, None, 0, 0),
        (SHOP, {"spans": [[0, 4], [5, 9]]}, {"spans": [[5, 9], [0, 4]]}, None, 1, 1),
        (SHOP, {"spans": [[0, 4]]}, {"spans": [[0, 4], [11, 12]]}, "Acme ACME, x", 0, 0),
        (KIND, {"choices": ["c1", "c2"]}, {"choices": ["c2", "c1"]}, None, 1, 1),
        (KIND, {"choices": ["c1"]}, {"choices": ["c2"]}, None, 0, 0),
        (PAID, {"value": False}, {"value": False}, None, 1, 1),
        (PAID, {"value": False}, None, None, 0, 0),
    ],
)  # fmt: skip
def test_what_says_and_what_means_the_same(field, truth, answer, text, exact, means):
    assert one(field, truth, answer, text) == (exact, means)
    assert one(field, answer, truth, text) == (exact, means)


def test_a_currency_counts_where_the_truth_names_one():
    with_one, without = {"value": "12.50", "currency": "EUR"}, {"value": "12.5"}
    assert one(TOTAL, without, with_one) == (0, 1)
    assert one(TOTAL, with_one, without) == (0, 0)
    rows = Field("f_r", "rows", FieldType.LIST, fields=(TOTAL,))
    listed = [{"items": [{TOTAL.field_id: a}, {TOTAL.field_id: None}]} for a in (without, with_one)]
    assert (one(rows, *listed)[1], one(rows, *reversed(listed))[1]) == (1, 0)


def test_lists_mean_the_same_in_any_order():
    text = "tea 2 milk 1"
    tea, milk = (
        {"f_n": {"spans": [[0, 3]]}, "f_q": {"value": "2"}},
        {"f_n": {"spans": [[6, 10]]}, "f_q": {"value": "1"}},
    )
    again = {"f_n": {"spans": [[6, 10]]}, "f_q": {"value": "1.0"}}
    assert one(ITEMS, {"items": [tea, milk]}, {"items": [tea, milk]}, text) == (1, 1)
    assert one(ITEMS, {"items": [tea, milk]}, {"items": [again, tea]}, text) == (0, 1)
    assert one(ITEMS, {"items": [tea, milk]}, {"items": [tea, milk, milk]}, text) == (0, 0)
    assert one(ITEMS, {"items": [tea]}, {"items": [{"f_n": {"spans": [[0, 3]]}}]}, text) == (0, 0)
    assert one(
        ITEMS, {"items": [{"f_n": {"spans": [[0, 3]]}, "f_q": None}]}, {"items": [{"f_n": {"spans": [[0, 3]]}}]}, text
    ) == (1, 1)


def test_what_is_not_there_counts_rightly():
    fields = [DATE, PAID]
    yes, day = {"value": True}, {"value": "2026-01-02"}
    truth = [
        {"f_d": None, "f_p": yes},
        {"f_d": None, "f_p": yes},
        {"f_d": day, "f_p": yes},
        {"f_d": day, "f_p": yes},
        {"f_p": yes},
    ]
    answer = [
        {"f_d": None, "f_p": yes},
        {"f_d": day, "f_p": yes},
        {"f_p": yes},
        {"f_d": day, "f_p": yes},
        {"f_d": day, "f_p": yes},
    ]
    done = object_scores(fields, truth, answer)
    found = done.fields["f_d"]
    assert (found.n, found.n_there, found.n_answered) == (4, 2, 2), "a field that nobody looked at does not count"
    assert (found.invented, found.missed, found.wrong) == (1, 1, 0)
    assert found.normalised == 0.5
    assert found.normalised_ci95 == wilson(2, 4)
    assert (found.precision, found.recall) == (0.5, 0.5)
    assert (found.precision_ci95, found.recall_ci95) == (wilson(1, 2), wilson(1, 2))
    assert done.fields["f_p"].n == 5
    assert (done.n, done.n_whole) == (5, 4)
    assert done.normalised == 0.5
    assert done.normalised_ci95 == wilson(2, 4)
    counted, right = done.whole
    assert counted.tolist() == [True, True, True, True, False]
    assert right.tolist() == [True, False, False, True, False]


def test_whole_objects_are_as_right_as_all_their_fields():
    rng = np.random.default_rng(0)
    fields = [Field(f"f_{k}", f"n{k}", FieldType.BOOLEAN) for k in range(3)]
    truth = [{f.field_id: {"value": bool(rng.integers(2))} for f in fields} for _ in range(400)]
    answer = [{i: {"value": a["value"] if rng.random() < 0.9 else not a["value"]} for i, a in t.items()} for t in truth]
    done = object_scores(fields, truth, answer)
    assert done.normalised == np.mean([t == a for t, a in zip(truth, answer, strict=True)])
    assert done.normalised < min(s.normalised for s in done.fields.values())
    assert done.normalised_ci95[0] < 0.729 < done.normalised_ci95[1]
    better = object_scores(fields, truth, truth)
    assert mcnemar(better.whole[1], done.whole[1]).difference == pytest.approx(1 - done.normalised)


def test_nothing_to_score():
    done = object_scores([DATE], [], [])
    assert (done.n, done.normalised, done.normalised_ci95) == (0, 0.0, (0.0, 1.0))
    unlabelled = object_scores([DATE], [{}], [{"f_d": {"value": "2026-01-01"}}])
    assert (unlabelled.n, unlabelled.n_whole, unlabelled.fields["f_d"].n) == (1, 0, 0)
    with pytest.raises(ValueError, match="1 true objects, 0 answers"):
        object_scores([DATE], [{}], [])


def test_words_without_what_does_not_matter():
    assert plain_words("ＡＣＭＥ\u00a0ltd") == "acme ltd"
    assert plain_words("...") == "..."
    assert plain_words("a.b") != plain_words("ab")
