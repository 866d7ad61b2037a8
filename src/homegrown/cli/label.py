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
        "rules": ("homegrown.cli.label_rules", "Rules that vote: conditions as data, functions in Python."),
    },
    help="Say what records are: from a column, from people, rules and teachers; join all votes to labels.",
)
