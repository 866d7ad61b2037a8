"""Asks the upstream for a part of a document: the request with fewer fields in its schema, and nothing else changed."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from homegrown.core.traces import CallState, Captured, Wire, answer_of
from homegrown.monitor.turns import asked_schema
from homegrown.monitor.written import written

if TYPE_CHECKING:
    from collections.abc import Collection

FIELDS = "homegrown.fields"
"""The tag that names the fields of a document that a model of ours gave, where the upstream gave the others."""


def without(request: dict[str, Any], known: Collection[str]) -> dict[str, Any] | None:
    """The request for a document without the fields *known*, in one piece; None where its schema cannot say so.

    Example:
        >>> schema = {"type": "object", "properties": {"who": {}, "total": {}}, "required": ["who", "total"]}
        >>> form = {"type": "json_schema", "json_schema": {"name": "bill", "schema": schema}}
        >>> less = without({"messages": [], "response_format": form}, ["who"])
        >>> less["response_format"]["json_schema"]["schema"]
        {'type': 'object', 'properties': {'total': {}}, 'required': ['total']}
    """
    made = copy.deepcopy(request)
    schema = asked_schema(made)  # the very one that stands in the request
    properties = schema.get("properties") if schema is not None else None
    if schema is None or not isinstance(properties, dict) or not set(known) < set(properties):
        return None
    for name in known:
        del properties[name]
    if isinstance(schema.get("required"), list):
        schema["required"] = [name for name in schema["required"] if name not in known]
    made.pop("stream_options", None)
    if "stream" in made:
        made["stream"] = False
    return made


def given_in(
    wire: Wire, request: dict[str, Any], answer: dict[str, Any], names: Collection[str]
) -> dict[str, str] | None:
    """The values of the fields *names* in an upstream's answer, as JSON; None where one of them is not there.

    Args:
        wire: of the call.
        request: that was answered.
        answer: decoded.
        names: that were asked for.
    """
    said = answer_of(Captured("", "gateway", wire, "", CallState.WHOLE, request, answer, ""))
    found = written(said, names) if said else None
    return None if found is None else dict(zip(found.order, found.values, strict=True))
