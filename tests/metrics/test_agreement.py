"""Agreement beyond chance: worked examples from the papers, sklearn, and what must hold of any table."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from homegrown.metrics.agreement import alpha, alpha_of_class, cohen_kappa, fleiss_kappa

# Krippendorff 2011, section C: four observers, twelve units, values 1 to 5, 0 is missing; alpha is 0.743.
OBSERVERS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3],
    [0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0],
]
# Fleiss 1971's table as reprinted widely: ten subjects, five categories, fourteen raters; kappa is 0.210.
SUBJECTS = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip


def counts_of(answers, n_classes):
    return np.stack([(np.array(answers) == c).sum(0) for c in range(1, n_classes + 1)], 1)


def test_alpha_of_krippendorffs_example():
    found = alpha(counts_of(OBSERVERS, 5))
    assert found.value == pytest.approx(0.743, abs=0.0005)
    assert found.n == 11
    assert found.ci95[0] < 0.743 < found.ci95[1]


def test_fleiss_kappa_of_the_worked_example():
    assert fleiss_kappa(np.array(SUBJECTS)).value == pytest.approx(0.210, abs=0.0005)
    with pytest.raises(ValueError, match="same number"):
        fleiss_kappa(np.array([[2, 0], [2, 1]]))


def test_cohen_kappa_is_sklearns():
    rng = np.random.default_rng(0)
    first = rng.integers(0, 4, 200)
    second = np.where(rng.random(200) < 0.6, first, rng.integers(0, 4, 200))
    assert cohen_kappa(first, second, 4).value == pytest.approx(cohen_kappa_score(first, second))
    silent = np.where(np.arange(200) < 50, -1, second)
    found = cohen_kappa(first, silent, 4)
    assert found.value == pytest.approx(cohen_kappa_score(first[50:], second[50:]))
    assert found.n == 150


def test_a_class_is_judged_against_all_others():
    counts = np.array([[2, 0, 0], [0, 1, 1], [0, 2, 0], [0, 1, 1], [2, 0, 0]])
    assert alpha_of_class(counts, 0).value == 1
    assert alpha_of_class(counts, 2).value < 0.1


def test_undefined_is_said_and_not_made_up():
    for counts in (np.zeros((0, 2)), np.array([[1, 0], [0, 1]]), np.array([[3, 0], [2, 0]])):
        found = alpha(counts)
        assert np.isnan(found.value)
        assert found.ci95 == (-1.0, 1.0)


def test_intervals_hold_the_population_value():
    rng = np.random.default_rng(1)

    def table(n):
        truth = rng.integers(0, 3, (n, 1))
        said = np.where(rng.random((n, 3)) < 0.7, truth, rng.integers(0, 3, (n, 3)))
        return np.stack([(said == c).sum(1) for c in range(3)], 1)

    whole = alpha(table(50_000)).value
    found = [alpha(table(100)).ci95 for _ in range(100)]
    assert 88 <= sum(low <= whole <= high for low, high in found) <= 100


@given(st.lists(st.lists(st.integers(0, 4), min_size=3, max_size=3), min_size=1, max_size=12), st.randoms())
def test_the_order_of_records_and_classes_does_not_matter(rows, rng):
    counts = np.array(rows)
    order = rng.sample(range(len(rows)), len(rows))
    found, moved = alpha(counts).value, alpha(counts[order][:, [2, 0, 1]]).value
    assert moved == pytest.approx(found, nan_ok=True)
    assert np.isnan(found) or found <= 1 + 1e-12
