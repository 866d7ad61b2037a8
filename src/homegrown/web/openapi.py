"""The OpenAPI document, made from the same declarations that serve: it cannot say what the server does not do."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from homegrown import __version__
from homegrown.core.access import Permission
from homegrown.web.route import Route

REFUSALS = {
    "401": "No credentials, or none that are good.",
    "403": "The role does not allow it, or the request comes from another site.",
    "404": "There is no such thing.",
    "405": "This address does not take that method.",
    "409": "It clashes with what is there.",
    "413": "The body is too large.",
    "415": "The body is not application/json.",
    "422": "The request does not fit; the message says how.",
    "429": "Too many requests wait; Retry-After says when to come back.",
    "503": "It cannot answer just now.",
}


class Fault(msgspec.Struct):
    """What went wrong: a stable code, a sentence, the request's id for the operator's log."""

    code: str
    message: str
    request_id: str


class Refusal(msgspec.Struct):
    """Every answer that is not a good one."""

    error: Fault


def document(routes: Iterable[Route]) -> bytes:
    """OpenAPI 3.1 for *routes* that have a summary."""
    shown = [r for r in routes if r.summary]
    kinds = list(dict.fromkeys([Refusal, *(t for r in shown for t in (r.body, r.query, r.answer) if t is not None)]))
    schemas, components = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    schema_of = dict(zip(kinds, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in shown:
        for method in route.methods:
            paths.setdefault(shown_path(route.path), {})[method.lower()] = _operation(route, schema_of, components)
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {"title": "homegrown", "version": __version__, "license": {"name": "Apache-2.0"}},
            "paths": paths,
            "components": {"schemas": components, "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
        }
    )


def shown_path(path: str) -> str:
    """A route's path as OpenAPI writes it, without Starlette's converters: ``/routes/{name}``."""
    return re.sub(r"{(\w+):\w+}", r"{\1}", path)


def _operation(route: Route, schema_of: dict[Any, Any], components: dict[str, Any]) -> dict[str, Any]:
    path = shown_path(route.path)
    operation: dict[str, Any] = {
        "summary": route.summary,
        "operationId": f"{route.methods[0].lower()}_{re.sub(r'[^a-z0-9]+', '_', path.lower()).strip('_')}",
        "x-permission": route.permission.value,
        "responses": {
            "200": {"description": "Done.", "content": _json(schema_of[route.answer]) if route.answer else _file()},
            **{k: {"description": v, "content": _json(schema_of[Refusal])} for k, v in REFUSALS.items()},
        },
    }
    if route.permission is not Permission.PUBLIC:
        operation["security"] = [{"key": []}]
    else:
        operation["security"] = [{"key": []}, {}]
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in re.findall(r"{(\w+)}", path)
    ]
    if route.query is not None:
        parameters += _query(components[route.query.__name__])
    if parameters:
        operation["parameters"] = parameters
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": _json(schema_of[route.body])}
    return operation


def _query(schema: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "query", "required": name in schema.get("required", []), "schema": kind}
        for name, kind in schema["properties"].items()
    ]


def _file() -> dict[str, Any]:
    """What a route without a type of its own answers: a file."""
    return {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
