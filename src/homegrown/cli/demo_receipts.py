"""The receipts of ``homegrown demo exit --fields``: those of SROIE where they are, else some that we make up."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from homegrown.cli.demo_texts import asked
from homegrown.cli.demo_upstream import Book
from homegrown.core.dates import parse_date
from homegrown.core.ids import text_hash
from homegrown.core.records import plain_text
from homegrown.core.values import parse_money
from homegrown.errors import InputError
from homegrown.inference.candidates import same_words
from homegrown.workspace.public_data import receipts_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FIELDS = ("company", "date", "address", "total")
SHADOW = 0.2
"""Of the calls before the switch those that the student answers silently."""
FEWEST = 60
_LAST = 20
_MADE = 480
_ASK = "Read the receipt. Answer with a JSON object: company, date (YYYY-MM-DD), address in one line, total (a number)."
_SCHEMA = {
    "type": "object",
    "properties": {
        "company": {"type": ["string", "null"]}, "date": {"type": ["string", "null"], "format": "date"},
        "address": {"type": ["string", "null"]}, "total": {"type": ["number", "null"]},
    },
    "required": list(FIELDS), "additionalProperties": False,
}  # fmt: skip
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Receipts:
    """Receipts with what stands in them, for each part of the story; no text stands in two of them.

    Attributes:
        taught, shadow: before the switch.
        after: calls after it.
        last: calls after the upstream was stopped.
    """

    credit: str
    source: str
    taught: list[tuple[str, Document]]
    shadow: list[tuple[str, Document]]
    after: list[tuple[str, Document]]
    last: list[tuple[str, Document]]
    system: str = _ASK

    @property
    def gold(self) -> dict[str, Document]:
        """What is right, by text."""
        return dict([*self.taught, *self.shadow, *self.after, *self.last])

    def ask(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """Calls that ask for a document by its schema, every fourth as a stream."""
        form = {"type": "json_schema", "json_schema": {"name": "receipt", "strict": True, "schema": _SCHEMA}}
        return asked(self.system, texts, response_format=form)


def demo_receipts(n_calls: int, seed: int) -> Receipts:
    """Receipts in an order that is drawn by *seed*: the first *n_calls* before the switch.

    Raises:
        InputError: there are too few.
    """
    file = receipts_file()
    rows = read_receipts(file) if file is not None else made_up()
    rows = [rows[i] for i in np.random.default_rng(seed).permutation(len(rows))]
    return divided(rows, n_calls, file is not None)


def divided(rows: Sequence[tuple[str, Document]], n_calls: int, is_sroie: bool) -> Receipts:
    """Receipts in their order as the parts of the story.

    Raises:
        InputError: there are too few.
    """
    n = min(n_calls, len(rows) - 2 * _LAST)
    if n < FEWEST:
        raise InputError(f"The demo needs {FEWEST} receipts before the switch or more.")
    n_shadow = round(SHADOW * n)
    credit = (
        "SROIE: 426 scanned receipts of shops (ICDAR 2019; Huang et al. 2019), read by machine, as corrected by "
        "zzzDavid/ICDAR-2019-SROIE (MIT)."
        if is_sroie
        else "The receipts are made up by us (HOMEGROWN_DATA names no folder with receipts_sroie)."
    )
    return Receipts(
        credit, "receipts" if is_sroie else "made up", list(rows[: n - n_shadow]), list(rows[n - n_shadow : n]),
        list(rows[n:-_LAST]), list(rows[-_LAST:]),
    )  # fmt: skip


def receipts_book(receipts: Receipts, latency_s: float) -> Book:
    """What the simulated API says: what is right, as people wrote it down."""
    return Book(receipts.system, {}, {}, latency_s, receipts.gold)


def differing(ours: Any, theirs: Document) -> list[str]:
    """Names of fields in which a document says something else: words whatever their case and marks, numbers by value.

    Example:
        >>> right = {"company": "Acme, Ltd", "total": 3.50, "date": "2026-01-02"}
        >>> differing({"company": "ACME Ltd.", "total": 3.5}, right)
        ['date']
    """
    said = ours if isinstance(ours, dict) else {}
    return [name for name, value in theirs.items() if _plain(said.get(name)) != _plain(value)]


def _plain(value: Any) -> Any:
    return same_words(value) if isinstance(value, str) else round(value, 2) if isinstance(value, float) else value


def read_receipts(file: Path) -> list[tuple[str, Document]]:
    """Texts, each once, with their fields as an API would give them."""
    found: dict[str, tuple[str, Document]] = {}
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            said = row["fields"]
            day, money = parse_date(said["date"], day_first=True), parse_money(said["total"])
            document = {
                "company": said["company"] or None, "date": day.isoformat() if day else None,
                "address": said.get("address") or None, "total": float(money.amount) if money else None,
            }  # fmt: skip
            text = plain_text(row["text"])
            found.setdefault(text_hash(text), (text, document))
    return list(found.values())


def made_up() -> list[tuple[str, Document]]:
    """Receipts of shops that do not exist, always the same."""
    rng = np.random.default_rng(0)
    shops = ("Corner Shop", "Old Dairy", "Mill & Sons", "Harbour Books", "Green Grocer", "Lamp House", "Tea Room")
    kinds, towns = ("Ltd", "Trading", "Enterprise", ""), ("Ashford", "Brambleton", "Colwick", "Dunmere", "Easthaven")
    roads = ("Long Road", "Mill Lane", "Harbour Street", "Church Hill", "Station Road")
    goods = ("Tea", "Bread", "Lamp", "Book", "Soap", "Rope", "Apples", "Paint")
    found = []
    for number in range(_MADE):
        company = f"{rng.choice(shops)} {rng.choice(kinds)}".strip().upper()
        road, town = f"{rng.integers(1, 99)} {rng.choice(roads)}", f"{rng.integers(10_000, 99_999)} {rng.choice(towns)}"
        y, m, d = int(rng.integers(2023, 2027)), int(rng.integers(1, 13)), int(rng.integers(1, 29))
        prices = np.round(rng.uniform(1, 60, size=int(rng.integers(1, 6))), 2)
        lines = [f"{rng.choice(goods)}\n{p:.2f}" for p in prices]
        total = float(np.round(prices.sum(), 2))
        paid = float(np.ceil(total / 10) * 10)
        day = (f"{d:02}/{m:02}/{y}", f"{d:02}-{m:02}-{y % 100:02}", f"{y}-{m:02}-{d:02}")[int(rng.integers(3))]
        named = ("TOTAL", "TOTAL DUE", "AMOUNT", "GRAND TOTAL")[int(rng.integers(4))]
        head = [
            company,
            f"{road},",
            town,
            f"TEL {rng.integers(10**6, 10**7)}",
            f"{day} {rng.integers(8, 20)}:{rng.integers(10, 60)}",
        ]
        tail = [
            f"NO {number + 1000}",
            *lines,
            named,
            f"{total:.2f}",
            "CASH",
            f"{paid:.2f}",
            "CHANGE",
            f"{paid - total:.2f}",
        ]
        document = {"company": company, "date": f"{y}-{m:02}-{d:02}", "address": f"{road}, {town}", "total": total}
        found.append(("\n".join([*head, *tail, "THANK YOU"]), document))
    return found
