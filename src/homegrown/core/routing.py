"""Where a call of the gateway goes, what may leave with it, and what is kept of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec

from homegrown.core.object_exits import ObjectExit  # an exit is read from disk by its types
from homegrown.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

DEFAULT_ROUTE = "default"
"""The route of every name that has no route of its own."""
ANY_MODEL = "*"
"""As the model of an upstream: whatever the caller names; its prices hold for all of them."""
NEVER = -1.0
"""The confidence of an answer that a model may not give at home, however sure it is."""
_LONGEST_S = 3600.0
_LONGEST_CACHE_S = 7 * 86_400.0


class Leaves(StrEnum):
    """What may leave: all; all but personal data, which is put back into the answer; nothing; or no call at all."""

    ALLOW = "allow"
    MASK = "mask"
    HOME = "home"
    REFUSE = "refuse"


class CaptureMode(StrEnum):
    """``DURABLE``: a call is noted before the upstream is called, its row whole before the answer's last byte goes.

    ``SYNCED``: the same, and the note is on the disk before the call leaves: a power cut too leaves none unknown.
    ``FAST``: rows are written a moment later; a kill loses at most those of the last second, and they are counted.
    """

    DURABLE = "durable"
    SYNCED = "synced"
    FAST = "fast"


class Target(msgspec.Struct, frozen=True):
    """An upstream, and the model to ask it for; None asks for what the caller named."""

    upstream_id: str
    model: str | None = None


class ExitMode(StrEnum):
    """``HOME``: a model of ours answers what it is sure of. ``SHADOW``: it answers silently, the caller never waits."""

    HOME = "home"
    SHADOW = "shadow"


class ExitPart(msgspec.Struct, frozen=True, kw_only=True):
    """A model that gives one part of the answers: the whole, or a field of a JSON document.

    Attributes:
        field: its name in the answers; empty for the whole answer.
        version_id: of the model. Another version needs a calibration of its own.
        model: the version's name, as the answer's header has it: ``intent@3``.
        is_many: an answer is a set of classes.
        labels: the model's class by the label that the upstream says; empty for none of these; None where that is
            nothing that the model can say.
        spellings: what the upstream says, to the letter, by what the model says (``class_of``).
    """

    field: str = ""
    version_id: str
    model: str
    is_many: bool = False
    labels: dict[str, str | None]
    spellings: dict[str, str]

    def class_of(self, labels: Sequence[str] | None) -> str | None:
        """What the model would have to say to mean the same; None where it cannot, or where nothing was understood.

        Example:
            >>> part = ExitPart(version_id="v", model="m@1", labels={"Card": "cards", "other": ""}, spellings={})
            >>> part.class_of(["Card"]), part.class_of(["other"]), part.class_of(["Fee"])
            ('cards', '', None)
        """
        found = None if labels is None else [self.labels.get(label) for label in labels]
        if found is None or any(c is None for c in found):
            return None
        classes = [c for c in found if c]
        return set_of(classes) if self.is_many else (classes[0] if classes else "")


class ExitStage(msgspec.Struct, frozen=True, kw_only=True):
    """Models that answer together: one, or one for each field of a document.

    Attributes:
        stage_id: what was observed of it is kept under this.
        threshold: it answers where its confidence is above; None: never.
        delta: its share of the chance that the promise is wrong.
        usual: what calls looked like at calibration, plain values; None: drift is not watched.
    """

    stage_id: str
    parts: tuple[ExitPart, ...]
    threshold: float | None
    delta: float
    usual: dict[str, Any] | None = None

    @property
    def model(self) -> str:
        """Who answers, as the answer's header has it: ``intent@3``, ``intent@3+urgency@1``."""
        return "+".join(p.model for p in self.parts)

    @property
    def version_id(self) -> str:
        """Of its first model."""
        return self.parts[0].version_id


