"""gzip, bzip2, xz, zip and tar, unpacked one member at a time into files that we name.

What an archive declares is checked before anything is unpacked, and what comes out is counted while it does, since
a declaration may lie (OWASP ASVS 5.0, 5.2.3 and 5.2.5). Members that are links or devices, or whose names lead outside,
are set aside; the others are read.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import stat
import tarfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO

from homegrown.core.records import Quarantined
from homegrown.errors import UnreadableFileError, UnsafeArchiveError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from io import BufferedIOBase

_BLOCK = 1 << 20
_STREAMS = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
_TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
# What the decompressors raise for damaged input.
_DAMAGED = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, zipfile.BadZipFile, tarfile.TarError, OSError)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one archive may hold.

    Attributes:
        n_members: files in it.
        n_bytes: of all of them together, unpacked.
        ratio: unpacked to packed bytes, asked once ``ratio_from`` bytes came out.
    """

    n_members: int = 20_000
    n_bytes: int = 16 << 30
    ratio: int = 300
    ratio_from: int = 16 << 20


def is_packed(path: Path) -> bool:
    """Whether the name says that the file is packed."""
    low = path.name.lower()
    return low.endswith((".zip", *_STREAMS, *_TARS))


def unpack(path: Path, name: str, scratch: Path, limits: Limits) -> Iterator[tuple[Path, str] | Quarantined]:
    """Each file of an archive under a name of ours in *scratch*; the caller deletes it before it asks for the next.

    Raises:
        UnsafeArchiveError: the archive goes beyond *limits*; nothing more is unpacked.
        UnreadableFileError: it is damaged from the start.
    """
    low = path.name.lower()
    try:
        if low.endswith(".zip"):
            yield from _zip(path, name, scratch, limits)
        elif low.endswith(_TARS):
            yield from _tar(path, name, scratch, limits)
        else:
            yield from _stream(path, name, scratch, limits)
    except _DAMAGED as error:
        if getattr(error, "errno", None):
            raise  # the disk's fault, not the file's
        raise UnreadableFileError(f"{name} is damaged and cannot be unpacked: {error}.") from error


class _Meter:
    """Counts what comes out of an archive and stops it at the limit."""

    def __init__(self, name: str, packed: int, limits: Limits) -> None:
        self._name, self._packed, self._limits = name, max(packed, 1), limits
        self._done = 0

    def check(self, n_bytes: int, n_members: int = 0) -> None:
        """Refuse a total of *n_bytes* in *n_members* files."""
        limits = self._limits
        if n_members > limits.n_members:
            self._refuse(f"holds {n_members:,} files; at most {limits.n_members:,} are unpacked")
        if n_bytes > limits.n_bytes:
            self._refuse(f"unpacks to more than {limits.n_bytes / (1 << 30):.0f} GiB")
        if n_bytes > limits.ratio_from and n_bytes > limits.ratio * self._packed:
            self._refuse(f"unpacks to more than {limits.ratio} times its size, as zip bombs do")

    def copy(self, source: BufferedIOBase, target: BinaryIO) -> None:
        """Unpack one member."""
        while block := source.read1(_BLOCK):  # read() would lose what came before damage
            self._done += len(block)
            self.check(self._done)
            target.write(block)

    def _refuse(self, why: str) -> None:
        raise UnsafeArchiveError(f"{self._name} {why}. Unpack it yourself and import the files.")


def safe_name(name: str) -> bool:
    r"""Whether a member's name stays inside the archive.

    Example:
        >>> safe_name("a/b.csv"), safe_name("../b.csv"), safe_name("C:\\b.csv")
        (True, False, False)
    """
    path = PurePosixPath(name.replace("\\", "/"))
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and ":" not in path.parts[0] and (
        "\0" not in name
    )  # fmt: skip


