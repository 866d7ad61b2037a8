"""Spans and labels say the same, decoding is legal, and probabilities are those of all sequences."""

import itertools
from collections import defaultdict

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from homegrown.core.spans import ScoredSpan, Span
from homegrown.inference.span_decoding import Tagging, choose
from homegrown.inference.words import words_of

TYPES = ("a", "b")
TAGGING = Tagging(TYPES)
K = TAGGING.n_tags


def is_legal(tags: list[int]) -> bool:
    starts = not tags or TAGGING.may_start[tags[0]]
    return bool(starts) and all(TAGGING.legal[one, other] for one, other in itertools.pairwise(tags))


def scores_of(seed: int, length: int, scale: float = 2.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(length, K)) * scale


def chain_of(seed: int):
    rng = np.random.default_rng(seed)
    return TAGGING.chain(rng.normal(size=(K, K)), rng.normal(size=K), rng.normal(size=K))


@st.composite
def texts_with_spans(draw: st.DrawFn) -> tuple[str, list[Span]]:
    text = draw(st.text(alphabet="ab 1.é\u0301中🙂", max_size=30))
    words = words_of(text)
    cuts = sorted(draw(st.sets(st.integers(0, len(words)), max_size=6)))
    spans = []
    for first, last in zip(cuts[::2], cuts[1::2], strict=False):
        spans.append(Span(int(words.starts[first]), int(words.ends[last - 1]), draw(st.sampled_from(TYPES))))
    return text, spans


@given(texts_with_spans())
def test_spans_of_whole_words_come_back_as_they_were(case: tuple[str, list[Span]]) -> None:
    text, spans = case
    words = words_of(text)
    tags, lost = TAGGING.tags(words, spans)
    assert not lost
    assert is_legal(tags.tolist())
    assert TAGGING.spans(words, tags) == spans


@given(st.lists(st.tuples(st.integers(0, 19), st.integers(1, 8), st.sampled_from([*TYPES, "c"])), max_size=6))
def test_whatever_is_marked_becomes_legal_labels_and_nothing_is_lost_unsaid(marks: list[tuple[int, int, str]]) -> None:
    text = "ab cd-e 🙂 f1 gh. ij k"
    spans = {Span(s, min(s + n, len(text)), t) for s, n, t in marks}
    words = words_of(text)
    tags, lost = TAGGING.tags(words, spans)
    assert is_legal(tags.tolist())
    kept = TAGGING.spans(words, tags)
    assert len(kept) + len(lost) == len(spans)
    for span in kept:
        assert any(s not in lost and s.type == span.type and span.overlaps(s) for s in spans)


def test_the_longest_of_overlapping_spans_is_kept() -> None:
    words = words_of("my new card")
    tags, lost = TAGGING.tags(words, [Span(7, 11, "b"), Span(3, 11, "a")])
    assert TAGGING.spans(words, tags) == [Span(3, 11, "a")]
    assert lost == [Span(7, 11, "b")]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.integers(0, 12), min_size=1, max_size=6))
def test_the_best_sequence_is_legal_whatever_the_scores(seed: int, lengths: list[int]) -> None:
    scores = [scores_of(seed + i, n, 50.0) for i, n in enumerate(lengths)]
    for one, tags in zip(scores, chain_of(seed).best(scores), strict=True):
        assert len(tags) == len(one)
        assert is_legal(tags.tolist())


def test_best_sequence_and_probabilities_are_those_of_counting_every_sequence() -> None:
    chain = chain_of(1)
    lengths = [5, 3, 0, 1]
    texts = ["a bb c d e", "a b c", "", "a"]
    words = [words_of(t) for t in texts]
    scores = [scores_of(i, n) for i, n in enumerate(lengths)]
    found = TAGGING.candidates(chain, scores, words, 0.01)
    best = chain.best(scores)
    for one, place, candidates, path in zip(scores, words, found, best, strict=True):
        total, weight, top = 0.0, defaultdict(float), (-np.inf, ())
        for tags in itertools.product(range(K), repeat=len(one)):
            if not tags or not is_legal(list(tags)):
                continue
            score = chain.start[tags[0]] + chain.end[tags[-1]] + sum(one[i, t] for i, t in enumerate(tags))
            score += sum(chain.transition[s, t] for s, t in itertools.pairwise(tags))
            top = max(top, (score, tags))
            total += np.exp(score)
            for span in TAGGING.spans(place, np.array(tags)):
                weight[span] += np.exp(score)
        assert tuple(path) == top[1]
        expected = {s: w / total for s, w in weight.items() if w / total >= 0.01}
        assert {Span(c.start, c.end, c.type) for c in candidates} == set(expected)
        for c in candidates:
            assert abs(c.prob - expected[Span(c.start, c.end, c.type)]) < 1e-9


def test_a_text_has_the_same_probabilities_whatever_it_is_read_with() -> None:
    chain, words = chain_of(2), words_of("a b c d")
    alone = TAGGING.candidates(chain, [scores_of(3, 4)], [words])[0]
    others = [words_of("a " * n) for n in (9, 2)]
    among = TAGGING.candidates(
        chain, [scores_of(4, 9), scores_of(3, 4), scores_of(5, 2)], [others[0], words, others[1]]
    )
    for one, other in zip(alone, among[1], strict=True):
        assert (one.start, one.end, one.type) == (other.start, other.end, other.type)
        assert abs(one.prob - other.prob) < 1e-12


def test_a_long_text_stays_in_range() -> None:
    words = words_of("a " * 20_000)
    found = TAGGING.candidates(chain_of(3), [scores_of(6, 20_000, 20.0)], [words], 0.5)[0]
    assert found
    assert all(0.5 <= s.prob <= 1 for s in found)


def test_chosen_spans_do_not_overlap_and_reach_the_line() -> None:
    rng = np.random.default_rng(0)
    spans = [ScoredSpan(s, s + n, "a", p) for s, n, p in zip(rng.integers(0, 50, 60), rng.integers(1, 9, 60), rng.random(60), strict=True)]  # fmt: skip
    kept = choose(spans, 0.4)
    assert all(s.prob >= 0.4 for s in kept)
    assert not any(one.overlaps(other) for one, other in itertools.combinations(kept, 2))
    assert max(spans, key=lambda s: s.prob) in kept


def test_no_span_is_as_probable_as_all_sequences_without_it() -> None:
    tagging = Tagging(("a", "b"))
    rng = np.random.default_rng(3)
    k = tagging.n_tags
    chain = tagging.chain(rng.normal(size=(k, k)), rng.normal(size=k), rng.normal(size=k))
    scores = [rng.normal(size=(n, k)) for n in (4, 1, 3, 0)]
    found = tagging.absence(chain, scores)
    for row, one in enumerate(scores):
        total = [0.0, 0.0, 0.0]
        for tags in itertools.product(range(k), repeat=len(one)):
            legal = all(tagging.legal[a, b] for a, b in itertools.pairwise(tags)) and (
                not tags or tagging.may_start[tags[0]]
            )
            if not legal:
                continue
            score = sum(one[i, t] for i, t in enumerate(tags)) + sum(
                chain.transition[a, b] for a, b in itertools.pairwise(tags)
            )
            weight = np.exp(score + (chain.start[tags[0]] + chain.end[tags[-1]] if tags else 0.0))
            total[0] += weight
            for kind in range(2):
                total[1 + kind] += weight if not {1 + 2 * kind, 2 + 2 * kind} & set(tags) else 0.0
        assert np.allclose(found[row], np.array(total[1:]) / total[0])
