"""What a reader sees as one character, and which scripts put no space between words.

A subset of the rules of Unicode's annex 29 for grapheme clusters: what people mark begins and ends between these.
"""

from __future__ import annotations

import re
import unicodedata

#: inside of a regular expression's brackets: Thai to Burmese, Khmer, kana, Chinese characters
UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
_HANGUL = "\u1100-\u11ff\uac00-\ud7a3"
#: a letter, digit or underscore of a script that sets words apart; Korean endings stand at the word itself
OF_A_WORD = rf"[^\W{UNSPACED}{_HANGUL}]"
_JOINER = "\u200d"
_FOLLOWS = re.compile("[\u200c\u200d\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]")
_FLAG = re.compile("[\U0001f1e6-\U0001f1ff]")
_VOWEL_OR_TAIL = re.compile("[\u1160-\u11ff]")


def parts_character(text: str, at: int) -> bool:
    r"""Whether a cut before the code point *at* of *text* parts what is seen as one character.

    Example:
        >>> [parts_character(text, 1) for text in ("ab", "e\u0301", "👍🏽", "\U0001f1e9\U0001f1ea", "\r\n")]
        [False, True, True, True, True]
    """
    if not 0 < at < len(text):
        return False
    before, here = text[at - 1], text[at]
    if here.isascii():
        return before == "\r" and here == "\n"
    if before.isspace() or unicodedata.category(before) == "Cc":
        return False
    if unicodedata.category(here)[0] == "M" or _FOLLOWS.match(here):
        return True
    if before == _JOINER:
        return unicodedata.category(here)[0] == "S"
    if _FLAG.match(here):
        first = at
        while first and _FLAG.match(text[first - 1]):
            first -= 1
        return (at - first) % 2 == 1
    return bool(_VOWEL_OR_TAIL.match(here)) and "\u1100" <= before <= "\u11ff"


def letters_of(words: str) -> str:
    r"""A regular expression for *words* in which a letter with an accent may be one sign or several.

    Example:
        >>> bool(re.fullmatch(letters_of("Zo\u00eb"), "Zoe\u0308"))
        True
    """
    if words.isascii():
        return re.escape(words)
    found = []
    for sign in unicodedata.normalize("NFC", words):
        apart = unicodedata.normalize("NFD", sign)
        found.append(re.escape(sign) if apart == sign else f"(?:{re.escape(sign)}|{re.escape(apart)})")
    return "".join(found)
