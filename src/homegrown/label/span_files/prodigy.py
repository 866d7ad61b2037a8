"""Prodigy's JSONL with ``spans``, and what spaCy's examples write like it. Offsets are Python's: code points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from homegrown.label.formats.base import Misshapen, a_dict, a_list, a_name, our_id, the_text
from homegrown.label.span_files.base import Reading, SpanExample, SpanExported, a_mark, example
from homegrown.label.span_files.offsets import Mark, Unit
from homegrown.label.spans.tags import tokens_of, touched

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from homegrown.core.spans import Span

_OWN = {
    "text", "spans", "entities", "tokens", "answer", "accept", "options", "meta", "score", "priority", "html",
    "relations",
}  # fmt: skip


class ProdigySpans:
    """``{"text": …, "spans": [{"start": 3, "end": 7, "label": "card"}], "answer": "accept"}``."""

    name = "prodigy"
    is_list = False
    units: tuple[Unit, ...] = (Unit.CODE_POINTS,)

    def fits(self, item: dict[str, Any]) -> bool:
        """A text with spans of named ends, or with spaCy's entities as triples."""
        if not isinstance(item.get("text"), str):
            return False
        spans, entities = item.get("spans"), item.get("entities")
        return isinstance(spans, list) or (isinstance(entities, list) and all(isinstance(e, list) for e in entities))

    def read(self, item: dict[str, Any], units: Sequence[Unit]) -> SpanExample:
        """One line; without an answer the spans count as what a person marked."""
        text = the_text(item.get("text"), "text")
        answer = item.get("answer", "accept")
        if answer == "reject":
            raise Misshapen("it says only that these spans are not right, and not which are")
        held = item.get("spans", item.get("entities"))
        asides: list[tuple[int, str]] = []
        marks = [m for one in a_list(held) if (m := _mark(one, a_list(item.get("tokens")), asides)) is not None]
        asides += [(0, "a relation between spans is not read")] * len(a_list(item.get("relations")))
        author = a_name(item.get("_annotator_id")) or a_name(item.get("_session_id"))
        meta = dict(a_dict(item.get("meta")))
        record_id = our_id(meta.pop("record_id", None))
        fields = {**{k: v for k, v in item.items() if k not in _OWN and not k.startswith("_")}, **meta}
        readings = [] if held is None else [Reading(None if answer == "ignore" else marks, author)]
        return example(text, readings, units, fields=fields, record_id=record_id, asides=asides)

    def write(self, record: SpanExported) -> Iterator[dict[str, Any]]:
        """A line per person, with the tokens that Prodigy asks for; where none spoke a line with the joined label."""
        answers = record.answers
        if not answers:
            yield {"text": record.text, "meta": {"record_id": record.record_id}}
        for one in answers:
            spans = one.spans or ()
            tokens = tokens_of(record.text, spans)
            prob = {} if one.is_person else {"prob": one.confidence}
            yield {
                "text": record.text,
                "tokens": [_token(record.text, i, token, tokens) for i, token in enumerate(tokens)],
                "spans": [_span(s, tokens) for s in spans],
                "meta": {"record_id": record.record_id, **prob},
                "answer": "accept",
                "_view_id": "ner_manual",
                **({"_annotator_id": one.author} if one.author else {}),
            }


def _mark(one: Any, tokens: list[Any], asides: list[tuple[int, str]]) -> Mark | None:
    if isinstance(one, list) and len(one) == 3:
        found = a_mark(*one)
    else:
        said = a_dict(one)
        found = a_mark(said.get("start"), said.get("end"), said.get("label"), said.get("text"))
        if found is not None and not _agrees(said, found, tokens):
            asides.append((0, "the tokens of a span are not at its offsets"))
            return None
    if found is None:
        asides.append((0, "a span is no start, end and label"))
    return found


def _agrees(said: dict[str, Any], mark: Mark, tokens: list[Any]) -> bool:
    """Whether the tokens that a span names, the last one included, stand at its offsets."""
    first, last = said.get("token_start"), said.get("token_end")
    if not tokens or not isinstance(first, int) or not isinstance(last, int):
        return True
    if not 0 <= first <= last < len(tokens):
        return False
    return a_dict(tokens[first]).get("start") == mark.start and a_dict(tokens[last]).get("end") == mark.end


def _token(text: str, number: int, token: tuple[int, int], tokens: list[tuple[int, int]]) -> dict[str, Any]:
    start, end = token
    touches = number + 1 < len(tokens) and tokens[number + 1][0] == end
    return {"text": text[start:end], "start": start, "end": end, "id": number, "ws": not touches and end < len(text)}


def _span(span: Span, tokens: list[tuple[int, int]]) -> dict[str, Any]:
    first, after = touched(span, tokens)
    fits = after > first and (tokens[first][0], tokens[after - 1][1]) == (span.start, span.end)
    ends = {"token_start": first, "token_end": after - 1} if fits else {}  # not where it begins or ends with spaces
    return {"start": span.start, "end": span.end, "label": span.type, **ends}
