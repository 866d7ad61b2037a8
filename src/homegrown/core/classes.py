"""What may change about a task's classes, as pure functions from one version to the next.

Votes are never rewritten. A class that goes leaves in ``Task.moved`` what votes for it mean from now on, so each change
can be made and undone without a vote lost; a function that would change nothing returns the task that it got.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from homegrown.core.records import is_showable, plain_text
from homegrown.core.schema import Field
from homegrown.core.tasks import Task, TaskClass, new_class_id
from homegrown.errors import ConflictError, InputError, NotFoundError

MAX_NAME, MAX_TEXT, MAX_EXAMPLES, MAX_CLASSES, MAX_GUIDELINES = 200, 4_000, 50, 20_000, 50_000


def clean_name(name: str) -> str:
    """A class name as it is kept: NFC, spaces at the ends and doubled ones gone.

    Raises:
        InputError: nothing is left, it is too long, or it holds what cannot be shown.

    Example:
        >>> clean_name("  card   lost ")
        'card lost'
    """
    found = unicodedata.normalize("NFC", " ".join(str(name).split()))
    if not found:
        raise InputError("A class needs a name.")
    if len(found) > MAX_NAME:
        raise InputError(f"The class name {found[:40]!r}… has {len(found):,} characters; {MAX_NAME} are the most.")
    if not is_showable(found):
        raise InputError(f"The class name {found[:60]!r} holds characters that cannot be shown.")
    return found


def clean_task_name(name: str) -> str:
    """The name of a task, as it is.

    Raises:
        InputError: it is none, too long, or holds what cannot be shown.

    Example:
        >>> clean_task_name("receipt")
        'receipt'
    """
    if not isinstance(name, str) or not name.strip() or len(name) > MAX_NAME:
        raise InputError(f"A task needs a name, of at most {MAX_NAME} characters.")
    if not is_showable(name):
        raise InputError(f"The name of the task, {name[:60]!r}, holds characters that cannot be shown.")
    return name


def find_class(task: Task, which: str) -> TaskClass:
    """The present class *which* is: its id, its name, or a name that only it once had.

    Raises:
        NotFoundError: there is none; names what it became where it was split.
    """
    ids = [which] if task.one(which) else list(task.named(which)) or list(task.named(" ".join(which.split())))
    found = [c for c in task.classes if c.class_id in ids]
    if len(found) == 1:
        return found[0]
    if found:
        parts = ", ".join(repr(c.name) for c in found)
        raise NotFoundError(f"The class {which!r} of {task.name!r} was split into {parts}; name one of them.")
    names = ", ".join(task.class_names[:10]) or "none yet"
    raise NotFoundError(f"The task {task.name!r} has no class {which[:60]!r}. Classes: {names}.")


def add_class(task: Task, name: str, description: str = "", examples: Sequence[str] = ()) -> Task:
    """One class more, behind the others.

    Raises:
        ConflictError: a class is called so.
        InputError: the name or a text cannot be kept.
    """
    name = _free(task, clean_name(name))
    new = TaskClass(_fresh_id(task, name), name, clean_text(description), clean_examples(examples))
    if len(task.classes) >= MAX_CLASSES:
        raise InputError(f"A task has at most {MAX_CLASSES:,} classes.")
    return _next(task, (*_forgetting(task.classes, name), new))


def declare(
    task: Task, names: Sequence[str], *, merged: Mapping[str, str] | None = None, without: Iterable[str] = ()
) -> Task:
    """A task that has all of *names*, as an import or a notebook states them.

    What is there stays, also under another name by now; what is missing comes behind.

    Args:
        task: as it is.
        names: of classes, present or former ones.
        merged: name → name of the class that its votes count for from now on; unknown names are passed over.
        without: ids of classes that go and that nobody voted for.
    """
    gone = set(without)
    classes = tuple(c for c in task.classes if c.class_id not in gone)
    found = task if len(classes) == len(task.classes) else _next(task, classes)
    for name in names:
        if not found.named(name):
            found = _next(found, (*found.classes, TaskClass(_fresh_id(found, name), name)))
    for old, new in (merged or {}).items():
        if old in found.class_names and new in found.class_names and old != new:
            found = merge_classes(found, [old], new)
    return found if found is task else replace(found, version=task.version + 1)


def rename_class(task: Task, which: str, name: str) -> Task:
    """Another name for the same class; its votes stay, and a column that says the old name still means it."""
    old, name = find_class(task, which), clean_name(name)
    if old.name == name:
        return task
    _free(task, name)
    former = tuple(n for n in (*old.former, old.name) if n != name)
    renamed = replace(old, name=name, former=former)
    others = _forgetting(task.classes, name)
    return _next(task, tuple(renamed if c.class_id == old.class_id else c for c in others))


def merge_classes(task: Task, which: Iterable[str], into: str) -> Task:
    """Make several classes one: *into* names one that is there, or a new one. Their votes all count for it.

    Raises:
        InputError: fewer than two classes would become one.
        NotFoundError: there is no such class.
    """
    gone = list(dict.fromkeys(find_class(task, one).class_id for one in which))
    target = _present(task, into)
    gone = [c for c in gone if target is None or c != target.class_id]
    if len(gone) < (2 if target is None else 1):
        raise InputError("To merge takes two classes that differ: name those that go and the one that they become.")
    if target is None:
        return _merged_anew(task, gone, clean_name(into))
    lost = [c for c in task.classes if c.class_id in gone]
    kept = replace(target, former=_names(target.former, lost, target.name))
    classes = tuple(kept if c.class_id == kept.class_id else c for c in task.classes if c.class_id not in gone)
    return _next(task, classes, dict.fromkeys(gone, (kept.class_id,)))


def _merged_anew(task: Task, gone: list[str], name: str) -> Task:
    lost = [c for c in task.classes if c.class_id in gone]
    others = [c for c in _forgetting(task.classes, name) if c.class_id not in gone]
    new = TaskClass(_fresh_id(task, name), name, former=_names((), lost, name))
    at = next(i for i, c in enumerate(task.classes) if c.class_id in gone)
    return _next(task, (*others[:at], new, *others[at:]), dict.fromkeys(gone, (new.class_id,)))


def split_class(task: Task, which: str, parts: Iterable[str]) -> Task:
    """Several new classes in place of one. Its votes stay shared between them until somebody says which.

    The parts have names of their own: what was said before can then be told from what is said from now on.

    Raises:
        InputError: fewer than two parts, or a part keeps the name of the whole.
        ConflictError: a part is called as another class is.
    """
    old = find_class(task, which)
    names = list(dict.fromkeys(clean_name(p) for p in parts))
    if len(names) < 2:
        raise InputError("To split takes at least two names that differ, one for each part.")
    if old.name in names:
        raise InputError(
            f"A part of {old.name!r} needs a name of its own, so that earlier votes can be told from later ones."
        )
    for name in names:
        _free(task, name)
    former, others = (*old.former, old.name), task.classes
    for name in names:
        others = _forgetting(others, name)
    new = tuple(TaskClass(_fresh_id(task, n), n, former=tuple(f for f in former if f not in names)) for n in names)
    at = next(i for i, c in enumerate(others) if c.class_id == old.class_id)
    moved = {old.class_id: tuple(c.class_id for c in new)}
    return _next(task, (*others[:at], *new, *others[at + 1 :]), moved)


def describe_class(
    task: Task, which: str, description: str | None = None, examples: Sequence[str] | None = None
) -> Task:
    """Another description or other examples; what is None stays."""
    old = find_class(task, which)
    new = replace(
        old,
        description=old.description if description is None else clean_text(description),
        examples=old.examples if examples is None else clean_examples(examples),
    )
    if new == old:
        return task
    return _next(task, tuple(new if c.class_id == old.class_id else c for c in task.classes))


def remove_class(task: Task, which: str) -> Task:
    """A class less. Its votes stay in the store, count for nothing, and count again once the removal is undone."""
    old = find_class(task, which)
    return _next(task, tuple(c for c in task.classes if c.class_id != old.class_id), {old.class_id: ()})


def restore(task: Task, old: Task) -> Task:
    """What the version *old* said, as a new version: how every change is undone, and redone.

    Votes for a class that came since mean what it came from: after the undoing of a split, a vote for a part is one for
    the whole. One that came from nothing means nothing, until the undoing is undone.
    """
    then = set(old.class_ids)
    moved = {k: v for k, v in old.moved.items() if k not in then}
    for class_id, ids in task.moved.items():
        if class_id not in then:
            moved.setdefault(class_id, ids)
    for class_id in task.class_ids:
        if class_id not in then and class_id not in old.moved:
            moved[class_id] = tuple(k for k in old.class_ids if class_id in task.meaning(k))
    found = replace(old, name=task.name, version=task.version + 1, moved=moved)
    return task if _content(found) == _content(task) else found


def changed_lines(before: Task | None, after: Task) -> list[str]:
    """What one version says otherwise than another, in lines of a unified diff without its head."""
    old = [] if before is None else _lines(before)
    return list(difflib.unified_diff(old, _lines(after), lineterm="", n=1))[2:]


def _lines(task: Task) -> list[str]:
    found: list[str] = []
    for one in task.classes:
        found.append(f"{one.name}: {one.description}" if one.description else one.name)
        found += [f"{one.name}, for example: {example}" for example in one.examples]
    return [*found, *_field_lines(task.fields), *task.guidelines.splitlines()]


def _field_lines(fields: Iterable[Field], above: str = "") -> list[str]:
    found: list[str] = []
    for one in fields:
        how = [one.type.value, *(["several"] if one.takes_many else []), *(["required"] if one.is_required else [])]
        found.append(f"{above}{one.name} ({', '.join(how)}){': ' + one.description if one.description else ''}")
        found += [f"{above}{one.name} chooses {c.name}" for c in one.choices]
        found += _field_lines(one.fields, f"{above}{one.name}.")
    return found


def clean_text(text: str) -> str:
    """A description as it is kept.

    Raises:
        InputError: it is too long.
    """
    found = plain_text(str(text))
    if len(found) > MAX_TEXT:
        raise InputError(f"A description or an example has at most {MAX_TEXT:,} characters; this has {len(found):,}.")
    return found


def clean_guidelines(text: str) -> str:
    """Guidelines as they are kept.

    Raises:
        InputError: they are too long.
    """
    found = plain_text(text)
    if len(found) > MAX_GUIDELINES:
        raise InputError(f"Guidelines have at most {MAX_GUIDELINES:,} characters; these have {len(found):,}.")
    return found


def clean_examples(examples: Sequence[str]) -> tuple[str, ...]:
    """Examples as they are kept: no empty one, none twice.

    Raises:
        InputError: there are too many, or one is too long.
    """
    found = tuple(dict.fromkeys(text for e in examples if (text := clean_text(e))))
    if len(found) > MAX_EXAMPLES:
        raise InputError(f"A class has at most {MAX_EXAMPLES} examples; {len(found):,} were given.")
    return found


def _content(task: Task) -> tuple[object, ...]:
    return task.classes, task.fields, task.kind, task.guidelines, task.column, dict(task.moved)


def _next(task: Task, classes: tuple[TaskClass, ...], moved: dict[str, tuple[str, ...]] | None = None) -> Task:
    return replace(task, version=task.version + 1, classes=classes, moved={**task.moved, **(moved or {})})


def _present(task: Task, which: str) -> TaskClass | None:
    return task.one(which) or next((c for c in task.classes if c.name == " ".join(which.split())), None)


def _free(task: Task, name: str) -> str:
    if name in task.class_names:
        raise ConflictError(f"The task {task.name!r} has a class {name!r} already.")
    return name


def _forgetting(classes: tuple[TaskClass, ...], name: str) -> tuple[TaskClass, ...]:
    """*classes*, none of which was once called *name*: from now on the name means another."""
    return tuple(replace(c, former=tuple(n for n in c.former if n != name)) if name in c.former else c for c in classes)


def _names(former: tuple[str, ...], lost: list[TaskClass], but: str) -> tuple[str, ...]:
    every = (*former, *(n for c in lost for n in (*c.former, c.name)))
    return tuple(n for n in dict.fromkeys(every) if n != but)


def _fresh_id(task: Task, name: str) -> str:
    """The id of a new class: by its name, unless votes under that id mean something else by now."""
    used = {*task.class_ids, *task.moved}
    found, n = new_class_id(task.task_id, name), 1
    while found in used:
        n += 1
        found = new_class_id(task.task_id, f"{name}\0{n}")
    return found
