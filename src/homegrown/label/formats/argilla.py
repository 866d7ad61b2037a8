"""Argilla's records, as ``Dataset.records.to_json`` writes them; and those of its first version."""

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


class Argilla:
    """``{"fields": {"text": …}, "suggestions": {…}, "responses": {"label": [{"value": …, "user_id": …}]}}``."""

    name = "argilla"
    is_list = False

    def fits(self, item: dict[str, Any]) -> bool:
        """Records have fields; those of the first version an annotation or a prediction."""
        return isinstance(item.get("fields"), dict) or (
            "text" in item and bool({"annotation", "prediction"} & item.keys())
        )

    def read(self, item: dict[str, Any]) -> Example:
        """One record."""
        if "fields" not in item:
            return self._read_first(item)
        fields = a_dict(item["fields"])
        key = text_key(fields)
        text = the_text(fields.get(key), f"fields.{key}")
        responses, suggestions = a_dict(item.get("responses")), a_dict(item.get("suggestions"))
        question = "label" if "label" in responses | suggestions else next(iter(responses | suggestions), "label")
        opinions = [
            Opinion(
                None if r.get("status") == "discarded" else the_labels(r.get("value"), question),
                a_name(r.get("user_id")),
            )
            for r in map(a_dict, a_list(responses.get(question)))
            if r.get("status") != "draft"
        ]
        one = a_dict(suggestions.get(question))
        agent = a_name(one.get("agent"))
        if one and agent != OURS:
            score = one.get("score")
            sure = a_prob(max(score, default=None) if isinstance(score, list) else score)
            opinions.append(Opinion(the_labels(one.get("value"), question), agent or "a model", False, sure))
        metadata = a_dict(item.get("metadata"))
        rest = {**{k: v for k, v in fields.items() if k != key}, **metadata}
        record_id = our_id(rest.pop("record_id", None)) or our_id(item.get("id"))
        return Example(text, tuple(opinions), rest, record_id)

    def _read_first(self, item: dict[str, Any]) -> Example:
        text = the_text(item.get("text"), "text")
        opinions = []
        if item.get("annotation") is not None:
            opinions.append(Opinion(the_labels(item["annotation"], "annotation"), a_name(item.get("annotation_agent"))))
        best = max((p for p in a_list(item.get("prediction")) if _is_scored(p)), key=lambda p: p[1], default=None)
        if best is not None:
            agent = a_name(item.get("prediction_agent")) or "a model"
            opinions.append(Opinion(the_labels(best[0], "prediction"), agent, False, a_prob(best[1])))
        elif item.get("prediction"):
            raise Misshapen("its prediction is no list of labels with scores")
        return Example(text, tuple(opinions), dict(a_dict(item.get("metadata"))), our_id(item.get("id")))

    def write(self, record: Exported, question: str, classes: tuple[str, ...]) -> Iterator[dict[str, Any]]:
        """People as responses, our joined label as the suggestion."""
        many = any(len(o.labels or ()) > 1 for o in record.opinions) or len(record.labels or ()) > 1

        def value(labels: tuple[str, ...]) -> Any:
            return written(labels) if many else written(labels)[0]

        responses = [
            {"value": value(labels), "user_id": author or None, "status": "submitted"}
            for author, labels in record.by_people
        ]
        suggestions = {}
        if record.labels is not None:
            suggestions["label"] = {"value": value(record.labels), "score": record.prob, "agent": OURS}
        yield {
            "id": record.record_id,
            "fields": {"text": record.text},
            "metadata": {},
            "suggestions": suggestions,
            "responses": {"label": responses} if responses else {},
        }


def _is_scored(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and a_prob(value[1]) is not None