def check_zip(path: Path, name: str, limits: Limits) -> None:
    """Refuse a zip (also inside a Word or Excel file) that declares more than *limits*.

    Raises:
        UnreadableFileError: it is no zip.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, EOFError) as error:
        raise UnreadableFileError(f"{name} is damaged or not what its ending says: {error}.") from error
    _Meter(name, path.stat().st_size, limits).check(sum(m.file_size for m in members), len(members))


def _zip(path: Path, name: str, scratch: Path, limits: Limits) -> Iterator[tuple[Path, str] | Quarantined]:
    meter = _Meter(name, path.stat().st_size, limits)
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        meter.check(sum(m.file_size for m in members), len(members))
        for i, member in enumerate(members):
            if member.is_dir():
                continue
            shown = f"{name}!{member.filename}"
            reason = _refused(member.filename, link=stat.S_ISLNK(member.external_attr >> 16))
            if member.flag_bits & 1:
                reason = "it is encrypted"
            if reason:
                yield Quarantined(shown, None, reason)
                continue
            target = scratch / f"{i:06}{Path(member.filename).suffix.lower()[:16]}"
            yield from _member(lambda m=member: archive.open(m), target, shown, meter)  # type: ignore[misc]


def _tar(path: Path, name: str, scratch: Path, limits: Limits) -> Iterator[tuple[Path, str] | Quarantined]:
    meter = _Meter(name, path.stat().st_size, limits)
    total = n = 0
    with tarfile.open(path) as archive:
        for member in archive:  # reads headers only
            n += 1
            total += member.size
            meter.check(total, n)
    with tarfile.open(path) as archive:
        for i, member in enumerate(archive):
            if member.isdir():
                continue
            shown = f"{name}!{member.name}"
            reason = _refused(member.name, link=not member.isreg())
            if reason:
                yield Quarantined(shown, None, reason)
                continue
            target = scratch / f"{i:06}{Path(member.name).suffix.lower()[:16]}"
            yield from _member(lambda m=member: archive.extractfile(m), target, shown, meter)  # type: ignore[misc]


def _refused(name: str, *, link: bool) -> str | None:
    if link:
        return "it is a link or a device; those are not unpacked"
    if not safe_name(name):
        return "its name leads outside the archive"
    if PurePosixPath(name).name.startswith((".", "__MACOSX")) or name.startswith("__MACOSX/"):
        return "it is a hidden file"
    return "it is an archive inside an archive" if is_packed(Path(name)) else None


def _member(
    open_: Callable[[], BufferedIOBase], target: Path, shown: str, meter: _Meter
) -> Iterator[tuple[Path, str] | Quarantined]:
    broken = None
    try:
        with open_() as source, target.open("wb") as file:
            meter.copy(source, file)
    except _DAMAGED as error:
        if getattr(error, "errno", None):
            raise
        broken = error
    if broken is not None:
        target.unlink(missing_ok=True)
        yield Quarantined(shown, None, f"it is damaged: {broken}")
    else:
        yield target, shown


def _stream(path: Path, name: str, scratch: Path, limits: Limits) -> Iterator[tuple[Path, str] | Quarantined]:
    """One packed file. If it ends too soon, the whole lines before its end are kept."""
    suffix = path.suffix.lower()
    inner = Path(name).stem
    target = scratch / f"unpacked{Path(inner).suffix.lower()[:16]}"
    meter = _Meter(name, path.stat().st_size, limits)
    broken = None
    with target.open("wb") as file:
        try:
            with _STREAMS[suffix](path, "rb") as source:
                meter.copy(source, file)  # type: ignore[arg-type]
        except (EOFError, zlib.error, lzma.LZMAError) as error:
            broken = error
    if broken is not None:
        n_lines = _drop_last_line(target)
        if not n_lines:
            raise UnreadableFileError(f"{name} is cut off or damaged, and no line of it can be read.")
        yield Quarantined(name, n_lines + 1, "the packed file ends too soon; everything from this line on is missing")
    yield target, inner


def _drop_last_line(path: Path) -> int:
    """Cut a file behind its last line break; returns how many lines stay."""
    n_lines = end = position = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            n_lines += block.count(b"\n")
            last = block.rfind(b"\n")
            if last >= 0:
                end = position + last + 1
            position += len(block)
    with contextlib.suppress(OSError), path.open("r+b") as file:
        file.truncate(end)
    return n_lines
