"""A model API that speaks OpenAI's chat protocol, in a process of its own, with faults on demand.

It labels by words that records share with the names, descriptions and examples of the classes, and fills fields by what
stands in a text as ``name: value;``, so that its answers are known beforehand. Faults are used up one per call, in the
order in which they were planned:

    429 or 429:SECONDS or 429@DATE   too many requests, with that Retry-After
    500, 503, 401 …                  that status
    silent                           the head of an answer never comes
    slow:SECONDS                     a good answer, late
    drip                             five bytes a second
    cut                              half of the body, then the connection ends
    reset                            the connection ends before an answer
    bad-json                         a chat answer whose content is no JSON
    no-json                          no chat answer at all
    wrong-class                      a class that the task does not have
    wrong-shape                      JSON of another shape
    missing                          the first record has no answer
    obey                             does what an instruction inside a record says
    huge                             more bytes than anybody wants
    redirect:URL                     sends on to another address
    no-usage                         does not say how many tokens it counted
    no-schema                        refuses response_format, as older servers do
    almost                           a document with a fence, commas, comments and Python's words
    bare                             the first record's document alone
    invent                           a document with values that stand nowhere

Example:
    >>> with fake_upstream() as upstream:  # doctest: +SKIP
    ...     upstream.plan("429:1", "cut")
    ...     ws.add_upstream("fake", upstream.base_url, model="toy", private=True)
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import re
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from homegrown.testing.upstream_objects import asks_for_documents, documents

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

PROB = 0.9
_WORD = re.compile(r"[a-z]{3,}")
_CLASS = re.compile(r"^- (.+?)(?:: (.*))?$")


@dataclass
class Fake:
    """What the server knows and remembers."""

    faults: list[str] = field(default_factory=list)
    always: str = ""
    delay_s: float = 0.0
    calls: list[dict[str, Any]] = field(default_factory=list)
    n_open: int = 0
    most_open: int = 0

    async def chat(self, request: Request) -> Response:
        """``POST /v1/chat/completions``."""
        raw = await request.body()
        fault = self.faults.pop(0) if self.faults else self.always
        headers = {k: v for k, v in request.headers.items() if k != "host"}
        self.calls.append({"headers": headers, "body": json.loads(raw), "fault": fault, "at": time.time()})
        self.n_open += 1
        self.most_open = max(self.most_open, self.n_open)
        try:
            await asyncio.sleep(self.delay_s)
            return await _answer(json.loads(raw), fault)
        finally:
            self.n_open -= 1

    async def control(self, request: Request) -> Response:
        """``GET`` what was asked, ``POST`` what to do next."""
        if request.method == "POST":
            for name, value in (await request.json()).items():
                setattr(self, name, value)
        return JSONResponse({"calls": self.calls, "n_open": self.n_open, "most_open": self.most_open})


async def _answer(body: dict[str, Any], fault: str) -> Response:
    kind, _, detail = fault.partition(":")
    if kind.partition("@")[0].isdigit():
        return _status(fault)
    if kind == "no-schema" and "response_format" in body:
        return JSONResponse({"error": {"message": "Unrecognized request argument: response_format"}}, 400)
    if kind in ("silent", "slow"):
        await asyncio.sleep(float(detail or 3600))
    if kind == "redirect":
        return Response(status_code=307, headers={"location": detail})
    if kind == "no-json":
        return Response(b"<html>maintenance</html>", media_type="text/html")
    if kind == "reset":
        return StreamingResponse(_broken(b""), media_type="application/json")
    whole = json.dumps(_completion(body, kind)).encode()
    if kind == "cut":
        return StreamingResponse(_broken(whole[: len(whole) // 2]), media_type="application/json")
    if kind == "drip":
        return StreamingResponse(_dripping(whole), media_type="application/json")
    if kind == "huge":
        return Response(whole + b" " * (9 << 20), media_type="application/json")
    return Response(whole, media_type="application/json")


def _status(fault: str) -> Response:
    status, mark, after = re.fullmatch(r"(\d+)([:@]?)(.*)", fault).groups()  # type: ignore[union-attr]
    headers = {"retry-after": after} if mark else {}
    return JSONResponse({"error": {"message": "as planned"}}, int(status), headers)


async def _broken(start: bytes) -> AsyncIterator[bytes]:
    if start:
        yield start
        await asyncio.sleep(0.05)
    raise ConnectionResetError("as planned")


async def _dripping(whole: bytes) -> AsyncIterator[bytes]:
    for i in range(len(whole)):
        yield whole[i : i + 1]
        await asyncio.sleep(0.2)


def _completion(body: dict[str, Any], kind: str) -> dict[str, Any]:
    content = _content(body, kind)
    finish = "stop"
    if kind == "bad-json":
        content, finish = content[: len(content) // 2], "length"
    message = {"role": "assistant", "content": content}
    choice: dict[str, Any] = {"index": 0, "message": message, "finish_reason": finish}
    pieces = re.findall(r"\w+|\W", content)
    if body.get("logprobs"):
        logprobs = [{"token": p, "logprob": math.log(PROB) if p.isalnum() else 0.0} for p in pieces]
        choice["logprobs"] = {"content": logprobs}
    sent = sum(len(m["content"]) for m in body["messages"]) + len(json.dumps(body.get("response_format", "")))
    usage = {"prompt_tokens": sent // 4, "completion_tokens": len(content) // 4}
    done = {"id": "chatcmpl-1", "object": "chat.completion", "model": body["model"], "choices": [choice]}
    return done if kind == "no-usage" else {**done, "usage": usage}


def _content(body: dict[str, Any], kind: str) -> str:
    system, user = (m["content"] for m in body["messages"][:2])
    records = json.loads(user)["records"]
    if asks_for_documents(system):
        return documents(system, records, kind)
    known = _classes(system)
    name = "classes" if '"classes":' in system else "class"
    answers = []
    for record in records:
        said = _best(known, record["text"])
        if kind == "wrong-class":
            said = "no such class"
        if kind == "obey" and "ignore" in record["text"].lower():
            said = "pwned"
        answers.append({"n": record["n"], name: [said] if name == "classes" else said})
    if kind == "missing":
        answers = answers[1:]
    if kind == "wrong-shape":
        return json.dumps({"labels": {str(a["n"]): a[name] for a in answers}})
    return json.dumps({"answers": answers})


def _classes(system: str) -> dict[str, set[str]]:
    """Names of the classes in a prompt of ours, with the words that speak for each."""
    found: dict[str, set[str]] = {}
    last = ""
    for line in system.splitlines():
        named = _CLASS.match(line)
        if named:
            last = named[1]
            found[last] = set(_WORD.findall(line.lower()))
        elif line.startswith("  example:") and last:
            found[last] |= set(_WORD.findall(line.lower())) - {"example"}
    return found


def _best(known: dict[str, set[str]], text: str) -> str:
    said = set(_WORD.findall(text.lower()))
    best = max(known, key=lambda name: len(known[name] & said))
    return best if known[best] & said else "(unsure)"


@dataclass
class FakeUpstream:
    """The running server, from outside."""

    origin: str
    process: subprocess.Popen[str]

    @property
    def base_url(self) -> str:
        """What is registered."""
        return f"{self.origin}/v1"

    def plan(self, *faults: str, always: str = "", delay_s: float = 0.0) -> None:
        """What the next calls meet, one each; *always* after them; *delay_s* before each answer."""
        self._control({"faults": list(faults), "always": always, "delay_s": delay_s})

    def forget(self) -> None:
        """Empty its memory."""
        self._control({"calls": [], "most_open": 0})

    def seen(self) -> list[dict[str, Any]]:
        """Every call: ``headers``, ``body``, ``fault``, ``at``."""
        return self._control()["calls"]

    def n_open(self) -> int:
        """Calls that are under way."""
        return self._control()["n_open"]

    def most_open(self) -> int:
        """Calls that were under way at once, at most."""
        return self._control()["most_open"]

    def _control(self, told: dict[str, Any] | None = None) -> dict[str, Any]:
        with httpx.Client(timeout=10, trust_env=False) as client:
            url = f"{self.origin}/control"
            return (client.get(url) if told is None else client.post(url, json=told)).raise_for_status().json()


@contextlib.contextmanager
def fake_upstream() -> Iterator[FakeUpstream]:
    """The server in a second process, stopped at the end of the block."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    command = [sys.executable, "-m", "homegrown.testing.upstream", str(listener.fileno())]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    process = subprocess.Popen(command, pass_fds=[listener.fileno()], env=env, text=True, stderr=subprocess.DEVNULL)
    listener.close()
    try:
        found = FakeUpstream(f"http://127.0.0.1:{port}", process)
        found.forget()  # the socket listens already: this waits until somebody answers
        yield found
    finally:
        process.terminate()
        process.wait(10)


def main(descriptor: int) -> None:
    """Serve on an inherited listening socket."""
    fake = Fake()
    routes = [
        Route("/v1/chat/completions", fake.chat, methods=["POST"]),
        Route("/control", fake.control, methods=["GET", "POST"]),
    ]
    config = uvicorn.Config(Starlette(routes=routes), log_level="critical", timeout_graceful_shutdown=1)
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=descriptor)])


if __name__ == "__main__":
    main(int(sys.argv[1]))
