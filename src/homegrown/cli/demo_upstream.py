"""A model API for ``homegrown demo exit``: OpenAI's chat completions, simulated, on this machine, in its own process.

It answers one prompt with labels that are known beforehand, some of them always confused, and every other prompt with
free text. How long it takes is simulated too. Whatever it sends says ``simulated``.

Example:
    >>> with local_upstream(book, folder) as upstream:  # doctest: +SKIP
    ...     print(upstream.base_url)
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import socket
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from homegrown.cli.demo_child import child, end, leave_with_parent

if TYPE_CHECKING:
    import subprocess
    from collections.abc import AsyncIterator, Iterator

    from starlette.requests import Request

MODEL = "simulated-large"
SIMULATED = "simulated"
SPREAD = 0.35
"""Standard deviation of the logarithm of the simulated latency."""
_PIECE = 4
_CHARS_PER_TOKEN = 4
_OPENINGS = ("Hello,", "Hi there,", "Good day,", "Dear customer,", "Thank you for writing to us.", "Thanks for asking.")
_MIDDLES = (
    "I am sorry that this gives you trouble.", "I have read what you wrote about {0} and {1}.",
    "A colleague who knows about {0} will look at it today.", "Could you tell us when {0} happened?",
    "Please have your details at hand, it makes {1} quicker.", "You need not do anything about {0} for now.",
    "Most questions about {1} are settled within a day.", "If {0} is urgent, our chat is open around the clock.",
)  # fmt: skip
_ENDINGS = ("Best wishes", "Kind regards", "All the best", "Have a good day", "Talk soon", "Yours, the support desk")


@dataclass(frozen=True, slots=True)
class Book:
    """What the simulated API says.

    Attributes:
        system: the system prompt that is answered with a label; every other one gets free text.
        labels: what is right, by message.
        instead: labels that it always confuses, and what it says in their place.
        latency_s: median of the simulated latency.
        documents: what stands in a document, by message; the system prompt is answered with these then, and where the
            request has a JSON Schema with the fields that it names alone.
    """

    system: str
    labels: dict[str, str]
    instead: dict[str, str] = field(default_factory=dict)
    latency_s: float = 0.1
    documents: dict[str, dict[str, Any]] = field(default_factory=dict)

    def answer(self, system: str, text: str, wanted: list[str] | None = None) -> str:
        """What it says to a message; of a document the fields *wanted*, all when None."""
        if system != self.system:
            return _letter(text)
        if self.documents:
            found = self.documents.get(text, {})
            return json.dumps({n: found.get(n) for n in wanted or found}, ensure_ascii=False)
        right = self.labels.get(text) or min(self.labels.values())
        return self.instead.get(right, right)


@dataclass
class LocalUpstream:
    """The running process, from outside."""

    base_url: str
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        """End it as a power failure would."""
        self.process.kill()
        self.process.wait(10)


@contextlib.contextmanager
def local_upstream(book: Book, folder: Path) -> Iterator[LocalUpstream]:
    """The API while the block runs; it ends with us, however we end.

    Args:
        book: what it says.
        folder: for a file that hands the book over.
    """
    file = folder / "upstream.json"
    file.write_text(json.dumps(asdict(book)), encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        port = listener.getsockname()[1]
        process = child("homegrown.cli.demo_upstream", str(listener.fileno()), str(file), pass_fds=(listener.fileno(),))
    try:
        # The socket listens already: a call that comes too early waits until the process takes it.
        yield LocalUpstream(f"http://127.0.0.1:{port}/v1", process)
    finally:
        end(process)


class _Api:
    def __init__(self, book: Book) -> None:
        self._book = book

    async def chat(self, request: Request) -> Response:
        """``POST /v1/chat/completions``."""
        try:
            asked = json.loads(await request.body())
            said = {str(m["role"]): str(m["content"]) for m in asked["messages"]}
        except (ValueError, KeyError, TypeError):
            return JSONResponse({"error": {"message": "This is no chat.", "type": "invalid_request_error"}}, 400)
        text = said.get("user", "")
        content = self._book.answer(said.get("system", ""), text, _wanted(asked))
        # By the message alone: asked again it takes as long, and says the same.
        await asyncio.sleep(self._book.latency_s * _drawn(text).lognormal(0.0, SPREAD))
        sent = sum(map(len, said.values())) // _CHARS_PER_TOKEN
        answered = len(content) // _CHARS_PER_TOKEN + 1
        usage = {"prompt_tokens": sent, "completion_tokens": answered, "total_tokens": sent + answered}
        head = {"id": f"chatcmpl-{SIMULATED}-{_digest(text)}", "created": 0, "model": asked.get("model", MODEL)}
        head["system_fingerprint"] = SIMULATED
        if asked.get("stream") is True:
            wants_usage = bool((asked.get("stream_options") or {}).get("include_usage"))
            return StreamingResponse(
                _events(head, content, usage if wants_usage else None), media_type="text/event-stream"
            )
        choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
        return JSONResponse({**head, "object": "chat.completion", "choices": [choice], "usage": usage})

    async def models(self, _: Request) -> Response:
        """``GET /v1/models``."""
        return JSONResponse({"object": "list", "data": [{"id": MODEL, "object": "model", "owned_by": SIMULATED}]})


def _wanted(asked: dict[str, Any]) -> list[str] | None:
    """The fields that the request's schema names; None without one."""
    try:
        return list(asked["response_format"]["json_schema"]["schema"]["properties"])
    except (KeyError, TypeError):
        return None


async def _events(head: dict[str, Any], content: str, usage: dict[str, int] | None) -> AsyncIterator[bytes]:
    def event(delta: dict[str, str], reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        return _event({**head, "object": "chat.completion.chunk", "choices": [choice]})

    yield event({"role": "assistant", "content": ""})
    for start in range(0, len(content), _PIECE):
        yield event({"content": content[start : start + _PIECE]})
    yield event({}, "stop")
    if usage is not None:
        yield _event({**head, "object": "chat.completion.chunk", "choices": [], "usage": usage})
    yield b"data: [DONE]\n\n"


def _event(document: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(document).encode() + b"\n\n"


def _letter(text: str) -> str:
    """Free text about a message: no two messages get the same."""
    rng = _drawn(text)
    words = [w for w in text.split() if len(w) > 3] or ["this"]
    chosen = rng.choice(_MIDDLES, size=int(rng.integers(2, 5)), replace=False)
    middles = [str(m).format(*rng.choice(words, size=2)) for m in chosen]
    return " ".join([str(rng.choice(_OPENINGS)), *middles, str(rng.choice(_ENDINGS))])


def _drawn(text: str) -> np.random.Generator:
    return np.random.default_rng(int(_digest(text), 16))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def main(descriptor: int, file: Path) -> None:
    """Serve on an inherited listening socket."""
    leave_with_parent()
    api = _Api(Book(**json.loads(file.read_text(encoding="utf-8"))))
    routes = [
        Route("/v1/chat/completions", api.chat, methods=["POST"]),
        Route("/v1/models", api.models),
    ]
    # The protocol must be named, or each answer waits for an acknowledgement that is delayed; see ``server``.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, fileno=descriptor)
    config = uvicorn.Config(Starlette(routes=routes), log_level="critical", access_log=False, backlog=512)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
