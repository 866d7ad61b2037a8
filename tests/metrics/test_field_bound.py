"""A bound on fields holds however the fields of a document hang together."""

import numpy as np
import pytest

from homegrown.errors import InputError
from homegrown.metrics.field_bound import documents_needed, field_bound, planned_fields
from homegrown.metrics.sequential import RunningError


def drawn(rng, n, *, error, together):
    """Documents of four fields; errors rise as confidence falls, by themselves or all four at once."""
    sure = rng.beta(5, 1, size=(n, 4))
    if together:
        sure = np.repeat(sure[:, :1], 4, 1)
    wrong = rng.random((n, 1 if together else 4)) < error(sure[:, :1] if together else sure)
    return sure, np.broadcast_to(wrong, (n, 4)).copy()


@pytest.mark.parametrize("together", [False, True])
def test_more_than_was_promised_is_wrong_in_few_draws_only(together):
    def error(sure):
        return 1.5 * np.clip(1.02 - sure, 0, 1) ** 2

    rng, alpha, n_broken, n_given = np.random.default_rng(3), 0.05, 0, 0
    big, big_wrong = drawn(rng, 20_000, error=error, together=together)
    for _ in range(60):
        plan, _ = drawn(rng, 30, error=error, together=together)
        thresholds = planned_fields(plan, 300, alpha=alpha, most=np.ones(4))
        sure, wrong = drawn(rng, 300, error=error, together=together)
        found = field_bound(sure, wrong, alpha=alpha, thresholds=thresholds)
        if found.threshold is not None:
            n_given += 1
            above = big > found.threshold
            n_broken += (big_wrong & above).sum() / above.sum() > alpha
    assert n_broken <= 8  # 5% of 60 and what chance adds to it (binomial, 1%)
    assert n_given > (10 if together else 30)


def test_fields_that_can_never_be_sure_do_not_weigh():
    rng = np.random.default_rng(0)
    sure = np.column_stack([rng.random((120, 2)) * 0.1 + 0.9, rng.random((120, 2)) * 0.5])
    wrong = np.zeros((120, 4), bool)
    with_ceilings = field_bound(sure, wrong, alpha=0.03, thresholds=[0.9], most=[1, 1, 0.5, 0.5])
    assert with_ceilings.threshold == 0.9
    assert field_bound(sure, wrong, alpha=0.03, thresholds=[0.9]).threshold is None
    assert (with_ceilings.n_answered, with_ceilings.n_home, with_ceilings.coverage) == (240, 0, 0.5)
    low, high = with_ceilings.coverage_ci95
    assert 0.45 < low < 0.5 < high < 0.55  # all documents are alike, and those that were not seen may be others


def test_it_says_how_many_more_it_takes():
    wrong = np.zeros((60, 3), bool)
    found = field_bound(np.ones((60, 3)), wrong, alpha=0.03, thresholds=[0.5])
    assert found.threshold is None
    assert abs(found.n_more - (documents_needed(0.03, 0.05) - 60)) < 5
    assert field_bound(np.ones((60, 3)), ~wrong, alpha=0.03, thresholds=[0.5]).n_more is None
    with pytest.raises(InputError, match="no document"):
        field_bound(np.ones((0, 3)), np.ones((0, 3), bool), alpha=0.03)
    with pytest.raises(InputError, match="shares between 0 and 1"):
        field_bound(np.ones((1, 3)), np.ones((1, 3), bool), alpha=3.0)


def test_the_watch_bets_on_shares_as_on_outcomes():
    whole, parts = RunningError(0.05, 0.05), RunningError(0.05, 0.05)
    for _ in range(40):
        whole.update(True)
        parts.update(0.25)
    assert whole.broken
    assert parts.broken
    assert (whole.n_wrong, parts.n_wrong) == (40, 10.0)
    calm = RunningError(0.05, 0.05)
    rng = np.random.default_rng(1)
    assert not any(calm.update(float(s)) for s in rng.choice([0.0, 0.25], p=[0.8, 0.2], size=400))
