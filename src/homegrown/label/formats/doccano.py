"""doccano's JSONL for classification of texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from homegrown.label.formats.base import (
    Example,
    Exported,
    Misshapen,
    Opinion,
    a_dict,
    a_name,
    our_id,
    the_labels,
    the_text,
    written,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_OWN = {"id", "text", "data", "label", "labels", "meta", "Comments", "annotations", "annotator", "record_id", "prob"}


class Doccano:
    """``{"id": 1, "text": …, "label": ["refund"]}``."""

    name = "doccano"
    is_list = False

    def fits(self, item: dict[str, Any]) -> bool:
        """A text with a list of labels beside it."""
        return isinstance(item.get("text", item.get("data")), str) and bool({"label", "labels"} & item.keys())

    def read(self, item: dict[str, Any]) -> Example:
        """One line."""
        text = the_text(item.get("text", item.get("data")), "text")
        value = item.get("label", item.get("labels"))
        fields = {**{k: v for k, v in item.items() if k not in _OWN}, **a_dict(item.get("meta"))}
        record_id = our_id(item.get("record_id"))
        if value is None or value == []:
            return Example(text, (), fields, record_id)
        first = value[0] if isinstance(value, list) else value
        if isinstance(first, (list, dict)):
            raise Misshapen("its labels are spans of the text; only labels of whole texts can be read")
        if isinstance(first, int):
            raise Misshapen("its labels are numbers; export with the names of labels")
        return Example(text, (Opinion(the_labels(value, "label"), a_name(item.get("annotator"))),), fields, record_id)

    def write(self, record: Exported, question: str, classes: tuple[str, ...]) -> Iterator[dict[str, Any]]:
        """The joined label; the format has no place for several opinions."""
        labels = [] if record.labels is None else written(record.labels)
        found: dict[str, Any] = {"text": record.text, "label": labels, "record_id": record.record_id}
        yield found if record.prob is None else {**found, "prob": record.prob}
