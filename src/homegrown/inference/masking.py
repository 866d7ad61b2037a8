"""Texts with personal data and secrets masked, as far as patterns and check digits can tell."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple, Protocol

from homegrown.inference.personal import KINDS, find_personal, replaced
from homegrown.inference.secrets import find_secrets

if TYPE_CHECKING:
    from collections.abc import Iterable

# Links and postcodes stay: they name places and pages more often than people, and tell a teacher what a text is about.
SENT_WITHOUT = ("iban", "email", "card", "national_id", "mac", "ip", "phone")


class Masked(NamedTuple):
    """A text without what was found in it, and how many of each kind were found."""

    text: str
    n_found: dict[str, int]


class Masker(Protocol):
    """Anything that takes personal data out of texts.

    Attributes:
        version: changes whenever the same text may be masked otherwise; part of what answers are cached by.
    """

    version: str

    def mask(self, text: str) -> Masked:
        """*text* with each finding replaced by its kind in brackets."""
        ...


def masked(text: str, kinds: Iterable[str] = KINDS) -> Masked:
    """*text* without its secrets and without personal data of *kinds*; a secret is one whatever number it contains.

    Example:
        >>> masked("Write to anna@example.org, password: hunter2-Tr0ub4dor").text
        'Write to [email], password: [password]'
    """
    secrets = find_secrets(text)
    outside = [p for p in find_personal(text, kinds) if not any(p.start < s.end and s.start < p.end for s in secrets)]
    found = sorted([*secrets, *outside], key=lambda p: p.start)
    return Masked(replaced(text, found), dict(Counter(p.kind for p in found)))


class PatternMasker:
    """Mail, card, account, identity, phone and network numbers, and secrets; see ``inference.personal``.

    What no pattern shows (names, places, birthdays) passes.

    Example:
        >>> PatternMasker().mask("write to anna@example.org or +49 170 1234567").text
        'write to [email] or [phone]'
    """

    version = "personal 1"

    def mask(self, text: str) -> Masked:
        """*text* with each finding replaced by its kind in brackets."""
        return masked(text, SENT_WITHOUT)
