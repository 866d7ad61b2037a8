"""The Evaluation: one JSON object that the terminal, the report, the studio and ``--json`` all show.

It holds ids, names, counts and rates, never a text: texts are joined when somebody looks, so that forgetting a record
needs no search here. Every rate stands beside its n and a 95% interval (``…_ci95``). Rows are those of one split of
one snapshot; *in-scope* rows have a class, *out-of-scope* rows belong to none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Interval = tuple[float, float]
SCHEMA = 2  # an evaluation of another shape counts as not measured


@dataclass(frozen=True, slots=True)
class ClassRow:
    """One class: ``n`` true examples here, ``n_train`` it was learnt from, ``n_answered`` times it was the answer."""

    class_id: str
    name: str
    n: int
    n_train: int
    n_answered: int
    precision: float
    precision_ci95: Interval
    recall: float
    recall_ci95: Interval
    f1: float
    f1_ci95: Interval


@dataclass(frozen=True, slots=True)
class ConfusionRow:
    """*n* of the *of* examples of ``truth`` were answered ``answer`` (None: "none of these"); some of them by id.

    With many classes: ``answer`` was named in its place (None: nothing was), and where ``truth`` is None ``answer`` was
    added, in *n* of the *of* texts for which it was named.
    """

    truth: str | None
    answer: str | None
    n: int
    of: int
    record_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mistake:
    """One wrong answer; the list is sorted by how sure the model was."""

    record_id: str
    truth: tuple[str, ...]
    answer: tuple[str, ...]
    prob: float


@dataclass(frozen=True, slots=True)
class SliceRow:
    """The rows whose *field* has *value*, against all other rows.

    Attributes:
        p_holm: one-sided mid-p of Fisher's test, corrected by Holm over all slices of the evaluation.
        worse: ``p_holm`` below 0.05.
    """

    field: str
    value: str
    n: int
    accuracy: float
    accuracy_ci95: Interval
    p_holm: float
    worse: bool


@dataclass(frozen=True, slots=True)
class Opponent:
    """Another way to answer the same rows, and the paired comparison with it.

    Attributes:
        kind: ``majority``, ``tfidf`` or ``model``.
        difference: ours minus theirs, in accuracy.
        p_value: McNemar, mid-p, two-sided.
        n_more: rows that would settle a difference of this size, when it is not settled; None also when it would
            take more than twenty times what there is.
    """

    kind: str
    name: str
    n: int
    accuracy: float
    accuracy_ci95: Interval
    macro_f1: float
    difference: float
    difference_ci95: Interval
    macro_f1_difference: float
    macro_f1_difference_ci95: Interval
    n_only_ours: int
    n_only_theirs: int
    p_value: float
    verdict: str
    n_more: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Latency:
    """Measured while evaluating, on the machine that is named; other load on it counts too."""

    n: int
    p50_ms: float
    p95_ms: float
    bulk_n: int
    bulk_per_s: float
    machine: str
    threads: int


@dataclass(frozen=True, slots=True)
class Caution:
    """Something to know before believing a number. ``kind`` is stable: ``few_rows``, ``unseen_class`` and so on."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All that was measured of one model version on one split.

    Attributes:
        schema: version of this shape.
        n_checked: of the *n*, those whose label a person or a file gave; the others are what rules and models vote.
        n_checked_right: of these, those that were answered right.
        sentence: for somebody who reads one sentence.
        accuracy: answers as served, so "none of these" on an in-scope row is wrong; exact match with many classes.
        accuracy_forced: if the model always had to name a class.
        n: in-scope rows, on which every accuracy here is taken; with many classes all rows, for none is an answer too.
        n_missing: rows of the split whose records were forgotten since.
        micro_f1: with many classes per row only.
        calibration: of the top answer (``metrics.calibration``); with many classes of each class that was given a
            probability of ``faults.STATED`` or more.
        coverage: by confidence in the answer, with many classes in the whole set; ``curve`` and, under ``wanted``, the
            share one can answer at 90, 95, 97 and 99% accuracy.
        out_of_scope: ``metrics.scope``; None when the split holds no out-of-scope row.
        label_noise: rows whose label the model confidently contradicts; with the ids of some. With many classes a
            suspect names one: ``label`` None says that it is not among the labels, ``answer`` None that it should not.
        learning: what more labels would bring (``metrics.learning``), with its ``sentence``; None when the texts have
            no stored vectors, and on other splits than the test split.
        looks: how many model versions were measured on this test split, this one included.
        made: recipe, snapshot, seed, rows per split, software.
        seconds: the whole evaluation took.
    """

    sentence: str
    version_id: str
    model: str
    recipe: str
    task: str
    multi: bool
    snapshot_id: str
    split: str
    created_at: str
    n: int
    n_out_of_scope: int
    n_missing: int
    accuracy: float
    accuracy_ci95: Interval
    accuracy_forced: float
    macro_f1: float
    macro_f1_ci95: Interval
    weighted_f1: float
    weighted_f1_ci95: Interval
    micro_f1: float | None
    micro_f1_ci95: Interval | None
    threshold: float
    classes: tuple[ClassRow, ...]
    confusions: tuple[ConfusionRow, ...]
    mistakes: tuple[Mistake, ...]
    calibration: dict[str, Any] | None
    coverage: dict[str, Any] | None
    out_of_scope: dict[str, Any] | None
    slices: tuple[SliceRow, ...]
    opponents: tuple[Opponent, ...]
    latency: Latency
    size_bytes: int
    label_noise: dict[str, Any] | None
    cautions: tuple[Caution, ...]
    learning: dict[str, Any] | None
    looks: int
    made: dict[str, Any]
    seconds: float
    schema: int = SCHEMA
    comparison: Opponent | None = None
    n_checked: int | None = None
    n_checked_right: int | None = None
