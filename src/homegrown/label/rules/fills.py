"""What a rule as data says of the fields of an object: words that it finds in texts, read by the field's type.

Patterns run in RE2 (by Arrow), whose time is linear in the text whatever the pattern: none can be made to hang.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from homegrown.core.documents import answer_in
from homegrown.core.field_names import by_any_name
from homegrown.core.ids import canonical_json
from homegrown.core.rules import Fill, LineFill, NearFill, PatternFill, PhrasesFill, ValueFill
from homegrown.core.schema import Field, FieldType, checked_value
from homegrown.core.spans import Span
from homegrown.errors import InputError
from homegrown.inference.candidates import Reading
from homegrown.label.marked import UNMARKED, marked_answer
from homegrown.label.rules.conditions import literal
from homegrown.label.rules.near import LineFinder, NearFinder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from homegrown.core.tasks import Task

MOST_MATCHES = 200
_WHOLE = "whole__match"
_GROUP = re.compile(r"\(\?P?<([A-Za-z_]\w*)>")
#: of a pattern: what is quoted or escaped, a set of characters, a group with a word of its own, and a plain one
_PART = re.compile(r"\\Q.*?(?:\\E|\Z)|\\.|\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\]|\(\?|\(", re.DOTALL)


@dataclass(slots=True)
class Unread:
    """Values that are no votes.

    Attributes:
        n: how many.
        first: record id and sentence of the first.
        by_field: how often by the sentence's beginning.
    """

    n: int = 0
    first: tuple[str, str] | None = None
    by_field: Counter[str] = field(default_factory=Counter)

    def add(self, record_id: str, why: str) -> None:
        """One more."""
        self.n += 1
        self.first = self.first or (record_id, why)

    @property
    def sentence(self) -> str:
        """All of it in one sentence; empty where there is nothing."""
        if self.first is None:
            return ""
        values = "1 value is no vote" if self.n == 1 else f"{self.n:,} values are no votes, the first"
        return f"{values} (record {self.first[0]}): {self.first[1].rstrip('.')}."


class Filler:
    """The fills of a rule, ready for texts.

    Args:
        task: whose answer is an object.
        fills: of the rule.
        reading: how values are written in its texts.

    Raises:
        InputError: a field is unknown or takes no words, a value is none of its type, or a pattern cannot be used.
    """

    def __init__(self, task: Task, fills: Sequence[Fill], reading: Reading | None = None) -> None:
        self._task = task
        self._reading = reading or Reading()
        self._ways = asdict(self._reading)
        self._fields = by_any_name(task.fields)
        self._said: dict[str, Any] = {}
        self._finders = []
        for one in fills:
            if isinstance(one, ValueFill):
                self._constant(one)
            else:
                self._finders.append(self._finder(one))

    @property
    def field_ids(self) -> frozenset[str]:
        """Of the fields that may be filled."""
        return frozenset(self._said) | {f.field_id for one in self._finders for f in one.fields}

    @staticmethod
    def groups_of(pattern: str) -> list[str]:
        """The names of a pattern's groups."""
        return _GROUP.findall(pattern)

    def _named(self, name: str) -> Field:
        if name not in self._fields:
            names = ", ".join(f.name for f in self._task.fields)
            raise InputError(f"The task {self._task.name!r} has no field {name!r}. Fields: {names}.")
        return self._fields[name]

    def _constant(self, one: ValueFill) -> None:
        target = self._named(one.field)
        if target.type in (FieldType.SPAN, FieldType.LIST) and one.value is not None:
            raise InputError(f"“{target.name}” is a {target.type.value}; a value of its own fills no such field.")
        read = answer_in((target,), {target.name: one.value}, "")
        if read.problems:
            raise InputError(read.problems[0])
        self._said |= read.value["fields"]

    def _finder(self, one: PatternFill | PhrasesFill | NearFill | LineFill) -> _Finder | NearFinder | LineFinder:
        if isinstance(one, LineFill):
            return LineFinder(self._words(one.field), one, self._reading)
        if isinstance(one, NearFill):
            check_which(one.which, [self._words(one.field)])
            return NearFinder(self._words(one.field), one, self._reading)
        if isinstance(one, PhrasesFill):
            return _Finder(phrases_pattern(one.any), {"phrase": self._words(one.field)}, one)
        names = [n for n in self.groups_of(one.pattern) if n in self._fields]
        if one.field:
            return _Finder(f"(?P<{_WHOLE}>{one.pattern})", {_WHOLE: self._words(one.field)}, one)
        if not names:
            raise InputError(
                f"The pattern {one.pattern[:80]!r} fills no field: name a group like one, such as "
                f"(?P<{self._task.fields[0].name}>…), or say which field all of it fills."
            )
        return _Finder(one.pattern, {n: self._words(n) for n in names}, one)

    def _words(self, name: str) -> Field:
        target = self._named(name)
        if target.type in UNMARKED:
            raise InputError(f"“{name}” is a {target.type.value}; words of a text fill no such field, a value does.")
        return target

    def values(self, record_ids: Sequence[str], texts: Sequence[str], unread: Unread) -> list[str | None]:
        """The vote's value (JSON) for each text; None where nothing fills anything."""
        marks: list[dict[str, list[Span]]] = [{} for _ in texts]
        for finder in self._finders:
            for row, name, span in finder.find(texts):
                marks[row].setdefault(name, []).append(span)
        return [self._value(*each, unread) for each in zip(record_ids, texts, marks, strict=True)]

    def _value(self, record_id: str, text: str, marks: Mapping[str, list[Span]], unread: Unread) -> str | None:
        found = dict(self._said)
        for name, spans in marks.items():
            target = self._fields[name]
            try:
                found[target.field_id] = marked_answer(target, sorted(set(spans)), text, **self._ways)
            except InputError as problem:
                unread.add(record_id, problem.message)
        if not found:
            return None
        return canonical_json(checked_value(self._task.fields, {"fields": found}, text)).decode()


