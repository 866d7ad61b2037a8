"""The texts of ``homegrown demo exit``, and the prompts in which its script sends them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from homegrown.cli.demo_upstream import MODEL, Book
from homegrown.core.ids import text_hash
from homegrown.core.records import plain_text
from homegrown.errors import InputError
from homegrown.ingest import columns_of_file
from homegrown.workspace.public_data import demo_data

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CONFUSED = 0.04
"""About this share of all messages is of labels that the simulated API always confuses."""
TAUGHT = 0.7
"""Of the calls before the switch those before training; the others are answered in the shadow."""
FEWEST_CALLS = 200
_OF_AFTER, _OF_LAST, _OF_LETTERS = 1 / 6, 1 / 30, 1 / 10
_STREAMED = 4
REPLY = "Write a short, friendly first reply to the customer who wrote this. Do not promise anything."
_ASK = "You sort the messages of customers. Answer with one of these labels and nothing else: {}."


@dataclass(frozen=True, slots=True)
class Texts:
    """Messages with what is right, for each part of the story; no message stands in two of them.

    Attributes:
        taught: calls before training.
        shadow: calls that the student answers silently.
        after: calls after the switch.
        last: calls after the upstream was stopped.
        letters: messages that are answered with free text.
    """

    credit: str
    source: str
    taught: list[tuple[str, str]]
    shadow: list[tuple[str, str]]
    after: list[tuple[str, str]]
    last: list[tuple[str, str]]
    letters: list[str]
    labels: tuple[str, ...]

    @property
    def system(self) -> str:
        """The system prompt that asks for a label."""
        return _ASK.format(", ".join(self.labels))

    @property
    def gold(self) -> dict[str, str]:
        """What is right, by message."""
        return dict([*self.taught, *self.shadow, *self.after, *self.last])

    def ask(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """Calls that ask for a label, every fourth as a stream."""
        return asked(self.system, texts)

    def ask_letters(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """Calls that ask for a reply in free text."""
        return asked(REPLY, texts)


def demo_texts(n_calls: int, seed: int) -> Texts:
    """Real messages, drawn by *seed*; those after the switch are of the test split, where there is one.

    Args:
        n_calls: before the switch; fewer where there are not as many messages.
        seed: of every draw.

    Raises:
        InputError: there are too few messages.
    """
    data = demo_data()
    known = _read(data.train, data.text, data.label, set())
    rng = np.random.default_rng(seed)
    known = _shuffled(known, rng)
    if data.test is not None:
        fresh = _read(data.test, data.text, data.label, {_key(t) for t, _ in known})
        fresh = _shuffled(fresh, rng)
    else:
        cut = round(len(known) / (1 + _OF_AFTER + _OF_LAST + _OF_LETTERS))
        known, fresh = known[:cut], known[cut:]
    n = min(n_calls, len(known))
    if n < FEWEST_CALLS:
        raise InputError(f"The demo needs {FEWEST_CALLS} messages or more, and there are {n}.")
    n_taught, n_after, n_last = round(TAUGHT * n), round(_OF_AFTER * n), round(_OF_LAST * n)
    end = n_after + n_last
    return Texts(
        credit=data.credit,
        source=data.name,
        taught=known[:n_taught],
        shadow=known[n_taught:n],
        after=fresh[:n_after],
        last=fresh[n_after:end],
        letters=[text for text, _ in [*fresh[end:], *known[n:]]][: round(_OF_LETTERS * n)],
        labels=tuple(sorted({label for _, label in [*known, *fresh]})),
    )


def book(texts: Texts, seed: int, latency_s: float) -> Book:
    """What the simulated API says: what is right, but for a few labels that it always takes for one of like name."""
    sizes = Counter(texts.gold.values())
    most = max(CONFUSED * len(texts.gold), min(sizes.values()))
    n, instead = 0, {}
    for label in np.random.default_rng(seed).permutation(sorted(sizes)).tolist():
        near = max((o for o in texts.labels if o != label), key=lambda o: (_alike(label, o), o))
        if n + sizes[label] <= most and near not in instead and label not in instead.values():
            instead[label] = near
            n += sizes[label]
    return Book(texts.system, texts.gold, instead, latency_s)


def asked(system: str, texts: Sequence[str], **more: Any) -> list[dict[str, Any]]:
    """Calls that ask about *texts*, every fourth as a stream; *more* stands in each of them."""
    found = []
    for number, text in enumerate(texts):
        turns = [{"role": "system", "content": system}, {"role": "user", "content": text}]
        body: dict[str, Any] = {"model": MODEL, "temperature": 0, "messages": turns, **more}
        if number % _STREAMED == 0:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        found.append(body)
    return found


def _read(path: Path, text: str, label: str, known: set[str]) -> list[tuple[str, str]]:
    """Messages with a label, each once, without those whose key is *known*."""
    cells = columns_of_file(path, [text, label])
    found = []
    for said, right in zip(cells[text], cells[label], strict=True):
        if said is not None and right is not None and _key(said) not in known:
            known.add(_key(said))
            found.append((plain_text(said), right))
    return found


def _shuffled(rows: list[tuple[str, str]], rng: np.random.Generator) -> list[tuple[str, str]]:
    return [rows[i] for i in rng.permutation(len(rows))]


def _key(text: str) -> str:
    return text_hash(" ".join(text.casefold().split()))


def _alike(one: str, other: str) -> float:
    a, b = set(one.casefold().split("_")), set(other.casefold().split("_"))
    return len(a & b) / len(a | b)
