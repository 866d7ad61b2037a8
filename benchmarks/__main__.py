"""``python -m benchmarks``: runs every module of this folder that has a ``main``, one after the other."""

import runpy
from pathlib import Path


def main() -> None:
    for path in sorted(Path(__file__).parent.glob("[a-z]*.py")):
        if path.stem != "common":
            print(f"== {path.stem}", flush=True)
            runpy.run_module(f"benchmarks.{path.stem}", run_name="__main__")


if __name__ == "__main__":
    main()
