"""What goes over the pipes between an import and the child that parses for it: msgpack, each with its length before it.

Only these shapes are decoded, so nothing that a file makes the child say is more than data of known types here.
"""

from __future__ import annotations

from typing import IO, Any

import msgspec

from homegrown.engine.pipes import receive

MAX_ROW_BYTES = 64 << 20
MAX_FRAME_BYTES = MAX_ROW_BYTES + (4 << 20)


class Read(msgspec.Struct, frozen=True, tag=True):
    """Read one file.

    Attributes:
        reader: ``module:name`` of the reader's class, named by the parent.
        path: as the system has it, in bytes.
        options: the fields of ``ReadOptions``.
    """

    reader: str
    path: bytes
    name: str
    options: dict[str, Any]


class Unpack(msgspec.Struct, frozen=True, tag=True):
    """Unpack one archive into *scratch*; each member is followed by a ``GoOn``."""

    path: bytes
    name: str
    scratch: bytes
    limits: dict[str, int]


class GoOn(msgspec.Struct, frozen=True, tag=True):
    """The member was read; the next one may take its place."""


class Rows(msgspec.Struct, frozen=True, tag=True):
    """Rows in order, each (locator, fields)."""

    rows: list[tuple[str, dict[str, Any]]]


class RawRows(msgspec.Struct, frozen=True, tag="Rows"):
    """The same as ``Rows`` as it is sent: each row encoded already."""

    rows: list[msgspec.Raw]


class Aside(msgspec.Struct, frozen=True, tag=True):
    """A row that cannot be read (``Quarantined``)."""

    file: str
    line: int | None
    reason: str


class Said(msgspec.Struct, frozen=True, tag=True):
    """A sentence about the file (``Notice``)."""

    file: str
    message: str


class Member(msgspec.Struct, frozen=True, tag=True):
    """A file of an archive: its name in the scratch folder, and the name that a person knows."""

    file: str
    name: str


class Failed(msgspec.Struct, frozen=True, tag=True):
    """It cannot be read: one of our errors by class, ``MemoryError``, or the system's (``errno``)."""

    error: str
    message: str
    errno: int = 0


class Done(msgspec.Struct, frozen=True, tag=True):
    """Nothing more comes."""


Frame = Rows | Aside | Said | Member | Failed | Done
Order = Read | Unpack | GoOn
_frames: msgspec.msgpack.Decoder[Frame] = msgspec.msgpack.Decoder(Frame)
_orders: msgspec.msgpack.Decoder[Order] = msgspec.msgpack.Decoder(Order)


def receive_frame(pipe: IO[bytes]) -> Frame | None:
    """The next message of the child; None when it ended or said what is no message."""
    return receive(pipe, _frames, MAX_FRAME_BYTES)


def receive_order(pipe: IO[bytes]) -> Order | None:
    """The next message of the parent; None when it is gone."""
    return receive(pipe, _orders, MAX_FRAME_BYTES)
