"""What benchmarks share: the data, the machine, timing in turns."""

from __future__ import annotations

import csv
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median


def data_folder() -> Path:
    """The folder ``HOMEGROWN_DATA``; without it a benchmark cannot run and says so."""
    folder = Path(os.environ.get("HOMEGROWN_DATA", "../shared/data"))
    if not folder.is_dir():
        sys.exit("Set HOMEGROWN_DATA to the folder with the data sets.")
    return folder


def column(path: Path, name: str) -> list[str]:
    """One column of a CSV."""
    with path.open(newline="", encoding="utf-8") as file:
        return [row[name] for row in csv.DictReader(file)]


def machine() -> str:
    """Processor, cores, load: what a figure depends on."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    flags = next((set(line.split()) for line in lines if line.startswith("flags")), set())
    wide = [f for f in ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16") if f in flags]
    cores = len(os.sched_getaffinity(0))
    name = names[0] if names else platform.processor()
    return f"{name}, {cores} cores, {' '.join(wide)}, load {os.getloadavg()[0]:.1f}"


def in_turns(rounds: int, **works: Callable[[], object]) -> dict[str, list[float]]:
    """Seconds of each work, run in turns after one unmeasured run each, so that a busy moment hits all alike."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(rounds + 1):
        for name, work in works.items():
            started = time.perf_counter()
            work()
            if turn:
                seconds[name].append(time.perf_counter() - started)
    return seconds


def rates(n: int, seconds: dict[str, list[float]]) -> dict[str, float]:
    """Median items per second."""
    return {name: n / median(spent) for name, spent in seconds.items()}
