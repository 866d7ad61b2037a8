"""Calls that a team already has, in the formats of the software that kept them."""

import json

import pytest

from homegrown.core.traces import Wire, answer_of, messages_of
from homegrown.errors import InputError, UnreadableFileError
from homegrown.monitor.imports.read import ImportedCalls, format_of, read_calls

SYSTEM, USER, SAID = "Tell the topic.", "my card is lost", "card"
TURNS = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": USER}]
ANSWER = {"role": "assistant", "content": SAID}
USAGE = {"prompt_tokens": 21, "completion_tokens": 2, "total_tokens": 23}
CHAT = {
    "id": "chatcmpl-1", "object": "chat.completion", "created": 1790000000, "model": "gpt-4o-mini-2024-07-18",
    "choices": [{"index": 0, "message": ANSWER, "finish_reason": "stop"}], "usage": USAGE,
}  # fmt: skip


def _attributes(**values):
    kinds = {str: "stringValue", int: "intValue", float: "doubleValue"}
    return [
        {"key": k.replace("__", "."), "value": {kinds[type(v)]: str(v) if type(v) is int else v}}
        for k, v in values.items()
    ]


def _span(*attributes, events=(), **more):
    span = {
        "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "name": "chat gpt-4o-mini", "kind": 3,
        "startTimeUnixNano": "1790000000000000000", "endTimeUnixNano": "1790000001500000000",
        "attributes": [a for some in attributes for a in some], "events": list(events), "status": {},
    }  # fmt: skip
    return {"resourceSpans": [{"resource": {"attributes": []}, "scopeSpans": [{"scope": {}, "spans": [span | more]}]}]}


GENAI = _attributes(
    gen_ai__operation__name="chat", gen_ai__request__model="gpt-4o-mini", gen_ai__usage__input_tokens=21,
    gen_ai__usage__output_tokens=2,
)  # fmt: skip
PARTS = {
    "gen_ai__system_instructions": json.dumps([{"type": "text", "content": SYSTEM}]),
    "gen_ai__input__messages": json.dumps([{"role": "user", "parts": [{"type": "text", "content": USER}]}]),
    "gen_ai__output__messages": json.dumps(
        [{"role": "assistant", "parts": [{"type": "text", "content": SAID}], "finish_reason": "stop"}]
    ),
}
NUMBERED = {
    "gen_ai__prompt__0__role": "system", "gen_ai__prompt__0__content": SYSTEM, "gen_ai__prompt__1__role": "user",
    "gen_ai__prompt__1__content": USER, "gen_ai__completion__0__role": "assistant", "gen_ai__completion__0__content": SAID,
}  # fmt: skip
INFERENCE = {
    "llm__model_name": "gpt-4o-mini", "llm__input_messages__0__message__role": "system",
    "llm__input_messages__0__message__content": SYSTEM, "llm__input_messages__1__message__role": "user",
    "llm__input_messages__1__message__content": USER, "llm__output_messages__0__message__content": SAID,
    "llm__token_count__prompt": 21, "llm__token_count__completion": 2,
}  # fmt: skip
EVENTS = [
    {"name": "gen_ai.system.message", "attributes": _attributes(content=SYSTEM)},
    {"name": "gen_ai.user.message", "attributes": _attributes(content=USER)},
    {"name": "gen_ai.choice", "attributes": _attributes(message=json.dumps(ANSWER))},
]
LANGFUSE = {
    "id": "obs-1", "traceId": "t-1", "type": "GENERATION", "name": "triage", "startTime": "2026-09-21T14:13:20.000Z",
    "endTime": "2026-09-21T14:13:21.500Z", "model": "gpt-4o-mini", "modelParameters": {"temperature": 0},
    "input": TURNS, "output": ANSWER, "usageDetails": {"input": 21, "output": 2, "total": 23},
    "costDetails": {"total": 0.0001}, "level": "DEFAULT", "metadata": {"feature": "triage", "api_key": "sk-secret"},
}  # fmt: skip
BLOB = {
    "id": "obs-1", "trace_id": "t-1", "type": "GENERATION", "start_time": "2026-09-21 14:13:20.000000",
    "end_time": "2026-09-21 14:13:21.500000", "provided_model_name": "gpt-4o-mini", "input": json.dumps(TURNS),
    "output": json.dumps(CHAT), "usage_details": {"input": 21, "output": 2}, "total_cost": "0.0001",
}  # fmt: skip
HELICONE = {
    "request_id": "r-1", "request_created_at": "2026-09-21T14:13:20+00:00", "response_status": 200, "delay_ms": 1500,
    "request_body": {"model": "gpt-4o-mini", "messages": TURNS}, "response_body": CHAT, "request_model": "gpt-4o-mini",
    "request_path": "https://api.example.org/v1/chat/completions", "prompt_tokens": 21, "completion_tokens": 2,
    "cost": 0.0001, "request_properties": {"feature": "triage"},
}  # fmt: skip
LITELLM = {
    "id": "chatcmpl-1", "call_type": "acompletion", "response_cost": 0.0001, "status": "success", "prompt_tokens": 21,
    "completion_tokens": 2, "startTime": 1790000000.0, "endTime": 1790000001.5, "model": "gpt-4o-mini",
    "messages": TURNS, "response": CHAT, "model_parameters": {"temperature": 0, "api_key": "sk-secret"},
    "request_tags": ["feature:triage"],
}  # fmt: skip
SPEND = LITELLM | {
    "id": None, "request_id": "chatcmpl-1", "spend": 0.0001, "messages": json.dumps(TURNS), "response": json.dumps(CHAT),
    "startTime": "2026-09-21T14:13:20Z", "endTime": "2026-09-21T14:13:21.500Z", "request_tags": '["feature:triage"]',
}  # fmt: skip
STORED = CHAT | {"messages": TURNS, "metadata": {"feature": "triage"}}
PAIR = {
    "id": "c1",
    "request": {"model": "gpt-4o-mini", "messages": TURNS},
    "response": CHAT,
    "tags": {"feature": "triage"},
}

