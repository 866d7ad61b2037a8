"""What models of ours make of one call, and their answer in the shape in which the upstream would have given it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from homegrown.core.object_exits import By
from homegrown.core.traces import CallState, Captured, Wire, answer_of, forced_tool
from homegrown.gateway import chat, messages, responses
from homegrown.gateway.parts import FIELDS, given_in, without
from homegrown.gateway.spoken import EVENTS, JSON
from homegrown.monitor.object_speaker import REST
from homegrown.serve.fallback import Home, Why
from homegrown.store.exits import Observed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from homegrown.gateway.exits import Exits
    from homegrown.gateway.intake import Asked
    from homegrown.gateway.loaded import Loaded, LoadedStage
    from homegrown.inference.speaker import FieldSaid, Said
    from homegrown.serve.batcher import Batcher
    from homegrown.serve.fallback import Decision

MODELS = "homegrown.models"
"""The tag that names the models of an answer given at home, where several gave it together."""


class Heard(NamedTuple):
    """What one stage said of the call, and what was decided about it; None where it was asked afterwards."""

    stage: LoadedStage
    said: Said
    seconds: float
    decision: Decision | None = None


class Turn:
    """One call of a prompt that models of ours learned.

    Attributes:
        what: became of it: ``home``, ``audit``, ``spare``; or why the upstream answers: ``unsure``, ``shadow`` …
        heard_of: what each stage said that was asked, in order.
        answer: that goes out, whole; with its bytes as *pieces*, and their content type.
        kept: fields of a document that are sure, where not all are; the upstream is asked for the rest by *part*.
    """

    def __init__(
        self, exits: Exits, loaded: Loaded, asked: Asked, text: str, trace_id: str, batcher: Batcher,
        tags: dict[str, str],
    ) -> None:  # fmt: skip
        self._exits, self._loaded, self._asked, self._batcher, self._tags = exits, loaded, asked, batcher, tags
        self.text, self._trace_id, self._request = text, trace_id, dict[str, Any]()
        self.what = "shadow"
        self.heard_of: list[Heard] = []
        self._is_sure = False
        self.kept: tuple[FieldSaid, ...] = ()
        self.part: dict[str, Any] | None = None
        self.answer: dict[str, Any] = {}
        self.pieces: list[bytes] = []
        self.kind = JSON

    @property
    def is_home(self) -> bool:
        """Whether the answer of ours goes out and nobody else is asked."""
        return self.what == "home"

    @property
    def is_sure(self) -> bool:
        """Whether the answer of ours may go out, though the upstream is asked as well."""
        return self._is_sure

    @property
    def model(self) -> str:
        """Who answers, for the header."""
        return self.heard_of[-1].stage.config.model

    @property
    def version_id(self) -> str:
        """Of the model that answers; of several together the first one's."""
        return self.heard_of[-1].stage.config.version_id

    async def ask(self, *, may_check: bool) -> None:
        """Ask one stage after the other until one is sure, and let each say who answers.

        Args:
            may_check: whether the upstream may be asked as well, to check an answer.
        """
        chain, at = self._loaded.chain, self._loaded.chain.after(-1)
        while at is not None:
            stage = self._loaded.stages[at]
            said, seconds = await self._say(stage)
            decision = stage.decide(said)
            self.heard_of.append(Heard(stage, said, seconds, decision))
            if isinstance(decision.outcome, Home):
                self.what = "audit" if decision.audit and may_check else "home"
                self._is_sure = True
                return
            self.what = decision.outcome.reason.value
            at = chain.after(at) if stage.passes_on(said) else None
            if at is None and stage.stage.fallen is not None and chain.why() is None:
                self.what = "fallen"  # others answer still, so that such calls are no plain sample

    def keep_part(self, request: dict[str, Any]) -> None:
        """Where only some fields are sure: have the upstream asked for the others alone, if the request can say so.

        As often as whole answers are, the upstream is asked for all of it, to check them.
        """
        object, stage = self._loaded.exit.object, self.heard_of[-1].stage
        threshold = stage.stage.policy.threshold
        if object is None or object.by is not By.FIELD or self.what != Why.UNSURE.value or threshold is None:
            return
        sure = tuple(f for f in self.heard_of[-1].said.fields if f.confidence > threshold)
        part = without(request, [f.name for f in sure]) if sure else None
        if part is None:
            return
        self.kept, self._request = sure, request
        if stage.rng.random() < self._loaded.exit.audit_share:
            self.what = "audit"
            return
        self.part, self.what = part, "part"
        self._tags[FIELDS] = ", ".join(f.name for f in sure)

    def refuse_part(self) -> None:
        """The upstream did not give the rest; it is asked for all."""
        self.part, self.kept, self.what = None, (), Why.UNSURE.value
        self._tags.pop(FIELDS, None)

    def join(self, answer: dict[str, Any]) -> bool:
        """Put the upstream's fields beside ours; False where it did not give them all."""
        last, object = self.heard_of[-1], self._loaded.exit.object
        speaker = last.stage.objects
        if self.part is None or speaker is None or object is None:
            return False
        kept = {f.name for f in self.kept}
        theirs = given_in(self._asked.wire, self.part, answer, [n for n in object.order if n not in kept])
        if theirs is None:
            return False
        content = speaker.content(last.said, theirs)
        self._give(content, usage=answer.get("usage"))
        return True

    async def ask_afterwards(self) -> None:
        """The upstream has answered. In the shadow every stage is heard; of the rest, as many as would have been."""
        for stage in self._loaded.stages:
            said, seconds = await self._say(stage)
            self.heard_of.append(Heard(stage, said, seconds))
            if self.what == "rest" and not stage.passes_on(said):
                return

    async def _say(self, stage: LoadedStage) -> tuple[Said, float]:
        started = time.perf_counter()
        said = (await self._batcher.submit(stage.run, [self.text]))[0]
        return said, time.perf_counter() - started

    def settle(self, what: str) -> None:
        """That is what becomes of it; after a fault no answer of ours goes out."""
        self.what = what
        if what == "problem":
            self._is_sure = False
        *before, last = [h.stage.config.model for h in self.heard_of] or [self._loaded.stages[0].config.model]
        for model in before:
            self._exits.count(self._loaded, model, "passed_on")
        self._exits.count(self._loaded, last, what)
        if self.is_home:
            self._name_models()

    def stands_in(self) -> str:
        """The upstream was asked and failed; the answer of ours goes out."""
        self.what = "spare"
        self._exits.count(self._loaded, self.model, self.what)
        self._name_models()
        return self.what

    def _name_models(self) -> None:
        if len(self.heard_of[-1].stage.config.parts) > 1:
            self._tags[MODELS] = self.model

    def word(self, request: dict[str, Any]) -> None:
        """Put what the models said into the shape in which the upstream answers *request*, where it may go out."""
        self._request = request
        if not self.is_sure:
            return
        last = self.heard_of[-1]
        speaker = last.stage.objects
        if speaker is not None:
            content = speaker.content(last.said)
        else:
            content = self._loaded.exit.content(last.stage.config, last.said.classes)
        self._give(content)

    def _give(self, content: str, usage: Any = None) -> None:
        self.answer, events = _worded(
            self._asked, self._request, self._trace_id, content, self.text, self.version_id, usage
        )
        self.pieces = events if self._asked.is_stream else [msgspec.json.encode(self.answer)]
        self.kind = EVENTS if self._asked.is_stream else JSON

    def heard(self, answer: dict[str, Any] | None, *, is_kept: bool) -> None:
        """The upstream's whole answer is there; where no model was asked yet they are now, and nobody waits."""
        if self.part is not None:
            return  # a part of it is ours
        if not self.heard_of:
            self._exits.later(self._loaded, self, answer, is_kept=is_kept)
            return
        with self._exits.harmless(self._loaded):
            self.compare(answer, is_kept=is_kept)

    def compare(self, answer: dict[str, Any] | None, *, is_kept: bool) -> None:
        """Hold what was said here against the upstream's answer."""
        request = self._request or msgspec.json.decode(self._asked.text)
        call = Captured("", "gateway", self._asked.wire, "", CallState.WHOLE, request, answer, "")
        if self._loaded.exit.object is not None:
            for row in self._compared(answer_of(call)):
                if is_kept:
                    self._exits.note(row)
            return
        labels = self._loaded.prompt.labels_of(answer_of(call))
        rows: dict[str, Observed] = {}
        for stage, said, seconds, decision in self.heard_of:
            theirs = [part.class_of(found) for part, found in zip(stage.config.parts, labels, strict=True)]
            wrong, weight = tuple(theirs) != said.classes, None
            if decision is not None and decision.audit:
                weight = 1.0 / self._loaded.exit.audit_share
                stage.observe(wrong, decision.epoch)
            elif self.what == "rest" and stage.stage.refusal(said.confidence, said.in_scope) is None:
                stage.observe(wrong, stage.stage.epoch)
            for part, ours, there, prob in zip(stage.config.parts, said.classes, theirs, said.probs, strict=True):
                row = Observed(self._trace_id, part.version_id, ours, there, prob, seconds, weight)
                rows.setdefault(part.version_id, row)
        if is_kept:
            for row in rows.values():
                self._exits.note(row)

    def _compared(self, answer: str | None) -> Iterator[Observed]:
        """Hold a document against the upstream's, field by field; its words are not kept."""
        for stage, said, seconds, decision in self.heard_of:
            speaker = stage.objects
            if speaker is None:
                continue
            differing = speaker.differing(self.text, speaker.heard(self.text, answer), said)
            by = self._loaded.exit.object.by if self._loaded.exit.object is not None else By.DOCUMENT
            wrong = float(bool(differing))
            if by is By.FIELD:
                given = self.kept or said.fields
                n_wrong = len({f.name for f in given} & set(differing)) + (not self.kept and REST in differing)
                alpha, n = self._loaded.exit.alpha, len(said.fields)
                # Its mean is above alpha exactly where more than alpha of all fields that are given differ.
                wrong = min(1.0, alpha + (n_wrong - alpha * len(given)) / n)
            weight = None
            if decision is not None and (decision.audit or (self.kept and self.what == "audit")):
                weight = 1.0 / self._loaded.exit.audit_share
                stage.observe(wrong, decision.epoch)
            elif self.what == "rest" and stage.stage.refusal(said.confidence, said.in_scope) is None:
                stage.observe(wrong, stage.stage.epoch)
            told = {f.name: [f.name not in differing, round(f.prob, 6)] for f in said.fields}
            text, sure = msgspec.json.encode(told).decode(), max(said.confidence, 0.0)
            yield Observed(
                self._trace_id, stage.config.version_id, text, None, sure, seconds, weight, not differing
            )  # fmt: skip


def _worded(
    asked: Asked,
    request: dict[str, Any],
    trace_id: str,
    content: str,
    text: str,
    version_id: str,
    usage: Any = None,
) -> tuple[dict[str, Any], list[bytes]]:
    """An answer in the protocol of the call, whole and as the events of a stream; where one must, it calls a tool."""
    forced = forced_tool(request)
    tool = forced["name"] if forced is not None else None
    paid = {"usage": usage} if usage else {}
    if asked.wire is Wire.RESPONSES:
        whole = responses.whole_of(request, trace_id, content, text, tool=tool) | paid
        return whole, responses.events_of(whole)
    if asked.wire is Wire.MESSAGES:
        whole = messages.whole_of(asked.model, trace_id, content, text, tool=tool) | paid
        return whole, messages.events_of(whole)
    whole = chat.whole_of(asked.model, trace_id, content, text, version_id) | paid
    if tool is not None:
        whole = chat.as_tool_call(whole, tool, is_named=isinstance(request.get("tool_choice"), dict))
    options = request.get("stream_options")
    has_usage = isinstance(options, dict) and options.get("include_usage") is True
    return whole, chat.events_of(whole, has_usage=has_usage)
