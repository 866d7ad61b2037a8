"""Documents with the answers of one or two models of objects beside what is true of them, for pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from homegrown.errors import HomegrownError
from homegrown.evaluate.object_document import SCHEMA
from homegrown.studio.field_form import TYPES
from homegrown.studio.view import Figure

if TYPE_CHECKING:
    from homegrown.core.models import ModelVersion
    from homegrown.evaluate.object_errors import DocumentShown, Piece
    from homegrown.workspace import Workspace

SHOWN_PAIRS = 15


@dataclass(frozen=True, kw_only=True)
class FieldLine:
    """One field of an answer that is an object; `wrong` says in words what the wrong answers are."""

    name: str
    type: str
    right: Figure
    exact: float
    found: str
    trusted: str
    wrong: tuple[str, ...]
    sure: float
    spans: str
    in_part: str


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a model answers for a field: `state` is right, wrong, missed, invented or unknown."""

    words: str
    prob: float
    state: str


@dataclass(frozen=True, kw_only=True)
class Told:
    """A field of a document: what is true of it, and what each of the models answers."""

    name: str
    truth: str
    said: tuple[Said, ...]


@dataclass(frozen=True, kw_only=True)
class Document:
    """A document; `change` says whether the first of two models does better or worse on it."""

    record_id: str
    pieces: tuple[Piece, ...]
    fields: tuple[Told, ...]
    change: str = ""


def field_lines(result: dict[str, Any]) -> tuple[FieldLine, ...]:
    """The fields of an evaluation, as the report lists them."""
    found = []
    for f in result.get("fields", ()) if result.get("schema") == SCHEMA else ():
        low, high = f["normalised_ci95"]
        told = ((f["invented"], "invented"), (f["missed"], "missed"), (f["wrong"], "something else"))
        spans = f["spans"]
        found.append(
            FieldLine(
                name=f["name"],
                type=dict(TYPES).get(f["type"]) or f["type"],
                right=Figure(value=f["normalised"], low=low, high=high, n=f["n"]),
                exact=f["exact"],
                found=f"{f['recall']:.1%} of {f['n_there']:,}" if f["n_there"] else "–",
                trusted=f"{f['precision']:.1%} of {f['n_answered']:,}" if f["n_answered"] else "–",
                wrong=tuple(f"{n:,} {word}" for n, word in told if n),
                sure=f["mean_prob"],
                spans=f"{spans['exact_f1']:.1%}" if spans else "",
                in_part=f"{spans['partial_f1']:.1%}" if spans else "",
            )
        )
    return tuple(found)


def wrong_documents(ws: Workspace, result: dict[str, Any]) -> tuple[Document, ...]:
    """The documents of an evaluation with its surest errors; none where its model cannot be asked."""
    if result.get("schema") != SCHEMA:
        return ()
    try:
        shown = ws.errors_shown(result)
    except HomegrownError:
        return ()
    return tuple(_joined([one]) for one in shown if one.pieces)


def changed_documents(
    ws: Workspace, first: ModelVersion, second: ModelVersion, differ: list[dict[str, Any]]
) -> tuple[Document, ...]:
    """Documents on which two models differ, as ``Workspace.compare`` names them; both marked in their texts."""
    wanted = differ[:SHOWN_PAIRS]
    ids = [d["record_id"] for d in wanted]
    mine, theirs = ws.documents_shown([first, second], ids)
    return tuple(_joined([a, b], d["change"]) for a, b, d in zip(mine, theirs, wanted, strict=True) if a.pieces)


def _joined(shown: list[DocumentShown], change: str = "") -> Document:
    rows = zip(*(one.fields for one in shown), strict=True)
    return Document(
        record_id=shown[0].record_id,
        pieces=shown[0].pieces,
        fields=tuple(
            Told(
                name=same[0].name,
                truth=same[0].truth,
                said=tuple(Said(words=f.said, prob=f.prob, state=f.state) for f in same),
            )
            for same in rows
        ),
        change=change,
    )
