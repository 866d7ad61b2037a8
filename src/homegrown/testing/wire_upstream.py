"""A model API of every protocol that the gateway passes on, in a process of its own, byte by byte under control.

It says back what the last message said. ``homegrown.testing.upstream`` plays the teacher; this one plays the wire.
Faults are used up one per call, in the order in which they were planned:

    429 or 429:SECONDS or 429@DATE   that status, with that Retry-After; so any other status
    silent                           nothing ever comes
    reset                            the connection is reset before an answer
    reset:N                          it is reset after N pieces
    cut:N                            it ends after N pieces, without the end of the body
    slow:SECONDS                     the head comes late
    gap:SECONDS                      so long between two pieces
    head:SECONDS                     one byte of the head in so long, 1 s if not said
    drip:SECONDS                     one byte of the body in so long
    bytes                            every byte by itself: characters and lines come in halves
    crlf, comments                   other spellings of the same stream
    no-done                          the stream ends without [DONE]
    long:N                           one line of N bytes
    gzip                             packed, though nobody asked for it
    html                             a page in place of an answer
    plain                            the stream as text/plain
    json                             a whole answer where a stream was asked for
    error                            an error in the middle of the stream
    redirect:URL                     sends on to another address

A call whose model is named like ``any!drip:1`` meets that fault, whatever was planned for others.

Example:
    >>> with wire_upstream() as upstream:  # doctest: +SKIP
    ...     upstream.plan("cut:3")
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gzip
import json
import os
import re
import socket
import struct
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator

PIECE = 4
_LABEL = "label of the stub"
_OWN = re.compile(rb'"model": ?"[^"!]*!([^"]+)"')
TIMES = {"ratelimit": "99", "request": "req_of_the_stub"}


@dataclass
class _State:
    faults: list[str] = field(default_factory=list)
    always: str = ""
    delay_s: float = 0.0
    gap_s: float = 0.0
    remembers: bool = True
    says: dict[str, str] = field(default_factory=dict)
    calls: list[dict[str, Any]] = field(default_factory=list)
    n_calls: int = 0
    n_open: int = 0
    most_open: int = 0
    n_connections: int = 0


class _Stub:
    def __init__(self) -> None:
        self.state = _State()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.state.n_connections += 1
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.state.n_connections -= 1
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its answer; whether another may follow."""
        head = await reader.readuntil(b"\r\n\r\n")
        line, *rest = head.decode("latin-1").split("\r\n")
        method, path, _ = line.split(" ", 2)
        headers = {k.lower(): v.strip() for k, _, v in (h.partition(":") for h in rest if h)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        if path == "/control":
            return await self._control(method, body, writer)
        state = self.state
        own = _OWN.search(body)
        fault = own[1].decode() if own else state.faults.pop(0) if state.faults else state.always
        call: dict[str, Any] = {"method": method, "path": path, "headers": headers, "fault": fault, "at": time.time()}
        call["body"] = base64.b64encode(body).decode()
        state.n_calls += 1
        if state.remembers:
            state.calls.append(call)
        state.n_open += 1
        state.most_open = max(state.most_open, state.n_open)
        leaving = asyncio.ensure_future(_gone(reader))
        answering = asyncio.ensure_future(self._answer(method, path, body, fault, writer))
        try:
            await asyncio.wait({leaving, answering}, return_when=asyncio.FIRST_COMPLETED)
            if not answering.done():
                answering.cancel()
                call["left_at"] = time.time()
                return False
            leaving.cancel()
            await asyncio.wait({leaving})
            return answering.result()
        finally:
            state.n_open -= 1

    async def _control(self, method: str, body: bytes, writer: asyncio.StreamWriter) -> bool:
        if method == "POST":
            for name, value in json.loads(body).items():
                setattr(self.state, name, value)
        content = json.dumps(vars(self.state)).encode()
        writer.write(_head(200, "application/json", length=len(content)) + content)
        await writer.drain()
        return True

    async def _answer(self, method: str, path: str, body: bytes, fault: str, writer: asyncio.StreamWriter) -> bool:
        kind, _, detail = fault.partition(":")
        await asyncio.sleep(self.state.delay_s)
        if kind in ("silent", "slow"):
            await asyncio.sleep(float(detail or 3600))
        if kind == "reset" and not detail:
            return _reset(writer)
        asked = json.loads(body) if body else {}
        label = next((label for word, label in self.state.says.items() if word in _said(asked)), None)
        asked |= {} if label is None else {_LABEL: label}
        status, content, more = _whole(method, path, asked, fault)
        is_stream = bool(asked.get("stream")) and status == 200 and kind not in ("html", "json", "redirect")
        if not is_stream:
            packed = gzip.compress(content) if kind == "gzip" else content
            more += "content-encoding: gzip\r\n" if kind == "gzip" else ""
            sort = "text/html" if kind == "html" else "application/json"
            out = _head(status, sort, length=len(packed), more=more) + packed
            return await _in_pieces(writer, [out], kind, detail)
        events = [_spelt(e, kind) for e in _events(path, asked, kind, int(detail) if kind == "long" else 0)]
        if kind == "gzip":
            events = [gzip.compress(b"".join(events))]
            more += "content-encoding: gzip\r\n"
        head = _head(200, "text/plain" if kind == "plain" else "text/event-stream", more=more)
        await _trickle(writer, head, float(detail or 1) if kind == "head" else 0.0)
        gap = float(detail) if kind in ("gap", "drip") else self.state.gap_s
        for number, event in enumerate(events):
            if kind in ("cut", "reset") and number == int(detail):
                await writer.drain()
                await asyncio.sleep(0.05)
                return _reset(writer) if kind == "reset" else False
            await self._chunk(writer, event, kind, gap if number or kind == "drip" else 0.0)
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True

    async def _chunk(self, writer: asyncio.StreamWriter, event: bytes, kind: str, gap: float) -> None:
        if gap and kind != "drip":
            await asyncio.sleep(gap)
        in_halves = kind in ("bytes", "drip")
        for part in [event[i : i + 1] for i in range(len(event))] if in_halves else [event]:
            writer.write(b"%x\r\n" % len(part) + part + b"\r\n")
            await writer.drain()
            if in_halves:
                await asyncio.sleep(gap if kind == "drip" else 0)


async def _gone(reader: asyncio.StreamReader) -> None:
    """Until the other side closes; whoever sends the next request before the answer is not served here."""
    with contextlib.suppress(ConnectionError):
        while not reader.at_eof() and reader.exception() is None:
            await asyncio.sleep(0.02)


def _reset(writer: asyncio.StreamWriter) -> bool:
    found = writer.get_extra_info("socket")
    found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    return False


async def _in_pieces(writer: asyncio.StreamWriter, parts: list[bytes], kind: str, detail: str) -> bool:
    content = b"".join(parts)
    if kind in ("cut", "reset"):
        writer.write(content[:-10])
        await writer.drain()
        await asyncio.sleep(0.05)
        return _reset(writer) if kind == "reset" else False
    if kind in ("head", "drip"):
        n_at_once = content.index(b"\r\n\r\n") + 4 if kind == "drip" else 0
        await _trickle(writer, content[:n_at_once], 0.0)
        await _trickle(writer, content[n_at_once:], float(detail or 1))
        return True
    writer.write(content)
    await writer.drain()
    return True


async def _trickle(writer: asyncio.StreamWriter, content: bytes, gap_s: float) -> None:
    """Byte by byte, or at once where there is no gap."""
    for part in [content[i : i + 1] for i in range(len(content))] if gap_s else [content]:
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(gap_s)


def _head(status: int, kind: str, *, length: int | None = None, more: str = "") -> bytes:
    size = "transfer-encoding: chunked" if length is None else f"content-length: {length}"
    fixed = f"x-request-id: {TIMES['request']}\r\nx-ratelimit-remaining-requests: {TIMES['ratelimit']}\r\n"
    hidden = "set-cookie: a=b\r\nx-inside: secret\r\nserver: stub\r\n"
    return f"HTTP/1.1 {status} As planned\r\ncontent-type: {kind}\r\n{size}\r\n{fixed}{hidden}{more}\r\n".encode()


def _said(asked: dict[str, Any]) -> str:
    """The text of the last thing that was said."""
    said = asked.get("messages", asked.get("input", ""))
    last = said[-1] if isinstance(said, list) and said else said
    content = last.get("content", "") if isinstance(last, dict) else last
    if isinstance(content, list):
        content = " ".join(str(p.get("text", "")) for p in content)
    return str(content)


def _whole(method: str, path: str, asked: dict[str, Any], fault: str) -> tuple[int, bytes, str]:
    """Status, body and further headers of an answer in one piece."""
    planned = re.fullmatch(r"(\d{3})(?:([:@])(.*))?", fault)
    if planned:
        after = f"retry-after: {planned[3]}\r\n" if planned[2] else ""
        said = {"error": {"message": "as planned", "type": "stub", "param": None, "code": f"stub_{planned[1]}"}}
        return int(planned[1]), json.dumps(said).encode(), after
    kind, _, detail = fault.partition(":")
    if kind == "redirect":
        return 307, b"", f"location: {detail}\r\n"
    if kind == "html":
        return 200, b"<html>maintenance</html>", ""
    return 200, json.dumps(_document(method, path, asked), ensure_ascii=False).encode(), ""


def _document(method: str, path: str, asked: dict[str, Any]) -> dict[str, Any]:
    text, model = asked.get(_LABEL) or f"You said: {_said(asked)}", asked.get("model", "")
    sent, answered = len(json.dumps(asked)) // 4, len(text) // PIECE
    if method == "GET":
        listed = [{"id": m, "object": "model", "created": 1, "owned_by": "stub"} for m in ("stub-large", "stub-small")]
        name = path.partition("/models/")[2]
        return {"object": "list", "data": listed} if not name else {**listed[0], "id": name}
    if path.endswith("/embeddings"):
        texts = asked["input"] if isinstance(asked["input"], list) else [asked["input"]]
        data = [{"object": "embedding", "index": i, "embedding": [len(t), 0.5]} for i, t in enumerate(texts)]
        usage = {"prompt_tokens": sent, "total_tokens": sent}
        return {"object": "list", "data": data, "model": model, "usage": usage}
    if path.endswith("/responses"):
        part = {"type": "output_text", "text": text, "annotations": []}
        item = {"id": "msg_1", "type": "message", "status": "completed", "role": "assistant", "content": [part]}
        usage = {"input_tokens": sent, "output_tokens": answered, "total_tokens": sent + answered}
        head = {"id": "resp_1", "object": "response", "created_at": 1, "model": model, "status": "completed"}
        tools: dict[str, Any] = {"parallel_tool_calls": True, "tool_choice": "auto", "tools": []}
        return {**head, "output": [item], "usage": usage, **tools}
    if path.partition("?")[0].endswith("/messages"):
        usage = {"input_tokens": sent, "output_tokens": answered}
        content = [{"type": "text", "text": text}]
        head = {"id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": content}
        return {**head, "stop_reason": "end_turn", "stop_sequence": None, "usage": usage}
    usage = {"prompt_tokens": sent, "completion_tokens": answered, "total_tokens": sent + answered}
    message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None}
    reason = "stop"
    if asked.get("tools"):
        function = {"name": "look_up", "arguments": json.dumps({"said": _said(asked)}, ensure_ascii=False)}
        message = {"role": "assistant", "content": None, "refusal": None}
        message["tool_calls"] = [{"id": "call_1", "type": "function", "function": function}]
        reason = "tool_calls"
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reason}
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model, "an_unknown_field": [1]}
    return {**head, "choices": [choice], "usage": usage}


