"""Take forgotten words out of JSON and text that stay for other reasons: results, errors, arguments of jobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from homegrown.core.ids import canonical_json

FORGOTTEN = "[forgotten]"
HEAD = 40


@dataclass(frozen=True, slots=True)
class Needles:
    """What to look for.

    Attributes:
        value: replaced wherever it stands inside a string; None when nothing was named.
        heads: the first ``HEAD`` characters of forgotten texts: a string that begins so is replaced whole.
        record_ids: an object that names one of them is emptied of its strings.
    """

    value: str | None
    heads: frozenset[str]
    record_ids: frozenset[str]

    @classmethod
    def of(cls, value: str | None, texts: list[str], record_ids: list[str]) -> Needles:
        """From whole texts.

        Example:
            >>> Needles.of("a@b.c", [], []).clean("mail a@b.c now")
            'mail [forgotten] now'
        """
        return cls(value, frozenset(t[:HEAD] for t in texts), frozenset(record_ids))

    def clean(self, text: str) -> str:
        """*text* without what is forgotten."""
        if text[:HEAD] in self.heads:
            return FORGOTTEN
        if self.value and self.value in text:
            return text.replace(self.value, FORGOTTEN)
        return text

    def clean_value(self, value: Any) -> Any:
        """A JSON value without what is forgotten."""
        if isinstance(value, str):
            return self.clean(value)
        if isinstance(value, list):
            return [self.clean_value(v) for v in value]
        if isinstance(value, dict):
            if value.get("record_id") in self.record_ids:
                return {k: v for k, v in value.items() if k == "record_id" or not isinstance(v, str)}
            return {self.clean(k): self.clean_value(v) for k, v in value.items()}
        return value

    def clean_column(self, stored: str) -> str:
        """A stored column, JSON or plain text, without what is forgotten; unchanged when nothing was found."""
        try:
            parsed = msgspec.json.decode(stored)
        except msgspec.DecodeError:
            return self.clean(stored)
        cleaned = self.clean_value(parsed)
        return stored if cleaned == parsed else canonical_json(cleaned).decode()
