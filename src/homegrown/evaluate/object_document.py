"""The evaluation of a model whose answers are objects: one JSON object that the terminal, the report and pages show.

It holds ids, names, places and rates, never words or values of a record: they are joined when somebody looks
(``evaluate.object_errors``). A field is *right* where it means what is true (``core.said.meaning_of``).
"""

from __future__ import annotations

from typing import Any

import msgspec

from homegrown.evaluate.document import Caution, Interval, Latency, SliceRow

SCHEMA = "objects/2"  # an evaluation of another shape counts as not measured


class SpanRow(msgspec.Struct, frozen=True, kw_only=True):
    """How well the spans of a field are found, place by place (``metrics.spans``).

    Attributes:
        exact_f1: of spans with the same bounds.
        partial_f1: those that share a character count half.
    """

    n_true: int
    n_answered: int
    exact_f1: float
    exact_f1_ci95: Interval
    partial_f1: float
    partial_f1_ci95: Interval


class FieldRow(msgspec.Struct, frozen=True, kw_only=True):
    """How often one field is right; see ``metrics.objects.FieldScore``.

    Attributes:
        n: rows on which somebody said what it is, or that it is not there.
        n_there: of them, those on which it is there.
        n_answered: rows on which the model says that it is there.
        exact: the answer is right to the letter; with Wilson's interval.
        normalised: it means the same: the words without case and marks, the number, the day.
        invented: it is not there, and the model says something.
        missed: it is there, and the model says that it is not.
        wrong: it is there, and the model says something else.
        precision: share of what was answered that is right.
        recall: share of what is there that was answered right.
        mean_prob: that the model gives its answers: near *normalised* where it is calibrated.
        spans: of a field that holds words.
    """

    field_id: str
    name: str
    type: str
    n: int
    n_there: int
    n_answered: int
    exact: float
    exact_ci95: Interval
    normalised: float
    normalised_ci95: Interval
    invented: int
    missed: int
    wrong: int
    precision: float
    precision_ci95: Interval
    recall: float
    recall_ci95: Interval
    mean_prob: float
    spans: SpanRow | None = None


class FieldMistake(msgspec.Struct, frozen=True, kw_only=True):
    """One answer that means something else: where to look, and how sure the model was."""

    record_id: str
    field: str
    prob: float
    said: list[list[int]]
    truth: list[list[int]]


class FieldGap(msgspec.Struct, frozen=True, kw_only=True):
    """One field, two ways to answer it, on the same rows.

    Attributes:
        difference: ours minus theirs, of answers that are right; Newcombe's interval.
        p_holm: McNemar, mid-p, two-sided, corrected by Holm over the fields.
        verdict: of ours: ``better``, ``worse``, ``undecided``.
    """

    name: str
    n: int
    ours: float
    theirs: float
    difference: float
    difference_ci95: Interval
    n_only_ours: int
    n_only_theirs: int
    p_holm: float
    verdict: str


class ObjectOpponent(msgspec.Struct, frozen=True, kw_only=True):
    """Another way to answer the same rows, compared on whole objects and field by field.

    Attributes:
        kind: ``frequent``, ``patterns`` or ``model``.
        accuracy: theirs, of whole objects.
        n_more: rows that would settle a difference of this size, when it is not settled and in reach.
    """

    kind: str
    name: str
    n: int
    accuracy: float
    accuracy_ci95: Interval
    difference: float
    difference_ci95: Interval
    n_only_ours: int
    n_only_theirs: int
    p_value: float
    verdict: str
    fields: tuple[FieldGap, ...]
    n_more: int | None = None
    seconds: float | None = None


class ObjectEvaluation(msgspec.Struct, frozen=True, kw_only=True):
    """The result.

    Attributes:
        n: rows on which every field that the model answers was looked at: whole objects are counted among these.
        n_texts: rows of the split.
        n_missing: rows of the split whose records were forgotten since.
        n_checked: of the *n*, those of which a person or a file said something; the others are what rules and models
            vote.
        n_checked_right: of these, whole objects that are right.
        accuracy: whole objects of which every such field is right; with Wilson's interval.
        exact: the same to the letter.
        not_learnt: names of fields that the model does not answer; objects are judged without them.
        mistakes: the surest first, at most ``MOST_MISTAKES``.
        calibration: of the probability of the whole object (``metrics.calibration``).
        coverage: by the same probability; see ``document.Evaluation``.
        slices: of whole objects.
        opponents: what little effort reaches.
        looks: how many model versions were measured on this test split, this one included.
    """

    sentence: str
    version_id: str
    model: str
    recipe: str
    task: str
    snapshot_id: str
    split: str
    created_at: str
    n: int
    n_texts: int
    n_missing: int
    n_checked: int
    n_checked_right: int
    accuracy: float
    accuracy_ci95: Interval
    exact: float
    exact_ci95: Interval
    fields: tuple[FieldRow, ...]
    not_learnt: tuple[str, ...]
    mistakes: tuple[FieldMistake, ...]
    calibration: dict[str, Any] | None
    coverage: dict[str, Any] | None
    slices: tuple[SliceRow, ...]
    opponents: tuple[ObjectOpponent, ...]
    latency: Latency
    size_bytes: int
    cautions: tuple[Caution, ...]
    looks: int
    made: dict[str, Any]
    seconds: float
    schema: str = SCHEMA
    comparison: ObjectOpponent | None = None
