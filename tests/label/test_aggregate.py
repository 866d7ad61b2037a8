"""Votes → Labels: small cases by hand, simulated crowds and rules with a known truth, and laws that must hold."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homegrown.errors import InputError
from homegrown.label import confusion
from homegrown.label.aggregate import aggregate
from homegrown.label.correlated import Pairs, correlated, discount
from homegrown.label.matrix import VoteMatrix, majority
from homegrown.label.reliability import estimated, measured


def crowd(accuracy, n=400, seen=0.8, n_classes=2, seed=0):
    """People of the given accuracies who err evenly, each on a share of the records; their votes and the truth."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, n_classes, n)
    wrong = (truth[:, None] + rng.integers(1, n_classes, (n, len(accuracy)))) % n_classes
    said = np.where(rng.random((n, len(accuracy))) < accuracy, truth[:, None], wrong)
    record, source = np.nonzero(rng.random(said.shape) < seen)
    sizes = {"n_records": n, "n_sources": len(accuracy), "n_classes": n_classes}
    return VoteMatrix.of(record, source, said[record, source], **sizes), truth


def right(label, truth):
    return float((label == truth).mean())


def test_majority_by_hand():
    votes = VoteMatrix.of([0, 0, 0, 1, 1], [0, 1, 2, 0, 1], [1, 1, 0, 0, 1], [1, 1, 1, 0.5, 0.25], n_records=3)
    assert majority(votes).tolist() == pytest.approx(np.array([[1 / 3, 2 / 3], [2 / 3, 1 / 3], [0.5, 0.5]]))
    assert aggregate(votes, method="majority").label.tolist() == [1, 0, 0]


def test_columns_out_of_range_are_refused():
    for columns in (([0], [0], [-1]), ([0, 1], [0], [0]), ([0], [0], [0], [0.0]), ([0], [0], [0], [np.nan])):
        with pytest.raises(InputError):
            VoteMatrix.of(*columns)
    with pytest.raises(InputError, match="outside"):
        VoteMatrix.of([0], [0], [2], n_classes=2)
    with pytest.raises(InputError, match="no method 'x'"):
        aggregate(crowd([0.8, 0.8])[0], method="x")
    with pytest.raises(InputError, match="fewer than two classes"):
        aggregate(VoteMatrix.of([0], [0], [0]))


def test_one_expert_outweighs_a_careless_crowd():
    votes, truth = crowd([0.98, 0.65, 0.6, 0.6, 0.6, 0.55, 0.6], n=1000)
    done = aggregate(votes)
    assert right(done.label, truth) > right(majority(votes).argmax(1), truth) + 0.1
    assert not done.majority_is_enough
    assert done.sources.accuracy.argmax() == 0
    assert done.sources.low[0] < 0.98 < done.sources.high[0]


def test_it_says_when_majority_is_as_good():
    votes, _ = crowd([0.97] * 5, n=300, seen=1)
    assert aggregate(votes).majority_is_enough


def test_a_source_that_turns_two_classes_round_still_tells_them_apart():
    votes, truth = crowd([0.85, 0.85, 0.85, 0.95], n=600, n_classes=3)
    turned = np.where(votes.source == 3, np.array([0, 2, 1])[votes.value], votes.value)
    done = aggregate(VoteMatrix.of(votes.record, votes.source, turned))
    table = done.fitted.log_votes[3].reshape(3, 3, -1).mean(2)
    assert table[1].argmax() == 2
    assert right(done.label, truth) > 0.95


def test_probabilities_mean_what_they_say():
    votes, truth = crowd([0.8, 0.75, 0.7, 0.65, 0.7], n=3000, seen=0.6)
    done = aggregate(votes)
    top = done.probs.max(1)
    for low, high in ((0.5, 0.7), (0.7, 0.9), (0.9, 1.01)):
        inside = (top >= low) & (top < high)
        assert right(done.label[inside], truth[inside]) == pytest.approx(top[inside].mean(), abs=0.08)


def rules(copies, n=3000, seed=0):
    """Eight rules that fire with precision 0.75 to 0.9, and a bad one that stands there several times."""
    rng = np.random.default_rng(seed)
    truth = (rng.random(n) < 0.4).astype(int)
    fires = []
    for value in (0, 1):
        for precision in (0.9, 0.85, 0.8, 0.75):
            share = np.where(truth == value, 0.25, 0.25 * (1 - precision) / precision)
            fires.append((np.flatnonzero(rng.random(n) < share), value))
    fires += [(np.flatnonzero(rng.random(n) < np.where(truth == 0, 0.3, 0.25)), 1)] * copies
    record = np.concatenate([f for f, _ in fires])
    source = np.repeat(np.arange(len(fires)), [len(f) for f, _ in fires])
    return VoteMatrix.of(record, source, np.array([v for _, v in fires])[source], n_records=n), truth


