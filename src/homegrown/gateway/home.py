"""What a model of ours makes of one call, and its answer in the shape in which the upstream would have given it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import msgspec

from homegrown.core.traces import CallState, Captured, Wire, answer_of
from homegrown.gateway import chat, messages, responses
from homegrown.gateway.spoken import EVENTS, JSON
from homegrown.serve.fallback import Home
from homegrown.store.exits import Observed

if TYPE_CHECKING:
    from homegrown.gateway.exits import Exits, Loaded
    from homegrown.gateway.intake import Asked
    from homegrown.inference.answers import Answer
    from homegrown.serve.batcher import Batcher
    from homegrown.serve.fallback import Decision


class Turn:
    """One call of a prompt that a model of ours learned.

    Attributes:
        what: became of it: ``home``, ``audit``, ``spare``; or why the upstream answers: ``unsure``, ``shadow`` …
        said: what the model said; None where it was not asked yet.
        answer: that goes out, whole; with its bytes as *pieces*, and their content type.
    """

    def __init__(self, exits: Exits, loaded: Loaded, asked: Asked, text: str, trace_id: str, batcher: Batcher) -> None:
        self._exits, self._loaded, self._asked, self._batcher = exits, loaded, asked, batcher
        self.text, self._trace_id = text, trace_id
        self.what = "shadow"
        self.said: Answer | None = None
        self.seconds = 0.0
        self._decision: Decision | None = None
        self.answer: dict[str, Any] = {}
        self.pieces: list[bytes] = []
        self.kind = JSON

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

    def word(self, request: dict[str, Any]) -> None:
        """Put what the model said into the shape in which the upstream answers *request*, where it may go out."""
        if not self.is_sure:
            return
        content = self._loaded.exit.spellings[(self.said.label if self.said else None) or ""]
        self.answer, events = _worded(self._asked, request, self._trace_id, content, self.text, self.version_id)
        self.pieces = events if self._asked.is_stream else [msgspec.json.encode(self.answer)]
        self.kind = EVENTS if self._asked.is_stream else JSON

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
        call = Captured("", "gateway", self._asked.wire, "", CallState.WHOLE, {}, answer, "")
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


def _worded(
    asked: Asked, request: dict[str, Any], trace_id: str, content: str, text: str, version_id: str
) -> tuple[dict[str, Any], list[bytes]]:
    """An answer in the protocol of the call: whole, and as the events of a stream."""
    if asked.wire is Wire.RESPONSES:
        whole = responses.whole_of(request, trace_id, content, text)
        return whole, responses.events_of(whole)
    if asked.wire is Wire.MESSAGES:
        whole = messages.whole_of(asked.model, trace_id, content, text)
        return whole, messages.events_of(whole)
    whole = chat.whole_of(asked.model, trace_id, content, text, version_id)
    options = request.get("stream_options")
    has_usage = isinstance(options, dict) and options.get("include_usage") is True
    return whole, chat.events_of(whole, has_usage=has_usage)
