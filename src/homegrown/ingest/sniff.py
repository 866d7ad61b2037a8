"""What a text file is made of: its encoding and, for delimited files, the delimiter. Decided from its beginning."""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter
from typing import TYPE_CHECKING

from charset_normalizer import from_bytes

from homegrown.errors import UnreadableFileError

if TYPE_CHECKING:
    from pathlib import Path

SAMPLE_BYTES = 256 * 1024
DELIMITERS = (",", ";", "\t", "|")
# Stands for "one column only": a character that no file of text holds.
NO_DELIMITER = "\x1f"
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NOT_ASCII = re.compile(rb"[\x80-\xff]")
_ENOUGH = 64  # non-ASCII bytes below which statistics say nothing


def read_sample(path: Path) -> bytes:
    """The first bytes of a file."""
    with path.open("rb") as file:
        return file.read(SAMPLE_BYTES)


def detect_encoding(sample: bytes) -> str:
    """Name of the encoding that *sample* is most likely in.

    A byte order mark decides; then UTF-8 if most of the lines that are not plain ASCII are valid in it; then
    statistics (charset-normalizer).

    Example:
        >>> detect_encoding("naïve".encode())
        'utf-8'
    """
    for bom, name in _BOMS:
        if sample.startswith(bom):
            return name
    wide = _wide_without_bom(sample)
    if wide:
        return wide
    lines = [line for line in sample.split(b"\n")[: -1 if len(sample) >= SAMPLE_BYTES else None] if not line.isascii()]
    bad = [line for line in lines if not _is_utf8(line)]
    if len(bad) * 2 <= len(lines):
        return "utf-8"
    return guess_legacy(b"\n".join(bad))


def guess_legacy(data: bytes) -> str:
    """The 8-bit or East Asian encoding of *data*, which is not UTF-8; Windows-1252 when there is too little to tell."""
    if len(_NOT_ASCII.findall(data)) < _ENOUGH:
        return "cp1252"
    best = from_bytes(data[:SAMPLE_BYTES]).best()
    found = best.encoding if best is not None else "cp1252"
    return "cp1252" if found in {"ascii", "utf_8", "latin_1"} else found


def check_encoding(name: str) -> str:
    """*name* in Python's spelling, or an error that says what is known."""
    try:
        return codecs.lookup(name).name
    except LookupError as error:
        raise UnreadableFileError(
            f"There is no encoding {name!r}. Common ones: utf-8, utf-16, cp1252, latin-1, shift_jis, gb18030."
        ) from error


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _wide_without_bom(sample: bytes) -> str | None:
    """UTF-16 without a mark shows as a zero in every second byte of Latin text."""
    head = sample[:4096]
    if len(head) < 4 or head.count(0) < len(head) * 0.3:
        return None
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if odd > 4 * even:
        return "utf-16-le"
    return "utf-16-be" if even > 4 * odd else None


def detect_delimiter(text: str, suffix: str, quote: str = '"') -> str:
    r"""The delimiter under which most rows are as wide as the header.

    Example:
        >>> detect_delimiter("a;b\n1,5;2\n", ".csv")
        ';'
    """
    lines = text.splitlines(keepends=True)
    if len(lines) > 1 and not lines[-1].endswith(("\n", "\r")):
        lines = lines[:-1]  # the sample may have cut it
    candidates = ("\t", *DELIMITERS) if suffix in {".tsv", ".tab"} else DELIMITERS
    best, best_score = NO_DELIMITER, (0.0, 0)
    for delimiter in candidates:
        score = _score(lines[:200], delimiter, quote)
        if score > best_score:
            best, best_score = delimiter, score
    return best


def _score(lines: list[str], delimiter: str, quote: str) -> tuple[float, int]:
    try:
        widths = [len(row) for row in csv.reader(lines, delimiter=delimiter, quotechar=quote) if row]
    except csv.Error:
        return 0.0, 0
    if not widths or widths[0] < 2:
        return 0.0, 0
    return Counter(widths)[widths[0]] / len(widths), widths[0]
