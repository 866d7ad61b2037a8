"""A template whose answers are JSON documents becomes one Task of objects, and its answers votes by field."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from homegrown.core.field_names import by_any_name
from homegrown.core.ids import canonical_json
from homegrown.core.tasks import TaskKind
from homegrown.core.traffic import OBJECT
from homegrown.errors import InputError, UnsuitableLabelsError
from homegrown.monitor.proposals import suitability
from homegrown.monitor.reading import AnswerReader, loose_document
from homegrown.workspace.accepting import Accepted, brought, keep, most_said, vote, voter
from homegrown.workspace.placing import records_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from homegrown.core.protocols import Progress
    from homegrown.core.tasks import Task
    from homegrown.core.traffic import Template
    from homegrown.store import Store


def is_object(template: Template, field: str | None) -> bool:
    """Whether a template becomes a Task of objects, where somebody names *field* or nothing.

    A document of which one closed set can be learnt, and nothing else, is a Task of classes, as ever.
    """
    return template.is_object if field is None else field == OBJECT


def accept_object(store: Store, template: Template, task_name: str, progress: Progress) -> Accepted:
    """Make the Task, or add to it what came since; see ``Workspace.accept_template``.

    Raises:
        UnsuitableLabelsError: no field of the answers can be learnt.
        InputError: a Task of that name is answered with classes, or has none of these fields.
    """
    source = template.source or f"traffic: {task_name}"
    old = _old(store, template, task_name)
    n_almost = 0

    def document(answer: str) -> str | None:
        nonlocal n_almost
        found = loose_document(answer)
        n_almost += found is not None and found.is_almost
        return None if found is None else canonical_json(found.value).decode()

    found, hashes, n_added = brought(store, template, document, source, progress)
    task = old or store.tasks.define_object(store.actor, task_name, template.learnable)
    records = records_of(store, hashes)
    texts = store.records.texts(ids[0] for ids in records.values())
    by_hash = {h: texts[ids[0]] for h, ids in records.items() if ids[0] in texts}
    said_all = [
        (by_hash[h], v) for said in found.said.values() for h, v, _ in most_said(said, found, "") if h in by_hash
    ]
    reader = AnswerReader.learnt(task.fields, [(t, v) for t, v in said_all if v is not None])
    votes, terms, counts, missing = {}, {}, Counter[str](), Counter[str]()
    for who, said in found.said.items():
        name, config = voter(store, task, template, OBJECT, who)
        heard = _heard(reader, by_hash, most_said(said, found, who), counts, missing)
        votes[name] = vote(store, task, name, config, heard, records)
        if config["terms"]:
            terms[name] = config["terms"]

    kept = keep(store, template, OBJECT, task, source, n_added=n_added, n_votes=sum(votes.values()))
    why = {f.name: f.why for f in template.fields if not f.is_learnable}
    return Accepted(
        kept, task, source, found.n_calls, len(hashes), n_added, votes, found.n_outside, terms, dict(counts),
        dict(missing), n_almost, why,
    )  # fmt: skip


def _old(store: Store, template: Template, name: str) -> Task | None:
    """The Task that was made before, or one of that name with these fields."""
    if not template.learnable:
        raise UnsuitableLabelsError(f"No Task can be made of “{template.name}”. {suitability(template)[1]}")
    made = template.tasks.get(OBJECT)
    old = store.tasks.get(made) if made is not None else store.tasks.find(name)
    if old is None:
        return None
    if old.kind is not TaskKind.OBJECT:
        raise InputError(
            f"The task {old.name!r} is answered with classes, these calls with objects. Choose another name."
        )
    if not by_any_name(old.fields).keys() & {f.name for f in template.learnable}:
        raise InputError(f"The task {old.name!r} has none of the fields of these answers. Choose another name.")
    return old


def _heard(
    reader: AnswerReader,
    texts: dict[str, str],
    said: Iterator[tuple[str, str | None, float | None]],
    counts: Counter[str],
    missing: Counter[str],
) -> Iterator[tuple[str, str | None, float | None]]:
    """Hash, value and confidence of each vote; what was said of each field is counted."""
    names = {f.field_id: f.name for f in reader.fields}
    for h, answer, confidence in said:
        if h not in texts:
            continue
        found = reader.vote(texts[h], answer) if answer is not None else None
        value = None
        if found is not None:
            missing.update(found.missing)
            counts.update(names[i] for i in found.fields)
            value = canonical_json({"fields": found.fields}).decode() if found.fields else None
        yield h, value, confidence
