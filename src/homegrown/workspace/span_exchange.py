"""Files of spans: in as votes on fields, out as what labels and votes mark."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from homegrown.core.tasks import Task, TaskKind
from homegrown.curate.object_labels import read_object_labels
from homegrown.errors import EmptyDataError, InputError, UnreadableFileError, UnsuitableLabelsError
from homegrown.label import join_objects
from homegrown.label.exchange import Asides, ExportedLabels, ImportedVotes, put_values
from homegrown.label.span_exchange import SpanReader, exported_spans, span_task, types_of
from homegrown.label.span_files import BRAT, CONLL, FORMATS, JSON_FORMATS, Unit
from homegrown.label.span_files.files import encoded_spans, read_spans, span_format_of, write_spans
from homegrown.workspace.placing import placed, told

if TYPE_CHECKING:
    from collections.abc import Iterator

    from homegrown.core.protocols import Progress
    from homegrown.store import Store

UNITS = {"code-points": Unit.CODE_POINTS, "utf-16": Unit.UTF16, "bytes": Unit.BYTES}
_LOOKED_AT = 50


@dataclass(frozen=True, slots=True)
class SpanReading:
    """How a file of spans is read.

    Attributes:
        format: one of ``label.span_files.FORMATS``; guessed when None.
        unit: in what offsets count: ``code-points``, ``utf-16`` or ``bytes``; told by the file when None.
        spaces: how tokens of CoNLL are joined: ``single`` or ``written``.
        documents: of CoNLL, texts are parted by ``-DOCSTART-`` instead of by empty lines.
    """

    format: str | None = None
    unit: str | None = None
    spaces: str = "single"
    documents: bool = False

    def options(self) -> dict[str, object]:
        """As ``read_spans`` takes them.

        Raises:
            InputError: there is no such unit.
        """
        if self.unit is not None and self.unit not in UNITS:
            raise InputError(f"Offsets count {', '.join(UNITS)}; {self.unit[:40]!r} is none of these.")
        unit = None if self.unit is None else UNITS[self.unit]
        return {"unit": unit, "spaces": self.spaces, "documents": self.documents}


def marks_spans(store: Store, task_name: str, path: Path, format: str | None) -> bool:
    """Whether a file is read for its spans: as the task needs it; where there is no task, as the file is."""
    task = store.tasks.find(task_name)
    if format in (CONLL, BRAT):
        return True
    if task is not None:
        return task.kind is TaskKind.OBJECT
    if format is not None and format not in JSON_FORMATS:
        return False
    try:
        named = format or span_format_of(path)
        return named in (CONLL, BRAT) or any(
            o.spans for i in islice(read_spans(path, named), _LOOKED_AT) if i.example for o in i.example.opinions
        )
    except (InputError, UnreadableFileError):
        return False


def import_spans(
    store: Store, task_name: str, path: Path, source: str, how: SpanReading, progress: Progress, *, new_fields: bool
) -> ImportedVotes:
    """``Workspace.import_votes`` for a file of spans.

    Raises:
        EmptyDataError: no text of it can be used.
        UnsuitableLabelsError: the task is answered with classes, or has no field of the file's types.
    """
    asides, examples, units, n_unsure = Asides(), [], dict[str, int](), 0
    format = how.format or span_format_of(path)
    n_items = 0
    for item in read_spans(path, format, **how.options()):  # pyright: ignore[reportArgumentType]
        n_items += 1
        example = None if item.example is None else item.example.plain()
        lost = item.asides if example is None else item._replace(example=example).asides
        for one in lost:
            where = f"{one.file}: " if one.file != path.name else ""
            asides.add(one.line, f"{where}{one.reason}")
        if example is None:
            continue
        units[example.unit.value] = units.get(example.unit.value, 0) + 1
        n_unsure += example.is_unsure
        examples.append((item.place, example))
    if not examples:
        first = asides.first[0].reason if asides.first else "it has none"
        raise EmptyDataError(f"No text of {path.name} can be used as {format}; the first: {first}.")
    types = types_of(example for _, example in examples)
    task = span_task(store, task_name, types, new_fields=new_fields)
    reader = SpanReader(task, types)
    if types and len(reader.unknown) == len(types):
        names, kinds = (", ".join(some) for some in ([f.name for f in task.fields], reader.unknown[:5]))
        raise UnsuitableLabelsError(
            f"The task {task.name!r} has none of the types that {path.name} marks ({kinds}). Its fields: {names}. "
            "To add the types as fields: --new-classes."
        )
    items = []
    for place, example in examples:
        said, problems = reader.read(example)
        for problem in problems:
            asides.add(place, problem)
        items.append((place, said))
    held, n_added = placed(store, items, source, asides, progress)
    sources = put_values(store, task, held, source, format)
    done = ImportedVotes(
        task, format, n_items, n_added, sum(sources.values()), sources, asides.n, tuple(asides.first), units, n_unsure
    )
    return told(store, done, source)


def _labels(store: Store, task: Task) -> dict[str, tuple[str, float]]:
    """Joined value (JSON) and its probability by record id."""
    ids = store.records.scan(["record_id"])["record_id"].combine_chunks()
    found = read_object_labels(store, task, ids, join_objects)
    rows = zip(ids.to_pylist(), found.values.tolist(), found.weight.tolist(), strict=True)
    return {record_id: (value, round(prob, 4)) for record_id, value, prob in rows if value is not None}


def stream_spans(store: Store, task: Task, format: str) -> Iterator[bytes]:
    """The bytes of a file of spans, streamed; whatever cannot be had is told before the first.

    Raises:
        InputError: there is no such format, or it is a folder of files.
    """
    if format not in FORMATS:
        raise InputError(f"There is no format of spans {format[:60]!r}. Formats: {', '.join(FORMATS)}.")
    if format == BRAT:
        raise InputError("brat's files are a folder of pairs; write it by: homegrown label export TASK FOLDER")
    records = exported_spans(store, task, _labels(store, task), labelled_only=format == CONLL)
    return encoded_spans(format, records, with_text=True)


def export_spans(store: Store, task: Task, path: Path, format: str) -> ExportedLabels:
    """``Workspace.export_labels`` for a task whose answer is an object.

    Of CoNLL and brat, which have no word for "nobody looked at it", records without a label are left out.
    """
    labels = _labels(store, task)
    records = exported_spans(store, task, labels, labelled_only=format in (CONLL, BRAT))
    done = write_spans(path, format, records, with_text=True)
    aside = tuple(f"{a.file}: {a.line}: {a.reason}" for a in done.aside)
    return ExportedLabels(path, format, done.n_items, len(labels), done.n_aside, aside)
