"""``python -m benchmarks``: runs every module of this folder that has a ``main``, one after the other.

Each in a process of its own: one that fails is named at the end, and what it left in memory slows down no other.
"""

import subprocess
import sys
from pathlib import Path


def main() -> None:
    names = [path.stem for path in sorted(Path(__file__).parent.glob("[a-z]*.py")) if path.stem != "common"]
    failed = []
    for name in names:
        print(f"== {name}", flush=True)
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode:
            failed.append(name)
    if failed:
        sys.exit(f"These did not finish: {', '.join(failed)}")


if __name__ == "__main__":
    main()
