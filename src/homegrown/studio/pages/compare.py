"""Evaluate: two models on the same records, and the report of one as a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from starlette.responses import Response

from homegrown.core.access import Permission
from homegrown.errors import InputError, NotFoundError
from homegrown.studio import scores, words
from homegrown.studio.answer import show
from homegrown.studio.documents import Document, changed_documents
from homegrown.studio.view import AsCode, Figure
from homegrown.web import Route, Shape

if TYPE_CHECKING:
    from homegrown.core.models import ModelVersion
    from homegrown.web import Call
    from homegrown.workspace import Workspace

_NONE = "none of these"


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the two; right alone on `n_wins` records."""

    name: str
    href: str
    accuracy: Figure
    n_wins: int


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A record that the two answer differently."""

    record_id: str
    text: str
    actual: str
    first: str
    second: str


@dataclass(frozen=True, kw_only=True)
class ClassGap:
    """How much of a class each of the two finds; of objects, how often each is right on a field."""

    name: str
    n: int
    first: float
    second: float
    verdict: str = ""


@dataclass(frozen=True, kw_only=True)
class ComparePage:
    """Two models; `problem` says why they cannot be compared. Of objects `changed` are documents, not `differences`."""

    template: ClassVar[str] = "evaluate/compare.html"
    problem: str
    verdict: str
    reason: str
    sides: tuple[Side, ...]
    floor: float
    classes: tuple[ClassGap, ...]
    differences: tuple[Difference, ...]
    as_code: AsCode
    by_field: bool = False
    changed: tuple[Document, ...] = ()
    changed_note: str = ""


def compare(call: Call) -> Response:
    """``GET /evaluate/compare?model=…&model=…``."""
    wanted = call.request.query_params.getlist("model")
    if len(wanted) != 2:
        return show(call, _refused("Two models are compared at a time: tick two."))
    first, second = (call.ws.store.models.version(reference) for reference in wanted)
    try:
        found = call.ws.compare(first, second)
    except InputError as error:
        return show(call, _refused(error.message), 422)
    return show(call, _page(call.ws, first, second, found))


def _refused(problem: str) -> ComparePage:
    code = AsCode(cli="homegrown evaluate NAME@2 --compare NAME@1", python='ws.compare("NAME@2", "NAME@1")')
    return ComparePage(problem=problem, verdict="", reason="", sides=(), floor=0.0, classes=(), differences=(),
                       as_code=code)  # fmt: skip


def _page(ws: Workspace, first: ModelVersion, second: ModelVersion, found: dict[str, Any]) -> ComparePage:
    opponent = found["opponent"]
    ours = scores.share(opponent["accuracy"] + opponent["difference"], opponent["n"])
    theirs = scores.figure(opponent)
    is_object = first.is_object
    texts = {} if is_object else ws.store.records.texts([row["record_id"] for row in found["differ"]])
    left_out = found["n_left_out"]
    names = [f"{v.model_name}@{v.number}" for v in (first, second)]
    low = min(ours.low, theirs.low)
    return ComparePage(
        problem="",
        verdict=found["sentence"],
        reason=f"{words.plural(opponent['n'], 'record')} of the test were asked of both"
        + (f"; {left_out:,} were left out, because the second learned from them." if left_out else "."),
        sides=(
            Side(name=scores.title(first), href=f"/evaluate/{first.version_id}", accuracy=ours,
                 n_wins=opponent["n_only_ours"]),
            Side(name=scores.title(second), href=f"/evaluate/{second.version_id}", accuracy=theirs,
                 n_wins=opponent["n_only_theirs"]),
        ),
        floor=max(0.0, int(20 * low) / 20 - 0.05),
        classes=_fields(opponent) if is_object else tuple(
            ClassGap(name=c["name"], n=c["n"], first=c["recall"], second=c["recall_other"])
            for c in found["classes"]
            if c["recall"] != c["recall_other"]
        ),
        differences=tuple(
            Difference(record_id=row["record_id"], text=texts[row["record_id"]][:400],
                       actual=", ".join(row["truth"]) or _NONE, first=", ".join(row["ours"]) or _NONE,
                       second=", ".join(row["theirs"]) or _NONE)
            for row in (() if is_object else found["differ"])
            if row["record_id"] in texts
        ),
        as_code=AsCode(
            cli=f"homegrown evaluate {names[0]} --compare {names[1]}",
            python=f'ws.compare("{names[0]}", "{names[1]}")',
        ),
        by_field=is_object,
        changed=changed_documents(ws, first, second, found["differ"]) if is_object else (),
        changed_note=f"{scores.title(first)} does better on {words.plural(found['n_better'], 'document')} and worse on "
        f"{found['n_worse']:,}." if is_object else "",
    )  # fmt: skip


def _fields(opponent: dict[str, Any]) -> tuple[ClassGap, ...]:
    told = {"better": "better", "worse": "worse", "undecided": "could be chance"}
    return tuple(
        ClassGap(name=f["name"], n=f["n"], first=f["ours"], second=f["theirs"], verdict=told[f["verdict"]])
        for f in opponent["fields"]
    )


def download(call: Call) -> Response:
    """``GET /evaluate/{model_id}/report.html``: the report as one file without script, to send to somebody."""
    version = call.ws.store.models.version(call.path["model_id"])
    rows = call.ws.store.models.evaluations(version.version_id, "test")
    if not rows:
        raise NotFoundError(f"{scores.title(version)} was not measured yet, so there is no report of it.")
    path = call.ws.write_report({**rows[0]["result"], "evaluation_id": rows[0]["evaluation_id"]})
    name = "".join(c if c.isascii() and c.isalnum() else "-" for c in scores.title(version))
    headers = {
        "Content-Security-Policy": "sandbox",
        "Content-Disposition": f'attachment; filename="report-{name}.html"',
    }
    return Response(path.read_bytes(), media_type="text/html", headers=headers)


ROUTES = (
    Route("/evaluate/compare", compare, Permission.READ, shape=Shape.PAGE),
    Route("/evaluate/{model_id}/report.html", download, Permission.READ, shape=Shape.PAGE),
)
