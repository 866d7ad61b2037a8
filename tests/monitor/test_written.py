"""Answers taken apart into what stands round the values and the values, to the letter."""

import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homegrown.monitor.written import written

VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.lists(st.text(max_size=3), max_size=3)
DOCUMENTS = st.dictionaries(st.text(string.printable, min_size=1, max_size=6), VALUES, min_size=1, max_size=5)


@given(DOCUMENTS, st.sampled_from([None, 1, "\t"]), st.booleans(), st.booleans(), st.integers(0, 4))
def test_put_together_again_it_is_the_answer(document, indent, is_ascii, is_fenced, n_fields):
    text = json.dumps(document, indent=indent, ensure_ascii=is_ascii)
    text = f"```json\n{text}\n```\n" if is_fenced else f" {text}\n"
    fields = list(document)[: n_fields + 1]
    found = written(text, fields)
    assert found.order == tuple(fields)
    assert [json.loads(v) for v in found.values] == [document[f] for f in fields]
    ends = (*found.values, "")
    assert "".join(a + b for a, b in zip(found.form, ends, strict=True)) == text


def test_the_whole_answer_is_one_value():
    assert written(" **Card**. ", [""]) == (("", ""), ("",), (" **Card**. ",))


@pytest.mark.parametrize(
    "answer", ["card", '{"a": 1', '["a"]', '{"b": 1}', '{"a": 1, "a": 2}', "{}", "", '{"a": ' + 5000 * "9" + "}"]
)
def test_what_has_not_each_field_once_is_none(answer):
    assert written(answer, ["a"]) is None
