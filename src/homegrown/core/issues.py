"""Issues: what is doubtful about a record or a label, and what a person decided about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from homegrown.core.ids import digest


class Decision(StrEnum):
    """What a person does about an issue."""

    KEEP = "keep"
    RELABEL = "relabel"
    DROP = "drop"
    MASK = "mask"
    MERGE = "merge"


#: what an issue is after each decision
STATES = {
    Decision.KEEP: "kept",
    Decision.RELABEL: "relabelled",
    Decision.DROP: "dropped",
    Decision.MASK: "masked",
    Decision.MERGE: "merged",
}
OPEN = "open"
#: kinds of derivations: a masked record that stands for its original, and one that did until that was taken back
MASKING, UNMASKED = "mask", "unmasked"


@dataclass(frozen=True, slots=True)
class IssueKind:
    """One kind of doubt.

    Attributes:
        name: as it is stored and typed.
        title: for people.
        harm: how much is lost if it is true and nothing is done, 0 to 1; an issue's expected
            harm is this times its score.
        decisions: what may be done about it, the usual one first.
        about_task: whether it is asked of the labels of one task.
    """

    name: str
    title: str
    harm: float
    decisions: tuple[Decision, ...]
    about_task: bool = False


UNKNOWN_HARM = 0.5
_D = Decision
KINDS: Mapping[str, IssueKind] = {
    k.name: k
    for k in (
        IssueKind("label_error", "likely wrong label", 1.0, (_D.RELABEL, _D.KEEP, _D.DROP), about_task=True),
        IssueKind("field_error", "likely wrong field", 1.0, (_D.RELABEL, _D.KEEP, _D.DROP), about_task=True),
        IssueKind("secret", "secret", 0.95, (_D.MASK, _D.DROP, _D.KEEP)),
        IssueKind("leakage", "twin across splits", 0.9, (_D.DROP, _D.MERGE, _D.KEEP), about_task=True),
        IssueKind("personal", "personal data", 0.7, (_D.MASK, _D.DROP, _D.KEEP)),
        IssueKind("near_duplicate", "near duplicate", 0.6, (_D.MERGE, _D.DROP, _D.KEEP)),
        IssueKind("non_text", "not a text", 0.5, (_D.DROP, _D.KEEP)),
        IssueKind("ambiguous", "between two classes", 0.4, (_D.RELABEL, _D.KEEP, _D.DROP), about_task=True),
        IssueKind("outlier", "unlike all others", 0.4, (_D.DROP, _D.KEEP)),
        IssueKind("language", "another language", 0.4, (_D.DROP, _D.KEEP)),
        IssueKind("too_short", "too short", 0.35, (_D.DROP, _D.KEEP)),
        IssueKind("too_long", "too long", 0.3, (_D.KEEP, _D.DROP)),
        IssueKind("rare_class", "rare class", 0.3, (_D.KEEP,), about_task=True),
    )
}


def kind_of(name: str) -> IssueKind:
    """The kind called *name*; one that nobody knows any more may be decided in every way."""
    return KINDS.get(name) or IssueKind(name, name, UNKNOWN_HARM, tuple(Decision))


@dataclass(frozen=True, slots=True)
class Found:
    """What a finder says of one record.

    Attributes:
        score: 0 to 1, how sure it is.
        reason: one sentence for a person; holds no text of the record and no value of personal data.
        other_id: the record that it is a twin of.
        details: ids and numbers that the page shows: ``class_id`` suggested, ``spans`` of ``[start, end, kind]``; of a
            field of an object ``field_id``, the answer that is ``given`` and the ``answer`` that is suggested.
    """

    record_id: str
    kind: str
    score: float
    reason: str
    other_id: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Issue:
    """A stored issue.

    Attributes:
        state: ``open``, or what was decided (``STATES``).
        decided_by: the id of who decided.
    """

    issue_id: str
    task_id: str | None
    record_id: str
    other_id: str | None
    kind: str
    score: float
    reason: str
    details: Mapping[str, Any]
    state: str
    created_at: str
    decided_by: str | None = None
    decided_at: str | None = None

    @property
    def title(self) -> str:
        """Its kind, for people."""
        return kind_of(self.kind).title

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """What may be done about it, the usual one first."""
        return kind_of(self.kind).decisions

    @property
    def harm(self) -> float:
        """How much harm is to be expected of it: the kind's times the score."""
        return self.score * kind_of(self.kind).harm


def issue_id(task_id: str | None, found: Found) -> str:
    """The same for the same doubt about the same record (and field), so that finding it again adds nothing."""
    parts = [task_id or "", found.kind, found.record_id, found.other_id or ""]
    parts += [str(found.details["field_id"])] if "field_id" in found.details else []
    return "iss_" + digest(*(p.encode() for p in parts))[:20]
