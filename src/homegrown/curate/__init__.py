"""Records and labels → Issues, and a frozen Snapshot with splits."""

from typing import TYPE_CHECKING

from homegrown.core.lazy import on_demand
from homegrown.curate.datasheet import as_markdown, datasheet
from homegrown.curate.diff import SnapshotDiff, diff
from homegrown.curate.examined import Abilities
from homegrown.curate.freeze import SplitPlan, freeze
from homegrown.curate.issues import IssueReport, find_issues
from homegrown.curate.nearby import checked_key

if TYPE_CHECKING:
    from homegrown.curate.checking import to_check

__getattr__ = on_demand(__name__, {"to_check": "homegrown.curate.checking"})

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
