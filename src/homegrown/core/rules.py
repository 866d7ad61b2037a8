"""Rules: what votes by a condition. As code, a function of one record; as data, conditions that all must hold."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec


class Abstain:
    """What a rule answers that has no opinion on a record; ``None`` says the same."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "ABSTAIN"


ABSTAIN: Final = Abstain()

Word = Annotated[str, msgspec.Meta(min_length=1, max_length=200, description="A word or phrase; refund* begins one.")]
Words_ = Annotated[list[Word], msgspec.Meta(max_length=500)]
Column = Annotated[str, msgspec.Meta(max_length=200, description="A field; empty for the text.")]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Example = Annotated[str, msgspec.Meta(min_length=1, max_length=5000)]


class _Condition(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind"):
    """One condition of a rule."""


class Words(_Condition, frozen=True, tag="words"):
    """Holds any of some words or phrases, and none of others; upper and lower case are one unless `case`.

    A ``*`` at the end of a word takes what begins so. Words are whole: ``card`` is not in ``discard``.
    """

    any: Words_ = []
    none: Words_ = []
    field: Column = ""
    case: bool = False


class Pattern(_Condition, frozen=True, tag="pattern"):
    """A regular expression of RE2, whose time grows with the length of the text and no faster, is found in it."""

    pattern: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]
    field: Column = ""
    case: bool = False
    is_not: bool = False


class Field(_Condition, frozen=True, tag="field"):
    """A field compared with a value: ``op`` is one of ``equals, differs, contains, above, below, empty, filled``."""

    field: Name
    op: Annotated[str, msgspec.Meta(pattern="^(equals|differs|contains|above|below|empty|filled)$")]
    value: Annotated[str, msgspec.Meta(max_length=1000)] = ""


class Sql(_Condition, frozen=True, tag="sql"):
    """A SQL predicate over the table ``records``: ``n_chars > 200 and fields->>'channel' = 'app'``."""

    where: Annotated[str, msgspec.Meta(min_length=1, max_length=10_000)]


class Similar(_Condition, frozen=True, tag="similar"):
    """Near to the nearest of some examples, in the encoder's vectors.

    Attributes:
        examples: texts.
        threshold: cosine from which a text is near; taught by `yes` and `no` where it is None.
        yes: ids of records that a person said are like the examples.
        no: ids of records that a person said are not.
    """

    examples: Annotated[list[Example], msgspec.Meta(min_length=1, max_length=100)]
    threshold: Annotated[float, msgspec.Meta(ge=-1, le=1)] | None = None
    yes: Annotated[list[Name], msgspec.Meta(max_length=1000)] = []
    no: Annotated[list[Name], msgspec.Meta(max_length=1000)] = []


class ModelSays(_Condition, frozen=True, tag="model"):
    """A model gives a class at least a probability."""

    model: Name
    says: Name
    above: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.5


Condition = Words | Pattern | Field | Sql | Similar | ModelSays
Says = Annotated[list[Name], msgspec.Meta(max_length=200, description="Classes; none: none of them.")]


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rule as data: where all conditions hold, it votes.

    Attributes:
        name: among the rules of its task.
        says: names of classes; one where a record has one class; empty for "none of these".
        when: conditions, all of which must hold.

    Example:
        >>> Rule("refunds", ["refund"], [Words(any=["money back"])]).says
        ['refund']
    """

    name: Name
    says: Says
    when: Annotated[list[Condition], msgspec.Meta(min_length=1, max_length=20)]


FieldName = Annotated[str, msgspec.Meta(max_length=80, description="A field of the answer.")]


class _Fill(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind"):
    """What fills fields of an answer."""


class PatternFill(_Fill, frozen=True, tag="pattern"):
    """Words that a regular expression of RE2 finds: its groups named like fields fill these, else all of it `field`.

    Attributes:
        field: that the whole match fills; empty where groups are named.
        which: of several matches the first, the last or, where a field takes several spans, all.
    """

    pattern: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]
    field: FieldName = ""
    case: bool = False
    which: Annotated[str, msgspec.Meta(pattern="^(first|last|all)$")] = "first"


class PhrasesFill(_Fill, frozen=True, tag="phrases"):
    """Whole words or phrases of a list, wherever they stand; upper and lower case are one unless `case`."""

    field: FieldName
    any: Annotated[list[Word], msgspec.Meta(min_length=1, max_length=5000)]
    case: bool = False
    which: Annotated[str, msgspec.Meta(pattern="^(first|last|all)$")] = "first"


class NearFill(_Fill, frozen=True, tag="near"):
    """What stands beside words: behind or before one of them on its line, or else on the next; or the line itself.

    Of a value the nearest that is of the field's type, of a span the rest of the line.
    """

    field: FieldName
    any: Annotated[list[Word], msgspec.Meta(min_length=1, max_length=500)]
    side: Annotated[str, msgspec.Meta(pattern="^(behind|before|line)$")] = "behind"
    case: bool = False
    which: Annotated[str, msgspec.Meta(pattern="^(first|last|all)$")] = "first"


class LineFill(_Fill, frozen=True, tag="line"):
    """A line by its number, blank ones aside: 1 is the first, -1 the last. Of values the first that stands in it."""

    field: FieldName
    number: Annotated[int, msgspec.Meta(ge=-10_000, le=10_000)]


class ValueFill(_Fill, frozen=True, tag="value"):
    """One value, the same for every record for which the conditions hold; None: it is not there."""

    field: FieldName
    value: str | bool | int | float | None


Fill = PatternFill | PhrasesFill | NearFill | LineFill | ValueFill


class FieldRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rule as data for a task whose answer is an object: where all conditions hold, it fills fields.

    Attributes:
        name: among the rules of its task.
        fills: what it says; a field that nothing fills is left out.
        when: conditions, all of which must hold; none for every record.

    Example:
        >>> FieldRule("totals", [PatternFill(r"total:? (?P<total>[0-9.]+)")]).fills[0].which
        'first'
    """

    name: Name
    fills: Annotated[list[Fill], msgspec.Meta(min_length=1, max_length=50)]
    when: Annotated[list[Condition], msgspec.Meta(max_length=20)] = []
