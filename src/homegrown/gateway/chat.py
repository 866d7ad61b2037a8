"""``/v1/chat/completions``: the label as the answer, its calibrated probability as the logprob."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

import msgspec

from homegrown.gateway.bodies import check_form
from homegrown.gateway.spoken import event, given

if TYPE_CHECKING:
    from starlette.responses import Response

    from homegrown.gateway.bodies import ChatBody
    from homegrown.inference.answers import Answer
    from homegrown.serve import Engine
    from homegrown.web.call import Call

ROUTE = "/v1/chat/completions"
NONE_OF_THESE = "none of these"
LEAST_LOGPROB = -9999.0  # what OpenAI gives for "very unlikely"; JSON has no infinity


async def chat(call: Call) -> Response:
    """Answer the last message of the user."""
    body: ChatBody = call.body
    text = body.text()
    engine: Engine = call.part("engine")
    check_form((await engine.find(body.model)).version, body.response_format)
    served = await engine.answer(body.model, [text], call.actor, ROUTE)
    answer = served.answers[0]
    content = said(answer)
    logprobs = logprobs_of(answer, content, body.top_logprobs or 0) if body.logprobs else None
    whole = whole_of(body.model, served.trace_ids[0], content, text, served.version.version_id, logprobs)
    if not body.stream:
        return given([msgspec.json.encode(whole)], is_stream=False)
    has_usage = body.stream_options is not None and body.stream_options.include_usage
    return given(events_of(whole, has_usage=has_usage), is_stream=True)


def whole_of(
    model: str, trace_id: str, content: str, text: str, version_id: str, logprobs: dict[str, Any] | None = None
) -> dict[str, Any]:
    """An answer in one piece, in OpenAI's form.

    Args:
        model: as it was asked for.
        trace_id: of the call.
        content: the answer.
        text: that was read.
        version_id: of the model that answered.
        logprobs: of the answer's tokens.
    """
    message = {"role": "assistant", "content": content, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": logprobs, "finish_reason": "stop"}
    return {
        "id": f"chatcmpl-{trace_id}", "created": int(time.time()), "model": model, "system_fingerprint": version_id,
        "object": "chat.completion", "choices": [choice], "usage": count(text),
    }  # fmt: skip


def as_tool_call(whole: dict[str, Any], tool: str, *, is_named: bool) -> dict[str, Any]:
    """The same answer as a call of the function *tool*.

    Args:
        whole: in one piece.
        tool: its name.
        is_named: whether the request named it, in which case the protocol ends with ``stop``.
    """
    (choice,) = whole["choices"]
    call: dict[str, Any] = {"id": f"call_{whole['id'][-24:]}", "type": "function"}
    call["function"] = {"name": tool, "arguments": choice["message"]["content"]}
    message = {**choice["message"], "content": None, "tool_calls": [call]}
    reason = "stop" if is_named else "tool_calls"
    return {**whole, "choices": [{**choice, "message": message, "finish_reason": reason}]}


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


def logprobs_of(answer: Answer, content: str, top: int) -> dict[str, Any]:
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


def events_of(whole: dict[str, Any], *, has_usage: bool) -> list[bytes]:
    """The same as server-sent events, in OpenAI's order: role, content, end, usage if asked, ``[DONE]``."""
    said = whole["choices"][0]
    base = {k: v for k, v in whole.items() if k != "usage"} | {"object": "chat.completion.chunk"}
    steps: list[tuple[dict[str, Any], dict[str, Any] | None, str | None]] = [
        ({"role": "assistant", "content": ""}, None, None),
        ({"content": said["message"]["content"]}, said["logprobs"], None),
        ({}, None, "stop"),
    ]
    for call in said["message"].get("tool_calls") or ():
        begun = {"index": 0, **call, "function": {**call["function"], "arguments": ""}}
        rest = {"index": 0, "function": {"arguments": call["function"]["arguments"]}}
        steps = [
            ({"role": "assistant", "content": None, "tool_calls": [begun]}, None, None),
            ({"tool_calls": [rest]}, None, None),
            ({}, None, said["finish_reason"]),
        ]
    events = [
        event({**base, "choices": [{"index": 0, "delta": delta, "logprobs": probs, "finish_reason": reason}]})
        for delta, probs, reason in steps
    ]
    if has_usage:
        events.append(event({**base, "choices": [], "usage": whole["usage"]}))
    return [*events, b"data: [DONE]\n\n"]
