"""May a model of objects answer in the upstream's place: with whole documents, or with fields that it is sure of?"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from homegrown.core.object_exits import By
from homegrown.core.routing import NEVER
from homegrown.evaluate.chained import Judged
from homegrown.evaluate.exit import FEWEST_USUAL, Bound, exit_bound
from homegrown.metrics.drift import baseline
from homegrown.metrics.field_bound import field_bound, planned_fields
from homegrown.metrics.risk_bound import clopper_pearson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from homegrown.metrics.field_bound import FieldRisk

_FEWEST_PLAN = 10
_QUANTILES = np.linspace(1, 0, 101)
_HAIR = 1e-9
#: where planned thresholds begin at the highest: finer differences are noise, and the rows of the plan taught too
SUREST = 0.999
DOCUMENT = "document"
"""The group in which drift is looked for: documents have no classes."""


@dataclass(frozen=True, slots=True)
class HomeField:
    """One field: of how many documents it is given at home, and how often it differs there."""

    name: str
    n_home: int
    n_differ: int
    coverage: float


@dataclass(frozen=True, slots=True)
class ObjectBound(Bound):
    """What the calls say; *n*, *n_home*, *coverage* and *agreement* are of whole documents.

    Attributes:
        by: what *alpha* bounds: ``document`` or ``field``. *disagreement* is of those.
        n_fields: of all documents; of them *n_fields_home* given at home: those of documents that are given whole, and,
            by field, those of which the model is sure in the others.
        fields_coverage: their share, with its 95% interval over documents.
        fields_differ: share of them that differs; None where there are none.
        fields: each of them.
    """

    by: str
    n_fields: int
    n_fields_home: int
    fields_coverage: float
    fields_coverage_ci95: tuple[float, float]
    fields_differ: float | None
    fields: tuple[HomeField, ...]


@dataclass(frozen=True, slots=True)
class JudgedDocuments:
    """What a model says of n documents with m fields that it did not learn from.

    Attributes:
        whole: float [n], confidence of the document; ``NEVER`` where it cannot be given.
        sure: float [n, m], of each field.
        differs: bool [n, m], each field from the upstream's.
        rest_differs: bool [n], what stands in the document beside these fields.
        in_scope: float [n].
    """

    whole: np.ndarray
    sure: np.ndarray
    differs: np.ndarray
    rest_differs: np.ndarray
    in_scope: np.ndarray

    @property
    def wrong(self) -> np.ndarray:
        """Whether anything of the document is otherwise, bool [n]."""
        return np.asarray(self.differs.any(1) | self.rest_differs)

    def chained(self, places: Sequence[int]) -> list[Judged]:
        """The documents at *places* as one stage of a chain sees them (``evaluate.calibrate_chain``)."""
        wrong = self.wrong
        return [Judged(float(self.whole[k]), bool(wrong[k]), float(self.in_scope[k]), DOCUMENT) for k in places]


def document_plan(plan: np.ndarray) -> list[float]:
    """How sure a model was of whole documents elsewhere, from the surest down; nothing where these are too few.

    Args:
        plan: as for ``object_bound``.
    """
    if len(plan) < _FEWEST_PLAN:
        return []
    return [float(q) for q in np.quantile(np.minimum(plan[:, 0], SUREST), _QUANTILES) - _HAIR if q > 0]


def object_bound(
    names: Sequence[str],
    judged: JudgedDocuments,
    plan: np.ndarray,
    most: Sequence[float],
    *,
    by: By,
    alpha: float,
    delta: float,
    watch: bool = True,
) -> ObjectBound:
    """Calibrate on documents that the model did not learn from.

    Args:
        names: of the m fields.
        judged: what it says of them.
        plan: float [k, 1 + m], confidence of the whole and of each field on other rows, such as the model's validation
            rows: thresholds are planned on them, so that no document of the calibration has a say in these.
        most: float [m], above which the confidence of a field can never be.
        by: what the bound is about.
        alpha: disagreement that is borne among the documents, or the fields, given at home.
        delta: chance that this promise is wrong.
        watch: whether to learn what calls look like, for the watch over drift.
    """
    n, m = judged.sure.shape
    if by is By.DOCUMENT:
        one = exit_bound(
            judged.whole, judged.wrong, judged.in_scope, [DOCUMENT] * n, alpha=alpha, delta=delta,
            plan=document_plan(plan), watch=watch,
        )  # fmt: skip
        home = np.zeros(n, bool) if one.threshold is None else judged.whole > one.threshold
        given = np.repeat(home[:, None], m, 1)
        return _bound(one, by, names, given, judged.differs)
    has_plan = len(plan) >= _FEWEST_PLAN
    sure = np.minimum(plan[:, 1:], SUREST) if has_plan else plan
    thresholds = planned_fields(sure, n, alpha=alpha, delta=delta, most=most) if has_plan else None
    found = field_bound(judged.sure, judged.differs, alpha=alpha, delta=delta, thresholds=thresholds, most=most)
    home = np.zeros(n, bool) if found.threshold is None else judged.whole > found.threshold
    given = np.zeros((n, m), bool) if found.threshold is None else judged.sure > found.threshold
    usual = None
    if watch and found.threshold is not None and n >= FEWEST_USUAL:
        usual = asdict(baseline(1.0 - judged.in_scope, [DOCUMENT] * n))
    agreement = float((~judged.wrong).mean())
    threshold = None if found.threshold is None else max(found.threshold, float(np.nextafter(0.0, NEVER)))
    n_home = int(home.sum())
    whole = Bound(
        threshold, alpha, delta, n, n_home, found.error, n_home / n, clopper_pearson(n_home, n),
        agreement, found.n_more, usual, _sentence(found, home, alpha, delta, judged.differs),
    )  # fmt: skip
    return _bound(whole, by, names, given, judged.differs, found.coverage_ci95)


def _bound(
    one: Bound,
    by: By,
    names: Sequence[str],
    given: np.ndarray,
    differs: np.ndarray,
    interval: tuple[float, float] | None = None,
) -> ObjectBound:
    n_home = int(given.sum())
    fields = tuple(
        HomeField(name, int(given[:, k].sum()), int((given & differs)[:, k].sum()), float(given[:, k].mean()))
        for k, name in enumerate(names)
    )
    plain = {name: getattr(one, name) for name in Bound.__dataclass_fields__}
    if by is By.DOCUMENT and one.threshold is not None:
        share = float((given & differs).sum()) / n_home if n_home else 0.0
        plain["sentence"] = f"{one.sentence} Of the {n_home:,} fields of those {100 * share:.2f}% differed."
    return ObjectBound(
        **plain, by=by.value, n_fields=given.size, n_fields_home=n_home, fields_coverage=n_home / given.size,
        fields_coverage_ci95=interval or one.coverage_ci95,
        fields_differ=float((given & differs).sum()) / n_home if n_home else None, fields=fields,
    )  # fmt: skip


def _sentence(found: FieldRisk, home: np.ndarray, alpha: float, delta: float, differs: np.ndarray) -> str:
    bound = f"at most {100 * alpha:g}% of the fields that it gives differ, with confidence {100 * (1 - delta):g}%"
    if found.threshold is None:
        seen = (
            f"That {bound}, cannot be vouched for: of {found.n:,} documents that it did not learn from it gives "
            f"{100 * (1 - differs.mean()):.1f}% of the fields as the upstream does."
        )
        if found.n_more is None:
            return f"{seen} Even its surest fields differ too often: better labels or training help, not more calls."
        return f"{seen} With about {found.n_more:,} more such calls it probably can."
    low, high = found.coverage_ci95
    return (
        f"It gives {100 * found.coverage:.1f}% of the fields at home (95% interval {100 * low:.1f} to "
        f"{100 * high:.1f}), and {100 * home.mean():.1f}% of the documents without asking anybody; {bound}: "
        f"of {found.n:,} documents that "
        f"it did not learn from it was sure of {found.n_answered:,} fields, and differed in "
        f"{100 * (found.error or 0):.2f}% of those."
    )
