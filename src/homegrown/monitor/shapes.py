"""What the answers of a template look like: a closed set of labels, several of them, JSON, a number, free text."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec

from homegrown.core.traffic import AnswerKind, AnswerShape, FieldShape
from homegrown.monitor.listed import labels_listed
from homegrown.monitor.spelling import bare, document_in, is_short, key, number_in, spelled, unfenced, usual_lead

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

LEAST = 5
ALMOST = 0.95
MAX_CLASSES = 2000
UNSEEN = 0.05
_FEW_NUMBERS = 11
_EACH = 3
_SIGNS = (",", ";", "\n", "|")
_Counted = list[tuple[str, int]]


def shape_of(
    answers: Sequence[str] | Mapping[str, int],
    prompt: str = "",
    enums: Mapping[str, tuple[str, ...]] | None = None,
) -> AnswerShape:
    """The shape of some answers.

    Labels are a closed set where the prompt or the answer's schema lists them, or where what was said repeats so much
    that hardly anything new can be expected (Good 1953: the share of labels seen once estimates what is unseen).

    Args:
        answers: what was said, or how often each was.
        prompt: what stays the same in the prompt, its lists of labels included.
        enums: values that the answer's schema allows, by field.

    Example:
        >>> shape_of(["Refund.", "refund", '"card lost"', "refund", "card lost"], "One of: refund, card lost").fields
        (FieldShape(name='', kind=<AnswerKind.CLASS: 'class'>, classes=('card lost', 'refund'), n_outside=0, n=5),)
    """
    said = [(a, n) for a, n in Counter(answers).items() if a.strip()]
    documents = [(d, n) for a, n in said if (d := document_in(a)) is not None]
    if said and _total(documents) >= ALMOST * _total(said):
        return _document(documents, prompt, enums or {})
    lead = usual_lead(said)
    one = _field("", [(bare(a, lead), n) for a, n in said], said, prompt, ())
    return AnswerShape(one.kind, (one,), lead if one.kind in (AnswerKind.CLASS, AnswerKind.CLASSES) else "")


def _total(said: Sequence[tuple[Any, int]]) -> int:
    return sum(n for _, n in said)


def _document(
    documents: list[tuple[dict[str, Any], int]], prompt: str, enums: Mapping[str, tuple[str, ...]]
) -> AnswerShape:
    counts: Counter[str] = Counter()
    for document, n in documents:
        counts.update(dict.fromkeys(document, n))
    usual = [name for name, n in counts.items() if n >= 0.5 * _total(documents)]
    fields = []
    for name in usual:
        values = [(d[name], n) for d, n in documents if name in d]
        lists = [(v, n) for v, n in values if isinstance(v, list)]
        if any(isinstance(part, (dict, list)) for some, _ in lists for part in some):
            fields.append(_free(name, values))
        elif _total(lists) >= ALMOST * _total(values):
            parts = [([bare(str(p)) for p in v], n) for v, n in lists]
            fields.append(_many(name, parts, prompt, enums.get(name, ())) or _free(name, values))
        else:
            raw = [(_written(v), n) for v, n in values]
            fields.append(_field(name, [(bare(r), n) for r, n in raw], raw, prompt, enums.get(name, ())))
    return AnswerShape(AnswerKind.JSON, tuple(fields))


def _written(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _field(name: str, labels: _Counted, raw: _Counted, prompt: str, allowed: tuple[str, ...]) -> FieldShape:
    total = _total(raw)
    numbers = [(x, n) for r, n in raw if (x := number_in(r)) is not None]
    if raw and _total(numbers) >= ALMOST * total and not allowed and not _few(numbers):
        return FieldShape(name, AnswerKind.NUMBER, n=total)
    lists = [(found, n) for r, n in raw if (found := _listed(r)) is not None]
    if raw and _total(lists) >= ALMOST * total:
        return _many(name, [([bare(p) for p in f], n) for f, n in lists], prompt, allowed) or _free(name, raw)
    sign = _between(labels)
    if sign:
        parts = [([bare(p) for p in one.split(sign) if p.strip()], n) for one, n in labels]
        several = _many(name, parts, prompt, allowed)
        if several is not None:
            return several
    classes = _closed(labels, prompt, allowed)
    if classes:
        outside = sum(n for label, n in labels if key(label) not in classes)
        return FieldShape(name, AnswerKind.CLASS, tuple(sorted(classes.values())), outside, _total(labels))
    return _free(name, raw)


def _free(name: str, raw: Sequence[tuple[Any, int]]) -> FieldShape:
    return FieldShape(name, AnswerKind.TEXT, n=_total(raw))


def _few(numbers: list[tuple[float, int]]) -> bool:
    """Whether numbers are marks out of a few: stars, levels, yes and no."""
    total, n_distinct = _total(numbers), len({x for x, _ in numbers})
    return total >= 4 * LEAST and n_distinct <= _FEW_NUMBERS and n_distinct < 0.1 * total


def _listed(text: str) -> list[str] | None:
    inner = unfenced(text)
    if not inner.startswith("["):
        return None
    try:
        found = msgspec.json.decode(inner.encode("utf-8", "surrogatepass"))
    except (msgspec.DecodeError, RecursionError):
        return None
    return [str(f) for f in found] if isinstance(found, list) else None


def _between(labels: _Counted) -> str:
    """The sign that stands between several labels; empty where the answers are single ones.

    A name with a comma in it never stands by its halves; of several labels each stands alone or beside others too.
    """
    whole = {key(label) for label, _ in labels}
    for sign in _SIGNS:
        several = sum(n for label, n in labels if sign in label)
        if several < max(2, 0.05 * _total(labels)):
            continue
        seen: dict[str, set[str]] = {}
        for label, _ in labels:
            for part in label.split(sign):
                seen.setdefault(key(bare(part)), set()).add(key(label))
        if len(seen) < len(whole) and sum(len(s) > 1 for s in seen.values()) >= 0.5 * len(seen):
            return sign
    return ""


def _many(name: str, parts: list[tuple[list[str], int]], prompt: str, allowed: tuple[str, ...]) -> FieldShape | None:
    classes = _closed([(p, n) for group, n in parts for p in group], prompt, allowed)
    if not classes:
        return None
    outside = sum(n for group, n in parts if any(key(p) not in classes for p in group))
    return FieldShape(name, AnswerKind.CLASSES, tuple(sorted(classes.values())), outside, _total(parts))


def _closed(labels: _Counted, prompt: str, allowed: tuple[str, ...]) -> dict[str, str]:
    """Key → name of a closed set; empty where the labels are none."""
    if allowed:
        return {key(a): a for a in allowed}
    total = _total(labels)
    found = {k: c for k, c in spelled(labels).items() if k}
    counts = Counter({k: c.total() for k, c in found.items() if is_short(max(c, key=c.__getitem__))})
    if total < LEAST or counts.total() < ALMOST * total:
        return {}
    names = {k: found[k].most_common(1)[0][0] for k in counts}
    listed = labels_listed(prompt, list(names.values()))
    if listed:
        named = {key(name): name for name in listed}
        if sum(n for k, n in counts.items() if k in named) >= 0.9 * counts.total():
            return named
    once = sum(n == 1 for n in counts.values())
    if not 2 <= len(counts) <= min(MAX_CLASSES, total / _EACH) or once > UNSEEN * total:
        return {}
    # What was said once among many is a slip of the model more often than a class.
    least = 2 if total >= max(200, 20 * len(counts)) else 1
    return {k: _as_in(prompt, names[k]) for k, n in counts.items() if n >= least}


def _as_in(prompt: str, name: str) -> str:
    """A label as the prompt spells it, where it does."""
    at = prompt.casefold().find(name.casefold())
    return prompt[at : at + len(name)] if at >= 0 and key(prompt[at : at + len(name)]) == key(name) else name


def reader(shape: AnswerShape, field: FieldShape) -> Callable[[str], list[str] | None]:
    """Reads the classes out of an answer: names of *field*; None where it names none of them, or not only such.

    Example:
        >>> shape = shape_of(["refund"] * 9 + ["card"] * 9)
        >>> reader(shape, shape.fields[0])("**Refund**.")
        ['refund']
    """
    names = {key(c): c for c in field.classes}
    lead, is_many = shape.lead, field.kind is AnswerKind.CLASSES

    def read(answer: str) -> list[str] | None:
        value: Any = answer
        if shape.kind is AnswerKind.JSON:
            value = (document_in(answer) or {}).get(field.name)
            if value is None:
                return None
        if not is_many:
            found = names.get(key(bare(_written(value), lead)))
            return None if found is None else [found]
        return _several(value, lead, names)

    return read


def _several(value: Any, lead: str, names: Mapping[str, str]) -> list[str] | None:
    items = value if isinstance(value, list) else _listed(str(value))
    if items is None:
        text = bare(str(value), lead)
        sign = next((s for s in _SIGNS if s in text), None)
        items = text.split(sign) if sign else [text]
    keys = [key(bare(str(i))) for i in items if str(i).strip()]
    return list(dict.fromkeys(names[k] for k in keys)) if all(k in names for k in keys) else None
