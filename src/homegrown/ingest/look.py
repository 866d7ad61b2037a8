"""A look at a file before it is imported: its first rows, what each column seems to hold, which to read and predict.

Guesses come from a few thousand rows; names only break ties between columns that the values leave equal.
"""

from __future__ import annotations

import math
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homegrown.core.records import Cells, Column, ColumnKind, Notice, Parsed, Preview, Quarantined, ReadOptions
from homegrown.errors import EmptyDataError
from homegrown.ingest.inputs import Input, expand
from homegrown.ingest.isolated import Isolated

if TYPE_CHECKING:
    from collections.abc import Iterator

SAMPLE_ROWS = 2000
SHOWN_ROWS = 20
MAX_CLASSES = 2000
_TEXT_NAMES = (
    "text",
    "message",
    "body",
    "content",
    "description",
    "comment",
    "question",
    "utterance",
    "review",
    "note",
)
_LABEL_NAMES = ("label", "category", "intent", "class", "topic", "tag", "target", "reason", "type")
_DATE = re.compile(r"^\d{4}-\d\d-\d\d([T ]\d\d:\d\d.*)?$|^\d{1,2}[./]\d{1,2}[./]\d{2,4}$")
_NUMBER = re.compile(r"^[+-]?(\d[\d,]*\.?\d*|\.\d+)([eE][+-]?\d+)?%?$")


def preview(path: str | Path, name: str, *, kind: str | None = None, options: ReadOptions | None = None) -> Preview:
    """Read the first rows of *path* and guess what its columns are for.

    Args:
        path: a file; or a folder, a pattern or an archive, of which the first file is looked at.
        name: what the file is called in messages.
        kind: read it as this (``csv``), whatever its name says.
        options: how to read it.

    Raises:
        EmptyDataError: it has no rows.
    """
    with tempfile.TemporaryDirectory(prefix="homegrown-") as scratch, Isolated() as isolated:
        input_ = _first(path, Path(scratch), name, kind, isolated)
        return _look(isolated.read(input_, options or ReadOptions()), input_)


def _first(path: str | Path, scratch: Path, name: str, kind: str | None, isolated: Isolated) -> Input:
    """The first file behind *path* that can be read."""
    reasons = []
    for found in expand(path, scratch, kind=kind, shown=name, unpack=isolated.unpack):
        if isinstance(found, Input):
            return found
        reasons.append(found.reason)
    raise EmptyDataError(f"{name} holds no file that can be read" + (f": {reasons[0]}." if reasons else "."))


def _look(items: Iterator[Parsed | Cells | Quarantined | Notice], input_: Input) -> Preview:
    rows: list[dict[str, Any]] = []
    aside: list[Quarantined] = []
    notices: list[str] = []
    n_seen = 0
    for row in _single(items):
        if isinstance(row, Notice):
            notices.append(row.message)
            continue
        n_seen += 1
        if n_seen > SAMPLE_ROWS:
            break
        (aside if isinstance(row, Quarantined) else rows).append(row)  # type: ignore[arg-type]
    if not rows:
        why = f" The first row set aside: {aside[0].reason}." if aside else ""
        raise EmptyDataError(f"{input_.name} has no rows to read.{why} Expected a header line and at least one row.")
    columns = tuple(column(n, [row.get(n) for row in rows]) for n in dict.fromkeys(n for row in rows for n in row))
    text = _best_text(columns)
    return Preview(
        columns=columns,
        rows=tuple(tuple(_cell(row.get(c.name)) for c in columns) for row in rows[:SHOWN_ROWS]),
        n_sampled=len(rows),
        is_whole=n_seen <= SAMPLE_ROWS,
        quarantined=tuple(aside),
        text=text,
        label=_best_label(columns, text),
        notices=tuple(dict.fromkeys(notices)),
    )


def _single(items: Iterator[Parsed | Cells | Quarantined | Notice]) -> Iterator[dict[str, Any] | Quarantined | Notice]:
    """Rows one by one, however the reader gives them."""
    for item in items:
        if isinstance(item, Cells):
            for start in range(0, len(item.lines), SAMPLE_ROWS):
                cells = [c.slice(start, SAMPLE_ROWS).to_pylist() for c in item.columns]
                yield from (dict(zip(item.names, row, strict=True)) for row in zip(*cells, strict=True))
        else:
            yield item.fields if isinstance(item, Parsed) else item


def column(name: str, values: list[Any]) -> Column:
    """What *values*, a sample of a column, seem to be.

    Example:
        >>> column("n", ["1", "2.5", ""]).kind.value
        'number'
    """
    filled = [v for v in values if v is not None and str(v).strip()]
    words = [str(v).strip() for v in filled]
    counts: dict[str, int] = {}
    for value in filled:
        for one in value if isinstance(value, list) else [value]:
            counts[str(one).strip()] = counts.get(str(one).strip(), 0) + 1
    mean = sum(map(len, words)) / len(words) if words else 0.0
    return Column(
        name=name,
        kind=_kind(words, counts, mean),
        n_empty=len(values) - len(filled),
        n_distinct=len(counts),
        n_rarest=min(counts.values(), default=0),
        mean_chars=mean,
    )


def _kind(words: list[str], counts: dict[str, int], mean: float) -> ColumnKind:
    n = len(words)
    if not n:
        return ColumnKind.EMPTY
    few = len(counts) <= min(MAX_CLASSES, max(2, n // 2))
    spaced = sum(" " in w for w in words) / n
    if sum(bool(_DATE.match(w)) for w in words) >= 0.95 * n:
        return ColumnKind.DATE
    if sum(bool(_NUMBER.match(w)) for w in words) >= 0.95 * n and not (few and len(counts) <= 20 and n >= 60):
        return ColumnKind.ID if len(counts) == n and n > 20 and all(w.isdigit() for w in words) else ColumnKind.NUMBER
    if few and mean <= 60:
        return ColumnKind.CATEGORY
    if len(counts) >= 0.95 * n and spaced < 0.2 and n > 20:
        return ColumnKind.ID
    return ColumnKind.TEXT


def _named(name: str, words: tuple[str, ...]) -> bool:
    low = name.lower()
    return any(word in low for word in words)


def _best_text(columns: tuple[Column, ...]) -> str | None:
    def score(c: Column) -> float:
        return (c.kind is ColumnKind.TEXT) * 3 + _named(c.name, _TEXT_NAMES) + math.log1p(c.mean_chars) / 4

    usable = [c for c in columns if c.kind in (ColumnKind.TEXT, ColumnKind.CATEGORY)]
    return max(usable, key=score).name if usable else None


def _best_label(columns: tuple[Column, ...], text: str | None) -> str | None:
    def score(c: Column) -> float:
        return 2.0 * _named(c.name, _LABEL_NAMES) + min(math.log1p(c.n_distinct), 4.0) / 4 + 0.1 * (c.n_rarest >= 5)

    usable = [c for c in columns if c.kind is ColumnKind.CATEGORY and c.n_distinct >= 2 and c.name != text]
    return max(usable, key=score).name if usable else None


def _cell(value: Any) -> str:
    if value is None:
        return ""
    shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return shown if len(shown) <= 400 else shown[:399] + "…"
