"""Prodigy's JSONL: one answer per line, of a choice or of a single label that was accepted."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from homegrown.label.formats.base import (
    Example,
    Exported,
    Misshapen,
    Opinion,
    a_dict,
    a_list,
    a_name,
    our_id,
    the_labels,
    the_text,
    written,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_OWN = {"text", "label", "answer", "accept", "options", "meta", "score", "priority", "spans", "tokens", "html", "image"}


class Prodigy:
    """``{"text": …, "options": [{"id": …, "text": …}], "accept": […], "answer": "accept", "_annotator_id": …}``."""

    name = "prodigy"
    is_list = False

    def fits(self, item: dict[str, Any]) -> bool:
        """Lines have an answer of three words, Prodigy's hashes, or options to choose from."""
        is_answered = item.get("answer") in ("accept", "reject", "ignore")
        return is_answered or bool({"_task_hash", "_input_hash"} & item.keys()) or isinstance(item.get("options"), list)

    def read(self, item: dict[str, Any]) -> Example:
        """One line."""
        text = the_text(item.get("text"), "text")
        meta = dict(a_dict(item.get("meta")))
        record_id = our_id(meta.pop("record_id", None))
        author = a_name(item.get("_annotator_id")) or a_name(item.get("_session_id"))
        fields = {**{k: v for k, v in item.items() if k not in _OWN and not k.startswith("_")}, **meta}
        return Example(text, _said(item, author), fields, record_id)

    def write(self, record: Exported, question: str, classes: tuple[str, ...]) -> Iterator[dict[str, Any]]:
        """A line per person; where none spoke, a line with our joined label; without an answer where there is none."""
        meta: dict[str, Any] = {"record_id": record.record_id}
        people = record.by_people
        base = {"text": record.text, "options": _options(classes), "meta": meta}
        if not people and record.labels is not None:
            meta["prob"] = record.prob
            people = [("", record.labels)]
        if not people:
            yield base
        for author, labels in people:
            who = {"_annotator_id": author} if author else {}
            yield {**base, "accept": written(labels), "answer": "accept", "_view_id": "choice", **who}


@lru_cache(maxsize=16)
def _options(classes: tuple[str, ...]) -> msgspec.Raw:
    """The same in every line, so written once."""
    return msgspec.Raw(msgspec.json.encode([{"id": name, "text": name} for name in classes]))


def _said(item: dict[str, Any], author: str) -> tuple[Opinion, ...]:
    """One opinion, or none where the line is not answered."""
    answer = item.get("answer")
    if answer == "ignore":
        return (Opinion(None, author),)
    if answer == "reject" and "accept" not in item and "label" in item:
        raise Misshapen(f"it says only that it is not {str(item['label'])[:60]!r}, which is no class")
    if answer != "accept":
        return ()
    if "accept" in item:
        shown = {o.get("id"): o.get("text") for o in map(a_dict, a_list(item.get("options")))}
        chosen = [str(shown.get(c) or c) for c in a_list(item["accept"]) if isinstance(c, (str, int))]
        return (Opinion(the_labels(chosen, "accept") if chosen else None, author),)
    return (Opinion(the_labels(item["label"], "label"), author),) if "label" in item else ()