def _cuts(text: str) -> list[str]:
    return [text[i : i + PIECE] for i in range(0, len(text), PIECE)]


def _events(path: str, asked: dict[str, Any], kind: str, n_long: int) -> list[bytes]:
    whole = _document("POST", path, asked)
    if path.endswith("/responses"):
        return _response_events(whole)
    if path.partition("?")[0].endswith("/messages"):
        return _message_events(whole)
    head = {k: whole[k] for k in ("id", "created", "model")} | {"object": "chat.completion.chunk"}
    said = whole["choices"][0]
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    if said["finish_reason"] == "tool_calls":
        call = said["message"]["tool_calls"][0]
        begun = {"name": "look_up", "arguments": ""}
        deltas[0]["tool_calls"] = [{"index": 0, "id": "call_1", "type": "function", "function": begun}]
        for part in _cuts(call["function"]["arguments"]):
            deltas.append({"tool_calls": [{"index": 0, "function": {"arguments": part}}]})
    elif n_long:
        deltas.append({"content": "x" * n_long})
    else:
        deltas += [{"content": part} for part in _cuts(said["message"]["content"])]
    events = [_data({**head, "choices": [{"index": 0, "delta": d, "finish_reason": None}]}) for d in deltas]
    last = {"index": 0, "delta": {}, "finish_reason": said["finish_reason"]}
    if kind == "error":
        return [*events[:2], _data({"error": {"message": "overloaded", "type": "server_error"}})]
    events.append(_data({**head, "choices": [last]}))
    if (asked.get("stream_options") or {}).get("include_usage"):
        events.append(_data({**head, "choices": [], "usage": whole["usage"]}))
    return events if kind == "no-done" else [*events, b"data: [DONE]\n\n"]


