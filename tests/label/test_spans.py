"""Votes on spans of simulated crowds with known truth: joined better than by majority, and calibrated."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homegrown.core.spans import ScoredSpan, Span
from homegrown.errors import InputError
from homegrown.label.spans.aggregate import METHODS, aggregate_spans
from homegrown.label.spans.tags import legal, spans_of, tags_of, tokens_of
from homegrown.label.spans.votes import SpanVote, heard, span_vote
from homegrown.metrics.spans import span_scores

TYPES = ("city", "name", "date")


def crowd(seed, *, n_docs=120, n_people=8, per_doc=3, skill=None):
    """Documents of thirty words of ten letters; people miss, cut, confuse and invent spans, each as often as their skill says."""
    rng = np.random.default_rng(seed)
    skill = rng.beta(2, 2, n_people) if skill is None else np.array(skill)
    truth, documents = [], []
    for _ in range(n_docs):
        starts = np.sort(rng.choice(10, rng.integers(0, 5), replace=False)) * 3
        spans = [Span(int(a) * 10, int(a + rng.integers(1, 3)) * 10, str(rng.choice(TYPES))) for a in starts]
        votes = [
            said(rng, spans, 0.05 + 0.6 * (1 - skill[p]), f"p{p}")
            for p in rng.choice(len(skill), per_doc, replace=False)
        ]
        truth.append(spans)
        documents.append(votes)
    return truth, documents, skill


def said(rng, spans, bad, who):
    marks = []
    for s in spans:
        luck = rng.random() / bad
        if luck > 1:
            marks.append(s)
        elif luck > 0.8:
            marks.append(Span(s.start, s.end, str(rng.choice(TYPES))))
        elif luck > 0.45:
            marks.append(
                Span(s.start, s.end + 10, s.type)
                if rng.random() < 0.5
                else Span(s.start, max(s.start + 5, s.end - 10), s.type)
            )
    if rng.random() < bad:
        a = int(rng.integers(0, 30)) * 10
        made_up = Span(a, a + 10, str(rng.choice(TYPES)))
        marks += [made_up] if not any(made_up.overlaps(m) for m in marks) else []
    return SpanVote(who, tuple(sorted(set(marks))))


def words(documents):
    return [[(i * 5, i * 5 + 5) for i in range(62)] for _ in documents]


def f1(truth, done):
    return span_scores(truth, done.spans, resamples=2).micro.f1


@pytest.mark.parametrize(
    ("method", "per_doc", "lead"), [("model", 3, 0.01), ("model", 5, 0.05), ("tokens", 3, 0.01), ("tokens", 5, 0.05)]
)
def test_a_crowd_is_joined_better_than_by_majority(method, per_doc, lead):
    leads = []
    for seed in range(6 if per_doc == 3 else 2):
        truth, documents, _ = crowd(seed, per_doc=per_doc)
        done = aggregate_spans(documents, method=method, tokens=words(documents))
        leads.append(f1(truth, done) - f1(truth, aggregate_spans(documents, method="majority")))
    assert np.mean(leads) > lead


@pytest.mark.parametrize("method", ["model", "tokens"])
def test_probabilities_mean_what_they_say(method):
    probs, right = [], []
    for seed in range(3):
        truth, documents, _ = crowd(10 + seed, per_doc=4)
        done = aggregate_spans(documents, method=method, tokens=words(documents))
        for spans, found in zip(truth, done.candidates, strict=True):
            probs += [s.prob for s in found]
            right += [Span(s.start, s.end, s.type) in spans for s in found]
    probs, right = np.array(probs), np.array(right)
    high, low = probs > 0.9, probs < 0.1
    assert high.sum() > 200 < low.sum()
    assert right[high].mean() > 0.93
    assert right[low].mean() < 0.12
    assert abs(probs.mean() - right.mean()) < 0.08


def test_who_is_good_is_found_out_without_the_truth():
    skill = [0.95, 0.9, 0.3, 0.1, 0.5]
    truth, documents, _ = crowd(20, n_docs=200, per_doc=4, skill=skill)
    done = aggregate_spans(documents)
    mean = {p: np.mean([q.recall for q in done.sources if q.source == p]) for p in ("p0", "p1", "p2", "p3", "p4")}
    assert min(mean["p0"], mean["p1"]) > mean["p4"] + 0.1
    assert mean["p4"] > mean["p3"]
    for q in done.sources:
        real = [
            (s in spans)
            for spans, votes in zip(truth, documents, strict=True)
            for v in votes
            if v.source == q.source
            for s in v.spans
            if s.type == q.type
        ]
        assert q.n_marked == len(real)
        assert q.precision == pytest.approx(np.mean(real), abs=0.12)
        assert not q.is_measured


def test_gold_settles_its_documents_and_measures_the_sources():
    truth, documents, _ = crowd(30, n_docs=60)
    gold = [spans if i < 20 else None for i, spans in enumerate(truth)]
    done = aggregate_spans(documents, gold=gold)
    for i in range(20):
        assert [Span(s.start, s.end, s.type) for s in done.spans[i]] == sorted(truth[i])
        assert all(s.prob == 1 for s in done.spans[i])
    assert all(d.document >= 20 for d in done.disagreements)
    for q in done.sources:
        if not q.is_measured:
            continue
        read = [
            (spans, v)
            for spans, votes in zip(truth[:20], documents[:20], strict=True)
            for v in votes
            if v.source == q.source
        ]
        own = [s for spans, v in read for s in v.spans if s.type == q.type]
        true = [s for spans, _ in read for s in spans if s.type == q.type]
        hits = sum(s in spans for spans, v in read for s in v.spans if s.type == q.type)
        assert q.n_marked == len(own)
        assert q.n_true == pytest.approx(len(true))
        assert not true or q.recall == pytest.approx(hits / len(true))


def test_people_outrank_rules_where_they_looked():
    rule = SpanVote("rule", (Span(0, 4, "city"), Span(6, 9, "name")), frozenset())
    ann = SpanVote("ann", (Span(0, 5, "city"),), frozenset({"city"}), is_person=True)
    done = aggregate_spans([[rule, SpanVote("other rule", (Span(0, 4, "city"),), frozenset()), ann]] * 5)
    assert [(s.start, s.end, s.type) for s in done.spans[0]] == [(0, 5, "city"), (6, 9, "name")]
    assert done.spans[0][0].prob == 1 > done.spans[0][1].prob > 0.5
    quality = {(q.source, q.type): q for q in done.sources}
    assert quality["rule", "city"].precision == 0
    assert quality["rule", "city"].is_measured, "what people settled shows how good a rule is"
    assert not quality["rule", "name"].is_measured


def test_people_who_disagree_are_joined_without_the_rules():
    bob = SpanVote("bob", (), None, is_person=True)
    ann = SpanVote("ann", (Span(0, 5, "city"),), None, is_person=True)
    rule = SpanVote("rule", (Span(0, 5, "city"), Span(7, 9, "date")), frozenset())
    found = heard([ann, bob, rule], None, ("city", "date"))
    assert found.settled == {"date": frozenset()}
    assert [v.spans for v in found.votes] == [ann.spans, (), (Span(7, 9, "date"),)]
    done = aggregate_spans([[ann, bob]])
    (dispute,) = done.disagreements
    assert dict(dispute.said) == {"ann": ann.spans, "bob": ()}
    assert 0.2 < dispute.doubt <= 0.5


def test_silence_of_a_rule_says_nothing():
    span = Span(0, 4, "city")
    quiet = [[SpanVote("a", (span,), frozenset()), SpanVote("b", (), frozenset())] for _ in range(30)]
    looked = [[SpanVote("a", (span,)), SpanVote("b", ()), SpanVote("c", ())] for _ in range(30)]
    assert all(spans and spans[0].prob > 0.5 for spans in aggregate_spans(quiet).spans)
    assert all(not spans for spans in aggregate_spans(looked).spans)


def test_a_place_may_hold_what_one_source_marked_there_in_all():
    one, two, across = Span(0, 5, "name"), Span(6, 9, "name"), Span(3, 8, "name")
    said = [SpanVote(p, (one, two)) for p in ("a", "b", "c")] + [SpanVote("d", (across,))]
    assert [(s.start, s.end) for s in aggregate_spans([said] * 3).spans[0]] == [(0, 5), (6, 9)]


def test_types_may_share_code_points_where_that_is_allowed():
    said = [SpanVote(p, (Span(0, 9, "name"), Span(3, 6, "city"))) for p in "abc"]
    assert len(aggregate_spans([said] * 3, may_overlap=True).spans[0]) == 2
    assert len(aggregate_spans([said] * 3).spans[0]) == 1


def test_tokens_put_together_what_different_sources_marked():
    begins, ends = Span(0, 10, "name"), Span(5, 15, "name")
    said = [
        [
            SpanVote("a", (Span(0, 15, "name"),)),
            SpanVote("b", (begins,)),
            SpanVote("c", (Span(0, 15, "name"),)),
            SpanVote("d", (ends,)),
        ]
    ] * 10
    done = aggregate_spans(said, method="tokens", tokens=words(said))
    assert [(s.start, s.end) for s in done.spans[0]] == [(0, 15)]
    with pytest.raises(InputError, match="needs the tokens"):
        aggregate_spans(said, method="tokens")
    with pytest.raises(InputError, match="no method"):
        aggregate_spans(said, method="vote")


@pytest.mark.parametrize("method", METHODS)
def test_nothing_to_join(method):
    assert aggregate_spans([], method=method, tokens=[]).spans == ()
    done = aggregate_spans([[], [SpanVote("a", ())]], method=method, tokens=[[(0, 3)], [(0, 3)]])
    assert done.spans == ((), ())
    assert done.disagreements == ()


SPAN = st.builds(lambda a, n, t: Span(a, a + n, t), st.integers(0, 8), st.integers(1, 5), st.sampled_from("xy"))
VOTE = st.builds(
    SpanVote,
    st.sampled_from(["a", "b", "c"]),
    st.lists(SPAN, max_size=4, unique=True).map(tuple),
    st.sampled_from([None, frozenset(), frozenset("x")]),
    st.booleans(),
)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.lists(VOTE, max_size=4, unique_by=lambda v: v.source), min_size=1, max_size=3),
    st.booleans(),
    st.sampled_from(METHODS),
)
def test_what_must_hold_of_any_votes(documents, may_overlap, method):
    tokens = [[(i, i + 1) for i in range(14)] for _ in documents]
    done = aggregate_spans(documents, may_overlap=may_overlap, method=method, tokens=tokens)
    for votes, spans, candidates in zip(documents, done.spans, done.candidates, strict=True):
        marked = {s for v in votes for s in v.spans}
        assert all(0 <= s.prob <= 1 + 1e-9 for s in (*spans, *candidates))
        assert list(spans) == sorted(spans)
        people = [v for v in votes if v.is_person and v.looked_for is None]
        if len(people) == 1 and len(people) == sum(v.is_person for v in votes) and method != "tokens":
            own = people[0].spans
            assert {Span(s.start, s.end, s.type) for s in spans} == set(own)
        if method != "tokens":
            assert {Span(s.start, s.end, s.type) for s in candidates} <= marked
        if not may_overlap and not any(v.is_person for v in votes):
            assert not any(a.overlaps(b) for a, b in pairwise(spans))


def test_a_heap_of_spans_that_overlap_without_end_is_joined():
    heap = tuple(Span(i, 400 - i, "name") for i in range(150))
    done = aggregate_spans([[SpanVote("a", heap), SpanVote("b", heap[:10]), SpanVote("c", heap[:1])]])
    assert not any(a.overlaps(b) for a, b in pairwise(done.spans[0]))
    assert len(done.candidates[0]) >= 10


def test_a_span_that_a_model_scored_is_the_same_span():
    scored, plain = ScoredSpan(0, 4, "name", 0.6), Span(0, 4, "name")
    (found,) = aggregate_spans([[SpanVote("m", (scored,)), SpanVote("a", (plain,)), SpanVote("b", (plain,))]]).spans
    assert [(s.start, s.end) for s in found] == [(0, 4)]
    assert span_scores([[plain]], [[scored]]).micro.f1 == 1


def test_a_vote_of_fields_is_a_vote_on_spans():
    value = {"fields": {"f_a": {"spans": [[3, 7], [0, 2]]}, "f_b": None, "f_c": {"value": True}}}
    assert span_vote("ann", value, ["f_a", "f_b", "f_z"], is_person=True) == SpanVote(
        "ann", (Span(0, 2, "f_a"), Span(3, 7, "f_a")), frozenset({"f_a", "f_b"}), True
    )
    assert span_vote("rule", value, ["f_a"], is_rule=True).looked_for == frozenset()


def test_tags_there_and_back():
    text = "Ann Lee met Bo-Yi in 東京 today"
    spans = [Span(0, 7, "name"), Span(12, 17, "name"), Span(21, 22, "city"), Span(22, 23, "city")]
    tokens = tokens_of(text, spans)
    numbers = {"city": 0, "name": 1}
    tags = tags_of(spans, tokens, numbers)
    assert [s for s, _, _ in spans_of(tags.tolist(), tokens, ["city", "name"])] == spans
    follows, first = legal(2)
    assert first[tags[0]]
    assert all(follows[a, b] for a, b in pairwise(tags))
    assert not follows[0, 2]
    assert not follows[1, 4]
