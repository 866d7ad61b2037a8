"""Runs any model: what votes, is scored and serves is the same code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homegrown.core.lazy import on_demand

if TYPE_CHECKING:
    from homegrown.inference.cached import CachedEncoder
    from homegrown.inference.encoder import Encoder
    from homegrown.inference.exporting import export_bundle
    from homegrown.inference.predictor import load_predictor

__getattr__ = on_demand(
    __name__,
    {
        "CachedEncoder": "homegrown.inference.cached",
        "Encoder": "homegrown.inference.encoder",
        "export_bundle": "homegrown.inference.exporting",
        "load_predictor": "homegrown.inference.predictor",
    },
)

__all__ = ["CachedEncoder", "Encoder", "export_bundle", "load_predictor"]
