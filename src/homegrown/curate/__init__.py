"""Records and labels → Issues, and a frozen Snapshot with splits."""

from homegrown.curate.checking import to_check
from homegrown.curate.datasheet import as_markdown, datasheet
from homegrown.curate.diff import SnapshotDiff, diff
from homegrown.curate.examined import Abilities
from homegrown.curate.freeze import SplitPlan, freeze
from homegrown.curate.issues import IssueReport, find_issues
from homegrown.curate.nearby import checked_key

__all__ = [
    "Abilities",
    "IssueReport",
    "SnapshotDiff",
    "SplitPlan",
    "as_markdown",
    "checked_key",
    "datasheet",
    "diff",
    "find_issues",
    "freeze",
    "to_check",
]
