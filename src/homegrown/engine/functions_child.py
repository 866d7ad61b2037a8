"""The child that runs a user's functions, started by ``engine.functions`` alone.

A function that raises, takes too long, needs too much memory or says what nobody can use is stopped here and told; what
ends the process itself is seen from outside. Nothing heavy is imported: a child is ready in some 50 milliseconds.
"""

from __future__ import annotations

import os
import re
import signal
import sys
from array import array
from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import IO, Any

import msgspec

from homegrown.core.rules import ABSTAIN
from homegrown.engine.functions_frames import (
    Answers,
    At,
    Batch,
    End,
    Load,
    Program,
    Stopped,
    receive_order,
)
from homegrown.engine.limits import allow_cpu, allow_files, confine
from homegrown.engine.pipes import send

_SAID_CHARS = 80


class Record(msgspec.Struct, frozen=True):
    """What a function sees of a record; nothing in it can be set.

    Attributes:
        record_id: of the record.
        text: what models read.
        source: where it first came from.
    """

    record_id: str
    text: str
    stored: str
    source: str
    parsed: Any = None

    @property
    def fields(self) -> MappingProxyType[str, Any]:
        """Every column of the row it came from, parsed when it is first asked for."""
        if self.parsed is None:
            parsed = MappingProxyType(msgspec.json.decode(self.stored))
            msgspec.structs.force_setattr(self, "parsed", parsed)
            return parsed
        return self.parsed


class _TooLongError(BaseException):
    """The time of a function is over; no ``except Exception`` of its own holds it up."""


class _NonsenseError(Exception):
    """An answer that means nothing."""


def main() -> None:
    """Serve orders from standard input until it closes."""
    confine(int(sys.argv[1]))
    allow_files(0)
    sys.dont_write_bytecode = True
    orders, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1):  # what a function prints or reads is no message
        os.dup2(nothing, descriptor)
    signal.signal(signal.SIGALRM, _ring)
    child = _Child(answers)
    while order := receive_order(orders):
        if isinstance(order, Load):
            child.load(order)
        else:
            child.ask(order)
        send(answers, End())


def _ring(*_: object) -> None:
    raise _TooLongError


