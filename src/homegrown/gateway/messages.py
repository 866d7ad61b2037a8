"""``/v1/messages``, Anthropic's protocol: the label as the one block of text, whole or as the protocol's events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from homegrown.errors import InputError
from homegrown.gateway import chat
from homegrown.gateway.bodies import Message, Steering, last_of
from homegrown.gateway.spoken import event, given

if TYPE_CHECKING:
    from starlette.responses import Response

    from homegrown.serve import Engine
    from homegrown.web.call import Call

ROUTE = "/v1/messages"


class MessagesBody(Steering, kw_only=True):
    """``POST /v1/messages``."""

    model: str
    messages: Annotated[list[Message], msgspec.Meta(min_length=1, max_length=10_000)]
    stream: bool | None = False
    tools: Any = None
    mcp_servers: Any = None

    def read(self) -> str:
        """What the model reads: the last message of the user.

        Raises:
            InputError: the request asks for what a classifier cannot do, or holds no text.
        """
        self.check()
        if self.tools or self.mcp_servers:
            raise InputError("This model says what it reads in a text and calls no tools; leave 'tools' out.")
        return last_of([m.content for m in self.messages if m.role == "user"])


async def message(call: Call) -> Response:
    """Answer the last message of the user."""
    body: MessagesBody = call.body
    text = body.read()
    engine: Engine = call.part("engine")
    served = await engine.answer(body.model, [text], call.actor, ROUTE)
    whole = whole_of(body.model, served.trace_ids[0], chat.said(served.answers[0]), text)
    return given([msgspec.json.encode(whole)] if not body.stream else events_of(whole), is_stream=bool(body.stream))


def whole_of(model: str, trace_id: str, content: str, text: str, *, tool: str | None = None) -> dict[str, Any]:
    """A message in one piece.

    Args:
        model: as it was asked for.
        trace_id: of the call.
        content: the answer.
        text: that was read.
        tool: name of the function that is called with the answer, which is JSON then, in place of saying it.
    """
    n = chat.count(text)
    block: dict[str, Any] = {"type": "text", "text": content}
    if tool is not None:
        block = {"type": "tool_use", "id": f"toolu_{trace_id}", "name": tool, "input": msgspec.json.decode(content)}
    return {
        "id": f"msg_{trace_id}", "type": "message", "role": "assistant", "model": model,
        "content": [block], "stop_reason": "end_turn" if tool is None else "tool_use", "stop_sequence": None,
        "usage": {
            "input_tokens": n["prompt_tokens"], "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
            "output_tokens": n["completion_tokens"],
        },
    }  # fmt: skip


def events_of(whole: dict[str, Any]) -> list[bytes]:
    """The same as server-sent events, in the protocol's order."""
    block, usage = whole["content"][0], whole["usage"]
    begins: dict[str, Any] = {"type": "text", "text": ""}
    delta = {"type": "text_delta", "text": block.get("text")}
    if block["type"] == "tool_use":
        begins = {**block, "input": {}}
        delta = {"type": "input_json_delta", "partial_json": msgspec.json.encode(block["input"]).decode()}
    end = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    begun = {**whole, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 0}}
    steps: list[dict[str, Any]] = [
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": begins},
        {"type": "ping"},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": end, "usage": {"output_tokens": usage["output_tokens"]}},
        {"type": "message_stop"},
    ]
    return [event(step, step["type"]) for step in steps]
