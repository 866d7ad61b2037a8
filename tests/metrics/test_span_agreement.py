"""Agreement on spans: a published example, the coefficient written out, and what must hold of any reading."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homegrown.core.spans import Span
from homegrown.metrics.agreement import alpha
from homegrown.metrics.span_agreement import pairwise_f1, unitizing_alpha


def flat(rng, length=60, n=6, types="ab"):
    edges = np.sort(rng.choice(length + 1, 2 * n, replace=False)).reshape(-1, 2)
    return [Span(int(a), int(b), str(rng.choice(list(types)))) for a, b in edges]


def written_out(readings, length):
    """u-alpha as Krippendorff and others 2016 define it: coincidences of every piece with every other."""
    pieces = []
    for spans in readings:
        cut, last = [], 0
        for s in sorted(spans):
            cut += [(last, s.start, None)] * (s.start > last) + [(s.start, s.end, s.type)]
            last = s.end
        pieces.append(cut + [(last, length, None)] * (length > last))
    values = sorted({v for cut in pieces for _, _, v in cut}, key=str)
    seen = np.zeros((len(values), len(values)))
    for i, one in enumerate(pieces):
        for j, other in enumerate(pieces):
            for a, b, v in one:
                for c, d, w in other:
                    if i != j:
                        seen[values.index(v), values.index(w)] += max(0, min(b, d) - max(a, c)) / (len(pieces) - 1)
    own = {v: sum((b - a) ** 2 if v else b - a for cut in pieces for a, b, w in cut if w == v) for v in values}
    total, each = seen.sum(), seen.sum(1)
    chance = np.array([each[k] ** 2 - own[v] for k, v in enumerate(values)]) * total / (total**2 - sum(own.values()))
    return 1 - (total - np.trace(seen)) / (total - chance.sum())


def test_units_of_one_place_are_records():
    """Krippendorff 2011, section B: nominal data, two observers, alpha is 0.692; each record a unit of length one."""
    one, other = "aabbdcccedda", "babbbccceddd"
    said = [
        {"A": [Span(i, i + 1, v) for i, v in enumerate(one)], "B": [Span(i, i + 1, v) for i, v in enumerate(other)]}
    ]
    found = unitizing_alpha(said, [12])
    assert found.value == pytest.approx(0.692, abs=0.0005)
    counts = np.stack([[(v == c) + (w == c) for v, w in zip(one, other, strict=True)] for c in "abcde"], 1)
    assert found.value == pytest.approx(alpha(counts).value)
    assert found.n == 1


def test_the_coefficient_written_out():
    rng = np.random.default_rng(0)
    for m in (2, 3, 4):
        readings = [flat(rng) for _ in range(m)]
        found = unitizing_alpha([{f"p{i}": spans for i, spans in enumerate(readings)}], [60]).value
        assert found == pytest.approx(written_out(readings, 60))


def test_documents_stand_end_to_end():
    rng = np.random.default_rng(1)
    said = [{"ann": flat(rng), "bob": flat(rng)} for _ in range(4)]
    one = {
        who: [Span(s.start + 60 * d, s.end + 60 * d, s.type) for d, doc in enumerate(said) for s in doc[who]]
        for who in ("ann", "bob")
    }
    assert unitizing_alpha(said, [60] * 4).value == pytest.approx(unitizing_alpha([one], [240]).value)
    alone = unitizing_alpha([*said, {"ann": flat(rng)}], [60] * 5)
    assert alone.n == 4, "a document that one person read says nothing of agreement"
    assert alone.value == pytest.approx(unitizing_alpha(said, [60] * 4).value)


def test_chance_is_nought_and_the_interval_holds_the_population_value():
    rng = np.random.default_rng(2)
    guessed = unitizing_alpha([{"ann": flat(rng), "bob": flat(rng)} for _ in range(500)], [60] * 500)
    assert abs(guessed.value) < 0.04
    assert guessed.ci95[0] < 0 < guessed.ci95[1]

    def read(n):
        both = [flat(rng) for _ in range(n)]
        return [{"ann": s, "bob": [x for x in s if rng.random() < 0.8]} for s in both], [60] * n

    whole = unitizing_alpha(*read(1500)).value
    found = [unitizing_alpha(*read(40)).ci95 for _ in range(40)]
    assert sum(low <= whole <= high for low, high in found) >= 33


def test_a_type_is_asked_for_by_itself():
    said = [{"ann": [Span(0, 5, "a"), Span(10, 20, "b")], "bob": [Span(0, 5, "a"), Span(12, 22, "b")]}] * 3
    assert unitizing_alpha(said, [40] * 3, type="a").value == 1
    assert 0 < unitizing_alpha(said, [40] * 3, type="b").value < 0.9
    assert unitizing_alpha(said, [40] * 3, type="b").value < unitizing_alpha(said, [40] * 3).value < 1


@pytest.mark.parametrize("said", [[], [{"ann": [Span(0, 3, "a")]}], [{"ann": [], "bob": []}]])
def test_undefined_is_said_and_not_made_up(said):
    found = unitizing_alpha(said, [10] * len(said))
    assert np.isnan(found.value)
    assert found.ci95 == (-1.0, 1.0)


SPAN = st.builds(lambda a, n, t: Span(a, a + n, t), st.integers(0, 12), st.integers(1, 6), st.sampled_from("ab"))
READ = st.lists(st.lists(st.lists(SPAN, max_size=4), min_size=2, max_size=3), min_size=1, max_size=3)


@settings(deadline=None, max_examples=60)
@given(READ)
def test_what_must_hold_of_any_reading(documents):
    said = [{f"p{i}": spans for i, spans in enumerate(d)} for d in documents]
    turned = [dict(reversed(d.items())) for d in reversed(said)]
    lengths = [20] * len(said)
    found = unitizing_alpha(said, lengths).value
    assert unitizing_alpha(turned, lengths).value == pytest.approx(found, nan_ok=True)
    assert np.isnan(found) or found <= 1 + 1e-12
    same = unitizing_alpha([{"ann": d[0], "bob": d[0]} for d in documents], lengths).value
    assert np.isnan(same) or same == pytest.approx(1)


def test_each_two_people_on_what_both_read():
    said = [
        {"ann": [Span(0, 4, "x")], "bob": [Span(0, 4, "x"), Span(6, 9, "x")]},
        {"ann": [Span(1, 2, "x")], "cid": [Span(1, 3, "x")]},
        {"dan": []},
    ]
    found = {(p.first, p.second): p for p in pairwise_f1(said)}
    assert set(found) == {("ann", "bob"), ("ann", "cid")}
    assert found["ann", "bob"].scores.micro.f1 == pytest.approx(2 / 3)
    assert found["ann", "cid"].scores.micro.f1 == 0
    assert [p.scores.micro.f1 for p in pairwise_f1(said, scheme="partial")] == pytest.approx([2 / 3, 0.5])
    assert found["ann", "bob"].n_docs == 1
