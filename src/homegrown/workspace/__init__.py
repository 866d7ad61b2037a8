"""The composition root: each verb once. Asks govern and cost, calls the stage, records the event. Thin."""

from homegrown.workspace.handles import Evaluation, Model, Task
from homegrown.workspace.workspace import Workspace, connect

__all__ = ["Evaluation", "Model", "Task", "Workspace", "connect"]
