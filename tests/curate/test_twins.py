import re
from itertools import combinations, pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homegrown.curate.minhash import candidates
from homegrown.curate.shingles import Shingles
from homegrown.curate.splits import NAMES, REMOVED, TEST, TRAIN, UNLABELLED, VALID, assign
from homegrown.curate.twins import join, normalised, twin_groups


def test_normalisation():
    raw = [
        "  Où EST ma Carte?",
        "ou est ma carte",
        "ＡＢＣ",
        "abc!",
        "",
        "   ",
        "???",
        "我的卡",
        "我的 卡",
        "e\u0301",
        "é",
    ]
    found = normalised(pa.array(raw)).to_pylist()
    assert found[0] == "où est ma carte" != found[1]
    assert found[2] == found[3] == "abc"
    assert found[4] == ""
    assert found[6] == "???"
    assert found[7] == found[8]
    assert found[9] == found[10]


@given(st.lists(st.one_of(st.none(), st.text("aZ09 .?\t\x00_", max_size=8), st.text(max_size=4)), max_size=8))
@settings(max_examples=50, deadline=None)
def test_plain_ascii_is_read_like_any_other_text(raw):
    for kind in (pa.string(), pa.large_string()):
        found = normalised(pa.array(["cut off", *raw], kind).slice(1)).to_pylist()
        for text, plain in zip(raw, found, strict=True):
            if text is None or text.isascii():
                assert plain == (text and (" ".join(re.findall("[a-z0-9]+", text.lower())) or text))
            else:  # each by the long way, so that its neighbours do not matter
                assert plain == normalised(pa.array([text], kind))[0].as_py()


