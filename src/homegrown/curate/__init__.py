"""Records and labels → Issues, and a frozen Snapshot with splits."""

from homegrown.curate.examined import Abilities
from homegrown.curate.freeze import SplitPlan, freeze
from homegrown.curate.issues import IssueReport, find_issues

__all__ = ["Abilities", "IssueReport", "SplitPlan", "find_issues", "freeze"]
