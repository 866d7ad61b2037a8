"""Prompts that calls of a model API share: what stays the same, what changes, and what the answers look like."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from homegrown.core.schema import Field  # a template is read from disk by its types

OBJECT = "{}"
"""Among a template's tasks, and where a field of its answers is named: the whole document, as one object."""


@dataclass(frozen=True, slots=True)
class Frame:
    r"""A text with slots: the pieces that stay the same, in order. With n slots there are n + 1 pieces; some are empty.

    Example:
        >>> Frame(("Text: ", "\nLabel:")).values("Text: my card is lost\nLabel:")
        ('my card is lost',)
    """

    constants: tuple[str, ...]

    @property
    def n_slots(self) -> int:
        """How many parts change."""
        return len(self.constants) - 1

    @property
    def n_constant(self) -> int:
        """Characters that stay the same."""
        return sum(map(len, self.constants))

    def values(self, text: str) -> tuple[str, ...] | None:
        """What stands in the slots, or None where *text* is not of this frame. Linear in the text.

        Each piece is taken where it stands first, so that of several readings the one with short early slots counts.
        """
        first, last = self.constants[0], self.constants[-1]
        if len(self.constants) == 1:
            return () if text == first else None
        if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
            return None
        found, at, end = [], len(first), len(text) - len(last)
        for piece in self.constants[1:-1]:
            here = text.find(piece, at, end)
            if here < 0:
                return None
            found.append(text[at:here])
            at = here + len(piece)
        return (*found, text[at:end])


@dataclass(frozen=True, slots=True)
class Variant:
    """One wording of a prompt.

    Attributes:
        key: digest of the rest: the same wording has the same key.
        setting: digest of the answer's schema and of the tools that were offered; empty without them.
        model: only where nothing else stays the same (a model that was tuned for one task).
        system: what the system said.
        user: the last turn.
        marks: what stands before a text and before its answer, where examples stand in the prompt itself.
        enums: values that the answer's schema allows, by field.
        schema: that the answer was asked to fit, where it names fields.
    """

    key: str
    setting: str
    model: str
    system: Frame
    user: Frame
    marks: tuple[str, str] | None = None
    enums: dict[str, tuple[str, ...]] = field(default_factory=dict)
    schema: dict[str, Any] | None = None


class AnswerKind(StrEnum):
    """What the answers of a template are."""

    CLASS = "class"
    CLASSES = "classes"
    JSON = "json"
    NUMBER = "number"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class FieldShape:
    """A part of the answers: a field of a JSON document, or the whole answer, which has no name.

    Attributes:
        kind: never ``json``.
        classes: names of a closed set, as the prompt or the answers spell them.
        n_outside: answers looked at that name none of the classes.
        n: answers looked at.
    """

    name: str
    kind: AnswerKind
    classes: tuple[str, ...] = ()
    n_outside: int = 0
    n: int = 0


@dataclass(frozen=True, slots=True)
class AnswerShape:
    """What the answers of a template look like.

    Attributes:
        kind: of the whole answer.
        fields: one without a name, or those of the JSON document.
        lead: what answers begin with before the answer itself, lower case: ``category``.
    """

    kind: AnswerKind
    fields: tuple[FieldShape, ...]
    lead: str = ""

    def closed(self) -> tuple[FieldShape, ...]:
        """The parts that a classifier can learn: closed sets of two classes and more."""
        kinds = (AnswerKind.CLASS, AnswerKind.CLASSES)
        return tuple(f for f in self.fields if f.kind in kinds and len(f.classes) > 1)


@dataclass(frozen=True, slots=True)
class ObjectField:
    """A field of answers that are JSON documents, as a field of one Task.

    Attributes:
        field: as the Task has it, without an id; None where it cannot be learnt.
        n: answers looked at that say something of it.
        n_found: of them, those whose value stands in the text, or is one of its choices.
        why: it cannot be learnt, as the end of a sentence; empty where it can.
    """

    name: str
    field: Field | None
    n: int
    n_found: int
    why: str = ""

    @property
    def is_learnable(self) -> bool:
        """Whether a model here can learn it."""
        return self.field is not None

    @property
    def share(self) -> float:
        """Of the values those that stand in the text."""
        return self.n_found / self.n if self.n else 0.0


class TemplateState(StrEnum):
    """What became of a template."""

    PROPOSED = "proposed"
    ACCEPTED = "accepted"


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far a model of single words says what the upstream said, on calls that it has not seen; 95% interval."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class Volume:
    """How much was asked, and at what price.

    Attributes:
        n_calls: whole calls.
        n_history: of them, those with earlier turns of a conversation before the last.
        n_dated: of them, those whose time is known (a file for fine-tuning has none).
        n_priced: of them, those whose cost is known.
        cost_usd: of the priced ones together.
        first_at, last_at: of the dated ones.
    """

    n_calls: int = 0
    n_history: int = 0
    n_dated: int = 0
    n_priced: int = 0
    cost_usd: float = 0.0
    n_tokens_in: int = 0
    n_tokens_out: int = 0
    first_at: str | None = None
    last_at: str | None = None


@dataclass(frozen=True, slots=True)
class Template:
    """A prompt that calls share.

    Attributes:
        name: a proposal for the task's name.
        variants: its wordings, the most used first.
        models: calls by the model that was named.
        examples: ids of some calls.
        agreement: by the field's name, where it could be measured.
        tasks: task ids that were made of it, by the field's name.
        names: what each label is called in the Task, by the field's name; None where it means none of the classes.
        source: of the records that were made of it.
        tag: name and value of the tag that somebody pointed at, in place of a template that was found.
        fields: of answers that are JSON documents; empty for others.
    """

    template_id: str
    name: str
    variants: tuple[Variant, ...]
    shape: AnswerShape
    volume: Volume
    models: dict[str, int]
    examples: tuple[str, ...] = ()
    agreement: dict[str, Agreement] = field(default_factory=dict)
    state: TemplateState = TemplateState.PROPOSED
    tasks: dict[str, str] = field(default_factory=dict)
    names: dict[str, dict[str, str | None]] = field(default_factory=dict)
    source: str = ""
    tag: tuple[str, str] | None = None
    created_at: str = ""
    fields: tuple[ObjectField, ...] = ()

    @property
    def learnable(self) -> tuple[Field, ...]:
        """The fields of which one Task of objects can be made."""
        return tuple(f.field for f in self.fields if f.field is not None)

    @property
    def is_object(self) -> bool:
        """Whether its answers are best learnt as objects: by more than one closed set."""
        names = {f.name for f in self.learnable}
        return len(names) > 1 or bool(names - {f.name for f in self.shape.closed()})
