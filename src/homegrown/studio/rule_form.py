"""A rule between the form that builds it as a sentence and the rule as data."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import ImmutableMultiDict

from homegrown.core.rules import Condition, Field, ModelSays, Pattern, Rule, Similar, Sql, Words
from homegrown.errors import InputError
from homegrown.label.rules.sentence import OPS
from homegrown.label.rules.taught import UNTAUGHT

NONE = " "  # what "none of these" posts


@dataclass(frozen=True, kw_only=True)
class ConditionsForm:
    """What stands in the form of a rule's name and conditions: each part as text, empty where it is not used."""

    name: str = ""
    any_words: str = ""
    none_words: str = ""
    where: str = ""
    pattern: str = ""
    field: str = ""
    op: str = "equals"
    value: str = ""
    sql: str = ""
    examples: str = ""
    yes: tuple[str, ...] = ()
    no: tuple[str, ...] = ()
    model: str = ""
    model_says: str = ""
    above: str = "80"

    @property
    def has_more(self) -> bool:
        """It says more than words."""
        return any((self.pattern, self.field, self.sql, self.examples, self.model))

    def conditions(self) -> list[Condition]:
        """The conditions that are filled in.

        Raises:
            InputError: a probability is no number.
        """
        found: list[Condition] = []
        any_words, none_words = words_of(self.any_words), words_of(self.none_words)
        if any_words or none_words:
            found.append(Words(any_words, none_words, self.where))
        if self.pattern:
            found.append(Pattern(self.pattern, self.where))
        if self.field:
            found.append(Field(self.field, self.op, self.value))
        if self.sql:
            found.append(Sql(self.sql))
        if self.examples:
            found.append(Similar(_lines(self.examples), None, list(self.yes), list(self.no)))
        if self.model and self.model_says:
            found.append(ModelSays(self.model, self.model_says, _percent(self.above)))
        return found


@dataclass(frozen=True, kw_only=True)
class RuleForm(ConditionsForm):
    """What stands in the form of a rule that votes for classes."""

    says: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Nothing was said yet that a rule could be made of."""
        return not (self.conditions() and self.says)

    def rule(self) -> Rule:
        """The rule that the form says; without a name it is called by its class and first words."""
        says = [] if NONE in self.says else list(self.says)
        first = next(iter(words_of(self.any_words)), self.pattern or self.field or "rule")
        return Rule(self.name.strip() or f"{(says or ['none'])[0]}: {first}"[:100].strip(), says, self.conditions())


def form_of(posted: ImmutableMultiDict[Any, Any]) -> RuleForm:
    """What was posted, or stands in an address."""
    says = tuple(dict.fromkeys(v for v in posted.getlist("says") if isinstance(v, str) and v))
    return RuleForm(says=says, **form_parts(posted))


def form_parts(posted: ImmutableMultiDict[Any, Any]) -> dict[str, Any]:
    """What a posted form says, by the names of ``ConditionsForm``."""

    def one(name: str, default: str = "") -> str:
        value = posted.get(name, default)
        return value.replace("\r\n", "\n").strip() if isinstance(value, str) else default

    def many(name: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(v for v in posted.getlist(name) if isinstance(v, str) and v))

    no = many("no")
    return {
        "name": one("name"),
        "any_words": one("any"),
        "none_words": one("none"),
        "where": one("where"),
        "pattern": one("pattern"),
        "field": one("field"),
        "op": one("op", "equals") if one("op") in OPS else "equals",
        "value": one("value"),
        "sql": one("sql"),
        "examples": one("examples"),
        "yes": tuple(i for i in many("yes") if i not in no),
        "no": no,
        "model": one("model"),
        "model_says": one("model_says"),
        "above": one("above", "80"),
    }


def form_of_rule(rule: Rule) -> RuleForm | None:
    """A kept rule as the form shows it; None where it says more than the form can."""
    parts = condition_parts(rule.when)
    return None if parts is None else RuleForm(name=rule.name, says=tuple(rule.says) or (NONE,), **parts)


def condition_parts(when: Sequence[Condition]) -> dict[str, Any] | None:
    """Conditions by the names of ``ConditionsForm``; None where they say more than the form can."""
    parts: dict[str, Any] = {}
    for condition in when:
        for name, value in _parts(condition).items():
            if name in parts and not (name == "where" and parts[name] == value):
                return None
            parts[name] = value
    again, plain = ConditionsForm(**parts).conditions(), [_untaught(c) for c in when]
    return parts if sorted(map(repr, again)) == sorted(map(repr, plain)) else None


def _untaught(condition: Condition) -> Condition:
    """Without a threshold that yes and no give again; one that somebody set stays, and the form cannot say it."""
    if isinstance(condition, Similar) and (condition.yes or condition.no or condition.threshold == UNTAUGHT):
        return Similar(condition.examples, None, condition.yes, condition.no)
    return condition


def _parts(condition: Condition) -> Mapping[str, object]:
    if isinstance(condition, Words):
        words = {"any_words": ", ".join(condition.any), "none_words": ", ".join(condition.none)}
        return {**words, "where": condition.field}
    if isinstance(condition, Pattern):
        return {"pattern": condition.pattern, "where": condition.field}
    if isinstance(condition, Field):
        return {"field": condition.field, "op": condition.op, "value": condition.value}
    if isinstance(condition, Sql):
        return {"sql": condition.where}
    if isinstance(condition, Similar):
        examples = "\n".join(" ".join(e.split()) for e in condition.examples)
        return {"examples": examples, "yes": tuple(condition.yes), "no": tuple(condition.no)}
    return {"model": condition.model, "model_says": condition.says, "above": f"{100 * condition.above:g}"}


def words_of(text: str) -> list[str]:
    """Words and phrases that commas, semicolons or lines part."""
    return list(dict.fromkeys(w.strip()[:200] for w in re.split(r"[,;\n]", text) if w.strip(" *\t")))[:500]


def _lines(text: str) -> list[str]:
    return [line.strip()[:5000] for line in text.split("\n") if line.strip()][:100]


def _percent(text: str) -> float:
    try:
        value = float(text.rstrip("% ").replace(",", "."))
    except ValueError:
        value = -1.0
    if not 0 <= value <= 100:
        raise InputError(f"A probability is a percentage from 0 to 100, not {text[:20]!r}.")
    return value / 100
