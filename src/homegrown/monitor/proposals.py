"""What is worth learning in some traffic: Task proposals, best savings first, and what no recipe here can learn."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from homegrown.core.traffic import AnswerKind, Volume

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from homegrown.core.traffic import FieldShape, Template

MONTH_DAYS = 30.44
LEAST_CALLS = 50
LEAST_PER_CLASS = 5
_MOSTLY = 0.5
_OUTSIDE = 0.1
_SURE = ("confidence", "score", "prob", "certain", "logprob")


class Suits(StrEnum):
    """How suitable calls are for a small model of one's own.

    ``READY``: a closed set of answers and enough calls. ``SOON``: a closed set, too few calls yet. ``PART``: a part of
    the answer is a closed set, the rest nobody here can learn. ``NOT``: no recipe here learns it.
    """

    READY = "ready"
    SOON = "soon"
    PART = "part"
    NOT = "not"


@dataclass(frozen=True, slots=True)
class Proposal:
    """A template as a Task that could be made.

    Attributes:
        learnable: parts of the answer that could be a Task each.
        reason: of *suits*, in a sentence.
        share: of the bill, 0 to 1; see ``Bill.by``.
        calls_month: at the pace of the dated calls; None where no time is known.
        cost_month_usd: at the same pace; None where no cost is known.
        savings_month_usd: what need not be paid any more if all of it is answered at home: the most that it can save.
    """

    template: Template
    suits: Suits
    reason: str
    learnable: tuple[FieldShape, ...]
    share: float
    calls_month: float | None
    cost_month_usd: float | None
    savings_month_usd: float | None


@dataclass(frozen=True, slots=True)
class Bill:
    """What all calls together come to.

    Attributes:
        by: what shares are of: ``cost`` where all costs are known, else ``tokens`` or ``calls``.
        learnable: share that is ready or will soon be.
        unlearnable: share that no recipe here can learn, parts included.
        loose: share of calls that share their prompt with no others.
        days: from the first dated call to the last, at least one; None where no time is known.
        is_simulated: prices that are made up entered the cost.
    """

    n_calls: int
    n_priced: int
    cost_usd: float
    by: str
    learnable: float
    unlearnable: float
    loose: float
    days: float | None
    is_simulated: bool = False


@dataclass(frozen=True, slots=True)
class Traffic:
    """The proposals, best savings first, and the bill."""

    proposals: tuple[Proposal, ...]
    bill: Bill


def propose(templates: Sequence[Template], loose: Volume, *, is_simulated: bool = False) -> Traffic:
    """Proposals for what was found.

    Args:
        templates: with their volumes.
        loose: of the calls that are of none.
        is_simulated: whether prices that are made up entered their costs.

    Example:
        >>> propose([], Volume()).bill.n_calls
        0
    """
    volumes = [*(t.volume for t in templates), loose]
    n_calls, n_priced = sum(v.n_calls for v in volumes), sum(v.n_priced for v in volumes)
    by = "cost" if n_calls and n_priced == n_calls and sum(v.cost_usd for v in volumes) > 0 else "tokens"
    if by == "tokens" and not all(v.n_tokens_in for v in volumes if v.n_calls):
        by = "calls"
    total = sum(_weight(v, by) for v in volumes) or 1.0
    days = _days(volumes)
    found = [_proposal(t, _weight(t.volume, by) / total, days) for t in templates]
    order = {Suits.READY: 0, Suits.SOON: 0, Suits.PART: 1, Suits.NOT: 2}
    found.sort(key=lambda p: (order[p.suits], -(p.savings_month_usd or 0.0), -p.share))
    shares = {s: math.fsum(p.share for p in found if p.suits == s) for s in Suits}
    bill = Bill(
        n_calls, n_priced, math.fsum(v.cost_usd for v in volumes), by, shares[Suits.READY] + shares[Suits.SOON],
        shares[Suits.NOT] + shares[Suits.PART], _weight(loose, by) / total, days, is_simulated,
    )  # fmt: skip
    return Traffic(tuple(found), bill)


def _weight(volume: Volume, by: str) -> float:
    if by == "cost":
        return volume.cost_usd
    # Where no price is known: a token of an answer costs several times one of a question with most providers.
    return volume.n_tokens_in + 4.0 * volume.n_tokens_out if by == "tokens" else float(volume.n_calls)


def _days(volumes: Sequence[Volume]) -> float | None:
    firsts, lasts = [v.first_at for v in volumes if v.first_at], [v.last_at for v in volumes if v.last_at]
    if not firsts or not lasts:
        return None
    span = datetime.fromisoformat(max(lasts)) - datetime.fromisoformat(min(firsts))
    return max(span.total_seconds() / 86400, 1.0)


def _proposal(template: Template, share: float, days: float | None) -> Proposal:
    volume, learnable = template.volume, template.shape.closed()
    suits, reason = suitability(template)
    calls = None if days is None or not volume.n_dated else volume.n_dated / days * MONTH_DAYS
    cost = None
    if calls is not None and volume.n_priced:
        cost = volume.cost_usd / volume.n_priced * calls
    savings = cost if suits in (Suits.READY, Suits.SOON) else None
    return Proposal(template, suits, reason, learnable, share, calls, cost, savings)


def suitability(template: Template) -> tuple[Suits, str]:
    """How suitable a template is, and why."""
    volume, shape = template.volume, template.shape
    closed = shape.closed()
    if not closed and not template.learnable:
        return Suits.NOT, _WHY[shape.kind] + _shares(template)
    if volume.n_history > _MOSTLY * volume.n_calls:
        return Suits.NOT, "The answer depends on earlier turns of a conversation; recipes here read one text at a time."
    if template.is_object:
        return _suitable_object(template)
    if any(f.n_outside > _OUTSIDE * f.n for f in closed):
        return Suits.PART, "Many answers are none of the labels, so somebody has to read them first."
    rest = [f.name for f in shape.fields if f not in closed and not _says_how_sure(f)]
    if rest:
        return Suits.PART, f"{_named(f.name for f in closed)} can be learned; {_named(rest)} cannot."
    wanted = max(LEAST_CALLS, LEAST_PER_CLASS * max(len(f.classes) for f in closed))
    if volume.n_calls < wanted:
        return Suits.SOON, _few("A closed set of labels", wanted, volume.n_calls)
    return Suits.READY, f"A closed set of labels{_words_alone(template, closed)}."


def _suitable_object(template: Template) -> tuple[Suits, str]:
    """Of answers that are JSON documents with fields that can be learnt."""
    can = [f.name for f in template.fields if f.is_learnable]
    sure = {f.name for f in template.shape.fields if _says_how_sure(f)}
    cannot = [f for f in template.fields if not f.is_learnable and f.name not in sure]
    if cannot:
        return Suits.PART, f"{_named(can)} can be learned; {_named(f.name for f in cannot)} cannot.{_shares(template)}"
    of = [len(f.choices) for f in template.learnable]
    wanted = max(LEAST_CALLS, LEAST_PER_CLASS * max(of))
    what = f"JSON documents of {len(can)} field{'s' if len(can) > 1 else ''} ({_named(can)})"
    if template.volume.n_calls < wanted:
        return Suits.SOON, _few(what, wanted, template.volume.n_calls)
    return Suits.READY, f"{what}{_words_alone(template, template.shape.closed())}.{_shares(template)}"


def _shares(template: Template) -> str:
    """Which values do not stand in the text, and why fields cannot be learnt."""
    said = [f" “{f.name}”: {f.why}." for f in template.fields if not f.is_learnable and f.why]
    part = [f for f in template.fields if f.is_learnable and f.n_found < f.n]
    said += [f" “{f.name}” stands in the text in {100 * f.share:.0f}% of {f.n:,} answers." for f in part]
    return "".join(said)


def _few(what: str, wanted: int, n_calls: int) -> str:
    return f"{what}; {wanted:,} calls are a beginning, and there are {n_calls:,}."


def _words_alone(template: Template, closed: Sequence[FieldShape]) -> str:
    found = [a for f in closed if (a := template.agreement.get(f.name))]
    if not found:
        return ""
    least = min(found, key=lambda a: a.value)
    return f"; single words alone already say {100 * least.value:.0f}% of them (n = {least.n:,})"


_WHY = {
    AnswerKind.NUMBER: "The answers are numbers that are worked out; recipes here choose from a closed set of labels.",
    AnswerKind.TEXT: "The answers are free text; recipes here choose from a closed set of labels.",
    AnswerKind.JSON: "No field of the answers is a closed set of labels.",
    AnswerKind.CLASS: "All answers are the same.",
    AnswerKind.CLASSES: "All answers are the same.",
}


def _says_how_sure(field: FieldShape) -> bool:
    """A figure of how sure the upstream is: a model of ours gives its own, and a calibrated one."""
    return field.kind == AnswerKind.NUMBER and any(word in field.name.casefold() for word in _SURE)


def _named(names: Iterable[str]) -> str:
    return ", ".join(f"“{n}”" if n else "the label" for n in names)
