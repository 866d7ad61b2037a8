"""Captured calls that hold what is forgotten: they go whole, with what was said of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from homegrown.store import tables
from homegrown.store.captured import drop_calls

if TYPE_CHECKING:
    from collections.abc import Iterator

    from homegrown.store import Store

SHORTEST = 12
_PAGE = 500
_WORD = re.compile(r"\w+")
_C = tables.captured


class Sought:
    """A value and texts to find inside prompts and answers.

    A text of fewer than ``SHORTEST`` characters ("ok") counts only where it stands by itself: inside others it would be
    found everywhere.

    Example:
        >>> Sought(None, ["my name is Anna Quetzal"]).is_in(['Classify: "my name is Anna Quetzal"'])
        True
    """

    def __init__(self, value: str | None, texts: list[str]) -> None:
        self._value = value
        self._short = frozenset(t for t in texts if len(t) < SHORTEST)
        # By its longest word, so that a prompt is compared with few of them.
        self._by_word: dict[str, list[str]] = {}
        self._wordless = []
        for text in texts:
            words = _WORD.findall(text)
            if len(text) >= SHORTEST and words:
                self._by_word.setdefault(max(words, key=len), []).append(text)
            elif len(text) >= SHORTEST:
                self._wordless.append(text)

    def is_in(self, said: list[str]) -> bool:
        """Whether one of the texts *said* holds any of it."""
        return any(self._holds(s) for s in said)

    def _holds(self, text: str) -> bool:
        if (self._value and self._value in text) or text in self._short or any(t in text for t in self._wordless):
            return True
        keys = self._by_word.keys() & set(_WORD.findall(text)) if self._by_word else ()
        return any(t in text for key in keys for t in self._by_word[key])


def calls_holding(store: Store, sought: Sought) -> Iterator[str]:
    """Ids of the captured calls in whose request, answer, tags or error something of *sought* stands."""
    after = ""
    columns = (_C.c.trace_id, _C.c.request, _C.c.response, _C.c.tags, _C.c.error)
    while True:
        rows = store.db.all(sa.select(*columns).where(_C.c.trace_id > after).order_by(_C.c.trace_id).limit(_PAGE))
        for row in rows:
            said = [s for name in ("request", "response", "tags", "error") for s in _strings(_parsed(row[name]))]
            if sought.is_in(said):
                yield row["trace_id"]
        if len(rows) < _PAGE:
            return
        after = rows[-1]["trace_id"]


def erase_calls(store: Store, sought: Sought) -> int:
    """Delete those calls; returns how many. It may be repeated."""
    found = list(calls_holding(store, sought))
    for start in range(0, len(found), _PAGE):
        with store.db.write() as connection:
            drop_calls(connection, found[start : start + _PAGE])
    return len(found)


def _parsed(stored: str | None) -> Any:
    try:
        return msgspec.json.decode(stored or "null")
    except msgspec.DecodeError:
        return stored


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield name
            yield from _strings(item)
