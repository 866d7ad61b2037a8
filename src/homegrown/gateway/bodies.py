"""What OpenAI's clients send, as far as it means something here.

Fields that only steer a language model (temperature, max_tokens, seed, …) are accepted and have no effect: a small
model answers the same text the same way. What would change the meaning and is not done here is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from homegrown.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from homegrown.core.models import ModelVersion

LONGEST = 1_000_000
# Where a call goes and by which key is the owner's to say, never the caller's.
STEERING = frozenset({"api_base", "base_url", "api_key", "organization", "headers", "extra_headers", "extra_query",
                      "api_version", "proxy_url", "custom_llm_provider"})  # fmt: skip


class Part(msgspec.Struct):
    """A part of a message."""

    type: str
    text: str = ""


class Message(msgspec.Struct):
    """One turn."""

    role: str
    content: str | list[Part] | None = None


class StreamOptions(msgspec.Struct):
    """What a stream ends with."""

    include_usage: bool = False


class Steering(msgspec.Struct):
    """Fields by which a request would choose where a call goes or with which credentials: never taken."""

    api_base: Any = None
    base_url: Any = None
    api_key: Any = None
    organization: Any = None
    headers: Any = None

    def check(self) -> None:
        """Refuse them."""
        for name in Steering.__struct_fields__:
            if getattr(self, name) is not None:
                raise InputError(f"The field {name!r} is not taken in a request.")


class ChatBody(Steering, kw_only=True):
    """``POST /v1/chat/completions``."""

    model: str
    messages: Annotated[list[Message], msgspec.Meta(min_length=1, max_length=10_000)]
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    logprobs: bool | None = False
    top_logprobs: Annotated[int, msgspec.Meta(ge=0, le=20)] | None = None
    n: int | None = 1
    tools: Any = None
    response_format: Any = None

    def text(self) -> str:
        """What the model reads: the last message of the user.

        Raises:
            InputError: the request asks for what a classifier cannot do, or holds no text.
        """
        self.check()
        if self.tools:
            raise InputError("This model says what it reads in a text and calls no tools; leave 'tools' out.")
        if self.n not in (None, 1):
            raise InputError("This model has one answer per text; leave 'n' out or set it to 1.")
        if self.top_logprobs and not self.logprobs:
            raise InputError("'top_logprobs' needs 'logprobs': true.")
        return last_of([m.content for m in self.messages if m.role == "user"])


def last_of(turns: Sequence[str | list[Part] | None], kinds: tuple[str, ...] = ("text",)) -> str:
    """The text of the last of the user's turns.

    Args:
        turns: what each holds.
        kinds: of parts that are text.

    Raises:
        InputError: there is none, it holds more than text, or too much of it.
    """
    if not turns:
        raise InputError("There is no message of the role 'user': the last one is what the model reads.")
    content = turns[-1] or ""
    if not isinstance(content, str):
        other = [p.type for p in content if p.type not in kinds]
        if other:
            raise InputError(f"This model reads text only; the message holds {other[0][:40]!r}.")
        content = "\n".join(p.text for p in content)
    if not content.strip() or len(content) > LONGEST:
        raise InputError(f"The last message of the user must hold 1 to {LONGEST:,} characters.")
    return content


def check_form(version: ModelVersion, asked: Any) -> None:
    """See that a model whose answers are documents fills what a structured output asks for.

    Args:
        version: of the model that will answer.
        asked: ``response_format``, or ``text.format`` of the responses protocol; anything.

    Raises:
        InputError: a property of the schema is none of the model's fields.
    """
    form = asked.get("json_schema", asked) if isinstance(asked, dict) and asked.get("type") == "json_schema" else None
    schema = form.get("schema") if isinstance(form, dict) else None
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not version.is_object or not isinstance(properties, dict):
        return
    if lost := [str(name) for name in properties if name not in version.class_names]:
        raise InputError(
            f"The schema asks for {lost[0][:80]!r}, and this model fills: {', '.join(version.class_names)}. Ask for "
            "these, or leave the schema out."
        )


class EmbeddingsBody(Steering, kw_only=True):
    """``POST /v1/embeddings``."""

    model: str
    input: str | list[str]
    encoding_format: str | None = "float"
    dimensions: int | None = None

    def texts(self, dim: int | None = None) -> list[str]:
        """The texts.

        Raises:
            InputError: nothing to embed, or a form that is not offered.
        """
        self.check()
        found = [self.input] if isinstance(self.input, str) else self.input
        if not found or not all(0 < len(t) <= LONGEST for t in found):
            raise InputError(f"'input' must be a text, or a list of texts, of 1 to {LONGEST:,} characters each.")
        if self.encoding_format not in (None, "float", "base64"):
            raise InputError("'encoding_format' is 'float' or 'base64'.")
        if dim is not None and self.dimensions not in (None, dim):
            raise InputError(f"This encoder gives {dim} dimensions; leave 'dimensions' out.")
        return found
