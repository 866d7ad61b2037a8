"""Documents and fields that people judge: what is right, what stays open, and that a field's sample has no bias."""

from itertools import product

import numpy as np
import pytest

from homegrown.evaluate.by_field import field_verdicts, of_field
from homegrown.evaluate.judged_documents import FieldPair, SaidOfCall, kept_said, marks, said_kept, whole
from homegrown.evaluate.shadowed import AGREED_SHARE, Pair, shadowed
from homegrown.evaluate.verdict import Answers, differences

OPEN, RIGHT, WRONG = None, True, False


@pytest.mark.parametrize("agrees", [True, False])
@pytest.mark.parametrize(("ours", "theirs"), list(product([True, False, None], repeat=2)))
def test_marks_give_the_difference_and_nothing_where_a_side_is_open(agrees, ours, theirs):
    said = marks(agrees=agrees, ours=ours, theirs=theirs)
    rows, values, n_open = differences(Answers([said.answer], [said.upstream], [said.gold], np.ones(1)))
    if agrees:
        assert values.tolist() == [0]
    elif None in (ours, theirs):
        assert (len(rows), n_open) == (0, 1)
    else:
        assert values.tolist() == [ours - theirs]
        assert said.right == (ours, theirs)


def test_a_document_is_wrong_by_one_field_and_right_by_all_of_them():
    assert whole({"a": FieldPair(True, RIGHT, RIGHT), "b": FieldPair(False, WRONG, RIGHT)}) == (False, True)
    assert whole({"a": FieldPair(True), "b": FieldPair(False, WRONG, RIGHT)}) == (False, None)
    assert whole({"a": FieldPair(True, WRONG, WRONG), "b": FieldPair(False)}) == (False, False)
    assert whole({"a": FieldPair(True, RIGHT, RIGHT)}, rest_differs=True) == (False, True)


def test_what_was_forgotten_in_what_is_kept_leaves_the_call_open():
    kept = kept_said(SaidOfCall({"who": {"spans": [[0, 3]]}, "day": None}))
    assert said_kept(kept) == SaidOfCall({"who": {"spans": [[0, 3]]}, "day": None})
    assert said_kept("[forgotten]") is None


def test_each_field_goes_on_until_the_first_call_of_which_it_is_open():
    def pair(i, who, day):
        fields = {"who": who, "day": day}
        both = all(f.agrees for f in fields.values())
        said = marks(agrees=both, ours=whole(fields)[0], theirs=whole(fields)[1])._asdict()
        return Pair(agrees=both, trace_id=str(i), created_at="", latency_s=None, upstream_s=None, cost_usd=None,
                    weight=None if i == 3 else 1.0, fields=fields, **said)  # fmt: skip

    same, won, unread = FieldPair(True), FieldPair(False, RIGHT, WRONG), FieldPair(False)
    found = shadowed(
        [pair(0, same, won), pair(1, won, unread), pair(2, same, same), pair(3, unread, same), pair(4, same, same)]
    )
    assert found.n_judged == 3
    told = {f["field"]: f for f in field_verdicts(found, margin=0.02, level=0.05)}
    assert (told["who"]["n"], told["day"]["n"]) == (3, 1)
    assert (told["who"]["difference"], told["day"]["difference"]) == (pytest.approx(1 / 3), 1)
    assert "4 calls wait behind" in told["day"]["not_told"][0]


def test_the_sample_of_a_field_has_no_bias():
    r, found = np.random.default_rng(5), []
    for _ in range(300):
        other = r.random(400) < 0.3  # another field differs: such calls are drawn, and harder in this field too
        own = r.random(400) < 0.05
        right = r.random(400) < np.where(other, 0.5, 0.95)
        pairs = []
        for i in range(400):
            agrees, drawn = not (other[i] or own[i]), other[i] or own[i] or r.random() < AGREED_SHARE
            one = FieldPair(not own[i], *((bool(right[i]), bool(right[i] and not own[i])) if drawn else ()))
            pairs.append(Pair(str(i), "", agrees, "", None, None, None, weight=(1.0 if not agrees else 20.0) if drawn else None,
                              fields={"who": one}))  # fmt: skip
        said = of_field(shadowed(pairs), "who").accuracies()
        found.append((said[0].value - right.mean(), said[0].ci95[0] <= right.mean() <= said[0].ci95[1]))
    error, covered = np.array([e for e, _ in found]), np.mean([c for _, c in found])
    assert abs(error.mean()) < 3 * error.std() / 300**0.5
    assert covered > 0.93
