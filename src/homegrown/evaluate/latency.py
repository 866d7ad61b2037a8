"""How fast the model answers on this machine, now."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from homegrown.evaluate.document import Latency

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_TEXTS = 100
BUDGET_S = 2.0


def latency(ask: Callable[[list[str]], object], texts: list[str], seconds: float) -> Latency:
    """Time single texts for at most two seconds; the bulk rate is that of answering the whole split.

    The three first calls warm up and do not count. No network is in it: that is what ``serve`` adds.

    Args:
        ask: answers some texts.
        texts: of the split.
        seconds: that answering all of them took.
    """
    step = max(1, len(texts) // MAX_TEXTS)
    chosen = texts[::step][:MAX_TEXTS]
    for text in chosen[:3]:
        ask([text])
    spent: list[float] = []
    until = time.perf_counter() + BUDGET_S
    for text in chosen:
        started = time.perf_counter()
        ask([text])
        spent.append(time.perf_counter() - started)
        if time.perf_counter() > until:
            break
    p50, p95 = np.percentile(spent, [50, 95]) * 1000
    rate = len(texts) / max(seconds, 1e-9)
    return Latency(len(spent), float(p50), float(p95), len(texts), rate, machine(), os.cpu_count() or 1)


def machine() -> str:
    """The processor's name, as far as the system tells it."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
