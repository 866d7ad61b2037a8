"""What a model of ours makes of one call, and its answer in the shape in which the upstream would have given it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import msgspec

from homegrown.core.traces import CallState, Captured, Wire, answer_of
from homegrown.gateway import chat
from homegrown.serve.fallback import Home
from homegrown.store.exits import Observed

if TYPE_CHECKING:
    from homegrown.gateway.exits import Exits, Loaded
    from homegrown.gateway.intake import Asked
    from homegrown.inference.answers import Answer
    from homegrown.serve.batcher import Batcher
    from homegrown.serve.fallback import Decision

EVENTS = "text/event-stream"


class Turn:
    """One call of a prompt that a model of ours learned.

    Attributes:
        what: became of it: ``home``, ``audit``, ``spare``; or why the upstream answers: ``unsure``, ``shadow`` …
        said: what the model said; None where it was not asked yet.
        answer: that goes out, whole; with its bytes as *pieces*, and their content type.
    """

    def __init__(self, exits: Exits, loaded: Loaded, text: str, trace_id: str, batcher: Batcher) -> None:
        self._exits, self._loaded, self._batcher = exits, loaded, batcher
        self.text, self._trace_id = text, trace_id
        self.what = "shadow"
        self.said: Answer | None = None
        self.seconds = 0.0
        self._decision: Decision | None = None
        self.answer: dict[str, Any] = {}
        self.pieces: list[bytes] = []
        self.kind = "application/json"

    @property
    def is_home(self) -> bool:
        """Whether the model's answer goes out and nobody else is asked."""
        return self.what == "home"

    @property
    def is_sure(self) -> bool:
        """Whether the model's answer may go out, though the upstream is asked as well."""
        return self._decision is not None and isinstance(self._decision.outcome, Home)

    @property
    def model(self) -> str:
        """Who answers, for the header."""
        return self._loaded.exit.model

    @property
    def version_id(self) -> str:
        """Of the model."""
        return self._loaded.exit.version_id

    async def ask(self) -> None:
        """Have the model answer."""
        started = time.perf_counter()
        self.said = (await self._batcher.submit(self._loaded.run, [self.text]))[0]
        self.seconds = time.perf_counter() - started

    def decide(self) -> None:
        """Let the stage say who answers, now that the model has."""
        if self.said is None:
            return
        decision = self._decision = self._loaded.decide(self.said)
        if not isinstance(decision.outcome, Home):
            self.what = decision.outcome.reason.value
        else:
            self.what = "audit" if decision.audit else "home"

    def settle(self, what: str) -> None:
        """That is what becomes of it; after a fault the model's answer goes out in no case."""
        self.what = what
        if what == "problem":
            self._decision = None

    def stands_in(self) -> str:
        """The upstream was asked and failed; the model's answer goes out."""
        self.what = "spare"
        self._exits.count(self._loaded, self.what)
        return self.what

    async def word(self, asked: Asked) -> None:
        """Put what the model said into the shape in which the upstream answers, where it may go out."""
        if not self.is_sure:
            return
        content = self._loaded.exit.spellings[(self.said.label if self.said else None) or ""]
        base = {
            "id": f"chatcmpl-{self._trace_id}", "created": int(time.time()), "model": asked.model,
            "system_fingerprint": self.version_id,
        }  # fmt: skip
        usage = chat.count(self.text)
        self.answer = chat.whole_of(base, content, None, usage)
        self.pieces = [msgspec.json.encode(self.answer)]
        if not asked.is_stream:
            return
        options = msgspec.json.decode(asked.body).get("stream_options")
        wants = isinstance(options, dict) and options.get("include_usage") is True
        self.pieces = [e async for e in chat.stream_of(base, content, None, usage if wants else None)]
        self.kind = EVENTS

    def heard(self, answer: dict[str, Any] | None, *, is_kept: bool) -> None:
        """The upstream's whole answer is there; where the model was not asked yet it is now, and nobody waits."""
        if self.said is None:
            self._exits.later(self._loaded, self, answer, is_kept=is_kept)
            return
        with self._exits.harmless(self._loaded):
            self.compare(answer, is_kept=is_kept)

    def compare(self, answer: dict[str, Any] | None, *, is_kept: bool) -> None:
        """Hold the model's answer against the upstream's."""
        if self.said is None:
            return
        call = Captured("", "gateway", Wire.CHAT, "", CallState.WHOLE, {}, answer, "")
        theirs, ours = self._loaded.prompt.class_of(answer_of(call)), self.said.label
        weight, wrong = None, ours is None or ours != theirs
        if self._decision is not None and self._decision.audit:
            weight = 1.0 / self._loaded.exit.audit_share
            self._loaded.observe(wrong, self._decision.epoch)
        elif self.what == "rest":
            self._loaded.check(self.said, wrong)
        if is_kept:
            row = Observed(self._trace_id, self.version_id, ours, theirs, self.said.prob, self.seconds, weight)
            self._exits.note(row)
