"""What stays the same in texts: beginnings, ends, marks in the middle, and nothing that people share by chance."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homegrown.core.traffic import Frame
from homegrown.monitor.frames import frames_of, trimmed
from tests.monitor.calls import ABOUT, message, rng


def _texts(n, seed=0):
    r = rng(seed)
    return [message(r, list(ABOUT)[i % 3]) for i in range(n)]


def test_a_beginning_and_an_end_are_found():
    asked = [f"Classify the message.\nMessage: {t}\nTopic:" for t in _texts(60)]
    assert frames_of(asked)[0].constants == ("Classify the message.\nMessage: ", "\nTopic:")


def test_two_prompts_with_one_preamble_stay_apart():
    preamble = "You work for ACME. Be brief, be exact, and never invent anything at all.\n"
    a = [f"{preamble}Tell the topic of: {t}" for t in _texts(40, 1)]
    b = [f"{preamble}Tell the mood of this message: {t}" for t in _texts(40, 2)]
    found = [f for f in frames_of(a + b) if f.n_slots]
    of = [{next(i for i, f in enumerate(found) if f.values(t) is not None) for t in some} for some in (a, b)]
    assert of[0].isdisjoint(of[1])


def test_messages_alone_have_no_frame():
    found = frames_of(_texts(400), is_told=True)
    assert [f.constants for f in found if f.n_constant > 12] == []


def test_one_that_differs_spoils_nothing():
    asked = [f"Text: {t}" for t in _texts(60)] + ["something else entirely"]
    assert ("Text: ", "") in [f.constants for f in frames_of(asked)]


def test_several_slots_are_told_apart_by_the_heads_of_lines():
    subjects, bodies = _texts(60, 3), _texts(60, 4)
    asked = [f"Subject: {a}\nBody: {b}\nQueue:" for a, b in zip(subjects, bodies, strict=True)]
    frame = frames_of(asked)[0]
    assert [v.strip() for v in frame.values(asked[7])] == [subjects[7], bodies[7]]


def test_a_handful_shares_no_words_by_chance():
    assert trimmed("Text: how do ", 6) == "Text: "


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=30), min_size=1, max_size=40))
def test_every_text_fits_some_frame_and_can_be_put_together_again(texts):
    frames = frames_of(texts)
    for text in texts:
        frame = next(f for f in frames if f.values(text) is not None)
        pieces = [frame.constants[0]]
        for value, constant in zip(frame.values(text), frame.constants[1:], strict=True):
            pieces += [value, constant]
        assert "".join(pieces) == text


@pytest.mark.parametrize("text", ["ab", "a", ""])
def test_pieces_may_not_overlap(text):
    assert Frame(("ab", "b")).values(text) is None
