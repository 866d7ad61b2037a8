"""Runs any model: what votes, is scored and serves is the same code."""
