"""The verbs by which labels come from other software and go to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from homegrown.core.progress import Silent
from homegrown.core.records import plain_text
from homegrown.core.tasks import TaskKind
from homegrown.curate.labels import read_labels
from homegrown.errors import EmptyDataError, InputError
from homegrown.label import join_votes
from homegrown.label.exchange import Asides, ExportedLabels, ImportedVotes, Label, exported, put_votes, task_for
from homegrown.label.exchange_file import encoded, format_named, format_of, read_examples, write_examples
from homegrown.label.formats import FORMATS
from homegrown.label.span_files import BRAT
from homegrown.store.events import record_event
from homegrown.workspace.placing import placed, told
from homegrown.workspace.span_exchange import SpanReading, export_spans, import_spans, marks_spans, stream_spans

if TYPE_CHECKING:
    from collections.abc import Iterator

    from homegrown.core import tasks
    from homegrown.core.protocols import Progress
    from homegrown.store import Store
    from homegrown.workspace import handles


def suffix_of(format: str) -> str:
    """The suffix of a file of a format.

    Example:
        >>> suffix_of("label-studio"), suffix_of("doccano"), suffix_of("conll")
        ('json', 'jsonl', 'conll')
    """
    if format not in FORMATS:
        return format
    return "json" if FORMATS[format].is_list else "jsonl"


class Exchange:
    """Mixed into ``Workspace``."""

    store: Store
    progress: Progress = Silent()

    if TYPE_CHECKING:

        def _any_task(self, task: tasks.Task | handles.Task | str) -> tasks.Task: ...

    def import_votes(
        self,
        task: str,
        path: str | Path,
        *,
        format: str | None = None,
        name: str | None = None,
        new_classes: bool = False,
        **reading: Any,
    ) -> ImportedVotes:
        """Read what other software exported: its texts become records, what was said of them votes.

        A text that is here already gets the votes; it is not stored again. Each author is a source of labels of its
        own. What cannot be used is listed with its line and the reason; the rest goes in.

        Args:
            task: name of the task; made from the file's labels, or the types of its spans, when there is none.
            path: the file; of brat a folder or a file of it.
            format: ``label-studio``, ``argilla``, ``prodigy``, ``doccano`` or ``openai``; of spans ``conll``, ``brat``,
                ``label-studio``, ``prodigy`` or ``doccano``; guessed when not given.
            name: of the source of records; default: the file name. A later import of that name replaces this one.
            new_classes: add labels (types) that the task does not have as classes (fields), instead of setting them
                aside.
            **reading: of spans, ``unit``, ``spaces`` and ``documents`` of ``workspace.span_exchange.SpanReading``.

        Example:
            >>> ws.import_votes("intent", "project-1.json").sources  # doctest: +SKIP
            {'project-1.json: anna': 812}
        """
        file, source = Path(path), name or Path(path).name
        if marks_spans(self.store, task, file, format):
            found = SpanReading(format, **reading)
            return import_spans(self.store, task, file, source, found, self.progress, new_fields=new_classes)
        if reading:
            raise InputError(
                f"{min(reading)!r} says how spans are read, and the task {task!r} is answered with classes."
            )
        asides = Asides()
        found, items = format_named(format) if format is not None else format_of(file), []
        for item in read_examples(file, found):
            if item.example is None:
                asides.add(item.place, item.reason)
            else:
                items.append((item.place, item.example._replace(text=plain_text(item.example.text))))
        n_unread = asides.n
        if not items:
            first = asides.first[0].reason if asides.first else "it has none"
            raise EmptyDataError(f"No item of {file.name} can be used as {found.name}; the first: {first}.")
        asked = task_for(self.store, task, [example for _, example in items], new_classes=new_classes)
        held, n_added = placed(self.store, items, source, asides, self.progress)
        sources = put_votes(self.store, asked, held, source, found.name, asides)
        n_items, n_votes = len(items) + n_unread, sum(sources.values())
        done = ImportedVotes(asked, found.name, n_items, n_added, n_votes, sources, asides.n, tuple(asides.first))
        return told(self.store, done, source)

    def stream_labels(self, task: tasks.Task | handles.Task | str, *, format: str) -> Iterator[bytes]:
        """The bytes of ``export_labels``, streamed; whatever cannot be had is told before the first."""
        asked = self._any_task(task)
        if asked.kind is TaskKind.OBJECT:
            return stream_spans(self.store, asked, format)
        found = format_named(format)
        records = exported(self.store, asked, _labels(self.store, asked))
        return (piece for piece, _ in encoded(found, records, asked.name, asked.class_names))

    def export_labels(self, task: tasks.Task | handles.Task | str, path: str | Path, *, format: str) -> ExportedLabels:
        """Write every current record with its label, and the votes where the format has a place for them.

        Args:
            task: the question, or its name.
            path: the file; what is there is replaced by the whole new one. Of brat a folder that is there.
            format: as for ``import_votes``; of a task that is answered with fields the places of its answers go out.

        Example:
            >>> ws.export_labels("intent", "intent.jsonl", format="prodigy").n_labelled  # doctest: +SKIP
            10003
        """
        asked, file = self._any_task(task), Path(path)
        found = None if asked.kind is TaskKind.OBJECT else format_named(format)
        if (found or format != BRAT) and (file.is_dir() or not file.parent.is_dir()):
            raise InputError(f"{file} is no place for a file. Name a file in a folder that is there.")
        if found is None:
            done = export_spans(self.store, asked, file, format)
        else:
            labels = _labels(self.store, asked)
            n = write_examples(file, found, exported(self.store, asked, labels), asked.name, asked.class_names)
            done = ExportedLabels(file, found.name, n, len(labels))
        with self.store.db.write() as connection:
            record_event(
                connection, self.store.actor, "label.export", f"task:{asked.task_id}", format=done.format,
                n_items=done.n_items,
            )  # fmt: skip
        return done


def _labels(store: Store, task: tasks.Task) -> dict[str, Label]:
    """Joined labels by record id."""
    ids = store.records.scan(["record_id"])["record_id"].combine_chunks()
    found = read_labels(store, task, ids, join_votes)
    names, keys = task.class_names, ids.to_pylist()
    labels = {keys[i]: Label((), None) for i in np.flatnonzero(found.labelled).tolist()}
    order = np.lexsort((-found.prob, found.row))
    many = task.kind is TaskKind.CLASSES
    columns = (found.row[order].tolist(), found.column[order].tolist(), found.prob[order].tolist())
    for row, column, prob in zip(*columns, strict=True):
        before = labels[keys[row]]
        if not before.names:
            labels[keys[row]] = Label((names[column],), round(prob, 4))
        elif many:
            labels[keys[row]] = Label((*before.names, names[column]), min(before.prob or 1.0, round(prob, 4)))
    return labels
