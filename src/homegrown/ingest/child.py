"""The child that parses: ``python -m homegrown.ingest.child``, started by ``homegrown.ingest.isolated`` alone.

It limits itself before it reads a byte of a file, answers one order after the other, and ends when nobody hears it.
"""

from __future__ import annotations

import os
import sys
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import msgspec

from homegrown.core.records import Notice, Parsed, Quarantined, ReadOptions
from homegrown.engine.limits import allow_cpu, allow_files, confine
from homegrown.engine.pipes import send
from homegrown.errors import HomegrownError
from homegrown.ingest.archives import Limits, unpack
from homegrown.ingest.frames import (
    MAX_ROW_BYTES,
    Aside,
    Done,
    Failed,
    GoOn,
    Member,
    RawRows,
    Read,
    Said,
    Unpack,
    receive_order,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

_ROWS = 512
_BYTES = 1 << 20
_encode = msgspec.msgpack.Encoder().encode


def main() -> None:
    """Serve orders from standard input until it closes."""
    memory_bytes, cpu_s = int(sys.argv[1]), int(sys.argv[2])
    confine(memory_bytes)
    orders, answers = sys.stdin.buffer, sys.stdout.buffer
    while order := receive_order(orders):
        allow_cpu(cpu_s)
        try:
            if isinstance(order, Read):
                allow_files(0)
                _read(order, answers)
            elif isinstance(order, Unpack):
                allow_files(order.limits["n_bytes"])
                _unpack(order, orders, answers)
        except HomegrownError as error:
            send(answers, Failed(type(error).__name__, error.message))
        except MemoryError:
            send(answers, Failed(MemoryError.__name__, ""))
        except BrokenPipeError:
            raise
        except OSError as error:
            send(answers, Failed(OSError.__name__, error.strerror or str(error), error.errno or 0))
        else:
            send(answers, Done())


def _read(order: Read, answers: IO[bytes]) -> None:
    module, _, name = order.reader.partition(":")
    reader = getattr(import_module(module), name)()
    options = ReadOptions(**{f.name: order.options[f.name] for f in fields(ReadOptions)})
    _send_all(reader.read(Path(os.fsdecode(order.path)), order.name, options), answers)


def _send_all(items: Iterable[Any], answers: IO[bytes]) -> None:
    """Send rows many at a time; those that came before a failure are sent before it is raised."""
    held: list[msgspec.Raw] = []
    n_bytes = 0

    def flush() -> None:
        nonlocal n_bytes
        if held:
            send(answers, RawRows(held))
            held.clear()
            n_bytes = 0

    try:
        for item in items:
            if not isinstance(item, Parsed):
                flush()
                send(answers, _remark(item))
                continue
            row = _encode((item.locator, item.fields))
            if len(row) > MAX_ROW_BYTES:
                flush()
                send(answers, Aside(item.locator, None, f"it is larger than {MAX_ROW_BYTES >> 20} MiB"))
                continue
            if n_bytes + len(row) > _BYTES or len(held) == _ROWS:
                flush()
            held.append(msgspec.Raw(row))
            n_bytes += len(row)
    finally:
        flush()


def _remark(item: Quarantined | Notice) -> Aside | Said:
    return Said(item.file, item.message) if isinstance(item, Notice) else Aside(item.file, item.line, item.reason)


def _unpack(order: Unpack, orders: IO[bytes], answers: IO[bytes]) -> None:
    scratch = Path(os.fsdecode(order.scratch))
    for item in unpack(Path(os.fsdecode(order.path)), order.name, scratch, Limits(**order.limits)):
        if isinstance(item, Quarantined):
            send(answers, Aside(_printable(item.file), item.line, _printable(item.reason)))
            continue
        path, name = item
        send(answers, Member(path.name, _printable(name)))
        if not isinstance(receive_order(orders), GoOn):
            return


def _printable(name: str) -> str:
    """A member's name may hold bytes that are no text."""
    return os.fsencode(name).decode("utf-8", "replace") if not name.isascii() else name


if __name__ == "__main__":
    main()
