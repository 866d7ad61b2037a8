"""What little effort would have reached on objects: the most frequent answers, and patterns with dictionaries."""

from __future__ import annotations

import re
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from homegrown.core.said import is_right, meaning_of, plain_words
from homegrown.core.schema import FieldType
from homegrown.evaluate.object_rows import values_of
from homegrown.inference.candidates import VALUES, Candidate, Reading, candidates

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from homegrown.core.schema import Field
    from homegrown.store import Store

    Rule = Callable[[str], dict[str, Any] | None]

MAX_TRAIN = 500
_LINES = range(-3, 5)
_MOST_WORDS = 2000
_AMOUNT = re.compile(r"[.,]\d\d\b|[^\d.,\s-]")


@dataclass(frozen=True, slots=True)
class ObjectBaseline:
    """A baseline's answers to the rows of a split, ``{field_id: answer}`` each."""

    kind: str
    name: str
    values: list[dict[str, Any]]
    seconds: float


def object_baselines(
    store: Store, snapshot_id: str, fields: Sequence[Field], texts: Sequence[str]
) -> list[ObjectBaseline]:
    """Both baselines, learnt from the rows of the snapshot (train and valid) that a model may learn from.

    *Frequent* says of each field what it is most often, "not there" among that; words only where they stand in the
    text. *Patterns* takes for values the first, the last or the largest that stands in the text, for words a line by
    its number or the words that a field had before: whichever rule is right most often on at most ``MAX_TRAIN`` rows.
    Nothing else is tuned.
    """
    table = store.snapshots.read(snapshot_id)
    table = table.filter(pc.is_in(table["split"], value_set=pa.array(["train", "valid"])))
    table = table.filter(pc.is_valid(table["value"])).slice(0, MAX_TRAIN)
    held = store.records.texts(table["record_id"].to_pylist())
    known = [
        (held[record_id], value)
        for record_id, value in zip(table["record_id"].to_pylist(), values_of(table), strict=True)
        if record_id in held
    ]
    found = []
    for kind, name, learn in (
        ("frequent", "Always the most frequent answer", _frequent),
        ("patterns", "Patterns and dictionaries", _best_rule),
    ):
        started = time.monotonic()
        rules = {f.field_id: learn(f, [(text, v[f.field_id]) for text, v in known if f.field_id in v]) for f in fields}
        values = [{i: rule(text) for i, rule in rules.items()} for text in texts]
        found.append(ObjectBaseline(kind, name, values, time.monotonic() - started))
    return found


def _frequent(one: Field, known: list[tuple[str, Any]]) -> Rule:
    keys = [meaning_of(one, answer, text) for text, answer in known]
    if not keys:
        return _nothing
    most = Counter(keys).most_common(1)[0][0]
    text, answer = known[keys.index(most)]
    if answer is None:
        return _nothing
    if one.type is FieldType.SPAN:
        return _dictionary(one, [(text, answer)])
    said = {k: v for k, v in answer.items() if k != "spans"}
    return lambda _: said


def _best_rule(one: Field, known: list[tuple[str, Any]]) -> Rule:
    rules: list[Rule] = [_frequent(one, known), *_patterns(one, known)]

    def hits(rule: Rule) -> int:
        return sum(is_right(one, answer, rule(text), text) for text, answer in known)

    return max(rules, key=hits)


def _patterns(one: Field, known: list[tuple[str, Any]]) -> list[Rule]:
    if one.type in VALUES and not one.takes_many:
        readings = [Reading(day_first=d) for d in (True, False)] if one.type is FieldType.DATE else [Reading()]
        said = Counter((a or {}).get("currency") for _, a in known if a)
        currency = said.most_common(1)[0][0] if said else None
        return [_place(one, reading, pick, currency) for reading in readings for pick in _PICKS[one.type]]
    if one.type is not FieldType.SPAN:
        return []
    found = [_dictionary(one, known)]
    return found if one.takes_many else [*found, *(_line(i) for i in _LINES)]


def _nothing(text: str) -> None:
    del text


def _place(one: Field, reading: Reading, pick: Callable[[list[Candidate]], Candidate], currency: str | None) -> Rule:
    def rule(text: str) -> dict[str, Any] | None:
        found = candidates(text, one.type, reading)
        if one.type is FieldType.MONEY:  # numbers of cards and telephones are no amounts
            found = [c for c in found if _AMOUNT.search(text[c.start : c.end])] or found
        if not found:
            return None
        chosen = pick(found)
        extra = {"currency": currency} if one.type is FieldType.MONEY and currency else {}
        return {"value": chosen.value, **extra, "spans": [[chosen.start, chosen.end]]}

    return rule


def _first(found: list[Candidate]) -> Candidate:
    return found[0]


def _last(found: list[Candidate]) -> Candidate:
    return found[-1]


def _largest(found: list[Candidate]) -> Candidate:
    return max(found, key=lambda c: float(c.value))


_PICKS = {
    FieldType.DATE: (_first, _last),
    FieldType.NUMBER: (_first, _last, _largest),
    FieldType.MONEY: (_first, _last, _largest),
}


def _line(number: int) -> Rule:
    def rule(text: str) -> dict[str, Any] | None:
        lines = [m.span() for m in re.finditer(r"\S(?:[^\n]*\S)?", text)]
        return {"spans": [list(lines[number])]} if -len(lines) <= number < len(lines) else None

    return rule


def _dictionary(one: Field, known: list[tuple[str, Any]]) -> Rule:
    """Words that the field had before, where they stand in the text; the longest first, and none inside another."""
    words = {plain_words(text[start:end]) for text, answer in known if answer for start, end in answer["spans"]} - {""}
    longest = sorted(words, key=lambda w: (-len(w), w))[:_MOST_WORDS]
    if not longest:
        return _nothing
    pattern = re.compile(
        r"(?<!\w)(?:" + "|".join(r"\s+".join(map(re.escape, w.split())) for w in longest) + r")(?!\w)", re.IGNORECASE
    )

    def rule(text: str) -> dict[str, Any] | None:
        found = [list(m.span()) for m in pattern.finditer(text)]
        if not found:
            return None
        return {"spans": found if one.takes_many else [max(found, key=lambda s: s[1] - s[0])]}

    return rule
