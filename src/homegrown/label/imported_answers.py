"""Columns become the imported votes of a Task whose answer is an object.

A value that is only known as words (a total, a company's name) is enough: words of a span are looked for in the text,
numbers, dates and money are read as people write them. What cannot be understood is no vote, and is listed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from homegrown.core.almost_json import almost_json
from homegrown.core.dates import guess_day_first
from homegrown.core.documents import answer_in
from homegrown.core.field_names import by_any_name, name_in
from homegrown.core.ids import canonical_json
from homegrown.core.schema import FieldType
from homegrown.core.tasks import LabelSourceKind, Task, TaskKind
from homegrown.errors import InputError, UnsuitableLabelsError
from homegrown.inference.candidates import Reading
from homegrown.inference.lists import placed_items
from homegrown.store.votes import vote_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from homegrown.store import Store

MOST_LISTED = 1000


@dataclass(slots=True)
class ImportedAnswers:
    """What columns gave.

    Attributes:
        n_votes: records of which something is said.
        n_empty: records of which nothing is.
        n_by_field: records by the field of which something is said, that it is not there included.
        n_missing: records by the field whose value could not be understood, or whose words do not stand in the text.
        n_problems: values that could not be understood.
        problems: record id and sentence of the first of them.
        day_first: how the dates of these columns were read.
    """

    task: Task
    n_votes: int = 0
    n_empty: int = 0
    n_by_field: Counter[str] = field(default_factory=Counter)
    n_missing: Counter[str] = field(default_factory=Counter)
    n_problems: int = 0
    problems: list[tuple[str, str]] = field(default_factory=list)
    day_first: bool | None = None


def import_answers(
    store: Store,
    task: Task,
    column: str | None = None,
    *,
    columns: Mapping[str, str] | None = None,
    day_first: bool | None = None,
    decimal: str | None = None,
    currency: str | None = None,
) -> ImportedAnswers:
    """Record what columns of the records say as votes of one imported source; again replaces what it said.

    Args:
        store: the workspace.
        task: whose answer is an object.
        column: holds the answer as one JSON object.
        columns: column of the records by the field's name, where each has its own; default: the columns that are
            called as the fields are, or once were.
        day_first: how 03/04/2026 is meant; found out from the other dates when not said.
        decimal: ``.`` or ``,`` where numbers leave doubt.
        currency: of amounts that name none.

    Raises:
        UnsuitableLabelsError: the task is answered with classes, or no record holds anything of it.
        InputError: a field is named that the task does not have.

    Example:
        >>> import_answers(ws.store, task, "fields").n_votes  # doctest: +SKIP
        426
    """
    if task.kind is not TaskKind.OBJECT:
        raise UnsuitableLabelsError(f"The task {task.name!r} is answered with classes; name its column as its labels.")
    named = by_any_name(task.fields)
    if unknown := sorted(set(columns or ()) - named.keys()):
        names = ", ".join(sorted(f.name for f in task.fields))
        raise InputError(f"The task {task.name!r} has no field {unknown[0]!r}. Fields: {names}.")
    where = (
        {named[n].name: (c,) for n, c in columns.items()}
        if columns
        else {f.name: (f.name, *f.former) for f in task.fields}
    )
    done = ImportedAnswers(task, day_first=day_first)
    if day_first is None:
        done.day_first = guess_day_first(_dates(store, task, column, where))
    reading = {"day_first": done.day_first, "decimal": decimal, "currency": currency}
    how = Reading(done.day_first, decimal, currency)
    rows = {f.field_id: how for one in task.fields for f in one.fields}
    ids, values = [], []
    for record_id, text, document in _documents(store, column, where):
        if isinstance(document, str):
            _told(done, record_id, [document])
        if not document or isinstance(document, str):
            done.n_empty += 1
            continue
        read = answer_in(task.fields, document, text, **reading)
        _place_rows(task, text, read.value["fields"], rows)
        _told(done, record_id, read.problems)
        done.n_missing.update(_missing(task, document, read.value["fields"]))
        if not read.value["fields"]:
            done.n_empty += 1
            continue
        ids.append(record_id)
        values.append(canonical_json(read.value).decode())
        done.n_by_field.update(f.name for f in task.fields if f.field_id in read.value["fields"])
    done.n_votes = len(ids)
    if not ids:
        places = (
            f"the column {column!r}" if column else "columns called " + ", ".join(sorted(c[0] for c in where.values()))
        )
        why = f" The first reason: {done.problems[0][1]}" if done.problems else ""
        raise UnsuitableLabelsError(f"No record says anything of {task.name!r} in {places}.{why}")
    config: dict[str, Any] = {"column": column, "columns": dict(columns or {}), **reading}
    source = store.tasks.label_source(store.actor, task, LabelSourceKind.IMPORTED, column or "columns", config)
    store.votes.replace(source, vote_table(task, source, ids, values))
    return done


def _place_rows(task: Task, text: str, said: dict[str, Any], readings: Mapping[str, Reading]) -> None:
    """The values of each row stand together: so each gets its own place, also where its words stand elsewhere too."""
    for one in task.fields:
        if one.type is FieldType.LIST and (answer := said.get(one.field_id)):
            answer["items"] = placed_items(one.fields, text, answer["items"], readings) or answer["items"]


def _missing(task: Task, document: Mapping[str, Any], said: Mapping[str, Any]) -> list[str]:
    return [f.name for f in task.fields if f.field_id not in said and any(n in document for n in (f.name, *f.former))]


def _told(done: ImportedAnswers, record_id: str, problems: list[str]) -> None:
    done.n_problems += len(problems)
    done.problems += [(record_id, p) for p in problems[: MOST_LISTED - len(done.problems)]]


def documents_in(store: Store, column: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Text and document of every record that has one in *column*, as JSON."""
    for _, text, document in _documents(store, column, {}):
        if document and isinstance(document, Mapping):
            yield text, document


