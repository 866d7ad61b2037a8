"""Pages laid out by the boxes of their words."""

import pytest

from homegrown.core.layout import is_page, laid_out
from homegrown.errors import InputError


def box(text: str, left: float, top: float, width: float = 60, height: float = 10) -> dict:
    return {"text": text, "box": [left, top, left + width, top + height]}


def test_columns_become_lines_though_the_page_is_askew() -> None:
    labels = [box(f"label {i}", 0, 20 * i) for i in range(12)]
    amounts = [box(f"{i}.50", 400, 20 * i + 4, 40) for i in range(12)]
    assert laid_out(labels + amounts).split("\n") == [f"label {i}\t{i}.50" for i in range(12)]


def test_what_stands_above_is_another_line_however_near() -> None:
    assert laid_out([box("two", 5, 3), box("one", 0, 0)]) == "one\ntwo"


def test_corners_in_any_order_and_white_space_within() -> None:
    one = {"text": "Grand\n total", "box": [60, 10, 0, 10, 0, 0, 60, 0]}
    assert laid_out([box("9.90", 90, 1), one]) == "Grand total\t9.90"
    assert is_page([one])
    assert laid_out([]) == ""


@pytest.mark.parametrize(
    "bad", [{"text": "a", "box": [1, 2, 3]}, {"text": 3, "box": [0, 0, 1, 1]}, {"text": "a", "box": ["x", 0, 1, 1]}]
)
def test_a_box_without_a_place_is_refused_in_a_sentence(bad: dict) -> None:
    with pytest.raises(InputError, match="box"):
        laid_out([bad])
