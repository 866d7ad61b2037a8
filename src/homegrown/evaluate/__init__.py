"""ModelVersion × Snapshot → Evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homegrown.core.lazy import on_demand

if TYPE_CHECKING:
    from homegrown.evaluate.document import Evaluation
    from homegrown.evaluate.run import evaluate, stored_evaluation

__getattr__ = on_demand(
    __name__,
    {
        "Evaluation": "homegrown.evaluate.document",
        "evaluate": "homegrown.evaluate.run",
        "stored_evaluation": "homegrown.evaluate.run",
    },
)

__all__ = ["Evaluation", "evaluate", "stored_evaluation"]
