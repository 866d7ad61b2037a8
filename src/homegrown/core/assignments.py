"""Assignments, what a person sends back for one, and comments."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

#: how a label source of a person is marked whose votes settle a record
REVIEW = {"review": True}


class Choice(NamedTuple):
    """A record that somebody should look at, and why this one."""

    record_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Assignment:
    """A record that waits for one person until its lease ends; an answer that comes later counts as well."""

    assignment_id: str
    record_id: str
    reason: str
    expires_at: str


@dataclass(frozen=True, slots=True)
class Submission:
    """What a person sends of one record, under an id that their browser made: sent again it is the same submission.

    Attributes:
        client_id: chosen by the sender, never used for anything else.
        act: ``vote``, ``undo`` or ``skip``.
        value: of a vote, ``{"class": id}`` or ``{"classes": [id, …]}``.
        base: vote id or client id of the vote that stood when it was made; None where none stood.
        undoes: vote id or client id of the vote that an undo takes back.
    """

    client_id: str
    act: str
    record_id: str
    value: dict[str, Any] | None = None
    base: str | None = None
    undoes: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a submission.

    Attributes:
        outcome: ``kept``: it is durable. ``stale``: something else was said since, which is in *stands*; nothing was
            changed. ``refused``: it can never be kept, for the *reason*.
        stands: ``vote_id``, ``value``, ``who``, ``created_at`` of the vote that stands instead.
    """

    client_id: str
    outcome: str
    vote_id: str | None = None
    stands: dict[str, Any] | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class StationSettings:
    """How a task is labelled by people.

    Attributes:
        overlap: how many people see each record.
        fields: names of the record's fields that are shown beside its text.
        hides_suggestions: whether suggestions are hidden until somebody asks for them, lest they anchor.
    """

    overlap: int = 1
    fields: tuple[str, ...] = field(default=())
    hides_suggestions: bool = False
