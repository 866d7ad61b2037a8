"""Cells without types: which columns hold numbers or booleans, and rows as JSON, all by whole columns.

A column becomes numbers only when every cell of it that is not empty, over the whole import, is a number as JSON
writes it: ``007``, ``+1`` and ``1,5`` stay text. ``true`` and ``false`` likewise. Empty cells are then null; in a
column of text they are the empty string.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from homegrown.core.ids import canonical_json

if TYPE_CHECKING:
    from collections.abc import Sequence

TEXT, NUMBER, BOOLEAN = "text", "number", "boolean"
_PATTERNS = {
    NUMBER: r"^-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,17})?([eE][+-]?[0-9]{1,2})?$",
    BOOLEAN: r"^(true|false|True|False|TRUE|FALSE)$",
}
_ESCAPES = (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"))


class Kinds:
    """What each column of an import may still be.

    Args:
        as_text: columns that stay text whatever they hold: the text and the id.

    Example:
        >>> kinds = Kinds(set())
        >>> kinds.see("n", pa.array(["1", "", "2.5"])); kinds["n"]
        'number'
        >>> kinds.see("n", pa.array(["007"])); kinds["n"]
        'text'
    """

    def __init__(self, as_text: set[str]) -> None:
        self._as_text = as_text
        self._open: dict[str, set[str]] = {}
        self._filled: set[str] = set()

    def see(self, name: str, column: pa.Array) -> None:
        """Take note of more cells of a column."""
        left = self._open.setdefault(name, set() if name in self._as_text else {NUMBER, BOOLEAN})
        if not left:
            return
        filled = column.filter(pc.greater(pc.binary_length(column), 0))
        if not len(filled):
            return
        self._filled.add(name)
        for kind in list(left):
            # Most columns are ruled out by their first cells.
            for part in (filled.slice(0, 64), filled.slice(64)):
                if not pc.all(pc.match_substring_regex(part, _PATTERNS[kind])).as_py() and len(part):
                    left.discard(kind)
                    break

    def __getitem__(self, name: str) -> str:
        left = self._open.get(name, set())
        return next(iter(left)) if name in self._filled and len(left) == 1 else TEXT


def json_rows(names: Sequence[str], columns: list[pa.Array], kinds: Sequence[str] | None = None) -> pa.Array:
    """Each row as JSON, byte for byte what ``canonical_json`` gives for the same row.

    Args:
        names: of the columns.
        columns: string arrays of one length.
        kinds: what each holds; default: text.

    Example:
        >>> json_rows(["b", "a"], [pa.array(["x"]), pa.array(["1"])], ["text", "number"]).to_pylist()
        ['{"a":1,"b":"x"}']
    """
    order = sorted(range(len(names)), key=lambda i: names[i])
    parts: list[pa.Array | pa.Scalar] = []
    before = "{"
    for i in order:
        kind = kinds[i] if kinds else TEXT
        parts += [pa.scalar(before + canonical_json(names[i]).decode() + ":"), *_values(columns[i], kind)]
        before = ","
    return pc.binary_join_element_wise(*parts, pa.scalar("}"), pa.scalar(""))


def _values(column: pa.Array, kind: str) -> list[pa.Array | pa.Scalar]:
    if kind == TEXT:
        quote = pa.scalar('"')
        return [quote, _escaped(column), quote]
    empty = pc.equal(pc.binary_length(column), 0)
    filled = column if kind == NUMBER else pc.ascii_lower(column)
    return [pc.if_else(empty, pa.scalar("null"), filled)]


def _escaped(column: pa.Array) -> pa.Array:
    data = string_bytes(column)
    control = bool((data < ord(" ")).any())
    for sign, escape in _ESCAPES:
        if (sign >= " " or control) and (data == ord(sign)).any():
            column = pc.replace_substring(column, sign, escape)
    if control and (string_bytes(column) < ord(" ")).any():
        return pa.array([_escape_control(value) for value in column.to_pylist()], pa.string())
    return column


def string_bytes(column: pa.Array) -> np.ndarray:
    """The bytes of all strings of a column, one after the other, uint8; to look at them is cheaper than a regex."""
    _, offsets, data = column.buffers()
    if data is None or not len(column):
        return np.empty(0, np.uint8)
    ends = np.frombuffer(offsets, np.int32)
    return np.frombuffer(data, np.uint8)[ends[column.offset] : ends[column.offset + len(column)]]


def _escape_control(value: str) -> str:
    """The rarer control characters, as ``canonical_json`` writes them."""
    return "".join(c if c >= " " else canonical_json(c).decode()[1:-1] for c in value)
