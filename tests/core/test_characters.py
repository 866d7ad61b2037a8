"""Words are found where nothing stands between them, and what is seen as one character is never parted."""

import pytest

from homegrown.core.characters import parts_character
from homegrown.core.documents import answer_in, places_of
from homegrown.core.schema import Field, FieldType, checked_value
from homegrown.core.spans import Span, check_whole
from homegrown.errors import InputError

CHARACTERS = [
    "a", "e\u0301", "한", "\u1112\u1161\u11ab", "👍🏽", "👩\u200d🚀", "🇩🇪", "❤\ufe0f", "1\ufe0f\u20e3", "ที่", "क्षि",
    "🏴\U000e0067\U000e0062\U000e007f", "\r\n", "中", "\u0301",
]  # fmt: skip


def test_no_cut_is_within_a_character_and_every_other_one_is_free():
    text = " ".join(CHARACTERS)
    edges = {0, len(text)}
    for one in CHARACTERS:
        at = sum(len(c) + 1 for c in CHARACTERS[: CHARACTERS.index(one)])
        edges |= {at, at + len(one)}
    parted = {i for i in range(len(text) + 1) if parts_character(text, i)}
    assert not parted & edges
    # क् and षि are two clusters by the default rules; all else is whole.
    assert set(range(len(text) + 1)) - edges - parted == {text.index("क्षि") + 2}
    assert [parts_character("🇩🇪🇫🇷", i) for i in range(5)] == [False, True, False, True, False]


@pytest.mark.parametrize(
    ("words", "text", "found"),
    [
        ("三菱銀行", "我在三菱銀行开户", ["三菱銀行"]),
        ("ธนาคารกรุงเทพ", "โอนจากธนาคารกรุงเทพวันนี้", ["ธนาคารกรุงเทพ"]),
        ("서울", "서울에서 부산까지", ["서울"]),
        ("東京 タワー", "明日は東京\nタワーへ", ["東京\nタワー"]),
        ("Zo\u00eb", "for Zoe\u0308, Zo\u00eb", ["Zoe\u0308", "Zo\u00eb"]),
        ("Zoe", "for Zoe\u0308", []),
        ("👩", "👩\u200d🚀 👩", ["👩"]),
        ("card", "我的card在", ["card"]),
        ("car", "我的card在", []),
        ("ACME, Zo\u00eb & Co", "ACME Zoe\u0308 Co", ["ACME Zoe\u0308 Co"]),
        ("x" * 1_000_000, "xx", []),
    ],
)
def test_words_are_found_in_any_script_and_whole(words, text, found):
    assert [text[a:b] for a, b in places_of(words, text)] == found


def test_a_span_that_parts_a_character_is_no_vote():
    who = (Field("f_1", "who", FieldType.SPAN),)
    text = "👩\u200d🚀 Zoe\u0308"
    for span in ([0, 1], [2, 3], [4, 7]):
        with pytest.raises(InputError, match=r"parts a character .* count code points, not bytes or UTF-16"):
            checked_value(who, {"fields": {"f_1": {"spans": [span]}}}, text)
    assert checked_value(who, {"fields": {"f_1": {"spans": [[4, 8]]}}}, text)
    check_whole(text, [Span(0, 3, "x")])


def test_a_number_that_stands_as_words_is_looked_for_as_words():
    who = (Field("f_1", "room", FieldType.SPAN),)
    assert answer_in(who, {"room": 12}, "room 12").value["fields"] == {"f_1": {"spans": [[5, 7]]}}
    assert answer_in(who, {"room": [1.5]}, "room 1.5").problems == ["“room”: '1.5' is no text."]
