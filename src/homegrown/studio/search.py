"""Records for pages: browsed, searched, with their labels; always a page at a time, whatever their number."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec

from homegrown.core.models import OUT_OF_SCOPE
from homegrown.errors import InputError
from homegrown.query import Page
from homegrown.store.lance_tables import quoted

if TYPE_CHECKING:
    from homegrown.core.schema import Field
    from homegrown.core.tasks import Task
    from homegrown.workspace import Workspace

ROWS = 50
NONE = "none of these"
MODES = {"words": "text", "meaning": "semantic"}


def page(ws: Workspace, *, text: str = "", by: str = "words", source: str = "", cursor: str | None = None) -> Page:
    """One page of records, and where to go on.

    Args:
        ws: the workspace.
        text: what to look for; empty to browse.
        by: ``words`` or ``meaning``.
        source: browse this source alone; a search looks in all of them.
        cursor: of the page before.
    """
    if source and not text.strip():
        return _of_source(ws, source, cursor)
    if by not in MODES:
        raise InputError("Records are searched by words or by meaning.")
    return ws.search_records(text, mode=MODES[by], limit=ROWS, cursor=cursor)


def _of_source(ws: Workspace, source: str, cursor: str | None) -> Page:
    start = int(cursor) if cursor and cursor.isdigit() and len(cursor) < 12 else 0
    if not ws.store.records.table.exists:
        return Page([], [], None)
    where = f"source IN {quoted([source])}"
    ids = ws.store.records.table.scan(["record_id"], where=where, limit=ROWS + 1, offset=start)["record_id"].to_pylist()
    retired = set(ws.store.records.retired_ids().to_pylist())
    shown = [i for i in ids[:ROWS] if i not in retired]
    return Page(ws.store.records.get(shown), [], str(start + ROWS) if len(ids) > ROWS else None)


def labels(ws: Workspace, record_ids: list[str], task_id: str | None = None) -> dict[str, str]:
    """The label of each of a few records, by the names of its classes: what most votes say, a person's first.

    Args:
        ws: the workspace.
        record_ids: a page of them, not all.
        task_id: of this task alone; otherwise of the newest that voted.
    """
    if not record_ids:
        return {}
    tasks = {t.task_id: t for t in ws.store.tasks.all() if task_id in (None, t.task_id)}
    said: dict[str, Counter[str]] = {}
    for record_id, task, value, weight in _votes(ws, record_ids, list(tasks)):
        for name in _names(tasks[task], value):
            said.setdefault(record_id, Counter())[name] += weight
    return {record_id: _best(counted) for record_id, counted in said.items()}


def _best(counted: Counter[str]) -> str:
    most = max(counted.values())
    return ", ".join(sorted(name for name, n in counted.items() if n == most)[:5])


def _votes(ws: Workspace, record_ids: list[str], task_ids: list[str]) -> list[tuple[str, str, str, int]]:
    """The votes that count on a page of records: record, task, value (JSON), weight."""
    found: list[tuple[str, str, str, int]] = []
    sources = [s["label_source_id"] for task_id in task_ids for s in ws.store.tasks.label_sources(task_id)]
    if ws.store.votes.table.exists and sources:
        where = f"record_id IN {quoted(record_ids)} AND label_source_id IN {quoted(sources)} AND value IS NOT NULL"
        rows = ws.store.votes.table.scan(["record_id", "task_id", "value"], where=where).to_pylist()
        found += [(r["record_id"], r["task_id"], r["value"], 1) for r in rows]
    people = [r for r in ws.store.person_votes.of_records(record_ids) if r["task_id"] in task_ids]
    return found + [(r["record_id"], r["task_id"], r["value"], 1000) for r in people]


def votes(ws: Workspace, record_id: str) -> list[dict[str, Any]]:
    """Every vote on one record, the oldest first.

    Read from the stores and not by SQL, which would lay out all votes to find a few.

    Returns:
        ``vote_id`` (None where no person voted), ``task``, ``kind``, ``label_source``, ``value`` (JSON), ``says``
        (names of classes), ``confidence``, ``supersedes``, ``created_at``.
    """
    columns = ["task_id", "label_source_id", "value", "confidence", "created_at"]
    found = ws.store.person_votes.history(record_id)
    if ws.store.votes.table.exists:
        where = f"record_id IN {quoted([record_id])}"
        bulk = ws.store.votes.table.scan(columns, where=where).to_pylist()
        found = [{**row, "created_at": row["created_at"].isoformat(), "vote_id": None, "supersedes": None}
                 for row in bulk] + found  # fmt: skip
    tasks = {row["task_id"]: ws.store.tasks.get(row["task_id"]) for row in found}
    sources = {s["label_source_id"]: s for task_id in tasks for s in ws.store.tasks.label_sources(task_id)}
    return [_told(row, tasks[row["task_id"]], sources) for row in found if row["label_source_id"] in sources]


def _told(row: dict[str, Any], task: Task, sources: dict[str, dict[str, Any]]) -> dict[str, Any]:
    source = sources[row["label_source_id"]]
    says = names_of(task, row["value"])
    return {**row, "task": task.name, "kind": source["kind"], "label_source": source["name"], "says": says}


def names_of(task: Task, value: str | None) -> str:
    """A vote's value in words: the names that its classes have now; empty when it was taken back."""
    if value is None:
        return ""
    found = msgspec.json.decode(value)
    if task.fields:
        said = found.get("fields", {})
        return "; ".join(f"{f.name}: {_said_of(f, said[f.field_id])}" for f in task.fields if f.field_id in said)
    n_said = len(found.get("classes", [found.get("class")]))
    names = _names(task, value)
    gone = ["a class that is gone"] * (n_said > 0 and not names)
    return ", ".join([*names, *gone]) or NONE


def _said_of(one: Field, answer: dict[str, Any] | None) -> str:
    """One field's answer in few words; the words of a span stand in the record."""
    if answer is None:
        return "not there"
    if "choices" in answer:
        names = {c.class_id: c.name for c in one.choices}
        return ", ".join(names.get(c, "a choice that is gone") for c in answer["choices"])
    if "value" in answer:
        return " ".join(str(answer[k]) for k in ("value", "currency") if k in answer)
    return (
        "; ".join(f"characters {a} to {b}" for a, b in answer.get("spans", ()))
        or f"{len(answer.get('items', ()))} items"
    )


def _names(task: Task, value: str) -> list[str]:
    """One name per class that the vote means now; where a split left open which, all of them as one."""
    called = {c.class_id: c.name for c in task.classes} | {OUT_OF_SCOPE: NONE}
    said = task.said(msgspec.json.decode(value))
    return list(dict.fromkeys(" or ".join(called[i] for i in ids) for ids in said))
