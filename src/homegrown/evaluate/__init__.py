"""ModelVersion × Snapshot → Evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homegrown.core.lazy import on_demand

if TYPE_CHECKING:
    from homegrown.evaluate.by_field import accuracies_told, field_verdicts
    from homegrown.evaluate.chained import Chained, Judged, calibrate_chain
    from homegrown.evaluate.challengers import challenge
    from homegrown.evaluate.document import Evaluation
    from homegrown.evaluate.exit import Bound, exit_bound
    from homegrown.evaluate.exit_objects import JudgedDocuments, ObjectBound, document_plan, object_bound
    from homegrown.evaluate.pairing import compare
    from homegrown.evaluate.report import example_ids, render
    from homegrown.evaluate.run import evaluate, stored_evaluation
    from homegrown.evaluate.shadowed import (
        AGREED_SHARE,
        Shadowed,
        is_drawn,
        read_shadowed,
        shadow_answers,
    )
    from homegrown.evaluate.terminal import show
    from homegrown.evaluate.verdict import Answers, give_verdict, lines

__getattr__ = on_demand(
    __name__,
    {
        "AGREED_SHARE": "homegrown.evaluate.shadowed",
        "Answers": "homegrown.evaluate.verdict",
        "Bound": "homegrown.evaluate.exit",
        "Evaluation": "homegrown.evaluate.document",
        "Shadowed": "homegrown.evaluate.shadowed",
        "challenge": "homegrown.evaluate.challengers",
        "compare": "homegrown.evaluate.pairing",
        "evaluate": "homegrown.evaluate.run",
        "example_ids": "homegrown.evaluate.report",
        "Chained": "homegrown.evaluate.chained",
        "Judged": "homegrown.evaluate.chained",
        "JudgedDocuments": "homegrown.evaluate.exit_objects",
        "ObjectBound": "homegrown.evaluate.exit_objects",
        "document_plan": "homegrown.evaluate.exit_objects",
        "object_bound": "homegrown.evaluate.exit_objects",
        "calibrate_chain": "homegrown.evaluate.chained",
        "exit_bound": "homegrown.evaluate.exit",
        "accuracies_told": "homegrown.evaluate.by_field",
        "field_verdicts": "homegrown.evaluate.by_field",
        "give_verdict": "homegrown.evaluate.verdict",
        "is_drawn": "homegrown.evaluate.shadowed",
        "lines": "homegrown.evaluate.verdict",
        "read_shadowed": "homegrown.evaluate.shadowed",
        "render": "homegrown.evaluate.report",
        "shadow_answers": "homegrown.evaluate.shadowed",
        "show": "homegrown.evaluate.terminal",
        "stored_evaluation": "homegrown.evaluate.run",
    },
)

__all__ = [
    "AGREED_SHARE",
    "Answers",
    "Bound",
    "Chained",
    "Evaluation",
    "Judged",
    "JudgedDocuments",
    "ObjectBound",
    "Shadowed",
    "accuracies_told",
    "calibrate_chain",
    "challenge",
    "compare",
    "document_plan",
    "evaluate",
    "example_ids",
    "exit_bound",
    "field_verdicts",
    "give_verdict",
    "is_drawn",
    "lines",
    "object_bound",
    "read_shadowed",
    "render",
    "shadow_answers",
    "show",
    "stored_evaluation",
]
