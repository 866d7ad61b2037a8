"""One prompt as a model of ours meets it: the part of a call that it reads, and what the upstream's answers mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from homegrown.core.ids import canonical_json
from homegrown.core.records import plain_text
from homegrown.core.traces import CallState, Captured, Wire, forced_tool
from homegrown.errors import InputError, UnsuitableLabelsError
from homegrown.monitor.shapes import reader
from homegrown.monitor.spelling import document_in
from homegrown.monitor.turns import said_in
from homegrown.monitor.wordings import Matcher

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from homegrown.core.traffic import FieldShape, Template

# What a label in place of a language model's answer could not keep to.
_ASKS_MORE = {
    Wire.CHAT: ("tools", "functions", "logprobs", "top_logprobs", "audio", "prediction"),
    Wire.RESPONSES: (
        "tools", "previous_response_id", "conversation", "background", "include", "top_logprobs", "prompt",
    ),
    Wire.MESSAGES: ("tools", "mcp_servers", "container"),
}  # fmt: skip
_TOOLS = frozenset({"tools"})
"""What a document may be asked for with, where one function has to be called with it."""
_TEXT = frozenset({"text", "input_text", "output_text"})


class Prompt:
    """A template with the fields that models learned.

    Args:
        template: of the prompt.
        fields: their names in the answers; the empty one for the whole answer; none for a model of objects.
        wordings: keys of the wordings that count; None: all.
        rest: what the other fields of its documents say (``rest_of``); answers that say another are not understood.
            None: whatever they say.
    """

    def __init__(
        self,
        template: Template,
        fields: Sequence[str],
        wordings: Collection[str] | None = None,
        rest: str | None = None,
    ) -> None:
        self.template, self.fields, self.rest = template, tuple(fields), rest
        self._matcher = Matcher(v for v in template.variants if wordings is None or v.key in wordings)
        self.is_document = self.fields != ("",)
        self._readers = [reader(template.shape, shape_of_field(template, name)) for name in fields]

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
        may_ask = _TOOLS if self.is_document and forced_tool(request) is not None else frozenset[str]()
        asks = [name for name in _ASKS_MORE[wire] if request.get(name) and name not in may_ask]
        if asks or request.get("n") not in (None, 1):
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

    def labels_of(self, answer: str | None) -> tuple[list[str] | None, ...]:
        """The upstream's labels in an answer of its, for each field; None where it said something else there."""
        if not answer or (self.rest is not None and self.rest_of(answer) != self.rest):
            return (None,) * len(self.fields)
        return tuple(read(answer) for read in self._readers)

    def rest_of(self, answer: str) -> str:
        """The other fields of a document, as canonical JSON; empty where there are none."""
        found = document_in(answer) if self.is_document else None
        rest = {k: v for k, v in (found or {}).items() if k not in self.fields}
        return canonical_json(rest).decode() if rest else ""


def shape_of_field(template: Template, name: str) -> FieldShape:
    """Of a field by its name."""
    return next(f for f in template.shape.fields if f.name == name)


def check_fields(template: Template, fields: Collection[str]) -> None:
    """Refuse to answer a part of a document.

    Raises:
        InputError: a field is left out that a model can learn.
    """
    left = [f.name for f in template.shape.closed() if f.name not in fields]
    if left:
        raise InputError(
            f"The answers of “{template.name}” hold {', '.join(left)} too. Make a Task of it (homegrown monitor accept "
            f"… --field {left[0]}), train a model, and name the models of all fields together."
        )


def refuse_free(prompt: Prompt) -> NoReturn:
    """Say which fields keep the documents of a prompt with the upstream.

    Raises:
        UnsuitableLabelsError: always.
    """
    template = prompt.template
    free = [f.name for f in template.shape.fields if f.name not in prompt.fields]
    what = "free text or a number" if len(free) == 1 else "free texts or numbers"
    raise UnsuitableLabelsError(
        f"The answers of “{template.name}” hold {', '.join(free) or 'other fields'}: {what}, which no classifier "
        "writes. Such documents stay with the upstream."
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
