"""The program that ``homegrown demo exit`` finds in place: it calls a model API, and knows nothing of homegrown.

It is a process of its own and gets lists of calls from the demo, as a real one gets them from its users. It sends each
by plain HTTP to one address with one key, and writes down what it got.

Example:
    >>> with existing_script(folder) as script:  # doctest: +SKIP
    ...     got = script.send(bodies, "http://127.0.0.1:8700/v1", key, at_once=8)
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homegrown.cli.demo_child import child, end
from homegrown.core.upstreams import Origin, origin_of
from homegrown.errors import HomegrownError
from homegrown.inference.outbound import Limits, Outbound, Phases

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from homegrown.inference.outbound import Door

WITHIN_S = 60.0
_TOLD_EVERY = 50


@dataclass(frozen=True, slots=True)
class Got:
    """What the script got for a call.

    Attributes:
        said: the text of the answer; None where there was none.
        seconds: from the request to the last byte.
        error: the sentence that came in place of an answer.
    """

    said: str | None
    status: int
    seconds: float
    error: str = ""


@dataclass
class Script:
    """The running script, from outside."""

    process: subprocess.Popen[bytes]
    folder: Path

    def send(
        self,
        bodies: Sequence[dict[str, Any]],
        base_url: str,
        key: str,
        *,
        at_once: int,
        told: Callable[[int], None] = lambda _: None,
    ) -> list[Got]:
        """Have it make calls, so many at once; what it got, in their order.

        Args:
            bodies: of chat completions.
            base_url: up to and with the version.
            key: that goes with each call.
            at_once: calls under way.
            told: hears how many more are done.

        Raises:
            HomegrownError: the script ended.
        """
        job = self.folder / "calls.json"
        # The key goes by the pipe, not by the file.
        job.write_text(json.dumps({"base_url": base_url, "at_once": at_once, "bodies": list(bodies)}), encoding="utf-8")
        if self.process.stdin is None or self.process.stdout is None:
            raise HomegrownError("The script was started without its pipes.")
        self.process.stdin.write(json.dumps({"job": str(job), "key": key}).encode() + b"\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            n = int(line)
            if n == 0:
                return [Got(**one) for one in json.loads((self.folder / "got.json").read_text(encoding="utf-8"))]
            told(n)
        raise HomegrownError("The script of the demo ended before its calls were answered.")


@contextlib.contextmanager
def existing_script(folder: Path) -> Iterator[Script]:
    """The script while the block runs; it ends with us."""
    process = child("homegrown.cli.demo_script", stdout=subprocess.PIPE)
    try:
        yield Script(process, folder)
    finally:
        end(process)


async def _all(job: dict[str, Any], key: str) -> list[Got]:
    origin = origin_of(job["base_url"], is_private=True)
    path = "/" + job["base_url"].split("/", 3)[3] + "/chat/completions"
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    left = iter(list(enumerate(job["bodies"])))
    found: dict[int, Got] = {}
    # To this machine: nothing leaves, offline or not.
    outbound = Outbound((origin,), Limits(total_s=WITHIN_S), n_connections=job["at_once"], closed=lambda: False)
    async with outbound.open() as out:

        async def work() -> None:
            for number, body in left:
                found[number] = await _one(out, origin, path, headers, body)
                if len(found) % _TOLD_EVERY == 0:
                    _tell(_TOLD_EVERY)

        await asyncio.gather(*(work() for _ in range(job["at_once"])))
    return [found[i] for i in range(len(found))]


async def _one(out: Door, origin: Origin, path: str, headers: dict[str, str], body: dict[str, Any]) -> Got:
    content, started = json.dumps(body).encode(), time.perf_counter()
    try:
        if body.get("stream"):
            async with out.stream(
                "POST", origin, path, headers=headers, body=content, phases=Phases(total_s=WITHIN_S)
            ) as answer:
                status, raw = answer.status, await answer.read(1 << 20)
        else:
            reply = await out.send("POST", origin, path, headers=headers, body=content)
            status, raw = reply.status, reply.body
    except HomegrownError as error:
        return Got(None, 0, time.perf_counter() - started, error.message)
    seconds = time.perf_counter() - started
    if status != HTTPStatus.OK:
        return Got(None, status, seconds, _error(raw))
    return Got(_streamed(raw) if body.get("stream") else _whole(raw), status, seconds)


def _tell(n: int) -> None:
    """So many more calls are done; 0: all of them, and their answers are written."""
    sys.stdout.write(f"{n}\n")
    sys.stdout.flush()


def _whole(raw: bytes) -> str:
    return json.loads(raw)["choices"][0]["message"]["content"]


def _streamed(raw: bytes) -> str:
    said = []
    for line in raw.decode().split("\n"):
        if line.startswith("data: {"):
            said += [c["delta"].get("content") or "" for c in json.loads(line[6:])["choices"]]
    return "".join(said)


def _error(raw: bytes) -> str:
    try:
        return str(json.loads(raw)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return raw[:200].decode(errors="replace")


def main() -> None:
    """Make the calls of each list that is named on standard input, until it closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for line in sys.stdin:
        told = json.loads(line)
        file = Path(told["job"])
        got = asyncio.run(_all(json.loads(file.read_text(encoding="utf-8")), told["key"]))
        document = [{"said": g.said, "status": g.status, "seconds": g.seconds, "error": g.error} for g in got]
        file.with_name("got.json").write_text(json.dumps(document), encoding="utf-8")
        _tell(0)


if __name__ == "__main__":
    main()
