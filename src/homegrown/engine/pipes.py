"""Messages over a pipe to a child process: bytes with their length before them."""

from __future__ import annotations

import struct
from typing import IO

_LENGTH = struct.Struct("<I")


def write_message(pipe: IO[bytes], body: bytes) -> None:
    """Write one message.

    Raises:
        BrokenPipeError: nobody reads any more.
    """
    pipe.write(_LENGTH.pack(len(body)) + body)
    pipe.flush()


def read_message(pipe: IO[bytes], most: int) -> bytes:
    """The next message.

    Args:
        pipe: to read from.
        most: bytes that a message may have.

    Raises:
        EOFError: the other side ended, or says what is no message.
    """
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    (n,) = _LENGTH.unpack(head)
    if n > most:
        raise EOFError
    body = pipe.read(n)
    if len(body) < n:
        raise EOFError
    return body