def check_which(which: str, fields: Sequence[Field]) -> None:
    """Refuse all of several matches for a field that takes one answer.

    Raises:
        InputError: which field does.
    """
    single = next((f.name for f in fields if not f.takes_many), None)
    if which == "all" and single is not None:
        raise InputError(f"“{single}” takes one answer; of several matches the first or the last can fill it.")


class _Finder:
    """A pattern whose groups fill fields."""

    def __init__(self, pattern: str, groups: Mapping[str, Field], how: PatternFill | PhrasesFill) -> None:
        self._pattern = ("" if how.case else "(?i)") + named_alone(pattern)
        self._groups, self._which = groups, how.which
        check_which(how.which, list(groups.values()))
        try:
            pc.extract_regex_span(pa.array([""]), self._pattern)
        except pa.ArrowInvalid as error:
            said = str(error).removeprefix("Invalid regular expression: ").rstrip(".")
            raise InputError(
                f"The pattern {pattern[:80]!r} cannot be used: {said[:200]}. Patterns are RE2's: no look-around, "
                "no references back."
            ) from error

    @property
    def fields(self) -> Iterable[Field]:
        """Those that its groups fill."""
        return self._groups.values()

    def find(self, texts: Sequence[str]) -> Iterable[tuple[int, str, Span]]:
        """Row, name of the field and span of each match that counts."""
        held = {i: text.encode("utf-8", "replace") for i, text in enumerate(texts)}
        cut = dict.fromkeys(held, 0)
        last: dict[int, list[tuple[int, str, Span]]] = {}
        for _ in range(MOST_MATCHES if self._which != "first" else 1):
            rows = list(held)
            if not rows:
                break
            found = pc.extract_regex_span(pa.array([held[i] for i in rows]).cast(pa.string()), self._pattern)
            for row, groups in zip(rows, found.to_pylist(), strict=True):
                matches = (
                    {}
                    if groups is None
                    else {n: s for n, s in groups.items() if s is not None and s[1] > 0 and s[0] >= cut[row]}
                )
                mine = [
                    (row, f.name, _span(texts[row], matches[n][0], matches[n][1], f.name))
                    for n, f in self._groups.items()
                    if n in matches
                ]
                if not mine:
                    del held[row]
                elif self._which == "last":
                    last[row] = mine
                else:
                    yield from mine
                if mine and self._which != "first":
                    # What was found is blotted out, so that the next match is found behind it, each offset kept.
                    cut[row] = max(start + n for start, n in matches.values())
                    held[row] = b"\x00" * cut[row] + held[row][cut[row] :]
        for mine in last.values():
            yield from mine


def _span(text: str, start: int, length: int, name: str) -> Span:
    """A span of bytes as one of code points."""
    if text.isascii():
        return Span(start, start + length, name)
    raw = text.encode("utf-8", "replace")
    before = len(raw[:start].decode())
    return Span(before, before + len(raw[start : start + length].decode()), name)


def named_alone(pattern: str) -> str:
    r"""A pattern in which a group without a name only groups, as Arrow wants it.

    Example:
        >>> named_alone(r"(a|b)\([(]) (?P<x>c(d)) (?i)\Q(\E")
        '(?:a|b)\\([(]) (?P<x>c(?:d)) (?i)\\Q(\\E'
    """
    return _PART.sub(lambda m: "(?:" if m[0] == "(" else m[0], pattern)


def phrases_pattern(phrases: Sequence[str]) -> str:
    """The pattern whose group ``phrase`` is one of *phrases* as whole words, the longest first.

    Example:
        >>> pc.extract_regex_span(["by Ann Lee!"], phrases_pattern(["Ann", "Ann  Lee"])).to_pylist()
        [{'phrase': [3, 7]}]
    """
    whole = sorted({" ".join(p.split()) for p in phrases if p.strip()}, key=lambda p: (-len(p), p))
    parts = [r"\s+".join(literal(piece) for piece in p.split()) for p in whole]
    return rf"(?:^|[^\pL\pN_])(?P<phrase>{'|'.join(parts)})(?:$|[^\pL\pN_])"
