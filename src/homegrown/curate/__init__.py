"""Records and labels → a frozen Snapshot with splits."""

from homegrown.curate.freeze import SplitPlan, freeze

__all__ = ["SplitPlan", "freeze"]
