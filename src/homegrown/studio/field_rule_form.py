"""A rule that fills fields, between the form that builds it and the rule as data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import ImmutableMultiDict

from homegrown.core.rules import FieldRule, Fill, LineFill, NearFill, PatternFill, PhrasesFill, ValueFill
from homegrown.errors import InputError
from homegrown.studio.rule_form import ConditionsForm, condition_parts, form_parts

PHRASES, PATTERN, NUMBER, VALUE, ABSENT = "phrases", "pattern", "number", "value", "absent"
#: how a field is filled: the value of the form, and what it says to a person
KINDS = (
    (PHRASES, "one of these words or phrases"),
    ("behind", "what stands behind these words"),
    ("before", "what stands before these words"),
    ("line", "the line with one of these words"),
    (NUMBER, "the line of this number"),
    (PATTERN, "what a pattern matches"),
    (VALUE, "always this value"),
    (ABSENT, "nothing: it is not in the text"),
)
WHICH = (("first", "the first"), ("last", "the last"), ("all", "all of them"))
_SIDES = ("behind", "before", "line")
MOST_LINES = 50
MOST_PHRASES = 5_000


@dataclass(frozen=True, kw_only=True)
class FillLine:
    """One line of the form, as text: a field, how it is filled, and with what; `case` is empty or ``exact``."""

    field: str = ""
    kind: str = PHRASES
    what: str = ""
    which: str = "first"
    case: str = ""

    @property
    def is_blank(self) -> bool:
        """Nothing was said here."""
        return not (self.field if self.kind == ABSENT else self.what.strip())

    def fill(self) -> Fill:
        """What the line says.

        Raises:
            InputError: it names no field.
        """
        if self.kind == PATTERN:
            return PatternFill(self.what, self.field, case=bool(self.case), which=self.which)
        if not self.field:
            raise InputError("Choose the field that is filled.")
        if self.kind == NUMBER:
            return LineFill(self.field, _number(self.what))
        if self.kind in _SIDES:
            return NearFill(self.field, _lines(self.what)[:500], self.kind, case=bool(self.case), which=self.which)
        if self.kind == PHRASES:
            return PhrasesFill(self.field, _lines(self.what), case=bool(self.case), which=self.which)
        return ValueFill(self.field, None if self.kind == ABSENT else self.what.strip())


@dataclass(frozen=True, kw_only=True)
class FieldRuleForm(ConditionsForm):
    """What stands in the form: conditions as for classes, and lines that say what fills which field."""

    fills: tuple[FillLine, ...] = (FillLine(),)

    @property
    def is_empty(self) -> bool:
        """Nothing was said yet that a rule could be made of."""
        return all(one.is_blank for one in self.fills)

    def rule(self) -> FieldRule:
        """The rule that the form says; without a name it is called by its first field and what fills it."""
        lines = [one for one in self.fills if not one.is_blank]
        fills = [one.fill() for one in lines]
        name = f"{lines[0].field or 'fields'}: {next(iter(_lines(lines[0].what)), 'nothing')}"
        return FieldRule(self.name.strip() or name[:100].strip(), fills, self.conditions())


def field_form_of(posted: ImmutableMultiDict[Any, Any]) -> FieldRuleForm:
    """What was posted, or stands in an address."""

    def column(name: str) -> list[str]:
        return [v.replace("\r\n", "\n") if isinstance(v, str) else "" for v in posted.getlist(name)]

    columns = [column(f"fill_{name}") for name in ("field", "kind", "what", "which", "case")]
    n = min(max(map(len, columns)), MOST_LINES)
    rows = [[c[i] if i < len(c) else "" for c in columns] for i in range(n)]
    return FieldRuleForm(**form_parts(posted), fills=tuple(map(_line, rows)) or (FillLine(),))


def _line(row: Sequence[str]) -> FillLine:
    field, kind, what, which, case = row
    return FillLine(
        field=field.strip(),
        kind=kind if kind in dict(KINDS) else PHRASES,
        what=what.strip("\n"),
        which=which if which in dict(WHICH) else "first",
        case="exact" if case else "",
    )


def form_of_field_rule(rule: FieldRule) -> FieldRuleForm | None:
    """A kept rule as the form shows it; None where it says more than the form can."""
    parts = condition_parts(rule.when)
    lines = tuple(map(_line_of, rule.fills))
    if parts is None or None in lines:
        return None
    form = FieldRuleForm(name=rule.name, fills=tuple(one for one in lines if one), **parts)
    return form if form.rule().fills == [_as_text(f) for f in rule.fills] else None


def _line_of(fill: Fill) -> FillLine | None:
    if isinstance(fill, ValueFill):
        text = _as_text(fill).value
        return FillLine(field=fill.field, kind=ABSENT if text is None else VALUE, what=str(text or ""))
    if isinstance(fill, LineFill):
        return FillLine(field=fill.field, kind=NUMBER, what=str(fill.number))
    case = "exact" if fill.case else ""
    if isinstance(fill, NearFill):
        return FillLine(field=fill.field, kind=fill.side, what="\n".join(fill.any), which=fill.which, case=case)
    if isinstance(fill, PhrasesFill):
        return FillLine(field=fill.field, what="\n".join(fill.any), which=fill.which, case=case)
    if fill.pattern != fill.pattern.strip("\n"):
        return None
    return FillLine(field=fill.field, kind=PATTERN, what=fill.pattern, which=fill.which, case=case)


def _as_text(fill: Fill) -> Any:
    """A fill whose value is written as people write it."""
    if not isinstance(fill, ValueFill) or fill.value is None:
        return fill
    written = {True: "yes", False: "no"}.get(fill.value) if isinstance(fill.value, bool) else str(fill.value)
    return ValueFill(fill.field, written)


def _number(text: str) -> int:
    try:
        return max(-10_000, min(10_000, int(text.strip())))
    except ValueError as error:
        raise InputError(
            f"A line is named by its number, 1 for the first and -1 for the last, not {text[:20]!r}."
        ) from error


def _lines(text: str) -> list[str]:
    return list(dict.fromkeys(line.strip()[:200] for line in text.split("\n") if line.strip()))[:MOST_PHRASES]
