"""The statistics of leaving an API: a bound on the error at home, a verdict while one looks, drift; each by replay.

Banking77 with the bundled encoder. Replays draw calls with replacement from texts that the student did not learn from; what
is true of a threshold is its error over all of them. Incumbents are simulated, and marked so.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import binomtest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from benchmarks.common import data_folder, machine
from homegrown.inference.encoder import Encoder
from homegrown.inference.readout import scope_score, softmax
from homegrown.metrics.drift import Baseline, DriftMonitor, baseline, novelty
from homegrown.metrics.gold_sample import draw, shares, stratified
from homegrown.metrics.risk_bound import clopper_pearson, risk_bound, sequence
from homegrown.metrics.sequential import MeanSequence
from homegrown.train.softmax import fit_head

DELTA, ALPHAS = 0.05, (0.01, 0.02, 0.05)


@dataclass
class Texts:
    """Banking77, both splits."""

    said: list[str]
    vectors: np.ndarray
    labels: np.ndarray
    in_test: np.ndarray


@dataclass
class Said:
    """What a student says of rows."""

    confidence: np.ndarray
    answer: np.ndarray
    in_scope: np.ndarray


def texts(cache: Path | None) -> Texts:
    said, labels, in_test = [], [], []
    for split in ("train", "test"):
        with (data_folder() / "banking77" / f"{split}.csv").open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                said.append(row["text"])
                labels.append(row["category"])
                in_test.append(split == "test")
    kept = cache / "banking77.npy" if cache else None
    vectors = np.load(kept) if kept and kept.is_file() else Encoder.load().encode(said)
    if kept and not kept.is_file():
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.save(kept, vectors)
    return Texts(said, vectors, np.unique(labels, return_inverse=True)[1], np.array(in_test))


def student(data: Texts, rows: np.ndarray, taught: np.ndarray | None = None) -> Callable[[np.ndarray], Said]:
    """Fit on *rows*, to the labels or to what an upstream said of all texts; says what it answers to others."""
    n_classes = int(data.labels.max()) + 1
    targets = np.eye(n_classes, dtype=np.float32)[(data.labels if taught is None else taught)[rows]]
    head = fit_head(data.vectors[rows], targets, np.ones(len(rows), np.float32), 0.3)

    def say(others: np.ndarray) -> Said:
        logits = head.logits(data.vectors[others])
        in_scope = 1 / (1 + np.exp(-scope_score(logits) / 0.9))
        probs = softmax(logits)
        return Said(probs.max(1), probs.argmax(1), in_scope)

    return say


def upstreams(data: Texts, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Three simulated incumbents: what each answers to every text. *rows* is what the second may learn from."""
    centres = np.stack([data.vectors[data.labels == c].mean(0) for c in range(int(data.labels.max()) + 1)])
    near = np.argsort(-(centres @ centres.T), 1)[:, 1]
    confused = data.labels.copy()
    for c in range(0, len(centres), 13):
        confused[data.labels == c] = near[c]
    other = make_pipeline(
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True, min_df=2), LinearSVC(random_state=0)
    )
    other.fit([data.said[i] for i in rows], data.labels[rows])
    return {
        "gold-accurate (simulated)": data.labels,
        "of another family (character n-grams, 4,000 texts of its own)": other.predict(data.said),
        "with systematic confusions (6 classes always the next one; simulated)": confused,
    }


def bound(data: Texts, replays: int, n_calls: int, seed: int) -> None:
    """Of 5,000 captured calls the student learns from what is not kept to calibrate on."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(np.flatnonzero(~data.in_test))
    its_own, fit = order[:4000], order[4000 : 9000 - n_calls]
    rest = np.setdiff1d(np.arange(len(data.labels)), np.concatenate([its_own, fit]))
    for name, answers in upstreams(data, its_own).items():
        said = student(data, fit, answers)(rest)
        crossed = _crossed(data, fit, answers)
        gold_error = float((said.answer != data.labels[rest]).mean())
        print(
            f"upstream {name}: right in {(answers[rest] == data.labels[rest]).mean():.1%}; its student, from {len(fit):,} "
            f"calls, agrees with it in {(said.answer == answers[rest]).mean():.1%}, is right in {1 - gold_error:.1%} of "
            f"{len(rest):,}"
        )
        for alpha in ALPHAS:
            plan = sequence(*crossed, n_calls, alpha=alpha, delta=DELTA)
            for how, thresholds in (("planned", plan), ("by rank", None)):
                print(f"  alpha {alpha:.0%}, thresholds {how}: ", end="")
                _replays(rng, said.confidence, said.answer != answers[rest], alpha, replays, n_calls, thresholds)


def _crossed(data: Texts, fit: np.ndarray, answers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Confidence and mistakes on the student's own training calls, each by a student that did not see it."""
    sure, wrong = np.zeros(len(fit)), np.zeros(len(fit), bool)
    for part in range(5):
        out = np.arange(len(fit)) % 5 == part
        said = student(data, fit[~out], answers)(fit[out])
        sure[out], wrong[out] = said.confidence, said.answer != answers[fit[out]]
    return sure, wrong


