"""Files of calls into ``Captured``: the format is found by what is in them; what cannot be used is named."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from homegrown.core.ids import canonical_json, digest, timestamp
from homegrown.core.traces import CallState, Captured
from homegrown.errors import InputError
from homegrown.monitor.imports.items import Item, items_of
from homegrown.monitor.imports.openai import BATCH, PAIRS, STORED, TUNING, is_batch, read_batch
from homegrown.monitor.imports.otel import OTEL
from homegrown.monitor.imports.parts import Format, Heard, Skipped, Unusable, stamp
from homegrown.monitor.imports.tools import HELICONE, LANGFUSE, LITELLM

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

MAX_ASIDE = 1000
MAX_MODEL_CHARS = 200
UNKNOWN = "unknown"
_LOOKED_AT = 50
_NO_REQUEST = "what was asked stands in no file: name the batch's input file too"
_NO_ANSWER = "no answer to it stands in the files: name the batch's output file too"
FORMATS: dict[str, Format] = {f.name: f for f in (OTEL, LANGFUSE, HELICONE, LITELLM, BATCH, STORED, PAIRS, TUNING)}


class SetAside(NamedTuple):
    """What of a file was not used: its line (or its number in a list), and why. Holds nothing of the texts."""

    file: str
    line: int
    reason: str


@dataclass
class ImportedCalls:
    """What files of calls gave.

    Attributes:
        origin: under which the calls stand.
        formats: of each file.
        n_calls: that could be used.
        n_added: of them, those that were not here before.
        n_aside: items that could not be used; the first ones are in ``aside``.
    """

    origin: str
    formats: list[str] = field(default_factory=list)
    n_calls: int = 0
    n_added: int = 0
    n_aside: int = 0
    aside: list[SetAside] = field(default_factory=list)

    def leave(self, file: str, line: int, reason: str) -> None:
        """One more item that could not be used."""
        self.n_aside += 1
        if len(self.aside) < MAX_ASIDE:
            self.aside.append(SetAside(file, line, reason))


def format_of(path: Path, name: str | None = None) -> Format:
    """The format of a file: the one that is named, or the one that most of its first items look like.

    Raises:
        InputError: there is none of that name, or they look like none.
        UnreadableFileError: nothing of the file can be read.
    """
    if name is not None:
        if name not in FORMATS:
            raise InputError(f"There is no format {name[:60]!r}. Formats: {', '.join(FORMATS)}.")
        return FORMATS[name]
    seen: Counter[str] = Counter()
    for _, item in zip(range(_LOOKED_AT), items_of(path), strict=False):
        found = next((f.name for f in FORMATS.values() if item.value is not None and f.fits(item.value)), None)
        if found:
            seen[found] += 1
    if not seen:
        raise InputError(
            f"{path.name} looks like no file of calls that is known here. Name one with --format: {', '.join(FORMATS)}."
        )
    return FORMATS[seen.most_common(1)[0][0]]


def read_calls(paths: Sequence[Path], report: ImportedCalls, format: str | None = None) -> Iterator[Captured]:
    """The calls of some files, streamed; *report* hears of what cannot be used.

    A batch's input and output are named together and joined by their ``custom_id``.

    Args:
        paths: the files.
        report: its ``origin`` becomes the calls'.
        format: of all files; found by their content when not given.

    Raises:
        InputError, UnreadableFileError: a file cannot be used at all.
    """
    formats = [format_of(p, format) for p in paths]
    report.formats = [f.name for f in formats]
    twins: Counter[str] = Counter()
    halves = [p for p, f in zip(paths, formats, strict=True) if f is BATCH]
    for path, found in zip(paths, formats, strict=True):
        if found is not BATCH:
            for item in items_of(path):
                yield from _calls(path.name, item, found, report, twins)
    if halves:
        yield from _batch(halves, report, twins)


def _calls(file: str, item: Item, format: Format, report: ImportedCalls, twins: Counter[str]) -> Iterator[Captured]:
    if item.value is None:
        report.leave(file, item.place, item.reason)
        return
    try:
        heard = format.read(item.value)
    except Skipped:
        return
    except Unusable as problem:
        report.leave(file, item.place, str(problem))
        return
    for one in heard:
        yield _captured(one, format.name, report, twins)


def _batch(paths: Sequence[Path], report: ImportedCalls, twins: Counter[str]) -> Iterator[Captured]:
    """The two halves of batches, joined; a batch holds 50,000 requests and 200 MB at most."""
    asked = _asked(paths)
    answered = set[str]()
    for path in paths:
        for item in items_of(path):
            if item.value is None or not is_batch(item.value):
                report.leave(path.name, item.place, item.reason or "it is no line of a batch file")
                continue
            if "body" in item.value:
                continue
            name = str(item.value.get("custom_id"))
            answered.add(name)
            try:
                yield _captured(_joined(asked.get(name), item.value), BATCH.name, report, twins)
            except Unusable as problem:
                report.leave(path.name, item.place, str(problem))
    for name in asked.keys() - answered:
        report.leave(asked[name][0], asked[name][1].place, _NO_ANSWER)


def _asked(paths: Sequence[Path]) -> dict[str, tuple[str, Item]]:
    found: dict[str, tuple[str, Item]] = {}
    for path in paths:
        for item in items_of(path):
            if item.value is not None and "body" in item.value:
                found.setdefault(str(item.value.get("custom_id")), (path.name, item))
    return found


def _joined(asked: tuple[str, Item] | None, answered: dict[str, Any]) -> Heard:
    if asked is None or asked[1].value is None:
        raise Unusable(_NO_REQUEST)
    return read_batch(asked[1].value, answered)


def _captured(heard: Heard, format: str, report: ImportedCalls, twins: Counter[str]) -> Captured:
    if heard.outside_id is not None:
        mine = [format, heard.outside_id]
    else:
        content = digest(canonical_json([heard.request, heard.response]))
        twins[content] += 1
        mine = [format, content, twins[content]]
    report.n_calls += 1
    # Without a time of its own a call counts as of now, and without an end as one of unknown time.
    at = timestamp(heard.at) if heard.at else timestamp()
    return Captured(
        "call_" + digest(canonical_json(mine))[:24], report.origin, heard.wire,
        heard.model[:MAX_MODEL_CHARS] or UNKNOWN, CallState.WHOLE, heard.request, heard.response, at, status=200,
        n_tokens_in=heard.n_tokens_in, n_tokens_out=heard.n_tokens_out, cost_usd=heard.cost_usd,
        latency_s=heard.latency_s, first_token_s=heard.first_token_s, tags=heard.tags,
        ended_at=stamp(heard.ended) or (at if heard.at else None),
    )  # fmt: skip
