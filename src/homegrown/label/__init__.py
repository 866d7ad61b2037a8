"""Record × LabelSource → Vote; Votes → Label."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homegrown.core.lazy import on_demand
from homegrown.label.imported import ImportedLabels, task_from_column
from homegrown.label.person import answer_value, cast_vote, keep_vote, vote_value

if TYPE_CHECKING:
    from homegrown.label.aggregate import join_votes
    from homegrown.label.cluster_class import covered_records, make_class, sample_of, take_back
    from homegrown.label.grouping import cluster_of, discover, divided, merged, renamed, undone
    from homegrown.label.next import MostUseful, NextRecords
    from homegrown.label.object_votes import join_objects
    from homegrown.label.typical import typical_records

__getattr__ = on_demand(
    __name__,
    {
        "MostUseful": "homegrown.label.next",
        "NextRecords": "homegrown.label.next",
        "cluster_of": "homegrown.label.grouping",
        "covered_records": "homegrown.label.cluster_class",
        "discover": "homegrown.label.grouping",
        "divided": "homegrown.label.grouping",
        "join_objects": "homegrown.label.object_votes",
        "join_votes": "homegrown.label.aggregate",
        "make_class": "homegrown.label.cluster_class",
        "merged": "homegrown.label.grouping",
        "renamed": "homegrown.label.grouping",
        "sample_of": "homegrown.label.cluster_class",
        "take_back": "homegrown.label.cluster_class",
        "typical_records": "homegrown.label.typical",
        "undone": "homegrown.label.grouping",
    },
)

__all__ = [
    "ImportedLabels",
    "MostUseful",
    "NextRecords",
    "answer_value",
    "cast_vote",
    "cluster_of",
    "covered_records",
    "discover",
    "divided",
    "join_objects",
    "join_votes",
    "keep_vote",
    "make_class",
    "merged",
    "renamed",
    "sample_of",
    "take_back",
    "task_from_column",
    "typical_records",
    "undone",
    "vote_value",
]