def _documents(
    store: Store, column: str | None, where: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, str, Mapping[str, Any] | str | None]]:
    """Record id, text and document of every record; None where it has none, a sentence where it cannot be read.

    *where* has the columns of each field.
    """
    for batch in store.records.batches(["record_id", "text", "fields"], rows=8192):
        rows = zip(batch["record_id"].to_pylist(), batch["text"].to_pylist(), batch["fields"].to_pylist(), strict=True)
        for record_id, text, stored in rows:
            held = msgspec.json.decode(stored) if stored else {}
            if column is None:
                there = ((name, next((c for c in some if c in held), None)) for name, some in where.items())
                yield record_id, text, {name: held[c] for name, c in there if c is not None}
                continue
            yield record_id, text, _document(column, held.get(column))


def _document(column: str, said: Any) -> Mapping[str, Any] | str | None:
    """What a cell holds: a document, also as JSON or almost; None where it is empty; else why it is none."""
    if isinstance(said, str) and said.strip():
        try:
            found = almost_json(said)
        except ValueError as error:
            return f"“{column}”: {str(error).replace('The answer', 'the cell', 1)}"
        if found.is_cut:  # what it lacks may have been said
            return f"“{column}”: the cell is JSON that was cut off."
        said = found.value
    if isinstance(said, Mapping):
        return said
    is_empty = said is None or (isinstance(said, str) and not said.strip())
    return None if is_empty else f"“{column}”: the cell holds no JSON object."


def _dates(store: Store, task: Task, column: str | None, where: Mapping[str, Sequence[str]]) -> Iterator[str]:
    days = [f for f in task.fields if f.type is FieldType.DATE]
    if not days:
        return
    for _, _, document in _documents(store, column, where):
        if isinstance(document, Mapping):
            yield from (said for f in days if isinstance(said := document.get(name_in(f, document) or ""), str))