def test_copied_rules_are_found_and_count_once():
    once, truth = rules(1)
    often, _ = rules(6)
    voted = once.votes_per_record > 0
    done = aggregate(often)
    assert {(a, b) for a, b in zip(done.pairs.first, done.pairs.second, strict=True)} == {
        (a, b) for a in range(8, 14) for b in range(a + 1, 14)
    }
    assert right(done.label[voted], truth[voted]) == pytest.approx(
        right(aggregate(once).label[voted], truth[voted]), abs=0.01
    )
    assert right(done.label[voted], truth[voted]) > right(majority(often).argmax(1)[voted], truth[voted]) + 0.05
    assert not len(aggregate(once).pairs.first)


def test_people_who_copy_are_found_though_they_outvote_their_original():
    votes, truth = crowd([0.75, 0.75, 0.7, 0.8, 0.7, 0.6], seen=1)
    copied = votes.source == 5
    parts = [votes.source, *(np.full(copied.sum(), 6 + i) for i in range(4))]
    record = np.concatenate([votes.record, np.tile(votes.record[copied], 4)])
    value = np.concatenate([votes.value, np.tile(votes.value[copied], 4)])
    done = aggregate(VoteMatrix.of(record, np.concatenate(parts), value))
    assert len(done.pairs.first) == 10
    assert right(done.label, truth) > 0.8


def test_honest_people_are_no_copies():
    votes, truth = crowd([0.97, 0.96, 0.95, 0.95, 0.9], n=1000)
    assert not len(correlated(votes, np.eye(2)[truth]).first)


def test_discount_by_hand():
    votes = VoteMatrix.of([0, 0, 0, 1, 1], [0, 1, 2, 0, 1], [1, 1, 1, 0, 1])
    pairs = Pairs(np.array([0]), np.array([1]), np.array([0.5]))
    assert discount(votes, pairs) == pytest.approx([1 / 1.5, 1 / 1.5, 1, 1, 1])


def test_gold_fixes_its_records_and_measures_on_nothing_else():
    votes, truth = crowd([0.9, 0.7, 0.6], n=200, seen=1)
    gold = np.where(np.arange(200) < 60, 1 - truth, -1)  # turned round, so that only counting can give these figures
    done = aggregate(votes, gold=gold)
    assert done.label[:60].tolist() == gold[:60].tolist()
    assert done.probs[:60].max(1).tolist() == [1.0] * 60
    known = votes.record < 60
    for source in range(3):
        mine = known & (votes.source == source)
        assert done.sources.accuracy[source] == pytest.approx((votes.value[mine] == gold[votes.record[mine]]).mean())


def test_measured_by_hand_and_unknown_where_gold_is_silent():
    votes = VoteMatrix.of([0, 1, 0, 2], [0, 0, 1, 2], [1, 0, 0, 1])
    found = measured(votes, np.array([1, 1, -1]))
    assert found.coverage.tolist() == pytest.approx([2 / 3, 1 / 3, 1 / 3])
    assert found.accuracy[:2].tolist() == [0.5, 0.0]
    assert np.isnan(found.accuracy[2])
    assert (found.low[2], found.high[2]) == (0.0, 1.0)


def test_estimated_intervals_hold_the_truth():
    inside = total = 0
    for seed in range(10):
        accuracy = np.random.default_rng(seed).uniform(0.55, 0.95, 8)
        votes, _ = crowd(accuracy, n=150, seen=0.5, seed=seed)
        found = aggregate(votes).sources
        inside += ((found.low <= accuracy) & (accuracy <= found.high)).sum()
        total += 8
    assert inside / total >= 0.93


@pytest.mark.parametrize("n_classes", [2, 3, 77])
@pytest.mark.parametrize("accuracy", [[0.9, 0.6], [0.7, 0.95], [0.8, 0.8]])
def test_two_sources_alone_are_not_told_apart(accuracy, n_classes):
    votes, truth = crowd(accuracy, n=1000, seen=1, n_classes=n_classes)
    done = aggregate(votes)
    found = done.sources
    assert (found.low <= accuracy).all()
    assert (found.high >= accuracy).all()
    said = votes.value.reshape(-1, 2)
    quarrel = said[:, 0] != said[:, 1]
    assert (done.probs[quarrel].max(1) < 0.75).all()
    assert right(done.label, truth) > right(said[:, 0], truth) - 0.3
    gold = np.where(np.arange(1000) < 200, truth, -1)
    told = aggregate(votes, gold=gold).label[200:]
    assert right(told, truth[200:]) > max(accuracy) - 0.05


