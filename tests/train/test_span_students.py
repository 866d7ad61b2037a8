"""A student of a model that finds spans learns texts of which its teacher is sure, and stays only where it is better."""

import re

import pytest

from homegrown.core.progress import Silent
from homegrown.core.spans import Span
from homegrown.inference.encoder import Encoder
from homegrown.inference.span_models import load_span_model
from homegrown.train.span_data import SpanExamples
from homegrown.train.span_students import FEWEST_TEXTS, LINE, guessed, span_student
from homegrown.train.spans import fit_spans

NAMES = ["Ann", "Bob", "Cleo", "Dan", "Eve", "Fay", "Gus", "Hal", "Ida", "Jon"]
CRF = {"rung": "crf", "n_steps": 15}


def letters(begin, end):
    texts = [
        f"no {i}: a letter to {NAMES[i % 10]} of today" if i % 3 else f"no {i}: a bill of today"
        for i in range(begin, end)
    ]
    found = [re.search(r"to (\w+)", t) for t in texts]
    return SpanExamples(texts, [(Span(*m.span(1), "who"),) if m else () for m in found])


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    folder = tmp_path_factory.mktemp("students")
    how = {"seed": 0, "folder": folder, "encoder": Encoder.load(), "progress": Silent()}
    train, valid = letters(0, 60), letters(60, 120)
    fit_spans(train, valid, CRF, **how)
    return train, valid, how


def test_texts_of_which_the_teacher_is_sure_are_learnt_and_few_without_a_span(taught):
    _, _, how = taught
    model, texts = load_span_model(how["folder"] / "bundle", how["encoder"]), letters(200, 320).texts
    found = guessed(model, texts, 0.25)
    assert found.n_spans > 40
    assert sum(not s for s in found.spans) <= sum(bool(s) for s in found.spans) / 3
    for text, spans in zip(found.texts, found.spans, strict=True):
        assert not any(1 - LINE < s.prob < LINE for s in model.candidates([text])[0])
        assert all(s.of(text) in NAMES for s in spans)


def test_the_teacher_stays_where_nothing_is_won_and_where_texts_are_few(taught):
    train, valid, how = taught
    bundle = how["folder"] / "bundle"
    before = {p.name: p.read_bytes() for p in bundle.iterdir()}
    texts = letters(200, 200 + FEWEST_TEXTS).texts
    said = span_student(train, valid, texts, CRF, **how)
    assert said.startswith(f"a student on {FEWEST_TEXTS} texts without a label: not worth it: 0 won")
    assert {p.name: p.read_bytes() for p in bundle.iterdir()} == before
    assert [p.name for p in how["folder"].iterdir()] == ["bundle"]
    assert span_student(train, valid, texts[:-1], CRF, **how) == ""
    assert span_student(train, valid.take(range(20)), texts, CRF, **how) == ""
