"""What the API takes and gives. Field names are the glossary's; times are ISO 8601 in UTC."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=1_000_000)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Limit = Annotated[int, msgspec.Meta(ge=1, le=1000)]
Top = Annotated[int, msgspec.Meta(ge=1, le=20)]


class Strict(msgspec.Struct, forbid_unknown_fields=True):
    """A request's body: an unknown field is a mistake, and said so."""


class PredictBody(Strict):
    """One text or a list of them."""

    text: Text | Annotated[list[Text], msgspec.Meta(min_length=1, max_length=1000)]
    top: Top = 1


class ClassProb(msgspec.Struct):
    """A class with its calibrated probability."""

    label: str
    prob: float


class FieldOut(msgspec.Struct):
    """How sure a model is of one field, and where in the text its evidence stands: code points, the end exclusive."""

    prob: float
    spans: list[tuple[int, int]]


class AnswerOut(msgspec.Struct, omit_defaults=True):
    """The answer for one text; ``label`` is null for none of these.

    An answer that is an object has ``document``, by the task's JSON Schema, and ``fields``; it has no label.
    """

    trace_id: str
    label: str | None
    prob: float
    in_scope: float
    top: list[ClassProb]
    labels: list[str] | None = None
    document: dict[str, Any] | None = None
    fields: dict[str, FieldOut] | None = None


class PredictOut(msgspec.Struct):
    """Answers in the order of the texts, all of one version."""

    endpoint: str
    model: str
    version_id: str
    answers: list[AnswerOut]


class EndpointOut(msgspec.Struct):
    """An endpoint and what answers behind it now; ``problem`` says why its deployed version does not."""

    name: str
    model: str
    version_id: str
    deployed_at: str
    keep_text: bool
    classes: list[str]
    problem: str | None = None


class EndpointsOut(msgspec.Struct):
    """All endpoints."""

    endpoints: list[EndpointOut]


class DeployBody(Strict):
    """Which model shall answer: ``name``, ``name@number``, ``name@alias`` or a version id."""

    model: Name
    keep_text: bool | None = None


class TraceOut(msgspec.Struct):
    """One answered text; ``text`` only if the endpoint keeps texts."""

    trace_id: str
    version_id: str | None
    actor_id: str
    route: str
    status: int
    text: str | None
    answer: Any
    prob: float | None
    latency_s: float
    created_at: str


class TracesOut(msgspec.Struct):
    """The newest traces first."""

    traces: list[TraceOut]


class ModelOut(msgspec.Struct):
    """A model version."""

    version_id: str
    model: str
    number: int
    recipe: str
    task_id: str
    snapshot_id: str
    run_id: str
    classes: list[str]
    multi: bool


class ModelsOut(msgspec.Struct):
    """Versions, newest first."""

    models: list[ModelOut]


class EvaluationOut(msgspec.Struct):
    """A measured result, with n and its interval inside ``result``."""

    evaluation_id: str
    version_id: str
    snapshot_id: str
    split: str
    result: Any
    created_at: str


class EvaluationsOut(msgspec.Struct):
    """Evaluations, newest first."""

    evaluations: list[EvaluationOut]


class RecordOut(msgspec.Struct):
    """A record."""

    record_id: str
    text: str
    fields: Any
    source: str


class RecordsOut(msgspec.Struct):
    """A page of records; pass a cursor back for the next or the previous one."""

    records: list[RecordOut]
    next_cursor: str | None
    previous_cursor: str | None


class RecordsQuery(msgspec.Struct):
    """Which page of records."""

    limit: Limit = 50
    cursor: Annotated[str, msgspec.Meta(max_length=40)] | None = None
    source: Name | None = None


class ListQuery(msgspec.Struct):
    """How many, newest first."""

    limit: Limit = 100


class JobBody(Strict):
    """A verb that may be queued, and its arguments."""

    """A verb and its arguments; the refusal of an unknown one names those there are."""

    verb: Name
    arguments: dict[str, Any] = {}


class JobOut(msgspec.Struct):
    """A piece of work with its progress."""

    job_id: str
    verb: str
    status: str
    progress: Any
    result: Any
    error: str | None
    created_at: str
    started_at: str | None
    ended_at: str | None


class JobsOut(msgspec.Struct):
    """Jobs, newest first."""

    jobs: list[JobOut]


class FeedbackBody(Strict):
    """What was right: the label that the answer should have been, null for none of these; or of an object the document.

    A field that the document leaves out is not judged; null says that it is not there.
    """

    label: Name | msgspec.UnsetType | None = msgspec.UNSET
    document: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET


class FeedbackOut(msgspec.Struct):
    """It is kept, and the vote that it became; ``note`` says why it became none."""

    id: str
    vote_id: str | None = None
    record_id: str | None = None
    note: str | None = None


class Done(msgspec.Struct):
    """It is done, and durable."""

    id: str


class Health(msgspec.Struct):
    """Whether canaries were answered, by endpoint; what the gateway, and the disk, have to say."""

    status: str
    endpoints: dict[str, str]
    problems: dict[str, str]
    gateway: dict[str, str] = msgspec.field(default_factory=dict)
    disk: str = ""
