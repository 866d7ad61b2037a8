"""Snapshot × Recipe → Run → ModelVersion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homegrown.core.lazy import on_demand

if TYPE_CHECKING:
    from homegrown.train.crossed import out_of_sample
    from homegrown.train.run import train

__getattr__ = on_demand(__name__, {"out_of_sample": "homegrown.train.crossed", "train": "homegrown.train.run"})

__all__ = ["out_of_sample", "train"]
