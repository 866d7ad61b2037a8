"""Scores of spans: the published table, sklearn's numbers, plain counting, and what must hold of any spans."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homegrown.core.spans import Span
from homegrown.metrics.span_errors import KINDS, span_errors
from homegrown.metrics.span_table import SpanTable, match, tables
from homegrown.metrics.spans import SCHEMES, paired_spans, span_scores

# The table of SemEval-2013 task 9.1 as it is reprinted widely (Batista 2018): a document per scenario, the right one twice.
GOLD = [
    [Span(0, 7, "brand")], [], [Span(3, 11, "drug")], [Span(0, 11, "drug")], [Span(0, 9, "drug")], [Span(0, 9, "drug")],
    [Span(5, 19, "group")],
]  # fmt: skip
SAID = [
    [], [Span(0, 7, "brand")], [Span(0, 11, "drug")], [Span(0, 11, "brand")], [Span(0, 9, "drug")], [Span(0, 9, "drug")],
    [Span(0, 19, "drug")],
]  # fmt: skip
# scheme: correct, incorrect, partial, missed, spurious, precision and recall
PUBLISHED = {
    "type": (3, 2, 0, 1, 1, 0.5),
    "partial": (3, 0, 2, 1, 1, 4 / 6),
    "exact": (3, 2, 0, 1, 1, 0.5),
    "strict": (2, 3, 0, 1, 1, 2 / 6),
}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_published_table(scheme):
    found = span_scores(GOLD, SAID, scheme=scheme).micro
    correct, incorrect, partial, missed, spurious, rate = PUBLISHED[scheme]
    assert (found.correct, found.incorrect, found.partial) == (correct, incorrect, partial)
    assert (found.missed, found.spurious) == (missed, spurious)
    assert found.precision == found.recall == pytest.approx(rate)
    assert found.f1 == pytest.approx(rate)
    assert found.f1_ci95[0] < rate < found.f1_ci95[1]


def test_kinds_of_errors_of_the_published_table():
    found = span_errors(GOLD, SAID)
    assert [(e.document, e.kind) for e in found.errors] == [
        (0, "missed"), (1, "spurious"), (2, "wrong bounds"), (3, "wrong type"), (6, "wrong type and bounds"),
    ]  # fmt: skip
    assert found.kinds == dict.fromkeys(KINDS, 1)
    assert found.confused == {("drug", "brand"): 1, ("group", "drug"): 1}
    assert found.of(2)[0].truth == Span(3, 11, "drug")
    assert (found.of(2)[0].start, found.of(2)[0].end) == (0, 11)
    assert found.errors[0].answer is None
    assert found.errors[1].truth is None
    assert len(span_errors(GOLD, SAID, top=2).errors) == 2
    assert (found.n_docs, found.n_true, found.n_answered) == (7, 6, 6)


def random_documents(rng, n_docs, n_types=3):
    """Flat spans and an answer that is right three times of four."""
    truth, answer = [], []
    for _ in range(n_docs):
        edges = np.sort(rng.choice(200, 2 * rng.integers(0, 6), replace=False)).reshape(-1, 2)
        spans = [Span(int(a), int(b), f"t{rng.integers(n_types)}") for a, b in edges]
        truth.append(spans)
        said = [s if rng.random() < 0.75 else Span(s.start, s.end + 1, s.type) for s in spans if rng.random() < 0.9]
        answer.append([s if rng.random() < 0.9 else Span(s.start, s.end, "t0") for s in said])
    return truth, answer


def test_strict_is_what_counting_equal_spans_gives():
    truth, answer = random_documents(np.random.default_rng(0), 300)
    found = span_scores(truth, answer)
    for name in ("t0", "t1", "t2"):
        t = {(d, s) for d, spans in enumerate(truth) for s in spans if s.type == name}
        a = {(d, s) for d, spans in enumerate(answer) for s in spans if s.type == name}
        score = found.by_type[name]
        assert score.precision == pytest.approx(len(t & a) / len(a))
        assert score.recall == pytest.approx(len(t & a) / len(t))
        assert score.f1 == pytest.approx(2 * len(t & a) / (len(t) + len(a)))
        assert (score.n_true, score.n_answered) == (len(t), len(a))
    assert found.macro_f1 == pytest.approx(np.mean([s.f1 for s in found.by_type.values()]))
    assert found.macro_f1_ci95[0] < found.macro_f1 < found.macro_f1_ci95[1]


def test_partners_are_the_most_alike():
    truth, answer = [[Span(0, 10, "a")]], [[Span(0, 1, "a"), Span(1, 10, "a"), Span(0, 10, "b")]]
    one, other = tables(truth, answer)
    found = match(one, other)
    assert other.span(found.answer[0]) == Span(0, 10, "b"), "the same bounds before the same type"
    one, other = tables(truth, [answer[0][:2]])
    found = match(one, other)
    assert other.span(found.answer[0]) == Span(1, 10, "a")
    assert found.spurious.tolist() == [0]
    one, other = tables(truth, [[Span(0, 9, "b"), Span(8, 12, "a")]])
    assert other.span(match(one, other).answer[0]) == Span(8, 12, "a"), "the same type before the larger part"


def test_spans_of_different_documents_never_meet():
    found = span_scores([[Span(0, 5, "a")], []], [[], [Span(0, 5, "a")]], scheme="partial")
    assert (found.micro.correct, found.micro.missed, found.micro.spurious) == (0, 1, 1)


SPAN = st.builds(lambda a, n, t: Span(a, a + n, t), st.integers(0, 12), st.integers(1, 6), st.sampled_from("ab"))
DOCUMENTS = st.lists(st.tuples(st.lists(SPAN, max_size=5), st.lists(SPAN, max_size=5)), min_size=1, max_size=4)


@settings(deadline=None, max_examples=80)
@given(DOCUMENTS)
def test_what_must_hold_of_any_spans(documents):
    truth, answer = [t for t, _ in documents], [a for _, a in documents]
    one, other = tables(truth, answer)
    found = match(one, other)
    assert len(set(found.truth.tolist())) == len(found.truth)
    assert len(set(found.answer.tolist())) == len(found.answer)
    assert len(found.truth) + len(found.missed) == len(one)
    assert len(found.answer) + len(found.spurious) == len(other)
    for t, a in zip(found.truth, found.answer, strict=True):
        assert one.doc[t] == other.doc[a]
        assert one.span(t).overlaps(other.span(a))
    free = [(one.doc[t], one.span(t)) for t in found.missed]
    left = [(other.doc[a], other.span(a)) for a in found.spurious]
    assert not any(d == e and s.overlaps(x) for d, s in free for e, x in left), (
        "two that overlap stay without a partner"
    )
    scores = {scheme: span_scores(truth, answer, scheme=scheme, resamples=20) for scheme in SCHEMES}
    strict = scores["strict"].micro
    assert strict.f1 <= min(scores[s].micro.f1 for s in SCHEMES) + 1e-12
    for score in scores.values():
        m = score.micro
        assert m.correct + m.partial + m.incorrect + m.missed == m.n_true == len(one)
        assert m.correct + m.partial + m.incorrect + m.spurious == m.n_answered == len(other)
        assert sum(s.n_true for s in score.by_type.values()) == m.n_true
        assert 0 <= m.f1_ci95[0] <= m.f1_ci95[1] <= 1
    back = span_scores(answer, truth, resamples=20).micro
    assert (back.precision, back.recall) == (strict.recall, strict.precision)
    errors = span_errors(truth, answer)
    assert sum(errors.kinds.values()) == len(errors.errors) == len(one) + len(other) - len(found.truth) - strict.correct


def test_nothing_to_score_is_said_by_the_interval():
    found = span_scores([], [])
    assert (found.micro.f1, found.micro.f1_ci95, found.n_docs) == (0.0, (0.0, 1.0), 0)
    sure = span_scores([[Span(0, 3, "a")]] * 30, [[Span(0, 3, "a")]] * 30).micro
    assert sure.f1 == 1
    assert 0.8 < sure.f1_ci95[0] < 0.95, "thirty right answers prove no perfection"
    with pytest.raises(ValueError, match="1 documents with truth and 0"):
        span_scores([[]], [])
    with pytest.raises(ValueError, match="none of the given types"):
        SpanTable.of([[Span(0, 3, "a")]], ["b"])
    with pytest.raises(ValueError, match="no scheme"):
        span_scores([], [], scheme="fuzzy")


def test_intervals_hold_the_population_value():
    rng = np.random.default_rng(3)
    whole = span_scores(*random_documents(rng, 4000), resamples=10).micro.f1
    found = [span_scores(*random_documents(rng, 60), resamples=300).micro.f1_ci95 for _ in range(60)]
    assert sum(low <= whole <= high for low, high in found) >= 51


def test_two_models_are_compared_on_the_same_documents():
    rng = np.random.default_rng(4)
    truth, answer = random_documents(rng, 150)
    worse = [spans[1:] if rng.random() < 0.3 else spans for spans in answer]
    found = paired_spans(truth, answer, worse)
    assert found.first == pytest.approx(span_scores(truth, answer).micro.f1)
    assert found.second == pytest.approx(span_scores(truth, worse).micro.f1)
    assert 0 < found.difference_ci95[0] < found.difference < found.difference_ci95[1]
    one, other = (span_scores(truth, a).micro.f1_ci95 for a in (answer, worse))
    unpaired = (one[1] - one[0]) + (other[1] - other[0])
    assert found.difference_ci95[1] - found.difference_ci95[0] < 0.6 * unpaired
    same = paired_spans(truth, answer, answer)
    assert (same.difference, same.difference_ci95) == (0, (0, 0))
    assert paired_spans([], [], []).difference_ci95 == (-1, 1)


def test_many_documents_are_resampled_in_groups():
    rng = np.random.default_rng(5)
    truth, answer = random_documents(rng, 5000)
    low, high = span_scores(truth, answer).micro.f1_ci95
    few = span_scores(truth[:1250], answer[:1250]).micro.f1_ci95
    assert (high - low) / (few[1] - few[0]) == pytest.approx(0.5, abs=0.1)


def test_many_spans_and_a_heap_of_nested_ones_are_matched():
    n = 200_000
    rng = np.random.default_rng(6)
    columns = np.stack([np.arange(n) // 10, np.arange(n) % 10 * 20, np.arange(n) % 10 * 20 + 5, rng.integers(0, 4, n)])
    truth = SpanTable.of_columns(columns, tuple("abcd"), n // 10)
    said = columns.copy()
    said[2] += rng.random(n) < 0.1
    answer = SpanTable.of_columns(said[:, rng.random(n) < 0.9], tuple("abcd"), n // 10)
    found = match(truth, answer)
    assert len(found.truth) == len(answer)
    assert found.same_bounds.mean() == pytest.approx(0.9, abs=0.01)
    k = 5_000
    nested = np.stack([np.zeros(k), np.arange(k), 2 * k - np.arange(k), np.zeros(k)]).astype(int)
    shifted = nested + np.array([[0], [0], [1], [0]])
    found = match(SpanTable.of_columns(nested, ("a",), 1), SpanTable.of_columns(shifted, ("a",), 1))
    assert len(found.truth) > 0.99 * k