def _response_events(whole: dict[str, Any]) -> list[bytes]:
    item = whole["output"][0]
    text = item["content"][0]["text"]
    empty = {**whole, "status": "in_progress", "output": [], "usage": None}
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    said: list[dict[str, Any]] = [
        {"type": "response.created", "response": empty},
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}},
        {
            "type": "response.content_part.added",
            **place,
            "part": {"type": "output_text", "text": "", "annotations": []},
        },
        *({"type": "response.output_text.delta", **place, "delta": part, "logprobs": []} for part in _cuts(text)),
        {"type": "response.output_text.done", **place, "text": text, "logprobs": []},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": whole},
    ]
    return [_data({**s, "sequence_number": i}, s["type"]) for i, s in enumerate(said)]


def _message_events(whole: dict[str, Any]) -> list[bytes]:
    start = {**whole, "content": [], "stop_reason": None, "usage": {**whole["usage"], "output_tokens": 1}}
    said: list[dict[str, Any]] = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
        *(
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": part}}
            for part in _cuts(whole["content"][0]["text"])
        ),
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": whole["usage"]["output_tokens"]},
        },
        {"type": "message_stop"},
    ]
    return [_data(s, s["type"]) for s in said]


def _data(said: dict[str, Any], name: str = "") -> bytes:
    line = f"event: {name}\n" if name else ""
    return f"{line}data: {json.dumps(said, ensure_ascii=False)}\n\n".encode()


