"""OpenAI: stored completions, batch files, files for fine-tuning; and plain pairs of a request and a response."""

from __future__ import annotations

from typing import Any

from homegrown.core.traces import Wire
from homegrown.monitor.imports.parts import Format, Heard, Unusable, asked, clean, completion, count, moment, tags


def wire_of(url: Any, request: dict[str, Any]) -> Wire:
    """The protocol of a call, by the path that was called or by the request's own shape."""
    path = url if isinstance(url, str) else ""
    for ending, wire in (
        ("/responses", Wire.RESPONSES),
        ("/embeddings", Wire.EMBEDDINGS),
        ("/messages", Wire.MESSAGES),
    ):
        if path.rstrip("/").endswith(ending):
            return wire
    return Wire.RESPONSES if "input" in request and "messages" not in request else Wire.CHAT


def exchanged(request: Any, response: Any, url: Any = None) -> Heard:
    """A call of which both bodies are at hand.

    Raises:
        Unusable: one of them is missing, or the answer is an error.
    """
    if not isinstance(request, dict) or not request:
        raise Unusable("it has no request")
    if not isinstance(response, dict) or not response:
        raise Unusable("it has no answer")
    if response.get("error"):
        raise Unusable("the call failed")
    wire = wire_of(url, request)
    if wire is Wire.EMBEDDINGS:
        raise Unusable("it asked for vectors, not for words")
    kept = clean(request)
    if wire is Wire.CHAT:
        asked(kept.get("messages", kept.get("prompt")))
        if "messages" not in kept:
            kept = asked(kept["prompt"])
        response = completion(response)
    told = response.get("usage")
    usage = told if isinstance(told, dict) else {}
    return Heard(
        kept, response, str(request.get("model") or response.get("model") or ""), wire,
        at=moment(response.get("created", response.get("created_at"))),
        n_tokens_in=count(usage.get("prompt_tokens"), usage.get("input_tokens")),
        n_tokens_out=count(usage.get("completion_tokens"), usage.get("output_tokens")),
    )  # fmt: skip


def _read_stored(item: dict[str, Any]) -> list[Heard]:
    turns = next((item[k] for k in ("messages", "input_messages", "input") if item.get(k)), None)
    if turns is None:
        raise Unusable("it holds no messages: put those of /chat/completions/ID/messages into its field messages")
    request = asked(turns, **{k: item.get(k) for k in ("model", "temperature", "tools", "response_format")})
    heard = exchanged(request, {k: item[k] for k in ("choices", "usage", "created", "model") if k in item})
    heard.outside_id, heard.tags = str(item["id"]) if item.get("id") else None, tags(item.get("metadata"))
    return [heard]


def _read_tuning(item: dict[str, Any]) -> list[Heard]:
    turns, answer = item.get("messages"), None
    if isinstance(item.get("input"), dict):  # of preferences: what was preferred is the answer
        turns, answer = item["input"].get("messages"), item.get("preferred_output")
    if not isinstance(turns, list) or not all(isinstance(t, dict) for t in turns):
        raise Unusable("it has no messages")
    if answer is None:
        if not turns or turns[-1].get("role") != "assistant":
            raise Unusable("its last message is not the assistant's")
        turns, answer = turns[:-1], turns[-1]
    request = asked(turns, tools=item.get("tools"))
    return [Heard(request, completion(answer), str(item.get("model") or ""))]


def _read_pair(item: dict[str, Any]) -> list[Heard]:
    heard = exchanged(item.get("request"), item.get("response"), item.get("url"))
    heard.outside_id = str(item["id"]) if item.get("id") else None
    heard.at = moment(item.get("created_at")) or heard.at
    heard.tags = tags(item.get("tags"), item.get("metadata"))
    return [heard]


def is_batch(item: dict[str, Any]) -> bool:
    """Whether an item is a line of a batch file, of what was asked or of what came back."""
    return "custom_id" in item and ("body" in item or "response" in item or "error" in item)


def read_batch(asked_for: dict[str, Any], answered: dict[str, Any]) -> Heard:
    """A line of a batch's output with the line of its input that has the same ``custom_id``."""
    response = answered.get("response")
    if answered.get("error") or not isinstance(response, dict):
        raise Unusable("the call failed")
    if count(response.get("status_code", 200)) != 200:
        raise Unusable(f"the call failed with status {count(response.get('status_code'))}")
    heard = exchanged(asked_for.get("body"), response.get("body"), asked_for.get("url"))
    heard.outside_id = str(answered.get("id") or response.get("request_id") or "") or None
    return heard


def _single_batch(_: dict[str, Any]) -> list[Heard]:
    raise Unusable("its other half is missing: name the batch's input file and its output file together")


def _is_tuning(item: dict[str, Any]) -> bool:
    return "preferred_output" in item or (isinstance(item.get("messages"), list) and item.keys() <= _TUNING)


_TUNING = {"messages", "tools", "functions", "parallel_tool_calls", "model"}
STORED = Format("openai-stored", lambda i: i.get("object") == "chat.completion" and "choices" in i, _read_stored)
BATCH = Format("openai-batch", is_batch, _single_batch)
TUNING = Format("openai-fine-tuning", _is_tuning, _read_tuning)
PAIRS = Format("requests", lambda i: isinstance(i.get("request"), dict) and "response" in i, _read_pair)
