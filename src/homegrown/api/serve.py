"""Endpoints: predict, deploy, traces, feedback; health and metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from starlette.responses import Response

from homegrown.api import schemas as s
from homegrown.core.access import Permission
from homegrown.errors import InputError
from homegrown.web.answers import json_response
from homegrown.web.route import Route

if TYPE_CHECKING:
    from homegrown.core.models import ModelVersion
    from homegrown.serve import Engine
    from homegrown.serve.engine import Live
    from homegrown.web.call import Call
    from homegrown.workspace.labelling import Taught

PREDICT = "/api/v1/endpoints/{name}/predict"


def title(version: ModelVersion) -> str:
    """``name@number``, by which people call a version."""
    return f"{version.model_name}@{version.number}"


async def predict(call: Call) -> Response:
    """The hot path: no thread, no wait but the model's own."""
    engine: Engine = call.part("engine")
    body: s.PredictBody = call.body
    texts = [body.text] if isinstance(body.text, str) else body.text
    name = call.path["name"]
    served = await engine.answer(name, texts, call.actor, PREDICT)
    said = [
        s.AnswerOut(
            trace_id,
            a.label,
            a.prob,
            a.in_scope,
            [s.ClassProb(label, prob) for label, prob in a.top[: body.top]],
            None if a.labels is None else list(a.labels),
            a.document,
            None if a.fields is None else {n: s.FieldOut(f["prob"], f["spans"]) for n, f in a.fields.items()},
        )
        for trace_id, a in zip(served.trace_ids, served.answers, strict=True)
    ]
    return json_response(s.PredictOut(name, title(served.version), served.version.version_id, said))


def _endpoint(live: Live) -> s.EndpointOut:
    e = live.endpoint
    return s.EndpointOut(
        e.name, title(live.version), live.version.version_id, e.deployed_at, e.keep_text,
        list(live.version.class_names), live.problem,
    )  # fmt: skip


def _deployed(call: Call, name: str) -> s.EndpointOut:
    """An endpoint as the running server serves it; as the database has it while it is not loaded."""
    engine: Engine = call.part("engine")
    endpoint = call.ws.store.endpoints.get(name)
    live = engine.live.get(name)
    if live is not None and live.endpoint == endpoint:
        return _endpoint(live)
    version = call.ws.store.models.version(endpoint.version_id)
    return s.EndpointOut(
        name, title(version), version.version_id, endpoint.deployed_at, endpoint.keep_text,
        list(version.class_names), engine.problems.get(name, "It is loading."),
    )  # fmt: skip


def list_endpoints(call: Call) -> Response:
    """All endpoints."""
    found = [_deployed(call, e.name) for e in call.ws.store.endpoints.list()]
    return json_response(s.EndpointsOut(found))


def get_endpoint(call: Call) -> Response:
    """One endpoint."""
    return json_response(_deployed(call, call.path["name"]))


def deploy(call: Call) -> Response:
    """Let a model answer for an endpoint, created if need be."""
    name: str = call.path["name"]
    if len(name) > 200 or not name.isprintable():
        raise InputError("An endpoint's name has 1 to 200 printable characters.")
    body: s.DeployBody = call.body
    call.ws.deploy(body.model, name, keep_text=body.keep_text)
    call.part("engine").look()
    return json_response(_deployed(call, name))


def traces(call: Call) -> Response:
    """The newest traces of an endpoint."""
    store = call.ws.store
    endpoint = store.endpoints.get(call.path["name"])
    rows = store.endpoints.traces(endpoint.endpoint_id, call.query.limit)
    fields = s.TraceOut.__struct_fields__
    return json_response(s.TracesOut([s.TraceOut(**{f: row[f] for f in fields}) for row in rows]))


def feedback(call: Call) -> Response:
    """Say what an answer should have been."""
    feedback_id, learnt = _told(call, call.body, call.path["trace_id"])
    if isinstance(learnt, str):
        return json_response(s.FeedbackOut(feedback_id, note=learnt))
    return json_response(s.FeedbackOut(feedback_id, learnt.vote_id, learnt.record_id))


def _told(call: Call, body: s.FeedbackBody, trace_id: str) -> tuple[str, Taught | str]:
    label, document, endpoints = body.label, body.document, call.ws.store.endpoints
    if isinstance(document, msgspec.UnsetType) and not isinstance(label, msgspec.UnsetType):
        feedback_id = endpoints.add_feedback(call.actor, trace_id, {"label": label}, key=call.idempotency_key)
        return feedback_id, call.ws.learn_from_feedback(trace_id, label)
    if isinstance(label, msgspec.UnsetType) and not isinstance(document, msgspec.UnsetType):
        # A document quotes its text: where that is not kept, neither is what somebody read out of it.
        is_kept = endpoints.trace(trace_id)["text"] is not None
        kept = {"document": document} if is_kept else {"fields": sorted(document)}
        feedback_id = endpoints.add_feedback(call.actor, trace_id, kept, key=call.idempotency_key)
        return feedback_id, call.ws.learn_from_document(trace_id, document)
    raise InputError('Say what was right: {"label": …}, or of an object {"document": {…}}.')


async def healthz(call: Call) -> Response:
    """200 only if every endpoint just answered a canary through its own queue."""
    engine: Engine = call.part("engine")
    state = await engine.canary()
    good = all(v == "ok" for v in state.values())
    # The public page names no endpoint to whoever has no key.
    shown = state if call.visitor else {}
    problems = engine.problems if call.visitor else {}
    gateway = call.part("gateway").health() if call.visitor else {}
    disk = call.part("reserve").problem if call.visitor else ""
    return json_response(s.Health("ok" if good else "failing", shown, problems, gateway, disk), 200 if good else 503)


async def metrics(call: Call) -> Response:
    """Prometheus' page."""
    text = call.part("engine").meters.text() + call.part("gateway").meters.text()
    return Response(text, media_type="text/plain; version=0.0.4")


HOT = (
    Route(
        PREDICT, predict, Permission.CALL, methods=("POST",), body=s.PredictBody, answer=s.PredictOut,
        max_body=4 << 20, summary="Answer one text or a list of texts.",
    ),
)  # fmt: skip
ROUTES = (
    Route("/api/v1/endpoints", list_endpoints, Permission.READ, answer=s.EndpointsOut, summary="All endpoints."),
    Route("/api/v1/endpoints/{name}", get_endpoint, Permission.READ, answer=s.EndpointOut, summary="One endpoint."),
    Route(
        "/api/v1/endpoints/{name}/deploy", deploy, Permission.BUILD, methods=("POST",), body=s.DeployBody,
        answer=s.EndpointOut, summary="Let a model answer for an endpoint, created if need be.",
    ),
    Route(
        "/api/v1/endpoints/{name}/traces", traces, Permission.READ, query=s.ListQuery, answer=s.TracesOut,
        summary="The newest traces of an endpoint.",
    ),
    Route(
        "/api/v1/traces/{trace_id}/feedback", feedback, Permission.CALL, methods=("POST",), body=s.FeedbackBody,
        answer=s.FeedbackOut, summary="Say what an answer should have been; where texts are kept, that is a vote.",
    ),
    Route("/healthz", healthz, Permission.PUBLIC, answer=s.Health, summary="Whether every endpoint answers a canary."),
    Route("/metrics", metrics, Permission.READ),
)  # fmt: skip
