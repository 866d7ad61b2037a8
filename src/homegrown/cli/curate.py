"""``homegrown curate`` and its parts."""

from __future__ import annotations

from homegrown.cli.family import Family

command = Family(
    "curate",
    {
        "freeze": ("homegrown.cli.curate_freeze", "Freeze what a task is labelled with; meant when no part is named."),
        "issues": ("homegrown.cli.curate_issues", "Find doubtful records and labels, and list or decide them."),
        "diff": ("homegrown.cli.curate_diff", "What changed between two snapshots."),
        "datasheet": (
            "homegrown.cli.curate_datasheet",
            "What is known of a snapshot, on a page.",
        ),
    },
    help="From labels to a training set that one can trust.",
)
