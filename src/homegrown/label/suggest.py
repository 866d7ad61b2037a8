"""What a record might be, and why one thinks so: for who labels it, as a suggestion that can be hidden."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from homegrown.core.models import OUT_OF_SCOPE
from homegrown.core.tasks import LabelSourceKind
from homegrown.store.lance_tables import quoted

if TYPE_CHECKING:
    from homegrown.core.tasks import Task
    from homegrown.store import Store

MOST = 9
WHO = {
    LabelSourceKind.RULE.value: "the rule “{}”",
    LabelSourceKind.MODEL.value: "the model {}",
    LabelSourceKind.IMPORTED.value: "the column “{}”",
}


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A class that a record may have: *share* of the evidence for it, 0 to 1, and *why* in words."""

    class_id: str
    share: float
    why: str


@dataclass(frozen=True, slots=True)
class HeardVote:
    """What one source says of a record; *who* in words."""

    who: str
    class_ids: tuple[str, ...]
    confidence: float | None


def bulk_votes(store: Store, task: Task, record_ids: Sequence[str]) -> dict[str, list[HeardVote]]:
    """Votes of rules, models and imports on a few records; only of each source's newest version."""
    if not store.votes.table.exists or not record_ids:
        return {}
    sources = {s["label_source_id"]: s for s in store.tasks.label_sources(task.task_id)}
    where = f"record_id IN {quoted(record_ids)} AND value IS NOT NULL"
    rows = store.votes.table.scan(["record_id", "label_source_id", "value", "confidence"], where=where).to_pylist()
    found: dict[str, list[HeardVote]] = {}
    for row in rows:
        source = sources.get(row["label_source_id"])
        ids = None if source is None else meant_ids(task, msgspec.json.decode(row["value"]))
        if source is not None and ids is not None:
            who = WHO.get(source["kind"], "{}").format(source["name"])
            found.setdefault(row["record_id"], []).append(HeardVote(who, ids, row["confidence"]))
    return found


def meant_ids(task: Task, value: Mapping[str, Any] | None) -> tuple[str, ...] | None:
    """The present classes that a vote's value means, all parts of one that was split; None where it says nothing now.

    Example:
        >>> from homegrown.core.tasks import Task, TaskClass, TaskKind
        >>> task = Task("t", "t", 2, TaskKind.CLASS, (TaskClass("c_b", "b"),), moved={"c_a": ("c_b",)})
        >>> meant_ids(task, {"class": "c_a"}), meant_ids(task, {"classes": []}), meant_ids(task, {"class": "c_gone"})
        (('c_b',), (), None)
    """
    if value is None:
        return None
    said = task.said(value)
    return tuple(dict.fromkeys(i for ids in said for i in ids)) if said or value.get("classes") == [] else None


def named_ids(task: Task, value: Mapping[str, Any] | None) -> list[str]:
    """The classes among ``meant_ids``: empty for what says nothing now, and for "none of these"."""
    return [class_id for class_id in meant_ids(task, value) or () if class_id != OUT_OF_SCOPE]


def from_votes(votes: Sequence[HeardVote]) -> list[Suggestion]:
    """Classes by the share of votes that name them, the most named first.

    Example:
        >>> votes = [HeardVote("the rule “a”", ("c_1",), None), HeardVote("the rule “b”", ("c_1",), None)]
        >>> from_votes(votes)
        [Suggestion(class_id='c_1', share=1.0, why='the rule “a” and 1 other say so')]
    """
    counted = Counter(class_id for vote in votes for class_id in vote.class_ids)
    return [
        Suggestion(class_id, n / len(votes), says([v.who for v in votes if class_id in v.class_ids]))
        for class_id, n in counted.most_common(MOST)
    ]


def says(who: list[str]) -> str:
    """That these say so, in words."""
    if len(who) == 1:
        return f"{who[0]} says so"
    return f"{who[0]} and {len(who) - 1} other{'s' if len(who) > 2 else ''} say so"


def from_probs(name: str, class_ids: Sequence[str], probs: Sequence[float]) -> list[Suggestion]:
    """Classes by a model's probability, the likeliest first.

    Example:
        >>> from_probs("intent@1", ["c_1", "c_2"], [0.2, 0.8])[0].why
        'intent@1 is 80% sure'
    """
    order = sorted(range(len(class_ids)), key=lambda k: -probs[k])[:MOST]
    return [Suggestion(class_ids[k], float(probs[k]), f"{name} is {probs[k]:.0%} sure") for k in order]


def from_neighbours(class_ids: Sequence[str]) -> list[Suggestion]:
    """Classes of the nearest labelled records, the most frequent first.

    Example:
        >>> from_neighbours(["c_1", "c_2", "c_1"])[0].why
        'like 2 of the 3 nearest labelled'
    """
    n = len(class_ids)
    counted = Counter(class_ids).most_common(MOST)
    return [Suggestion(k, times / n, f"like {times} of the {n} nearest labelled") for k, times in counted]
