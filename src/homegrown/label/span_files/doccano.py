"""doccano's JSONL for spans, in the forms of its versions: ``label`` or ``labels`` as triples, ``entities`` as objects.

doccano stores what its browser side counts: UTF-16 units (doccano issue 2290), or code points where the file came in by
its API. It keeps no words beside the offsets, so where a text has signs beyond the basic plane the unit is told by
where words begin and end. With its option to count grapheme clusters offsets cannot be read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from homegrown.label.formats.base import Misshapen, a_dict, a_list, a_name, our_id, the_text
from homegrown.label.span_files.base import Reading, SpanExample, SpanExported, a_mark, example
from homegrown.label.span_files.offsets import Unit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_OWN = {
    "id", "text", "data", "label", "labels", "entities", "relations", "meta", "metadata", "Comments", "comments",
    "annotations", "annotator", "record_id", "prob",
}  # fmt: skip


class DoccanoSpans:
    """``{"id": 1, "text": …, "label": [[3, 7, "card"]]}``."""

    name = "doccano"
    is_list = False
    units: tuple[Unit, ...] = (Unit.CODE_POINTS, Unit.UTF16)

    def fits(self, item: dict[str, Any]) -> bool:
        """A text with a list of spans beside it."""
        has_text = isinstance(item.get("text", item.get("data")), str)
        return has_text and any(_is_spans(item.get(k)) for k in ("label", "labels", "entities"))

    def read(self, item: dict[str, Any], units: Sequence[Unit]) -> SpanExample:
        """One line."""
        text = the_text(item.get("text", item.get("data")), "text")
        held = next((item[k] for k in ("entities", "label", "labels") if isinstance(item.get(k), list)), None)
        fields = {k: v for k, v in item.items() if k not in _OWN}
        fields |= a_dict(item.get("metadata")) | a_dict(item.get("meta"))
        asides: list[tuple[int, str]] = []
        marks = []
        for one in held or ():
            if isinstance(one, str):
                raise Misshapen("its labels are of the whole text, not of parts of it")
            mark = _mark(one)
            if mark is None:
                asides.append((0, "a span is no start, end and label"))
            else:
                marks.append(mark)
        asides += [(0, "a relation between spans is not read")] * len(a_list(item.get("relations")))
        readings = [] if held is None else [Reading(marks, a_name(item.get("annotator")))]
        return example(text, readings, units, fields=fields, record_id=our_id(item.get("record_id")), asides=asides)

    def write(self, record: SpanExported) -> Iterator[dict[str, Any]]:
        """A line per person; where none spoke a line with the joined label, without one where there is none."""
        base = {"text": record.text, "record_id": record.record_id}
        answers = record.answers
        if not answers:
            yield base
        for one in answers:
            who = {"annotator": one.author} if one.author else {}
            prob = {} if one.is_person or one.confidence is None else {"prob": one.confidence}
            yield {**base, "label": [[s.start, s.end, s.type] for s in one.spans or ()], **who, **prob}


def _is_spans(value: Any) -> bool:
    return isinstance(value, list) and (not value or isinstance(value[0], (list, dict)))


def _mark(one: Any) -> Any:
    if isinstance(one, list) and len(one) == 3:
        return a_mark(*one)
    said = a_dict(one)
    return a_mark(
        said.get("start_offset", said.get("start")), said.get("end_offset", said.get("end")), said.get("label")
    )
