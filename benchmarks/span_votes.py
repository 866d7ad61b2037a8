"""Votes on spans joined, and spans scored: a crowd is drawn for real texts, whose labels are the truth.

python -m benchmarks.span_votes [--draws 5]

Texts and spans are those of WNUT-17's development file and of FIN5, the training file of the SEC filings. Eight people with
skills drawn by chance miss spans, cut them wrongly, confuse types and invent spans; three or five of them read each text.
The noise is the same kind that the model of ``site_model`` knows of, so that this shows what is lost to chance, not how
real people differ from it. The prior numbers of the model were chosen on made-up texts (``tests/label/test_spans.py``).
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from benchmarks.common import data_folder, machine
from homegrown.core.spans import Span
from homegrown.label.span_files.files import read_all
from homegrown.label.spans.aggregate import METHODS, aggregate_spans
from homegrown.label.spans.tags import tokens_of
from homegrown.label.spans.votes import SpanVote
from homegrown.metrics.span_errors import span_errors
from homegrown.metrics.spans import span_scores

FILES = {"WNUT-17 dev": "ner_wnut17/emerging.dev.conll", "SEC FIN5": "ner_sec_filings/train_FIN5.txt"}
N_PEOPLE = 8


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--draws", type=int, default=5)
    draws = parser.parse_args().draws
    print(machine())
    for name, file in FILES.items():
        examples = read_all(data_folder() / file, "conll").examples
        truth = [list(one.opinions[0].spans or ()) for one in examples]
        texts = [one.text for one in examples]
        for per_text in (3, 5):
            found = np.array([crowd_scores(texts, truth, per_text, seed) for seed in range(draws)])
            mean, least = found.mean(0), (found[:, :2] - found[:, 2:]).min(0)
            said = ", ".join(f"{m} {100 * f:.1f}" for m, f in zip(METHODS, mean, strict=True))
            print(f"{name}, {len(texts):,} texts, {sum(map(len, truth)):,} spans, {per_text} people each, entity F1, mean of {draws}: "
                  f"{said}; least against majority {100 * least[0]:+.1f}, {100 * least[1]:+.1f}")  # fmt: skip
    speed()


def crowd_scores(texts: list[str], truth: list[list[Span]], per_text: int, seed: int) -> list[float]:
    """Entity F1 of each method."""
    rng = np.random.default_rng(seed)
    types = sorted({s.type for spans in truth for s in spans})
    bad = 0.05 + 0.6 * (1 - rng.beta(2, 2, N_PEOPLE))
    documents = [
        [
            SpanVote(f"p{p}", marked(rng, text, spans, bad[p], types))
            for p in rng.choice(N_PEOPLE, per_text, replace=False)
        ]
        for text, spans in zip(texts, truth, strict=True)
    ]
    tokens = [
        tokens_of(text, [s for vote in votes for s in vote.spans]) for text, votes in zip(texts, documents, strict=True)
    ]
    return [
        span_scores(truth, aggregate_spans(documents, method=m, tokens=tokens).spans, resamples=2).micro.f1
        for m in METHODS
    ]


def marked(rng: np.random.Generator, text: str, spans: list[Span], bad: float, types: list[str]) -> tuple[Span, ...]:
    """What one person marks; words are what stands between spaces."""
    found: list[Span] = []
    for span in spans:
        luck = rng.random() / bad
        if luck > 1:
            found.append(span)
        elif luck > 0.8:
            found.append(Span(span.start, span.end, str(rng.choice(types))))
        elif luck > 0.45:
            longer = text.find(" ", span.end + 1)
            shorter = text.rfind(" ", span.start, span.end)
            cut = shorter if shorter > span.start and rng.random() < 0.5 else (longer if longer > 0 else len(text))
            found.append(Span(span.start, cut, span.type))
    words = text.split(" ")
    if rng.random() < bad / 3:
        at = int(rng.integers(len(words)))
        start = len(" ".join(words[:at])) + (at > 0)
        found.append(Span(start, start + len(words[at]), str(rng.choice(types))))
    flat: list[Span] = []
    for span in sorted(set(found)):
        if span.start < span.end and not (flat and span.start < flat[-1].end):
            flat.append(span)
    return tuple(flat)


def speed() -> None:
    n = 1_000_000
    rng = np.random.default_rng(0)
    kinds = rng.integers(0, 4, (n // 10, 10)).tolist()
    truth = [[Span(20 * i, 20 * i + 5, "abcd"[k]) for i, k in enumerate(row)] for row in kinds]
    luck = rng.random((n // 10, 10, 2))
    answer = [
        [s if u < 0.7 else Span(s.start, s.end + 1, s.type) for s, (u, v) in zip(row, here, strict=True) if v < 0.9]
        for row, here in zip(truth, luck.tolist(), strict=True)
    ]
    for name, work in (("scored, with intervals", span_scores), ("sorted into errors", span_errors)):
        started, by_clock = time.process_time(), time.perf_counter()
        work(truth, answer)
        spent = f"{time.process_time() - started:.1f} s of processor time, {time.perf_counter() - by_clock:.1f} s by the clock"
        print(f"{n:,} spans in {n // 10:,} texts {name}: {spent}")


if __name__ == "__main__":
    main()
