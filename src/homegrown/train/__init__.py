"""Snapshot × Recipe → Run → ModelVersion."""

from homegrown.train.run import train

__all__ = ["train"]
