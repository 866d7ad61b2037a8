"""From what a person names (file, folder, glob, archive, ``-``) to single files to read.

Links are never followed inside a folder, and members of an archive get names of our own on disk, so nothing outside
what was named can be reached.
"""

from __future__ import annotations

import glob
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from homegrown import plugins
from homegrown.core.records import Quarantined
from homegrown.errors import UnreadableFileError
from homegrown.ingest.archives import Limits, is_packed
from homegrown.ingest.archives import unpack as unpack_here

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from homegrown.core.protocols import Reader

MAX_FILES = 100_000
STDIN = "-"


@dataclass(frozen=True, slots=True)
class Input:
    """One file to read.

    Attributes:
        path: where its bytes are, perhaps unpacked.
        name: what a person knows it by, for locators and messages.
        suffix: which reader it needs, in lower case with the dot.
    """

    path: Path
    name: str
    suffix: str


def readers() -> dict[str, type[Reader]]:
    """Readers by the suffix of the files that they read."""
    found: dict[str, type[Reader]] = {}
    for name in plugins.names("homegrown.readers"):
        reader = plugins.load("homegrown.readers", name)
        found |= dict.fromkeys(reader.suffixes, reader)
    return found


def source_name(path: str | Path) -> str:
    """What a source is called when nobody names it: the file, the folder or the pattern."""
    if str(path) == STDIN:
        return "stdin"
    return Path(path).name or Path(path).resolve().name


def expand(
    path: str | Path,
    scratch: Path,
    *,
    kind: str | None = None,
    limits: Limits | None = None,
    shown: str | None = None,
    stdin: BinaryIO | None = None,
    unpack: Callable[[Path, str, Path, Limits], Iterator[tuple[Path, str] | Quarantined]] = unpack_here,
) -> Iterator[Input | Quarantined]:
    """The files behind *path*, in order of name.

    Args:
        path: a file, a folder, a pattern with ``*``, or ``-``.
        scratch: where archives are unpacked, one member at a time.
        kind: the suffix to read files as (``csv``), whatever their names say.
        limits: what an archive may hold.
        shown: what a single file is called instead of its own name, if it has the same ending.
        stdin: what ``-`` reads; default: standard input.
        unpack: how an archive is opened (``Isolated.unpack``: in a child).

    Raises:
        UnreadableFileError: there is nothing at *path*.
        UnsafeArchiveError: an archive goes beyond *limits*.
    """
    known = set(readers())
    suffix = _suffix_of(kind, known) if kind else None
    limits = limits or Limits()
    for found, name in _found(path, scratch, stdin):
        if isinstance(found, Quarantined):
            yield found
            continue
        if shown and Path(path) == found and Path(shown).suffix.lower() == found.suffix.lower():
            name = shown
        if is_packed(found):
            for member in unpack(found, name, scratch, limits):
                yield from _member(member, known, suffix)
        else:
            yield _input(found, name, known, suffix)


def _member(
    member: tuple[Path, str] | Quarantined, known: set[str], suffix: str | None
) -> Iterator[Input | Quarantined]:
    if isinstance(member, Quarantined):
        yield member
        return
    path, name = member
    yield _input(path, name, known, suffix)
    path.unlink(missing_ok=True)  # the next one comes when this one is read


def _input(path: Path, name: str, known: set[str], suffix: str | None) -> Input | Quarantined:
    ending = suffix or Path(name).suffix.lower()
    if ending not in known:
        ending = _by_content(path) if name == "stdin" or not ending else ending
    if ending not in known:
        kinds = " ".join(sorted(known))
        return Quarantined(name, None, f"no reader for {ending or 'a file without an ending'}; there are: {kinds}")
    return Input(path, name, ending)


def _suffix_of(kind: str, known: set[str]) -> str:
    suffix = "." + kind.lower().lstrip(".")
    if suffix not in known:
        raise UnreadableFileError(f"There is no reader for {kind!r}. Known: {', '.join(s[1:] for s in sorted(known))}.")
    return suffix


def _by_content(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(4096).lstrip(b"\xef\xbb\xbf \t\r\n")
    for magic, ending in ((b"PAR1", ".parquet"), (b"%PDF", ".pdf"), (b"<", ".html")):
        if head.startswith(magic):
            return ending
    if head.startswith(b"["):
        return ".json"
    return ".jsonl" if head.startswith(b"{") else ".csv"


def _found(
    path: str | Path, scratch: Path, stdin: BinaryIO | None
) -> Iterator[tuple[Path, str] | tuple[Quarantined, str]]:
    if str(path) == STDIN:
        yield _spool(stdin or sys.stdin.buffer, scratch), "stdin"
        return
    target = Path(path).expanduser()
    try:
        if target.is_dir():
            yield from _walk(target)
            return
        if target.is_file():
            yield target, target.name
            return
        if target.exists() or target.is_symlink():
            target.stat()
            raise UnreadableFileError(f"{target} is no file and no folder. Name a file, a folder or a pattern.")
    except OSError as error:
        raise UnreadableFileError(_why(target, error)) from error
    matches = sorted(glob.glob(str(target), recursive=True)) if glob.has_magic(str(target)) else []  # noqa: PTH207 - an absolute pattern
    if not matches:
        raise UnreadableFileError(f"There is no file {target}.")
    base = os.path.commonpath([str(Path(m).parent) for m in matches])
    for match in map(Path, matches):
        if match.is_file():
            yield match, str(match.relative_to(base)) if base else match.name


def _why(path: Path, error: OSError) -> str:
    if error.errno == 40:  # ELOOP
        return f"{path} is a link that leads back to itself. Name the file itself."
    return f"{path} cannot be read: {error.strerror or error}."


def _walk(folder: Path) -> Iterator[tuple[Path, str] | tuple[Quarantined, str]]:
    """Every file below *folder* but hidden ones; links are named and left alone, so no loop can form."""
    n = 0
    for root, folders, files in os.walk(folder, followlinks=False):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for name in sorted(files) + [f for f in folders if (Path(root) / f).is_symlink()]:
            path = Path(root) / name
            shown = str(path.relative_to(folder))
            if name.startswith("."):
                continue
            n += 1
            if n > MAX_FILES:
                raise UnreadableFileError(
                    f"{folder} holds more than {MAX_FILES:,} files. Import its folders one by one."
                )
            if path.is_symlink():
                yield Quarantined(shown, None, "it is a link; links are not followed"), shown
            elif path.is_file():
                yield path, shown
            else:
                yield Quarantined(shown, None, "it is no regular file"), shown


def _spool(stream: BinaryIO, scratch: Path) -> Path:
    """Standard input as a file, since types are decided over all of it."""
    path = scratch / "stdin"
    with path.open("wb") as file:
        while block := stream.read(1 << 20):
            file.write(block)
    return path
