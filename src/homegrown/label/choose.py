"""Which records are worth a person's next minutes, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from homegrown.label.pool_fit import PoolFit
from homegrown.metrics.clusters import kmeans
from homegrown.metrics.neighbours import Neighbours, closest

COLD_PER_CLASS, COLD_LEAST = 1, 10
EARLY_PER_CLASS = 8  # with fewer labels per class the batch is spread over the candidates, then the margin decides
CANDIDATES = 3
RARE = 2
SUSPECT = 0.5
CLEAR = 0.8
AT_RANDOM = "Drawn at random"
SUSPECTED = "Labelled “"  # how the reason of a doubted label begins
DISAGREE_SHARE, NEW_SHARE, RARE_SHARE, SUSPECT_SHARE = 0.2, 0.02, 0.05, 0.1


class Why(StrEnum):
    """Why a record is proposed."""

    TYPICAL = "typical"
    UNSURE = "unsure"
    DISAGREEMENT = "disagreement"
    NEW = "new"
    RARE = "rare"
    SUSPECT = "suspect"
    RANDOM = "random"


@dataclass(frozen=True, slots=True)
class Choice:
    """A record to label next.

    Attributes:
        row: its number.
        why: the kind of reason.
        reason: the reason as a sentence.
        suggestion: the likeliest class, -1 where nothing is known.
        prob: of the suggestion.
    """

    row: int
    why: Why
    reason: str
    suggestion: int
    prob: float


@dataclass(frozen=True)
class Board:
    """What is known when a batch is chosen.

    Attributes:
        vectors: float32 [n, dim], rows of length 1.
        near: their neighbours.
        free: bool [n], may be proposed as new ones.
        labelled: bool [n], has a label that somebody stands for.
        found: the model's view; None where it cannot be fitted yet.
        counts: float [n, n_classes], labels by class, of the labelled records.
        votes: float [n, n_classes], votes of rules and models; None where there are none.
        settled: bool [n], labels that were confirmed and are not doubted again; None: none.
        class_names: for the reasons.
        multi: a record may have several classes.
    """

    vectors: np.ndarray
    near: Neighbours
    free: np.ndarray
    labelled: np.ndarray
    counts: np.ndarray
    class_names: tuple[str, ...]
    found: PoolFit | None = None
    votes: np.ndarray | None = None
    settled: np.ndarray | None = None
    multi: bool = False

    @property
    def n_labelled(self) -> int:
        """Labelled records."""
        return int(self.labelled.sum())


def choose(board: Board, n: int, *, seed: int = 0, measure: float = 0.0) -> list[Choice]:
    """A batch of at most *n* records that differ from one another, the most useful first.

    With few labels: the most typical text of each of the largest clusters in which nothing is labelled (Hacohen,
    Dekel, Weinshall 2022, "Active Learning on a Budget: Opposite Strategies Suit High and Low Budgets", section 3).
    Then by the margin between the two likeliest classes (Scheffer, Decomain, Wrobel 2001), while labels are few spread
    over the clusters of the candidates (Citovsky and others 2021, "Batch Active Learning at Scale", section 2); and, in
    shares, records on which sources disagree, that are unlike anything labelled, that may be of a rare class, and
    labels that look wrong.

    Args:
        board: what is known.
        n: how many.
        seed: of the clustering and of what is drawn at random.
        measure: share drawn at random from all that is free, so that the model can be measured on them.
    """
    draw = np.random.default_rng(seed)
    free = np.flatnonzero(board.free)
    taken: dict[int, Choice] = {}
    for row in draw.permutation(free)[: round(measure * n)].tolist():
        taken[row] = _choice(board, row, Why.RANDOM, f"{AT_RANDOM}, so that the model can be measured.")
    if board.found is None or board.n_labelled < max(COLD_LEAST, COLD_PER_CLASS * len(board.class_names)):
        return [*_typical(board, n - len(taken), taken, seed), *taken.values()][:n]
    for part, share in (
        (_suspects, SUSPECT_SHARE),
        (_disagreeing, DISAGREE_SHARE),
        (_rare, RARE_SHARE),
        (_new, NEW_SHARE),
    ):
        for choice in part(board, round(share * n), taken):
            taken[choice.row] = choice
    for choice in _unsure(board, n - len(taken), taken, seed):
        taken[choice.row] = choice
    return _mixed(list(taken.values()))[:n]


def uncertainty(probs: np.ndarray, *, multi: bool = False) -> np.ndarray:
    """1 less the margin between the two likeliest classes, float32 [n]; of many classes that of the least sure one.

    Example:
        >>> uncertainty(np.array([[0.5, 0.5], [0.9, 0.1]])).round(2).tolist()
        [1.0, 0.2]
    """
    if multi:
        return (1 - np.abs(2 * probs - 1)).max(1)
    if probs.shape[1] < 2:
        return np.ones(len(probs), np.float32)
    top = np.partition(probs, -2, axis=1)[:, -2:]
    return 1 - np.abs(top[:, 1] - top[:, 0])


def _typical(board: Board, n: int, taken: dict[int, Choice], seed: int) -> list[Choice]:
    rows = np.flatnonzero(board.free | board.labelled)
    n_clusters = min(n + board.n_labelled, len(rows))
    if n < 1 or not n_clusters:
        return []
    label = _clusters(board.vectors[rows], n_clusters, seed)
    size = np.bincount(label, minlength=n_clusters)
    has = np.zeros(n_clusters, bool)
    has[label[board.labelled[rows]]] = True
    is_open = _is_open(board, taken)
    found: list[Choice] = []
    for number in np.lexsort((-size, has)).tolist():
        inside = rows[(label == number) & is_open[rows]]
        if not len(inside):
            continue
        row = int(inside[board.near.density[inside].argmax()])
        none = "none of them is labelled" if not has[number] else "few of them are labelled"
        said = f"Typical of {size[number]:,} records that are alike; {none}." if size[number] > 1 else "Like no other."
        found.append(_choice(board, row, Why.TYPICAL, said))
    return found[:n]


def _unsure(board: Board, n: int, taken: dict[int, Choice], seed: int) -> list[Choice]:
    assert board.found is not None
    is_early = board.n_labelled < EARLY_PER_CLASS * len(board.class_names)
    doubt = uncertainty(board.found.probs if is_early else board.found.by_head, multi=board.multi)
    rows = np.flatnonzero(_is_open(board, taken))
    candidates = rows[np.argsort(-doubt[rows], kind="stable")][: max(CANDIDATES * n, 0)].tolist()
    if is_early and len(candidates) > n:
        candidates = _spread(board.vectors, candidates, n, seed)
    return [_choice(board, row, Why.UNSURE, _wavers(board, row)) for row in candidates[:n]]


def _spread(vectors: np.ndarray, candidates: list[int], n: int, seed: int) -> list[int]:
    """The first of *candidates* in each of *n* clusters of them, then the others."""
    if n < 1:
        return []
    label = _clusters(vectors[candidates], n, seed)
    first = dict(zip(reversed(label.tolist()), reversed(candidates), strict=True))
    chosen = set(first.values())
    return [c for c in candidates if c in chosen] + [c for c in candidates if c not in chosen]


def _suspects(board: Board, n: int, taken: dict[int, Choice]) -> list[Choice]:
    assert board.found is not None
    wrong = np.where(board.labelled, board.found.wrong, 0)
    wrong[list(taken)] = 0
    if board.settled is not None:
        wrong = np.where(board.settled, 0, wrong)
    found = []
    for row in np.argsort(-wrong, kind="stable")[:n].tolist():
        if wrong[row] <= SUSPECT:
            break
        given, likely = int(board.counts[row].argmax()), int(board.found.targets[row].argmax())
        names = board.class_names
        said = f"{SUSPECTED}{names[given]}”, yet without this label everything points to “{names[likely]}”."
        found.append(Choice(row, Why.SUSPECT, said, likely, float(board.found.targets[row, likely])))
    return found


def _disagreeing(board: Board, n: int, taken: dict[int, Choice]) -> list[Choice]:
    if board.votes is None:
        return []
    total = board.votes.sum(1)
    split = np.where(total > 0, 1 - board.votes.max(1) / np.maximum(total, 1e-12), 0)
    split = np.where(_is_open(board, taken), split, 0)
    found = []
    for row in np.lexsort((-total, -split))[:n].tolist():
        if split[row] <= 0:
            break
        told = board.votes[row]
        said = ", ".join(f"“{board.class_names[k]}”" for k in np.argsort(-told, kind="stable")[:3] if told[k] > 0)
        found.append(_choice(board, row, Why.DISAGREEMENT, f"Its sources disagree: {said}."))
    return found


def _rare(board: Board, n: int, taken: dict[int, Choice]) -> list[Choice]:
    """The likeliest of each class that has few labels, in turn."""
    assert board.found is not None
    have, is_open = board.counts[board.labelled].sum(0), _is_open(board, taken)
    found: list[Choice] = []
    for number in np.argsort(have, kind="stable").tolist():
        if have[number] >= RARE or len(found) >= n:
            break
        prob = np.where(is_open, board.found.probs[:, number], -1)
        row = int(prob.argmax())
        if prob[row] > 1.5 / len(board.class_names):
            few = f"of which only {round(have[number])} are labelled" if have[number] else "of which none is labelled"
            said = f"Perhaps “{board.class_names[number]}”, {few}."
            is_open[row] = False
            found.append(Choice(row, Why.RARE, said, number, float(prob[row])))
    return found


def _new(board: Board, n: int, taken: dict[int, Choice]) -> list[Choice]:
    rows = np.flatnonzero(_is_open(board, taken))
    known = board.vectors[board.labelled]
    if n < 1 or not len(rows) or not len(known):
        return []
    _, nearest = closest(board.vectors[rows], known)
    worth = (1 - nearest) * board.near.density[rows]  # far from what is labelled, and yet like others
    found: list[Choice] = []
    for place in np.argsort(-worth, kind="stable").tolist():
        row = int(rows[place])
        if all(board.vectors[row] @ board.vectors[c.row] < nearest[place] + 0.1 for c in found):
            said = f"Unlike anything labelled: similarity {nearest[place]:.2f} to the nearest."
            found.append(_choice(board, row, Why.NEW, said))
        if len(found) == n:
            break
    return found


def _is_open(board: Board, taken: dict[int, Choice]) -> np.ndarray:
    """Which records may still be proposed; bool [n]."""
    found = board.free.copy()
    found[list(taken)] = False
    return found


def _wavers(board: Board, row: int) -> str:
    assert board.found is not None
    probs, names = board.found.probs[row], board.class_names
    first, second = np.argsort(-probs, kind="stable")[:2].tolist() if len(names) > 1 else (0, 0)
    if board.multi:
        unsure = int(np.abs(probs - 0.5).argmin())
        return f"The model does not know whether it is “{names[unsure]}” ({probs[unsure]:.0%})."
    if probs[first] >= CLEAR:
        return f"Of what is left, the model is least sure here, though “{names[first]}” is likely ({probs[first]:.0%})."
    return (
        f"The model wavers between “{names[first]}” ({probs[first]:.0%}) and “{names[second]}” ({probs[second]:.0%})."
    )


def _choice(board: Board, row: int, why: Why, reason: str) -> Choice:
    if board.found is None:
        return Choice(row, why, reason, -1, 0.0)
    likely = int(board.found.probs[row].argmax())
    return Choice(row, why, reason, likely, float(board.found.probs[row, likely]))


def _mixed(choices: list[Choice]) -> list[Choice]:
    """Kinds of reasons in turn, so that whoever stops early has seen some of each."""
    place: dict[Why, int] = {}
    size = {why: sum(c.why is why for c in choices) for why in Why}
    order = []
    for choice in choices:
        place[choice.why] = place.get(choice.why, 0) + 1
        order.append((place[choice.why] - 0.5) / size[choice.why])
    return [choices[i] for i in np.argsort(order, kind="stable").tolist()]


def _clusters(vectors: np.ndarray, n_clusters: int, seed: int) -> np.ndarray:
    return kmeans(vectors, n_clusters, max_iter=20, random_state=seed)
