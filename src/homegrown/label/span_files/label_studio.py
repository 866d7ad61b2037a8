"""Label Studio's JSON: tasks whose ``annotations`` and ``predictions`` mark parts of a text; also its JSON_MIN.

Offsets count code points since version 1.4 (end of 2021, frontend pull request 308) and UTF-16 units before; a region
holds its words unless the text came from a URL, and they tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from homegrown.label.formats.base import OURS, a_dict, a_list, a_name, a_prob, our_id, text_key, the_text
from homegrown.label.span_files.base import Reading, SpanExample, SpanExported, a_mark, example
from homegrown.label.span_files.offsets import Mark, Unit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from homegrown.core.spans import Span

_MIN_MARKS = ("annotator", "lead_time", "annotation_id")
_Asides = list[tuple[int, str]]


class LabelStudioSpans:
    """``[{"data": {…}, "annotations": [{"result": [{"type": "labels", "value": {"start": 3, "end": 7, …}}]}]}]``."""

    name = "label-studio"
    is_list = True
    units: tuple[Unit, ...] = (Unit.CODE_POINTS, Unit.UTF16)

    def fits(self, item: dict[str, Any]) -> bool:
        """Tasks have data and annotations; JSON_MIN has who annotated, and for how long."""
        tasks = isinstance(item.get("data"), dict) and {"annotations", "predictions", "completions"} & item.keys()
        # doccano's lines as they are written here name the annotator too, and our record.
        return bool(tasks) or ("record_id" not in item and any(mark in item for mark in _MIN_MARKS))

    def read(self, item: dict[str, Any], units: Sequence[Unit]) -> SpanExample:
        """One task."""
        if "data" not in item:
            return self._read_min(item, units)
        data = a_dict(item["data"])
        asides: _Asides = []
        said = [a_dict(one) for one in a_list(item.get("annotations", item.get("completions")))]
        guessed = [a_dict(one) for one in a_list(item.get("predictions"))]
        key = _text_of([*said, *guessed], data)
        readings = [_person(one, key, data, asides) for one in said]
        for one in guessed:
            author = a_name(one.get("model_version"))
            if author != OURS:
                marks = _marks(one, key, data, asides)
                readings.append(Reading(marks, author or "a model", False, a_prob(one.get("score"))))
        return example(
            the_text(data.get(key), f"data.{key}"),
            readings,
            units,
            fields={k: v for k, v in data.items() if k != key},
            record_id=our_id(a_dict(item.get("meta")).get("record_id")),
            asides=asides,
        )

    def _read_min(self, item: dict[str, Any], units: Sequence[Unit]) -> SpanExample:
        own = {*_MIN_MARKS, "id", "created_at", "updated_at"}
        rest = {k: v for k, v in item.items() if k not in own}
        key = text_key(rest)
        text = the_text(rest.pop(key, None), key)
        column = next(
            (k for k, v in rest.items() if isinstance(v, list) and any("start" in a_dict(r) for r in v)), None
        )
        asides: _Asides = []
        regions = a_list(rest.pop(column, None)) if column else []
        marks = [m for region in regions for m in _of_value(a_dict(region), asides)]
        return example(text, [Reading(marks, a_name(item.get("annotator")))], units, fields=rest, asides=asides)

    def write(self, record: SpanExported) -> Iterator[dict[str, Any]]:
        """People as annotations; everybody else, and our joined label, as predictions."""
        annotations = [
            {"result": _result(record.text, o.spans or ()), "was_cancelled": False, "meta": {"source": o.author}}
            for o in record.by_people
        ]
        predictions: list[dict[str, Any]] = [
            {"model_version": o.author or "a model", "score": o.confidence, "result": _result(record.text, o.spans)}
            for o in record.opinions
            if not o.is_person and o.spans is not None
        ]
        if record.spans is not None:
            result = _result(record.text, record.spans)
            predictions.append({"model_version": OURS, "score": record.prob, "result": result})
        yield {
            "data": {"text": record.text},
            "annotations": annotations,
            "predictions": predictions,
            "meta": {"record_id": record.record_id},
        }


def _text_of(said: list[dict[str, Any]], data: dict[str, Any]) -> str:
    """Which of the data was marked: what the first region with such a name points at, else the text."""
    names = (a_dict(r).get("to_name") for one in said for r in a_list(one.get("result")))
    return next((n for n in names if isinstance(n, str) and isinstance(data.get(n), str)), text_key(data))


def _person(one: dict[str, Any], key: str, data: dict[str, Any], asides: _Asides) -> Reading:
    author = a_name(a_dict(one.get("meta")).get("source")) or a_name(one.get("completed_by"))
    if one.get("was_cancelled"):
        return Reading(None, author)
    return Reading(_marks(one, key, data, asides), author)


def _marks(one: dict[str, Any], key: str, data: dict[str, Any], asides: _Asides) -> list[Mark]:
    marks: list[Mark] = []
    for result in map(a_dict, a_list(one.get("result"))):
        kind, to = result.get("type"), result.get("to_name")
        if kind != "labels":
            asides.append(
                (0, f"of its regions one is of the type {str(kind)[:40]!r}, and only labels are spans of a text")
            )
        elif to != key and isinstance(to, str) and isinstance(data.get(to), str):
            asides.append((0, "a region marks another text of the same task"))
        else:
            marks += _of_value(a_dict(result.get("value")), asides)
    return marks


def _of_value(value: dict[str, Any], asides: _Asides) -> list[Mark]:
    """A span for each label of a region."""
    labels = a_list(value.get("labels"))
    marks = [a_mark(value.get("start"), value.get("end"), label, value.get("text")) for label in labels]
    if not labels:
        asides.append((0, "a region has no label"))
    if None in marks:
        asides.append((0, "a region has no whole numbers as offsets, or no name as label"))
    return [m for m in marks if m is not None]


def _result(text: str, spans: Sequence[Span]) -> list[dict[str, Any]]:
    return [
        {
            "id": f"s{i}",
            "from_name": "label",
            "to_name": "text",
            "type": "labels",
            "value": {"start": s.start, "end": s.end, "text": s.of(text), "labels": [s.type]},
        }
        for i, s in enumerate(spans, 1)
    ]
