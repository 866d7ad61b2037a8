"""Files of formats that hostile files are made of are parsed in a child process with limits of its own.

Parquet, Excel, PDF, Word, HTML and archives go through large parsers, many of them in C, that a crafted file can make
crash, compute or grow without end. Here such a file costs the child, and itself: the parent reads plain rows from a
pipe, at most one frame (``frames.MAX_FRAME_BYTES``) at a time, and turns the child's end into a sentence. The child
gets none of the environment but what Python needs, and it is bounded in memory, processor time, and bytes it writes. It
runs as the same user: it is a wall against running out, not against somebody who takes over the parser.

CSV, JSON, Markdown and plain text stay in this process. What they hold is bounded already, by a block, a row of 64 MiB
or a document of 64 MiB, and their parsers are Python's, msgspec's and Arrow's splitter of CSV, without types to build.
"""

from __future__ import annotations

import contextlib
import os
import signal
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Self

from homegrown import errors
from homegrown.core.records import Notice, Parsed, Quarantined
from homegrown.engine.limited import LimitedChild
from homegrown.engine.pipes import send
from homegrown.errors import UnreadableFileError
from homegrown.ingest.frames import (
    Aside,
    Done,
    Failed,
    GoOn,
    Member,
    Read,
    Rows,
    Said,
    Unpack,
    receive_frame,
)
from homegrown.ingest.inputs import readers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from homegrown.core.protocols import Reader
    from homegrown.core.records import Cells, ReadOptions
    from homegrown.ingest.archives import Limits
    from homegrown.ingest.frames import Frame
    from homegrown.ingest.inputs import Input

MEMORY_BYTES = 2 << 30
CPU_S = 600
_ERRORS = {
    c.__name__: c
    for c in (
        errors.EmptyDataError,
        errors.InputError,
        errors.MissingColumnError,
        errors.UnreadableFileError,
        errors.UnsafeArchiveError,
    )
}


class Isolated:
    """Reads and unpacks for one import; its children start when they are first needed and end with it.

    Args:
        memory_bytes: private memory that a child may have.
        cpu_s: processor time that one file may take, in seconds.
        known: readers by suffix; default: all that are registered.

    Example:
        >>> with Isolated() as isolated:  # doctest: +SKIP
        ...     rows = list(isolated.read(input_, ReadOptions()))
    """

    def __init__(
        self, *, memory_bytes: int = MEMORY_BYTES, cpu_s: int = CPU_S, known: dict[str, type[Reader]] | None = None
    ) -> None:
        self._limits = (memory_bytes, cpu_s)
        self._children: list[_Child] = []
        self._readers = readers() if known is None else known

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        while self._children:
            self._children.pop().end()

    def read(self, input_: Input, options: ReadOptions) -> Iterator[Parsed | Cells | Quarantined | Notice]:
        """What the reader of *input_* yields; from a child, unless the reader may run here (``Reader.isolated``).

        Raises:
            UnreadableFileError: also when the file made the child end; what came before it was yielded.
        """
        reader = self._readers[input_.suffix]
        if getattr(reader, "isolated", False):
            return self._rows(reader, input_, options)
        return reader().read(input_.path, input_.name, options)

    def _rows(
        self, reader: type[Reader], input_: Input, options: ReadOptions
    ) -> Iterator[Parsed | Quarantined | Notice]:
        where = f"{reader.__module__}:{reader.__qualname__}"
        name = _printable(input_.name)
        with self._child() as child:
            child.order(Read(where, os.fsencode(input_.path.absolute()), name, asdict(options)))
            for frame in child.frames(name):
                if isinstance(frame, Rows):
                    yield from (Parsed(fields, locator) for locator, fields in frame.rows)
                elif isinstance(frame, Aside):
                    yield Quarantined(frame.file, frame.line, frame.reason)
                elif isinstance(frame, Said):
                    yield Notice(frame.file, frame.message)

    def unpack(self, path: Path, name: str, scratch: Path, limits: Limits) -> Iterator[tuple[Path, str] | Quarantined]:
        """``archives.unpack`` in a child.

        Raises:
            UnsafeArchiveError: the archive goes beyond *limits*.
            UnreadableFileError: it is damaged, or made the child end.
        """
        folder = scratch.absolute()
        name = _printable(name)
        with self._child() as child:
            child.order(Unpack(os.fsencode(path.absolute()), name, os.fsencode(folder), asdict(limits)))
            for frame in child.frames(name):
                if isinstance(frame, Aside):
                    yield Quarantined(frame.file, frame.line, frame.reason)
                elif isinstance(frame, Member):
                    member = folder / Path(frame.file).name
                    if member.is_symlink() or not member.is_file():
                        raise UnreadableFileError(f"{name} is damaged and cannot be unpacked.")
                    yield member, frame.name
                    child.order(GoOn())

    @contextlib.contextmanager
    def _child(self) -> Iterator[_Child]:
        """An idle child or a new one; one whose answer was not heard to its end is not used again."""
        child = next((c for c in self._children if c.is_idle), None)
        if child is None:
            child = _Child(*self._limits)
            self._children.append(child)
        try:
            yield child
        finally:
            if not child.is_idle:
                child.end()
                with contextlib.suppress(ValueError):  # the import is over, and ended it before
                    self._children.remove(child)


