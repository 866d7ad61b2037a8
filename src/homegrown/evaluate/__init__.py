"""ModelVersion × Snapshot → Evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homegrown.core.lazy import on_demand

if TYPE_CHECKING:
    from homegrown.evaluate.challengers import challenge
    from homegrown.evaluate.document import Evaluation
    from homegrown.evaluate.pairing import compare
    from homegrown.evaluate.report import example_ids, render
    from homegrown.evaluate.run import evaluate, stored_evaluation
    from homegrown.evaluate.terminal import show

__getattr__ = on_demand(
    __name__,
    {
        "Evaluation": "homegrown.evaluate.document",
        "challenge": "homegrown.evaluate.challengers",
        "compare": "homegrown.evaluate.pairing",
        "evaluate": "homegrown.evaluate.run",
        "example_ids": "homegrown.evaluate.report",
        "render": "homegrown.evaluate.report",
        "show": "homegrown.evaluate.terminal",
        "stored_evaluation": "homegrown.evaluate.run",
    },
)

__all__ = ["Evaluation", "challenge", "compare", "evaluate", "example_ids", "render", "show", "stored_evaluation"]
