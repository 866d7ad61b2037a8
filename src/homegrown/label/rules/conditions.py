"""Which records a rule as data is about: its conditions, each answered for many records at once.

Patterns run in RE2 (by Arrow), whose time is linear in the text whatever the pattern: none can be made to hang.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from homegrown.core.rules import Condition, Field, ModelSays, Pattern, Rule, Similar, Sql, Words
from homegrown.errors import InputError
from homegrown.store.fields import column_values

if TYPE_CHECKING:
    from homegrown.core.tasks import Task
    from homegrown.inference.candidates import Reading

COLUMNS = ["record_id", "text", "fields"]
_WORD = r"[\pL\pN_]"


@dataclass(frozen=True, slots=True)
class Helpers:
    """What conditions need of other rooms, handed in by the workspace.

    Attributes:
        selected: ids of the records for which a SQL predicate holds; at most so many, where a number is given.
        nearness: cosine float32 [n_texts] of each text to the nearest of some examples.
        probs: probability float [n_texts] that the named model gives the named class.
        texts: texts by record id.
        reading: how values are written in the texts of a task whose answer is an object.
    """

    selected: Callable[[str, int | None], pa.Array]
    nearness: Callable[[Sequence[str], list[str]], np.ndarray]
    probs: Callable[[str, str, list[str]], np.ndarray]
    texts: Callable[[list[str]], dict[str, str]]
    reading: Callable[[Task], Reading]


class Matcher:
    """A rule, ready to be asked of batches; what SQL selects is asked for once.

    Args:
        rule: as data.
        helpers: other rooms' abilities.

    Attributes:
        near: to the first condition of likeness, for each row of the last batch that the cheaper conditions left.

    Raises:
        InputError: a condition cannot be used, with the reason.
    """

    def __init__(self, rule: Rule, helpers: Helpers) -> None:
        self.rule, self._helpers = rule, helpers
        self._selected: dict[str, pa.Array] = {}
        self.near: np.ndarray | None = None
        # The cheap conditions first: each is asked only of what the ones before leave.
        self._order = sorted(rule.when, key=cost)
        self._like = next((c for c in self._order if isinstance(c, Similar)), None)
        for condition in rule.when:
            check(condition)

    def matches(self, batch: pa.RecordBatch | pa.Table) -> np.ndarray:
        """Which rows of *batch* (``COLUMNS``) all conditions hold for, int64 [n_matches]."""
        rows = np.arange(batch.num_rows)
        for condition in self._order:
            if not len(rows):
                break
            part = batch if len(rows) == batch.num_rows else batch.take(pa.array(rows))
            rows = rows[self._holds(condition, part)]
        return rows

    def _holds(self, condition: Condition, batch: pa.RecordBatch | pa.Table) -> np.ndarray:
        if isinstance(condition, Sql):
            if condition.where not in self._selected:
                self._selected[condition.where] = self._helpers.selected(condition.where, None)
            return _array(pc.is_in(batch["record_id"], value_set=self._selected[condition.where]))
        if isinstance(condition, Similar):
            if condition.threshold is None:
                raise InputError("A condition of likeness has no threshold yet: say yes or no to a few records.")
            texts = batch["text"].to_pylist()
            near = self._helpers.nearness(condition.examples, texts)
            if condition is self._like:
                self.near = near
            return near >= condition.threshold
        if isinstance(condition, ModelSays):
            probs = self._helpers.probs(condition.model, condition.says, batch["text"].to_pylist())
            return probs >= condition.above
        return _of_text(condition, batch)


def cost(condition: Condition) -> int:
    """How dear a condition is to ask: 0 for words, patterns and fields, then SQL, likeness, models."""
    return {Sql: 1, Similar: 2, ModelSays: 3}.get(type(condition), 0)


def check(condition: Condition) -> None:
    """Refuse a condition that says nothing or cannot be read.

    Raises:
        InputError: with the reason.
    """
    if isinstance(condition, Words):
        if not any(w.strip(" *") for w in (*condition.any, *condition.none)):
            raise InputError("A condition on words needs at least one word.")
    elif isinstance(condition, Pattern):
        _search(pa.array([""]), condition.pattern, case=condition.case)
    elif isinstance(condition, Field) and condition.op in ("above", "below"):
        _number(condition.value)


def _of_text(condition: Words | Pattern | Field, batch: pa.RecordBatch | pa.Table) -> np.ndarray:
    if isinstance(condition, Field):
        return _compared(condition, column_values(batch["fields"], condition.field))
    texts = batch["text"] if not condition.field else _strings(column_values(batch["fields"], condition.field))
    if isinstance(condition, Pattern):
        found = _search(texts, condition.pattern, case=condition.case)
        return ~found if condition.is_not else found
    held = np.ones(len(texts), bool)
    if _some(condition.any):
        held &= _search(texts, words_pattern(condition.any), case=condition.case)
    if _some(condition.none):
        held &= ~_search(texts, words_pattern(condition.none), case=condition.case)
    return held


def _some(words: Sequence[str]) -> bool:
    return any(w.strip(" *") for w in words)


def words_pattern(words: Sequence[str]) -> str:
    """The pattern that finds any of *words* whole, or what begins so for those that end in ``*``.

    Example:
        >>> pc.match_substring_regex(["My card!", "discard"], words_pattern(["card"])).to_pylist()
        [True, False]
    """
    parts = []
    for word in words:
        plain = word.strip().rstrip("*").strip()
        if plain:
            body = r"\s+".join(literal(piece) for piece in plain.split())
            parts.append(body + (f"{_WORD}*" if word.rstrip().endswith("*") else ""))
    return rf"(?:^|[^\pL\pN_])(?:{'|'.join(parts)})(?:$|[^\pL\pN_])"


def literal(text: str) -> str:
    """*text* as RE2 reads it literally."""
    return re.sub(r"([^\w])", r"\\\1", text, flags=re.ASCII) if text.isascii() else _quoted(text)


def _quoted(text: str) -> str:
    return "".join(f"\\{c}" if c in r"\.+*?()|[]{}^$" else c for c in text)


def _search(texts: pa.Array | pa.ChunkedArray, pattern: str, *, case: bool) -> np.ndarray:
    try:
        return _array(pc.fill_null(pc.match_substring_regex(texts, pattern, ignore_case=not case), False))
    except (pa.ArrowInvalid, UnicodeEncodeError) as error:
        said = str(error).removeprefix("Invalid regular expression: ").rstrip(".")
        raise InputError(
            f"The pattern {pattern[:80]!r} cannot be used: {said[:200]}. Patterns are RE2's: no look-around, "
            "no references back."
        ) from error


def _compared(condition: Field, values: list[object]) -> np.ndarray:
    if condition.op in ("empty", "filled"):
        empty = np.array([v is None or v in ("", [], {}) for v in values], bool)
        return empty if condition.op == "empty" else ~empty
    if condition.op in ("above", "below"):
        numbers = np.array([_as_number(v) for v in values], float)
        limit = _number(condition.value)
        # A value that is no number is neither above nor below.
        return numbers > limit if condition.op == "above" else numbers < limit
    wanted = condition.value.strip().casefold()
    told = [_told(v) for v in values]
    if condition.op == "contains":
        return np.array([t is not None and any(wanted in one for one in t) for t in told], bool)
    same = np.array([t is not None and wanted in t for t in told], bool)
    return same if condition.op == "equals" else ~same & np.array([t is not None for t in told], bool)


def _told(value: object) -> list[str] | None:
    """A value, or each of a list's, as one compares it; None where there is none."""
    if value is None:
        return None
    parts = value if isinstance(value, list) else [value]
    return [_text(v).strip().casefold() for v in parts]


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _as_number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return float("nan")
    try:
        return float(value)
    except (ValueError, OverflowError):
        return float("nan")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"To compare by above or below, name a number, not {text[:40]!r}.") from None


def _strings(values: list[object]) -> pa.Array:
    return pa.array([None if v is None else _text(v) for v in values], pa.string())


def _array(found: pa.Array | pa.ChunkedArray) -> np.ndarray:
    if isinstance(found, pa.ChunkedArray):
        found = found.combine_chunks()
    return found.to_numpy(zero_copy_only=False)
