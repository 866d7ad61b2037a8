import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

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
