"""Spans found by our models, by a CRF and by patterns, on the same texts; and how fast.

python -m benchmarks.spans [--only wnut sec insurance software presidio speed] [--rungs patterns crf linear finetune]
                           [--json FILE]

Each model learns from the training texts, is calibrated on the validation texts, and learns from both in the end; what
is printed is F1 of whole spans (bounds and type) on the test texts, with a 95% bootstrap interval over texts, and the
difference to the CRF on the same texts. The CRF answers in two ways: its best sequence (Viterbi), as a CRF usually does, and by
the probability of spans with a line drawn on validation texts, as all our models do; ours is compared with the better of the two.

For the personal data also: precision, recall, F1 and F2 of characters, whatever their type, which is nearer to what Presidio's
notebooks print (F2 of tokens: 0.62 as shipped, 0.85 customised).

Speed: the same encoder and a linear head in transformers' token-classification pipeline at its best batch size, and ours with
all that it does besides.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoConfig, AutoTokenizer, BertForTokenClassification, pipeline

from benchmarks.common import in_turns, machine
from benchmarks.span_data import TASKS, Task, load
from homegrown.core.progress import Silent
from homegrown.core.spans import Span
from homegrown.inference.encoder import Encoder
from homegrown.inference.span_base import SpanModel
from homegrown.inference.span_crf import CrfSpans
from homegrown.inference.span_models import load_span_model
from homegrown.inference.words import words_of
from homegrown.metrics.spans import paired_spans, span_scores
from homegrown.train.spans import RUNGS, fit_spans

BATCHES = (1, 8, 32, 128)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--only", nargs="+", choices=[*TASKS, "speed"], default=[*TASKS, "speed"])
    options.add_argument("--rungs", nargs="+", choices=RUNGS, default=RUNGS)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--json", type=Path, help="also write what was measured to this file")
    chosen = options.parse_args()
    print(machine())
    kept: dict[str, Any] = {"machine": machine(), "seed": chosen.seed}
    for name in chosen.only:
        kept[name] = speed() if name == "speed" else accuracy(load(name), chosen.rungs, chosen.seed)
        if chosen.json:
            chosen.json.write_text(json.dumps(kept, indent=1))


def accuracy(task: Task, rungs: Sequence[str], seed: int) -> dict[str, Any]:
    """Fit each of *rungs* and look at the test texts once."""
    print(
        f"== {task.name}: {len(task.train):,} + {len(task.valid):,} + {len(task.test):,} texts, {task.test.n_spans:,} "
        "spans in the test"
    )
    found: dict[str, Any] = {}
    answers: dict[str, list[list[Span]]] = {}
    for rung in rungs:
        with tempfile.TemporaryDirectory() as folder:
            fitted = fit_spans(
                task.train,
                task.valid,
                {"rung": rung},
                seed=seed,
                folder=Path(folder),
                encoder=Encoder.load(),
                progress=Silent(),
            )
            model = load_span_model(fitted.folder, Encoder.load())
            started = time.perf_counter()
            answers[rung] = [list(spans) for spans in model.predict(task.test.texts)]
            took = time.perf_counter() - started
            if rung == "crf" and isinstance(model, CrfSpans):
                answers["crf viterbi"] = _best(model, task.test.texts)
        report = fitted.report
        for name in [n for n in answers if n not in found]:
            found[name] = _measured(task, answers[name]) | {
                "seconds": report["seconds"],
                "processor_seconds": report["processor_seconds"],
                "valid_f1": report["f1"],
                "crf_share": fitted.recipe.options["crf"],
                "texts_per_second": len(task.test) / took,
            }
            _show(name, found[name])
    crf = max((n for n in answers if n.startswith("crf")), key=lambda n: found[n]["f1"], default=None)
    for name in [n for n in answers if crf and not n.startswith("crf")]:
        gap = paired_spans(task.test.spans, answers[name], answers[str(crf)])
        low, high = gap.difference_ci95
        found[name]["above_crf"] = [gap.difference, low, high]
        print(f"  {name} - {crf}: {gap.difference:+.4f} ({low:+.4f} to {high:+.4f})")
    return found


def _best(model: CrfSpans, texts: list[str]) -> list[list[Span]]:
    words = [words_of(t, model.grain) for t in texts]
    best = model.chain.best(model.scores(texts, words))
    return [model.tagging.spans(w, tags) for w, tags in zip(words, best, strict=True)]


def _measured(task: Task, answer: list[list[Span]]) -> dict[str, Any]:
    micro = span_scores(task.test.spans, answer).micro
    found = {
        "f1": micro.f1,
        "f1_ci95": micro.f1_ci95,
        "precision": micro.precision,
        "recall": micro.recall,
        "n_texts": len(answer),
        "n_spans": micro.n_true,
    }
    return found | ({"characters": _characters(task, answer)} if task.name == "presidio" else {})


def _characters(task: Task, answer: list[list[Span]]) -> dict[str, float]:
    both = true = said = 0
    for text, gold, ours in zip(task.test.texts, task.test.spans, answer, strict=True):
        masks = np.zeros((2, len(text)), bool)
        for mask, spans in zip(masks, (gold, ours), strict=True):
            for span in spans:
                mask[span.start : span.end] = True
        both, true, said = both + masks.all(0).sum(), true + masks[0].sum(), said + masks[1].sum()
    precision, recall = both / max(said, 1), both / max(true, 1)
    return {
        "precision": float(precision),
        "recall": float(recall),
        "f1": float(2 * precision * recall / max(precision + recall, 1e-9)),
        "f2": float(5 * precision * recall / max(4 * precision + recall, 1e-9)),
    }


def _show(name: str, one: dict[str, Any]) -> None:
    low, high = one["f1_ci95"]
    print(
        f"  {name:12} F1 {one['f1']:.4f} ({low:.4f} to {high:.4f}), precision {one['precision']:.3f}, recall "
        f"{one['recall']:.3f}, n = {one['n_spans']:,} spans in {one['n_texts']:,} texts; validation F1 "
        f"{one['valid_f1']:.4f}; share of the CRF {one['crf_share']}; {one['seconds']:.0f} s, "
        f"{one['processor_seconds']:.0f} s of processor; "
        f"{one['texts_per_second']:,.0f} texts/s",
        flush=True,
    )
    if "characters" in one:
        print("    characters:", ", ".join(f"{k} {v:.3f}" for k, v in one["characters"].items()))


def speed() -> dict[str, Any]:
    """Texts per second of ours and of the pipeline, in turns, on 300 training texts of WNUT-17."""
    task = load("wnut")
    texts = task.train.texts[:300]
    encoder = Encoder.load()
    few = task.train.take(range(300))
    with tempfile.TemporaryDirectory() as folder:
        fitted = fit_spans(
            few,
            few,
            {"epochs": 1, "n_steps": 5, "crf": 0.5, "refit": False},
            seed=0,
            folder=Path(folder),
            encoder=encoder,
            progress=Silent(),
        )
        model: SpanModel = load_span_model(fitted.folder, encoder)
    config = AutoConfig.from_pretrained(encoder.folder, num_labels=model.tagging.n_tags)
    torch.manual_seed(0)
    net = BertForTokenClassification.from_pretrained(encoder.folder, config=config)
    # A head without training says O nearly always once its bias does, as a trained one would: grouping costs little.
    with torch.no_grad():
        net.classifier.bias[0] = 2.0
    tokenizer = AutoTokenizer.from_pretrained(encoder.folder)
    peer = pipeline("token-classification", model=net, tokenizer=tokenizer, aggregation_strategy="simple")
    works = {f"transformers, batches of {b}": lambda b=b: peer(texts, batch_size=b) for b in BATCHES}
    seconds = in_turns(2, ours=lambda: model.predict(texts), **works)
    rates = {name: len(texts) / min(spent) for name, spent in seconds.items()}
    best = max((n for n in rates if n != "ours"), key=rates.__getitem__)
    print(f"== speed, n = {len(texts)} texts, {encoder.precision}")
    for name, rate in rates.items():
        print(f"  {name:32} {rate:8,.0f} texts/s")
    print(f"  ours / best of transformers ({best}): {rates['ours'] / rates[best]:.2f}")
    return {"n": len(texts), "texts_per_second": rates, "ratio": rates["ours"] / rates[best]}


if __name__ == "__main__":
    main()
