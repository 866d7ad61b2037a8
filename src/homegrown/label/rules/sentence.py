"""A rule as people say it."""

from __future__ import annotations

from homegrown.core.rules import Condition, Field, ModelSays, Pattern, Rule, Similar, Sql, Words

OPS = {
    "equals": "is", "differs": "is not", "contains": "contains", "above": "is above", "below": "is below",
    "empty": "is empty", "filled": "is filled",
}  # fmt: skip
MAX_WORDS = 6


def sentence_of(rule: Rule) -> str:
    """A rule as one sentence.

    Example:
        >>> sentence_of(Rule("r", ["refund"], [Words(any=["money back", "refund*"], none=["not"])]))
        'When the text contains any of “money back”, “refund*” and none of “not”, vote refund.'
    """
    vote = " and ".join(rule.says) if rule.says else "none of these"
    return f"When {', and '.join(phrase_of(c) for c in rule.when)}, vote {vote}."


def phrase_of(condition: Condition) -> str:
    """One condition as a part of the sentence."""
    if isinstance(condition, Words):
        parts = [f"any of {_listed(condition.any)}"] if condition.any else []
        parts += [f"none of {_listed(condition.none)}"] if condition.none else []
        return f"{_where(condition.field)} contains {' and '.join(parts)}"
    if isinstance(condition, Pattern):
        return f"{_where(condition.field)} {'does not match' if condition.is_not else 'matches'} {condition.pattern}"
    if isinstance(condition, Field):
        value = "" if condition.op in ("empty", "filled") else f" “{condition.value}”"
        return f"the field {condition.field} {OPS[condition.op]}{value}"
    if isinstance(condition, Sql):
        return f"in SQL, {' '.join(condition.where.split())}"
    if isinstance(condition, Similar):
        near = "" if condition.threshold is None else f" (at least {condition.threshold:.2f} near)"
        return f"the text is like {_listed(condition.examples)}{near}"
    return _model(condition)


def _model(condition: ModelSays) -> str:
    return f"the model {condition.model} gives {condition.says} at least {condition.above:.0%}"


def _where(field: str) -> str:
    return f"the field {field}" if field else "the text"


def _listed(words: list[str]) -> str:
    shown = ", ".join(f"“{w[:60]}”" for w in words[:MAX_WORDS])
    more = len(words) - MAX_WORDS
    return f"{shown} and {more:,} more" if more > 0 else shown
