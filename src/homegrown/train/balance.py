"""Answers in the proportions of the labels: what each class's score needs, so that none is named too rarely.

A model that learns from doubtful labels is unsure of many texts, and answers them all with the larger class, although
its order of the texts is good. Its classes are given the shares that the labels give them, as distribution alignment
does while training (Berthelot and others 2020, "ReMixMatch", section 3.1), but for the answers themselves.
"""

from __future__ import annotations

import numpy as np

from homegrown.inference.readout import softmax

#: soft answers at so small a scale are nearly the hard ones, and can be matched by steps
_SHARPNESS = 0.2
_ROUNDS = 200
_MOST_ROWS = 5000


def offsets(logits: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """What to add to *logits*, so that each class is the answer for its share of the rows; float32 [n_outputs].

    Found by the scaling of Sinkhorn (Cuturi 2013, "Sinkhorn Distances", section 4) towards rows that count alike.

    Args:
        logits: float [n, n_outputs], of rows that the model did not learn from; of very many rows some.
        shares: float [n_outputs], not negative; a class of none stays as it is.

    Example:
        >>> z = np.array([[2.0, 0.0], [1.5, 0.0], [1.0, 0.0], [0.5, 0.0]])
        >>> (z + offsets(z, np.array([0.5, 0.5]))).argmax(1).tolist()
        [0, 0, 1, 1]
    """
    known = np.flatnonzero(shares > 0)
    found = np.zeros(logits.shape[1], np.float32)
    if len(logits) == 0 or len(known) < 2:
        return found
    step = -(-len(logits) // _MOST_ROWS)
    scaled = logits[::step][:, known].astype(np.float64) / _SHARPNESS
    wanted = np.log(shares[known] / shares[known].sum())
    added = np.zeros(len(known))
    for _ in range(_ROUNDS):
        added += wanted - np.log(softmax(scaled + added).mean(0) + 1e-12)
    found[known] = (added - added.mean()) * _SHARPNESS
    return found


def hard(targets: np.ndarray) -> np.ndarray:
    """The likeliest class of each row as a certain one, float32 like *targets* [n, n_outputs]."""
    return np.eye(targets.shape[1], dtype=np.float32)[targets.argmax(1)]
