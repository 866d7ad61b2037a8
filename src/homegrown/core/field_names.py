"""The names of fields: which field a name means, and another name for a field.

Votes, labels and models hold ids, so a field that is called otherwise is the same field. The names that it had are
kept: a column, a document or a rule may still use them, until another field of the same object takes such a name.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from homegrown.core.choices import new_class_id
from homegrown.core.records import plain_text
from homegrown.core.schema import Field, check_fields, new_field_id
from homegrown.errors import ConflictError, InputError, NotFoundError

if TYPE_CHECKING:
    from homegrown.core.tasks import Task


def name_in(one: Field, names: Container[str]) -> str | None:
    """The name by which a field is called among *names*: its own, else one that it had, the oldest first; or None.

    Example:
        >>> from homegrown.core.schema import FieldType
        >>> name_in(Field("f_1", "total", FieldType.MONEY, former=("sum",)), {"sum": 3, "day": 4})
        'sum'
    """
    return next((n for n in (one.name, *one.former) if n in names), None)


def by_any_name(fields: Iterable[Field]) -> dict[str, Field]:
    """Fields by their names, and by those that they had where no field is called so now.

    Example:
        >>> from homegrown.core.schema import FieldType
        >>> sorted(by_any_name([Field("f_1", "total", FieldType.MONEY, former=("sum",))]))
        ['sum', 'total']
    """
    every = tuple(fields)
    return {n: f for f in every for n in f.former} | {f.name: f for f in every}


def find_field(task: Task, which: str) -> tuple[Field, Field | None]:
    """The field *which* is, and the list of whose rows it is: by its id, or its name, in a list ``lines.price``.

    A name that only it once had does as well.

    Raises:
        NotFoundError: there is none.
        InputError: the task is answered with classes.
    """
    if not task.fields:
        raise InputError(f"The task {task.name!r} is answered with classes; it has no fields.")
    inner = [(f, one) for one in task.fields for f in one.fields]
    by_id = next((found for found in [*((f, None) for f in task.fields), *inner] if found[0].field_id == which), None)
    if by_id is not None:
        return by_id
    outer, dot, name = which.partition(".")
    above = by_any_name(task.fields).get(outer)
    if above is not None and not dot:
        return above, None
    if above is not None and (found := by_any_name(above.fields).get(name)) is not None:
        return found, above
    names = ", ".join([*(f.name for f in task.fields), *(f"{one.name}.{f.name}" for f, one in inner)][:20])
    raise NotFoundError(f"The task {task.name!r} has no field {which[:60]!r}. Fields: {names}.")


def rename_field(task: Task, which: str, name: str) -> Task:
    """The task with another name for a field; what was said of it stays, and its old name still means it.

    Args:
        task: whose answer is an object.
        which: see ``find_field``.
        name: a letter, then letters, digits and ``_``.

    Raises:
        NotFoundError: there is no such field.
        ConflictError: another field of the same object is called so.
        InputError: it is no name of a field.

    Example:
        >>> from homegrown.core.schema import FieldType
        >>> from homegrown.core.tasks import Task, TaskKind
        >>> task = Task("t", "receipt", 1, TaskKind.OBJECT, (), fields=(Field("f_1", "sum", FieldType.MONEY),))
        >>> rename_field(task, "sum", "total").fields[0].former
        ('sum',)
    """
    old, above = find_field(task, which)
    if old.name == name:
        return task
    beside = task.fields if above is None else above.fields
    if any(f.name == name for f in beside):
        of = f"The task {task.name!r}" if above is None else f"“{above.name}”"
        raise ConflictError(f"{of} has a field {name!r} already.")
    new = replace(old, name=name, former=tuple(n for n in (*old.former, old.name) if n != name))
    renamed = forgetting(tuple(new if f is old else f for f in beside))
    if above is not None:
        renamed = tuple(replace(f, fields=renamed) if f is above else f for f in task.fields)
    return replace(task, version=task.version + 1, fields=check_fields(renamed))


def forgetting(fields: tuple[Field, ...]) -> tuple[Field, ...]:
    """*fields*, none of which was once called as another is now: from now on the name means that one.

    Example:
        >>> from homegrown.core.schema import FieldType
        >>> was = Field("f_1", "total", FieldType.MONEY, former=("sum",))
        >>> forgetting((was, Field("f_2", "sum", FieldType.MONEY)))[0].former
        ()
    """
    now = {f.name for f in fields}
    return tuple(replace(f, former=tuple(n for n in f.former if n not in now)) for f in fields)


def owned(fields: Iterable[Field], task: Task, earlier: Iterable[Field] = ()) -> tuple[Field, ...]:
    """*fields* with the ids that *task* gives them: those of its fields and choices of the same name, else new ones.

    A field that is of another type than before is another field, for a number says nothing of a date. It gets its id
    back with its type. Under a name that a field had before it is that field, called as it is now: a notebook that is
    run again takes no renaming back.

    Args:
        fields: as somebody says them.
        task: as it stands.
        earlier: fields of its earlier versions, the newest first.

    Example:
        >>> from homegrown.core.schema import FieldType
        >>> from homegrown.core.tasks import Task, TaskKind
        >>> task = Task("task_a", "receipt", 0, TaskKind.OBJECT, ())
        >>> owned([Field("", "total", FieldType.MONEY)], task)[0].field_id == new_field_id("task_a", "total")
        True
    """
    return _owned(tuple(fields), task.fields, tuple(earlier), task.task_id, ())


def _owned(
    fields: tuple[Field, ...],
    present: tuple[Field, ...],
    earlier: tuple[Field, ...],
    task_id: str,
    above: tuple[str, ...],
) -> tuple[Field, ...]:
    found = []
    meant = _meant(fields, present, earlier)
    used = {f.field_id for f in meant if f is not None}
    for said, was in zip(fields, meant, strict=True):
        one = replace(said, description=plain_text(said.description))
        path = (*above, one.name)
        if was is None:
            is_retyped = any(f.name == one.name for f in (*present, *earlier))
            field_id = _fresh(task_id, (*path, one.type.value) if is_retyped else path, used)
            used.add(field_id)
            choices = tuple(replace(c, class_id=new_class_id(task_id, "/".join((*path, c.name)))) for c in one.choices)
            inner = _owned(one.fields, (), (), task_id, path)
            found.append(replace(one, field_id=field_id, choices=choices, fields=inner, former=()))
            continue
        before = [f for f in earlier if f.field_id == was.field_id]
        known = {c.name: c.class_id for f in (*reversed(before), was) for c in f.choices}
        choices = tuple(
            replace(c, class_id=known.get(c.name) or new_class_id(task_id, "/".join((*path, c.name))))
            for c in one.choices
        )
        inner = _owned(one.fields, was.fields, tuple(i for f in before for i in f.fields), task_id, path)
        name = was.name if one.name in was.former else one.name
        found.append(replace(one, field_id=was.field_id, name=name, choices=choices, fields=inner, former=was.former))
    return forgetting(tuple(found))


def _meant(fields: tuple[Field, ...], present: tuple[Field, ...], earlier: tuple[Field, ...]) -> list[Field | None]:
    """Which field each of *fields* is: one that is called so, else one that was, else one of an earlier version."""
    said = {f.name for f in fields}
    found = [next((f for f in present if f.name == one.name and f.type is one.type), None) for one in fields]
    used = {f.field_id for f in found if f is not None}
    for i, one in enumerate(fields):
        if found[i] is not None:
            continue
        renamed = (f for f in present if one.name in f.former and f.name not in said)
        back = (f for f in earlier if f.name == one.name)
        was = next((f for f in (*renamed, *back) if f.type is one.type and f.field_id not in used), None)
        if was is not None:
            found[i] = was
            used.add(was.field_id)
    return found


def _fresh(task_id: str, path: tuple[str, ...], used: Container[str]) -> str:
    """The id of a new field: by its names, unless another field was first called so."""
    found, n = new_field_id(task_id, *path), 1
    while found in used:
        n += 1
        found = new_field_id(task_id, *path, f"\0{n}")
    return found
