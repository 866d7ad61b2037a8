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
        "discover": ("homegrown.cli.label_discover", "Start without classes: group like records and name the groups."),
        "next": ("homegrown.cli.label_next", "What to label next, and what more labels would bring."),
    },
    help="Say what records are: from a column, from people, rules and teachers; join all votes to labels.",
)
