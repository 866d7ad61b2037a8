"""The main job by the clock: ``grow --recipe linear`` on all of Banking77, and from the CSV to a first served answer.

python -m benchmarks.grow_speed [--rounds 3]

Each round starts in an empty workspace and in processes of its own, as a newcomer's does; installation is not counted.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from statistics import median

from benchmarks.common import data_folder, machine

FIGURES = {"grow --recipe linear": 30.0, "CSV to first served answer": 90.0}


def grow(root: Path, data: Path, *more: str) -> list[str]:
    files = [str(data / "train.csv"), "--text", "text", "--label", "category", "--test", str(data / "test.csv")]
    return [sys.executable, "-m", "homegrown", "grow", *files, "--name", "bank", "--workspace", str(root), *more]


def trained(root: Path, data: Path) -> tuple[float, dict]:
    """Seconds until the command has ended, and its JSON."""
    started = time.perf_counter()
    command = grow(root, data, "--recipe", "linear", "--json")
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started, json.loads(done.stdout)


def served(root: Path, data: Path) -> float:
    """Seconds from the start of the command to a first answer over HTTP."""
    started = time.perf_counter()
    command = grow(root, data, "--recipe", "linear", "--serve")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            said = ""
            for line in process.stdout or ():
                said += line
                origin, key = re.search(r"http://127\.0\.0\.1:\d+", said), re.search(r"hg_[\w-]+", said)
                if origin and key:
                    answer(origin[0], key[0])
                    return time.perf_counter() - started
            sys.exit(f"grow --serve ended without an address:\n{said}")
        finally:
            process.terminate()


def answer(origin: str, key: str) -> None:
    """Ask until the server, which has announced itself, answers."""
    body = json.dumps({"text": "where is my card?"}).encode()
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{origin}/api/v1/endpoints/bank/predict", body, headers)
    with urllib.request.urlopen(request, timeout=60) as response:
        assert json.load(response)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=3)
    rounds = options.parse_args().rounds
    data = data_folder() / "banking77"
    print(f"Banking77, 10,003 + 3,080 rows, median of {rounds} rounds; {machine()}")
    seconds: dict[str, list[float]] = {name: [] for name in FIGURES}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            spent, result = trained(Path(folder) / "a", data)
            seconds["grow --recipe linear"].append(spent)
            seconds["CSV to first served answer"].append(served(Path(folder) / "b", data))
        parts = ", ".join(f"{name} {value:.1f} s" for name, value in result["seconds"].items())
        print(f"  {spent:5.1f} s ({parts}); accuracy {result['accuracy']:.2%}, n {result['n_test']:,}", flush=True)
    for name, spent in seconds.items():
        print(f"  {name:<28} {median(spent):5.1f} s  figure: under {FIGURES[name]:.0f} s")


if __name__ == "__main__":
    main()