class _Child:
    """One process, and what it has been asked."""

    def __init__(self, memory_bytes: int, cpu_s: int) -> None:
        self._memory_bytes, self._cpu_s = memory_bytes, cpu_s
        self._child = LimitedChild("homegrown.ingest.child", memory_bytes, cpu_s)
        self._orders, self._answers = self._child.orders, self._child.answers
        self.is_idle = True

    def order(self, message: Read | Unpack | GoOn) -> None:
        """Ask; a child that is gone is noticed when its answer is read."""
        self.is_idle = False
        with contextlib.suppress(BrokenPipeError):
            send(self._orders, message)

    def frames(self, name: str) -> Iterator[Frame]:
        """Its answer, to the end.

        Raises:
            InputError: what the reader raised, or a sentence about how the child ended.
            OSError: the system's own, as the child met it (no space left).
        """
        n_rows = 0
        while True:
            frame = receive_frame(self._answers)
            if isinstance(frame, Done):
                self.is_idle = True
                return
            if frame is None:
                raise UnreadableFileError(self._ending(name) + _kept(n_rows))
            if isinstance(frame, Failed):
                raise self._error(frame, name, n_rows)
            n_rows += len(frame.rows) if isinstance(frame, Rows) else 0
            yield frame

    def _error(self, frame: Failed, name: str, n_rows: int) -> Exception:
        if frame.error == OSError.__name__ and frame.errno:
            return OSError(frame.errno, frame.message)
        if frame.error in _ERRORS:
            self.is_idle = True
            return _ERRORS[frame.error](frame.message)
        if frame.error == MemoryError.__name__:
            return UnreadableFileError(self._too_large(name) + _kept(n_rows))
        return UnreadableFileError(f"{name} is damaged: it cannot be read.{_kept(n_rows)}")

    def _ending(self, name: str) -> str:
        """Why the child is gone, for a person."""
        status = self._child.ended_by()  # 0: it lives and says what is no message
        if status == -signal.SIGXCPU:
            return f"{name} takes more than {self._cpu_s:,} seconds of processor time to read; it may be made to."
        if status == -signal.SIGKILL:
            return self._too_large(name)
        return f"{name} is damaged, or made to do harm: the process that read it broke off."

    def _too_large(self, name: str) -> str:
        return (
            f"{name} needs more than {self._memory_bytes >> 20:,} MiB of memory to be read; it may be made to. "
            "Split it, or save it as CSV or JSON Lines."
        )

    def end(self) -> None:
        """Stop it, whatever it does."""
        self._child.end()


def _kept(n_rows: int) -> str:
    return f" The {n_rows:,} rows before were read." if n_rows else ""


def _printable(name: str) -> str:
    return name if name.isascii() else os.fsencode(name).decode("utf-8", "replace")
