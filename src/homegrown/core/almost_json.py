"""JSON as language models write it: in a fence, with commas too many, comments, other quotes, or cut off.

What JSON is, is read as JSON. Else what was surely meant is read, and said what was repaired; what was cut off loses
its unfinished end and nothing else.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

MOST_DEPTH = 64
MOST_CHARS = 4_000_000
_LONGEST_NUMBER = 1_000
FENCE, WORDS, COMMAS, COMMENTS = "a fence round it", "words round it", "commas", "comments"
QUOTES, NAMES, CUT = "quotes", "names as no JSON has them", "cut off"
_FENCED = re.compile(r"```[\w-]*[ \t]*\n(.*?)(?:\n[ \t]*```|\Z)", re.S)
_BARE = re.compile(r"[^\W\d][\w$-]*")
_NUMBER = re.compile(r"-?(?:\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)")
_DIGITS_TO_END = re.compile(r"-?(?:\d[\d.eE+-]*)?\Z")
_WORDS = {"true": True, "True": True, "false": False, "False": False, "null": None, "None": None, "undefined": None}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_PAIRS = {'"': '"', "'": "'", "“": "”", "‘": "’", "`": "`"}


class Almost(NamedTuple):
    """What was read.

    Attributes:
        value: an object or a list.
        repairs: what had to be done to it, of the module's names; none where it was JSON.
    """

    value: Any
    repairs: tuple[str, ...] = ()

    @property
    def is_cut(self) -> bool:
        """Whether its end is missing, so that what is not there may only have been lost."""
        return CUT in self.repairs


def almost_json(text: str) -> Almost:
    r"""The JSON object or list that *text* is, or almost is.

    Raises:
        ValueError: there is none, or it cannot be told what was meant; a sentence.

    Example:
        >>> almost_json("Here: {'total': 12.5, // in EUR\n 'paid': true,}")
        Almost(value={'total': 12.5, 'paid': True}, repairs=('commas', 'comments', 'quotes', 'words round it'))
        >>> almost_json('{"who": "Ann", "day": "2026-0').value
        {'who': 'Ann'}
    """
    if len(text) > MOST_CHARS:
        raise ValueError(f"The answer has more than {MOST_CHARS:,} characters.")
    try:
        found = json.loads(text, object_pairs_hook=_once)
        if isinstance(found, (dict, list)):
            return Almost(_kept(found))
    except _TwiceError:
        raise
    except (ValueError, RecursionError):
        pass
    repairs, inner = set[str](), text
    opens = min((i for i in (text.find("{"), text.find("[")) if i >= 0), default=-1)
    fenced = _FENCED.search(text)
    if fenced is not None and fenced.start() < opens:  # not one inside of a string
        inner = fenced[1]
        repairs.add(FENCE)
        if text[: fenced.start()].strip() or text[fenced.end() :].strip():
            repairs.add(WORDS)
    start = min((i for i in (inner.find("{"), inner.find("[")) if i >= 0), default=-1)
    if start < 0:
        raise ValueError("The answer holds no JSON object.")
    reader = _Reader(inner, start, repairs)
    value = reader.value(0)
    if inner[:start].strip() or (not reader.is_cut and inner[reader.at :].strip()):
        repairs.add(WORDS)
    if reader.is_cut:
        repairs.add(CUT)
    return Almost(_kept(value), tuple(sorted(repairs)))


class _TwiceError(ValueError):
    """One name has two values, and nothing tells which is meant."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The answer says {name[:60]!r} twice, differently.")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found and found[name] != value:
            raise _TwiceError(name)
        found[name] = value
    return found


