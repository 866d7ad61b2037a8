"""Record × LabelSource → Vote; Votes → Label."""

from homegrown.label.imported import task_from_column

__all__ = ["task_from_column"]
