"""The figures of ``homegrown demo exit``, counted from the rows that the workspace kept of the calls."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from homegrown.core.traces import AT_HOME, CallState, answer_of, messages_of
from homegrown.evaluate import Answers
from homegrown.metrics.intervals import wilson
from homegrown.store import tables

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from homegrown.cli.demo_script import Got
    from homegrown.core.traces import Captured
    from homegrown.workspace import Workspace

_PAGE = 500
_S = tables.shadow_answers


@dataclass(frozen=True, slots=True)
class Counted:
    """Calls of one part of the story.

    Attributes:
        n: calls.
        n_home: of them, answered by the model.
        n_audit: of them, those of which it was sure, and that the upstream answered all the same, to check.
        n_wrong: answers at home that are not what is right.
        n_copied: of those, the ones that the upstream says too: its mistakes, learned from it.
        n_other: answers at home that are not what the upstream says.
        n_failed: calls without an answer.
        home_ms, away_ms: median latency of answers at home and of the upstream's; None where there are none.
    """

    n: int
    n_home: int
    n_audit: int
    n_wrong: int
    n_copied: int
    n_other: int
    n_failed: int
    home_ms: float | None
    away_ms: float | None

    @property
    def coverage(self) -> float:
        """Share that was answered at home."""
        return self.n_home / self.n if self.n else 0.0

    @property
    def coverage_ci95(self) -> tuple[float, float]:
        """Its 95% interval (Wilson)."""
        return wilson(self.n_home, self.n)


def calls_since(ws: Workspace, last: str | None) -> list[Captured]:
    """The calls that were kept after the call *last*, oldest first; all without one."""
    found: list[Captured] = []
    before = None
    while page := ws.calls(limit=_PAGE, before=before):
        for call in page:
            if call.trace_id == last:
                return found[::-1]
            found.append(call)
        before = page[-1].trace_id
    return found[::-1]


def text_of(call: Captured) -> str:
    """The message in a call."""
    return messages_of(call)[-1]["content"]


def count(calls: Sequence[Captured], right: Mapping[str, str], upstream: Mapping[str, str | None]) -> Counted:
    """Count calls of the prompt that the model learned.

    Args:
        calls: of which those with another message are left out.
        right: what is right, by message.
        upstream: what the upstream says, by message; nothing is counted against messages that are not there.
    """
    mine = [c for c in calls if text_of(c) in right]
    home = [c for c in mine if c.version_id is not None]
    said = [(text_of(c), answer_of(c)) for c in home]
    away = [c for c in mine if c.version_id is None and c.state is CallState.WHOLE]
    return Counted(
        n=len(mine),
        n_home=len(home),
        n_audit=sum(c.tags.get(AT_HOME) == "audit" for c in mine),
        n_wrong=sum(a != right[t] for t, a in said),
        n_copied=sum(a != right[t] and upstream.get(t) == a for t, a in said),
        n_other=sum(t in upstream and a != upstream[t] for t, a in said),
        n_failed=sum(c.state is not CallState.WHOLE for c in mine),
        home_ms=_median_ms(home),
        away_ms=_median_ms(away),
    )


def _median_ms(calls: Sequence[Captured]) -> float | None:
    found = [c.latency_s for c in calls if c.latency_s is not None]
    return 1000 * median(found) if found else None


def agreed(got: Sequence[Got], texts: Sequence[tuple[str, str]]) -> int:
    """Of the answers that came to *texts*, how many are right."""
    return sum(g.said == label for g, (_, label) in zip(got, texts, strict=True))


def shadowed(
    ws: Workspace, version_id: str, calls: Sequence[Captured], right: Mapping[str, str], threshold: float | None
) -> tuple[Answers, Answers | None]:
    """What a model said silently of *calls*, beside the upstream and what is right; oldest first.

    Args:
        ws: that kept it.
        version_id: of the model.
        calls: of its prompt.
        right: by message.
        threshold: of its confidence.

    Returns:
        of the model alone; and of the model where its confidence is above *threshold*, with the upstream elsewhere:
        None where there is no threshold.
    """
    rows = ws.store.db.all(sa.select(_S.c.trace_id, _S.c.answer, _S.c.prob).where(_S.c.version_id == version_id))
    kept: dict[str, Any] = {r["trace_id"]: r for r in rows}
    mine = [c for c in calls if c.trace_id in kept and text_of(c) in right]
    gold = [right[text_of(c)] for c in mine]
    theirs = [answer_of(c) or "" for c in mine]
    ours = [kept[c.trace_id]["answer"] or "" for c in mine]
    alone = Answers(ours, theirs, gold)
    if threshold is None:
        return alone, None
    sure = [kept[c.trace_id]["prob"] > threshold and bool(o) for c, o in zip(mine, ours, strict=True)]
    return alone, Answers([o if s else t for o, t, s in zip(ours, theirs, sure, strict=True)], theirs, gold)


def proportion(k: int, n: int) -> dict[str, Any]:
    """A share of *n* with its Wilson interval, as documents have it; no share of nothing."""
    return {"value": k / n if n else None, "ci95": list(wilson(k, n)) if n else None, "n": n}


def as_percent(k: int, n: int) -> str:
    """The same for a person: ``1.2% (95% interval 0.7 to 2.1, n = 900)``.

    Example:
        >>> as_percent(9, 100)
        '9.0% (95% interval 4.8 to 16.2, n = 100)'
    """
    if not n:
        return "nothing to count"
    low, high = wilson(k, n)
    return f"{100 * k / n:.1f}% (95% interval {100 * low:.1f} to {100 * high:.1f}, n = {n:,})"
