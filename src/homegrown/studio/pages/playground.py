"""The playground: ask a model, see what it learned that from, and say what it should have been."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from starlette.responses import Response

from homegrown.core.access import Permission
from homegrown.errors import HomegrownError
from homegrown.evaluate.object_errors import in_words
from homegrown.studio import scores, search, words
from homegrown.studio.answer import asked, part, show
from homegrown.studio.marked_text import Piece, pieces
from homegrown.studio.pages.label import said_of, vote_done
from homegrown.studio.view import AsCode, Done
from homegrown.web import Route, Shape

if TYPE_CHECKING:
    import numpy as np

    from homegrown.core.models import ModelVersion
    from homegrown.web import Call
    from homegrown.workspace import Workspace

MOST_CHARS = 20_000
EXAMPLE = "Where is my card? It has been two weeks."
_NEIGHBOURS = 5


@dataclass(frozen=True, kw_only=True)
class ModelChoice:
    """A version that can be asked."""

    model_id: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Prob:
    """A class and its probability."""

    label: str
    prob: float


@dataclass(frozen=True, kw_only=True)
class Neighbour:
    """A record near the text, with its label."""

    record_id: str
    text: str
    label: str
    near: float


@dataclass(frozen=True, kw_only=True)
class FieldSaid:
    """One field of an answer that is an object: what it holds, how sure that is, and the words that say so."""

    name: str
    says: str
    prob: float
    evidence: str


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the model says, why one might believe it, and the classes that it could have been; or the fields."""

    task: str
    label: str
    is_none: bool
    probs: tuple[Prob, ...]
    how: str
    neighbours: tuple[Neighbour, ...]
    neighbours_note: str
    model_id: str = ""
    text: str = ""
    classes: tuple[str, ...] = ()
    takes_many: bool = False
    said: str = ""
    problem: str = ""
    fields: tuple[FieldSaid, ...] = ()
    pieces: tuple[Piece, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A text to try, from the records."""

    name: str
    href: str


@dataclass(frozen=True, kw_only=True)
class PlaygroundPage:
    """Ask a model."""

    template: ClassVar[str] = "serve/playground.html"
    models: tuple[ModelChoice, ...]
    model_id: str
    text: str
    example: str
    samples: tuple[Sample, ...]
    done: Done | None
    answer: Answer | None
    as_code: AsCode


@dataclass(frozen=True, kw_only=True)
class AnswerPart:
    """The answer alone."""

    template: ClassVar[str] = "serve/_answer.html"
    answer: Answer | None


def playground(call: Call) -> Response:
    """``GET /serve/playground``."""
    ws = call.ws
    versions = ws.store.models.versions()[:50]
    wanted, text = asked(call, "model"), asked(call, "text")[:MOST_CHARS]
    chosen = next((v for v in versions if v.version_id == wanted), None) or _served_or_newest(ws, versions)
    model_id, name = (chosen.version_id, chosen.model_name) if chosen else ("", "NAME")
    page = PlaygroundPage(
        models=tuple(ModelChoice(model_id=v.version_id, name=scores.title(v)) for v in versions),
        model_id=model_id,
        text=text,
        example=EXAMPLE,
        samples=_samples(ws, model_id) if chosen else (),
        done=vote_done(ws, asked(call, "voted"), call.actor),
        answer=_answer(ws, model_id, text) if chosen and text.strip() else None,
        as_code=AsCode(
            cli=f"homegrown predict {name} {words.shell(text or EXAMPLE)}",
            python=f"ws.predict({name!r}, [{(text or EXAMPLE)!r}])",
            sql=f"select predict('{name}', text) as answer, text from records limit 20",
        ),
    )
    return show(call, page)


def _served_or_newest(ws: Workspace, versions: list[ModelVersion]) -> ModelVersion | None:
    live = {e.version_id for e in ws.store.endpoints.list()}
    return next((v for v in versions if v.version_id in live), versions[0] if versions else None)


def _samples(ws: Workspace, model_id: str) -> tuple[Sample, ...]:
    texts = [record.text for record in search.page(ws).records]
    short = [t for t in texts if 15 <= len(t) <= 70][:3]
    return tuple(Sample(name=t, href="/serve/playground?" + words.query_string(model=model_id, text=t)) for t in short)


def answer(call: Call) -> Response:
    """``GET /serve/playground/answer``: the answer alone, while somebody types."""
    text = asked(call, "text")[:MOST_CHARS]
    found = _answer(call.ws, asked(call, "model"), text) if text.strip() else None
    return part(call, AnswerPart.template, AnswerPart(answer=found))


def _answer(ws: Workspace, model_id: str, text: str) -> Answer:
    try:
        version = ws.store.models.version(model_id)
        if version.is_object:
            return _object(ws, version, text)
        predictor = ws.predictor(version)
    except HomegrownError as error:
        return Answer(task="", label="", is_none=False, probs=(), how="", neighbours=(), neighbours_note="",
                      problem=error.message)  # fmt: skip
    started = time.perf_counter()
    found = predictor.predict([text])
    seconds = time.perf_counter() - started
    row = found.probs[0]
    order = row.argsort()[::-1]
    neighbours, note = _neighbours(ws, version, text)
    return Answer(
        task=version.model_name,
        label=_label(version, row, order),
        is_none=bool(found.in_scope[0] < predictor.threshold),
        probs=tuple(Prob(label=version.class_names[int(i)], prob=float(row[i])) for i in order[:5]),
        how=f"Answered by the rung {version.recipe} ({scores.title(version)}) in {words.duration(seconds)}",
        neighbours=neighbours,
        neighbours_note=note,
        model_id=version.version_id,
        text=text,
        classes=tuple(version.class_names[int(i)] for i in order),
        takes_many=version.multi,
        said=said_of(ws, version.task_id, text),
    )


def _object(ws: Workspace, version: ModelVersion, text: str) -> Answer:
    started = time.perf_counter()
    (said,) = ws.predict(version, [text])
    seconds = time.perf_counter() - started
    rows = tuple(
        FieldSaid(
            name=name, says=in_words(said["document"][name]), prob=found["prob"],
            evidence=" … ".join(text[start:end] for start, end in found["spans"]),
        )
        for name, found in said["fields"].items()
    )  # fmt: skip
    marks = [(name, start, end) for name, found in said["fields"].items() for start, end in found["spans"]]
    return Answer(
        task=version.model_name, label="", is_none=False, probs=(), neighbours=(), neighbours_note="", fields=rows,
        pieces=pieces(text, marks) if marks else (),
        how=f"Answered by the recipe {version.recipe} ({scores.title(version)}) in {words.duration(seconds)}",
    )  # fmt: skip


def _label(version: ModelVersion, row: np.ndarray, order: np.ndarray) -> str:
    if version.multi:
        return ", ".join(version.class_names[int(i)] for i in order[:5] if row[i] >= 0.5)
    return version.class_names[int(order[0])]


def _neighbours(ws: Workspace, version: ModelVersion, text: str) -> tuple[tuple[Neighbour, ...], str]:
    """The nearest of the records that the version learned from, with their labels as they stand now."""
    found = search.page(ws, text=text, by="meaning")
    ids = [r.record_id for r in found.records]
    splits = ws.store.snapshots.splits(version.snapshot_id, ids)
    labels = search.labels(ws, [i for i in ids if splits.get(i) in ("train", "valid")], version.task_id)
    near = [(r, score) for r, score in zip(found.records, found.scores, strict=True) if r.record_id in labels]
    rows = tuple(
        Neighbour(record_id=r.record_id, text=r.text[:300], label=labels[r.record_id], near=score)
        for r, score in near[:_NEIGHBOURS]
    )
    return rows, "" if rows else found.note or "No record that it learned from is near."


ROUTES: tuple[Route, ...] = (
    Route("/serve/playground", playground, Permission.READ, shape=Shape.PAGE),
    Route("/serve/playground/answer", answer, Permission.READ, shape=Shape.PAGE),
)
