"""The verbs by which labels come from other software and go to it."""

from __future__ import annotations

import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from homegrown.core.ids import text_hash
from homegrown.core.progress import Silent
from homegrown.core.records import ReadOptions, plain_text
from homegrown.core.tasks import TaskKind
from homegrown.curate.labels import read_labels
from homegrown.errors import EmptyDataError, InputError
from homegrown.ingest import IngestRequest, import_file
from homegrown.label import join_votes
from homegrown.label.exchange import Asides, Held, ImportedVotes, Label, exported, put_votes, task_for
from homegrown.label.exchange_file import encoded, format_named, format_of, read_examples, write_examples
from homegrown.store.events import record_event
from homegrown.store.lance_tables import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from homegrown.core import tasks
    from homegrown.core.protocols import Progress
    from homegrown.label.formats import Example
    from homegrown.store import Store
    from homegrown.workspace import handles


class ExportedLabels(NamedTuple):
    """A file that was written."""

    path: Path
    format: str
    n_items: int
    n_labelled: int


class Exchange:
    """Mixed into ``Workspace``."""

    store: Store
    progress: Progress = Silent()

    if TYPE_CHECKING:

        def _task(self, task: tasks.Task | handles.Task | str) -> tasks.Task: ...

    def import_votes(
        self,
        task: str,
        path: str | Path,
        *,
        format: str | None = None,
        name: str | None = None,
        new_classes: bool = False,
    ) -> ImportedVotes:
        """Read what other software exported: its texts become records, what was said of them votes.

        A text that is here already gets the votes; it is not stored again. Each author is a source of labels of its
        own. What cannot be used is listed with its line and the reason; the rest goes in.

        Args:
            task: name of the task; made from the file's labels when there is none.
            path: the file.
            format: ``label-studio``, ``argilla``, ``prodigy``, ``doccano`` or ``openai``; guessed when not given.
            name: of the source of records; default: the file name. A later import of that name replaces this one.
            new_classes: add labels that the task does not have as classes, instead of setting them aside.

        Example:
            >>> ws.import_votes("intent", "project-1.json").sources  # doctest: +SKIP
            {'project-1.json: anna': 812}
        """
        file, source = Path(path), name or Path(path).name
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
        held, n_added = _placed(self.store, items, source, asides, self.progress)
        sources = put_votes(self.store, asked, held, source, found.name, asides)
        n_votes = sum(sources.values())
        with self.store.db.write() as connection:
            record_event(
                connection, self.store.actor, "label.import", f"task:{asked.task_id}", format=found.name,
                source=source, n_votes=n_votes, n_added=n_added, n_aside=asides.n,
            )  # fmt: skip
        n_items = len(items) + n_unread
        return ImportedVotes(asked, found.name, n_items, n_added, n_votes, sources, asides.n, tuple(asides.first))

    def stream_labels(self, task: tasks.Task | handles.Task | str, *, format: str) -> Iterator[bytes]:
        """The bytes of ``export_labels``, streamed; whatever cannot be had is told before the first."""
        asked, found = self._task(task), format_named(format)
        records = exported(self.store, asked, _labels(self.store, asked))
        return (piece for piece, _ in encoded(found, records, asked.name, asked.class_names))

    def export_labels(self, task: tasks.Task | handles.Task | str, path: str | Path, *, format: str) -> ExportedLabels:
        """Write every current record with its label, and the votes where the format has a place for them.

        Args:
            task: the question, or its name.
            path: the file; what is there is replaced by the whole new one.
            format: as for ``import_votes``.

        Example:
            >>> ws.export_labels("intent", "intent.jsonl", format="prodigy").n_labelled  # doctest: +SKIP
            10003
        """
        asked, file = self._task(task), Path(path)
        found = format_named(format)
        if file.is_dir() or not file.parent.is_dir():
            raise InputError(f"{file} is no place for a file. Name a file in a folder that is there.")
        labels = _labels(self.store, asked)
        n = write_examples(file, found, exported(self.store, asked, labels), asked.name, asked.class_names)
        with self.store.db.write() as connection:
            record_event(
                connection, self.store.actor, "label.export", f"task:{asked.task_id}", format=found.name, n_items=n
            )
        return ExportedLabels(file, found.name, n, len(labels))


def _placed(
    store: Store, items: list[tuple[int, Example]], source: str, asides: Asides, progress: Progress
) -> tuple[Iterator[Held], int]:
    """The record of each item: one that other sources hold already, or one that is stored now."""
    known = _texts_of(store, f"source NOT IN {quoted([source])}")
    hashes = [text_hash(example.text) for _, example in items]
    turns = _turns(items, hashes)
    new: dict[tuple[str, int], Example] = {}
    for (_, example), h, turn in zip(items, hashes, turns, strict=True):
        if h not in known:
            new.setdefault((h, turn), example)
    n_added = 0
    if new:
        n_added = _store_new(store, list(new.values()), source, progress)
        for h, ids in _texts_of(store, f"source IN {quoted([source])}").items():
            known.setdefault(h, []).extend(ids)
    return _assigned(items, hashes, turns, known, asides), n_added


def _turns(items: list[tuple[int, Example]], hashes: list[str]) -> list[int]:
    """Which of several records with its text each item is about: its author's first item the first, and so on.

    Where a line holds one opinion, the lines of several authors are about one record.
    """
    seen: Counter[tuple[str, str]] = Counter()
    found = []
    for (_, example), h in zip(items, hashes, strict=True):
        who = example.opinions[0].author if len(example.opinions) == 1 else ""
        found.append(seen[h, who])
        seen[h, who] += 1
    return found


def _assigned(
    items: list[tuple[int, Example]], hashes: list[str], turns: list[int], known: dict[str, list[str]], asides: Asides
) -> Iterator[Held]:
    for (place, example), h, turn in zip(items, hashes, turns, strict=True):
        ids = known.get(h)
        if not ids:
            asides.add(place, "its text could not be stored")
            continue
        named = example.record_id if example.record_id in ids else ids[min(turn, len(ids) - 1)]
        yield Held(place, named, example.opinions)


def _texts_of(store: Store, where: str) -> dict[str, list[str]]:
    """Ids of the current records that match *where*, by the hash of their text."""
    found: dict[str, list[str]] = defaultdict(list)
    for batch in store.records.batches(["record_id", "text_hash"], where=where, rows=65536):
        for record_id, h in zip(*(batch[c].to_pylist() for c in batch.schema.names), strict=True):
            found[h].append(record_id)
    return dict(found)


def _store_new(store: Store, examples: list[Example], source: str, progress: Progress) -> int:
    """The newest version of *source* holds exactly the file's texts that are not of other sources."""
    encoder = msgspec.json.Encoder()
    with tempfile.TemporaryDirectory(dir=store.layout.folder("tmp")) as folder:
        path = Path(folder) / "texts.jsonl"
        with path.open("wb") as file:
            for example in examples:
                fields = {k: v for k, v in example.fields.items() if k != "text"}
                file.write(encoder.encode({"text": example.text, **fields}) + b"\n")
        request = IngestRequest(path, "text", None, None, source, None, ReadOptions())
        return import_file(store, request, progress=progress).n_added


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
