"""Langfuse, Helicone and LiteLLM: what they export of the calls that they have seen."""

from __future__ import annotations

from typing import Any

from homegrown.core.traces import Wire
from homegrown.monitor.imports.openai import exchanged
from homegrown.monitor.imports.parts import (
    Format,
    Heard,
    Skipped,
    Unusable,
    asked,
    clean,
    completion,
    count,
    figure,
    moment,
    parsed,
    tags,
)  # fmt: skip


def _first(item: dict[str, Any], *names: str) -> Any:
    return next((item[n] for n in names if item.get(n) is not None), None)


def _is_langfuse(item: dict[str, Any]) -> bool:
    return (
        "type" in item and ("traceId" in item or "trace_id" in item) and ("startTime" in item or "start_time" in item)
    )


def _read_langfuse(item: dict[str, Any]) -> list[Heard]:
    """An observation: of the table's export and the API (camelCase), or of blob storage (snake_case)."""
    if str(item.get("type")).upper() != "GENERATION":
        raise Skipped
    if str(item.get("level", "")).upper() == "ERROR":
        raise Unusable("the call failed")
    more = parsed(_first(item, "modelParameters", "model_parameters"))
    request = asked(item.get("input"), **clean(more) if isinstance(more, dict) else {})
    usage = parsed(_first(item, "usageDetails", "usage_details", "usage"))
    usage = usage if isinstance(usage, dict) else {}
    costs = parsed(_first(item, "costDetails", "cost_details"))
    at, ended = moment(_first(item, "startTime", "start_time")), moment(_first(item, "endTime", "end_time"))
    first = moment(_first(item, "completionStartTime", "completion_start_time"))
    return [
        Heard(
            request, completion(item.get("output")),
            str(_first(item, "model", "provided_model_name", "providedModelName") or ""),
            outside_id=str(item["id"]) if item.get("id") else None, at=at, ended=ended,
            latency_s=_between(at, ended), first_token_s=_between(at, first),
            n_tokens_in=count(usage.get("input"), usage.get("promptTokens"), item.get("promptTokens")),
            n_tokens_out=count(usage.get("output"), usage.get("completionTokens"), item.get("completionTokens")),
            cost_usd=figure(_first(item, "totalCost", "calculatedTotalCost", "total_cost"),
                            costs.get("total") if isinstance(costs, dict) else None),
            tags=tags({"name": _first(item, "name") or "", "prompt": _first(item, "promptName", "prompt_name") or "",
                       "environment": item.get("environment") or ""}, item.get("metadata")),
        )
    ]  # fmt: skip


def _between(start: Any, end: Any) -> float | None:
    return None if start is None or end is None or end < start else (end - start).total_seconds()


def _is_helicone(item: dict[str, Any]) -> bool:
    return "request_body" in item and ("response_body" in item or "request_created_at" in item)


def _read_helicone(item: dict[str, Any]) -> list[Heard]:
    status = count(_first(item, "response_status", "status"))
    if status is not None and status != 200:
        raise Unusable(f"the call failed with status {status}")
    path = str(item.get("request_path") or "")
    url = "/messages" if str(item.get("provider", "")).upper() == "ANTHROPIC" else path.partition("?")[0]
    heard = exchanged(parsed(item.get("request_body")), parsed(item.get("response_body")), url)
    heard.outside_id = str(item["request_id"]) if item.get("request_id") else None
    heard.model = heard.model or str(_first(item, "request_model", "response_model", "model") or "")
    heard.at = moment(item.get("request_created_at")) or heard.at
    heard.ended = moment(item.get("response_created_at"))
    delay, first = figure(_first(item, "delay_ms", "latency")), figure(item.get("time_to_first_token"))
    heard.latency_s = None if delay is None else delay / 1000
    heard.first_token_s = None if first is None else first / 1000
    heard.n_tokens_in = count(item.get("prompt_tokens"), heard.n_tokens_in)
    heard.n_tokens_out = count(item.get("completion_tokens"), heard.n_tokens_out)
    heard.cost_usd = figure(item.get("cost"), item.get("costUSD"), item.get("cost_usd"))
    heard.tags = tags(_first(item, "request_properties", "properties"))
    return [heard]


def _is_litellm(item: dict[str, Any]) -> bool:
    return "call_type" in item and "messages" in item and "response" in item


def _read_litellm(item: dict[str, Any]) -> list[Heard]:
    """A standard logging payload (S3, GCS, Azure, callbacks), or a row of the proxy's table of spendings."""
    if "embedding" in str(item["call_type"]):
        raise Skipped
    if str(item.get("status", "success")) == "failure" or item.get("error_str"):
        raise Unusable("the call failed")
    more = parsed(item.get("model_parameters"))
    answer = parsed(item["response"])
    more = clean(more) if isinstance(more, dict) else {}
    is_responses = isinstance(answer, dict) and answer.get("object") == "response"
    response = answer if is_responses else completion(answer)
    at, ended = moment(item.get("startTime")), moment(item.get("endTime"))
    meta = parsed(item.get("metadata"))
    own = meta.get("requester_metadata") if isinstance(meta, dict) else None
    return [
        Heard(
            asked(item["messages"], **more), response, str(_first(item, "model_group", "model") or ""),
            Wire.RESPONSES if is_responses else Wire.CHAT,
            outside_id=str(_first(item, "id", "request_id") or "") or None, at=at, ended=ended,
            latency_s=_between(at, ended), first_token_s=_between(at, moment(item.get("completionStartTime"))),
            n_tokens_in=count(item.get("prompt_tokens")), n_tokens_out=count(item.get("completion_tokens")),
            cost_usd=figure(item.get("response_cost"), item.get("spend")),
            tags=tags(item.get("request_tags"), own),
        )
    ]  # fmt: skip


LANGFUSE = Format("langfuse", _is_langfuse, _read_langfuse)
HELICONE = Format("helicone", _is_helicone, _read_helicone)
LITELLM = Format("litellm", _is_litellm, _read_litellm)
