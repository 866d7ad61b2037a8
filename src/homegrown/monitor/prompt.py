"""One prompt as a model of ours meets it: the part of a call that it reads, and what the upstream's answers mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from homegrown.core.records import plain_text
from homegrown.core.traces import CallState, Captured, Wire
from homegrown.core.traffic import AnswerKind
from homegrown.errors import UnsuitableLabelsError
from homegrown.monitor.shapes import reader
from homegrown.monitor.turns import said_in
from homegrown.monitor.wordings import Matcher

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from homegrown.core.traffic import FieldShape, Template

# What a label in place of a language model's answer could not keep to.
_ASKS_MORE = {
    Wire.CHAT: ("tools", "functions", "logprobs", "top_logprobs", "audio", "prediction"),
    Wire.RESPONSES: (
        "tools", "previous_response_id", "conversation", "background", "include", "top_logprobs", "prompt",
    ),
    Wire.MESSAGES: ("tools", "mcp_servers", "container"),
}  # fmt: skip
_TEXT = frozenset({"text", "input_text", "output_text"})


class Prompt:
    """A template with the field that a model learned.

    Args:
        template: of the prompt.
        field: its name in the answers; empty for the whole answer.
        labels: the model's class by the upstream's label; None: none of its classes.
        wordings: keys of the wordings that count; None: all.
    """

    def __init__(
        self,
        template: Template,
        field: str,
        labels: Mapping[str, str | None],
        wordings: Collection[str] | None = None,
    ) -> None:
        self.template = template
        self._matcher = Matcher(v for v in template.variants if wordings is None or v.key in wordings)
        self._read = reader(template.shape, next(f for f in template.shape.fields if f.name == field))
        self._labels = labels

    def text_of(
        self, request: dict[str, Any], model: str, tags: Mapping[str, str], wire: Wire = Wire.CHAT
    ) -> str | None:
        """The part of a call that the model reads; None where it is not this prompt, or asks for more.

        Args:
            request: its body.
            model: that the caller named.
            tags: of the call.
            wire: its protocol.
        """
        tag = self.template.tag
        if tag is not None and tags.get(tag[0]) != tag[1]:
            return None
        if any(request.get(name) for name in _ASKS_MORE[wire]) or request.get("n") not in (None, 1):
            return None
        thinking = request.get("thinking")
        if isinstance(thinking, dict) and thinking.get("type") != "disabled":
            return None
        if not all(_is_text(request.get(k) or "") for k in ("system", "instructions")):
            return None
        turns = request.get("input" if wire is Wire.RESPONSES else "messages")
        if not (_is_plain(turns) or (wire is Wire.RESPONSES and isinstance(turns, str))):
            return None
        said = said_in(Captured("", "gateway", wire, model, CallState.OPEN, request, None, ""))
        match = self._matcher.match(said) if said is not None else None
        return plain_text(match.text) or None if match is not None else None

    def label_of(self, answer: str | None) -> str | None:
        """The upstream's label in an answer of its; None where it said something else."""
        found = self._read(answer) if answer else None
        return found[0] if found else None

    def class_of(self, answer: str | None) -> str | None:
        """The model's class that an answer of the upstream means; None where it is none of them."""
        label = self.label_of(answer)
        return None if label is None else self._labels.get(label)


def check_shape(template: Template, field: FieldShape) -> None:
    """Refuse answers that a single label cannot stand for.

    Raises:
        UnsuitableLabelsError: several labels per answer, or a document with other fields beside.
    """
    if field.kind is not AnswerKind.CLASS:
        raise UnsuitableLabelsError(
            f"“{template.name}” is answered with several labels at once; only answers of one label are given at home."
        )
    if len(template.shape.fields) > 1:
        others = ", ".join(f.name for f in template.shape.fields if f is not field)
        raise UnsuitableLabelsError(
            f"The answers of “{template.name}” hold more than “{field.name}” ({others}); a model that learned one "
            "field cannot give the rest."
        )


def _is_plain(turns: Any) -> bool:
    """Whether all is text, and the last word is the caller's."""
    if not isinstance(turns, list) or not turns:
        return False
    if not all(isinstance(t, dict) and t.get("type", "message") == "message" for t in turns):
        return False
    return all(_is_text(t.get("content")) for t in turns) and turns[-1].get("role") != "assistant"


def _is_text(content: Any) -> bool:
    parts = content if isinstance(content, list) else []
    return isinstance(content, (str, list)) and all(isinstance(p, dict) and p.get("type") in _TEXT for p in parts)
