"""Records and where they come from."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa


_HALVES = re.compile("[\ud800-\udfff]")


def plain_text(text: str) -> str:
    r"""What somebody sent or wrote, as records hold it: with ``\n`` at line ends, without NUL and what frames it.

    Half of a surrogate pair, which nothing can keep, becomes the sign for what cannot be read.

    Example:
        >>> plain_text(" my card\r\nis lost\n")
        'my card\nis lost'
    """
    text = text if text.isascii() else _HALVES.sub("\ufffd", text)
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "").strip()


def is_showable(name: str) -> bool:
    r"""Whether a name holds no sign of control and no half of a surrogate pair, so that it can be kept and shown.

    Example:
        >>> is_showable("card lost"), is_showable("card\0lost")
        (True, False)
    """
    return name.isprintable() or not any(unicodedata.category(c) in ("Cc", "Cs") for c in name)


@dataclass(frozen=True, slots=True)
class Record:
    """One stored unit of the user's data, immutable.

    Attributes:
        record_id: 32 hex characters (``core.ids``).
        text: the content that models read.
        fields: every column of the row it came from, typed as far as JSON goes.
        text_hash: key of vectors and caches.
        source: name of the source it first came from.
        external_id: the row's own id in that source, if it has one.
    """

    record_id: str
    text: str
    fields: dict[str, Any]
    text_hash: str
    source: str
    external_id: str | None = None


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a reader yields for one row or document, before it becomes a Record.

    Attributes:
        fields: the row, in column order.
        locator: where it stood, e.g. ``tickets.csv:17`` or ``handbook.pdf#page=3``.
    """

    fields: dict[str, Any]
    locator: str


@dataclass(frozen=True, slots=True)
class Cells:
    """Many rows of a format without types (CSV), as columns: each cell as it is written.

    Attributes:
        names: the columns, each once.
        columns: one string array per name, all of the same length, without nulls.
        lines: int64, the line on which each row starts.
        file: what locators show before the line.
    """

    names: tuple[str, ...]
    columns: list[pa.Array]
    lines: pa.Array
    file: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a person should know about a file whose rows were read all the same."""

    file: str
    message: str


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How a file is to be read; None lets the reader find out.

    Attributes:
        delimiter: between the cells of a delimited file.
        encoding: of a text file, a name that Python knows.
        quote: the character around cells that hold a delimiter.
        header: whether the first row names the columns.
        sheet: of an Excel file; ``*`` for all.
        sections: documents give one record per section or page instead of one per file.
    """

    delimiter: str | None = None
    encoding: str | None = None
    quote: str = '"'
    header: bool = True
    sheet: str | None = None
    sections: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """Some consecutive current records.

    Attributes:
        records: in the order in which they were stored.
        next_cursor: for the page after this one; None on the last.
        previous_cursor: for the page before this one; None on the first.
    """

    records: list[Record]
    next_cursor: str | None
    previous_cursor: str | None


@dataclass(frozen=True, slots=True)
class Quarantined:
    """What could not be read, and why. Holds no content, so that forgetting need not look here."""

    file: str
    line: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class SourceVersion:
    """One import of a named source.

    Attributes:
        n_records: rows that the import holds.
        n_added: records that were new to the workspace.
        n_quarantined: rows set aside.
        unchanged: True when the same content was imported before; nothing was written then.
        n_changed: rows whose id was known and whose content was new (``--id``).
        n_retired: records that this import took out of sight, since no source holds them any more.
        warnings: sentences for a person.
        merge_offers: groups of label values that differ only by case or space.
    """

    source_id: str
    name: str
    version: int
    n_records: int
    n_added: int
    n_quarantined: int
    created_at: datetime
    unchanged: bool = False
    text_column: str | None = None
    label_column: str | None = None
    id_column: str | None = None
    n_changed: int = 0
    n_retired: int = 0
    warnings: tuple[str, ...] = ()
    merge_offers: tuple[tuple[str, ...], ...] = ()
    options: dict[str, Any] = field(default_factory=dict)


class ColumnKind(StrEnum):
    """What the values of a column seem to be."""

    TEXT = "text"
    CATEGORY = "category"
    NUMBER = "number"
    DATE = "date"
    ID = "id"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a file as its first rows show it.

    Attributes:
        n_distinct: different values in the sample, each element of a list counted by itself.
        n_rarest: how often the rarest of them occurs.
        mean_chars: mean length of the values that are not empty.
    """

    name: str
    kind: ColumnKind
    n_empty: int
    n_distinct: int
    n_rarest: int
    mean_chars: float


@dataclass(frozen=True, slots=True)
class Preview:
    """A look at a file before it is imported.

    Attributes:
        rows: the first rows as they would be shown, cells in the order of ``columns``.
        n_sampled: rows that the guesses come from.
        is_whole: True when the sample is the whole file.
        text: the column that looks like what a model should read; None when none does.
        label: the column that looks like the answer; None when none does.
        notices: sentences about how it was read.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    n_sampled: int
    is_whole: bool
    quarantined: tuple[Quarantined, ...]
    text: str | None
    label: str | None
    notices: tuple[str, ...] = ()