ALL = {
    "opentelemetry": [_span(GENAI, _attributes(**PARTS)), _span(GENAI, _attributes(**NUMBERED)), _span(_attributes(**INFERENCE)),
                      _span(GENAI, events=EVENTS),
                      _span(GENAI, events=[{"name": "gen_ai.client.inference.operation.details", "attributes": _attributes(**PARTS)}])],
    "langfuse": [LANGFUSE, BLOB, LANGFUSE | {"input": {"messages": TURNS}, "output": SAID}, LANGFUSE | {"output": CHAT}],
    "helicone": [HELICONE, HELICONE | {"request_body": json.dumps(HELICONE["request_body"]), "response_body": json.dumps(CHAT)}],
    "litellm": [LITELLM, SPEND],
    "openai-stored": [STORED, CHAT | {"input": TURNS}],
    "requests": [PAIR],
    "openai-fine-tuning": [{"messages": [*TURNS, ANSWER]},
                           {"input": {"messages": TURNS}, "preferred_output": [ANSWER], "non_preferred_output": [ANSWER]}],
}  # fmt: skip
CASES = [(name, item) for name, items in ALL.items() for item in items]


def _lines(path, *items):
    path.write_text("\n".join(i if isinstance(i, str) else json.dumps(i) for i in items) + "\n", encoding="utf-8")
    return path


def _read(*paths, **more):
    report = ImportedCalls("x")
    return list(read_calls(paths, report, **more)), report


@pytest.mark.parametrize(("name", "item"), CASES, ids=[f"{n}-{i}" for i, (n, _) in enumerate(CASES)])
def test_a_call_comes_in_as_it_was(tmp_path, name, item):
    path = _lines(tmp_path / "calls.jsonl", item)
    assert format_of(path).name == name
    (call,), report = _read(path)
    assert report.n_aside == 0
    assert messages_of(call) == TURNS
    assert answer_of(call) == SAID
    assert call.wire is Wire.CHAT
    assert "sk-secret" not in json.dumps([call.request, call.tags])
    if name == "openai-fine-tuning":
        assert call.ended_at is None
    else:
        assert call.model.startswith("gpt-4o-mini")
        assert call.n_tokens_out == 2
    if name in ("langfuse", "helicone", "litellm"):
        assert (call.created_at, call.cost_usd) == ("2026-09-21T14:13:20.000000+00:00", 0.0001)
        assert call.latency_s == 1.5
        assert call.tags.get("feature", "triage") == "triage"
    again = _read(path)[0][0]
    assert again.trace_id == call.trace_id


def test_lists_pages_and_documents_are_read_too(tmp_path):
    for n, text in enumerate((
        json.dumps([LANGFUSE, LANGFUSE | {"id": "obs-2"}], indent=2),
        json.dumps({"id": "t-1", "name": "trace", "observations": [LANGFUSE, LANGFUSE | {"id": "obs-2"}, {"type": "SPAN", "traceId": "t-1", "startTime": ""}]}),
        json.dumps({"data": [LANGFUSE, LANGFUSE | {"id": "obs-2"}], "meta": {}}, indent=1),
    )):  # fmt: skip
        path = tmp_path / f"{n}.json"
        path.write_text(text)
        calls, report = _read(path)
        assert (len(calls), report.n_aside) == (2, 0)
    path.write_text(json.dumps(_span(GENAI, _attributes(**PARTS)), indent=2))
    assert len(_read(path)[0]) == 1


