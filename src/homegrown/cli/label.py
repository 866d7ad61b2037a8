"""``homegrown label`` and its parts."""

from __future__ import annotations

from homegrown.cli.family import Family

command = Family(
    "label",
    {
        "column": (
            "homegrown.cli.label_column",
            "The values of a column, or a CSV of votes; meant when no part is named.",
        ),
        "teach": ("homegrown.cli.label_teach", "A model API outside votes, within a budget."),
    },
    help="Say what records are: from a column, from people, rules and teachers; join all votes to labels.",
)
