"""Personal data, secrets, and texts that are too short, too long, in another language, or no texts; streamed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from homegrown.core.issues import Found
from homegrown.inference.language import language_of
from homegrown.inference.personal import Personal, find_personal
from homegrown.inference.secrets import find_secrets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from homegrown.curate.examined import Examined

_NAMES = {
    "email": "mail address", "phone": "phone number", "card": "card number", "iban": "bank account (IBAN)",
    "national_id": "identity number", "ip": "IP address", "mac": "network card address", "url": "web address",
    "domain": "domain name", "postcode": "postcode",
}  # fmt: skip
#: an address of the network or of a place alone says little about a person
_SLIGHT = frozenset({"url", "domain", "postcode"})
_MAX_SPANS = 100
_SAMPLE = 20_000
_SHARE = 0.02


class PersonalFinder:
    """Patterns with check digits (``inference.personal``)."""

    kinds = ("personal",)

    def find(self, here: Examined) -> Iterator[Found]:
        """Records that hold personal data."""
        for ids, texts in here.texts():
            for record_id, text in zip(ids, texts, strict=True):
                spans = find_personal(text)
                if spans:
                    yield _holding(record_id, "personal", spans)


class SecretFinder:
    """Keys and passwords (``inference.secrets``)."""

    kinds = ("secret",)

    def find(self, here: Examined) -> Iterator[Found]:
        """Records that hold a secret."""
        for ids, texts in here.texts():
            for record_id, text in zip(ids, texts, strict=True):
                spans = find_secrets(text)
                if spans:
                    yield _holding(record_id, "secret", spans)


def _holding(record_id: str, kind: str, spans: list[Personal]) -> Found:
    counts = Counter(_NAMES.get(s.kind, s.kind.replace("_", " ")) for s in spans)
    said = ", ".join(name if n == 1 else f"{name} ({n:,} times)" for name, n in counts.most_common(5))
    prob = max(s.prob * (0.4 if s.kind in _SLIGHT else 1.0) for s in spans)
    details = {"spans": [[s.start, s.end, s.kind] for s in spans[:_MAX_SPANS]]}
    return Found(record_id, kind, prob, f"Holds what looks like: {said}.", details=details)


class LengthFinder:
    """Texts with nothing in them, and texts of which a model reads the beginning only."""

    kinds = ("too_short", "too_long")

    def find(self, here: Examined) -> Iterator[Found]:
        """By characters, against the middle of all."""
        batches = list(here.batches(["record_id", "n_chars"]))
        if not batches:
            return
        middle = float(np.median(np.concatenate([batch["n_chars"].to_numpy() for batch in batches])))
        short, long = min(8.0, middle / 4), max(4000.0, 25 * middle)
        for batch in batches:
            n_chars = batch["n_chars"].to_numpy()
            for row in np.flatnonzero((n_chars < short) | (n_chars > long)).tolist():
                n, record_id = int(n_chars[row]), batch["record_id"][row].as_py()
                if n < short:
                    reason = f"{n} characters; the middle record has {middle:,.0f}: too little to say what it is."
                    yield Found(record_id, "too_short", 1 - n / (2 * max(short, 1)), reason)
                else:
                    reason = f"{n:,} characters; the middle record has {middle:,.0f}: most of it is hardly read."
                    yield Found(record_id, "too_long", min(1.0, 0.5 + n / (40 * long)), reason)


class NonTextFinder:
    """Damaged characters, markup, encoded bytes, one sign over and over."""

    kinds = ("non_text",)

    def find(self, here: Examined) -> Iterator[Found]:
        """Records whose text is hardly language."""
        for ids, texts in here.texts():
            for record_id, text in zip(ids, texts, strict=True):
                score, reason = _unlike_text(text)
                if score:
                    yield Found(record_id, "non_text", score, reason)


def _unlike_text(text: str) -> tuple[float, str]:
    body = text[:5000]
    n = len(body)
    if n < 8:
        return 0.0, ""
    damaged = sum(c == "\ufffd" or (ord(c) < 32 and c not in "\t\n\r") for c in body) / n
    if damaged > 0.02:
        return min(1.0, 0.6 + damaged), f"{damaged:.0%} of its characters are damaged or unprintable."
    letters = sum(c.isalpha() for c in body) / n
    if letters < 0.3:
        return 1 - letters, f"Only {letters:.0%} of its characters are letters."
    longest = max(map(len, body.split()), default=0)
    if longest > 80 and longest > 0.7 * n and body.isascii():
        return 0.8, f"One unbroken run of {longest:,} characters: encoded data or an address, not a sentence."
    common, times = Counter(body).most_common(1)[0]
    if times > 0.6 * n and not common.isspace():
        return 0.9, "Nearly all of it is one character."
    tags = body.count("<") + body.count("{")
    if tags > 5 and tags > n / 25:
        return 0.6, "Mostly markup or code."
    return 0.0, ""


class LanguageFinder:
    """Texts in another language than nearly all, by script and frequent words (``inference.language``)."""

    kinds = ("language",)

    def find(self, here: Examined) -> Iterator[Found]:
        """Records whose language has fewer than one record in fifty."""
        usual = self._usual(here)
        if not usual:
            return
        for ids, texts in here.texts():
            for record_id, text in zip(ids, texts, strict=True):
                found, sure = language_of(text)
                if found and found not in usual:
                    reason = f"It reads like {found}; nearly all records are {' or '.join(sorted(usual)[:3])}."
                    yield Found(record_id, "language", sure, reason, details={"language": found})

    def _usual(self, here: Examined) -> set[str]:
        counts: Counter[str] = Counter()
        for _, texts in here.texts():
            counts.update(language for text in texts if (language := language_of(text)[0]))
            if counts.total() > _SAMPLE:
                break
        return {language for language, n in counts.items() if n >= _SHARE * counts.total()}
