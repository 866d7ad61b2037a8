"""The verbs for tasks whose answer is an object: its fields, and columns that hold answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from homegrown.core.choices import TaskClass
from homegrown.core.json_schema import fields_of, json_schema
from homegrown.core.schema import Field, FieldType
from homegrown.errors import InputError
from homegrown.inference.answers import object_answers
from homegrown.label.guessed_fields import guess_fields
from homegrown.label.imported_answers import ImportedAnswers, documents_in, import_answers

if TYPE_CHECKING:
    from homegrown.core.protocols import ObjectPredictor
    from homegrown.core.tasks import Task
    from homegrown.store import Store
    from homegrown.workspace.tasks import AnyTask

Said = Mapping[str, Any] | Sequence[Field]
"""Fields as one says them: a JSON Schema, fields themselves, or by name a type (``"date"``) or choices (a list)."""
_GUESSED_FROM = 2000


class Objects:
    """Mixed into ``Workspace``."""

    store: Store

    if TYPE_CHECKING:

        def _any_task(self, task: AnyTask) -> Task:
            """The task itself."""
            ...

    def define_object(self, name: str, fields: Said, *, guidelines: str = "") -> Task:
        """The task *name*, whose answer has these fields; a new version where they are others than before.

        Args:
            name: of the task.
            fields: see ``Said``.
            guidelines: how to decide, for whoever labels.

        Raises:
            InputError: the fields cannot be.
            ConflictError: a task of that name is answered with classes.

        Example:
            >>> ws.define_object("receipt", {"company": "span", "total": "money"}).kind  # doctest: +SKIP
            <TaskKind.OBJECT: 'object'>
        """
        return self.store.tasks.define_object(self.store.actor, name, fields_said(fields), guidelines=guidelines)

    def rename_field(self, task: AnyTask, which: str, name: str, *, if_version: int | None = None) -> Task:
        """Another name for a field; it stays the same field, with all that was said of it.

        A column or a document that says the old name still means it. Models that learnt the old name keep answering
        under it, ``names_learnt`` says which: those that learn from a snapshot of now on answer under the new one.

        Args:
            task: whose answer is an object.
            which: the field's name or id; of a field of a list's rows ``list.field``.
            name: a letter, then letters, digits and ``_``, up to 80.
            if_version: refuse when the task has another version by now.

        Raises:
            NotFoundError: there is no such field.
            ConflictError: another field is called so, or the task was changed meanwhile.
            InputError: it is no name of a field, or the task is answered with classes.

        Example:
            >>> ws.rename_field("receipt", "sum", "total").fields[0].former  # doctest: +SKIP
            ('sum',)
        """
        found = self._any_task(task)
        return self.store.tasks.rename_field(self.store.actor, found.task_id, which, name, if_version=if_version)

    def names_learnt(self, task: AnyTask) -> tuple[str, ...]:
        """A sentence for each model in use that answers under names which fields had before.

        In use are the champion and what endpoints answer with.

        Example:
            >>> ws.names_learnt("receipt")  # doctest: +SKIP
            ('receipt@3 answers “sum” for what is called “total” now, until it learns anew.',)
        """
        found = self._any_task(task)
        now = _names(found.fields)
        live = {e.version_id for e in self.store.endpoints.list()}
        champion = self.store.models.champion(found.task_id)
        live |= {champion.version_id} if champion else set()
        told = []
        for version in self.store.models.versions():
            if version.version_id not in live or version.task_id != found.task_id or not version.is_object:
                continue
            then = _names(msgspec.convert(version.details["fields"], tuple[Field, ...]))
            other = [(then[i], now[i]) for i in then if i in now and then[i] != now[i]]
            if other:
                names = ", ".join(f"“{old}” for what is called “{new}” now" for old, new in other)
                told.append(f"{version.model_name}@{version.number} answers {names}, until it learns anew.")
        return tuple(told)

    def import_answers(self, task: AnyTask, column: str | None = None, **reading: Any) -> ImportedAnswers:
        """Take what a column of the records, or one column per field, says as imported votes.

        Args:
            task: whose answer is an object.
            column: holds the whole answer as JSON.
            **reading: ``columns``, ``day_first``, ``decimal``, ``currency`` of ``homegrown.label.import_answers``.
        """
        return import_answers(self.store, self._any_task(task), column, **reading)

    def guess_fields(self, column: str) -> tuple[Field, ...]:
        """The fields that the answers in a column of JSON seem to have; see ``homegrown.label.guessed_fields``.

        Raises:
            UnsuitableLabelsError: no record holds an object there, or nothing of them has a field.
        """
        return guess_fields(islice(documents_in(self.store, column), _GUESSED_FROM))

    def json_schema(self, task: AnyTask) -> dict[str, Any]:
        """The JSON Schema of what a task whose answer is an object answers."""
        found = self._any_task(task)
        if not found.fields:
            raise InputError(f"The task {found.name!r} is answered with classes; it has no fields.")
        return json_schema(found.fields, title=found.name)


def _names(fields: Sequence[Field]) -> dict[str, str]:
    """Names by id, those of the rows of lists among them."""
    return {f.field_id: f.name for one in fields for f in (one, *one.fields)}


def objects_said(predictor: ObjectPredictor, texts: list[str]) -> list[dict[str, Any]]:
    """What a model says of *texts*, for a program: the document, how sure it is, and by field that and the evidence."""
    return [{"document": a.document, "prob": a.prob, "fields": a.fields} for a in object_answers(predictor, texts)]


def fields_said(said: Said) -> tuple[Field, ...]:
    """The fields that somebody means, without ids of their own yet.

    Raises:
        InputError: a type is unknown, or there is no field.

    Example:
        >>> [(f.name, f.type.value, f.takes_many) for f in fields_said({"who": "span*", "kind": ["a", "b"]})]
        [('who', 'span', True), ('kind', 'choice', False)]
    """
    if not isinstance(said, Mapping):
        found = tuple(said) if isinstance(said, (list, tuple)) else ()
        if not found or not all(isinstance(one, Field) for one in found):
            raise InputError(
                "The fields of an answer are a JSON Schema, or a mapping of names to types: {'total': 'money'}."
            )
        return found
    if "properties" in said and not isinstance(said["properties"], str):
        return fields_of(said, "")
    return tuple(_field(str(name), how) for name, how in said.items())


def _field(name: str, how: Any) -> Field:
    if isinstance(how, (list, tuple)) and all(isinstance(c, str) for c in how):
        return Field("", name, FieldType.CHOICE, choices=tuple(TaskClass("", c) for c in how))
    if isinstance(how, Mapping):
        return Field("", name, FieldType.LIST, fields=tuple(_field(str(n), h) for n, h in how.items()))
    word = str(how)
    is_required, word = word.endswith("!"), word.removesuffix("!")
    takes_many, word = word.endswith("*"), word.removesuffix("*")
    if word not in {t.value for t in FieldType} - {"choice", "list"}:
        raise InputError(
            f"The field {name[:80]!r} is of no type {str(how)[:40]!r}. Types: span, number, date, money, boolean; "
            "span* for several, span! for one that must be there; a list of names to choose from; a mapping for a list "
            "of small objects."
        )
    return Field("", name, FieldType(word), is_required=is_required, takes_many=takes_many)


def said_type(one: Field) -> str:
    """A field's type as ``fields_said`` takes it.

    Example:
        >>> [said_type(f) for f in fields_said({"who": "span*", "kind": ["a", "b"], "day": "date!"})]
        ['span*', 'a|b', 'date!']
    """
    word = "|".join(c.name for c in one.choices) or one.type.value
    return f"{word}{'*' if one.takes_many else ''}{'!' if one.is_required else ''}"