def _spelt(event: bytes, kind: str) -> bytes:
    if kind == "crlf":
        return event.replace(b"\n", b"\r\n")
    if kind == "comments":
        return b": keep-alive\n\n" + event
    return event


@dataclass
class WireUpstream:
    """The running server, from outside."""

    origin: str
    process: subprocess.Popen[str]

    @property
    def base_url(self) -> str:
        """What is registered."""
        return f"{self.origin}/v1"

    def plan(self, *faults: str, always: str = "", delay_s: float = 0.0, gap_s: float = 0.0) -> None:
        """What the next calls meet, one each; *always* after them; so long before each answer and between pieces."""
        self._control({"faults": list(faults), "always": always, "delay_s": delay_s, "gap_s": gap_s})

    def label(self, says: dict[str, str]) -> None:
        """What it answers where a word is in the last message, in place of saying that back; the first counts."""
        self._control({"says": says})

    def forget(self, *, remembers: bool = True) -> None:
        """Empty its memory; whether calls are remembered from now on."""
        self._control({"calls": [], "n_calls": 0, "most_open": 0, "remembers": remembers})

    def seen(self) -> list[dict[str, Any]]:
        """Every call: ``method``, ``path``, ``headers``, ``body`` (bytes), ``fault``, ``at``; ``left_at`` if left."""
        calls = self._control()["calls"]
        return [{**c, "body": base64.b64decode(c["body"])} for c in calls]

    def facts(self) -> dict[str, Any]:
        """``n_calls``, ``n_open``, ``most_open``, ``n_connections``."""
        return self._control()

    def _control(self, told: dict[str, Any] | None = None) -> dict[str, Any]:
        with httpx.Client(timeout=10, trust_env=False) as client:
            url = f"{self.origin}/control"
            return (client.get(url) if told is None else client.post(url, json=told)).raise_for_status().json()


@contextlib.contextmanager
def wire_upstream() -> Iterator[WireUpstream]:
    """The server in a second process, stopped at the end of the block."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    port = listener.getsockname()[1]
    command = [sys.executable, "-m", "homegrown.testing.wire_upstream", str(listener.fileno())]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    process = subprocess.Popen(command, pass_fds=[listener.fileno()], env=env, text=True)
    listener.close()
    try:
        found = WireUpstream(f"http://127.0.0.1:{port}", process)
        found.forget()  # the socket listens already: this waits until somebody answers
        yield found
    finally:
        process.terminate()
        process.wait(10)


async def main(descriptor: int) -> None:
    """Serve on an inherited listening socket."""
    listening = socket.socket(fileno=descriptor)
    server = await asyncio.start_server(_Stub().serve, sock=listening, limit=64 << 20, backlog=2048)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
