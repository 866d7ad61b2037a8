"""The verdict on a model that answered live calls silently, and the calls that people must judge, as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from homegrown.api import schemas as s
from homegrown.core.access import Permission
from homegrown.evaluate.verdict import MARGIN
from homegrown.web.answers import json_response
from homegrown.web.route import Route

if TYPE_CHECKING:
    from starlette.responses import Response

    from homegrown.web.call import Call
    from homegrown.workspace.exams import GoldSample

Share = Annotated[float, msgspec.Meta(gt=0, lt=1)]


class VerdictPart(msgspec.Struct):
    """The verdict on all calls, or on one slice of them."""

    where: str
    field: str | None
    value: str | None
    verdict: str
    n_more: int | None
    n: int
    difference: float
    interval: tuple[float, float]


class FieldVerdictOut(msgspec.Struct):
    """The verdict on one field of documents."""

    field: str
    verdict: str
    against: str
    sentence: str
    n: int
    n_differ: int
    n_more: int | None
    agreement: float
    agreement_ci95: tuple[float, float]
    difference: float
    interval: tuple[float, float]
    not_told: list[str]
    student_accuracy: float | None = None
    student_accuracy_ci95: tuple[float, float] | None = None
    incumbent_accuracy: float | None = None
    incumbent_accuracy_ci95: tuple[float, float] | None = None


class VerdictOut(msgspec.Struct):
    """May the model take the upstream's place? See docs/verdict.md."""

    verdict: Literal["SWITCH", "KEEP", "NEED"]
    sentence: str
    n_more: int | None
    margin: float
    level: float
    against: str
    n: int
    n_differ: int
    agreement: float
    agreement_ci95: tuple[float, float]
    overall: VerdictPart
    slices: list[VerdictPart]
    reasons: list[str]
    not_told: list[str]
    n_unused: int
    student_accuracy: float | None = None
    student_accuracy_ci95: tuple[float, float] | None = None
    incumbent_accuracy: float | None = None
    incumbent_accuracy_ci95: tuple[float, float] | None = None
    fields: list[FieldVerdictOut] = msgspec.field(default_factory=list)


class VerdictQuery(msgspec.Struct):
    """The loss that is borne, and the tag to slice by."""

    margin: Share = MARGIN
    slice_by: s.Name | None = None


class DrawBody(s.Strict):
    """How many texts people shall answer."""

    n: Annotated[int, msgspec.Meta(ge=1, le=2000)] = 50


class SampleOut(msgspec.Struct):
    """How far people are with the calls that were drawn for them; `selection` names their records."""

    version_id: str
    model: str
    task_id: str
    selection: str
    n_calls: int
    n_judged: int
    n_drawn: int
    n_open: int
    n_waiting: int
    n_left: int
    sentence: str


def _sample(found: GoldSample) -> SampleOut:
    return msgspec.convert(asdict(found), SampleOut)


def verdict(call: Call) -> Response:
    """Switch, keep, or how many more."""
    q: VerdictQuery = call.query
    found = call.ws.verdict(call.path["model"], margin=q.margin, slice_by=[q.slice_by] if q.slice_by else [])
    return json_response(msgspec.convert(found, VerdictOut))


def sample(call: Call) -> Response:
    """How far people are."""
    return json_response(_sample(call.ws.gold_sample(call.path["model"])))


def draw(call: Call) -> Response:
    """Draw more for them."""
    return json_response(_sample(call.ws.draw_gold(call.path["model"], call.body.n)))


_VERDICT = "/api/v1/gateway/verdicts/{model}"

ROUTES = (
    Route(
        _VERDICT, verdict, Permission.READ, query=VerdictQuery, answer=VerdictOut,
        summary="Whether a model that answered silently may take the upstream's place.",
    ),
    Route(
        f"{_VERDICT}/gold-sample", sample, Permission.READ, answer=SampleOut,
        summary="How far people are with the calls that were drawn for them.",
    ),
    Route(
        f"{_VERDICT}/gold-sample", draw, Permission.BUILD, methods=("POST",), body=DrawBody, answer=SampleOut,
        summary="Draw calls on which people shall say who is right.",
    ),
)  # fmt: skip
