"""Objects over the wire: our route, `openai`'s client whole and streamed, traces that quote no text."""

import json
import math
import re
from pathlib import Path

import jsonschema
import openai
import pytest
from pydantic import BaseModel

from homegrown.core.access import SYSTEM, Role
from homegrown.testing.server import running
from homegrown.workspace import connect
from tests.api.conftest import wait_for
from tests.workspace.test_objects import FIELDS, rows

TEXT = "No 999\nCleo Fox\non 12/03/2026, 77.25 EUR in all, with thanks 5"


class Total(BaseModel):
    total: dict[str, object]


class Vendor(BaseModel):
    vendor: str


@pytest.fixture(scope="module")
def receipts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("receipts")
    (folder / "in.jsonl").write_text("\n".join(map(json.dumps, rows(60))), encoding="utf-8")
    with connect(folder / "ws", actor=SYSTEM) as ws:
        ws.ingest(folder / "in.jsonl", text="text")
        task = ws.task("receipt", fields=FIELDS)
        task.import_answers("answer")
        ws.deploy(task.train(task.snapshot(seed=0), "fields", choices="lexical"), "receipt")
        with running(ws) as one:
            wait_for(lambda: "receipt" in one.engine.live, 60)
            yield one


def test_the_route_gives_the_document_with_its_evidence(receipts):
    with receipts.client(Role.CALLER) as client:
        one = client.post("/api/v1/endpoints/receipt/predict", json={"text": TEXT}).json()["answers"][0]
        many = client.post("/api/v1/endpoints/receipt/predict", json={"text": [TEXT, "nothing"]}).json()["answers"]
    (here,) = receipts.ws.predict("receipt", [TEXT])
    assert one["document"] == here["document"] == many[0]["document"]
    jsonschema.validate(one["document"], receipts.ws.json_schema("receipt"))
    ((start, end),) = one["fields"]["total"]["spans"]
    assert TEXT[start:end] == "77.25 EUR"
    assert one["label"] is None
    assert one["prob"] == pytest.approx(math.prod(f["prob"] for f in one["fields"].values()))


def test_openai_s_client_gets_it_as_json_whole_and_streamed(receipts):
    with openai.OpenAI(base_url=f"{receipts.origin}/v1", api_key=receipts.key(Role.CALLER), max_retries=0) as client:
        asked = {"model": "receipt", "messages": [{"role": "user", "content": TEXT}]}
        whole = client.chat.completions.create(**asked, logprobs=True)
        streamed = "".join(
            c.choices[0].delta.content or "" for c in client.chat.completions.create(**asked, stream=True) if c.choices
        )
        schema = receipts.ws.json_schema("receipt")
        form = {"type": "json_schema", "json_schema": {"name": "receipt", "schema": schema, "strict": True}}
        own = client.chat.completions.create(**asked, response_format=form)
        jsonschema.validate(json.loads(own.choices[0].message.content), schema)
        parsed = client.chat.completions.parse(**asked, response_format=Total).choices[0].message.parsed
        assert parsed.total["amount"] == 77.25
        for ask in (
            lambda: client.chat.completions.parse(**asked, response_format=Vendor),
            lambda: client.responses.parse(model="receipt", input=TEXT, text_format=Vendor),
        ):
            with pytest.raises(openai.BadRequestError, match="asks for 'vendor', and this model fills: who, day"):
                ask()
    document = receipts.ws.predict("receipt", [TEXT])[0]["document"]
    assert json.loads(whole.choices[0].message.content) == json.loads(streamed) == document
    assert math.exp(whole.choices[0].logprobs.content[0].logprob) == pytest.approx(
        receipts.ws.predict("receipt", [TEXT])[0]["prob"], abs=1e-4
    )


