"""How probable an upstream held each class, read off the probabilities of the tokens of its answer.

A small model learns more from what a larger one thought likely than from its answer alone (Hinton, Vinyals, Dean 2015,
"Distilling the Knowledge in a Neural Network", section 2). An API tells for each token which others might have stood
there. A class is a path of tokens: the chance that a token had is that of all classes whose name goes on so.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from homegrown.core.traces import Captured

#: of the mass that must lead to a class, for the rest to be left out
LEAST = 0.5
#: a token of which nothing else was told is the only one if it is so probable
CERTAIN = 0.999


def tokens_of(call: Captured) -> list[dict[str, Any]]:
    """The tokens of a chat completion's answer with what was told of them; empty where nothing was."""
    choices = (call.response or {}).get("choices") or [{}]
    told = choices[0].get("logprobs") if isinstance(choices[0], dict) else None
    tokens = told.get("content") if isinstance(told, dict) else None
    return tokens if isinstance(tokens, list) and all(isinstance(t, dict) for t in tokens) else []


def answer_prob(tokens: Sequence[Mapping[str, Any]]) -> float | None:
    """How probable the upstream held the whole answer; None where it did not tell."""
    if not tokens:
        return None
    try:
        return math.exp(min(math.fsum(float(t["logprob"]) for t in tokens), 0.0))
    except (KeyError, TypeError, ValueError):
        return None


def class_probs(tokens: Sequence[Mapping[str, Any]], label: str, classes: Sequence[str]) -> dict[str, float] | None:
    """How probable each class was; None where it cannot be read.

    Along the answer, each token that might have stood in a place gives its chance to the classes whose names go on so,
    in equal parts where there are several. What had a chance and was not told goes to the classes that no told
    token begins, in equal parts. What leads to no class is left out, and the rest is divided by its sum, unless it is
    most of all: then the names are not what the upstream chose between. Case, and white space before the name, do
    not count. Tokens before the name are taken as given.

    Args:
        tokens: of the answer, each with ``token``, ``logprob`` and ``top_logprobs`` as OpenAI's API has them.
        label: that was answered, once in the answer.
        classes: that might have been.

    Returns:
        class → probability, their sum 1; classes of no chance left out.

    Example:
        >>> top = [{"token": "re", "logprob": -0.36}, {"token": "log", "logprob": -1.2}]
        >>> told = [{"token": "re", "logprob": -0.36, "top_logprobs": top}, {"token": "fund", "logprob": 0.0}]
        >>> {k: round(v, 2) for k, v in class_probs(told, "refund", ["refund", "login"]).items()}
        {'refund': 0.7, 'login': 0.3}
    """
    try:
        found = _walked(tokens, label, classes)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return None
    total = math.fsum(found.values())
    return {c: p / total for c, p in found.items() if p > 0} if total >= LEAST else None


def _walked(tokens: Sequence[Mapping[str, Any]], label: str, classes: Sequence[str]) -> dict[str, float]:
    text = "".join(t["token"] for t in tokens)
    low, name = text.lower(), label.lower()
    at, end = low.find(name), low.find(name) + len(name)
    if at < 0 or low.find(name, at + 1) >= 0 or len(low) != len(text):
        return {}
    names = {c: c.lower() for c in classes}
    alive, mass, place, found = list(classes), 1.0, 0, dict.fromkeys(classes, 0.0)
    for token in tokens:
        after = place + len(token["token"])
        if after > at:
            told = {t["token"].lower(): math.exp(min(float(t["logprob"]), 0.0)) for t in _told(token)}
            if not token.get("top_logprobs") and told[token["token"].lower()] < CERTAIN:
                return {}
            mine = token["token"].lower()
            starts = {t: _begun(low, place, at, end, t, names, alive) for t in told}
            for other in told.keys() - {mine}:
                for c in starts[other]:
                    found[c] += mass * told[other] / len(starts[other])
            unseen = [c for c in alive if not any(c in some for some in starts.values())]
            for c in unseen:
                found[c] += mass * max(0.0, 1 - math.fsum(told.values())) / len(unseen)
            mass, alive = mass * told[mine], starts[mine]
            if after >= end or alive == [label]:
                found[label] += mass
                return found
        place = after
    return {}


def _told(token: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What might have stood there, what did stand there included, each once."""
    return [*(token.get("top_logprobs") or ()), token]


def _begun(
    low: str, place: int, at: int, end: int, token: str, names: Mapping[str, str], alive: Sequence[str]
) -> list[str]:
    """Which of the *alive* classes the answer might become, were *token* at *place*."""
    said = low[:place] + token
    if said.startswith(low[:at]):
        said = said[at:]
    elif low[:at].strip():
        return []
    if place <= at:
        said = said.lstrip()
    going_on = [c for c in alive if said and (names[c] + low[end:]).startswith(said)]
    over = [c for c in alive if said.startswith(names[c]) and not (said[len(names[c]) :][:1].isalnum())]
    return going_on or sorted((c for c in over if said[len(names[c]) :][:1] != "_"), key=len)[-1:]
