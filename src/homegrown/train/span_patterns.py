"""What strings and shapes were spans: the floor that every model has to beat."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from homegrown.inference.span_models import PatternSpans, runs_of

if TYPE_CHECKING:
    from homegrown.inference.span_decoding import Tagging
    from homegrown.inference.words import Grain
    from homegrown.train.span_data import Prepared

LONGEST = 8
LEAST_SHARE = 0.1


def fit_patterns(prepared: Prepared, tagging: Tagging, grain: Grain) -> PatternSpans:
    """Count how often each run of words, and each run of shapes, was a span of each type.

    A run that was a span in k of its n occurrences gets k / (n + 1): one that was seen once is believed by half.
    Runs are kept as hashes.
    """
    n_types = len(tagging.types)
    all_keys, all_kinds = [], []
    for text, words, tags in zip(prepared.examples.texts, prepared.words, prepared.tags, strict=True):
        first, last, keys = runs_of(words.strings(text), LONGEST)
        begins = tags[first] % 2 == 1
        after = np.append(tags, 0)[last]
        closed = after != tags[first] + 1
        inside = np.concatenate([[0], np.cumsum((tags == 0) | (tags % 2 == 1))])
        whole = begins & closed & (inside[last] - inside[first] == 1)
        all_keys.append(keys)
        all_kinds.append(np.where(whole, (tags[first] - 1) // 2, n_types))
    keys, kinds = np.concatenate(all_keys), np.concatenate(all_kinds)
    known, which = np.unique(keys, return_inverse=True)
    counts = np.bincount(which * (n_types + 1) + kinds, minlength=len(known) * (n_types + 1)).reshape(len(known), -1)
    probs = (counts[:, :n_types] / (counts.sum(1, keepdims=True) + 1)).astype(np.float32)
    kept = probs.max(1) >= LEAST_SHARE
    return PatternSpans(tagging, grain, known[kept], probs[kept], LONGEST)
