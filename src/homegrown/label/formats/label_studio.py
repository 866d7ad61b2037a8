"""Label Studio's JSON: tasks with ``annotations`` of people and ``predictions`` of models; also its JSON_MIN."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from homegrown.label.formats.base import (
    OURS,
    Example,
    Exported,
    Misshapen,
    Opinion,
    a_dict,
    a_list,
    a_name,
    a_prob,
    our_id,
    text_key,
    the_labels,
    the_text,
    written,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_MIN_MARKS = ("annotator", "lead_time", "annotation_id")


class LabelStudio:
    """``[{"data": {"text": …}, "annotations": [{"result": [{"type": "choices", "value": {"choices": […]}}]}]}]``."""

    name = "label-studio"
    is_list = True

    def fits(self, item: dict[str, Any]) -> bool:
        """Tasks have data and annotations; JSON_MIN has who annotated, and for how long."""
        tasks = isinstance(item.get("data"), dict) and {"annotations", "predictions", "completions"} & item.keys()
        return bool(tasks) or any(mark in item for mark in _MIN_MARKS)

    def read(self, item: dict[str, Any]) -> Example:
        """One task."""
        if "data" not in item:
            return self._read_min(item)
        data = a_dict(item["data"])
        key = text_key(data)
        text = the_text(data.get(key), f"data.{key}")
        said = a_list(item.get("annotations", item.get("completions")))
        opinions = [_of(a_dict(one), a_name(a_dict(one).get("completed_by")), is_person=True) for one in said]
        for one in map(a_dict, a_list(item.get("predictions"))):
            author = a_name(one.get("model_version"))
            if author != OURS:
                opinions.append(_of(one, author or "a model", is_person=False))
        fields = {k: v for k, v in data.items() if k != key}
        record_id = our_id(a_dict(item.get("meta")).get("record_id"))
        return Example(text, tuple(o for o in opinions if o is not None), fields, record_id)

    def _read_min(self, item: dict[str, Any]) -> Example:
        marks = {*_MIN_MARKS, "id", "created_at", "updated_at"}
        rest = {k: v for k, v in item.items() if k not in marks}
        key = text_key(rest)
        text = the_text(rest.pop(key, None), key)
        found = next((k for k in ("label", "sentiment", "class", "choice", "category") if k in rest), None)
        if found is None:
            found = next(iter(rest), None)
        if found is None:
            return Example(text, (), {})
        value = rest.pop(found)
        labels = the_labels(a_dict(value).get("choices", value), found)
        return Example(text, (Opinion(labels, a_name(item.get("annotator"))),), rest)

    def write(self, record: Exported, question: str, classes: tuple[str, ...]) -> Iterator[dict[str, Any]]:
        """People as annotations; everybody else, and our joined label, as predictions."""
        annotations = [
            {"result": _result(labels), "was_cancelled": False, "meta": {"source": author}}
            for author, labels in record.by_people
        ]
        predictions: list[dict[str, Any]] = [
            {"model_version": o.author or "a model", "score": o.confidence, "result": _result(o.labels)}
            for o in record.opinions
            if not o.is_person and o.labels is not None
        ]
        if record.labels is not None:
            predictions.append({"model_version": OURS, "score": record.prob, "result": _result(record.labels)})
        yield {
            "data": {"text": record.text},
            "annotations": annotations,
            "predictions": predictions,
            "meta": {"record_id": record.record_id},
        }


def _of(one: dict[str, Any], author: str, *, is_person: bool) -> Opinion | None:
    """The choices of one annotation; None where it was skipped or chooses nothing."""
    if one.get("was_cancelled"):
        return Opinion(None, author, is_person)
    author = a_name(a_dict(one.get("meta")).get("source")) or author
    results = [a_dict(r) for r in a_list(one.get("result"))]
    chosen = [a_dict(r.get("value")).get("choices") for r in results if r.get("type") == "choices"]
    if results and not chosen:
        raise Misshapen(f"its annotation is of the type {str(results[0].get('type'))[:40]!r}; only choices can be read")
    named = [label for choices in chosen for label in a_list(choices)]
    if not named:
        return None
    return Opinion(the_labels(named, "choices"), author, is_person, a_prob(one.get("score")))


def _result(labels: tuple[str, ...]) -> list[dict[str, Any]]:
    return [{"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": written(labels)}}]
