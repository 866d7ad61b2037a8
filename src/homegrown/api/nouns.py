"""Reading the nouns: records, models, evaluations; submitting and watching jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from homegrown.api import schemas as s
from homegrown.core.access import Permission
from homegrown.errors import InputError, NotFoundError
from homegrown.jobs import Job, JobQueue
from homegrown.web.answers import json_response
from homegrown.web.route import Route
from homegrown.workspace.verbs import check_arguments

if TYPE_CHECKING:
    from starlette.responses import Response

    from homegrown.core.models import ModelVersion
    from homegrown.core.records import Record
    from homegrown.web.call import Call

JOB_VERBS = ("discover", "embed", "evaluate", "issues", "model_votes", "retrain", "rules", "teach", "train")
"""Verbs that name nothing but ids. What names a file is for the terminal, and for uploads through the studio."""


class Me(msgspec.Struct):
    """Who the credentials belong to."""

    actor_id: str
    kind: str
    name: str
    role: str


async def me(call: Call) -> Response:
    """Who asks."""
    actor = call.actor
    return json_response(Me(actor.actor_id, actor.kind, actor.name, actor.role.value))


def _record(record: Record) -> s.RecordOut:
    return s.RecordOut(record.record_id, record.text, record.fields, record.source)


def records(call: Call) -> Response:
    """A page of records."""
    query: s.RecordsQuery = call.query
    page = call.ws.store.records.page(query.cursor, query.limit, source=query.source)
    return json_response(s.RecordsOut([_record(r) for r in page.records], page.next_cursor, page.previous_cursor))


def record(call: Call) -> Response:
    """One record."""
    found = call.ws.store.records.get([call.path["record_id"]])
    if not found:
        raise NotFoundError("There is no such record.")
    return json_response(_record(found[0]))


def _model(version: ModelVersion) -> s.ModelOut:
    return s.ModelOut(
        version.version_id, version.model_name, version.number, version.recipe, version.task_id, version.snapshot_id,
        version.run_id, list(version.class_names), version.multi,
    )  # fmt: skip


def models(call: Call) -> Response:
    """Model versions, newest first."""
    return json_response(s.ModelsOut([_model(v) for v in call.ws.store.models.versions()[: call.query.limit]]))


def model(call: Call) -> Response:
    """One model version."""
    return json_response(_model(call.ws.store.models.version(call.path["reference"])))


def evaluations(call: Call) -> Response:
    """Evaluations of a model version."""
    version = call.ws.store.models.version(call.path["reference"])
    fields = s.EvaluationOut.__struct_fields__
    rows = call.ws.store.models.evaluations(version.version_id)
    return json_response(s.EvaluationsOut([s.EvaluationOut(**{f: row[f] for f in fields}) for row in rows]))


def _job(job: Job) -> s.JobOut:
    return s.JobOut(
        job.job_id, job.verb, job.status, job.progress, job.result, job.error, job.created_at, job.started_at,
        job.ended_at,
    )  # fmt: skip


def jobs(call: Call) -> Response:
    """Jobs, newest first."""
    return json_response(s.JobsOut([_job(j) for j in JobQueue(call.ws.store.db).list(call.query.limit)]))


def job(call: Call) -> Response:
    """One job."""
    return json_response(_job(JobQueue(call.ws.store.db).get(call.path["job_id"])))


def submit_job(call: Call) -> Response:
    """Queue a job; when this answers it is durable."""
    body: s.JobBody = call.body
    if body.verb not in JOB_VERBS:
        raise InputError(f"Jobs that can be submitted here: {', '.join(JOB_VERBS)}.")
    check_arguments(body.verb, body.arguments)
    queue = JobQueue(call.ws.store.db)
    return json_response(_job(queue.get(queue.submit(call.actor, body.verb, body.arguments, key=call.idempotency_key))))


def cancel_job(call: Call) -> Response:
    """Ask a job to stop."""
    queue = JobQueue(call.ws.store.db)
    queue.cancel(call.actor, call.path["job_id"])
    return json_response(_job(queue.get(call.path["job_id"])))


ROUTES = (
    Route("/api/v1/me", me, Permission.PUBLIC, answer=Me, summary="Who these credentials are."),
    Route(
        "/api/v1/records", records, Permission.READ, query=s.RecordsQuery, answer=s.RecordsOut,
        summary="A page of records.",
    ),
    Route("/api/v1/records/{record_id}", record, Permission.READ, answer=s.RecordOut, summary="One record."),
    Route(
        "/api/v1/models", models, Permission.READ, query=s.ListQuery, answer=s.ModelsOut,
        summary="Model versions, newest first.",
    ),
    Route("/api/v1/models/{reference}", model, Permission.READ, answer=s.ModelOut, summary="One model version."),
    Route(
        "/api/v1/models/{reference}/evaluations", evaluations, Permission.READ, answer=s.EvaluationsOut,
        summary="How good a model version was measured to be.",
    ),
    Route("/api/v1/jobs", jobs, Permission.READ, query=s.ListQuery, answer=s.JobsOut, summary="Jobs, newest first."),
    Route(
        "/api/v1/jobs", submit_job, Permission.BUILD, methods=("POST",), body=s.JobBody, answer=s.JobOut,
        summary=f"Queue a job: {', '.join(JOB_VERBS[:-1])} or {JOB_VERBS[-1]}.",
    ),
    Route("/api/v1/jobs/{job_id}", job, Permission.READ, answer=s.JobOut, summary="One job with its progress."),
    Route(
        "/api/v1/jobs/{job_id}/cancel", cancel_job, Permission.BUILD, methods=("POST",), answer=s.JobOut,
        summary="Ask a job to stop at its next checkpoint.",
    ),
)  # fmt: skip
