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
        "fields": ("homegrown.cli.label_fields", "Answers that are objects: their fields, and columns that hold them."),
        "tasks": ("homegrown.cli.label_tasks", "Tasks: their classes, guidelines and versions."),
        "queue": ("homegrown.cli.label_queue", "The next records that want an answer, or those people disagree on."),
        "settle": ("homegrown.cli.label_settle", "A reviewer's word on fields on which people disagree."),
        "invite": ("homegrown.cli.label_invite", "Let somebody in to label or to review, by a link."),
        "people": ("homegrown.cli.label_people", "Who labels, how far they agree, what each confuses."),
        "teach": ("homegrown.cli.label_teach", "A model API outside votes, within a budget."),
        "model": ("homegrown.cli.label_model", "A model of ours votes."),
        "import": ("homegrown.cli.label_import", "Texts and votes of Label Studio, Argilla, Prodigy, doccano, OpenAI."),
        "export": ("homegrown.cli.label_export", "Records and labels for the same."),
        "bulk": ("homegrown.cli.label_bulk", "Everything under a filter at once, after a look at a sample."),
        "discover": ("homegrown.cli.label_discover", "Start without classes: group like records and name the groups."),
        "check": ("homegrown.cli.label_check", "A few records that show where an upstream or a teacher errs."),
        "next": ("homegrown.cli.label_next", "What to label next, and what more labels would bring."),
        "rules": ("homegrown.cli.label_rules", "Rules that vote: conditions as data, functions in Python."),
    },
    help="Say what records are: from a column, from people, rules and teachers; join all votes to labels.",
)
