"""One import: read, stage, compare, and commit a new version of the source."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from homegrown.core.ids import now
from homegrown.core.records import Notice, Quarantined, ReadOptions, SourceVersion
from homegrown.errors import EmptyDataError, InputError, MissingColumnError
from homegrown.ingest.archives import Limits
from homegrown.ingest.commit import Commit
from homegrown.ingest.inputs import STDIN, expand, source_name
from homegrown.ingest.isolated import Isolated
from homegrown.ingest.look import preview
from homegrown.ingest.plan import make_plan
from homegrown.ingest.seen import Seen
from homegrown.ingest.staging import Roles, Staging, sweep
from homegrown.ingest.warn import merge_offers, notices_as_warnings, numbers_as_text
from homegrown.store.failpoints import failpoint
from homegrown.store.files import disk_errors
from homegrown.store.reserve import refuse_if_in_use

if TYPE_CHECKING:
    from homegrown.core.protocols import Progress
    from homegrown.store import Store

MAX_ASIDE = 1_000_000


@dataclass(frozen=True, slots=True)
class IngestRequest:
    """What is to be imported, and how.

    Attributes:
        path: a file, a folder, a pattern, an archive, or ``-`` for standard input.
        text: column that models read; documents have one named ``text``. None: it is guessed, and so is the label.
        label: column that holds the answer, if there is one.
        id: column that names the rows, so that a changed row stays the same record.
        name: of the source; default: the file name.
        kind: read files as this (``csv``), whatever their names say.
        options: for the readers.
        limits: what an archive may hold.
    """

    path: str | Path
    text: str | None = None
    label: str | None = None
    id: str | None = None
    name: str | None = None
    kind: str | None = None
    options: ReadOptions = field(default_factory=ReadOptions)
    limits: Limits = field(default_factory=Limits)


@dataclass(slots=True)
class _Found:
    aside: list[Quarantined] = field(default_factory=list)
    n_aside: int = 0
    notices: list[Notice] = field(default_factory=list)
    errors: list[InputError] = field(default_factory=list)
    n_files: int = 0


def import_file(store: Store, request: IngestRequest, *, progress: Progress) -> SourceVersion:
    """Read what *request* names and make it the newest version of its source.

    Nothing is changed when the same content was imported before, or when it is killed on the way; a file whose bytes
    are those of the last import is not even parsed.

    Raises:
        UnreadableFileError, MissingColumnError, EmptyDataError, UnsafeArchiveError: there is nothing to import;
            the sentence says why.
    """
    source, seen = request.name or source_name(request.path), Seen.of(request)
    latest = next((s for s in store.sources.list() if s.name == source), None) if seen else None
    if seen and latest and latest.options.get("file_digest") == seen.digest:
        sweep(store.layout.folder("tmp"))
        return replace(latest, n_added=0, unchanged=True)
    roles, guessed = _roles(request)
    refuse_if_in_use(store.layout.folder("locks"))
    with disk_errors(), Staging(store.layout.folder("tmp"), roles) as staging:
        progress.start("ingest", None)
        with Isolated() as isolated:
            found = _stage(staging, isolated, request, progress)
        staging.finish()
        progress.finish()
        failpoint("ingest.staged")
        if not staging.counts.n_rows:
            raise _nothing(request, found)
        source_id = store.sources.ensure(source)
        plan, doubled = make_plan(staging, roles, source_id)
        aside = found.aside + doubled
        labels = staging.counts.labels
        version = SourceVersion(
            source_id=source_id,
            name=source,
            version=0,
            n_records=int(plan.keep.sum()),
            n_added=0,
            n_quarantined=found.n_aside + len(doubled),
            created_at=now(),
            text_column=roles.text,
            label_column=roles.label,
            id_column=roles.id,
            warnings=guessed + notices_as_warnings(found.notices) + numbers_as_text(staging.counts, roles.text),
            merge_offers=merge_offers(labels),
            options={"id_column": roles.id} | (seen.facts() if seen else {}),
        )
        return Commit(store, staging, plan, aside, progress).run(version)


def _roles(request: IngestRequest) -> tuple[Roles, tuple[str, ...]]:
    """The named columns; without a text column the guess of a preview, and a sentence that says so."""
    if request.text is not None:
        return Roles(request.text, request.label, request.id), ()
    if str(request.path) == STDIN:
        raise InputError("Name the text column by --text: what comes from standard input is not read twice.")
    look = preview(request.path, request.name or source_name(request.path), kind=request.kind, options=request.options)
    if look.text is None:
        columns = ", ".join(c.name for c in look.columns)
        raise MissingColumnError(f"No column looks like text. Name one by --text. Columns: {columns}.")
    label = request.label or (look.label if look.label != request.id else None)
    said = f"The text was taken from the column {look.text!r}; name another by --text."
    if label and not request.label:
        said += f" The label was taken from {label!r}; name another by --label."
    return Roles(look.text, label, request.id), (said,)


def _stage(staging: Staging, isolated: Isolated, request: IngestRequest, progress: Progress) -> _Found:
    """Read every file into the staging folder; a file that fails costs itself only."""
    found = _Found()
    inputs = expand(
        request.path,
        staging.folder,
        kind=request.kind,
        limits=request.limits,
        shown=request.name,
        unpack=isolated.unpack,
    )
    for input_ in inputs:
        if isinstance(input_, Quarantined):
            _set_aside(found, input_)
            continue
        found.n_files += 1
        try:
            for item in isolated.read(input_, request.options):
                if isinstance(item, Notice):
                    found.notices.append(item)
                elif isinstance(item, Quarantined):
                    _set_aside(found, item)
                else:
                    before = staging.counts.n_rows
                    for bad in staging.add(item):
                        _set_aside(found, bad)
                    progress.advance(staging.counts.n_rows - before)
        except InputError as error:
            found.errors.append(error)
            _set_aside(found, Quarantined(input_.name, None, error.message))
        for bad in staging.flush():
            _set_aside(found, bad)
    return found


def _set_aside(found: _Found, item: Quarantined) -> None:
    found.n_aside += 1
    if len(found.aside) < MAX_ASIDE:
        found.aside.append(item)


def _nothing(request: IngestRequest, found: _Found) -> InputError:
    """Why an import has no row at all, in one sentence."""
    if len(found.errors) == 1 and found.n_files == 1:
        return found.errors[0]
    name = source_name(request.path)
    if not found.n_aside:
        return EmptyDataError(f"{name} has no rows to read. Expected a header line and at least one row.")
    first = found.aside[0]
    where = first.file if first.line is None else f"{first.file}, line {first.line}"
    sentence = f"Nothing of {name} could be read: {found.n_aside:,} set aside, the first ({where}): {first.reason}."
    if any(isinstance(e, MissingColumnError) for e in found.errors):
        return MissingColumnError(sentence)
    return EmptyDataError(sentence)
