"""Planted errors in labelled spans are found, by kind, and a weak model is no witness."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from homegrown.core.spans import ScoredSpan, Span
from homegrown.metrics.span_label_errors import span_label_errors

TYPES = ("city", "name", "date")


def model(rng, spans, recall=0.9):
    """What a decent model says of a text: mostly the truth with high probability, sometimes something else."""
    found = []
    for s in spans:
        if rng.random() > recall:
            continue
        sure = rng.beta(8, 1.5)
        found.append(ScoredSpan(s.start, s.end, s.type, sure))
        other = (
            Span(s.start, s.end + 3, s.type)
            if rng.random() < 0.5
            else Span(s.start, s.end, str(rng.choice([t for t in TYPES if t != s.type])))
        )
        found.append(ScoredSpan(other.start, other.end, other.type, (1 - sure) * 0.8))
    if rng.random() < 0.3:
        found.append(ScoredSpan(500, 505, str(rng.choice(TYPES)), float(rng.beta(1, 6))))
    return found


def planted(seed=0, n_docs=600, rate=0.05):
    """Labels with errors of four kinds, what the model says, and which kind was done to which document."""
    rng = np.random.default_rng(seed)
    labels, found, done = [], [], []
    for _ in range(n_docs):
        truth = [
            Span(i * 40, i * 40 + int(rng.integers(5, 20)), str(rng.choice(TYPES))) for i in range(rng.integers(1, 5))
        ]
        found.append(model(rng, truth))
        kind, given = "", list(truth)
        if rng.random() < rate * 4:
            kind = str(rng.choice(["missed", "spurious", "wrong bounds", "wrong type"]))
            at = int(rng.integers(len(truth)))
            s = given.pop(at)
            if kind == "spurious":
                given += [s, Span(300, 309, str(rng.choice(TYPES)))]
            elif kind == "wrong bounds":
                given.append(Span(s.start, s.end - 3, s.type))
            elif kind == "wrong type":
                given.append(Span(s.start, s.end, str(rng.choice([t for t in TYPES if t != s.type]))))
        labels.append(given)
        done.append(kind)
    return labels, found, done


def test_planted_errors_come_first():
    labels, found, done = planted()
    errors = span_label_errors(labels, found)
    wrong = np.array([bool(k) for k in done])
    assert roc_auc_score(wrong, errors.documents) > 0.88
    assert average_precision_score(wrong, errors.documents) > 0.78
    n = int(wrong.sum())
    first = errors.doubts[: n // 2]
    assert np.mean([bool(done[d.document]) for d in first]) > 0.95
    named = [d.kind == done[d.document] for d in errors.doubts[:n] if done[d.document]]
    assert np.mean(named) > 0.9, "what is wrong is named"
    suspects = [d for d in errors.doubts if d.is_suspect]
    assert errors.n_suspects == len(suspects) > 0.3 * n
    assert np.mean([bool(done[d.document]) for d in suspects]) > 0.95
    assert errors.share == pytest.approx(len(suspects) / errors.n)
    assert errors.share_ci95[0] < errors.share < errors.share_ci95[1]


@pytest.mark.parametrize("kind", ["missed", "spurious", "wrong bounds", "wrong type"])
def test_each_kind_of_error_is_found(kind):
    labels, found, done = planted(seed=1)
    errors = span_label_errors(labels, found)
    sound = [i for i, k in enumerate(done) if not k]
    wrong = [i for i, k in enumerate(done) if k == kind]
    assert len(wrong) > 10
    # A model that overlooks one span of ten says little against a label that it does not find.
    least = 0.65 if kind == "spurious" else 0.85
    assert roc_auc_score([0] * len(sound) + [1] * len(wrong), errors.documents[[*sound, *wrong]]) > least


def test_a_model_that_overlooks_a_type_is_no_witness_against_it():
    rng = np.random.default_rng(2)
    labels = [[Span(0, 9, "city"), Span(20, 29, "name")] for _ in range(100)]
    found = [model(rng, [s], recall=1) + model(rng, [t], recall=0.2) for s, t in labels]
    labels[7] = [Span(0, 9, "city"), Span(20, 29, "name"), Span(40, 49, "city")]
    errors = span_label_errors(labels, found)
    assert errors.doubts[0].label == Span(40, 49, "city")
    names = [d.score for d in errors.doubts if d.kind == "spurious" and d.label.type == "name"]
    assert max(names, default=0) < errors.doubts[0].score / 5


def test_what_stands_instead_is_shown():
    labels = [[Span(0, 4, "x")]] * 9 + [[Span(0, 6, "x")]]
    found = [[ScoredSpan(0, 4, "x", 0.9), ScoredSpan(0, 4, "x", 0.2)]] * 10
    (first, *_) = span_label_errors(labels, found).doubts
    assert (first.document, first.kind, first.label) == (9, "wrong bounds", Span(0, 6, "x"))
    assert first.instead == ScoredSpan(0, 4, "x", 0.9)
    assert first.is_suspect
    assert len(span_label_errors(labels, found, top=1).doubts) == 1


def test_few_labels_make_no_suspects():
    found = span_label_errors([[Span(0, 4, "x")], []], [[ScoredSpan(0, 4, "x", 0.9)]] * 2)
    assert found.doubts[0].kind == "missed"
    assert found.n_suspects == 0
    empty = span_label_errors([], [])
    assert (empty.n, empty.doubts, empty.share_ci95) == (0, (), (0.0, 1.0))


SPAN = st.builds(
    lambda a, n, t, p: ScoredSpan(a, a + n, t, p),
    st.integers(0, 9),
    st.integers(1, 5),
    st.sampled_from("ab"),
    st.floats(0, 1),
)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.lists(SPAN, max_size=4), st.lists(SPAN, max_size=4)), max_size=4))
def test_what_must_hold_of_any_labels(documents):
    labels = [[Span(s.start, s.end, s.type) for s in spans] for spans, _ in documents]
    found = span_label_errors(labels, [spans for _, spans in documents])
    scores = [d.score for d in found.doubts]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= s <= 1 for s in scores)
    for d in found.doubts:
        assert found.documents[d.document] >= d.score
        assert d.label is None or d.label in labels[d.document]
        assert (d.label is None) == (d.kind == "missed")
        assert (d.instead is None) == (d.kind == "spurious")
