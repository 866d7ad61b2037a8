"""Files of span annotations that are broken, hostile or too large: what cannot be used is named, the rest goes in."""

import pytest

from homegrown.errors import InputError, UnreadableFileError
from homegrown.label.span_files import FORMATS
from homegrown.label.span_files import base as base_module
from homegrown.label.span_files.files import read_all
from tests.label.test_span_files import lines, put, reasons

TEXT = {"text": "Ann flew to Oslo"}
BAD = [
    ("doccano", {**TEXT, "label": [[0, 99, "x"]]}, "a span lies outside of the text"),
    ("doccano", {**TEXT, "label": [[-3, 2, "x"]]}, "a span lies outside of the text"),
    ("doccano", {**TEXT, "label": [[3, 3, "x"]]}, "a span is empty or ends before it begins"),
    ("doccano", {**TEXT, "label": [[5, 3, "x"]]}, "a span is empty or ends before it begins"),
    ("doccano", {**TEXT, "label": [[10**30, 10**31, "x"]]}, "a span lies outside of the text"),
    ("doccano", {**TEXT, "label": [[0.5, 2, "x"]]}, "a span is no start, end and label"),
    ("doccano", {**TEXT, "label": [[True, 2, "x"]]}, "a span is no start, end and label"),
    ("doccano", {**TEXT, "label": [[0, 2, 7]]}, "a span is no start, end and label"),
    ("doccano", {**TEXT, "label": [[0, 2, "  "]]}, "a span is no start, end and label"),
    ("doccano", {**TEXT, "label": [[0, 2, "x" * 2000]]}, "a span is no start, end and label"),
    ("doccano", {**TEXT, "label": [{"a": 1}]}, "a span is no start, end and label"),
    ("doccano", {**TEXT, "label": ["city"]}, "its labels are of the whole text, not of parts of it"),
    ("doccano", {"label": [[0, 2, "x"]]}, "there is no text in 'text'"),
    ("doccano", {"text": " ", "label": []}, "the text in 'text' is empty"),
    ("prodigy", {**TEXT, "spans": [{"start": 0, "end": 3, "label": "x", "text": "Bob"}]}, "the words of a span are not those at its offsets"),
    ("prodigy", {**TEXT, "spans": [{"start": 0, "end": 3, "label": "x", "token_start": 1, "token_end": 1}], "tokens": [{"start": 0, "end": 3}, {"start": 4, "end": 8}]}, "the tokens of a span are not at its offsets"),
    ("prodigy", {**TEXT, "spans": [], "answer": "reject"}, "it says only that these spans are not right, and not which are"),
    ("label-studio", {"data": TEXT, "annotations": [{"result": [{"type": "labels", "value": {"start": 0, "end": 3}}]}]}, "a region has no label"),
    ("label-studio", {"data": TEXT, "annotations": [{"result": [{"type": "labels", "value": {"start": None, "end": 3, "labels": ["x"]}}]}]}, "a region has no whole numbers as offsets, or no name as label"),
    ("label-studio", {"data": {**TEXT, "title": "Oslo"}, "annotations": [{"result": [
        {"type": "labels", "to_name": "text", "value": {"start": 0, "end": 3, "labels": ["x"]}},
        {"type": "labels", "to_name": "title", "value": {"start": 0, "end": 3, "labels": ["x"]}}]}]}, "a region marks another text of the same task"),
    ("label-studio", {"data": {"n": 1}, "annotations": []}, "there is no text in 'data.text'"),
]  # fmt: skip


@pytest.mark.parametrize(("format", "item", "reason"), BAD)
def test_what_cannot_be_used_is_named_and_the_rest_goes_in(tmp_path, format, item, reason):
    done = read_all(put(tmp_path, lines(item)), format)
    assert reasons(done) == [("f.jsonl", 1, reason)]
    if done.examples:
        assert done.examples[0].text == TEXT["text"]
    assert "Oslo" not in done.aside[0].reason


def test_files_that_are_broken(tmp_path):
    done = read_all(
        put(
            tmp_path,
            lines({**TEXT, "label": [[0, 3, "x"]]}) + b"{\n[1]\n" + b'{"text": "\xff"}\n' + b"[" * 100_000 + b"\n",
        ),
        "doccano",
    )
    assert [a.line for a in done.aside] == [2, 3, 4, 5]
    assert len(done.examples) == 1
    bad = b"Ann\tB-x\n\nloner\n\nBo\tQ-x\n\n\xff\xfe\tO\n\nCy\tB-x\n"
    conll = read_all(put(tmp_path, bad, "t.conll"), "conll")
    assert [(a.line, a.reason) for a in conll.aside] == [
        (3, "line 3 has no tag beside its token"),
        (5, "a tag is no O, and no B-, I-, E-, S-, L- or U- with a type"),
        (7, "line 7 is not in UTF-8, or too long"),
    ]  # fmt: skip
    assert [e.text for e in conll.examples] == ["Ann", "Cy"]
    for content, error in ((b"", UnreadableFileError), (b"just a letter to a friend\n", InputError)):
        with pytest.raises(error):
            read_all(put(tmp_path, content, "x.txt"))
    with pytest.raises(UnreadableFileError, match="cannot be read"):
        read_all(tmp_path / "missing.jsonl", "doccano")
    with pytest.raises(InputError, match=", ".join(FORMATS)):
        read_all(put(tmp_path, b"{}"), "xml")


def test_a_text_of_very_many_spans_and_one_of_too_many(tmp_path, monkeypatch):
    n = 20_000
    text = "card " * n
    marks = [[5 * i, 5 * i + 4, "x"] for i in range(n)]
    done = read_all(put(tmp_path, lines({"text": text, "label": marks})))
    assert done.n_spans == n
    monkeypatch.setattr(base_module, "MAX_MARKS", 10)
    monkeypatch.setattr(base_module, "MAX_TEXT_CHARS", 100)
    done = read_all(put(tmp_path, lines({"text": "a" * 20, "label": marks[:11]}, {"text": "a" * 101, "label": []})))
    assert [a.reason for a in done.aside] == ["it has more than 10 spans", "the text has more than 100 characters"]
