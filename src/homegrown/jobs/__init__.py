"""Runs whatever takes longer than a request: durable, resumable, cancellable."""