def sayings(n: int) -> list[str]:
    """Questions made of common halves, some of them changed by a word or two: many are half alike, some nearly."""
    rng = np.random.default_rng(7)
    halves = [" ".join(f"w{k}" for k in rng.zipf(1.4, int(rng.integers(2, 12))) % 400) for _ in range(n // 6)]
    texts = [f"{halves[a]} {halves[b]}" for a, b in rng.integers(len(halves), size=(n, 2)).tolist()]
    for row in range(0, n, 3):
        words = texts[int(rng.integers(n))].split()
        for _ in range(int(rng.integers(1, 3))):
            words[int(rng.integers(len(words)))] = f"x{int(rng.integers(50))}"
        texts[row] = " ".join(words)
    return texts


@pytest.mark.parametrize("similarity", [0.9, 0.8, 0.65, 0.5])
def test_groups_are_those_of_all_pairs_compared(similarity):
    texts = sayings(700)
    sets = [{*t.split(), *pairwise(t.split())} for t in texts]
    near = [
        (a, b)
        for a, b in combinations(range(len(texts)), 2)
        if len(sets[a] & sets[b]) >= (similarity - 1e-9) * len(sets[a] | sets[b])
    ]
    wanted = join(np.arange(len(texts)), *np.array(near).T)
    found = twin_groups(pa.array(texts), similarity)
    assert len(near) > 10
    assert len(set(zip(wanted.tolist(), found.tolist(), strict=True))) == len(set(wanted.tolist()))
    assert len(set(found.tolist())) == len(set(wanted.tolist()))


def test_texts_that_are_all_alike_make_no_quadratic_work():
    common = " ".join(f"w{k}" for k in range(40))
    texts = pa.array([f"{common} x{k}" for k in range(3000)])
    first, second = candidates(Shingles(texts), 0.8)
    assert len(first) <= 16 * 5 * 3000
    assert (first < second).all()
    assert set(twin_groups(texts).tolist()) == {0}


def test_long_short_and_empty_texts_side_by_side():
    long = " ".join(f"w{k}" for k in range(50_000))
    texts = [long, "", "a", f"{long} more", "a b", "a a a a b", "a a b", ""]
    assert twin_groups(pa.array(texts)).tolist() == [0, 1, 2, 0, 4, 5, 5, 1]
    assert len(twin_groups(pa.array([], pa.string()))) == 0


@given(st.lists(st.lists(st.sampled_from("abcd"), min_size=1, max_size=9), min_size=1, max_size=6))
@settings(max_examples=50, deadline=None)
def test_shingles_are_the_words_and_pairs_of_each_text(texts):
    shingles = Shingles(pa.array([" ".join(words) for words in texts]))
    values, starts = shingles.of(slice(0, len(texts)))
    names: dict[int, object] = {}
    for row, words in enumerate(texts):
        said = [*words, *pairwise(words)]
        mine = values[starts[row] : starts[row + 1]].tolist()
        assert [names.setdefault(value, name) for value, name in zip(mine, said, strict=True)] == said
    assert len(set(names.values())) == len(names)
    backwards = np.arange(len(texts))[::-1]
    again, begins = shingles.of(backwards)
    for place, row in enumerate(backwards.tolist()):
        assert again[begins[place] : begins[place + 1]].tolist() == values[starts[row] : starts[row + 1]].tolist()


def test_near_texts_are_found_and_others_left_alone():
    rng = np.random.default_rng(0)
    texts = [" ".join(f"w{k}" for k in rng.integers(0, 3000, 12)) for _ in range(2000)]
    twins = [t + " indeed" for t in texts[:500]]
    groups = twin_groups(pa.array(texts + twins))
    found = (groups[:500] == groups[2000:]).mean()
    assert found == 1.0
    assert len(set(groups.tolist())) == 2000


def test_exactness_of_the_check():
    a = "one two three four five six seven eight nine ten"
    groups = twin_groups(pa.array([a, a.replace("ten", "zehn"), a.replace("five", "fünf")]), 0.8)
    # 19 shingles; the last word changed leaves 17 of 21 (0.81), the middle one 16 of 22 (0.73)
    assert groups[0] == groups[1]
    assert groups[0] != groups[2]


@given(st.integers(1, 30), st.lists(st.tuples(st.integers(0, 29), st.integers(0, 29)), max_size=40))
@settings(max_examples=100, deadline=None)
def test_join_makes_connected_components(n, pairs):
    pairs = [(a % n, b % n) for a, b in pairs]
    first, second = np.array([p[0] for p in pairs], int), np.array([p[1] for p in pairs], int)
    found = join(np.arange(n), first, second)
    parent = list(range(n))

    def root(x):
        while parent[x] != x:
            x = parent[x]
        return x

    for a, b in pairs:
        parent[max(root(a), root(b))] = min(root(a), root(b))
    assert found.tolist() == [root(i) for i in range(n)]


@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(-1, 3), st.booleans()), min_size=1, max_size=80),
    st.integers(0, 5),
    st.booleans(),
    st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_splits_keep_their_promises(rows, seed, fixed, balanced):
    unit, stratum, held = (np.array(c) for c in zip(*rows, strict=True))
    done = assign(unit, stratum, seed=seed, held_out=held if fixed else None, balanced=balanced)
    split = done.split
    assert ((split == UNLABELLED) <= (stratum < 0)).all()
    assert (split[(stratum >= 0)] != UNLABELLED).all()
    tested = set(unit[split == TEST].tolist())
    for kind in (TRAIN, VALID, UNLABELLED):
        assert not tested & set(unit[split == kind].tolist())
    assert not set(unit[split == VALID].tolist()) & set(unit[split == TRAIN].tolist())
    if fixed:
        assert ((split == TEST) == (held & (stratum >= 0))).all()
    else:
        assert done.n_twins_removed == 0
        if balanced:
            for c in set(stratum[stratum >= 0].tolist()):
                first = {u: s for u, s in zip(unit[::-1], stratum[::-1], strict=True) if s >= 0}
                if c in first.values():
                    assert (split[stratum >= 0] == TRAIN).any()
    assert done.n_twins_removed == int(((split == REMOVED) & (stratum >= 0)).sum())
    assert len(NAMES) == REMOVED