def _replays(
    rng: np.random.Generator,
    sure: np.ndarray,
    wrong: np.ndarray,
    alpha: float,
    replays: int,
    n_calls: int,
    plan: np.ndarray | None,
) -> None:
    running = np.cumsum(wrong[np.argsort(-sure, kind="stable")]) / np.arange(1, len(sure) + 1)
    good = np.flatnonzero(running <= alpha)
    best = (good[-1] + 1) / len(sure) if len(good) else 0.0
    reached, broken, naive, held, spent = [], 0, 0, 0, 0.0
    for _ in range(replays):
        calls = rng.integers(0, len(sure), n_calls)
        started = time.perf_counter()
        found = risk_bound(sure[calls], wrong[calls], alpha=alpha, delta=DELTA, thresholds=plan)
        spent += time.perf_counter() - started
        home = sure > found.threshold if found.threshold is not None else np.zeros(len(sure), bool)
        reached.append(float(home.mean()))
        broken += bool(home.any() and wrong[home].mean() > alpha)
        held += found.coverage_ci95[0] <= home.mean() <= found.coverage_ci95[1]
        naive += _naive_breaks(sure, wrong, calls, alpha)
    p = binomtest(broken, replays, DELTA, alternative="greater").pvalue
    low, high = clopper_pearson(broken, replays)
    print(
        f"violated in {broken / replays:.1%} ({low:.1%} to {high:.1%}; p that it is above {DELTA:.0%}: "
        f"{p:.2f}; by the empirical threshold {naive / replays:.1%}); coverage {np.mean(reached):.1%}, "
        f"{np.mean(reached) / max(best, 1e-9):.1%} of the oracle's {best:.1%}; no threshold in "
        f"{np.mean(np.array(reached) == 0):.1%}; coverage in its interval {held / replays:.1%}; {replays} replays of "
        f"{n_calls:,} calls, {1000 * spent / replays:.1f} ms each",
        flush=True,
    )


def _naive_breaks(confidence: np.ndarray, wrong: np.ndarray, calls: np.ndarray, alpha: float) -> bool:
    """Whether the lowest threshold whose error on the calls themselves is at most alpha has more in truth."""
    order = calls[np.argsort(-confidence[calls], kind="stable")]
    good = np.flatnonzero(np.cumsum(wrong[order]) / np.arange(1, len(order) + 1) <= alpha)
    return bool(len(good) and wrong[confidence >= confidence[order[good[-1]]]].mean() > alpha)


