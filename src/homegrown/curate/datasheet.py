"""The datasheet of a snapshot: where it comes from, what is in it, who labelled it, what was decided and is open.

After Gebru and others 2021, "Datasheets for Datasets", as far as it is recorded anyway: counts and names, never a text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from homegrown.core.issues import kind_of
from homegrown.curate.rulings import as_originals
from homegrown.store.meaning import places, read_meaning
from homegrown.store.snapshots import probs_matrix

if TYPE_CHECKING:
    from collections.abc import Iterator

    from homegrown.core.tasks import Task
    from homegrown.store import Store

_MANY = 100


def datasheet(store: Store, snapshot_id: str) -> dict[str, Any]:
    """What is known of a snapshot.

    Returns:
        ``snapshot_id, task, sources, n_by_split, classes, labels, decisions, issues, plan, warnings, licence``. Issues
        and votes are as they stand now, everything else as it was frozen.

    Example:
        >>> datasheet(store, snapshot.snapshot_id)["n_by_split"]["train"]  # doctest: +SKIP
    """
    snapshot = store.models.snapshot(snapshot_id)
    task = store.tasks.get(snapshot.task_id, snapshot.task_version)
    rows = store.snapshots.read(snapshot.snapshot_id)
    kept = {"n_dropped", "n_merged", "n_masked", "n_twins", "n_twins_removed", "n_unlabelled_removed", "n_out_of_scope"}
    plan = ("split_by", "seed", "test_source", "group_by", "time_by", "similarity", "test_share", "valid_share")
    return {
        "snapshot_id": snapshot.snapshot_id,
        "task": {"name": task.name, "version": task.version, "kind": task.kind.value, "guidelines": task.guidelines},
        "sources": _sources(store, rows),
        "n_by_split": snapshot.n_by_split,
        "classes": _classes(task, rows),
        "labels": _labels(store, task, rows),
        "decisions": {name: snapshot.details.get(name, 0) for name in sorted(kept)},
        "issues": store.issues.counts(task.task_id),
        "plan": {name: snapshot.details.get(name) for name in plan},
        "test_digest": snapshot.details.get("test_digest"),
        "warnings": list(snapshot.details.get("warnings", ())),
        "licence": None,
    }


def _sources(store: Store, rows: pa.Table) -> list[dict[str, Any]]:
    found = store.records.rows(rows["record_id"], ["source"])
    known = {s.name: s for s in store.sources.list()}
    counted = pc.value_counts(found["source"].combine_chunks()).to_pylist()
    sheet = []
    for one in sorted(counted, key=lambda c: -c["counts"]):
        source = known.get(one["values"])
        facts = {"version": source.version, "imported_at": source.created_at.isoformat()} if source else {}
        sheet.append({"source": one["values"], "n": one["counts"], **facts})
    missing = rows.num_rows - found.num_rows
    return [*sheet, {"source": None, "n": missing}] if missing else sheet


def _classes(task: Task, rows: pa.Table) -> list[dict[str, Any]]:
    probs, split = probs_matrix(rows), np.array(rows["split"].to_pylist())
    hit = probs >= 0.5 if task.kind.value == "classes" else np.eye(len(task.classes), dtype=bool)[probs.argmax(1)]
    hit &= probs.sum(1, keepdims=True) > 0
    counts = {name: hit[split == name].sum(0) for name in ("train", "valid", "test")}
    return [
        {"class": c.name, "description": c.description, **{name: int(n[i]) for name, n in counts.items()}}
        for i, c in enumerate(task.classes)
    ]


def _labels(store: Store, task: Task, rows: pa.Table) -> dict[str, Any]:
    """Who voted on these records, and how often each agrees with the label that was frozen, and how sure labels are."""
    probs = probs_matrix(rows)
    labelled = probs.sum(1) > 0
    top = np.where(labelled, probs.argmax(1), -1)
    ids = as_originals(store, rows["record_id"])
    votes = store.votes.of_task(task.task_id)
    people = store.person_votes.standing(task.task_id)
    sure = probs.max(1)[labelled]
    names = {s["label_source_id"]: s for s in store.tasks.label_sources(task.task_id)}
    now = store.tasks.get(task.task_id)
    sources = [
        {"kind": names[i]["kind"], "name": names[i]["name"], **_agreement(ids, top, task, now, mine)}
        for i, mine in _by_source(votes, names)
    ]
    if people:
        said = pa.table({"record_id": [r for r, _ in people], "value": [v for _, v in people]})
        sources.append({"kind": "person", "name": "people", **_agreement(ids, top, task, now, said)})
    return {
        "n_labelled": int(labelled.sum()),
        "n_certain": int((sure >= 0.999).sum()),
        "mean_prob": round(float(sure.mean()), 4) if len(sure) else None,
        "sources": sources,
    }


def _by_source(votes: pa.Table, names: dict[str, Any]) -> Iterator[tuple[str, pa.Table]]:
    for label_source_id in pc.unique(votes["label_source_id"]).to_pylist():
        if label_source_id in names:
            yield label_source_id, votes.filter(pc.equal(votes["label_source_id"], label_source_id))


def _agreement(ids: pa.Array, top: np.ndarray, frozen: Task, now: Task, votes: pa.Table) -> dict[str, Any]:
    """On how many of the records a source voted, and the share on which it says what was frozen, by its meaning now."""
    place = places(votes["record_id"], ids)
    heard = place >= 0
    heard[heard] = top[place[heard]] >= 0
    said = read_meaning(now, votes["value"].filter(pa.array(heard)), place[heard])
    column = {class_id: i for i, class_id in enumerate(now.class_ids)}
    n_columns = len(column) + 1
    same = [i * n_columns + column[c] for i, old in enumerate(frozen.class_ids) for c in now.meaning(old)]
    agrees = np.isin(top[said.record] * n_columns + said.column, same)
    n, agreed = int(said.speaks.sum()), len(np.unique(said.vote[agrees]))
    return {"n": n, "agreement": round(agreed / n, 4) if n else None}


def as_markdown(sheet: dict[str, Any]) -> str:
    """A datasheet as a page of Markdown; names in it cannot make markup."""
    counts = ", ".join(f"{n:,} {split}" for split, n in sheet["n_by_split"].items())
    lines = [f"# Datasheet: {_plain(sheet['task']['name'])}", "", f"Snapshot `{sheet['snapshot_id']}`: {counts}.", ""]
    lines += ["## Where it comes from", "", "| source | records | version | imported |", "| --- | --- | --- | --- |"]
    for s in sheet["sources"]:
        name = _plain(s["source"] or "forgotten since")
        lines.append(f"| {name} | {s['n']:,} | {s.get('version', '')} | {s.get('imported_at', '')[:10]} |")
    lines += ["", f"Licence: {sheet['licence'] or 'not recorded'}.", "", "## What is asked", ""]
    lines += [sheet["task"]["guidelines"] or "No guidelines were written.", ""]
    lines += ["| class | train | valid | test |", "| --- | --- | --- | --- |"]
    classes = sheet["classes"]
    lines += [f"| {_plain(c['class'])} | {c['train']:,} | {c['valid']:,} | {c['test']:,} |" for c in classes[:_MANY]]
    if len(classes) > _MANY:
        lines.append(f"| and {len(classes) - _MANY:,} more | | | |")
    labels = sheet["labels"]
    lines += ["", "## Who labelled it", ""]
    lines += [f"{labels['n_labelled']:,} records have a label, {labels['n_certain']:,} of them certain.", ""]
    lines += ["| source of labels | kind | records | says what was frozen |", "| --- | --- | --- | --- |"]
    for s in labels["sources"]:
        share = "" if s["agreement"] is None else format(s["agreement"], ".1%")
        lines.append(f"| {_plain(s['name'])} | {s['kind']} | {s['n']:,} | {share} |")
    d = sheet["decisions"]
    lines += ["", "## What was done to it", ""]
    lines.append(
        f"Dropped {d['n_dropped']:,}, merged {d['n_merged']:,}, masked {d['n_masked']:,} records by decision; "
        f"{d['n_twins_removed']:,} twins of held-out texts left training. Split by {sheet['plan']['split_by']}, "
        f"seed {sheet['plan']['seed']}."
    )
    lines += ["", "## What is doubtful", "", "| issue | open | decided |", "| --- | --- | --- |"]
    for kind, states in sheet["issues"].items():
        still = states.get("open", 0)
        lines.append(f"| {kind_of(kind).title} | {still:,} | {sum(states.values()) - still:,} |")
    lines += ["", *(f"- {_plain(w)}" for w in sheet["warnings"])]
    return "\n".join(lines).rstrip() + "\n"


def _plain(text: str) -> str:
    """Text inside a table cell: no cell, line, tag or link begins in it."""
    one_line = " ".join(str(text).split())
    return "".join("\\" + c if c in "\\`*_[]|<>#" else c for c in one_line)
