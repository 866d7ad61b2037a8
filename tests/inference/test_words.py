"""Words and their places, in any writing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homegrown.core.spans import Span
from homegrown.inference.words import grain_of, words_of

TEXTS = st.text(alphabet=st.sampled_from("ab Z9.-\n\t@é\u0301ß中文ไทย🙂👍🏽\u200d🇩🇪\ud83d"), max_size=40)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Flat 12b, 4th floor", ["Flat", "12", "b", ",", "4", "th", "floor"]),
        ("cafe\u0301 noir", ["cafe\u0301", "noir"]),
        ("我的卡", ["我", "的", "卡"]),
        ("กำ ok", ["กำ"[0], "กำ"[1:], "ok"]),
        ("hi 👩‍👩‍👧👍🏽!", ["hi", "👩‍👩‍👧", "👍🏽", "!"]),
        ("🇩🇪🇫🇷", ["🇩🇪", "🇫🇷"]),
        ("", []),
        (" \n ", []),
    ],
)
def test_fine_words(text: str, words: list[str]) -> None:
    assert words_of(text).strings(text) == words


@given(TEXTS, st.sampled_from(["fine", "chunks"]))
def test_words_cover_all_that_is_no_space_once(text: str, grain: str) -> None:
    words = words_of(text, grain)  # type: ignore[arg-type]
    covered = np.zeros(len(text), int)
    for start, end in zip(words.starts, words.ends, strict=True):
        assert start < end
        covered[start:end] += 1
    assert covered.tolist() == [int(not c.isspace()) for c in text]


def test_what_stands_before_a_word() -> None:
    assert words_of("a-b c\n d").before.tolist() == [2, 0, 0, 1, 2]


def test_the_grain_says_every_span() -> None:
    assert grain_of(["No. 12b now"], [[Span(0, 7, "x")]]) == "chunks"
    assert grain_of(["No. 12b now"], [[Span(4, 6, "x")]]) == "fine"
    assert grain_of(["我的卡"], [[Span(2, 3, "x")]]) == "fine"