def verdicts(campaigns: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for margin, differ in ((0.02, 0.05), (0.02, 0.06), (0.02, 0.08), (0.02, 0.10), (0.03, 0.10)):
        shown = []
        for truth in (-margin, 0.0):
            ends = [_campaign(rng, truth, differ, margin) for _ in range(campaigns)]
            switched = [n for said, n in ends if said == "SWITCH"]
            kept = sum(said == "KEEP" for said, _ in ends)
            low, high = clopper_pearson(len(switched), campaigns)
            after = f" after {np.median(switched):,.0f} calls (median)" if switched else ""
            shown.append(
                f"true difference {100 * truth:+.0f} points: SWITCH {len(switched) / campaigns:.1%} ({low:.1%} to "
                f"{high:.1%}){after}, KEEP {kept / campaigns:.1%}"
            )
        print(
            f"verdict, margin {100 * margin:.0f} points, one of both alone is right in {differ:.0%} of calls: "
            f"{'; '.join(shown)}; {campaigns} campaigns of at most 2,000 calls, looks after every 50",
            flush=True,
        )


def _campaign(rng: np.random.Generator, truth: float, differ: float, margin: float) -> tuple[str, int]:
    chances = [(differ + truth) / 2, (differ - truth) / 2, 1 - differ]
    seen = MeanSequence(-1, 1, aim=margin, marks=(-margin, 0.0), points=2)
    enough = np.log(1 / 0.05)
    while seen.n < 2000:
        seen.update(rng.choice([1.0, -1.0, 0.0], 50, p=chances))
        if seen.evidence_above(-margin) >= enough:
            return "SWITCH", seen.n
        if seen.evidence_below(0.0) >= enough:
            return "KEEP", seen.n
    return "NEED", seen.n


def gold(data: Texts, replays: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    order = rng.permutation(np.flatnonzero(~data.in_test))
    fit = order[4000:6500]
    rest = np.setdiff1d(np.arange(len(data.labels)), order[:6500])
    right = (answer := student(data, fit)(rest).answer) == data.labels[rest]
    stratum = (answer != list(upstreams(data, order[:4000]).values())[1][rest]).astype(int)
    sizes = np.bincount(stratum, minlength=2)
    chance = shares(sizes, 300, np.array([0.15, 0.5]))
    values, inside, widths = [], 0, []
    for _ in range(replays):
        rows = draw(stratum, chance, rng).rows
        looked = np.bincount(stratum[rows], minlength=2)
        found = stratified(sizes, looked, np.bincount(stratum[rows], right[rows], 2).astype(int))
        values.append(found.value)
        inside += found.ci95[0] <= right.mean() <= found.ci95[1]
        widths.append(found.ci95[1] - found.ci95[0])
    plain = np.sqrt(right.mean() * (1 - right.mean()) / 300)
    print(
        f"gold sample of about 300 of {len(rest):,} calls: mean estimate {np.mean(values):.2%}, truth {right.mean():.2%}; "
        f"standard error {np.std(values):.2%}, of a plain sample {plain:.2%}; 95% interval holds in {inside / replays:.1%}, "
        f"mean width {np.mean(widths):.2%}; {replays} replays",
        flush=True,
    )


def drift(data: Texts, n_unseen: int, streams: int, seed: int) -> None:
    """Calibrated on training texts, as many per class as the test split has in proportion; streams of test texts."""
    rng = np.random.default_rng(seed)
    train, test = np.flatnonzero(~data.in_test), np.flatnonzero(data.in_test)
    unseen = rng.choice(int(data.labels.max()) + 1, n_unseen, replace=False)
    kinds = ("in_scope", "in_scope and nearest text")
    delays: dict[str, list[list[int]]] = {kind: [] for kind in kinds}
    alarms, n_stationary = dict.fromkeys(kinds, 0), 0
    for turn, novel in enumerate(unseen.tolist()):
        known = rng.permutation(train[data.labels[train] != novel])
        # The test split has all classes equally often, the training split has not: 30 of each to calibrate on.
        rank = np.zeros(len(known), int)
        for c in np.unique(data.labels[known]):
            rank[data.labels[known] == c] = np.arange((data.labels[known] == c).sum())
        calibration, fit = known[rank < 30], known[rank >= 30][:4000]
        say = student(data, fit)
        sets = calibration, test[data.labels[test] != novel], np.flatnonzero(data.labels == novel)
        n_streams = streams // n_unseen + (turn < streams % n_unseen)
        n_stationary += n_streams
        for kind in kinds:
            before, inside, outside = (_seen(data, say(rows), rows, fit, kind) for rows in sets)
            usual = baseline(*before, seed=seed)
            delays[kind].append([_delay(rng, usual, inside, outside) for _ in range(20)])
            for _ in range(n_streams):
                monitor = DriftMonitor(usual)
                alarms[kind] += any(_take(monitor, inside, i) for i in rng.integers(0, len(inside[1]), 20_000).tolist())
    for kind in kinds:
        found = np.array(delays[kind])
        print(
            f"drift by {kind}, 10% of a class never seen after 1,000 calls: median delay {np.median(found):.0f} calls, "
            f"quartiles {np.quantile(found, 0.25):.0f} and {np.quantile(found, 0.75):.0f}, of {found.size} streams; not "
            f"within 3,000: {np.mean(found >= 3000):.1%}; medians of {n_unseen} classes "
            f"{sorted(np.median(found, 1).astype(int).tolist())}; false alarms in {n_stationary} stationary streams of "
            f"20,000 calls: {alarms[kind]}",
            flush=True,
        )


Seen = tuple[np.ndarray, list[str]]


def _seen(data: Texts, said: Said, rows: np.ndarray, fit: np.ndarray, kind: str) -> Seen:
    """Novelty and group of each call."""
    groups = [str(a) for a in said.answer]
    if kind == "in_scope":
        return 1 - said.in_scope, groups
    nearest = (data.vectors[rows] @ data.vectors[fit].T).max(1)
    return novelty(said.in_scope, nearest), groups


def _take(monitor: DriftMonitor, seen: Seen, i: int) -> bool:
    return monitor.observe(float(seen[0][i]), seen[1][i]) is not None


def _delay(rng: np.random.Generator, usual: Baseline, inside: Seen, outside: Seen) -> int:
    """Calls from the change to the alarm; an alarm before the change is a delay of none."""
    monitor = DriftMonitor(usual)
    while monitor.alarm is None and monitor.n < 4000:
        seen = outside if monitor.n >= 1000 and rng.random() < 0.1 else inside
        _take(monitor, seen, int(rng.integers(len(seen[1]))))
    return max(0, monitor.n - 1000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, help="Folder in which the vectors are kept from run to run.")
    parser.add_argument("--replays", type=int, default=1000)
    parser.add_argument("--calls", type=int, default=2500, help="Calls of a calibration, of 5,000 captured.")
    parser.add_argument("--campaigns", type=int, default=400)
    parser.add_argument("--unseen", type=int, default=20, help="Classes that are left out, one at a time.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", default=["bound", "verdict", "gold", "drift"])
    options = parser.parse_args()
    print(machine())
    data = texts(options.cache)
    if "bound" in options.only:
        bound(data, options.replays, options.calls, options.seed)
    if "verdict" in options.only:
        verdicts(options.campaigns, options.seed)
    if "gold" in options.only:
        gold(data, options.replays, options.seed)
    if "drift" in options.only:
        drift(data, options.unseen, 20, options.seed)


if __name__ == "__main__":
    main()
