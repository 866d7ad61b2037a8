"""Record × LabelSource → Vote; Votes → Label."""

from homegrown.label.imported import ImportedLabels, task_from_column

__all__ = ["ImportedLabels", "task_from_column"]
