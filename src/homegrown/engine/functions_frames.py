"""What goes between a process and the children that run a user's functions over its records."""

from __future__ import annotations

from typing import IO

import msgspec

from homegrown.engine.pipes import receive

MAX_BYTES = 256 << 20


class Program(msgspec.Struct, frozen=True, array_like=True):
    """Source text that is executed as a module, and the function in it that is asked.

    Attributes:
        name: as people know it.
        source: Python.
        function: a name that the source defines.
    """

    name: str
    source: str
    function: str


class Load(msgspec.Struct, frozen=True, tag=True):
    """Make these functions ready.

    Attributes:
        names: what a function may answer.
        many: it may answer several of them.
        seconds: that a function may take for one batch.
        documents: it answers a mapping with some of *names* as keys, instead of names.
    """

    programs: list[Program]
    names: list[str]
    many: bool
    seconds: float
    documents: bool = False


class Batch(msgspec.Struct, frozen=True, tag=True):
    """Ask some functions of some records, given as columns.

    Attributes:
        fields: JSON objects.
        asked: numbers of the functions.
        traced: say before each record which one it is, to find the one that ends the process.
    """

    record_ids: list[str]
    texts: list[str]
    fields: list[str]
    sources: list[str]
    asked: list[int]
    traced: bool = False


class Answers(msgspec.Struct, frozen=True, tag=True):
    """What one function said of a batch, abstentions left out.

    Attributes:
        rows: uint32, ascending.
        codes: uint32, per row a number in `values`.
        values: lists of numbers of names.
        confidence: float32 per row, or empty where it never gave one.
        documents: JSON, in place of `values` where functions answer mappings.
    """

    function: int
    rows: bytes
    codes: bytes
    values: list[list[int]]
    confidence: bytes = b""
    documents: list[str] = []


class Stopped(msgspec.Struct, frozen=True, tag=True):
    """A function is asked nothing more: at which row of the batch (-1: at none), and why."""

    function: int
    row: int
    reason: str


class At(msgspec.Struct, frozen=True, tag=True):
    """The row that comes next, in a traced batch."""

    row: int


class End(msgspec.Struct, frozen=True, tag=True):
    """All was answered."""


Order = Load | Batch
Frame = Answers | Stopped | At | End
_orders: msgspec.msgpack.Decoder[Order] = msgspec.msgpack.Decoder(Order)
_frames: msgspec.msgpack.Decoder[Frame] = msgspec.msgpack.Decoder(Frame)


def receive_order(pipe: IO[bytes]) -> Order | None:
    """The parent's next message; None when it is gone."""
    return receive(pipe, _orders, MAX_BYTES)


def receive_frame(pipe: IO[bytes]) -> Frame | None:
    """The child's next message; None when it ended or said what is no message."""
    return receive(pipe, _frames, MAX_BYTES)
