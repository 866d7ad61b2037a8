"""Accuracy on Banking77 and CLINC150 against the figures to reach.

python -m benchmarks.accuracy [--only NAME …] [--seeds N] [--budget 600]

Names: banking77-linear, banking77-auto, banking77-10, banking77-5, clinc150, clinc150-10. Every choice is made on
validation rows of the training data; a test split is answered once per line printed. The defaults of the recipes were
developed on the training splits of these two data sets (validation rows held out), as in the papers compared with.
"""

import argparse
import csv
import gzip
import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.common import data_folder, machine
from homegrown import plugins
from homegrown.core.models import Examples, TrainingData
from homegrown.core.progress import Silent
from homegrown.inference.encoder import Encoder
from homegrown.inference.predictor import load_predictor
from homegrown.metrics.intervals import wilson

VALID_SHARE = 0.1
FIGURES = {
    "banking77-linear": "≥ 92.9",
    "banking77-auto": "≥ 94.0 within 10 minutes",
    "banking77-10": "≥ 87.3, then 88, aim 89.8",
    "banking77-5": "≥ 81.0, then 82, aim 84.0",
    "clinc150": "in-scope ≥ 96.2 with out-of-scope recall ≥ 70",
    "clinc150-10": "≥ 92.5, aim 94.2",
}
Pairs = list[tuple[str, str]]


def read(path: Path, label: str) -> Pairs:
    with path.open(newline="", encoding="utf-8") as file:
        return [(row["text"], row[label]) for row in csv.DictReader(file)]


def examples(pairs: Pairs, names: list[str]) -> Examples:
    """One-hot rows; a label that is no class makes an out-of-scope row."""
    position = {name.lower(): i for i, name in enumerate(names)}
    probs = np.zeros((len(pairs), len(names)), np.float32)
    for row, (_, label) in enumerate(pairs):
        if label.lower() in position:
            probs[row, position[label.lower()]] = 1
    return Examples([t for t, _ in pairs], probs, np.ones(len(pairs), np.float32), [str(i) for i in range(len(pairs))])


def split(pairs: Pairs, seed: int) -> tuple[Pairs, Pairs]:
    valid = np.random.default_rng(seed).random(len(pairs)) < VALID_SHARE
    return [p for p, v in zip(pairs, valid, strict=True) if not v], [p for p, v in zip(pairs, valid, strict=True) if v]


def task(train: Pairs, valid: Pairs, outside: set[str], unlabelled: list[str]) -> TrainingData:
    names = sorted({label for _, label in train} - outside)
    parts = examples(train, names), examples(valid, names)
    return TrainingData(tuple(names), tuple(names), False, *parts, unlabelled)


def run(name: str, recipe: str, options: dict, data: TrainingData, test: Pairs, seed: int, encoder: Encoder) -> float:
    """Train, answer the test split once, print a line; returns the accuracy on rows that belong to a class."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        trainer = plugins.load("homegrown.trainers", recipe)()
        fitted = trainer.fit(data, options, seed=seed, folder=Path(folder), encoder=encoder, progress=Silent())
        seconds = time.monotonic() - started
        answers = load_predictor(fitted.folder, encoder).predict([t for t, _ in test])
    truth = examples(test, list(data.class_names)).probs
    inside = truth.sum(1) > 0
    hits = (answers.probs.argmax(1) == truth.argmax(1)) & inside
    n, right = int(inside.sum()), int(hits.sum())
    low, high = wilson(right, n)
    print(
        f"  {name} seed {seed}: {fitted.recipe.trainer} {right / n:.2%} "
        f"[{low:.2%}, {high:.2%}] n {n:,}, {seconds:.0f} s"
    )
    for row in fitted.ladder:
        print(f"    {row['recipe']}: validation {row.get('accuracy', float('nan')):.2%}; {row.get('note', '')}")
    if not inside.all():
        print("    accepted at in_scope ≥ …   in-scope accuracy   out-of-scope recall")
        for line in (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95):
            taken = answers.in_scope >= line
            mark = "  <- the model's own line" if line == 0.5 else ""
            print(f"    {line:.2f}  {(hits & taken)[inside].mean():.2%}  {(~taken)[~inside].mean():.1%}{mark}")
    return right / n


def banking(name: str, seed: int, budget: float, encoder: Encoder) -> list[float]:
    folder = data_folder() / "banking77"
    test = read(folder / "test.csv", "category")
    if name in ("banking77-linear", "banking77-auto"):
        train, valid = split(read(folder / "train.csv", "category"), seed)
        recipe = name.split("-")[1]
        options = {"budget_s": budget} if recipe == "auto" else {}
        return [run(name, recipe, options, task(train, valid, set(), []), test, seed, encoder)]
    label = "category"
    train, valid = split(read(folder / "fewshot" / f"train_{name.split('-')[1]}.csv", label), seed)
    texts = [t for t, _ in read(folder / "fewshot" / "train.csv", label)]
    both = []
    for word, unlabelled in (("without unlabelled texts", []), ("with unlabelled texts", texts)):
        data = task(train, valid, set(), unlabelled)
        both.append(run(f"{name} {word}", "finetune", {"budget_s": budget}, data, test, seed, encoder))
    return both


def clinc(name: str, seed: int, budget: float, encoder: Encoder) -> list[float]:
    folder = data_folder() / "clinc150"
    with gzip.open(folder / "data_full.json.gz", "rt", encoding="utf-8") as file:
        data = {part: [(t, c) for t, c in rows] for part, rows in json.load(file).items()}
    options = {"budget_s": budget}
    if name == "clinc150":
        train, valid = data["train"] + data["oos_train"], data["val"] + data["oos_val"]
        test = data["test"] + data["oos_test"]
        # This set brings its own validation split; it judges and draws the line, and trains nothing.
        options = {**options, "epochs": 2, "refit": False}
        return [run(name, "finetune", options, task(train, valid, {"oos"}, []), test, seed, encoder)]
    train, valid = split(read(folder / "fewshot" / "train_10.csv", "intent"), seed)
    texts = [t for t, _ in data["train"]]
    return [run(name, "finetune", options, task(train, valid, set(), texts), data["test"], seed, encoder)]


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--only", nargs="*", default=list(FIGURES))
    options.add_argument("--seeds", type=int, help="runs of each (default: 3 of the few-shot ones, 1 of the others)")
    options.add_argument("--budget", type=float, default=600.0)
    chosen = options.parse_args()
    encoder = Encoder.load()
    print(f"{machine()}, {torch.get_num_threads()} threads")
    for name in chosen.only:
        print(f"{name}: {FIGURES[name]}")
        work = clinc if name.startswith("clinc") else banking
        seeds = chosen.seeds or (3 if name.endswith(("-10", "-5")) else 1)
        runs = [work(name, seed, chosen.budget, encoder) for seed in range(seeds)]
        means = ", ".join(f"{statistics.mean(column):.2%}" for column in zip(*runs, strict=True))
        print(f"  mean of {seeds} seeds: {means} (figure {FIGURES[name]})", flush=True)


if __name__ == "__main__":
    main()