def test_a_source_that_meets_nobody_is_not_known():
    votes = VoteMatrix.of([0, 1, 2, 3, 3, 4, 4], [0, 0, 0, 1, 2, 1, 2], [0, 1, 1, 0, 0, 1, 1])
    found = aggregate(votes).sources
    assert (found.low[0], found.high[0]) == (0.0, 1.0)
    assert found.low[1] > 0


def test_a_doubtful_label_widens_the_interval():
    every = np.tile(np.arange(100), 3)
    votes = VoteMatrix.of(every, np.repeat(np.arange(3), 100), np.zeros(300, int), n_classes=2)
    sure, doubtful = (estimated(votes, np.tile([p, 1 - p], (100, 1))) for p in (0.99, 0.6))
    assert doubtful.high[0] - doubtful.low[0] > 2 * (sure.high[0] - sure.low[0])


def test_a_fit_starts_where_an_earlier_one_ended():
    votes, _ = crowd([0.85, 0.7, 0.65, 0.6, 0.7], n=2000, seen=0.5)
    early = votes.record < 1800
    columns = (votes.record[early], votes.source[early], votes.value[early])
    first = aggregate(VoteMatrix.of(*columns, n_records=2000)).fitted
    cold, warm = aggregate(votes), aggregate(votes, start=first)
    assert warm.fitted.rounds < cold.fitted.rounds
    assert np.abs(warm.probs - cold.probs).max() < 0.02
    new = VoteMatrix.of([0, 0], [0, 5], [1, 1], n_sources=6, n_classes=2)
    assert first.kinds(new).shape == (1, 2 * first.n_kinds)


def test_equal_records_are_fitted_once_and_count_as_often_as_they_stand():
    record, source = np.repeat(np.arange(100), 3), np.tile(np.arange(3), 100)
    gold = np.where(np.arange(100) == 99, 0, -1)
    found = confusion.fit(VoteMatrix.of(record, source, (record >= 95).astype(int)), gold=gold)
    assert np.exp(found.log_prior)[1] == pytest.approx(0.04, abs=0.02)
    assert found.probs.argmax(1).tolist() == [0] * 95 + [1] * 4 + [0]
    assert np.ptp(found.probs[:95], axis=0).max() == 0


def test_too_many_sources_and_classes_are_refused_with_the_way_out():
    votes = VoteMatrix.of([0, 0], [0, 9999], [0, 99])
    with pytest.raises(InputError, match="majority"):
        confusion.fit(votes)


matrices = st.integers(2, 4).flatmap(
    lambda k: st.lists(
        st.tuples(st.integers(0, 9), st.integers(0, 4), st.integers(0, k - 1)), min_size=3, max_size=40
    ).map(lambda rows: VoteMatrix.of(*np.unique(np.array(rows), axis=0).T, n_records=10, n_sources=5, n_classes=k))
)


@settings(max_examples=60, deadline=None)
@given(matrices, st.integers(0, 2**32 - 1))
def test_probabilities_sum_to_one_and_no_order_matters(votes, seed):
    rng = np.random.default_rng(seed)
    plain = aggregate(votes)
    assert plain.probs.sum(1) == pytest.approx(np.ones(10))
    assert ((plain.probs >= 0) & (plain.probs <= 1)).all()
    assert ((plain.sources.low >= 0) & (plain.sources.high <= 1) & (plain.sources.low <= plain.sources.high)).all()
    record, source, value = (rng.permutation(n) for n in (10, 5, votes.n_classes))
    rows = rng.permutation(len(votes.record))
    moved = aggregate(
        VoteMatrix.of(
            record[votes.record][rows], source[votes.source][rows], value[votes.value][rows],
            n_records=10, n_sources=5, n_classes=votes.n_classes,
        )
    )  # fmt: skip
    assert moved.probs[record][:, value] == pytest.approx(plain.probs, abs=1e-3)
    assert moved.sources.accuracy[source] == pytest.approx(plain.sources.accuracy, abs=1e-3, nan_ok=True)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 4))
def test_a_perfect_source_never_hurts(seed, n_classes):
    votes, truth = crowd([0.8, 0.75, 0.7, 0.7], n=120, n_classes=n_classes, seed=seed)
    record = np.concatenate([votes.record, np.arange(120)])
    source = np.concatenate([votes.source, np.full(120, 4)])
    helped = VoteMatrix.of(record, source, np.concatenate([votes.value, truth]), n_classes=n_classes)
    assert right(aggregate(helped).label, truth) >= right(aggregate(votes).label, truth)
