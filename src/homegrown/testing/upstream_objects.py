"""What the fake upstream answers where it is asked for documents: fields that stand in a text as ``name: value;``."""

from __future__ import annotations

import json
import re
from typing import Any

_FIELD = re.compile(r"^- (\w+): (.*)$", re.M)
_SAID = r"\b{}: ([^;\n]+)"


def asks_for_documents(system: str) -> bool:
    """Whether a prompt of ours asks for documents, not for classes."""
    return '"document"' in system


def documents(system: str, records: list[dict[str, Any]], kind: str) -> str:
    r"""The answer to a prompt of ours, spoilt as *kind* says.

    Example:
        >>> documents("- who: words\n", [{"n": 1, "text": "who: Ann; and more"}], "")
        '{"answers": [{"n": 1, "document": {"who": "Ann"}}]}'
    """
    fields = _FIELD.findall(system)
    answers = [{"n": r["n"], "document": {n: _value(n, what, r["text"]) for n, what in fields}} for r in records]
    if kind == "invent":
        for answer in answers:
            answer["document"] |= {n: _invented(what) for n, what in fields}
    if kind == "missing":
        answers = answers[1:]
    if kind == "wrong-shape":
        return json.dumps({"labels": [a["document"] for a in answers]})
    if kind == "bare":
        return json.dumps(answers[0]["document"])
    whole = json.dumps({"answers": answers}, ensure_ascii=False)
    if kind == "almost":
        spoilt = whole.replace("}", ",}").replace("true", "True").replace("null", "None")
        return f"Here you are:\n```json\n{{ // as asked\n{spoilt[1:]}\n```\nAnything else?"
    return whole


def _value(name: str, what: str, text: str) -> Any:
    found = re.search(_SAID.format(re.escape(name)), text)
    if found is None:
        return [] if what.startswith("a list") else None
    said = found[1].strip()
    if what.startswith("a list of"):
        return [part.strip() for part in said.split(",")]
    if what.startswith("a number"):
        return float(said)
    if what.startswith("an amount"):
        amount, _, currency = said.partition(" ")
        return {"amount": float(amount), "currency": currency or None}
    return said == "yes" if what.startswith("true or false") else said


def _invented(what: str) -> Any:
    if what.startswith("words"):
        return "Zoe Nobody"
    if what.startswith("an amount"):
        return {"amount": 987654.0, "currency": "EUR"}
    return [] if what.startswith("a list") else None
