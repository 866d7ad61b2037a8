"""Texts to words with their places: what spans are made of.

Two grains. ``fine``: a run of letters, a run of digits, or one other sign; writing without spaces between words falls
into single characters. ``chunks``: whatever stands between white space. Places count code points.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from homegrown.core.characters import UNSPACED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from homegrown.core.spans import Span

Grain = Literal["fine", "chunks"]
#: of ``Words.before``
LINE_BREAK = 2

_CHUNKS = re.compile(r"\S+")
_BREAKS = re.compile(r"\n")
_ASCII = re.compile(r"[A-Za-z]+|[0-9]+|[^\sA-Za-z0-9]")
_JOINER = "\u200d"
_UNSPACED = re.compile(f"[{UNSPACED}]")


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one text.

    Attributes:
        starts / ends: int32 [n], code points, the end exclusive; no word is empty, and none overlaps another.
        before: int8 [n], what stands before the word: 0 nothing (it goes on a chunk), 1 white space, 2 a line break or
            the beginning of the text.
    """

    starts: np.ndarray
    ends: np.ndarray
    before: np.ndarray

    def __len__(self) -> int:
        return len(self.starts)

    def strings(self, text: str) -> list[str]:
        """The words themselves."""
        return [text[s:e] for s, e in zip(self.starts.tolist(), self.ends.tolist(), strict=True)]


def words_of(text: str, grain: Grain = "fine") -> Words:
    """The words of *text*.

    A combining mark belongs to the character before it, and so do the parts of one emoji.

    Example:
        >>> words_of("No. 12b, ok").strings("No. 12b, ok")
        ['No', '.', '12', 'b', ',', 'ok']
        >>> words_of("No. 12b, ok", "chunks").strings("No. 12b, ok")
        ['No.', '12b,', 'ok']
    """
    if grain == "chunks":
        places = [m.span() for m in _CHUNKS.finditer(text)]
    elif text.isascii():
        places = [m.span() for m in _ASCII.finditer(text)]
    else:
        places = _fine(text)
    flat = np.array(places, np.int32).reshape(-1, 2)
    starts, ends = flat[:, 0], flat[:, 1]
    before = np.full(len(flat), 2, np.int8)
    before[1:] = starts[1:] > ends[:-1]
    if "\n" in text:
        breaks = np.array([m.start() for m in _BREAKS.finditer(text)])
        n_broken = np.searchsorted(breaks, starts)
        before[1:][n_broken[1:] > n_broken[:-1]] = 2
    return Words(starts, ends, before)


def grain_of(texts: Iterable[str], spans: Iterable[Iterable[Span]]) -> Grain:
    """The grain in which all *spans* of *texts* can be said: ``chunks`` where each begins and ends beside white space.

    Example:
        >>> from homegrown.core.spans import Span
        >>> grain_of(["my card, please"], [[Span(3, 7, "what")]]), grain_of(["my card"], [[Span(3, 7, "what")]])
        ('fine', 'chunks')
    """
    for text, found in zip(texts, spans, strict=True):
        for span in found:
            before, after = text[span.start - 1 : span.start], text[span.end : span.end + 1]
            inside = text[span.start : span.end]
            if before.strip() or after.strip() or inside != inside.strip():
                return "fine"
    return "chunks"


def _fine(text: str) -> list[tuple[int, int]]:
    places: list[tuple[int, int]] = []
    start, last = 0, ""
    for i, character in enumerate(text):
        kind = _kind(character)
        if kind == "mark" and last not in ("", " "):
            continue
        joined = i and text[i - 1] == _JOINER and last not in ("", " ")
        if joined or (kind == last and kind in ("letter", "digit")):
            continue
        if last == "flag" and kind == "flag":
            last = "sign"  # two letters make one flag, a third begins the next
            continue
        if last not in ("", " "):
            places.append((start, i))
        start, last = i, ("sign" if kind == "mark" else kind)
    if last not in ("", " "):
        places.append((start, len(text)))
    return places


def _kind(character: str) -> str:
    if character.isspace():
        return " "
    category = unicodedata.category(character)
    if category[0] == "M" or character == _JOINER or "\U0001f3fb" <= character <= "\U0001f3ff":
        return "mark"
    if category[0] == "L":
        return "one" if _UNSPACED.match(character) else "letter"
    if category == "Nd":
        return "digit"
    return "flag" if "\U0001f1e6" <= character <= "\U0001f1ff" else "sign"