def test_what_waits_comes_with_what_the_model_suggests_and_an_answer_is_kept_once(receipts):
    task = receipts.ws.store.tasks.find("receipt")
    at, fields = f"/api/v1/tasks/{task.task_id}", {f.name: f.field_id for f in task.fields}
    with receipts.client(Role.OWNER) as client:
        told = client.get(at).json()
        assert [(f["name"], f["type"], f["is_required"]) for f in told["fields"][:1]] == [("who", "span", True)]

        def waiting():
            return client.get(f"{at}/queue", params={"n": 2}).json()["records"]

        wait_for(lambda: all(r["answers"][0]["why"].startswith("receipt@1 is ") for r in waiting()), 60)
        one, other = waiting()
        answer = {a["field_id"]: a["answer"] for a in one["answers"]}
        start, end = answer[fields["total"]]["spans"][0]
        assert one["text"][start:end].endswith("EUR")
        body = {"votes": [{"client_id": "object-vote-1", "record_id": one["record_id"], "answer": answer}]}
        first, again = (client.post(f"{at}/votes", json=body).json() for _ in range(2))
        assert first["votes"][0]["outcome"] == "kept"
        assert first == again
        mine = client.get(f"{at}/votes/mine").json()["votes"][0]
        assert (mine["record_id"], mine["answer"], mine["class_ids"]) == (one["record_id"], answer, [])
        clash = {
            "votes": [{"client_id": "object-vote-2", "record_id": one["record_id"], "answer": {fields["who"]: None}}]
        }
        stale = client.post(f"{at}/votes", json=clash)
        assert (stale.status_code, stale.json()["votes"][0]["stands"]["answer"]) == (409, answer)
        for said, sentence in (
            ({"answer": {fields["who"]: {"spans": [[0, 9999]]}}}, "does not lie in the text"),
            ({"answer": {fields["total"]: {"value": "77777"}}}, "“total” says 77777, which does not stand in the text"),
            ({"answer": {fields["day"]: {"value": "soon"}}}, "“day” is a date, such as 2026-11-25, and 'soon' is none"),
            ({"answer": {"f_gone": None}}, "The task has no field 'f_gone'"),
            ({"answer": {}}, "Nothing is said of any field"),
            ({"class_ids": []}, "is answered with fields: send an “answer”"),
        ):
            vote = {"client_id": f"object-{abs(hash(sentence))}"[:40], "record_id": other["record_id"], **said}
            refused = client.post(f"{at}/votes", json={"votes": [vote]})
            assert (refused.status_code, sentence in refused.json()["error"]["message"]) == (422, True), refused.text
        assert len(client.get(f"{at}/votes/mine").json()["votes"]) == 1
        day = {"record_id": one["record_id"], "field": "day", "span": [one["text"].index("on ") + 3] * 2}
        day["span"] = [day["span"][0], day["span"][0] + 2]
        read = client.post(f"{at}/read", json=day).json()
        assert read["answers"][0]["spans"] == answer[fields["day"]]["spans"]
        bad = client.post(f"{at}/read", json={**day, "field": "spam"})
        assert (bad.status_code, bad.json()["error"]["message"]) == (422, "The task 'receipt' has no field 'spam'.")
        undo = {"client_id": "object-undo-1", "record_id": one["record_id"], "act": "undo", "undoes": "object-vote-1"}
        assert client.post(f"{at}/votes", json={"votes": [undo]}).status_code == 200
        made = {"name": "memo", "fields": {"who": "span*", "kind": ["a", "b"]}}
        assert client.post("/api/v1/tasks", json=made).json()["fields"][1]["choices"][0]["name"] == "a"
        both = client.post("/api/v1/tasks", json={**made, "classes": ["x"]})
        assert (both.status_code, "name one of them" in both.text) == (422, True)
        other = client.post("/api/v1/tasks", json={"name": "memo", "classes": ["x", "y"]})
        assert (other.status_code, "is answered with fields" in other.text) == (409, True)
        assert client.post("/api/v1/tasks", json={"name": "a\0", "fields": {"who": "span"}}).status_code == 422


