"""ModelVersion × Snapshot → Evaluation."""

from homegrown.evaluate.document import Evaluation
from homegrown.evaluate.run import evaluate, stored_evaluation

__all__ = ["Evaluation", "evaluate", "stored_evaluation"]
