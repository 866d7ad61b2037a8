"""Serve: deploy, endpoints with their snippets and one-press rollback, and the playground."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

from starlette.responses import Response

from homegrown.core.access import Permission
from homegrown.core.ids import now, timestamp
from homegrown.errors import HomegrownError, InputError
from homegrown.studio import scores, search, words
from homegrown.studio.answer import asked, go, part, posted, show
from homegrown.studio.view import AsCode
from homegrown.web import Route, Shape

if TYPE_CHECKING:
    from homegrown.core.models import ModelVersion
    from homegrown.store.endpoints import Endpoint
    from homegrown.web import Call
    from homegrown.workspace import Workspace

MOST_CHARS = 20_000
_EXAMPLE = "Where is my card? It has been two weeks."


@dataclass(frozen=True, kw_only=True)
class Snippet:
    """Lines to copy into a program."""

    title: str
    code: str


@dataclass(frozen=True, kw_only=True)
class EndpointCard:
    """An endpoint; `previous` names the version that a rollback would bring back, if there is one."""

    name: str
    state: str
    facts: tuple[tuple[str, str], ...]
    previous: str
    playground_href: str
    report_href: str
    snippets: tuple[Snippet, ...]


@dataclass(frozen=True, kw_only=True)
class ServePage:
    """Everything that answers."""

    template: ClassVar[str] = "serve/serve.html"
    deployed: str
    endpoints: tuple[EndpointCard, ...]
    start_href: str
    start_action: str
    as_code: AsCode


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
class Answer:
    """What the model says, and why one might believe it."""

    task: str
    label: str
    is_none: bool
    probs: tuple[Prob, ...]
    how: str
    neighbours: tuple[Neighbour, ...]
    neighbours_note: str
    problem: str = ""


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
    answer: Answer | None
    as_code: AsCode


@dataclass(frozen=True, kw_only=True)
class AnswerPart:
    """The answer alone."""

    template: ClassVar[str] = "serve/_answer.html"
    answer: Answer | None


def endpoints(call: Call) -> Response:
    """``GET /serve``."""
    cards = tuple(_card(call, e) for e in call.ws.store.endpoints.list())
    deployed = asked(call, "deployed")
    newest = call.ws.store.models.versions()[:1]
    page = ServePage(
        deployed=f"{deployed} is deployed." if any(c.name == deployed for c in cards) else "",
        endpoints=cards,
        start_href=f"/evaluate/{newest[0].version_id}" if newest else "/ingest",
        start_action="Read the newest report" if newest else "Drop a file",
        as_code=AsCode(
            cli="homegrown serve",
            python='ws.deploy("intent@2", "intent")',
            sql="select endpoint, version_id, state, created_at from deployments order by created_at desc",
        ),
    )
    return show(call, page)


def _card(call: Call, endpoint: Endpoint) -> EndpointCard:
    ws = call.ws
    version = ws.store.models.version(endpoint.version_id)
    result = scores.evaluation(ws, version.version_id)
    previous = _previous(ws, endpoint)
    facts = [("Answers with", scores.title(version)), ("Recipe", version.recipe)]
    if result:
        low, high = result["accuracy_ci95"]
        facts.append(("Right", words.with_doubt(result["accuracy"], low, high, result["n"])))
    facts += _traffic(ws, endpoint)
    return EndpointCard(
        name=endpoint.name,
        state="live",
        facts=tuple(facts),
        previous=scores.title(previous) if previous else "",
        playground_href="/serve/playground?" + words.query_string(model=version.version_id),
        report_href=f"/evaluate/{version.version_id}",
        snippets=snippets(call.doors.origin, endpoint.name),
    )


def _traffic(ws: Workspace, endpoint: Endpoint) -> list[tuple[str, str]]:
    since = timestamp(now() - timedelta(days=1))
    recent = [t for t in ws.store.endpoints.traces(endpoint.endpoint_id, limit=1000) if t["created_at"] >= since]
    if not recent:
        return [("Calls in a day", "none yet")]
    times = sorted(t["latency_s"] for t in recent)
    n = f"{len(recent):,}" if len(recent) < 1000 else "1,000 or more"
    return [("Calls in a day", n), ("Half within", words.duration(times[len(times) // 2]))]


def _previous(ws: Workspace, endpoint: Endpoint) -> ModelVersion | None:
    for row in ws.store.endpoints.history(endpoint.endpoint_id):
        if row["version_id"] != endpoint.version_id:
            return ws.store.models.version(row["version_id"])
    return None


def snippets(origin: str, name: str) -> tuple[Snippet, ...]:
    """How a program calls an endpoint. The key is named, never shown."""
    body = json.dumps({"texts": [_EXAMPLE]})
    return (
        Snippet(title="A key, once", code="homegrown govern key add my-program --role caller"),
        Snippet(
            title="curl",
            code=f'curl {origin}/api/v1/endpoints/{name}/predict \\\n  -H "Authorization: Bearer $HOMEGROWN_KEY" \\\n'
            f"  -H 'Content-Type: application/json' \\\n  -d '{body}'",
        ),
        Snippet(
            title="OpenAI's client",
            code="import os\nfrom openai import OpenAI\n\n"
            f'client = OpenAI(base_url="{origin}/v1", api_key=os.environ["HOMEGROWN_KEY"])\n'
            "answer = client.chat.completions.create(\n"
            f'    model="{name}", messages=[{{"role": "user", "content": "{_EXAMPLE}"}}]\n)\n'
            "print(answer.choices[0].message.content)",
        ),
        Snippet(
            title="Python, without a server",
            code=f'import homegrown as hg\n\nhg.connect("./work").predict("{name}", ["{_EXAMPLE}"])',
        ),
    )


def deploy(call: Call) -> Response:
    """``POST /serve/deploy``: let a version answer under its model's name."""
    version = call.ws.store.models.version(posted(call, "model_id"))
    name = posted(call, "endpoint") or version.model_name
    call.ws.deploy(version, name)
    return go("/serve?" + words.query_string(deployed=name))


