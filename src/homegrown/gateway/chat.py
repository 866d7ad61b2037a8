"""``/v1/chat/completions``: the label as the answer, its calibrated probability as the logprob."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.responses import Response, StreamingResponse

from homegrown.web.answers import json_response

if TYPE_CHECKING:
    from homegrown.gateway.bodies import ChatBody
    from homegrown.inference.answers import Answer
    from homegrown.serve import Engine
    from homegrown.web.call import Call

ROUTE = "/v1/chat/completions"
NONE_OF_THESE = "none of these"
LEAST_LOGPROB = -9999.0  # what OpenAI gives for "very unlikely"; JSON has no infinity
_ENCODER = msgspec.json.Encoder()


async def chat(call: Call) -> Response:
    """Answer the last message of the user."""
    body: ChatBody = call.body
    text = body.text()
    engine: Engine = call.part("engine")
    served = await engine.answer(body.model, [text], call.actor, ROUTE)
    answer = served.answers[0]
    content = said(answer)
    base = {
        "id": f"chatcmpl-{served.trace_ids[0]}",
        "created": int(time.time()),
        "model": body.model,
        "system_fingerprint": served.version.version_id,
    }
    logprobs = _logprobs(answer, content, body.top_logprobs or 0) if body.logprobs else None
    usage = count(text)
    if body.stream:
        wants_usage = body.stream_options is not None and body.stream_options.include_usage
        events = stream_of(base, content, logprobs, usage if wants_usage else None)
        return StreamingResponse(events, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
    return json_response(whole_of(base, content, logprobs, usage))


def whole_of(
    base: dict[str, Any], content: str, logprobs: dict[str, Any] | None, usage: dict[str, int]
) -> dict[str, Any]:
    """An answer in one piece, in OpenAI's form."""
    message = {"role": "assistant", "content": content, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": logprobs, "finish_reason": "stop"}
    return {**base, "object": "chat.completion", "choices": [choice], "usage": usage}


def said(answer: Answer) -> str:
    """The answer as text: the label; several as a JSON list; an object as JSON; or that none fits."""
    if answer.document is not None:
        return msgspec.json.encode(answer.document).decode()
    if answer.labels is not None:
        return msgspec.json.encode(answer.labels).decode()
    return NONE_OF_THESE if answer.label is None else answer.label


def count(text: str) -> dict[str, int]:
    """``usage``. Words, not tokens: nothing here is billed by the token, and kinds of models cut texts differently."""
    n_words = len(text.split())
    return {"prompt_tokens": n_words, "completion_tokens": 1, "total_tokens": n_words + 1}


def _logprobs(answer: Answer, content: str, top: int) -> dict[str, Any]:
    """The answer as one token with the logarithm of its probability.

    For one of several exclusive classes that is the calibrated probability. For "none of these" it is one minus the
    in-scope score, and the classes beside it are scaled by that score, so that no list sums to more than 1. Of a
    task with many classes per text it is the product over the classes, as if they were independent.
    """
    if answer.document is not None:
        prob, scale = answer.prob, 1.0
    elif answer.labels is not None:
        prob = math.prod(p if name in answer.labels else 1 - p for name, p in answer.top)
        scale = 1.0
    elif answer.label is None:
        prob, scale = 1 - answer.in_scope, answer.in_scope
    else:
        prob, scale = answer.prob, 1.0
    entry = _token(content, prob)
    entry["top_logprobs"] = []
    if top:
        others = [_token(name, p * scale) for name, p in answer.top if name != content]
        first = [_token(content, prob)] if answer.labels is None else []
        ranked = sorted([*first, *others], key=lambda t: -t["logprob"])
        entry["top_logprobs"] = ranked[:top]
    return {"content": [entry], "refusal": None}


def _token(text: str, prob: float) -> dict[str, Any]:
    logprob = math.log(prob) if prob > 0 else LEAST_LOGPROB
    return {"token": text, "logprob": min(logprob, 0.0), "bytes": list(text.encode("utf-8", "replace"))}


async def stream_of(
    base: dict[str, Any], content: str, logprobs: dict[str, Any] | None, usage: dict[str, int] | None
) -> AsyncIterator[bytes]:
    """Server-sent events in OpenAI's order: role, content, end, usage if asked, ``[DONE]``."""
    steps: list[tuple[dict[str, Any], dict[str, Any] | None, str | None]] = [
        ({"role": "assistant", "content": ""}, None, None),
        ({"content": content}, logprobs, None),
        ({}, None, "stop"),
    ]
    for delta, probs, reason in steps:
        choice = {"index": 0, "delta": delta, "logprobs": probs, "finish_reason": reason}
        yield _event({**base, "object": "chat.completion.chunk", "choices": [choice]})
    if usage is not None:
        yield _event({**base, "object": "chat.completion.chunk", "choices": [], "usage": usage})
    yield b"data: [DONE]\n\n"


def _event(value: dict[str, Any]) -> bytes:
    return b"data: " + _ENCODER.encode(value) + b"\n\n"
