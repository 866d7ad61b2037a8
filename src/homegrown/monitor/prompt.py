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
_ASKS_MORE = ("tools", "functions", "logprobs", "top_logprobs", "audio", "prediction")


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

    def text_of(self, request: dict[str, Any], model: str, tags: Mapping[str, str]) -> str | None:
        """The part of a chat completion that the model reads; None where it is not this prompt, or asks for more.

        Args:
            request: its body.
            model: that the caller named.
            tags: of the call.
        """
        tag = self.template.tag
        if tag is not None and tags.get(tag[0]) != tag[1]:
            return None
        if any(request.get(name) for name in _ASKS_MORE) or request.get("n") not in (None, 1):
            return None
        if not _is_plain(request.get("messages")):
            return None
        said = said_in(Captured("", "gateway", Wire.CHAT, model, CallState.OPEN, request, None, ""))
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


def _is_plain(messages: Any) -> bool:
    """Whether all is text, and the last word is the caller's."""
    if not isinstance(messages, list) or not messages:
        return False
    for turn in messages:
        content = turn.get("content") if isinstance(turn, dict) else None
        parts = content if isinstance(content, list) else []
        if not isinstance(content, (str, list)) or any(
            not isinstance(p, dict) or p.get("type") != "text" for p in parts
        ):
            return False
    return messages[-1].get("role") != "assistant"
