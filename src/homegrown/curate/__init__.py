"""Records and labels → Issues, and a frozen Snapshot with splits."""

from homegrown.curate.datasheet import as_markdown, datasheet
from homegrown.curate.diff import SnapshotDiff, diff
from homegrown.curate.examined import Abilities
from homegrown.curate.freeze import SplitPlan, freeze
from homegrown.curate.issues import IssueReport, find_issues

__all__ = [
    "Abilities",
    "IssueReport",
    "SnapshotDiff",
    "SplitPlan",
    "as_markdown",
    "datasheet",
    "diff",
    "find_issues",
    "freeze",
]
