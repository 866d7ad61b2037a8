"""Ingest: drop a file, see its first rows with the columns' guessed parts, and go on to train or only to keep it."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from starlette.responses import Response

from homegrown.core.access import Permission
from homegrown.core.records import Column, ColumnKind, Preview
from homegrown.errors import InputError
from homegrown.studio import pasted, words, work
from homegrown.studio.answer import asked, go, part, posted, posted_file, show
from homegrown.studio.view import AsCode, Hint, RecipeChoice, default_recipe, recipe_choices
from homegrown.web import Route, Shape
from homegrown.workspace.public_data import examples_folder
from homegrown.workspace.uploads import MAX_BYTES, Upload

if TYPE_CHECKING:
    from homegrown.web import Call

SECONDS = {"1m": 60.0, "5m": 300.0, "10m": 600.0, "30m": 1800.0}
FEW_LABELS = 10
EXAMPLE = "support-desk/messages.csv"
_KINDS = {
    ColumnKind.ID: "an id",
    ColumnKind.TEXT: "free text",
    ColumnKind.DATE: "a date",
    ColumnKind.NUMBER: "a number",
}


@dataclass(frozen=True, kw_only=True)
class SourceRow:
    """A source and its newest import."""

    name: str
    n_records: int
    at: str
    href: str


@dataclass(frozen=True, kw_only=True)
class DropPage:
    """The drop zone and what came in so far."""

    template: ClassVar[str] = "ingest/drop.html"
    problem: str
    max_size: str
    sources: tuple[SourceRow, ...]
    as_code: AsCode


@dataclass(frozen=True, kw_only=True)
class ColumnChip:
    """A column as a chip: `type` says what its values look like, `role` what it is used for."""

    index: int
    name: str
    type: str
    role: str


@dataclass(frozen=True, kw_only=True)
class Slot:
    """A place for chips: what is read, what is predicted, what is only kept."""

    role: str
    name: str
    says: str
    hint: str
    empty: str
    is_single: bool
    columns: tuple[ColumnChip, ...]


@dataclass(frozen=True, kw_only=True)
class Advice:
    """What would happen with the columns as they lie: `do` is train, keep or empty when neither can be done."""

    hints: tuple[Hint, ...]
    title: str
    reason: str
    action: str
    do: str
    task: str
    recipes: tuple[RecipeChoice, ...]


@dataclass(frozen=True, kw_only=True)
class PreviewPage:
    """A file before it is imported."""

    template: ClassVar[str] = "ingest/preview.html"
    has_step: ClassVar[bool] = True
    upload_id: str
    name: str
    facts: str
    slots: tuple[Slot, ...]
    columns: tuple[ColumnChip, ...]
    rows: tuple[tuple[str, ...], ...]
    set_aside: tuple[tuple[int | None, str], ...]
    advice: Advice
    as_code: AsCode


@dataclass(frozen=True, kw_only=True)
class AdvicePart:
    """The advice alone, after a chip was moved."""

    template: ClassVar[str] = "ingest/_advice.html"
    advice: Advice


def drop(call: Call, problem: str = "") -> Response:
    """``GET /ingest``."""
    sources = tuple(
        SourceRow(
            name=s.name,
            n_records=s.n_records,
            at=s.created_at.isoformat(),
            href="/query/records?" + words.query_string(source=s.name),
        )
        for s in call.ws.store.sources.list()
    )
    page = DropPage(
        problem=problem,
        max_size=words.size(MAX_BYTES),
        sources=sources,
        as_code=AsCode(
            cli="homegrown ingest tickets.csv --text message --label category",
            python='ws.ingest("tickets.csv", text="message", label="category")',
            sql="select source, count(*) as n from records group by all",
        ),
    )
    return show(call, page, 422 if problem else 200)


def receive(call: Call) -> Response:
    """``POST /ingest``: keep the file, then show it."""
    file = posted_file(call, "file")
    if file is None:
        return drop(call, "No file was chosen. Drop one into the field below, or press it to choose one.")
    try:
        upload = call.ws.uploads.add(file.file, file.filename or "file")
        call.ws.preview(upload.path, name=upload.name)
    except InputError as error:
        return drop(call, error.message)
    return go(f"/ingest/{upload.upload_id}")


def paste(call: Call) -> Response:
    """``POST /ingest/paste``: keep what was pasted, as the table that it is or as one text a line, then show it."""
    try:
        name, content = pasted.as_file(posted(call, "text"))
        upload = call.ws.uploads.add(io.BytesIO(content), name)
        call.ws.preview(upload.path, name=upload.name)
    except InputError as error:
        return drop(call, error.message)
    return go(f"/ingest/{upload.upload_id}")


def example(call: Call) -> Response:
    """``POST /ingest/example``: our own messages to a support desk, as if they had been dropped."""
    path = examples_folder() / EXAMPLE
    if not path.is_file():
        return drop(call, "The example does not lie here. Drop a file of your own.")
    with path.open("rb") as file:
        upload = call.ws.uploads.add(file, f"support-desk-{path.name}")
    return go(f"/ingest/{upload.upload_id}")


def look(call: Call) -> Response:
    """``GET /ingest/{upload_id}``."""
    upload = call.ws.uploads.get(call.path["upload_id"])
    return _preview(call, upload, ())


def _preview(call: Call, upload: Upload, hints: tuple[Hint, ...]) -> Response:
    seen = call.ws.preview(upload.path, name=upload.name)
    chips = _chips(seen, _guessed(seen))
    text, label = _chosen(chips, "text"), _chosen(chips, "label")
    page = PreviewPage(
        upload_id=upload.upload_id,
        name=upload.name,
        facts=_facts(upload, seen),
        slots=slots(chips),
        columns=chips,
        rows=seen.rows,
        set_aside=tuple((q.line, q.reason) for q in seen.quarantined[:100]),
        advice=_advice(seen, text, label, hints),
        as_code=_as_code(upload.name, text, label),
    )
    return show(call, page, 422 if hints else 200)


def advise(call: Call) -> Response:
    """``GET /ingest/{upload_id}/advice``: what the columns as they lie now would lead to."""
    upload = call.ws.uploads.get(call.path["upload_id"])
    seen = call.ws.preview(upload.path, name=upload.name)
    roles = [asked(call, f"role_{i}", "other") for i in range(len(seen.columns))]
    chips = _chips(seen, roles)
    advice = _advice(seen, _chosen(chips, "text"), _chosen(chips, "label"), (), task=asked(call, "task"))
    return part(call, AdvicePart.template, AdvicePart(advice=advice))


def start(call: Call) -> Response:
    """``POST /ingest/{upload_id}``: import the file and, with a label, learn from it, as one job."""
    upload = call.ws.uploads.get(call.path["upload_id"])
    seen = call.ws.preview(upload.path, name=upload.name)
    chips = _chips(seen, [posted(call, f"role_{i}", "other") for i in range(len(seen.columns))])
    text, label = _chosen(chips, "text"), _chosen(chips, "label")
    if text is None:
        raise InputError("Say which column to read: move one to “Read this”.")
    if label is None:
        call.ws.ingest(upload.path, text=text, name=upload.name)
        if not call.ws.store.tasks.names():
            return go("/label/discover?" + words.query_string(came=upload.name))
        return go("/query/records?" + words.query_string(source=upload.name))
    arguments = {
        "file": str(upload.path),
        "text": text,
        "label": label,
        "name": posted(call, "task") or _task_name(label),
        "recipe": posted(call, "recipe") or default_recipe(),
        "budget_s": SECONDS.get(posted(call, "budget"), 300.0),
        "source": upload.name,
        "deploy": False,
    }
    return go(f"/train/{work.submit(call.ws, call.actor, 'grow', arguments)}")


def _guessed(seen: Preview) -> list[str]:
    parts = {seen.text: "text", seen.label: "label"}
    return [parts.get(c.name, "other") for c in seen.columns]


def _chips(seen: Preview, roles: list[str]) -> tuple[ColumnChip, ...]:
    return tuple(
        ColumnChip(index=i, name=c.name, type=_type(c), role=role if role in ("text", "label") else "other")
        for i, (c, role) in enumerate(zip(seen.columns, roles, strict=True))
    )


def _type(column: Column) -> str:
    if column.kind is ColumnKind.CATEGORY:
        return words.plural(column.n_distinct, "value")
    return column.kind.value


def _chosen(chips: tuple[ColumnChip, ...], role: str) -> str | None:
    return next((chip.name for chip in chips if chip.role == role), None)


def slots(chips: tuple[ColumnChip, ...]) -> tuple[Slot, ...]:
    """The places for the chips, each with those that lie there."""

    def lying(role: str) -> tuple[ColumnChip, ...]:
        return tuple(chip for chip in chips if chip.role == role)

    return (
        Slot(role="text", name="Read this", says="read as text", hint="what the model sees", is_single=True,
             empty="Drag the column here that holds the text", columns=lying("text")),
        Slot(role="label", name="Predict this", says="the label to predict", hint="what each one is", is_single=True,
             empty="No label: the file is kept, nothing is trained", columns=lying("label")),
        Slot(role="other", name="Keep beside", says="kept beside", hint="for slices and queries", is_single=False,
             empty="Nothing else", columns=lying("other")),
    )  # fmt: skip


def _facts(upload: Upload, seen: Preview) -> str:
    rows = words.plural(seen.n_sampled, "row") if seen.is_whole else f"more than {seen.n_sampled:,} rows"
    return f"{rows}, {words.plural(len(seen.columns), 'column')}, {words.size(upload.n_bytes)}."


def _task_name(label: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-")[:60] or "task"


def _advice(seen: Preview, text: str | None, label: str | None, hints: tuple[Hint, ...], task: str = "") -> Advice:
    column = next((c for c in seen.columns if c.name == label), None)
    found = (*hints, *(_label_hints(column, seen.n_sampled) if column else ()))
    if text is None:
        title, reason, action, do = "Choose what to read", "Move the column with the text to “Read this”.", "Train", ""
    elif column is None:
        title, action, do = "Keep these records", "Keep", "keep"
        reason = (
            "No column says what each one is. That is enough to begin: like records are put into groups next, and each "
            "group that you check becomes a class."
        )
    else:
        title, action = f"Learn to tell “{label}” from “{text}”", "Train"
        do = "" if any(h.kind == "wrong" for h in found) else "train"
        reason = _reason(column, seen)
    return Advice(
        hints=found,
        title=title,
        reason=reason,
        action=action,
        do=do,
        task=task or (_task_name(label) if label else ""),
        recipes=recipe_choices(),
    )


def _reason(column: Column, seen: Preview) -> str:
    labelled = seen.n_sampled - column.n_empty
    about = "" if seen.is_whole else "in the first rows alone "
    return (
        f"{labelled:,} labelled records {about}in {words.plural(column.n_distinct, 'class', 'classes')}. "
        "A fifth is kept aside to measure how often the model is right on what it has never seen."
    )


def _label_hints(column: Column, n: int) -> tuple[Hint, ...]:
    if column.n_distinct < 2:
        return (Hint(kind="wrong", title=f"“{column.name}” has fewer than two values.",
                     text="At least two are needed to learn a difference. Choose another column."),)  # fmt: skip
    if column.kind is not ColumnKind.CATEGORY:
        return (Hint(kind="wrong", title=f"“{column.name}” looks like {_kind_words(column)}, not like a label.",
                     text=f"It has {column.n_distinct:,} different values in {n:,} rows. Choose a column in "
                     "which a few values come again and again."),)  # fmt: skip
    hints = []
    if column.n_rarest < FEW_LABELS:
        hints.append(Hint(kind="doubt", title=f"The rarest class was seen {_times(column.n_rarest)}.",
                          text="Figures for such classes are guesses; a few more examples help most."))  # fmt: skip
    if column.n_empty:
        hints.append(Hint(kind="info", title=f"{words.plural(column.n_empty, 'row')} without a label.",
                          text="They are kept; nothing is made up for them."))  # fmt: skip
    return tuple(hints)


def _times(n: int) -> str:
    return {1: "once", 2: "twice"}.get(n, f"{n} times")


def _kind_words(column: Column) -> str:
    return _KINDS.get(column.kind, "nothing")


def _as_code(name: str, text: str | None, label: str | None) -> AsCode:
    file, shown = words.shell(name), words.shell(text or "COLUMN")
    if label is None:
        return AsCode(cli=f"homegrown ingest {file} --text {shown}", python=f"ws.ingest({name!r}, text={text!r})")
    return AsCode(
        cli=f"homegrown grow {file} --text {shown} --label {words.shell(label)}",
        python=(
            f"ws.ingest({name!r}, text={text!r}, label={label!r})\n"
            f"task = ws.task_from_column({_task_name(label)!r}, {label!r})\n"
            f'model = ws.train(ws.snapshot(task), hg.Recipe("auto"), {_task_name(label)!r})'
        ),
    )


ROUTES = (
    Route("/ingest", drop, Permission.BUILD, shape=Shape.PAGE),
    Route("/ingest", receive, Permission.BUILD, methods=("POST",), shape=Shape.PAGE, form=True, max_body=MAX_BYTES),
    Route(
        "/ingest/paste",
        paste,
        Permission.BUILD,
        methods=("POST",),
        shape=Shape.PAGE,
        form=True,
        max_body=pasted.MAX_BYTES,
    ),
    Route("/ingest/example", example, Permission.BUILD, methods=("POST",), shape=Shape.PAGE, form=True),
    Route("/ingest/{upload_id}", look, Permission.BUILD, shape=Shape.PAGE),
    Route("/ingest/{upload_id}/advice", advise, Permission.BUILD, shape=Shape.PAGE),
    Route("/ingest/{upload_id}", start, Permission.BUILD, methods=("POST",), shape=Shape.PAGE, form=True),
)
