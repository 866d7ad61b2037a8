"""Bulk answers per second: a fine-tuned encoder against a transformers ``pipeline`` with its weights and best batch.

    python -m benchmarks.predict_speed [--n 1000] [--rounds 3] [--threads 2]

The head is random: speed does not depend on what it learnt. The pipeline gets its texts
sorted by length, which helps it.
"""

import argparse
import os
import tempfile
from pathlib import Path

import numpy as np
import torch
from transformers import pipeline
from transformers.utils import logging

from benchmarks.common import column, data_folder, in_turns, machine, rates
from benchmarks.serve_latency import peer_model
from homegrown.inference.encoder_folder import bundled_folder
from homegrown.inference.finetuned import FinetunedModel

N_CLASSES = 77
BATCHES = (1, 8, 32, 128)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--n", type=int, default=1000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    chosen = options.parse_args()
    torch.set_num_threads(chosen.threads)
    os.environ["HOMEGROWN_THREADS"] = str(chosen.threads)
    logging.set_verbosity_error()
    texts = column(data_folder() / "banking77" / "train.csv", "text")
    chance = np.random.default_rng(0)
    texts = sorted((texts[i] for i in chance.permutation(len(texts))[: chosen.n]), key=len)
    names = tuple(f"class {i}" for i in range(N_CLASSES))
    ours = FinetunedModel(
        bundled_folder(),
        names,
        chance.normal(size=(384, N_CLASSES)).astype(np.float32),
        np.zeros(N_CLASSES, np.float32),
    )
    with tempfile.TemporaryDirectory() as folder:
        peer = pipeline("text-classification", model=str(peer_model(Path(folder), N_CLASSES)), device="cpu")
        short = texts[:: max(1, len(texts) // 150)]
        tried = in_turns(1, **{str(b): (lambda b=b: peer(short, batch_size=b)) for b in BATCHES})
        best = min(BATCHES, key=lambda b: tried[str(b)][0])
        title = f"pipeline, batch {best}"
        works = {"homegrown": lambda: ours.predict(texts), title: lambda: peer(texts, batch_size=best)}
        seconds = in_turns(chosen.rounds, **works)
    found = rates(len(texts), seconds)
    base = found[title]
    print(f"{len(texts)} Banking77 texts, median of {chosen.rounds} rounds, {chosen.threads} threads; {machine()}")
    for name, rate in found.items():
        spread = f"{min(seconds[name]):.2f}-{max(seconds[name]):.2f} s"
        print(f"  {name:<20}{rate:8.0f} texts/s   {rate / base:5.2f} x   ({spread})")


if __name__ == "__main__":
    main()
