"""Snapshot × Recipe → Run → ModelVersion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homegrown.core.lazy import on_demand

if TYPE_CHECKING:
    from homegrown.train.run import train
    from homegrown.train.softmax import fit_head

__getattr__ = on_demand(__name__, {"fit_head": "homegrown.train.softmax", "train": "homegrown.train.run"})

__all__ = ["fit_head", "train"]
