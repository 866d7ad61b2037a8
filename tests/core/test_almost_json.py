"""JSON as language models write it: what was surely meant is read, all else is refused with a sentence."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homegrown.core.almost_json import CUT, almost_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.floats(-1e6, 1e6) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text(max_size=6), VALUES, max_size=5)


@settings(deadline=None, max_examples=30)
@given(OBJECTS, st.sampled_from(["", "Sure!\n", "```json\n"]))
def test_what_is_json_is_read_whatever_stands_round_it(document, before):
    end = "\n```" if before.startswith("`") else "\nBye." if before else ""
    found = almost_json(before + json.dumps(document, indent=1) + end)
    assert found.value == document
    assert bool(found.repairs) == bool(before)


@settings(deadline=None, max_examples=50)
@given(OBJECTS, st.data())
def test_what_was_cut_off_loses_its_end_and_invents_nothing(document, data):
    text = json.dumps(document)
    cut = text[: data.draw(st.integers(1, len(text)))]
    found = almost_json(cut)
    assert found.is_cut == (cut != text)
    for name, value in list(found.value.items())[:-1]:
        assert document[name] == value
    for name, value in list(found.value.items())[-1:]:
        assert isinstance(value, (list, dict)) or document[name] == value


@pytest.mark.parametrize(
    ("text", "value", "repairs"),
    [
        ("{'a': 'it\\'s', \"b\": True, c: None}", {"a": "it's", "b": True, "c": None}, "names"),
        ('{"a": [1, 2,], }', {"a": [1, 2]}, "commas"),
        ('{"a": 1 "b": 2}', {"a": 1, "b": 2}, "commas"),
        ('{"a": "http://x", // said\n "b": 2 /* yes */}', {"a": "http://x", "b": 2}, "comments"),
        ("{“a”: “b”}", {"a": "b"}, "quotes"),
        ('```\n{"a": "x\\ud83d\\ude00"', {"a": "x😀"}, CUT),
        ('Two: {"a": 1} or so', {"a": 1}, "words round it"),
    ],
)
def test_what_is_repaired_is_said(text, value, repairs):
    found = almost_json(text)
    assert found.value == value
    assert any(r.startswith(repairs) for r in found.repairs)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("I cannot help with that.", "holds no JSON object"),
        ('{"a": maybe}', "'maybe' is no value"),
        ('{"a": 1]', "closes what it did not open"),
        ('{"a" 1}', "a colon was expected"),
        ("{'a': 1, 'a': 2}", "says 'a' twice, differently"),
        ('{"a": 1, "a": 2}', "says 'a' twice, differently"),
        ('{"b": {"a": NaN, "a": NaN}}', "says 'a' twice, differently"),
        ('{"a": ' + "[" * 900 + "]" * 900 + "}", "nested too deep"),
        ("[" * 500, "nested too deep"),
        ("{" * 200_000, "a name was expected"),
    ],
)
def test_what_cannot_be_told_is_refused_with_a_sentence(text, why):
    with pytest.raises(ValueError, match=why):
        almost_json(text)


@pytest.mark.parametrize("text", [r'{"a": ["x\ud83d"]}', r"{'a': ['x\ud83d']}"])
def test_half_of_a_surrogate_pair_is_replaced_so_that_the_rest_can_be_kept(text):
    assert almost_json(text).value["a"][0][1] in "?\ufffd"


def test_a_number_without_end_spoils_nothing_else():
    assert almost_json('{"a": ' + "9" * 5000 + ', "b": 1}').value == {"a": "9" * 5000, "b": 1}
    assert almost_json('{"a": 1, "a": 1}').value == {"a": 1}


def test_a_comment_before_the_first_name_is_no_comma_too_few():
    assert almost_json('{ /* said */ "a": [ /* none */ 1]}').repairs == ("comments",)
