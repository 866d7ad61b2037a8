"""Answers over HTTP: loaded models, micro-batches, hot swaps, traces."""

from homegrown.serve.engine import Engine, Served
from homegrown.serve.traces import TraceWriter

__all__ = ["Engine", "Served", "TraceWriter"]