def rollback(call: Call) -> Response:
    """``POST /serve/rollback``: the version before answers again, at once."""
    endpoint = call.ws.store.endpoints.get(posted(call, "endpoint"))
    previous = _previous(call.ws, endpoint)
    if previous is None:
        raise InputError(f"{endpoint.name} has no earlier version to go back to.")
    call.ws.store.endpoints.deploy(call.actor, endpoint.name, previous, action="serve.rollback")
    return go("/serve?" + words.query_string(deployed=endpoint.name))


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
        example=_EXAMPLE,
        samples=_samples(ws, model_id) if chosen else (),
        answer=_answer(ws, model_id, text) if chosen and text.strip() else None,
        as_code=AsCode(
            cli=f"homegrown predict {name} {words.shell(text or _EXAMPLE)}",
            python=f"ws.predict({name!r}, [{(text or _EXAMPLE)!r}])",
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
        predictor = ws.predictor(version)
    except HomegrownError as error:
        return Answer(task="", label="", is_none=False, probs=(), how="", neighbours=(), neighbours_note="",
                      problem=error.message)  # fmt: skip
    started = time.perf_counter()
    said = predictor.predict([text])
    seconds = time.perf_counter() - started
    row = said.probs[0]
    order = row.argsort()[::-1][:5]
    neighbours, note = _neighbours(ws, version, text)
    return Answer(
        task=version.model_name,
        label=", ".join(version.class_names[int(i)] for i in order if row[i] >= 0.5)
        if version.multi
        else version.class_names[int(order[0])],
        is_none=bool(said.in_scope[0] < predictor.threshold),
        probs=tuple(Prob(label=version.class_names[int(i)], prob=float(row[i])) for i in order),
        how=f"Answered by {version.recipe} ({scores.title(version)}) in {words.duration(seconds)}",
        neighbours=neighbours,
        neighbours_note=note,
    )


def _neighbours(ws: Workspace, version: ModelVersion, text: str) -> tuple[tuple[Neighbour, ...], str]:
    found = search.page(ws, text=text, by="meaning")
    labels = search.labels(ws, [r.record_id for r in found.records], version.task_id)
    near = [(r, score) for r, score in zip(found.records, found.scores, strict=True) if r.record_id in labels]
    rows = tuple(
        Neighbour(record_id=r.record_id, text=r.text[:300], label=labels[r.record_id], near=score)
        for r, score in near[:5]
    )
    return rows, "" if rows else found.note or "No labelled record is near."


ROUTES: tuple[Route, ...] = (
    Route("/serve", endpoints, Permission.READ, shape=Shape.PAGE),
    Route("/serve/deploy", deploy, Permission.BUILD, methods=("POST",), shape=Shape.PAGE, form=True),
    Route("/serve/rollback", rollback, Permission.BUILD, methods=("POST",), shape=Shape.PAGE, form=True),
    Route("/serve/playground", playground, Permission.READ, shape=Shape.PAGE),
    Route("/serve/playground/answer", answer, Permission.READ, shape=Shape.PAGE),
)
