"""A CSV of votes, or of gold answers, becomes arrays; whatever is wrong with it is said in one sentence."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv

from homegrown.errors import EmptyDataError, InputError, MissingColumnError, UnreadableFileError, UnsuitableLabelsError
from homegrown.label.matrix import VoteMatrix

VOTE_COLUMNS, GOLD_COLUMNS = ("record", "source", "value"), ("record", "value")


@dataclass(frozen=True)
class VotesFile:
    """What the files held.

    Attributes:
        votes: the matrix.
        records: names of the records, ascending; a number in ``votes.record`` points here. So do the next two.
        sources: of the sources.
        classes: of the classes, gold's among them.
        gold: int [n_records], class number where known, -1 elsewhere; None without a gold file.
        notes: sentences on what was counted otherwise than it stands.
    """

    votes: VoteMatrix
    records: list[str]
    sources: list[str]
    classes: list[str]
    gold: np.ndarray | None
    notes: tuple[str, ...]


def read_votes(path: Path, gold_path: Path | None = None) -> VotesFile:
    """Read votes (columns ``record,source,value``; an empty value abstains) and gold answers (``record,value``).

    Columns are parted by a comma, a semicolon or a tab, and may stand in any order beside others, which are ignored.

    Raises:
        InputError: a file cannot be read or holds nothing to aggregate.
    """
    table, notes = _read(path, VOTE_COLUMNS)
    record, source, value = (_codes(table[name]) for name in VOTE_COLUMNS)
    for name, column in (("record", record), ("source", source)):
        _complete(path, name, column[0])
    gold_table, gold_notes = _read(gold_path, GOLD_COLUMNS) if gold_path is not None else (None, [])
    named = [value[1], *([_codes(gold_table["value"])[1]] if gold_table is not None else [])]
    classes = sorted({name for names in named for name in names})
    given = value[0] >= 0
    _check(path, given, source, value, gold_table is not None, classes)
    place = {name: number for number, name in enumerate(classes)}
    mapped = np.array([place[name] for name in value[1]])[value[0][given]]
    votes, more = _matrix((record[0][given], source[0][given], mapped), len(record[1]), len(source[1]), len(classes))
    known = None
    if gold_path is not None and gold_table is not None:
        known, gold_more = _gold(gold_path, gold_table, record[1], place)
        more += gold_more
    return VotesFile(votes, record[1], source[1], classes, known, (*notes, *gold_notes, *more))


def _read(path: Path, wanted: tuple[str, ...]) -> tuple[pa.Table, list[str]]:
    try:
        with path.open("rb") as file:
            header = file.readline(1 << 20)
    except OSError as error:
        raise UnreadableFileError(f"{path} cannot be read: {(error.strerror or 'unknown reason').lower()}.") from error
    if not header.strip():
        raise EmptyDataError(f"{path} is empty. It needs the columns {','.join(wanted)}.")
    delimiter = max(",;\t", key=lambda d: header.count(d.encode()))
    try:
        table = csv.read_csv(
            path,
            read_options=csv.ReadOptions(use_threads=False),
            parse_options=csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=csv.ConvertOptions(
                column_types={name: pa.string() for name in wanted}, strings_can_be_null=False, check_utf8=True
            ),
        )
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        raise UnreadableFileError(f"{path} is not a CSV in UTF-8: {str(error).splitlines()[0].rstrip('.')}.") from error
    missing = [name for name in wanted if name not in table.column_names]
    if missing:
        raise MissingColumnError(
            f"{path} has no column {missing[0]!r}. It needs {','.join(wanted)}; it has {','.join(table.column_names)}."
        )
    doubled = [name for name in wanted if table.column_names.count(name) > 1]
    if doubled:
        raise InputError(f"{path} has two columns named {doubled[0]!r}. Keep one of them.")
    if not table.num_rows:
        raise EmptyDataError(f"{path} has a header and no rows.")
    others = [name for name in table.column_names if name not in wanted]
    return table.select(list(wanted)), [f"{path}: the columns {', '.join(others)} are ignored."] if others else []


def _codes(column: pa.ChunkedArray) -> tuple[np.ndarray, list[str]]:
    """Numbers int [n] into the sorted names, spaces at the ends gone; -1 where empty."""
    encoded = column.combine_chunks().dictionary_encode()
    stripped = [name.strip() for name in encoded.dictionary.to_pylist()]
    names = sorted({name for name in stripped if name})
    place = {name: number for number, name in enumerate(names)}
    found = np.array([place.get(name, -1) for name in stripped], np.int64)
    return found[encoded.indices.to_numpy()], names


def _complete(path: Path, name: str, codes: np.ndarray) -> None:
    empty = np.flatnonzero(codes < 0)
    if len(empty):
        raise InputError(f"{path} has {len(empty):,} rows without a {name}, the first is row {empty[0] + 2:,}.")


def _check(
    path: Path,
    given: np.ndarray,
    source: tuple[np.ndarray, list[str]],
    value: tuple[np.ndarray, list[str]],
    has_gold: bool,
    classes: list[str],
) -> None:
    """Refuse what has no answer."""
    if not given.any():
        raise EmptyDataError(f"All {len(given):,} votes of {path} abstain: every value is empty.")
    if len(value[1]) == len(given) >= 5 and len(given) > len(source[1]):
        raise UnsuitableLabelsError(f"Every value in {path} is different: they look like free text, not like classes.")
    if len(classes) < 2:
        raise UnsuitableLabelsError(f"Every vote in {path} says {classes[0][:60]!r}: with one class nothing is open.")
    if len(np.unique(source[0][given])) < 2 and not has_gold:
        raise InputError(
            f"{path} has votes of one source only ({source[1][source[0][given][0]]!r}): there is nothing to compare it "
            "with. Add a second source, or give known answers with --gold."
        )


def _matrix(
    columns: tuple[np.ndarray, np.ndarray, np.ndarray], n_records: int, n_sources: int, n_classes: int
) -> tuple[VoteMatrix, list[str]]:
    """Equal rows count once; a source that gives one record several values splits its vote."""
    record, source, value = columns
    key = (record * n_sources + source) * n_classes + value
    unique = np.unique(key)
    pair, value = np.divmod(unique, n_classes)
    record, source = np.divmod(pair, n_sources)
    _, where, times = np.unique(pair, return_inverse=True, return_counts=True)
    notes = []
    if len(unique) < len(key):
        notes.append(f"{len(key) - len(unique):,} rows repeat a vote exactly; they count once.")
    if (times > 1).any():
        notes.append(f"{int((times > 1).sum()):,} times a source gave one record several values; its vote is shared.")
    sizes = {"n_records": n_records, "n_sources": n_sources, "n_classes": n_classes}
    return VoteMatrix.of(record, source, value, 1 / times[where], **sizes), notes


def _gold(path: Path, table: pa.Table, records: list[str], place: dict[str, int]) -> tuple[np.ndarray, list[str]]:
    """Class number of each record that the gold file knows, -1 for the others."""
    (record, names), (value, values) = _codes(table["record"]), _codes(table["value"])
    _complete(path, "record", record)
    _complete(path, "value", value)
    position = {name: number for number, name in enumerate(records)}
    to_record = np.array([position.get(name, -1) for name in names])
    to_class = np.array([place[name] for name in values])
    pairs = np.unique(np.stack([record, to_class[value]]), axis=1)
    twice = np.flatnonzero(np.diff(pairs[0]) == 0)
    if len(twice):
        raise InputError(f"{path} gives the record {names[pairs[0][twice[0]]]!r} two different answers.")
    inside = to_record[pairs[0]] >= 0
    if not inside.any():
        raise InputError(
            f"No record of {path} has a vote: its first is {names[0]!r}, the votes' first is {records[0]!r}."
        )
    gold = np.full(len(records), -1)
    gold[to_record[pairs[0][inside]]] = pairs[1][inside]
    n_out = int((~inside).sum())
    return gold, [f"{n_out:,} of {len(inside):,} records in {path} have no vote; they are ignored."] if n_out else []