def test_a_trace_quotes_no_text_that_is_not_to_be_kept(receipts):
    marker = "Zzyzx Qwfp"
    with receipts.client() as client:
        said = client.post(
            "/api/v1/endpoints/receipt/predict", json={"text": f"No 1\n{marker}\non 01/01/2026, 1.00 EUR"}
        )
        trace_id = said.json()["answers"][0]["trace_id"]

        def kept():
            rows = client.get("/api/v1/endpoints/receipt/traces").json()["traces"]
            return next((r for r in rows if r["trace_id"] == trace_id), None)

        wait_for(kept)
        assert set(kept()["answer"]) == {"fields"}
        told = client.post(f"/api/v1/traces/{trace_id}/feedback", json={"label": None}).json()
        assert told["vote_id"] is None
        health = client.get("/healthz")
        assert health.json()["endpoints"]["receipt"] == "ok"
    for file in receipts.ws.store.layout.root.rglob("*"):
        if file.is_file():
            assert marker.encode() not in file.read_bytes(), file


def test_what_an_object_should_have_been_is_a_vote_on_its_fields(receipts):
    ws = receipts.ws
    ws.deploy(ws.store.models.version("receipt"), "kept", keep_text=True)
    text = "No 12\nZara Quill\non 04/05/2026, 8.75 EUR in all, with thanks 77"
    with receipts.client(Role.CALLER) as client:
        wait_for(lambda: "kept" in receipts.engine.live, 60)
        asked = client.post("/api/v1/endpoints/kept/predict", json={"text": text}).json()["answers"][0]
        path = f"/api/v1/traces/{asked['trace_id']}/feedback"
        wait_for(lambda: asked["trace_id"] in {t["trace_id"] for t in ws.store.endpoints.traces()})
        said = client.post(path, json={"document": {"who": "Zara Quill", "day": "2026-05-04", "kind": None}}).json()
        assert (said["note"], bool(said["vote_id"])) == (None, True)
        absent = client.post(path, json={"document": {"who": "Somebody Else"}}).json()
        assert (absent["vote_id"], "do not stand in the text" in absent["note"]) == (None, True)
        unknown = client.post(path, json={"document": {"whom": "Zara Quill"}}).json()
        assert unknown["note"] == "The task has no field 'whom'. So it is no vote."
        assert client.post(path, json={"label": "bill"}).json()["note"].startswith("A label does not say")
        for body in ({}, {"label": None, "document": {}}):
            assert "Say what was right" in client.post(path, json=body).text
    task = ws.store.tasks.find("receipt")
    value = ws.store.person_votes.get(said["vote_id"])["value"]
    ids = {f.name: f.field_id for f in task.fields}
    assert json.loads(value)["fields"] == {
        ids["who"]: {"spans": [[6, 16]]}, ids["day"]: {"value": "2026-05-04"}, ids["kind"]: None,
    }  # fmt: skip
    with receipts.client() as client:
        trace_id = client.post("/api/v1/endpoints/receipt/predict", json={"text": TEXT}).json()["answers"][0][
            "trace_id"
        ]
        wait_for(lambda: trace_id in {t["trace_id"] for t in ws.store.endpoints.traces()})
        told = client.post(f"/api/v1/traces/{trace_id}/feedback", json={"document": {"who": "Cleo Fox"}}).json()
        assert "kept no text" in told["note"]
    page = (Path(__file__).parents[2] / "docs" / "objects.md").read_text(encoding="utf-8")
    (watching,) = re.findall(r"(    select created_at::date.*?group by all order by all)", page, re.S)
    days = ws.sql(watching.replace("'receipt'", "'kept'")).rows()
    assert {(d["field"], d["n"], d["without_evidence"]) for d in days} == {
        ("day", 1, 0), ("kind", 1, 1), ("total", 1, 0), ("who", 1, 0),
    }  # fmt: skip
    kept = ws.sql("select value from feedback order by created_at desc limit 1").rows()
    assert "Cleo" not in str(kept)