class Exit(msgspec.Struct, frozen=True, kw_only=True):
    """Models of ours that answer calls of one prompt in the upstream's place.

    Attributes:
        exit_id: of this calibration.
        template_id: of the prompt.
        wordings: keys of the prompt's wordings that were calibrated on; others go to the upstream.
        stages: asked in this order, the upstream behind the last.
        form: what stands round the values of the fields, as the upstream writes it: one text more than fields.
        order: fields in the order of the form.
        rest: the other fields of its documents, which are always the same, as canonical JSON; empty without any.
        alpha: disagreement with the upstream that is borne among all their answers.
        delta: chance that this promise is wrong.
        audit_share: chance of each of their answers to be checked by asking the upstream as well.
        share: of the calls that they answer at all; the rest goes to the upstream.
        object: how a model of objects answers; None for models of classes, whose answers ``form`` and their like write.
    """

    exit_id: str
    template_id: str
    wordings: tuple[str, ...]
    mode: ExitMode
    stages: tuple[ExitStage, ...]
    form: tuple[str, ...] = ("", "")
    order: tuple[str, ...] = ("",)
    rest: str = ""
    alpha: float
    delta: float
    audit_share: float
    share: float = 1.0
    object: ObjectExit | None = None

    @property
    def model(self) -> str:
        """Who answers, in order: ``quick@1, large@2``."""
        return ", ".join(s.model for s in self.stages)

    @property
    def version_id(self) -> str:
        """Of the first model."""
        return self.stages[0].version_id

    @property
    def threshold(self) -> float | None:
        """Of the first stage."""
        return self.stages[0].threshold

    @property
    def fields(self) -> tuple[str, ...]:
        """That the models give, in the order of their parts."""
        return tuple(p.field for p in self.stages[0].parts)

    def content(self, stage: ExitStage, classes: Sequence[str]) -> str:
        """What the upstream would have written, given what each of the stage's models says.

        Example:
            >>> part = ExitPart(field="wish", version_id="v", model="m@1", labels={}, spellings={"cards": '"Card"'})
            >>> stage = ExitStage(stage_id="s", parts=(part,), threshold=0.5, delta=0.05)
            >>> document = {"form": ('{"wish": ', "}"), "order": ("wish",)}
            >>> rest = {"exit_id": "e", "template_id": "t", "wordings": (), "mode": ExitMode.HOME, "alpha": 0.02}
            >>> Exit(stages=(stage,), delta=0.05, audit_share=0.02, **document, **rest).content(stage, ["cards"])
            '{"wish": "Card"}'
        """
        said = {p.field: p.spellings[c] for p, c in zip(stage.parts, classes, strict=True)}
        written = [self.form[0]]
        for field, after in zip(self.order, self.form[1:], strict=True):
            written += (said[field], after)
        return "".join(written)


def set_of(classes: Iterable[str]) -> str:
    """Several classes as one: equal sets are equal texts.

    Example:
        >>> set_of(["b", "a", "b"])
        '["a","b"]'
    """
    return msgspec.json.encode(sorted(set(classes))).decode()


class RouteConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What a route does.

    Attributes:
        targets: asked in order: the first, and those to fall back to.
        leaves: what may leave.
        capture: how safely calls are kept.
        sample: share of the calls that is kept, 0 to 1.
        keep_days: kept calls older than this are deleted; None keeps them.
        mask_kept: whether personal data is masked in what is kept.
        connect_s: longest wait for a connection.
        first_byte_s: longest wait from there to the head of the answer.
        between_s: longest wait between two pieces of it.
        total_s: longest time for the whole.
        retry_s: how long a call may wait in all to be sent again.
        max_open: calls under way at once; None for no limit of its own.
        cache_s: for so many seconds the same request of the same caller gets the answer that there was; None: never.
        cache_shared: whether callers get one another's answers.
        cache_any_temperature: whether answers that are drawn by chance (a temperature that is not 0) are kept too.
        exit: what is answered at home in the upstreams' place; None for nothing.
        earlier: what answered before it, the newest last, to go back to.
    """

    targets: tuple[Target, ...] = ()
    leaves: Leaves = Leaves.ALLOW
    capture: CaptureMode = CaptureMode.DURABLE
    sample: float = 1.0
    keep_days: float | None = None
    mask_kept: bool = False
    connect_s: float = 10.0
    first_byte_s: float = 120.0
    between_s: float = 60.0
    total_s: float = 900.0
    retry_s: float = 5.0
    max_open: int | None = None
    cache_s: float | None = None
    cache_shared: bool = False
    cache_any_temperature: bool = False
    exit: Exit | None = None
    earlier: tuple[Exit, ...] = ()

    def stage_ids(self) -> set[str]:
        """Under which it is kept what was observed of those that answer at home, and of those before them."""
        exits = (*self.earlier, self.exit) if self.exit is not None else self.earlier
        return {stage.stage_id for e in exits for stage in e.stages}

    def check(self) -> None:
        """Refuse what makes no sense, with the reason.

        Raises:
            InputError: a value is out of its bounds, or there is no upstream where one is needed.
        """
        if self.leaves in (Leaves.ALLOW, Leaves.MASK) and not self.targets:
            raise InputError("A route needs an upstream, unless nothing may leave by it.")
        if len({t.upstream_id for t in self.targets}) != len(self.targets) or len(self.targets) > 8:
            raise InputError("A route names up to 8 upstreams, each once.")
        for target in self.targets:
            check_name("model of a route", target.model, optional=True)
        if not (math.isfinite(self.sample) and 0 <= self.sample <= 1):
            raise InputError("The share of calls that is kept is a number from 0 to 1.")
        if self.keep_days is not None and not (math.isfinite(self.keep_days) and 0 < self.keep_days <= 36_500):
            raise InputError("Calls are kept for more than 0 and up to 36,500 days.")
        for seconds in (self.connect_s, self.first_byte_s, self.between_s, self.total_s):
            if not (math.isfinite(seconds) and 0 < seconds <= _LONGEST_S):
                raise InputError(f"A time limit is more than 0 and up to {_LONGEST_S:.0f} seconds.")
        if not (math.isfinite(self.retry_s) and 0 <= self.retry_s <= _LONGEST_S):
            raise InputError(f"Calls wait for 0 to {_LONGEST_S:.0f} seconds to be sent again.")
        if self.max_open is not None and not 1 <= self.max_open <= 100_000:
            raise InputError("Calls under way at once: 1 to 100,000.")
        self._check_cache()

    def _check_cache(self) -> None:
        if self.cache_s is not None and not (math.isfinite(self.cache_s) and 0 < self.cache_s <= _LONGEST_CACHE_S):
            raise InputError(f"Answers are given again for more than 0 and up to {_LONGEST_CACHE_S:,.0f} seconds.")
        if self.cache_s is None and (self.cache_shared or self.cache_any_temperature):
            raise InputError("Which answers are given again is said together with for how long: cache_s.")


@dataclass(frozen=True, slots=True)
class GatewayRoute:
    """A route under the name by which callers ask for it as a model."""

    route_id: str
    name: str
    config: RouteConfig
    created_at: str


class KeyLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What one caller's key may use.

    Attributes:
        per_minute: calls that may begin in any minute.
        max_open: calls under way at once.
        usd_per_day: what its calls may cost in a day (UTC); a call that begins below it may pass it.
    """

    per_minute: int | None = None
    max_open: int | None = None
    usd_per_day: float | None = None

    def check(self) -> None:
        """Refuse what makes no sense.

        Raises:
            InputError: a limit is not above 0.
        """
        for limit in (self.per_minute, self.max_open, self.usd_per_day):
            if limit is not None and not (math.isfinite(limit) and 0 < limit <= 1e9):
                raise InputError("A limit is a number above 0; leave it out for none.")


def check_name(what: str, name: str | None, *, optional: bool = False) -> None:
    """Refuse a name that is no plain word.

    Raises:
        InputError: it is empty, too long, or holds what cannot be printed.
    """
    if name is None and optional:
        return
    if name is None or not 0 < len(name) <= 200 or not name.isprintable() or name != name.strip():
        raise InputError(f"The {what} has 1 to 200 printable characters.")
