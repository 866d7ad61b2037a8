"""Span annotations of other labelling software, both ways.

Each format says in what its offsets count; they come in as code points. What does not fit its text is set aside with
file, line and reason, and nothing else is left out.
"""

from __future__ import annotations

from homegrown.label.span_files.base import SpanAside, SpanExample, SpanExported, SpanFormat, SpanOpinion
from homegrown.label.span_files.doccano import DoccanoSpans
from homegrown.label.span_files.label_studio import LabelStudioSpans
from homegrown.label.span_files.offsets import Unit
from homegrown.label.span_files.prodigy import ProdigySpans

CONLL, BRAT = "conll", "brat"
# The more particular before the more general: a format is guessed by what only it has.
JSON_FORMATS: dict[str, SpanFormat] = {f.name: f for f in (LabelStudioSpans(), ProdigySpans(), DoccanoSpans())}
FORMATS = (*JSON_FORMATS, CONLL, BRAT)

__all__ = [
    "BRAT",
    "CONLL",
    "FORMATS",
    "JSON_FORMATS",
    "SpanAside",
    "SpanExample",
    "SpanExported",
    "SpanOpinion",
    "Unit",
]