def _kept(value: Any) -> Any:
    """The same without halves of surrogate pairs, which nothing can keep."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_kept(k): _kept(v) for k, v in value.items()}
    return [_kept(v) for v in value] if isinstance(value, list) else value


class _Unfinished:
    """Stands for a value of which the end is missing."""


class _Reader:
    def __init__(self, text: str, at: int, repairs: set[str]) -> None:
        self._text, self.at, self._repairs = text, at, repairs
        self.is_cut = False

    def _skip(self) -> str:
        """The next sign that is neither space nor comment; empty at the end."""
        text = self._text
        while self.at < len(text):
            here = text[self.at]
            if here.isspace():
                self.at += 1
            elif text.startswith(("//", "#"), self.at):
                self._repairs.add(COMMENTS)
                end = text.find("\n", self.at)
                self.at = len(text) if end < 0 else end
            elif text.startswith("/*", self.at):
                self._repairs.add(COMMENTS)
                end = text.find("*/", self.at)
                self.at = len(text) if end < 0 else end + 2
            else:
                return here
        return ""

    def value(self, depth: int) -> Any:
        if depth > MOST_DEPTH:
            raise ValueError("The answer is nested too deep.")
        here = self._skip()
        if here == "{":
            return self._members(depth)
        if here == "[":
            return self._elements(depth)
        if here in _PAIRS and here:
            return self._string()
        return self._word()

    def _members(self, depth: int) -> dict[str, Any]:
        self.at += 1
        found: dict[str, Any] = {}
        while self._more("}", is_first=not found):
            name = self._name()
            if name is None or not self._colon():
                self.is_cut = True
                break
            if (value := self.value(depth + 1)) is _Unfinished:
                break
            if name in found and found[name] != value:
                raise _TwiceError(name)
            found[name] = value
            if self.is_cut:
                break
        return found

    def _elements(self, depth: int) -> list[Any]:
        self.at += 1
        found: list[Any] = []
        while self._more("]", is_first=not found):
            if (value := self.value(depth + 1)) is _Unfinished:
                break
            found.append(value)
            if self.is_cut:
                break
        return found

    def _more(self, end: str, *, is_first: bool) -> bool:
        """Whether another part follows; commas between are eaten, and the end."""
        here, n = self._skip(), 0
        while here == ",":
            self.at += 1
            n += 1
            here = self._skip()
        if n > 1 or (n and here == end):
            self._repairs.add(COMMAS)
        if here == end:
            self.at += 1
            return False
        if not here:
            self.is_cut = True
            return False
        if here in "}]":
            raise ValueError(f"The answer is no JSON: {here!r} closes what it did not open.")
        if not n and not is_first:
            self._repairs.add(COMMAS)
        return True

    def _name(self) -> str | None:
        here = self._skip()
        if here in _PAIRS and here:
            said = self._string()
            return None if said is _Unfinished else said
        bare = _BARE.match(self._text, self.at)
        if bare is None:
            raise ValueError(f"The answer is no JSON: a name was expected where {self._text[self.at :][:20]!r} stands.")
        self.at = bare.end()
        if self.at == len(self._text):
            return None
        self._repairs.add(NAMES)
        return bare[0]

    def _colon(self) -> bool:
        here = self._skip()
        if here == ":":
            self.at += 1
            return bool(self._skip())
        if not here:
            return False
        raise ValueError(f"The answer is no JSON: a colon was expected where {self._text[self.at :][:20]!r} stands.")

    def _string(self) -> Any:
        text, mark = self._text, self._text[self.at]
        if mark != '"':
            self._repairs.add(QUOTES)
        end, parts = _PAIRS[mark], list[str]()
        self.at += 1
        while self.at < len(text):
            here = text[self.at]
            if here == "\\" and self.at + 1 < len(text):
                parts.append(self._escape())
            elif here == end:
                self.at += 1
                return "".join(parts)
            else:
                parts.append(here)
                self.at += 1
        self.is_cut = True
        return _Unfinished

    def _escape(self) -> str:
        sign = self._text[self.at + 1]
        digits = self._text[self.at + 2 : self.at + 6]
        if sign == "u" and re.fullmatch(r"[0-9a-fA-F]{4}", digits):
            self.at += 6
            high = int(digits, 16)
            low = re.match(r"\\u([dD][c-fC-F][0-9a-fA-F]{2})", self._text[self.at : self.at + 6])
            if 0xD800 <= high < 0xDC00 and low:
                self.at += 6
                return chr(0x10000 + ((high - 0xD800) << 10) + int(low[1], 16) - 0xDC00)
            return chr(high) if not 0xD800 <= high < 0xE000 else "\ufffd"
        self.at += 2
        return _ESCAPES.get(sign, sign)

    def _word(self) -> Any:
        """A number, or true, false and null by any of their names."""
        if _DIGITS_TO_END.match(self._text, self.at):  # more of them may have followed
            self.is_cut = True
            return _Unfinished
        number = _NUMBER.match(self._text, self.at)
        if number is not None:
            self.at = number.end()
            if len(number[0]) > _LONGEST_NUMBER:  # no number that anybody meant: what is asked of it can tell
                return number[0]
            return json.loads(number[0]) if not re.match(r"-?0\d", number[0]) else float(number[0])
        bare = _BARE.match(self._text, self.at)
        if bare is None:
            raise ValueError(
                f"The answer is no JSON: a value was expected where {self._text[self.at :][:20]!r} stands."
            )
        if bare[0] not in _WORDS:
            if bare.end() == len(self._text):
                self.is_cut = True
                return _Unfinished
            raise ValueError(f"The answer is no JSON: {bare[0][:40]!r} is no value.")
        self.at = bare.end()
        if bare[0] not in ("true", "false", "null"):
            self._repairs.add(NAMES)
        return _WORDS[bare[0]]
