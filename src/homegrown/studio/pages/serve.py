"""Serve: deploy, endpoints with their snippets and one-press rollback, and the playground."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote

from starlette.responses import Response

from homegrown.core.access import Permission
from homegrown.core.ids import now, timestamp
from homegrown.errors import InputError
from homegrown.studio import scores, words
from homegrown.studio.answer import asked, go, posted, show
from homegrown.studio.view import AsCode, Done, Figure
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
    accuracy: Figure | None
    facts: tuple[tuple[str, str], ...]
    previous: str
    playground_href: str
    report_href: str
    snippets: tuple[Snippet, ...]


@dataclass(frozen=True, kw_only=True)
class ServePage:
    """Everything that answers."""

    template: ClassVar[str] = "serve/serve.html"
    done: Done | None
    endpoints: tuple[EndpointCard, ...]
    start_href: str
    start_action: str
    as_code: AsCode


def endpoints(call: Call) -> Response:
    """``GET /serve``."""
    cards = tuple(_card(call, e) for e in call.ws.store.endpoints.list())
    newest = call.ws.store.models.versions()[:1]
    page = ServePage(
        done=_done(call.ws, asked(call, "deployed"), asked(call, "was")),
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


def _done(ws: Workspace, name: str, was: str) -> Done | None:
    """What was just deployed; undone by letting the version that answered before answer again."""
    endpoint = next((e for e in ws.store.endpoints.list() if e.name == name), None)
    if endpoint is None:
        return None
    answers = scores.title(ws.store.models.version(endpoint.version_id))
    sentence, more = f"{name} is deployed: {answers} answers now.", "Copy a line below into your program, or try it."
    before = {row["version_id"] for row in ws.store.endpoints.history(endpoint.endpoint_id)} - {endpoint.version_id}
    if was not in before:
        return Done(sentence=sentence, more=more)
    return Done(sentence=sentence, more=more, undo="/serve/deploy", fields=(("model_id", was), ("endpoint", name)))


def _card(call: Call, endpoint: Endpoint) -> EndpointCard:
    ws = call.ws
    version = ws.store.models.version(endpoint.version_id)
    result = scores.evaluation(ws, version.version_id)
    previous = _previous(ws, endpoint)
    facts = [("Answers with", scores.title(version)), ("Recipe", version.recipe)]
    facts += _traffic(ws, endpoint)
    return EndpointCard(
        name=endpoint.name,
        state="live",
        accuracy=scores.figure(result) if result else None,
        facts=tuple(facts),
        previous=scores.title(previous) if previous else "",
        playground_href="/serve/playground?" + words.query_string(model=version.version_id),
        report_href=f"/evaluate/{version.version_id}",
        snippets=snippets(call.doors.origin, endpoint.name, str(ws.store.layout.root), version),
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


def snippets(origin: str, name: str, folder: str, version: ModelVersion) -> tuple[Snippet, ...]:
    """How a program asks an endpoint, ready to run. The key is named, never shown."""
    body = words.shell(json.dumps({"text": _EXAMPLE}))
    address = words.shell(f"{origin}/api/v1/endpoints/{quote(name, safe='')}/predict")
    model = f"{version.model_name}@{version.number}"
    return (
        Snippet(title="A key, once", code="homegrown govern key add my-program --role caller"),
        Snippet(
            title="curl",
            code=f'curl {address} \\\n  -H "Authorization: Bearer $HOMEGROWN_KEY" \\\n'
            f"  -H 'Content-Type: application/json' \\\n  -d {body}",
        ),
        Snippet(
            title="OpenAI's client",
            code="import os\nfrom openai import OpenAI\n\n"
            f'client = OpenAI(base_url="{origin}/v1", api_key=os.environ["HOMEGROWN_KEY"])\n'
            "answer = client.chat.completions.create(\n"
            f'    model={name!r}, messages=[{{"role": "user", "content": "{_EXAMPLE}"}}]\n)\n'
            "print(answer.choices[0].message.content)",
        ),
        Snippet(
            title="Python, without a server",
            code=f'import homegrown as hg\n\nws = hg.connect({folder!r})\nprint(ws.predict({model!r}, ["{_EXAMPLE}"]))',
        ),
    )


def deploy(call: Call) -> Response:
    """``POST /serve/deploy``: let a version answer under its model's name."""
    version = call.ws.store.models.version(posted(call, "model_id"))
    name = posted(call, "endpoint") or version.model_name
    was = {e.name: e.version_id for e in call.ws.store.endpoints.list()}.get(name, "")
    call.ws.deploy(version, name)
    return go("/serve?" + words.query_string(deployed=name, was=was))


def rollback(call: Call) -> Response:
    """``POST /serve/rollback``: the version before answers again, at once."""
    endpoint = call.ws.store.endpoints.get(posted(call, "endpoint"))
    previous = _previous(call.ws, endpoint)
    if previous is None:
        raise InputError(f"{endpoint.name} has no earlier version to go back to.")
    call.ws.store.endpoints.deploy(call.actor, endpoint.name, previous, action="serve.rollback")
    return go("/serve?" + words.query_string(deployed=endpoint.name, was=endpoint.version_id))


ROUTES: tuple[Route, ...] = (
    Route("/serve", endpoints, Permission.READ, shape=Shape.PAGE),
    Route("/serve/deploy", deploy, Permission.BUILD, methods=("POST",), shape=Shape.PAGE, form=True),
    Route("/serve/rollback", rollback, Permission.BUILD, methods=("POST",), shape=Shape.PAGE, form=True),
)
