"""How many labels a simulated expert gives until the model is as good as with all of them: ours, margin, random.

python -m benchmarks.label_efficiency [--part test] [--seeds 5] [--errors 0 0.1] [--most 0.25]

The pool is Banking77's training set, the recipe a linear head on the frozen encoder that learns from the pool's vectors too
(`label.pool_fit`). Every method's labels are fitted by the same recipe, and so are all labels of the pool, where nothing is
left unlabelled: "full". An expert who errs names one of the other classes at random, anew each time that a record is shown; a
record that is shown again costs a label again. Batches of 125; a method reaches an accuracy at the first batch from which on
it stays there, looked at after every second batch from two fifths of the most on.

`--part dev` (the default), on which the method was chosen: 2,003 rows of the training set are held out to measure on, the
others are the pool. `--part test` is for the figure: the official test set, the whole training set the pool.
"""

import argparse
import time
from collections.abc import Callable
from statistics import mean

import numpy as np
import torch

from benchmarks.common import column, data_folder, machine
from homegrown.inference.encoder import Encoder
from homegrown.label.choose import Board, choose, uncertainty
from homegrown.label.pool_fit import PoolFit, fit_pool, fit_with_pool
from homegrown.metrics.neighbours import Neighbours, neighbours
from homegrown.train.softmax import fit_head

BATCH = 125
HELD_OUT = 2003
Next = Callable[["Simulation"], list[int]]


class Simulation:
    """One expert, one order of things."""

    def __init__(self, vectors: np.ndarray, truth: np.ndarray, near: Neighbours, error: float, seed: int) -> None:
        self.vectors, self.truth, self.near, self.error, self.seed = vectors, truth, near, error, seed
        self.rng = np.random.default_rng(seed)
        self.n_classes = int(truth.max()) + 1
        self.counts = np.zeros((len(truth), self.n_classes), np.float32)
        self.n_asked = 0
        self.found: PoolFit | None = None

    def ask(self, rows: list[int]) -> None:
        """The expert says what *rows* are."""
        said = self.truth[rows].copy()
        errs = self.rng.random(len(rows)) < self.error
        said[errs] = (said[errs] + self.rng.integers(1, self.n_classes, int(errs.sum()))) % self.n_classes
        np.add.at(self.counts, (rows, said), 1)
        self.n_asked += len(rows)

    def fit(self, *, doubt: bool = True) -> None:
        """Retrain on what was said."""
        start = None if self.found is None else self.found.head
        self.found = fit_pool(fit_head, self.vectors, self.near, self.counts, start=start, doubt=doubt)

    def board(self) -> Board:
        """What ours chooses from."""
        labelled = self.counts.sum(1) > 0
        names = tuple(map(str, range(self.n_classes)))
        settled = self.counts.sum(1) > 1
        return Board(self.vectors, self.near, ~labelled, labelled, self.counts, names, self.found, None, settled)


def ours(sim: Simulation) -> list[int]:
    return [c.row for c in choose(sim.board(), BATCH, seed=sim.seed)]


def margin(sim: Simulation) -> list[int]:
    if sim.found is None:
        return random(sim)
    doubt = np.where(sim.counts.sum(1) > 0, -1, uncertainty(sim.found.by_head))
    return np.argsort(-doubt, kind="stable")[:BATCH].tolist()


def random(sim: Simulation) -> list[int]:
    free = np.flatnonzero(sim.counts.sum(1) == 0)
    return sim.rng.permutation(free)[:BATCH].tolist()


METHODS: dict[str, Next] = {"ours": ours, "margin": margin, "random": random}


def curve(method: Next, sim: Simulation, judge: Callable[[Simulation], float], most: int) -> dict[int, float]:
    found = {}
    while sim.n_asked < most:
        sim.ask(method(sim))
        looked_at = sim.n_asked >= most * 0.4 and (sim.n_asked // BATCH) % 2 == 0
        sim.fit(doubt=looked_at)
        if looked_at:
            found[sim.n_asked] = judge(sim)
    return found


def reached(points: dict[int, float], level: float) -> int | None:
    """The first number of labels from which on the accuracy stays at *level* or above."""
    sizes = sorted(points)
    below = [n for n in sizes if points[n] < level]
    return next((n for n in sizes if not below or n > below[-1]), None)


def data(part: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    folder, encoder = data_folder() / "banking77", Encoder.load()
    texts, names = column(folder / "train.csv", "text"), column(folder / "train.csv", "category")
    classes, labels = np.unique(names, return_inverse=True)
    vectors = encoder.encode(texts)
    if part == "dev":
        order = np.random.default_rng(12345).permutation(len(labels))
        out, pool = order[:HELD_OUT], order[HELD_OUT:]
        return vectors[pool], labels[pool], vectors[out], labels[out]
    place = {name: number for number, name in enumerate(classes)}
    tested = np.array([place[c] for c in column(folder / "test.csv", "category")])
    return vectors, labels, encoder.encode(column(folder / "test.csv", "text")), tested


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", choices=("dev", "test"), default="dev")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--errors", type=float, nargs="*", default=[0.0, 0.1])
    parser.add_argument("--most", type=float, default=0.25, help="share of the pool that is labelled at most")
    parser.add_argument("--methods", nargs="*", choices=METHODS, default=list(METHODS))
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(machine())
    x, y, test_x, test_y = data(options.part)
    near = neighbours(x)
    most = int(options.most * len(y)) // BATCH * BATCH
    print(f"pool {len(y):,}, measured on {len(test_y):,}, at most {most:,} labels, {options.seeds} seeds")

    def judge(sim: Simulation) -> float:
        assert sim.found is not None
        head = fit_with_pool(fit_head, x, sim.found)
        return 100 * float((head.logits(test_x).argmax(1) == test_y).mean())

    for error in options.errors:
        full = []
        for seed in range(options.seeds if error else 1):
            sim = Simulation(x, y, near, error, seed)
            sim.ask(list(range(len(y))))
            sim.fit()
            full.append(judge(sim))
        level = mean(full) - 0.5
        print(f"expert errs on {error:.0%}: full {mean(full):.2f} with {len(y):,} labels; wanted {level:.2f}")
        for name in options.methods:
            started = time.perf_counter()
            runs = [
                curve(METHODS[name], Simulation(x, y, near, error, seed), judge, most) for seed in range(options.seeds)
            ]
            average = {n: mean(run[n] for run in runs) for n in runs[0]}
            shown = "  ".join(f"{n}: {average[n]:.2f}" for n in sorted(average) if n % 500 == 0 or n == most)
            print(
                f"  {name:7} {shown}  | mean reaches wanted at {reached(average, level)}, 90.0 at {reached(average, 90.0)}"
                f"  | by seed {[reached(run, level) for run in runs]}  ({time.perf_counter() - started:.0f} s)",
                flush=True,
            )


if __name__ == "__main__":
    main()
