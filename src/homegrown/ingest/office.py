"""PDF, Word and Excel. Their libraries are imported when the first such file is read."""

from __future__ import annotations

import datetime as dt
import logging
import zipfile
from typing import TYPE_CHECKING, Any

from homegrown.core.records import Notice, Parsed, Quarantined, ReadOptions
from homegrown.errors import EmptyDataError, HomegrownError, MissingColumnError, UnreadableFileError
from homegrown.ingest.archives import Limits, check_zip
from homegrown.ingest.csv_reader import MAX_COLUMNS, column_names
from homegrown.ingest.documents import document
from homegrown.ingest.text import check_size

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pypdf import PdfReader as _Pdf
    from python_calamine import CalamineWorkbook

MAX_PAGES = 20_000
_OFFICE_LIMITS = Limits(n_members=10_000, n_bytes=2 << 30, ratio=300)
_MAX_BYTES = 256 << 20
# pypdf tells of every oddity it mends; what matters to a person is said in the quarantine.
logging.getLogger("pypdf").setLevel(logging.CRITICAL)


class PdfReader:
    """The text layer of a PDF; its sections are pages. Scans have none and are set aside."""

    suffixes = (".pdf",)
    isolated = True

    def read(self, path: Path, name: str, options: ReadOptions) -> Iterator[Parsed | Quarantined | Notice]:
        """The document, or its pages."""
        check_size(path, name, _MAX_BYTES)
        pages: list[str] = []
        bad: list[Quarantined] = []
        for number, text in enumerate(self._pages(path, name), 1):
            place = f"{name}#page={number}"
            if isinstance(text, str) and text.strip():
                pages.append(text)
                if options.sections:
                    yield document(name, text, f"#page={number}", page=number)
            else:
                bad.append(Quarantined(place, None, text if isinstance(text, str) and text else _SCAN))
        if not pages:
            raise UnreadableFileError(f"{name}: {_SCAN}.")
        yield from bad
        if not options.sections:
            yield document(name, "\n\n".join(pages), pages=len(pages))

    def _pages(self, path: Path, name: str) -> Iterator[str | None]:
        """Text of each page; None for one that cannot be read."""
        import pypdf

        try:
            reader = pypdf.PdfReader(path)
            if reader.is_encrypted and not reader.decrypt(""):
                raise UnreadableFileError(f"{name} is encrypted. Save it without a password first.")
            n = len(reader.pages)
        except (HomegrownError, MemoryError):
            raise
        except Exception as error:
            raise UnreadableFileError(f"{name} is damaged or no PDF: {_short(error)}.") from error
        if n > MAX_PAGES:
            raise UnreadableFileError(f"{name} has {n:,} pages; at most {MAX_PAGES:,} are read.")
        for i in range(n):
            yield self._page(reader, i)

    def _page(self, reader: _Pdf, i: int) -> str | None:
        try:
            return reader.pages[i].extract_text().encode("utf-8", "replace").decode()
        except MemoryError:
            raise
        except Exception:
            return None


_SCAN = "it has no text layer, as scans do; run it through OCR first"


class DocxReader:
    """Word documents; their sections start at headings, tables become lines."""

    suffixes = (".docx",)
    isolated = True

    def read(self, path: Path, name: str, options: ReadOptions) -> Iterator[Parsed | Quarantined | Notice]:
        """The document, or its sections."""
        check_size(path, name, _MAX_BYTES)
        check_zip(path, name, _OFFICE_LIMITS)
        import docx

        try:
            opened = docx.Document(str(path))
            sections = _docx_sections(opened)
        except MemoryError:
            raise
        except Exception as error:
            raise UnreadableFileError(f"{name} is damaged or no Word document: {_short(error)}.") from error
        if not options.sections:
            yield document(name, "\n".join(text for _, text in sections))
            return
        for i, (heading, text) in enumerate(sections, 1):
            if text.strip():
                yield document(name, text, f"#section={i}", section=heading)


