"""Which wordings are one task.

Sharing labels is not enough, nor is sharing inputs: two questions about the same tickets may both be answered by yes
and no. So wordings are joined only where nobody can tell their inputs apart, their answers have the same shape, and
what one teaches holds for the other.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from homegrown.core.traffic import AnswerShape, Variant
from homegrown.monitor.likeness import Bag, bags, told_apart, transfer
from homegrown.monitor.shapes import reader, shape_of
from homegrown.monitor.spelling import key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from homegrown.monitor.tally import Tally

LEAST = 20  # calls with answers in each: fewer show nothing
ALIKE = 0.65
HOLDS = 0.7
LEARNT = 0.15
MANY = 6
_SHARED_WORDS = 0.3
_WORD = re.compile(r"[^\W\d_]{4,}")


@dataclass
class Wording:
    """A wording with its calls."""

    variant: Variant
    tally: Tally
    shape: AnswerShape

    @classmethod
    def of(cls, variant: Variant, tally: Tally) -> Wording:
        """With the shape of its answers."""
        return cls(variant, tally, shape_of(tally.answers, prompt_of(variant), variant.enums))

    @cached_property
    def asked(self) -> list[Bag]:
        """What it was asked about."""
        return bags(s.text for s in self.tally.shown.items)

    @cached_property
    def answered(self) -> list[Bag]:
        """What it answered, with how long that is and how it begins."""
        return bags(_features(s.answer) for s in self.tally.shown.items)

    @cached_property
    def said(self) -> dict[str, list[tuple[Bag, str]]]:
        """What it was asked with the labels of the answer, by field."""
        found = {}
        for field in self.shape.closed():
            read = reader(self.shape, field)
            labels = [read(s.answer) for s in self.tally.shown.items]
            found[field.name] = [
                (bag, " + ".join(sorted(map(key, some)))) for bag, some in zip(self.asked, labels, strict=True) if some
            ]
        return found


def prompt_of(variant: Variant) -> str:
    """What stays the same in a wording, as text."""
    return "\n".join((*variant.system.constants, *variant.user.constants))


def is_one_task(a: Wording, b: Wording) -> bool:
    """Whether two wordings ask the same of the same kind of texts; in doubt they do not."""
    if a.shape.kind != b.shape.kind or min(a.tally.answers.total(), b.tally.answers.total()) < LEAST:
        return False
    if {f.name: f.kind for f in a.shape.fields} != {f.name: f.kind for f in b.shape.fields}:
        return False
    names = [f.name for f in a.shape.closed()]
    if names != [f.name for f in b.shape.closed()]:
        return False
    if not (all(_same_labels(a, b, name) for name in names) if names else _says_alike(a, b)):
        return False
    if told_apart(a.asked, b.asked) > ALIKE:
        return False
    return all(_same_meaning(a, b, name) for name in names) if names else told_apart(a.answered, b.answered) <= ALIKE


def _classes(wording: Wording, name: str) -> set[str]:
    return {key(c) for f in wording.shape.closed() if f.name == name for c in f.classes}


def _same_labels(a: Wording, b: Wording, name: str) -> bool:
    """Whether each says what the other says, as far as what was said of both can show."""
    counts = [Counter(label for _, label in w.said[name]) for w in (a, b)]
    if min(c.total() for c in counts) < LEAST:
        return False
    for mine, other, wording in ((counts[0], counts[1], b), (counts[1], counts[0], a)):
        once = sum(n == 1 for n in other.values())
        expected = 1 - once / other.total()  # Good and Turing: how much of what comes the other has seen the like of
        theirs = _classes(wording, name)
        inside = sum(n for label, n in mine.items() if label in theirs or label in other)
        if inside < 0.9 * expected * mine.total():
            return False
    return True


def _same_meaning(a: Wording, b: Wording, name: str) -> bool:
    """Whether the answers of each are predicted by the other's as well as by its own.

    Many labels that are words say by themselves what was asked, and marks from 1 to 10 do not. So where many words are
    shared, the test may be as loose as so few answers make it, and where it shows nothing it is not needed.
    """
    found = transfer(a.said[name], b.said[name])
    shared = _classes(a, name) & _classes(b, name)
    if sum(not s.isdecimal() for s in shared) >= MANY:
        return found.across >= HOLDS * found.own - 1 / math.sqrt(max(found.n, 1))
    return found.own >= LEARNT and found.across >= HOLDS * found.own


def _features(answer: str) -> str:
    """An answer's words with how long it is and how it begins, as words too."""
    words = answer.split()
    size = len(words).bit_length() if words else 0
    return f"size{size} lines{min(answer.count(chr(10)), 9)} first{words[0] if words else ''} {answer}"


def _says_alike(a: Wording, b: Wording) -> bool:
    """Two prompts for free answers: the same frame round the text, or a good part of the same words."""
    frames = [w.variant.user.constants for w in (a, b)]
    if frames[0] == frames[1] and sum(map(len, frames[0])) >= 3:
        return True
    words = [{w.casefold()[:6] for w in _WORD.findall(prompt_of(x.variant))} for x in (a, b)]
    least = min(map(len, words))
    return least > 0 and len(words[0] & words[1]) >= _SHARED_WORDS * least


def joined(wordings: Sequence[Wording], fixed: Sequence[int | None]) -> list[list[int]]:
    """Wordings in groups, each of one task; the larger wordings are looked at first.

    Args:
        wordings: n wordings.
        fixed: for each the number of the template that it belongs to already, or None; those stay as they are.
    """
    groups: dict[int, list[int]] = {}
    for i, number in enumerate(fixed):
        if number is not None:
            groups.setdefault(number, []).append(i)
    found = list(groups.values())
    for i in sorted(range(len(wordings)), key=lambda i: -wordings[i].tally.n_calls):
        if fixed[i] is not None:
            continue
        # One member that it cannot be joined with keeps it out: no chain of small steps leads to another task.
        home = next(
            (g for g in found if all(is_one_task(wordings[i], wordings[j]) for j in _largest(g, wordings))), None
        )
        if home is None:
            found.append([i])
        else:
            home.append(i)
    return found


def _largest(group: list[int], wordings: Sequence[Wording]) -> list[int]:
    return sorted(group, key=lambda j: -wordings[j].tally.n_calls)[:3]
