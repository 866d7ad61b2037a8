"""Token probabilities become class probabilities: shared beginnings, what was not told, what leads nowhere."""

import math

import pytest

from homegrown.monitor.told import answer_prob, class_probs


def token(text, prob, **others):
    """A token with what else might have stood there."""
    top = [{"token": t, "logprob": math.log(p)} for t, p in {text: prob, **others}.items()]
    return {"token": text, "logprob": math.log(prob), "top_logprobs": top}


def rounded(found):
    return None if found is None else {c: round(p, 3) for c, p in found.items()}


def test_classes_that_begin_alike_are_told_apart_where_they_part():
    classes = ["card_arrival", "card_lost", "refund"]
    told = [token("card", 0.8, refund=0.2), token("_arrival", 0.75, _lost=0.25)]
    assert rounded(class_probs(told, "card_arrival", classes)) == {
        "card_arrival": 0.6, "card_lost": 0.2, "refund": 0.2,
    }  # fmt: skip
    # Where the answer went another way, nobody knows which of them it would have become.
    other = [token("refund", 0.6, card=0.4)]
    assert rounded(class_probs(other, "refund", classes)) == {"card_arrival": 0.2, "card_lost": 0.2, "refund": 0.6}


def test_a_class_whose_name_begins_anothers_ends_with_the_answer():
    told = [token("card", 0.7, login=0.3)]
    assert rounded(class_probs(told, "card", ["card", "card lost", "login"])) == {"card": 0.7, "login": 0.3}
    longer = [token("card", 0.9, login=0.1), token(" lost", 0.5, **{".": 0.5})]
    assert rounded(class_probs(longer, "card lost", ["card", "card lost", "login"])) == {
        "card": 0.45, "card lost": 0.45, "login": 0.1,
    }  # fmt: skip


def test_a_token_that_all_names_share_decides_nothing():
    told = [token("trans", 0.9, login=0.1), {"token": "fer_", "logprob": 0.0}, token("in", 0.5, out=0.5)]
    found = class_probs(told, "transfer_in", ["transfer_in", "transfer_out", "login"])
    assert rounded(found) == {"transfer_in": 0.45, "transfer_out": 0.45, "login": 0.1}


def test_the_rest_goes_to_classes_that_were_not_told_and_what_leads_nowhere_is_left_out():
    told = [token("a", 0.6, b=0.2)]
    assert rounded(class_probs(told, "a", ["a", "b", "c", "d"])) == {"a": 0.6, "b": 0.2, "c": 0.1, "d": 0.1}
    hedged = [token("a", 0.6, b=0.2, Sorry=0.2)]
    assert rounded(class_probs(hedged, "a", ["a", "b"])) == {"a": 0.75, "b": 0.25}
    assert class_probs([token("a", 0.3, b=0.1, Sorry=0.6)], "a", ["a", "b"]) is None


def test_case_and_white_space_before_the_name_do_not_count():
    told = [token(" Refund", 0.5, refund=0.25, **{" login": 0.25})]
    assert rounded(class_probs(told, "refund", ["refund", "login"])) == {"refund": 0.75, "login": 0.25}


@pytest.mark.parametrize("cut", [('{"topic": "', "re", 'fund"}'), ('{"topic":', ' "re', "fund", '"}')])
def test_a_document_is_read_where_the_name_stands(cut):
    lead, first, *rest = cut
    other = first.replace("re", "login")
    told = [token(lead, 0.9, No=0.1), token(first, 0.8, **{other: 0.2}), *(token(t, 1.0) for t in rest)]
    assert rounded(class_probs(told, "refund", ["refund", "login"])) == {"refund": 0.8, "login": 0.2}


def test_what_cannot_be_read_is_none():
    classes = ["refund", "login"]
    bare = {"token": "refund", "logprob": -0.1}
    for tokens in ([], [bare], [{"token": "refund"}], [{"token": None, "logprob": 0}], [token("hello", 1.0, a=0.1)]):
        assert class_probs(tokens, "refund", classes) is None
    twice = [token("refund", 0.9, login=0.1), token(" refund", 1.0)]
    assert class_probs(twice, "refund", classes) is None
    assert answer_prob([bare, {"token": "!", "logprob": -0.2}]) == pytest.approx(math.exp(-0.3))
    assert answer_prob([{"token": "x"}]) is None
    assert answer_prob([]) is None
