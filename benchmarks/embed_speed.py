"""Embedding speed on Banking77 texts: homegrown against ``SentenceTransformer.encode`` with its default settings.

python -m benchmarks.embed_speed [--n 2000] [--rounds 3]
"""

import argparse
import os

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from benchmarks.common import column, data_folder, in_turns, machine, rates
from homegrown.inference.encoder import Encoder


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--n", type=int, default=2000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    chosen = options.parse_args()
    torch.set_num_threads(chosen.threads)
    os.environ["HOMEGROWN_THREADS"] = str(chosen.threads)
    texts = column(data_folder() / "banking77" / "train.csv", "text")
    texts = [texts[i] for i in np.random.default_rng(0).permutation(len(texts))[: chosen.n]]
    ours = {"auto": Encoder.load(), "fp32": Encoder.load(precision="fp32")}
    peer = SentenceTransformer(str(ours["auto"].folder), device="cpu")
    sample = texts[:200]
    truth = peer.encode(sample, show_progress_bar=False)
    works = {f"homegrown {e.precision}": (lambda e=e: e.encode(texts)) for e in ours.values()}
    works["sentence-transformers"] = lambda: peer.encode(texts, show_progress_bar=False)
    seconds = in_turns(chosen.rounds, **works)
    found = rates(len(texts), seconds)
    base = found["sentence-transformers"]
    print(f"{len(texts)} Banking77 texts, median of {chosen.rounds} rounds, {chosen.threads} threads; {machine()}")
    for name, rate in found.items():
        spread = f"{min(seconds[name]):.2f}-{max(seconds[name]):.2f} s"
        print(f"  {name:<24}{rate:8.0f} texts/s   {rate / base:5.2f} x   ({spread})")
    for encoder in ours.values():
        cosine = float((encoder.encode(sample) * truth).sum(1).min())
        print(f"  {encoder.precision}: least cosine to sentence-transformers over {len(sample)} texts {cosine:.6f}")
    singles = [t for t in texts if len(t.split()) <= 14][:200]
    alone = in_turns(1, **{f"{e.precision}": (lambda e=e: [e.encode([t]) for t in singles]) for e in ours.values()})
    print("  one short text: " + ", ".join(f"{p} {s[0] / len(singles) * 1e3:.1f} ms" for p, s in alone.items()))


if __name__ == "__main__":
    main()
