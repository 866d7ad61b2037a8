"""The Evaluation as one HTML file that needs nothing else."""

from homegrown.evaluate.report.render import example_ids, render, render_objects

__all__ = ["example_ids", "render", "render_objects"]
