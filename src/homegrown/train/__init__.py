"""Snapshot × Recipe → Run → ModelVersion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homegrown.core.lazy import on_demand

if TYPE_CHECKING:
    from homegrown.train.crossed import out_of_sample
    from homegrown.train.crossed_objects import objects_out_of_sample
    from homegrown.train.run import train
    from homegrown.train.softmax import fit_head

__getattr__ = on_demand(
    __name__,
    {
        "fit_head": "homegrown.train.softmax",
        "objects_out_of_sample": "homegrown.train.crossed_objects",
        "out_of_sample": "homegrown.train.crossed",
        "train": "homegrown.train.run",
    },
)

__all__ = ["fit_head", "objects_out_of_sample", "out_of_sample", "train"]