def test_the_halves_of_a_batch_are_joined(tmp_path):
    asked = [{"custom_id": f"r{i}", "method": "POST", "url": "/v1/chat/completions",
              "body": {"model": "gpt-4o-mini", "messages": TURNS}} for i in range(4)]  # fmt: skip
    done = [{"id": f"batch_req_{i}", "custom_id": f"r{i}", "error": None,
             "response": {"status_code": 200, "request_id": f"q{i}", "body": CHAT}} for i in (2, 0)]  # fmt: skip
    failed = {"id": "batch_req_3", "custom_id": "r3", "response": {"status_code": 429, "body": {}}, "error": None}
    stray = {"id": "batch_req_9", "custom_id": "r9", "response": {"status_code": 200, "body": CHAT}, "error": None}
    files = _lines(tmp_path / "in.jsonl", *asked), _lines(tmp_path / "out.jsonl", *done, failed, stray, "{bad")
    for order in (files, files[::-1]):
        calls, report = _read(*order)
        assert len(calls) == 2
        assert all(messages_of(c) == TURNS and answer_of(c) == SAID for c in calls)
        told = {(a.file, a.line): a.reason for a in report.aside}
        assert told["out.jsonl", 3] == "the call failed with status 429"
        assert "input file" in told["out.jsonl", 4]
        assert "no JSON" in told["out.jsonl", 5]
        assert "output file" in told["in.jsonl", 2]
        assert len(told) == 4
    calls, report = _read(files[1])
    assert calls == []


def test_responses_and_messages_keep_their_wire(tmp_path):
    response = {"id": "resp_1", "object": "response", "output": [{"type": "message", "content": [{"type": "output_text", "text": SAID}]}],
                "usage": {"input_tokens": 21, "output_tokens": 2}}  # fmt: skip
    anthropic = {"model": "claude-x", "system": SYSTEM, "messages": TURNS[1:], "max_tokens": 5}
    path = _lines(
        tmp_path / "calls.jsonl",
        PAIR | {"request": {"model": "gpt", "instructions": SYSTEM, "input": USER}, "response": response},
        {"request_id": "a", "provider": "ANTHROPIC", "request_body": anthropic, "response_status": 200,
         "response_body": {"content": [{"type": "text", "text": SAID}], "usage": {"input_tokens": 1, "output_tokens": 2}}},
    )  # fmt: skip
    (first,), _ = _read(path, format="requests")
    assert (first.wire, messages_of(first), answer_of(first)) == (Wire.RESPONSES, TURNS, SAID)
    (second,), _ = _read(path, format="helicone")
    assert (second.wire, messages_of(second), answer_of(second)) == (Wire.MESSAGES, TURNS, SAID)


def test_what_cannot_be_used_is_named_and_the_rest_comes_in(tmp_path):
    path = _lines(
        tmp_path / "calls.jsonl", LANGFUSE, "{not json", "[]", '"text"', "7", LANGFUSE | {"id": "2", "level": "ERROR"},
        LANGFUSE | {"id": "3", "output": None}, LANGFUSE | {"id": "4", "input": []}, LANGFUSE | {"type": "SPAN"},
        "{" + '"a":{' * 3000 + "}" * 3001, '{"x": "\\ud800"}', LANGFUSE | {"id": "5"},
    )  # fmt: skip
    calls, report = _read(path)
    assert len(calls) == 2
    assert {a.line for a in report.aside} >= {2, 4, 5, 6, 7, 8, 10}
    assert next(a.reason for a in report.aside if a.line == 6) == "the call failed"
    assert USER not in str(report.aside)


def test_the_same_row_twice_in_a_file_without_ids_is_two_calls(tmp_path):
    item = {"messages": [*TURNS, ANSWER]}
    path = _lines(tmp_path / "tune.jsonl", item, item)
    calls, _ = _read(path)
    assert len({c.trace_id for c in calls}) == 2


def test_files_that_are_none(tmp_path):
    for content, error in ((b"", UnreadableFileError), (b"a,b\n1,2\n", InputError), (b"\x00\xff\xfe" * 99, InputError),
                           (b'{"a": 1}\n', InputError), (b'[{"a": 1}', UnreadableFileError)):  # fmt: skip
        path = tmp_path / "x"
        path.write_bytes(content)
        with pytest.raises(error):
            _read(path)
    with pytest.raises(UnreadableFileError):
        _read(tmp_path / "none")
    with pytest.raises(InputError, match="Formats: "):
        _read(path, format="excel")