class _Child:
    def __init__(self, answers: IO[bytes]) -> None:
        self._answers = answers
        self._functions: dict[int, Callable[[Record], Any]] = {}
        self._codes: dict[str, int] = {}
        self._many, self._documents, self._seconds = False, False, 1.0

    def load(self, order: Load) -> None:
        self._codes = {name: i for i, name in enumerate(order.names)}
        self._many, self._documents, self._seconds = order.many, order.documents, order.seconds
        modules: dict[str, dict[str, Any] | str] = {}
        for number, program in enumerate(order.programs):
            if program.source not in modules:
                modules[program.source] = self._module(program)
            module = modules[program.source]
            found = module if isinstance(module, str) else module.get(program.function)
            if callable(found):
                self._functions[number] = found
            else:
                reason = found if isinstance(found, str) else f"it defines no function {program.function!r}"
                send(self._answers, Stopped(number, -1, reason))

    def _module(self, program: Program) -> dict[str, Any] | str:
        """The names that a source defines, or why it could not be executed."""
        module: dict[str, Any] = {"__name__": "rules"}
        try:
            self._start(1)
            exec(compile(program.source, "<rules>", "exec"), module)  # noqa: S102 (the user's own code is what runs here)
            return module
        except BaseException as error:
            return self._why(error)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _start(self, n: int) -> None:
        allow_cpu(int(2 * self._seconds * n) + 5)
        signal.setitimer(signal.ITIMER_REAL, self._seconds)

    def ask(self, order: Batch) -> None:
        records = list(map(Record, order.record_ids, order.texts, order.fields, order.sources))
        for number in order.asked:
            if number in self._functions:
                send(self._answers, self._answer(number, records, len(order.asked), traced=order.traced))

    def _answer(self, number: int, records: list[Record], n: int, *, traced: bool) -> Answers | Stopped:
        said: list[Any] = []
        try:
            self._start(n)
            # What was answered before a failure stays in the list: its length is the row that failed.
            said.extend(map(self._functions[number], self._told(records) if traced else records))
            signal.setitimer(signal.ITIMER_REAL, 0)
            return self._packed(number, said, records)
        except _NonsenseError as error:
            row, reason = error.args
            return Stopped(number, row, reason)
        except BaseException as error:
            row = len(said) if len(said) < len(records) else -1
            said.clear()
            return Stopped(number, row, self._why(error))
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _told(self, records: list[Record]) -> Iterator[Record]:
        for row, record in enumerate(records):
            send(self._answers, At(row))
            yield record

    def _why(self, error: BaseException) -> str:
        if isinstance(error, _TooLongError):
            return f"it takes longer than {self._seconds:g} seconds"
        if isinstance(error, MemoryError):
            return f"it needs more than {int(sys.argv[1]) >> 20:,} MiB of memory"
        kind = type(error).__name__
        said = _safe(lambda: str(error))
        return f"it raised {kind}{': ' if said else ''}{said[:_SAID_CHARS]}"

    def _packed(self, number: int, said: list[Any], records: list[Record]) -> Answers:
        rows, codes, confidence = array("I"), array("I"), array("f")
        known: dict[Any, int] = {}
        for row, answer in enumerate(said):
            if answer is ABSTAIN or answer is None:
                continue
            value, sure = self._document(row, answer, records[row].text) if self._documents else self._read(row, answer)
            known.setdefault(value, len(known))
            rows.append(row)
            codes.append(known[value])
            confidence.append(sure)
        gave = any(c != 1.0 for c in confidence)
        packed = confidence.tobytes() if gave else b""
        if self._documents:
            return Answers(number, rows.tobytes(), codes.tobytes(), [], packed, list(known))
        return Answers(number, rows.tobytes(), codes.tobytes(), [list(v) for v in known], packed)

    def _document(self, row: int, answer: Any, text: str) -> tuple[str, float]:
        """An answer of several fields as JSON, and its confidence."""
        answer, sure = self._sure(row, answer)
        if not isinstance(answer, dict):
            said = _safe(lambda: repr(answer))[:_SAID_CHARS]
            raise _NonsenseError(row, f"it answers {said}, which is neither a mapping of fields nor ABSTAIN")
        unknown = next((k for k in answer if k not in self._codes), None)
        if unknown is not None:
            said = _safe(lambda: repr(unknown))[:_SAID_CHARS]
            raise _NonsenseError(row, f"it fills {said}, which is no field of the task")
        try:
            return msgspec.json.encode({k: _plain(v, text) for k, v in answer.items()}, order="sorted").decode(), sure
        except (TypeError, ValueError, msgspec.MsgspecError) as error:
            raise _NonsenseError(row, f"its answer holds what is no plain value: {error!s:.80}") from None

    def _sure(self, row: int, answer: Any) -> tuple[Any, float]:
        """An answer and how sure it is, of a pair of these or an answer alone."""
        if not (type(answer) is tuple and len(answer) == 2 and type(answer[1]) in (float, int)):
            return answer, 1.0
        if not 0 <= answer[1] <= 1:
            raise _NonsenseError(row, f"it is {answer[1]!r} sure, and not between 0 and 1")
        return answer

    def _read(self, row: int, answer: Any) -> tuple[tuple[int, ...], float]:
        """Class numbers and confidence of one answer."""
        answer, sure = self._sure(row, answer)
        if isinstance(answer, str):
            code = self._codes.get(answer)
            if code is None:
                raise _NonsenseError(row, f"it says {answer[:_SAID_CHARS]!r}, which is no class of the task")
            return (code,), sure
        if isinstance(answer, list | tuple | set | frozenset) and self._many:
            codes = [self._codes.get(one) if isinstance(one, str) else None for one in answer]
            if None not in codes:
                return tuple(sorted({c for c in codes if c is not None})), sure
        said = _safe(lambda: repr(answer))[:_SAID_CHARS]
        wanted = "a class, a list of classes" if self._many else "the name of a class"
        raise _NonsenseError(row, f"it answers {said}, which is neither {wanted} nor ABSTAIN")


def _plain(value: Any, text: str) -> Any:
    """A value as JSON has it: what a pattern matched in the text by its place, in another text by its words."""
    many = value if isinstance(value, list | tuple) else [value]
    if not many or not all(isinstance(v, re.Match) for v in many):
        return value
    if all(v.string == text for v in many):
        return {"$at": [list(v.span()) for v in many]}
    words = [v.group() for v in many]
    return words if many is value else words[0]


def _safe(say: Callable[[], str]) -> str:
    """What an object says of itself, if it can."""
    try:
        return say().encode("utf-8", "replace").decode()
    except Exception:
        return "something that cannot be shown"


if __name__ == "__main__":
    main()
