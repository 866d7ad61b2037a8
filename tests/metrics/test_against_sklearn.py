"""Our numbers against scikit-learn's and scipy's, on whatever hypothesis finds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sk

from homegrown.metrics.calibration import calibration
from homegrown.metrics.classification import NONE, classification, confusion, confusions
from homegrown.metrics.coverage import coverage_at, coverage_curve
from homegrown.metrics.exact import binomial_midp, fewer_than_rest, holm
from homegrown.metrics.intervals import paired_difference, wilson
from homegrown.metrics.multilabel import multilabel
from homegrown.metrics.paired import mcnemar, n_to_tell, paired_bootstrap
from homegrown.metrics.scope import auroc, scope

labels = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=80)


@given(labels)
@settings(max_examples=80, deadline=None)
def test_single_label(rows):
    truth, answer = (np.array(c) for c in zip(*rows, strict=True))
    ours = classification(truth, answer, 5, resamples=20)
    seen = np.unique(truth)
    assert ours.accuracy == pytest.approx(sk.accuracy_score(truth, answer))
    assert ours.macro_f1 == pytest.approx(sk.f1_score(truth, answer, labels=seen, average="macro", zero_division=0))
    assert ours.weighted_f1 == pytest.approx(
        sk.f1_score(truth, answer, labels=seen, average="weighted", zero_division=0)
    )
    precision, recall, f1, n = sk.precision_recall_fscore_support(truth, answer, labels=range(5), zero_division=0)
    for row in ours.classes:
        assert (row.precision, row.recall, row.f1, row.n) == pytest.approx(
            (precision[row.index], recall[row.index], f1[row.index], n[row.index])
        )
        assert row.recall_ci95[0] <= row.recall <= row.recall_ci95[1]
    assert ours.accuracy_ci95[0] <= ours.accuracy <= ours.accuracy_ci95[1]
    assert (confusion(truth, answer, 5)[:, :5] == sk.confusion_matrix(truth, answer, labels=range(5))).all()


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), min_size=1, max_size=60))
@settings(max_examples=60, deadline=None)
def test_many_labels(rows):
    truth, answer = (np.array([[v >> i & 1 for i in range(3)] for v in c], bool) for c in zip(*rows, strict=True))
    ours = multilabel(truth, answer, resamples=10)
    assert ours.accuracy == pytest.approx(sk.accuracy_score(truth, answer))
    assert ours.micro_f1 == pytest.approx(sk.f1_score(truth, answer, average="micro", zero_division=0))
    seen = np.flatnonzero(truth.any(0))
    if len(seen):
        assert ours.macro_f1 == pytest.approx(sk.f1_score(truth, answer, labels=seen, average="macro", zero_division=0))


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.2, 0.5, 0.5001, 0.9, 1.0]), st.booleans()), min_size=2, max_size=60))
@settings(max_examples=80, deadline=None)
def test_auroc_and_calibration(rows):
    score, flag = (np.array(c) for c in zip(*rows, strict=True))
    if flag.any() and not flag.all():
        area, (low, high) = auroc(score, flag)
        assert area == pytest.approx(sk.roc_auc_score(flag, score))
        assert low <= area + 1e-12
        assert high >= area - 1e-12
    ours = calibration(score, flag, resamples=10)
    assert ours.brier == pytest.approx(np.mean((score - flag) ** 2))
    assert sum(b.n for b in ours.bins) == len(rows)
    assert ours.ece == pytest.approx(sum(b.n * abs(b.confidence - b.accuracy) for b in ours.bins) / len(rows))
    assert ours.ece_ci95[0] <= ours.ece


def test_delong_agrees_with_a_bootstrap():
    rng = np.random.default_rng(3)
    flag = rng.random(400) < 0.4
    score = rng.normal(size=400) + flag
    area, (low, high) = auroc(score, flag)
    draws = [sk.roc_auc_score(flag[i], score[i]) for i in (rng.integers(0, 400, 400) for _ in range(400))]
    assert (low, high) == pytest.approx(tuple(np.percentile(draws, [2.5, 97.5])), abs=0.012)
    assert low < area < high


@given(st.integers(0, 60), st.integers(0, 60))
@settings(max_examples=60, deadline=None)
def test_exact_tests(k, rest):
    n = k + rest
    p = binomial_midp(k, n)
    if n:
        plain = stats.binomtest(k, n, 0.5).pvalue
        assert p <= plain + 1e-9
        assert 0 < p <= 1
        own = stats.binom.pmf(k, n, 0.5)
        assert p == pytest.approx(min(1.0, 2 * stats.binom.cdf(min(k, rest), n, 0.5) - own))


@given(st.integers(0, 30), st.integers(1, 30), st.integers(0, 30), st.integers(1, 30))
@settings(max_examples=60, deadline=None)
def test_fewer_than_rest(right, n, right_rest, n_rest):
    right, right_rest = min(right, n), min(right_rest, n_rest)
    table = [[right, n - right], [right_rest, n_rest - right_rest]]
    exact = stats.fisher_exact(table, alternative="less").pvalue
    ours = fewer_than_rest(right, n, right_rest, n_rest)
    if right + right_rest in (0, n + n_rest):
        assert ours == 1
    else:
        own = stats.hypergeom.pmf(right, n + n_rest, right + right_rest, n)
        assert ours == pytest.approx(exact - own / 2, abs=1e-9)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm(values):
    p = np.array(values)
    ours = holm(p)
    order = np.argsort(p, kind="stable")
    worst = 0.0
    for rank, i in enumerate(order):
        worst = max(worst, min(1.0, p[i] * (len(p) - rank)))
        assert ours[i] == pytest.approx(worst)


def test_intervals_against_printed_tables():
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(10, 10)[1] == 1.0
    assert wilson(0, 10)[0] == 0.0
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)  # Newcombe 1998, 17:857, table I
    assert paired_difference(36, 12, 2, 0) == pytest.approx((0.0569, 0.3404), abs=1e-4)  # Newcombe 1998, 17:2635
    assert paired_difference(0, 0, 0, 0) == (-1.0, 1.0)
    assert paired_difference(50, 0, 0, 0)[0] < 0


def test_none_is_never_right_and_shows_as_a_confusion():
    truth, answer = np.array([0, 0, 1, 1]), np.array([0, NONE, NONE, 0])
    score = classification(truth, answer, 2, resamples=10)
    assert score.accuracy == 0.25
    pairs = {(c.truth, c.answer): c.n for c in confusions(truth, answer, 2)}
    assert pairs == {(0, NONE): 1, (1, NONE): 1, (1, 0): 1}


def test_bootstrap_of_f1_agrees_with_resampled_rows():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 6, 500)
    answer = np.where(rng.random(500) < 0.8, truth, rng.integers(0, 6, 500))
    low, high = classification(truth, answer, 6).macro_f1_ci95
    draws = []
    for _ in range(500):
        r = rng.integers(0, 500, 500)
        draws.append(sk.f1_score(truth[r], answer[r], average="macro"))
    assert (low, high) == pytest.approx(tuple(np.percentile(draws, [2.5, 97.5])), abs=0.01)


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.4, 0.7, 0.9]), st.booleans()), min_size=1, max_size=40))
@settings(max_examples=60, deadline=None)
def test_coverage(rows):
    sure, right = (np.array(c) for c in zip(*rows, strict=True))
    curve = coverage_curve(sure, right)
    assert curve[-1].coverage == 1
    assert curve[-1].accuracy == pytest.approx(right.mean())
    for point in curve:
        inside = sure >= point.threshold
        assert point.n == inside.sum()
        assert point.accuracy == pytest.approx(right[inside].mean())
    found = coverage_at(sure, right, 0.8)
    reachable = [t for t in np.unique(sure) if right[sure >= t].mean() >= 0.8]
    assert (found is None) == (not reachable)
    if found is not None:
        assert found.threshold == min(reachable)


def test_scope_trade_off():
    rng = np.random.default_rng(1)
    is_out = np.arange(300) >= 200
    score = np.where(is_out, rng.normal(0, 1, 300), rng.normal(2, 1, 300))
    right = ~is_out & (rng.random(300) < 0.9)
    found = scope(score, is_out, right, 1.0)
    assert (found.n_in, found.n_out) == (200, 100)
    assert found.recall == (score[200:] < 1).mean()
    assert found.in_scope_accuracy == ((score >= 1) & right)[:200].mean()
    assert found.n_rejected == (score[:200] < 1).sum()
    recalls = [p.recall for p in found.curve]
    assert recalls == sorted(recalls)
    empty = scope(np.ones(3), np.zeros(3, bool), np.ones(3, bool), 0.5)
    assert empty.recall_ci95 == (0.0, 1.0)


def test_mcnemar_and_bootstrap_tell_the_same_story():
    rng = np.random.default_rng(2)
    first, second = rng.random(400) < 0.9, rng.random(400) < 0.8
    pair = mcnemar(first, second)
    assert pair.p_value < 0.01
    assert pair.difference == pytest.approx(first.mean() - second.mean())
    value, (low, high) = paired_bootstrap(lambda answers, _: float(answers.mean()), first, second)
    assert value == pytest.approx(pair.difference)
    assert (low, high) == pytest.approx(pair.difference_ci95, abs=0.01)
    same = mcnemar(first, first)
    assert (same.difference, same.p_value) == (0.0, 1.0)


def test_rows_needed_is_what_simulation_says():
    n = n_to_tell(0.05, 0.15)
    assert n is not None
    assert n_to_tell(0.0, 0.1) is None
    rng = np.random.default_rng(5)
    seen = 0
    for _ in range(300):
        kind = rng.choice(3, n, p=[0.10, 0.05, 0.85])
        seen += binomial_midp(int((kind == 0).sum()), int((kind < 2).sum())) < 0.05
    assert 0.72 < seen / 300 < 0.88


def test_empty_input_says_that_nothing_is_known():
    none = np.zeros(0, int)
    assert classification(none, none, 2).accuracy_ci95 == (0.0, 1.0)
    assert multilabel(np.zeros((0, 2), bool), np.zeros((0, 2), bool)).accuracy_ci95 == (0.0, 1.0)
    assert calibration(np.zeros(0), np.zeros(0, bool)).bins == ()
    assert coverage_curve(np.zeros(0), np.zeros(0, bool)) == []
    assert coverage_at(np.zeros(0), np.zeros(0, bool), 0.9) is None
