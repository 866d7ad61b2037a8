"""``homegrown curate`` and its parts."""

from __future__ import annotations

from homegrown.cli.family import Family

command = Family(
    "curate",
    {
        "freeze": ("homegrown.cli.curate_freeze", "Freeze what a task is labelled with; meant when no part is named."),
    },
    help="From labels to a training set that one can trust.",
)
