"""Rows of which only the values are known are placed where these stand together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homegrown.core.documents import answer_in
from homegrown.core.row_places import row_places
from homegrown.core.schema import Field, FieldType

PLACES = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 4)).map(lambda p: (p[0], p[0] + p[1])), max_size=4).map(
    sorted
)


@given(st.lists(st.lists(PLACES, max_size=3), max_size=4))
def test_each_place_is_of_one_value_and_one_where_it_stands(rows):
    found = row_places("x" * 50, rows)
    assert [len(row) for row in found] == [len(row) for row in rows]
    taken = [p for row in found for p in row if p is not None]
    assert len(set(taken)) == len(taken)
    assert not any(a < d and c < b for i, (a, b) in enumerate(taken) for c, d in taken[:i])
    for chosen, places in zip(found, rows, strict=True):
        assert all(p is None or p in some for p, some in zip(chosen, places, strict=True))


def test_a_row_before_the_last_is_taken_where_there_is_none_behind():
    assert row_places("x" * 50, [[[(30, 31)]], [[(3, 4)]]]) == [[(30, 31)], [(3, 4)]]
    assert row_places("x" * 50, [[[(3, 4)]], [[(3, 4)]]]) == [[(3, 4)], [None]]
    assert row_places("", []) == []


@pytest.mark.parametrize("n", [1, 2, 3])
def test_words_that_stand_in_several_rows_are_each_rows_own(n):
    one = Field(
        "g", "rows", FieldType.LIST, fields=(Field("w", "what", FieldType.SPAN), Field("b", "by", FieldType.SPAN))
    )
    text = "Tea House for all\n" + "\n".join(f"Tea by {w}" for w in ("Ann", "Bob", "Ann"))
    said = {"rows": [{"what": "tea", "by": w} for w in ("Ann", "Bob", "Ann")[:n]]}
    items = answer_in((one,), said, text).value["fields"]["g"]["items"]
    assert [i["w"]["spans"][0][0] for i in items] == [18, 29, 40][:n]
    assert [i["b"]["spans"][0][0] for i in items] == [25, 36, 47][:n]


def test_rows_in_one_line_are_placed_together():
    text = "Tea by Ann, Tea by Bob, Tea by Cleo"
    teas = [(0, 3), (12, 15), (24, 27)]
    rows = [[teas, [(a, b)]] for a, b in ((7, 10), (19, 22), (31, 35))]
    assert row_places(text, rows) == [[t, w[1][0]] for t, w in zip(teas, rows, strict=True)]


def test_fifty_rows_alike_have_fifty_places():
    text = "\n".join(f"{i} Tea 3.50" for i in range(10, 60))
    teas, prices = [[(i * 11 + a, i * 11 + b) for i in range(50)] for a, b in ((3, 6), (7, 11))]
    assert row_places(text, [[teas, prices]] * 50) == [list(p) for p in zip(teas, prices, strict=True)]
