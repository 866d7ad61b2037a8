"""Distils the encoder into one vector per word and per frequent pair of words, then fits a linear head.

Only texts of the training data, labelled or not, say which words there are; the encoder's own vocabulary adds the rest.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from homegrown.core.models import Recipe
from homegrown.inference.encoder import Encoder as LocalEncoder
from homegrown.inference.encoder_folder import bundled_folder
from homegrown.inference.ngrams import HashedTexts, word_pairs
from homegrown.inference.readout import softmax
from homegrown.inference.static import StaticModel, StaticVectors
from homegrown.train.heads import balance, choose_head, trust_said
from homegrown.train.judge import REJECT_SHARE, fit_readout, judge, right
from homegrown.train.options import parse_options
from homegrown.train.rung import Rung, finish
from homegrown.train.softmax import fit_head
from homegrown.train.static_tune import tune
from homegrown.train.weak import ready_parts

if TYPE_CHECKING:
    from pathlib import Path

    from homegrown.core.models import Examples, Fitted, TrainingData
    from homegrown.core.protocols import Encoder, Progress
    from homegrown.train.parts import Parts
    from homegrown.train.softmax import Head

RARE = 1e-2
TEACHER_STRENGTH = 0.1
ENCODE_BATCH = 4096


@dataclass(frozen=True, slots=True)
class StaticOptions:
    """Options of ``static``.

    Attributes:
        dim: numbers per vector, by principal components of the encoder's.
        max_words: words of the texts that get a vector, the most frequent first.
        max_pairs: pairs of words that do; those that occur at least twice.
        max_vocabulary: words of the encoder's vocabulary that do although no text has them.
        strengths: candidates for the inverse of the regularisation of the first head.
        epochs: passes in which vectors and head are trained together; 0 keeps the vectors as they were distilled.
        reject: share of right answers that "none of these" may cost.
    """

    dim: int = 256
    max_words: int = 30_000
    max_pairs: int = 10_000
    max_vocabulary: int = 10_000
    strengths: tuple[float, ...] = (0.1, 0.3, 1.0)
    epochs: int = 6
    reject: float = REJECT_SHARE


class StaticTrainer:
    """Trainer ``static``."""

    def fit(
        self,
        data: TrainingData,
        options: dict[str, Any],
        *,
        seed: int,
        folder: Path,
        encoder: Encoder,
        progress: Progress,
    ) -> Fitted:
        """Distil, then fit the head; see ``core.protocols.Trainer``."""
        chosen = parse_options(StaticOptions, "static", options)
        parts = ready_parts(data, encoder, seed, progress)
        return finish(fit_static(parts, chosen, seed, encoder, progress), folder, parts.judge.texts)


def fit_static(parts: Parts, options: StaticOptions, seed: int, encoder: Encoder, progress: Progress) -> Rung:
    """Distil, fit a head, then train both together if that helps on the judge rows."""
    started = time.monotonic()
    base = getattr(encoder, "folder", None) or bundled_folder()
    first = distil([*parts.both.texts, *parts.data.unlabelled], LocalEncoder.load(base), base, options, progress)
    fit_vectors, judge_vectors = first.encode(parts.fit.texts), first.encode(parts.judge.texts)
    fitted = choose_head(
        parts,
        fit_vectors,
        judge_vectors,
        options.strengths,
        stage="train static",
        seed=seed,
        progress=progress,
        reject=options.reject,
    )
    parts = replace(parts, softness=fitted.softness)
    features, head, readout, report = first, fitted.head, fitted.readout, fitted.report
    logits = fitted.judging.logits(judge_vectors)
    decisions = [f"{len(first.keys):,} words and pairs in {options.dim} dimensions", *trust_said(report)]
    # Only a cross-fitted head knows how often it names each class among the texts on which nobody voted.
    if parts.n_guessed:
        options = replace(options, epochs=0)
    if options.epochs and len(parts.judge):
        judging = _tune(first, fitted.judging, parts, parts.fit, encoder, options, seed)
        tuned = judging[1].logits(judging[0].encode(parts.judge.texts))
        added = balance(parts, tuned, parts.judge)
        tuned += added
        multi, probs = parts.data.multi, parts.judge.probs
        before, after = (int(right(z, probs, multi=multi).sum()) for z in (logits, tuned))
        decisions.append(f"trained together {options.epochs} epochs: {before} → {after} right of {len(parts.judge)}")
        if after >= before:
            logits = tuned
            readout = fit_readout(tuned, probs, multi=multi, none_column=parts.none_column, reject=options.reject)
            report = {**judge(readout, tuned, parts.judge), "strength": report["strength"]}
            features, head = _tune(first, fitted.head, parts, parts.both, encoder, options, seed)
            head = head.plus(added)
        else:
            options = replace(options, epochs=0)
    model = StaticModel(features, parts.data.class_names, head.weight, head.bias, readout)
    report = {**report, "seconds": time.monotonic() - started, "warnings": list(parts.warnings)}
    recipe = Recipe("static", {**asdict(options), "strengths": [report["strength"]]}, seed)
    return Rung(recipe, model, logits, report, [*decisions, *parts.warnings])


def _tune(
    first: StaticVectors,
    head: Head,
    parts: Parts,
    examples: Examples,
    encoder: Encoder,
    options: StaticOptions,
    seed: int,
) -> tuple[StaticVectors, Head]:
    """Train vectors and head on the labels, softened by what a head on the encoder itself answers."""
    targets, weights = parts.targets(examples), parts.weights(examples)
    vectors = encoder.encode(examples.texts)
    teacher = fit_head(vectors, targets, weights, TEACHER_STRENGTH, multi=parts.data.multi, max_iter=60)
    answers = teacher.logits(vectors)
    soft = 1 / (1 + np.exp(-answers)) if parts.data.multi else softmax(answers)
    mixed = ((targets + soft) / 2).astype(np.float32)
    return tune(first, head, examples.texts, mixed, weights, epochs=options.epochs, seed=seed, multi=parts.data.multi)


def distil(
    texts: list[str], encoder: LocalEncoder, base: Path, options: StaticOptions, progress: Progress
) -> StaticVectors:
    """A vector for each word and pair: what the encoder says of it alone, in its principal components.

    Frequent words weigh less: ``a / (a + p(word))`` (Arora et al. 2017, "A Simple but Tough-to-Beat Baseline", eq. 3).
    """
    words, pairs = _count(texts)
    known = {w for w, _ in words.most_common(options.max_words)}
    listed = [w for w, _ in words.most_common(options.max_words)]
    listed += [w for w in _vocabulary(base) if w not in known][: options.max_vocabulary]
    paired = [p for p, count in pairs.most_common(options.max_pairs) if count >= 2]
    entries = listed + paired
    progress.start("distil words", len(entries), "entries")
    vectors = encoder.encode(entries, progress)
    progress.finish()
    vectors = _principal(vectors, options.dim)
    total = max(1, words.total())
    share = np.array([words[e] / total for e in listed] + [pairs[p] / total for p in paired])
    vectors *= (RARE / (RARE + share))[:, None]
    hashed = HashedTexts(listed).words()
    hashed_pairs = word_pairs(HashedTexts(paired).words()) if paired else None
    keys = np.concatenate([hashed.hashes, hashed_pairs.hashes]) if hashed_pairs else hashed.hashes
    # Half precision already here, so that the model answers the same before and after it was saved.
    return StaticVectors(keys, vectors.astype(np.float16).astype(np.float32))


def _count(texts: list[str]) -> tuple[Counter[str], Counter[str]]:
    words: Counter[str] = Counter()
    pairs: Counter[str] = Counter()
    for start in range(0, len(texts), ENCODE_BATCH):
        hashed = HashedTexts(texts[start : start + ENCODE_BATCH])
        strings, rows = hashed.word_strings(), hashed.words().rows
        words.update(strings)
        pairs.update(
            f"{first} {second}"
            for first, second, a, b in zip(strings, strings[1:], rows, rows[1:], strict=False)
            if a == b
        )
    return words, pairs


def _vocabulary(base: Path) -> list[str]:
    """Whole words of the encoder's vocabulary, by their number, which is by frequency."""
    path = base / "tokenizer.json"
    if not path.is_file():
        return []
    listed = msgspec.json.decode(path.read_bytes()).get("model", {}).get("vocab", {})
    return [w for w in listed if w.isalpha() and len(w) > 1] if isinstance(listed, dict) else []


def _principal(vectors: np.ndarray, dim: int) -> np.ndarray:
    """float32 [n, dim]: *vectors* centred and turned onto their first principal components."""
    centred = vectors - vectors.mean(0)
    values, axes = np.linalg.eigh(centred.T @ centred)
    kept = axes[:, np.argsort(-values)[:dim]]
    # The sign of an axis is arbitrary; fixing it keeps the same input at the same model.
    kept *= np.sign(kept[np.abs(kept).argmax(0), np.arange(kept.shape[1])])
    return (centred @ kept).astype(np.float32)
