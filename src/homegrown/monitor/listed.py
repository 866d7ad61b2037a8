"""Labels that a prompt lists: bullets, numbers, commas, quotes, a JSON list."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from homegrown.monitor.spelling import bare, is_short, key

if TYPE_CHECKING:
    from collections.abc import Collection

LEAST_SHARE = 0.5
MAX_ITEMS = 2000
_BULLET = re.compile(r"\A\s*(?:[-*•·+]|\(?\d{1,4}[.):]|\(?[a-z][.)])\s+")
_AFTER = re.compile(r"\s+(?:[-–—]|:|=>?|->)\s+|:\s+|\s+\((?=[^)]*\)\Z)")
_BETWEEN = re.compile(r"\s*[,;|/]\s*(?:(?:or|and|oder|und)\s+)?|\s+(?:or|and|oder|und)\s+|\s{2,}")
_LEADS = re.compile(r"\b(?:of|from|between|either|say|answer|reply|respond|return|are|is|as|with)\s+", re.IGNORECASE)
_POLITE = {"please", "thanks", "only", "etc", "nothing else", "no explanation", "respectively"}


def labels_listed(prompt: str, said: Collection[str]) -> list[str]:
    """All labels of the lists in a prompt in which (most of) what was answered stands, in the prompt's own spelling.

    Args:
        prompt: what stays the same in it.
        said: labels that were answered.

    Example:
        >>> labels_listed("Answer with one of: refund, card_lost, or other.", ["refund", "Card lost"])
        ['refund', 'card_lost', 'other']
    """
    known = {key(s) for s in said if key(s)}
    best: dict[str, str] = {}
    n_best = 0
    for items in (*_blocks(prompt), *_lines(prompt)):
        found = {key(i): i for i in items if key(i)}
        n = len(known & found.keys())
        # Of two lists that hold the same answers the shorter one says least beside them.
        if len(found) <= MAX_ITEMS and (n > n_best or (n == n_best and n and len(found) < len(best))):
            best, n_best = found, n
    if not known or n_best < 2 or n_best < LEAST_SHARE * min(len(known), len(best)):
        return []
    return list(best.values())


def _blocks(prompt: str) -> list[list[str]]:
    """Neighbouring lines that begin with a bullet or a number, or are short and alone."""
    found, block, kind = [], [], ""
    for line in [*prompt.split("\n"), ""]:
        bullet = _BULLET.match(line)
        text = line[bullet.end() :] if bullet else line
        label = bare(_AFTER.split(text.strip(), maxsplit=1)[0])
        now = "bullet" if bullet and is_short(label) else "line" if is_short(label) and not line.endswith(":") else ""
        if now != kind or not now:
            if len(block) > 1:
                found.append(block)
            block = []
        if now:
            block.append(label)
        kind = now
    return found


def _lines(prompt: str) -> list[list[str]]:
    """What is listed inside a line: after a colon or a word that leads to a list, between brackets, or all of it."""
    found = []
    for line in prompt.split("\n"):
        pieces = {line, *re.findall(r"[\[({<]([^\[\](){}<>]+)[\])}>]", line), *_sentences(line)}
        for piece in pieces:
            items = [bare(i) for i in split(piece)]
            items = [i for i in items if is_short(i) and i.casefold() not in _POLITE]
            led = _LEADS.split(items[0])[-1] if items else ""
            for some in (items, [led, *items[1:]]) if led and led != items[0] else (items,):
                if len(some) > 1:
                    found.append(some)
    return found


def _sentences(line: str) -> list[str]:
    """What follows a colon, up to the end of the sentence; also what stands before one."""
    ends = [p for s in re.split(r"(?<=[.!?])\s+", line) for p in (s, s.partition(":")[2]) if p]
    return [*ends, *(s.rpartition(":")[2] for s in ends), line.partition(":")[2]]


def split(piece: str) -> list[str]:
    """The items of a list that is written in a line.

    Example:
        >>> split("yes, no or maybe")
        ['yes', 'no', 'maybe']
    """
    return [i.strip() for i in _BETWEEN.split(piece) if i.strip()]
