"""The chat protocol that OpenAI began and most model servers speak: one question, one answer as JSON of a schema."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import msgspec

from homegrown.core.ids import now
from homegrown.core.upstreams import Upstream
from homegrown.errors import UpstreamError

if TYPE_CHECKING:
    from homegrown.inference.outbound import Door, Reply

#: bytes that a server adds round each message, in tokens, at most; measured templates need 3 to 12
MESSAGE_TOKENS = 16
#: the order in which options are left out for servers that do not know them
_STEPS = ("logprobs", "response_format", "max_tokens")


class _Message(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None


class _Token(msgspec.Struct):
    token: str
    logprob: float


class _Logprobs(msgspec.Struct):
    content: list[_Token] | None = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Body(msgspec.Struct):
    choices: list[_Choice]
    usage: _Usage | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """What is sent.

    Attributes:
        system: the instructions.
        user: what they are about.
        schema: JSON schema of the answer.
        max_tokens: of the answer.
    """

    system: str
    user: str
    schema: dict[str, Any]
    max_tokens: int

    @property
    def most_tokens_in(self) -> int:
        """More tokens than this it cannot be: a token of a byte-level vocabulary has at least one byte."""
        schema = len(msgspec.json.encode(self.schema))
        return len(self.system.encode()) + len(self.user.encode()) + schema + 2 * MESSAGE_TOKENS


@dataclass(frozen=True, slots=True)
class ChatAnswer:
    """What came back.

    Attributes:
        text: as it was written.
        is_whole: whether the model ended by itself, and was not cut off.
        tokens: pieces of *text* with the natural logarithm of their probability; empty where the server gives none.
        n_tokens_in: as the server counted; None where it did not.
        n_tokens_out: likewise.
    """

    text: str
    is_whole: bool
    tokens: tuple[tuple[str, float], ...]
    n_tokens_in: int | None
    n_tokens_out: int | None


@dataclass
class ChatClient:
    """Asks one upstream.

    Args:
        door: an open way out.
        upstream: that is asked.
        key: of it, if it needs one.
    """

    door: Door
    upstream: Upstream
    key: str | None = field(default=None, repr=False)
    _without: set[str] = field(default_factory=set)

    async def ask(self, question: Question) -> ChatAnswer:
        """One call; options that the server refuses are left out from then on.

        Raises:
            UpstreamError: no usable answer; ``may_have_cost`` says whether it may be billed all the same.
        """
        while True:
            left_out = frozenset(self._without)
            reply = await self._post(self._body(question))
            if reply.status == 200:
                return _answer(self.upstream, reply)
            option = _refused_option(reply, [step for step in _STEPS if step not in left_out])
            if option is None:
                raise _refused(self.upstream, reply)
            self._without.add(option)  # what was under way meanwhile is refused for the same one

    async def _post(self, body: bytes) -> Reply:
        headers = {"content-type": "application/json", "accept": "application/json"}
        if self.key:
            headers["authorization"] = f"Bearer {self.key}"
        origin = self.upstream.origin
        path = "/" + self.upstream.base_url.partition("://")[2].partition("/")[2]
        return await self.door.send("POST", origin, f"{path.rstrip('/')}/chat/completions", headers=headers, body=body)

    def _body(self, question: Question) -> bytes:
        messages = [{"role": "system", "content": question.system}, {"role": "user", "content": question.user}]
        body: dict[str, Any] = {"model": self.upstream.model, "messages": messages, "temperature": 0, "stream": False}
        most = "max_completion_tokens" if "max_tokens" in self._without else "max_tokens"
        body[most] = question.max_tokens
        if "logprobs" not in self._without:
            body["logprobs"] = True
        if "response_format" not in self._without:
            schema = {"name": "answers", "strict": True, "schema": question.schema}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        return msgspec.json.encode(body)


def _answer(upstream: Upstream, reply: Reply) -> ChatAnswer:
    try:
        body = msgspec.json.decode(reply.body, type=_Body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UpstreamError(
            f"{upstream.name} answered with something that is no chat answer.", may_have_cost=True
        ) from error
    if not body.choices:
        raise UpstreamError(f"{upstream.name} answered without a choice.", may_have_cost=True)
    first, usage = body.choices[0], body.usage
    text = first.message.content or ""
    counted = usage is not None and usage.prompt_tokens >= 0 and usage.completion_tokens >= 0
    return ChatAnswer(
        text,
        first.finish_reason in (None, "stop"),
        _tokens(first, text),
        usage.prompt_tokens if usage and counted else None,
        usage.completion_tokens if usage and counted else None,
    )


def _refused_option(reply: Reply, sent: list[str]) -> str | None:
    """Which of the options *sent* a refusal speaks of; one that speaks of none is a refusal of something else."""
    if reply.status not in (400, 422):
        return None
    said = reply.body[:4000].decode("utf-8", "replace").lower()
    return next((s for s in sent if s in said or (s == "response_format" and "json_schema" in said)), None)


def _tokens(choice: _Choice, text: str) -> tuple[tuple[str, float], ...]:
    """The tokens, where they really are the pieces of *text* and probabilities really are some."""
    listed = (choice.logprobs and choice.logprobs.content) or []
    if "".join(t.token for t in listed) != text or not all(
        math.isfinite(t.logprob) and t.logprob <= 1e-6 for t in listed
    ):
        return ()
    return tuple((t.token, t.logprob) for t in listed)


def _refused(upstream: Upstream, reply: Reply) -> UpstreamError:
    status = reply.status
    what = {
        401: "does not accept the key",
        403: "does not allow this",
        404: f"knows no model {upstream.model!r}, or has no chat/completions at this address",
        408: "took too long",
        429: "takes no more requests for now",
    }.get(status, "failed" if status >= 500 else "refused the request")
    after = retry_after_s(reply.headers.get("retry-after"))
    return UpstreamError(f"{upstream.name} {what} (status {status}).", status_code=status, retry_after_s=after)


def retry_after_s(value: str | None, at: datetime | None = None) -> float | None:
    """Seconds that a ``Retry-After`` header asks for, as seconds or as a date; None where it says nothing readable.

    Example:
        >>> retry_after_s("2"), retry_after_s("Wed, 21 Oct 2015 07:28:00 GMT"), retry_after_s("soon")
        (2.0, 0.0, None)
    """
    if value is None or len(value) > 100:
        return None
    value = value.strip()
    if value.isascii() and value.replace(".", "", 1).isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max((moment - (at or now())).total_seconds(), 0.0)
