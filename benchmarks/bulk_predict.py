"""Bulk answers per second of each recipe.

Figures: ``static`` 100,000 texts/s; the fine-tuned encoder 3 times a transformers ``pipeline`` with the same weights,
at the pipeline's best batch size.

python -m benchmarks.bulk_predict [--n 2000] [--rounds 3]

Speed does not depend on how well a model was trained, so the encoder is trained for one step's sake only.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast, Pipeline, pipeline
from transformers.utils import logging

from benchmarks.accuracy import read, split, task
from benchmarks.common import data_folder, in_turns, machine, rates
from homegrown import plugins
from homegrown.core.progress import Silent
from homegrown.inference.encoder import Encoder
from homegrown.inference.predictor import load_predictor

BATCHES = (8, 32, 64, 128)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--n", type=int, default=2000)
    options.add_argument("--rounds", type=int, default=3)
    chosen = options.parse_args()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    pairs = read(data_folder() / "banking77" / "train.csv", "category")
    rng = np.random.default_rng(0)
    texts = [pairs[i][0] for i in rng.permutation(len(pairs))[: chosen.n]]
    many = texts * max(1, 100_000 // len(texts))
    small = [pairs[i] for i in rng.permutation(len(pairs))[:1500]]
    data = task(*split(small, 0), set(), [])
    encoder = Encoder.load()
    print(f"Banking77 texts, median of {chosen.rounds} rounds; {machine()}")
    with tempfile.TemporaryDirectory() as scratch:
        models = {}
        for recipe, given in (
            ("lexical", {"strengths": [10.0]}),
            ("static", {}),
            ("linear", {"strengths": [0.1]}),
            ("finetune", {"epochs": 1, "n_fixed": 5, "refit": False, "rounds": 0}),
        ):
            folder = Path(scratch) / recipe
            folder.mkdir()
            trainer = plugins.load("homegrown.trainers", recipe)()
            fitted = trainer.fit(data, given, seed=0, folder=folder, encoder=encoder, progress=Silent())
            models[recipe] = load_predictor(fitted.folder, encoder)
        fast = in_turns(chosen.rounds, static=lambda: models["static"].predict(many))
        print(f"  static   {rates(len(many), fast)['static']:10,.0f} texts/s (n = {len(many):,}; figure 100,000)")
        peer = _peer(Path(scratch) / "finetune" / "bundle" / "encoder", len(data.class_names))
        sample = texts[:256]
        tried = in_turns(1, **{str(b): (lambda b=b: peer(sample, batch_size=b)) for b in BATCHES})
        best = int(min(tried, key=lambda b: tried[b][0]))
        works = {name: (lambda m=models[name]: m.predict(texts)) for name in ("lexical", "linear", "finetune")}
        found = rates(len(texts), in_turns(chosen.rounds, pipeline=lambda: peer(texts, batch_size=best), **works))
        for name, rate in found.items():
            print(f"  {name:<9}{rate:10,.0f} texts/s  {rate / found['pipeline']:5.2f} x pipeline (n = {len(texts):,})")
        print(f"  pipeline at batches of {best}, the best of {BATCHES}; figure for finetune: 3 x")


def _peer(folder: Path, n_classes: int) -> Pipeline:
    """The same trained encoder under transformers' own classification head and pipeline."""
    config = BertConfig.from_pretrained(folder, num_labels=n_classes)
    model = BertForSequenceClassification.from_pretrained(folder, config=config).eval()
    return pipeline("text-classification", model=model, tokenizer=BertTokenizerFast.from_pretrained(folder), device=-1)


if __name__ == "__main__":
    main()
