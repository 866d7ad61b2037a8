"""``/v1/responses``: the label as the one message of a response, whole or as the protocol's events."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from homegrown.errors import InputError
from homegrown.gateway import chat
from homegrown.gateway.bodies import Part, Steering, check_form, last_of
from homegrown.gateway.spoken import event, given

if TYPE_CHECKING:
    from starlette.responses import Response

    from homegrown.serve import Engine
    from homegrown.web.call import Call

ROUTE = "/v1/responses"
LOGPROBS = "message.output_text.logprobs"
# What a request says of how to answer stands in the response again.
_SAID_BACK = ("instructions", "max_output_tokens", "metadata", "temperature", "text", "top_p", "user")


class Item(msgspec.Struct):
    """One turn."""

    type: str = "message"
    role: str = ""
    content: str | list[Part] | None = None


class ResponsesBody(Steering, kw_only=True):
    """``POST /v1/responses``."""

    model: str
    input: str | Annotated[list[Item], msgspec.Meta(min_length=1, max_length=10_000)]
    stream: bool | None = False
    include: list[str] | None = None
    top_logprobs: Annotated[int, msgspec.Meta(ge=0, le=20)] | None = None
    tools: Any = None
    previous_response_id: Any = None
    conversation: Any = None
    background: bool | None = None

    def read(self) -> str:
        """What the model reads: the last message of the user.

        Raises:
            InputError: the request asks for what a classifier cannot do, or holds no text.
        """
        self.check()
        if self.tools:
            raise InputError("This model says what it reads in a text and calls no tools; leave 'tools' out.")
        if self.previous_response_id or self.conversation or self.background:
            raise InputError(
                "Responses are kept nowhere here: leave 'previous_response_id', 'conversation' and 'background' out."
            )
        turns = [self.input] if isinstance(self.input, str) else [i.content for i in self.input if i.role == "user"]
        return last_of(turns, ("text", "input_text"))


async def respond(call: Call, request: dict[str, Any]) -> Response:
    """Answer the last message of the user; *request* is all that was asked, what means nothing here included."""
    body: ResponsesBody = call.body
    text = body.read()
    engine: Engine = call.part("engine")
    said = request.get("text")
    check_form((await engine.find(body.model)).version, said.get("format") if isinstance(said, dict) else None)
    served = await engine.answer(body.model, [text], call.actor, ROUTE)
    answer = served.answers[0]
    content = chat.said(answer)
    wants = body.top_logprobs is not None or LOGPROBS in (body.include or ())
    tokens = chat.logprobs_of(answer, content, body.top_logprobs or 0)["content"] if wants else []
    whole = whole_of(request, served.trace_ids[0], content, text, tokens)
    return given([msgspec.json.encode(whole)] if not body.stream else events_of(whole), is_stream=bool(body.stream))


def whole_of(
    request: dict[str, Any], trace_id: str, content: str, text: str, logprobs: list[dict[str, Any]] | None = None,
    *, tool: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """A response in one piece.

    Args:
        request: its body.
        trace_id: of the call.
        content: the answer.
        text: that was read.
        logprobs: of the answer's tokens.
        tool: name of the function that is called with the answer, in place of saying it.
    """
    at = int(time.time())
    part = {"type": "output_text", "text": content, "annotations": [], "logprobs": logprobs or []}
    item = {"id": f"msg_{trace_id}", "type": "message", "status": "completed", "role": "assistant", "content": [part]}
    if tool is not None:
        item = {
            "id": f"fc_{trace_id}", "type": "function_call", "status": "completed", "call_id": f"call_{trace_id}",
            "name": tool, "arguments": content,
        }  # fmt: skip
    n = chat.count(text)
    return {
        "id": f"resp_{trace_id}", "object": "response", "created_at": at, "completed_at": at, "status": "completed",
        "background": False, "error": None, "incomplete_details": None, "instructions": None,
        "max_output_tokens": None, "metadata": {}, "parallel_tool_calls": True, "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None}, "store": False, "temperature": 1.0,
        "text": {"format": {"type": "text"}}, "tool_choice": "auto", "tools": [], "top_p": 1.0,
        "truncation": "disabled", "user": None,
        **{k: request[k] for k in _SAID_BACK if request.get(k) is not None},
        "model": request.get("model", ""), "output": [item],
        "usage": {
            "input_tokens": n["prompt_tokens"],
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": n["completion_tokens"], "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": n["total_tokens"],
        },
    }  # fmt: skip


def events_of(whole: dict[str, Any]) -> list[bytes]:
    """The same as server-sent events, in the protocol's order; there is no ``[DONE]``."""
    item = whole["output"][0]
    begun = {**whole, "status": "in_progress", "completed_at": None, "output": [], "usage": None}
    first = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
    ]
    steps = [*first, *(_call_steps(item) if item["type"] == "function_call" else _message_steps(item))]
    steps += [
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": whole},
    ]
    return [event({**step, "sequence_number": i}, step["type"]) for i, step in enumerate(steps)]


def _call_steps(item: dict[str, Any]) -> list[dict[str, Any]]:
    place, said = {"item_id": item["id"], "output_index": 0}, item["arguments"]
    begun = {**item, "status": "in_progress", "arguments": ""}
    return [
        {"type": "response.output_item.added", "output_index": 0, "item": begun},
        {"type": "response.function_call_arguments.delta", **place, "delta": said},
        {"type": "response.function_call_arguments.done", **place, "name": item["name"], "arguments": said},
    ]


def _message_steps(item: dict[str, Any]) -> list[dict[str, Any]]:
    part = item["content"][0]
    place = {"item_id": item["id"], "output_index": 0, "content_index": 0}
    return [
        {
            "type": "response.output_item.added", "output_index": 0,
            "item": {**item, "status": "in_progress", "content": []},
        },
        {"type": "response.content_part.added", **place, "part": {**part, "text": "", "logprobs": []}},
        {"type": "response.output_text.delta", **place, "delta": part["text"], "logprobs": part["logprobs"]},
        {"type": "response.output_text.done", **place, "text": part["text"], "logprobs": part["logprobs"]},
        {"type": "response.content_part.done", **place, "part": part},
    ]  # fmt: skip
