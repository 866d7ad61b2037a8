"""The JSONL by which OpenAI and others fine-tune chat models: instructions, a text, and the answer that is right."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from homegrown.label.formats.base import (
    NONE_OF_THESE,
    Example,
    Exported,
    Misshapen,
    Opinion,
    a_dict,
    a_list,
    the_labels,
    the_text,
    written,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


class OpenAIChat:
    """``{"messages": [{"role": "system", …}, {"role": "user", …}, {"role": "assistant", "content": "refund"}]}``."""

    name = "openai"
    is_list = False

    def fits(self, item: dict[str, Any]) -> bool:
        """A list of messages."""
        return isinstance(item.get("messages"), list)

    def read(self, item: dict[str, Any]) -> Example:
        """One conversation: its last question is the text, the answer to it the label."""
        turns = [(a_dict(m).get("role"), a_dict(m).get("content")) for m in a_list(item.get("messages"))]
        asked = [i for i, (role, _) in enumerate(turns) if role == "user"]
        if not asked:
            raise Misshapen("there is no message of a user")
        text = the_text(_joined(turns[asked[-1]][1]), "messages")
        said = [content for role, content in turns[asked[-1] + 1 :] if role == "assistant"]
        if not said:
            return Example(text, (), {})
        return Example(text, (Opinion(_labels(the_text(_joined(said[0]), "assistant"))),), {})

    def write(self, record: Exported, question: str, classes: tuple[str, ...]) -> Iterator[dict[str, Any]]:
        """Labelled records only: the format has no other."""
        if record.labels is None:
            return
        answer = written(record.labels)
        yield {
            "messages": [
                _instructions(question, classes),
                {"role": "user", "content": record.text},
                {
                    "role": "assistant",
                    "content": answer[0] if len(answer) == 1 else msgspec.json.encode(answer).decode(),
                },
            ]
        }


@lru_cache(maxsize=16)
def _instructions(question: str, classes: tuple[str, ...]) -> msgspec.Raw:
    """The same in every line, so written once."""
    said = f"Say for the question {question!r} what the text is: one of {', '.join(classes)}; or {NONE_OF_THESE}."
    return msgspec.Raw(msgspec.json.encode({"role": "system", "content": said}))


def _joined(content: Any) -> Any:
    """A content in parts as one text."""
    if not isinstance(content, list):
        return content
    return "".join(p["text"] for p in map(a_dict, content) if isinstance(p.get("text"), str))


def _labels(answer: str) -> tuple[str, ...]:
    """A label as it stands, a list of them, or a JSON object that names one."""
    try:
        value = msgspec.json.decode(answer.encode("utf-8", "replace"))
    except msgspec.DecodeError:
        return the_labels(answer, "assistant")
    if isinstance(value, dict):
        value = next(
            (value[k] for k in ("label", "labels", "class", "classes", "category", "intent") if k in value), value
        )
    return the_labels(value if isinstance(value, (str, list)) else answer, "assistant")
