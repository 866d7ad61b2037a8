"""Messages over a pipe to a child process: msgpack with its length before it, decoded as known types alone."""

from __future__ import annotations

import struct
from typing import IO, TypeVar

import msgspec

_T = TypeVar("_T")
_LENGTH = struct.Struct("<I")
_encode = msgspec.msgpack.Encoder().encode


def send(pipe: IO[bytes], message: msgspec.Struct) -> None:
    """Write one message.

    Raises:
        BrokenPipeError: nobody reads any more.
    """
    body = _encode(message)
    pipe.write(_LENGTH.pack(len(body)) + body)
    pipe.flush()


def receive(pipe: IO[bytes], decoder: msgspec.msgpack.Decoder[_T], most: int) -> _T | None:
    """The next message; None when the other side ended, or says what is no message.

    Args:
        pipe: to read from.
        decoder: of the types that a message may have.
        most: bytes that a message may have.
    """
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (n,) = _LENGTH.unpack(head)
    body = pipe.read(n) if n <= most else b""
    try:
        return decoder.decode(body) if len(body) == n else None
    except (ValueError, RecursionError):
        return None
