"""Reading a whole text file in whatever encoding it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homegrown.core.records import Notice, ReadOptions
from homegrown.errors import EmptyDataError, UnreadableFileError
from homegrown.ingest.sniff import SAMPLE_BYTES, check_encoding, detect_encoding

if TYPE_CHECKING:
    from pathlib import Path

MAX_DOCUMENT_BYTES = 64 << 20


def check_size(path: Path, name: str, limit: int = MAX_DOCUMENT_BYTES) -> None:
    """Refuse a document that is empty or larger than *limit*: it is held in memory as a whole."""
    size = path.stat().st_size
    if not size:
        raise EmptyDataError(f"{name} is empty.")
    if size > limit:
        raise UnreadableFileError(f"{name} has {size >> 20:,} MiB; documents of up to {limit >> 20} MiB are read.")


def read_text(path: Path, name: str, options: ReadOptions) -> tuple[str, list[Notice]]:
    r"""The text of a file with ``\n`` line ends, and what a person should know about its encoding.

    Raises:
        UnreadableFileError: it holds binary data.
    """
    check_size(path, name)
    data = path.read_bytes()
    encoding = check_encoding(options.encoding) if options.encoding else detect_encoding(data[:SAMPLE_BYTES])
    text = data.decode(encoding, errors="replace").removeprefix("\ufeff")
    if text[:4096].count("\0") > 4:
        raise UnreadableFileError(f"{name} holds binary data, not text.")
    notices = []
    if "\ufffd" in text and b"\xef\xbf\xbd" not in data:
        notices.append(Notice(name, f"Some bytes are no {encoding} and were replaced; name another by --encoding."))
    elif encoding not in {"utf-8", "utf-8-sig", "ascii", "utf-16", "utf-32"} and not options.encoding:
        notices.append(Notice(name, f"It was read as {encoding}; if letters look wrong, name another by --encoding."))
    return text.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n"), notices
