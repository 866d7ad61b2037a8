"""How an upstream writes its documents: names in their order, blanks, and each value as a number, a date, a text.

Each way of writing is tried on answers that came; the one that gives most of them to the letter is taken.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec.structs import replace

from homegrown.core.object_exits import FieldForm, ItemForm
from homegrown.core.schema import FieldType
from homegrown.monitor.list_form import in_brackets, usual_brackets, usual_names
from homegrown.monitor.written import joined, listed, rest_of, usual_form, written

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


class Sample(NamedTuple):
    """A value as the upstream wrote it, beside what a model of ours would find: *answer* of *text*."""

    text: str
    answer: Mapping[str, Any]
    written: str


class Value(NamedTuple):
    """What is to be written: the value in its one form, and its words in the text."""

    value: Any
    words: str
    currency: str | None = None


def sampled(one: Field, documents: Iterable[Sample]) -> tuple[list[Sample], Counter[str]]:
    """The values of a field in documents, and what was written where it is not there: "" where its name is not either.

    Args:
        one: the field.
        documents: their answers are by field id, as a model of ours would find them.
    """
    samples, absent = [], Counter[str]()
    for document in documents:
        own = written(document.written, [one.name])
        if own is None:
            absent[""] += 1
            continue
        (value,) = own.values
        if value in ABSENT:
            absent[value] += 1
        elif (answer := (document.answer or {}).get(one.field_id)) is not None:
            samples.append(Sample(document.text, answer, value))
    return samples, absent


def field_form(one: Field, samples: Sequence[Sample], *, absent: Counter[str], trust: float) -> FieldForm:
    """How a field is written, by what most samples have.

    Args:
        one: the field.
        samples: values that are there.
        absent: what was written where it is not there, empty where its name was left out.
        trust: goes into the form.

    Example:
        >>> from homegrown.core.schema import Field
        >>> one = Field("d", "day", FieldType.DATE)
        >>> said = [Sample("on 25/11/2026", {"value": "2026-11-25", "spans": [[3, 13]]}, '"25.11.2026"')]
        >>> field_form(one, said, absent=Counter(), trust=1.0).style
        'text %d.%m.%Y'
    """
    none = absent.most_common(1)[0][0] if absent else None
    form = FieldForm(name=one.name, field_id=one.field_id, absent=none, trust=trust)
    if one.type is FieldType.LIST or one.takes_many:
        form = replace(form, brackets=usual_brackets(s.written for s in samples))
    if one.type in (FieldType.CHOICE, FieldType.BOOLEAN):
        spellings = _spellings(one, samples)
        form = replace(form, spellings=spellings, order=tuple(spellings) if one.takes_many else ())
    elif one.type is FieldType.LIST:
        form = replace(form, item=_item_form(one, samples))
    else:
        # Of two styles that give as many to the letter, the earlier.
        ways = [replace(form, style=style) for style in _styles(one)]
        form = max(ways, key=lambda way: _n_written(one, way, samples))
    exact = _n_written(one, form, samples) / len(samples) if samples else 1.0
    return replace(form, exact=exact)


def _n_written(one: Field, form: FieldForm, samples: Sequence[Sample]) -> int:
    return sum(_json(one, form, s.answer, s.text) == s.written for s in samples)


def _spellings(one: Field, samples: Sequence[Sample]) -> dict[str, str]:
    """JSON by the id of each choice that was said."""
    if one.takes_many:
        names = {c.name.strip().casefold(): c.class_id for c in one.choices}
        return usual_names((s.written for s in samples), names)
    spelt: dict[str, Counter[str]] = defaultdict(Counter)
    for s in samples:
        spelt[_choice(s.answer)][s.written] += 1
    return {k: c.most_common(1)[0][0] for k, c in spelt.items()}


def _choice(answer: Mapping[str, Any]) -> str:
    return answer["choices"][0] if "choices" in answer else str(answer["value"]).lower()


def _item_form(one: Field, samples: Sequence[Sample]) -> ItemForm:
    """How the small objects of a list are written, as documents are."""
    items = []
    for s in samples:
        raw = listed(s.written)
        if raw is not None and len(raw.values) == len(s.answer["items"]):
            items += [Sample(s.text, i, v) for i, v in zip(s.answer["items"], raw.values, strict=True)]
    form, order = usual_form([i.written for i in items], [f.name for f in one.fields])
    inner = []
    for part in one.fields:
        found, absent = sampled(part, items)
        inner.append(field_form(part, found, absent=absent, trust=1.0))
    rests = Counter(rest_of(json.loads(i.written), order) for i in items)
    return ItemForm(fields=tuple(inner), form=form, order=order, rest=rests.most_common(1)[0][0] if rests else "")


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
            # Words that stand twice are named once by most.
            return [*(f"{m} once" for m in made), *made] if one.takes_many else made


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
        return _json(self._fields[form.field_id], form, answer, text)

    def values(self, answers: Mapping[str, Mapping[str, Any] | None], text: str) -> dict[str, str | None]:
        """Every field that the model gives as JSON, by name.

        Args:
            answers: by field id.
            text: in which they stand.
        """
        return {f.name: self.value(f, answers.get(f.field_id), text) for f in self._exit.fields}

    def content(self, values: Mapping[str, str | None]) -> str:
        """The document with these values; a name without one is left out."""
        return joined(self._exit.form, [values.get(name) or "" for name in self._exit.order])


def _json(one: Field, form: FieldForm, answer: Mapping[str, Any] | None, text: str) -> str | None:
    if answer is None:
        return form.absent
    if one.type is FieldType.LIST:
        return in_brackets(form, [_item(one, form.item, item, text) for item in answer["items"]])
    if one.type is FieldType.CHOICE and one.takes_many:
        said = set(answer["choices"])
        known = [form.spellings[i] for i in form.order if i in said]
        return in_brackets(form, known) if len(known) == len(said) else None
    if one.type in (FieldType.CHOICE, FieldType.BOOLEAN):
        return form.spellings.get(_choice(answer))
    if one.type is FieldType.SPAN:
        words = [
            json.dumps(_spoken(form.style, text[start:end]), ensure_ascii="ascii" in form.style)
            for start, end in answer["spans"]
        ]
        words = list(dict.fromkeys(words)) if "once" in form.style else words
        return in_brackets(form, words) if one.takes_many else words[0]
    return _value(one, form.style, answer, text)


def _item(one: Field, form: ItemForm | None, item: Mapping[str, Any], text: str) -> str | None:
    if form is None:
        return None
    fields = {f.field_id: f for f in one.fields}
    found = {f.name: _json(fields[f.field_id], f, item.get(f.field_id), text) for f in form.fields}
    if None in found.values():
        return None
    return joined(form.form, [found[name] or "" for name in form.order])


def _value(one: Field, style: str, answer: Mapping[str, Any], text: str) -> str | None:
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
