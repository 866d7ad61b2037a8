"""``homegrown --help`` and ``import homegrown``: under 0.15 s each, measured against a bare Python start."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

N = 15
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "import homegrown": ["-c", "import homegrown"],
    "homegrown --help": ["-m", "homegrown", "--help"],
}


def main() -> None:
    for name, arguments in COMMANDS.items():
        seconds = []
        for _ in range(N):
            started = time.perf_counter()
            subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
            seconds.append(time.perf_counter() - started)
        middle, worst = statistics.median(seconds) * 1000, max(seconds) * 1000
        print(f"{name:<20} median {middle:6.0f} ms  (n = {N}, worst {worst:.0f} ms)")
    print("figure: under 150 ms each")


if __name__ == "__main__":
    main()
