"""From what a model said to the label that it meant: fences, quotes, a full stop, ``Category:`` before it."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MAX_LABEL = 80
MAX_WORDS = 9
_FENCE = re.compile(r"\A```[\w-]*[ \t]*\n?(.*?)\n?```\Z", re.DOTALL)
_LEAD = re.compile(r"\A\W{0,3}([^\W\d][\w ]{0,29}?)\W{0,3}(?::|=|->)\s*(?=\S)")
_ROUND = " \t\r\n\"'`“”‘’«»*_.!"
_PAIRS = {"(": ")", "[": "]", "<": ">", "{": "}"}
_NUMBER = re.compile(r"\A[$€£]?\s*[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?(?:[eE][-+]?\d+)?\s*%?\Z")


def unfenced(answer: str) -> str:
    """What stands inside a block of code, where the answer is one."""
    text = answer.strip()
    found = _FENCE.match(text) if text.startswith("```") else None
    return found.group(1).strip() if found else text


def document_in(answer: str) -> dict[str, Any] | None:
    r"""The JSON object that an answer is, with or without a fence; None where it is none.

    Example:
        >>> document_in('```json\n{"intent": "refund"}\n```')
        {'intent': 'refund'}
    """
    text = unfenced(answer)
    if not text.startswith("{"):
        return None
    try:
        found = msgspec.json.decode(text.encode("utf-8", "surrogatepass"))
    except (msgspec.DecodeError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def lead_of(answer: str) -> str:
    """What stands before a colon at the start, lower case: ``category``; empty where nothing does."""
    found = _LEAD.match(unfenced(answer))
    return found.group(1).strip().casefold() if found else ""


def usual_lead(answers: Sequence[tuple[str, int]]) -> str:
    """The lead that (answer, times) begin with now and then: a model says it or leaves it out as it likes.

    It is one where many have it, or where what follows it is answered without it too.
    """
    counts: Counter[str] = Counter()
    follows: dict[str, set[str]] = {}
    alone = set[str]()
    for answer, n in answers:
        if lead := lead_of(answer):
            counts[lead] += n
            follows.setdefault(lead, set()).add(key(bare(answer, lead)))
        else:
            alone.add(key(bare(answer)))
    total = sum(n for _, n in answers)
    for lead, n in counts.most_common(3):
        if n >= 0.5 * total or len(follows[lead] & alone) >= 0.8 * len(follows[lead]):
            return lead
    return ""


def bare(answer: str, lead: str = "") -> str:
    """An answer without what models put round a label; its own case and inner signs stay.

    Example:
        >>> bare('**Category:** "Card lost".', "category")
        'Card lost'
    """
    text = unfenced(answer)
    if lead and lead_of(text) == lead:
        found = _LEAD.match(text)
        text = text[found.end() :] if found else text
    text = re.sub(r"\s+", " ", text).strip(_ROUND)
    while len(text) > 2 and _PAIRS.get(text[0]) == text[-1]:
        text = text[1:-1].strip(_ROUND)
    return unicodedata.normalize("NFC", text)


def key(label: str) -> str:
    """What spellings of one label share: no case, no blanks, hyphens, underscores.

    Example:
        >>> key("Card_Lost") == key("card lost")
        True
    """
    return re.sub(r"[\s_\-]+", "", unicodedata.normalize("NFKC", label).casefold())


def number_in(answer: str) -> float | None:
    """The number that an answer is: thousands separated or not, with a sign of money or of per cent.

    Example:
        >>> number_in("$1,200.50"), number_in("about 3")
        (1200.5, None)
    """
    text = unfenced(answer).strip(" .*`\n")
    if not text or not _NUMBER.match(text) or not any(c.isdigit() for c in text):
        return None
    try:
        return float(text.strip("$€£% ").replace(",", ""))
    except ValueError:
        return None


def is_short(label: str) -> bool:
    """Whether a text can be the name of a class."""
    return 0 < len(label) <= MAX_LABEL and len(label.split()) <= MAX_WORDS


def spelled(labels: Iterable[tuple[str, int]]) -> dict[str, Counter[str]]:
    """Spellings with how often they were said, by key."""
    found: dict[str, Counter[str]] = {}
    for label, n in labels:
        found.setdefault(key(label), Counter())[label] += n
    return found
