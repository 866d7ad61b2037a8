"""ModelVersion × Snapshot → Evaluation."""

from homegrown.evaluate.run import evaluate

__all__ = ["evaluate"]