def _docx_sections(opened: Any) -> list[tuple[str | None, str]]:
    from docx.table import Table

    sections: list[tuple[str | None, list[str]]] = [(None, [])]
    for block in opened.iter_inner_content():
        if isinstance(block, Table):
            sections[-1][1].extend("\t".join(cell.text for cell in row.cells) for row in block.rows)
            continue
        style = (block.style.name if block.style is not None else "") or ""
        if style.startswith(("Heading", "Title")) and block.text.strip():
            sections.append((block.text.strip(), []))
        sections[-1][1].append(block.text)
    return [(heading, "\n".join(lines)) for heading, lines in sections]


class ExcelReader:
    """Rows of a sheet under its first row that is not empty."""

    suffixes = (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods")
    isolated = True

    def read(self, path: Path, name: str, options: ReadOptions) -> Iterator[Parsed | Quarantined | Notice]:
        """Rows of the first sheet that has any, or of the one named by ``sheet``."""
        check_size(path, name, _MAX_BYTES)
        if zipfile.is_zipfile(path):
            check_zip(path, name, _OFFICE_LIMITS)
        import python_calamine

        try:
            book = python_calamine.CalamineWorkbook.from_path(str(path))
        except (python_calamine.CalamineError, OSError, ValueError) as error:
            raise UnreadableFileError(f"{name} is damaged or no Excel file: {_short(error)}.") from error
        with book:
            yield from self._sheets(book, name, options)

    def _sheets(
        self, book: CalamineWorkbook, name: str, options: ReadOptions
    ) -> Iterator[Parsed | Quarantined | Notice]:
        names = book.sheet_names
        if options.sheet not in (None, "*") and options.sheet not in names:
            raise MissingColumnError(f"{name} has no sheet {options.sheet!r}. Its sheets: {', '.join(names)}.")
        wanted = [options.sheet] if options.sheet not in (None, "*") else names
        n_read = 0
        for sheet in wanted:
            rows = _sheet_rows(book, str(sheet), name)
            if not rows:
                continue
            n_read += 1
            if n_read > 1 and options.sheet != "*":
                yield Notice(name, f"Only its first sheet was read; name another by --sheet: {', '.join(names)}.")
                return
            yield from _table(rows, f"{name}#{sheet}", options)
        if not n_read:
            raise EmptyDataError(f"{name} has no rows to read. Expected a header row and at least one row.")


def _sheet_rows(book: CalamineWorkbook, sheet: str, name: str) -> list[list[Any]]:
    try:
        return book.get_sheet_by_name(sheet).to_python(skip_empty_area=False)
    except MemoryError:
        raise
    except Exception as error:
        raise UnreadableFileError(f"{name}: the sheet {sheet} cannot be read: {_short(error)}.") from error


def _table(rows: list[list[Any]], name: str, options: ReadOptions) -> Iterator[Parsed | Notice]:
    first = next((i for i, row in enumerate(rows) if any(cell not in ("", None) for cell in row)), None)
    if first is None:
        return
    header = ["" if cell is None else str(_value(cell)) for cell in rows[first]] if options.header else []
    width = max(i + 1 for i, cell in enumerate(rows[first]) if cell not in ("", None))
    if not options.header:
        width, first = max(map(len, rows)), first - 1
        header = [""] * width
    if width > MAX_COLUMNS:
        raise UnreadableFileError(f"{name} has {width:,} columns; at most {MAX_COLUMNS:,} are read.")
    names, messages = column_names(header[:width], quiet=not options.header)
    for message in messages:
        yield Notice(name, message)
    for number, row in enumerate(rows[first + 1 :], first + 2):
        values = [_value(cell) for cell in row[:width]]
        if any(value is not None for value in values):
            values += [None] * (width - len(values))
            yield Parsed(dict(zip(names, values, strict=True)), f"{name}:{number}")


def _value(cell: Any) -> Any:
    """A cell as JSON has it: whole numbers without a point, times as ISO 8601, an empty cell as None."""
    if cell == "" or cell is None:
        return None
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return int(cell)
    if isinstance(cell, (dt.datetime, dt.date, dt.time)):
        return cell.isoformat()
    return str(cell) if isinstance(cell, dt.timedelta) else cell


def _short(error: Exception) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:160].rstrip(".")
