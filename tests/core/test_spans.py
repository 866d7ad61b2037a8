"""Spans: where they may lie."""

import pytest

from homegrown.core.spans import Span, check_spans
from homegrown.errors import InputError


def test_offsets_count_code_points():
    text = "👍🏽 café"
    assert Span(3, 7, "place").of(text) == "café"
    assert check_spans(text, [Span(0, len(text), "all")]) == (Span(0, 7, "all"),)


@pytest.mark.parametrize("bad", [(-1, 2), (2, 2), (3, 2), (0, 8), (8, 9)])
def test_a_span_outside_the_text_is_refused_with_the_reason(bad):
    with pytest.raises(InputError, match="does not lie in the text, which has 7 characters"):
        check_spans("my card", [Span(*bad, "x")])


def test_overlaps_are_refused_only_where_they_are_forbidden():
    spans = [Span(0, 4, "a"), Span(3, 7, "b")]
    assert check_spans("my card", spans) == tuple(spans)
    with pytest.raises(InputError, match="0 to 4 and 3 to 7 overlap"):
        check_spans("my card", spans, may_overlap=False)
    assert check_spans("my card", [Span(0, 3, "a"), Span(3, 7, "b")], may_overlap=False)
