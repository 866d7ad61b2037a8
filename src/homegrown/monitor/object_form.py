"""How an upstream writes its documents: names in their order, blanks, and each value as a number, a date, a text.

Each way of writing is tried on answers that came; the one that gives most of them to the letter is taken.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, NamedTuple

from homegrown.core.object_exits import FieldForm
from homegrown.core.schema import FieldType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from homegrown.core.object_exits import ObjectExit
    from homegrown.core.schema import Field

ABSENT = frozenset({"null", '""', "[]", "{}"})
_DAYS = (
    "%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%d.%m.%Y", "%Y/%m/%d", "%d/%m/%y", "%d-%m-%y", "%m/%d/%y",
    "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%Y%m%d", "%Y-%m-%dT00:00:00", "%Y-%m-%dT00:00:00Z",
)  # fmt: skip
_NUMBERS = ("plain", "float", "cents", "said", "thousands")
_CASES: dict[str, Callable[[str], str]] = {"as": str, "upper": str.upper, "lower": str.lower, "title": str.title}
_JOINS = ("blank", "comma", "line", "bare")
_KEY = re.compile(r'"(?:[^"\\]|\\.)*"\s*:\s*\Z')
_COMMA = re.compile(r"\s*,\s*\Z")


class Sample(NamedTuple):
    """A value as the upstream wrote it, beside what a model of ours would find: *answer* of *text*."""

    text: str
    answer: Mapping[str, Any] | None
    written: str


class Value(NamedTuple):
    """What is to be written: the value in its one form, and its words in the text."""

    value: Any
    words: str
    currency: str | None = None


def field_form(one: Field, samples: Sequence[Sample], *, absent: Counter[str], trust: float) -> FieldForm:
    """How a field is written, by what most samples have.

    Args:
        one: the field.
        samples: values that are there.
        absent: what was written where it is not there, empty where its name was left out.
        trust: goes into the form.

    Example:
        >>> one = Field("d", "day", FieldType.DATE)
        >>> said = [Sample("on 25/11/2026", {"value": "2026-11-25", "spans": [[3, 13]]}, '"25.11.2026"')]
        >>> field_form(one, said, absent=Counter(), trust=1.0).style
        'text %d.%m.%Y'
    """
    none = absent.most_common(1)[0][0] if absent else None
    if one.type in (FieldType.CHOICE, FieldType.BOOLEAN):
        spelt: dict[str, Counter[str]] = defaultdict(Counter)
        for s in samples:
            spelt[_choice(s.answer)][s.written] += 1
        spellings = {k: c.most_common(1)[0][0] for k, c in spelt.items() if k}
        n = sum(c[spellings[k]] for k, c in spelt.items() if k)
        exact = n / len(samples) if samples else 1.0
        return FieldForm(
            name=one.name, field_id=one.field_id, spellings=spellings, absent=none, trust=trust, exact=exact
        )
    best, n_best = "", -1
    for style in _styles(one):
        n = sum(_is_written(one, style, s) for s in samples)
        if n > n_best:
            best, n_best = style, n
    exact = n_best / len(samples) if samples else 1.0
    return FieldForm(name=one.name, field_id=one.field_id, style=best, absent=none, trust=trust, exact=exact)


def _is_written(one: Field, style: str, sample: Sample) -> bool:
    return sample.answer is not None and _json(one, style, sample.answer, sample.text) == sample.written


def _choice(answer: Mapping[str, Any] | None) -> str:
    if answer is None:
        return ""
    return answer["choices"][0] if "choices" in answer else str(answer["value"]).lower()


def _styles(one: Field) -> list[str]:
    """The ways in which values of a type are written; of two that fit alike the earlier one is taken."""
    match one.type:
        case FieldType.DATE:
            return [*(f"text {f}" for f in _DAYS), "words"]
        case FieldType.NUMBER:
            return [*_NUMBERS, *(f"text {n}" for n in _NUMBERS), "words"]
        case FieldType.MONEY:
            plain = [*_NUMBERS, *(f"text {n}" for n in _NUMBERS), "words"]
            spaced = [f"{blank}object {n}" for n in _NUMBERS for blank in ("", "wide ")]
            return [*plain, *spaced]
        case _:
            made = [f"{join} {case}" for join in _JOINS for case in _CASES]
            made += [f"{m} ascii" for m in made]
            return [*made, *(f"{m} tight" for m in made)] if one.takes_many else made


class Writer:
    """Writes a model's answers as the upstream would.

    Args:
        fields: of the model.
        exit: how the upstream writes.
    """

    def __init__(self, fields: Iterable[Field], exit: ObjectExit) -> None:
        self._fields = {f.field_id: f for f in fields}
        self._exit = exit

    def value(self, form: FieldForm, answer: Mapping[str, Any] | None, text: str) -> str | None:
        """One value as JSON, empty where its name is left out; None where the upstream was never seen to say it."""
        if answer is None:
            return form.absent
        one = self._fields[form.field_id]
        if one.type in (FieldType.CHOICE, FieldType.BOOLEAN):
            return form.spellings.get(_choice(answer))
        return _json(one, form.style, answer, text)

    def values(self, answers: Mapping[str, Mapping[str, Any] | None], text: str) -> dict[str, str | None]:
        """Every field that the model gives as JSON, by name.

        Args:
            answers: by field id.
            text: in which they stand.
        """
        return {f.name: self.value(f, answers.get(f.field_id), text) for f in self._exit.fields}

    def content(self, values: Mapping[str, str | None]) -> str:
        """The document with these values; a name without one is left out."""
        return _joined(self._exit.form, [values.get(name) or "" for name in self._exit.order])


def _joined(form: Sequence[str], values: Sequence[str]) -> str:
    """Values in their places; the name of one that is left out goes too, with the comma before it, or behind."""
    parts = list(form)
    for i, value in enumerate(values):
        key = _KEY.search(parts[i])
        if value or key is None:
            continue
        before = parts[i][: key.start()]
        parts[i] = _COMMA.sub("", before)
        if parts[i].rstrip().endswith("{"):
            parts[i + 1] = re.sub(r"\A\s*,\s*", "", parts[i + 1])
            parts[i] = before
    return "".join(part + value for part, value in zip(parts, [*values, ""], strict=True))


def _json(one: Field, style: str, answer: Mapping[str, Any], text: str) -> str | None:
    if one.type is FieldType.SPAN:
        words = [_spoken(style, text[start:end]) for start, end in answer["spans"]]
        separators = (",", ":") if "tight" in style else (", ", ": ")
        return json.dumps(words if one.takes_many else words[0], ensure_ascii="ascii" in style, separators=separators)
    places = answer.get("spans") or []
    words = text[slice(*places[0])] if places else ""
    said = Value(answer["value"], words, answer.get("currency"))
    if style == "words":
        return json.dumps(" ".join(said.words.split()), ensure_ascii=False) if said.words else None
    if one.type is FieldType.DATE:
        return json.dumps(date.fromisoformat(said.value).strftime(style.removeprefix("text ")))
    if "object" in style:
        blank = " " if style.startswith("wide") else ""
        amount = _number(style.rpartition(" ")[2], said)
        return f'{{"amount":{blank}{amount},{blank}"currency":{blank}{json.dumps(said.currency)}}}'
    number = _number(style.removeprefix("text "), said)
    return None if number is None else f'"{number}"' if style.startswith("text ") else number


def _spoken(style: str, words: str) -> str:
    join, case, *_ = style.split(" ")
    lines = [" ".join(line.split()) for line in words.split("\n")]
    if join == "comma":
        made = ", ".join(line.rstrip(" ,") for line in lines[:-1])
        made = f"{made}, {lines[-1]}" if made else lines[-1]
    elif join == "bare":
        made = "".join(lines)
    else:
        made = ("\n" if join == "line" else " ").join(lines)
    return _CASES[case](made)


def _number(style: str, said: Value) -> str | None:
    try:
        exact = Decimal(str(said.value))
    except InvalidOperation:
        return None
    match style:
        case "float":
            return json.dumps(float(exact))
        case "cents":
            return f"{exact:.2f}"
        case "said":
            return str(said.value)
        case "thousands":
            return f"{exact:,.2f}"
        case _:
            return f"{exact.normalize():f}"
