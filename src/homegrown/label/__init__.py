"""Record × LabelSource → Vote; Votes → Label."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homegrown.core.lazy import on_demand
from homegrown.label.imported import ImportedLabels, task_from_column
from homegrown.label.person import answer_value, cast_vote, keep_vote, vote_value

if TYPE_CHECKING:
    from homegrown.label.aggregate import join_votes

__getattr__ = on_demand(__name__, {"join_votes": "homegrown.label.aggregate"})

__all__ = [
    "ImportedLabels",
    "answer_value",
    "cast_vote",
    "join_votes",
    "keep_vote",
    "task_from_column",
    "vote_value",
]
