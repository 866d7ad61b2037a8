"""The fields of an answer between the form that names them and the task that asks for them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from homegrown.core.choices import TaskClass
from homegrown.core.json_schema import fields_of
from homegrown.core.schema import Field, FieldType, check_fields
from homegrown.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.datastructures import FormData

#: what may be chosen: the value of the form, and what it says to a person; ``*`` takes several
TYPES = (
    ("span", "words of the text"),
    ("span*", "several pieces of the text"),
    ("date", "a date"),
    ("money", "an amount of money"),
    ("number", "a number"),
    ("boolean", "yes or no"),
    ("choice", "one of a list"),
    ("choice*", "several of a list"),
)
ALWAYS = "always"
N_LINES = 4
MOST_SCHEMA = 200_000
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


@dataclass(frozen=True, kw_only=True)
class FieldLine:
    """One line of the form, as text."""

    name: str = ""
    type: str = "span"
    presence: str = ""
    about: str = ""
    choices: str = ""


@dataclass(frozen=True, kw_only=True)
class FieldForm:
    """All of the form. `problem` says why it was not taken; `lists` are names of fields that it leaves as they are."""

    lines: tuple[FieldLine, ...] = tuple(FieldLine() for _ in range(N_LINES))
    types: tuple[tuple[str, str], ...] = TYPES
    name: str = ""
    guidelines: str = ""
    schema: str = ""
    problem: str = ""
    lists: tuple[str, ...] = ()

    @property
    def is_begun(self) -> bool:
        """Somebody has written into it."""
        return bool(self.problem or self.name or self.schema or any(line.name for line in self.lines))


def posted_form(form: FormData) -> FieldForm:
    """What was sent, each line as it stood.

    Raises:
        InputError: the lines are not whole.
    """
    columns = {
        n: [v for v in form.getlist(n) if isinstance(v, str)] for n in ("field", "type", "presence", "about", "choices")
    }
    if len({len(values) for values in columns.values()}) > 1:
        raise InputError("The form came in parts. Load the page anew.")
    lines = tuple(
        FieldLine(name=n.strip(), type=t, presence=p, about=a.strip(), choices=c)
        for n, t, p, a, c in zip(*columns.values(), strict=True)
    )
    one = {n: v if isinstance(v := form.get(n), str) else "" for n in ("name", "guidelines", "schema")}
    return FieldForm(lines=lines, name=one["name"].strip(), guidelines=one["guidelines"], schema=one["schema"].strip())


def form_of(fields: Sequence[Field]) -> FieldForm:
    """The form as it stands for a task that is there; lists of objects have no line.

    Example:
        >>> form_of([Field("f_1", "day", FieldType.DATE, is_required=True)]).lines[0].presence
        'always'
    """
    plain = [f for f in fields if f.type is not FieldType.LIST]
    lines = tuple(
        FieldLine(
            name=f.name, type=f.type.value + ("*" if f.takes_many else ""), presence=ALWAYS if f.is_required else "",
            about=f.description, choices="\n".join(c.name for c in f.choices),
        )
        for f in plain
    )  # fmt: skip
    return FieldForm(lines=lines, lists=tuple(f.name for f in fields if f.type is FieldType.LIST))


def fields_in(form: FieldForm, before: Sequence[Field] = ()) -> tuple[Field, ...]:
    """The fields that a form means.

    Args:
        form: as it was sent.
        before: fields that the task has: those that have no line are kept, choices of the same name too.

    Raises:
        InputError: it means none; the sentence says what to change.

    Example:
        >>> line = FieldLine(name="due date", type="date")
        >>> [(f.name, f.type.value) for f in fields_in(FieldForm(lines=(line,)))]
        [('due_date', 'date')]
    """
    lines = [(at, line) for at, line in enumerate(form.lines) if line.name or line.about or line.choices.strip()]
    if form.schema and lines:
        raise InputError("Name the fields one by one, or paste a JSON Schema; one of them stays empty.")
    if form.schema:
        return fields_of(_schema(form.schema), "")
    lists = tuple(f for f in before if f.type is FieldType.LIST)
    if not lines and not lists:
        raise InputError("Name at least one field, such as “total”, or paste a JSON Schema.")
    choices = {(f.name, c.name): c for f in before for c in f.choices}
    return check_fields((*(_field(line, at, choices) for at, line in lines), *lists))


def field_name(said: str) -> str:
    """A name as people write it, without blanks.

    Example:
        >>> field_name(" due date ")
        'due_date'
    """
    return re.sub(r"[\s\-]+", "_", said.strip())


def _field(line: FieldLine, at: int, known: dict[tuple[str, str], TaskClass]) -> Field:
    if not line.name:
        number = _ORDINALS[at] if at < len(_ORDINALS) else f"{at + 1}th"
        raise InputError(f"The {number} field has no name. Name it, or empty its line.")
    if line.type not in dict(TYPES):
        raise InputError(f"“{line.name[:80]}” is of no type that there is. Choose one from the list.")
    name = field_name(line.name)
    names = [c.strip() for c in line.choices.splitlines() if c.strip()]
    if len(names) == 1:  # a list of one asks nothing: "card, cash" in one line means two
        names = [c.strip() for c in names[0].split(",") if c.strip()] or names
    is_choice = line.type.startswith("choice")
    if is_choice and not names:
        raise InputError(f"“{line.name[:80]}” is one of a list: write what may be chosen, one a line.")
    chosen = (
        tuple(replace(known.get((name, c), TaskClass("", c)), name=c) for c in dict.fromkeys(names))
        if is_choice
        else ()
    )
    return Field(
        "", name, FieldType(line.type.removesuffix("*")), description=line.about[:4000],
        is_required=line.presence == ALWAYS, takes_many=line.type.endswith("*"), choices=chosen,
    )  # fmt: skip


def _schema(text: str) -> dict[str, object]:
    if len(text) > MOST_SCHEMA:
        raise InputError(f"A JSON Schema has at most {MOST_SCHEMA:,} characters here; this one has {len(text):,}.")
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"The schema is no JSON: line {error.lineno}, column {error.colno}: {error.msg}.") from error
    except RecursionError as error:
        raise InputError("The schema is nested too deeply to be read.") from error
    if not isinstance(found, dict) or "properties" not in found:
        raise InputError(
            "That is JSON, but no JSON Schema of an object: its fields stand under “properties”, each with its type."
        )
    return found
