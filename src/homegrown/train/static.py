"""Distils the encoder into one vector per word and per frequent pair of words, then fits a linear head.

Only texts of the training data, labelled or not, say which words there are; the encoder's own vocabulary adds the rest.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from homegrown.core.models import Recipe
from homegrown.inference.encoder import Encoder as LocalEncoder
from homegrown.inference.encoder_folder import bundled_folder
from homegrown.inference.ngrams import HashedTexts, word_pairs
from homegrown.inference.static import StaticModel, StaticVectors
from homegrown.train.heads import choose_head
from homegrown.train.judge import REJECT_SHARE
from homegrown.train.options import parse_options
from homegrown.train.parts import make_parts
from homegrown.train.rung import Rung, finish

if TYPE_CHECKING:
    from pathlib import Path

    from homegrown.core.models import Fitted, TrainingData
    from homegrown.core.protocols import Encoder, Progress
    from homegrown.train.parts import Parts

RARE = 1e-3
ENCODE_BATCH = 4096


@dataclass(frozen=True, slots=True)
class StaticOptions:
    """Options of ``static``.

    Attributes:
        dim: numbers per vector, by principal components of the encoder's.
        max_words: words of the texts that get a vector, the most frequent first.
        max_pairs: pairs of words that do; those that occur in at least three places.
        max_vocabulary: words of the encoder's vocabulary that do although no text has them.
        strengths: candidates for the inverse of the regularisation.
        reject: share of right answers that "none of these" may cost.
    """

    dim: int = 256
    max_words: int = 30_000
    max_pairs: int = 10_000
    max_vocabulary: int = 10_000
    strengths: tuple[float, ...] = (0.1, 0.3, 1.0)
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
        parts = make_parts(data)
        return finish(fit_static(parts, chosen, seed, encoder, progress), folder, parts.judge.texts)


def fit_static(parts: Parts, options: StaticOptions, seed: int, encoder: Encoder, progress: Progress) -> Rung:
    """Distil, choose, calibrate, fit."""
    started = time.monotonic()
    base = getattr(encoder, "folder", None) or bundled_folder()
    features = distil([*parts.both.texts, *parts.data.unlabelled], LocalEncoder.load(base), base, options, progress)
    progress.start("train static", len(options.strengths) + 1, "fits")
    fit_vectors, judge_vectors = features.encode(parts.fit.texts), features.encode(parts.judge.texts)
    fitted = choose_head(
        parts, fit_vectors, judge_vectors, options.strengths, seed=seed, progress=progress, reject=options.reject
    )
    progress.finish()
    model = StaticModel(features, parts.data.class_names, fitted.head.weight, fitted.head.bias, fitted.readout)
    report = {**fitted.report, "seconds": time.monotonic() - started, "warnings": list(parts.warnings)}
    return Rung(
        recipe=Recipe("static", {**asdict(options), "strengths": [report["strength"]]}, seed),
        model=model,
        judge_logits=fitted.judging.logits(judge_vectors),
        report=report,
        decisions=[
            f"{len(features.keys):,} words and pairs in {options.dim} dimensions",
            f"strength {report['strength']:g} of {list(options.strengths)}",
            *parts.warnings,
        ],
    )


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
    paired = [p for p, count in pairs.most_common(options.max_pairs) if count >= 3]
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
