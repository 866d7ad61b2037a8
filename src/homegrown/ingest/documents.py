"""Text, Markdown and HTML: one record per file, or one per section."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from selectolax.lexbor import LexborHTMLParser

from homegrown.core.records import Notice, Parsed, Quarantined, ReadOptions
from homegrown.ingest.text import read_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from selectolax.lexbor import LexborNode

_HEADING = re.compile(r"^(#{1,6})\s+(.+?)\s*#*\s*$")
_FENCE = re.compile(r"^\s*(```|~~~)")
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_BLOCKS = _HEADINGS.union(
    ("address", "article", "aside", "blockquote", "br", "dd", "div", "dl", "dt", "figcaption", "footer"),
    ("header", "hr", "li", "main", "nav", "ol", "p", "pre", "section", "table", "tr", "ul"),
)
_SKIPPED = ["script", "style", "noscript", "template", "svg", "head"]
_NO_TEXT = "it holds no text"


def document(name: str, text: str, place: str = "", **facts: Any) -> Parsed | Quarantined:
    """One record of a document: its text, the file and folder it came from, and what else is known.

    Example:
        >>> document("mails/1.txt", "hello").fields
        {'text': 'hello', 'file': '1.txt', 'folder': 'mails'}
    """
    locator = f"{name}{place}"
    if not text.strip():
        return Quarantined(locator, None, _NO_TEXT)
    path = PurePosixPath(name.replace("!", "/"))
    fields: dict[str, Any] = {"text": text.strip(), "file": path.name}
    if path.parent.name:
        fields["folder"] = path.parent.name
    return Parsed(fields | {k: v for k, v in facts.items() if v is not None}, locator)


class TextReader:
    """Plain text; its sections are paragraphs, parted by empty lines."""

    suffixes = (".txt", ".text", ".log")

    def read(self, path: Path, name: str, options: ReadOptions) -> Iterator[Parsed | Quarantined | Notice]:
        """The file, or its paragraphs."""
        text, notices = read_text(path, name, options)
        yield from notices
        if not options.sections:
            yield document(name, text)
            return
        line = 1
        for piece in re.split(r"(\n\s*\n)", text):
            if piece.strip():
                yield document(name, piece, f":{line}")
            line += piece.count("\n")


class MarkdownReader:
    """Markdown; its sections start at headings."""

    suffixes = (".md", ".markdown")

    def read(self, path: Path, name: str, options: ReadOptions) -> Iterator[Parsed | Quarantined | Notice]:
        """The file, or its sections, each with its heading in the field ``section``."""
        text, notices = read_text(path, name, options)
        yield from notices
        if not options.sections:
            title = next((m[2] for m in map(_HEADING.match, text.split("\n")) if m), None)
            yield document(name, text, title=title)
            return
        for line, heading, body in _markdown_sections(text):
            if body.strip():
                yield document(name, body, f":{line}", section=heading)


def _markdown_sections(text: str) -> Iterator[tuple[int, str | None, str]]:
    """(first line, heading, text) of each section; a ``#`` inside a fence is no heading."""
    start, heading, fenced = 1, None, False
    held: list[str] = []
    for number, line in enumerate(text.split("\n"), 1):
        fenced ^= bool(_FENCE.match(line))
        found = None if fenced else _HEADING.match(line)
        if found:
            yield start, heading, "\n".join(held)
            start, heading, held = number, found[2], []
        held.append(line)
    yield start, heading, "\n".join(held)


class HtmlReader:
    """HTML without its scripts; its sections start at headings."""

    suffixes = (".html", ".htm", ".xhtml")
    isolated = True

    def read(self, path: Path, name: str, options: ReadOptions) -> Iterator[Parsed | Quarantined | Notice]:
        """The page, or its sections, with its title."""
        source, notices = read_text(path, name, options)
        yield from notices
        tree = LexborHTMLParser(source)
        title = tree.css_first("title")
        title_text = " ".join(title.text().split()) if title is not None else None
        tree.strip_tags(_SKIPPED)
        sections = _html_sections(tree.body) if tree.body is not None else []
        if not options.sections:
            text = "\n".join(text for _, text in sections if text)
            yield document(name, text, title=title_text)
            return
        for i, (heading, text) in enumerate(sections, 1):
            if text.strip():
                yield document(name, text, f"#section={i}", section=heading, title=title_text)


def _html_sections(body: LexborNode) -> list[tuple[str | None, str]]:
    """(heading, text) in the order of the page, blocks on lines of their own."""
    sections: list[tuple[str | None, list[str]]] = [(None, [])]
    for node in body.traverse(include_text=True):
        if node.tag == "-text":
            sections[-1][1].append(node.text(deep=False))
        elif node.tag in {"h1", "h2", "h3"}:
            heading = " ".join(node.text().split())
            sections.append((heading, []))
        elif node.tag in _BLOCKS:
            sections[-1][1].append("\n")
    return [(heading, _tidy("".join(parts))) for heading, parts in sections]


def _tidy(text: str) -> str:
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return "\n".join(line for line in lines if line)
