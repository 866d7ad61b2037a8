"""Documents of extracted fields given at home: as the upstream writes them, in each protocol, and what is said of them."""

import json
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import httpx
import openai
import pytest
import sqlalchemy as sa

from homegrown.core.access import SYSTEM, Role
from homegrown.core.ids import new_id
from homegrown.core.models import Recipe
from homegrown.core.routing import RouteConfig, Target
from homegrown.core.traces import AT_HOME, answer_of
from homegrown.errors import InputError, UnsuitableLabelsError
from homegrown.gateway.parts import FIELDS
from homegrown.jobs import JobQueue
from homegrown.store import tables
from homegrown.workspace.verbs import run_verb
from tests.gateway.conftest import until
from tests.gateway.homes import events_in, prompts
from tests.monitor.calls import bill, call

READS = "Read the bill. Answer with JSON: v, who, day, total, kind (bill or offer)."
FORM = '```json\n{\n  "v": 1,\n  "who": %s,\n  "day": "%s",\n  "total": "%s",\n  "kind": "%s"\n}\n```'
SCHEMA = {"type": "object", "properties": {"who": {"type": "string"}, "total": {"type": "number"}}}
CHAT_TOOL = {"type": "function", "function": {"name": "keep", "parameters": SCHEMA}}
NAMED = {"type": "function", "function": {"name": "keep"}}
KEEPS = "Keep what the bill says."
NOTES = "Read the bill and say something nice about it."
NICE = {"type": "object", "properties": {n: {"type": "string"} for n in ("who", "day", "note", "total", "kind")}}
FORMAT = {
    "type": "json_schema",
    "json_schema": {"name": "bill", "schema": NICE | {"required": list(NICE["properties"])}},
}


def written(i):
    """A bill, and the answer of an upstream with habits of its own."""
    text, said = bill(i)
    y, m, d = said["day"].split("-")
    return text, FORM % (
        json.dumps(said["who"].upper(), ensure_ascii=False),
        f"{d}.{m}.{y}",
        f"{said['total']:.2f}",
        said["kind"],
    )


def called(i, **mine):
    """A bill, and a function that is called with what stands in it."""
    text, said = bill(i)
    one = {"id": "c", "type": "function", "function": {"name": "keep", "arguments": json.dumps(said)}}
    response = {"choices": [{"index": 0, "message": {"content": None, "tool_calls": [one]}}]}
    request = {"tools": [CHAT_TOOL], "tool_choice": NAMED}
    return replace(call(70_000 + i, KEEPS, text, "", request=request, **mine), response=response)


def noted(i, **mine):
    """A bill, and what stands in it with a note that only a language model writes."""
    text, said = bill(1000 + i)
    told = {"who": said["who"], "day": said["day"], "note": f"What a nice no. {i * i}!", "total": said["total"]}
    return call(80_000 + i, NOTES, text, json.dumps(told), request={"response_format": FORMAT}, **mine)


class Desk:
    """A route whose upstream reads bills, and a model that learned from its calls."""

    def __init__(self, bed):
        self.bed, self.ws = bed, bed.ws
        self.key = bed.served.key(Role.CALLER)
        self.client = openai.OpenAI(base_url=f"{bed.served.origin}/v1", api_key=self.key, max_retries=0)
        mine = {"upstream_id": bed.first.upstream_id, "model": "bills"}
        calls = [call(60_000 + i, READS, *written(i), **mine) for i in range(150)]
        calls += [called(i, **mine) for i in range(150)] + [noted(i, **mine) for i in range(100)]
        self.ws.store.captured_imports.add([replace(c, trace_id=new_id("trace")) for c in calls])
        self.found = prompts(self.ws)
        done = self.ws.accept_template(self.found[READS].template_id, name="bills")
        assert not done.n_missing
        for other in (KEEPS, NOTES):
            self.ws.accept_template(self.found[other].template_id, name="bills")
        snapshot = self.ws.snapshot(done.task, test_share=0.5)
        self.version = self.ws.train(snapshot, Recipe("fields", {"choices": "lexical"}, 0), "bills")

    def switch(self, **options):
        asked = {"alpha": 0.1, "audit_share": 1e-9, "template": self.found[READS].template_id}
        done = self.ws.switch_route("bills", "bills", **(asked | options))
        self.bed.gateway.board.look()
        route = self.ws.store.routes.get("bills")
        if route.config.exit is not None:
            until(lambda: self.bed.gateway.exits.find(route) is not None)
        return done

    def ask(self, text, **more):
        turns = [{"role": "system", "content": READS}, {"role": "user", "content": text}]
        return self.client.chat.completions.with_raw_response.create(model="bills", messages=turns, **more)


@pytest.fixture(scope="module")
def opened(laid):
    laid.fresh()
    return Desk(laid)


@pytest.fixture
def desk(opened):
    opened.bed.fresh()
    opened.ws.store.routes.put(SYSTEM, "bills", RouteConfig(targets=(Target(opened.bed.first.upstream_id),)))
    return opened


def test_a_document_is_given_at_home_to_the_letter_as_the_upstream_writes_it(desk):
    done = desk.switch()
    bound = done.bound
    assert bound.by == "document"
    assert bound.n_fields == 4 * bound.n > 200
    assert bound.threshold is not None
    assert bound.n_fields_home == 4 * bound.n_home > 150
    assert {f.name: f.n_differ for f in bound.fields} == {"who": 0, "day": 0, "total": 0, "kind": 0}
    text, wanted = written(331)
    got = desk.ask(text)
    assert got.parse().choices[0].message.content == wanted
    assert got.headers["x-homegrown-model"] == "bills@1"
    row = desk.bed.last(got.headers["x-homegrown-trace"])
    assert (row.tags[AT_HOME], answer_of(row), row.version_id) == ("home", wanted, desk.version.version_id)
    stream = desk.client.chat.completions.create(
        model="bills", messages=[{"role": "system", "content": READS}, {"role": "user", "content": text}], stream=True
    )
    assert "".join(c.choices[0].delta.content or "" for c in stream if c.choices) == wanted
    choices = desk.ws.exit_choices("bills", "bills", template=desk.found[READS].template_id)
    assert [c.coverage for c in choices] == sorted(c.coverage for c in choices)
    until(lambda: (r := desk.ws.exit_report("bills")) is not None and r.n_home == 2)
    assert desk.ws.route_story("bills", template=desk.found[READS].template_id).version.is_object
    strange = desk.ask("nothing of the kind " * 5)
    assert strange.headers["x-homegrown-upstream"] == "stub"
    assert len(desk.bed.upstream.seen()) == 1
    with pytest.raises(InputError, match="by document or by field"):
        desk.switch(by="word")


def test_a_checked_document_that_differs_in_a_field_counts(desk):
    desk.switch(audit_share=0.999999)
    (stage,) = desk.bed.gateway.exits.find(desk.ws.store.routes.get("bills")).stages
    text, wanted = written(332)
    for n, said in enumerate((wanted, wanted.replace("OFFER", "x").replace('"v": 1', '"v": 2'), "I cannot.")):
        desk.bed.upstream.label({"": said})
        assert desk.ask(text).headers["x-homegrown-upstream"] == "stub"
        assert (stage.stage.watch.n, stage.stage.watch.n_wrong) == (n + 1, n)
    done = desk.switch(audit_share=0.999999, by="field")
    assert done.bound.threshold is not None, done.sentence
    (stage,) = desk.bed.gateway.exits.find(desk.ws.store.routes.get("bills")).stages
    other = wanted.replace(text.split("\n")[0].upper(), "SOMEBODY")
    assert other != wanted
    desk.bed.upstream.label({"": other})
    desk.ask(text)
    assert (stage.stage.watch.n, stage.stage.watch.n_wrong) == (1, 0.25)


def test_in_the_shadow_fields_and_documents_are_compared_without_their_words(desk):
    desk.switch(shadow=True)
    for i in range(340, 346):
        text, said = written(i)
        desk.bed.upstream.label({"": said})
        desk.ask(text)
    text, said = written(346)
    desk.bed.upstream.label({"": said.replace('"total": "', '"total": "9')})
    desk.ask(text)
    until(lambda: (r := desk.ws.shadow_report(desk.version)) is not None and r.n == 7)
    found = desk.ws.verdict("bills")
    assert (found["n"], found["n_differ"]) == (7, 1)
    assert {f["field"]: f["n_differ"] for f in found["fields"]} == {"who": 0, "day": 0, "total": 1, "kind": 0}
    rows = desk.ws.store.db.all(sa.select(tables.shadow_answers.c.answer))
    assert not any(word in str(row["answer"]) for row in rows for word in ("SHOP", "Shop", "2026"))


def test_it_is_spoken_in_every_protocol(desk):
    desk.switch()
    text, wanted = written(350)
    assert desk.client.responses.create(model="bills", instructions=READS, input=text).output_text == wanted
    headers = {"x-api-key": desk.key, "anthropic-version": "2023-06-01"}
    body = {"model": "bills", "max_tokens": 99, "system": READS, "messages": [{"role": "user", "content": text}]}
    told = httpx.post(f"{desk.bed.served.origin}/v1/messages", json=body, headers=headers, timeout=30)
    assert told.headers["x-homegrown-model"] == "bills@1"
    assert told.json()["content"] == [{"type": "text", "text": wanted}]
    assert not desk.bed.upstream.seen()


def test_a_function_is_called_where_the_upstream_called_one(desk):
    desk.switch(template=desk.found[KEEPS].template_id)
    text, said = bill(351)
    wanted = json.dumps(said)
    turns = [{"role": "system", "content": KEEPS}, {"role": "user", "content": text}]
    asked = {"model": "bills", "messages": turns, "tools": [CHAT_TOOL], "tool_choice": NAMED}
    choice = desk.client.chat.completions.create(**asked).choices[0]
    (one,) = choice.message.tool_calls
    assert (choice.finish_reason, choice.message.content) == ("stop", None)
    assert (one.function.name, one.function.arguments) == ("keep", wanted)
    assert json.loads(answer_of(desk.bed.last())) == said
    with desk.client.chat.completions.stream(**asked) as stream:
        final = stream.get_final_completion().choices[0]
    assert final.message.tool_calls[0].function.arguments == wanted

    plain = {"type": "function", "name": "keep", "parameters": SCHEMA}
    spoken = {"model": "bills", "instructions": KEEPS, "input": text, "tools": [plain], "tool_choice": "required"}
    (item,) = desk.client.responses.create(**spoken).output
    assert (item.type, item.name, item.arguments) == ("function_call", "keep", wanted)
    with desk.client.responses.stream(**spoken) as stream:
        assert stream.get_final_response().output[0].arguments == wanted

    tools = {"tools": [{"name": "keep", "input_schema": SCHEMA}], "tool_choice": {"type": "tool", "name": "keep"}}
    body = {"model": "bills", "max_tokens": 99, "system": KEEPS, "messages": turns[1:], **tools}
    headers = {"x-api-key": desk.key, "anthropic-version": "2023-06-01"}
    url = f"{desk.bed.served.origin}/v1/messages"
    told = httpx.post(url, json=body, headers=headers, timeout=30).json()
    assert (told["stop_reason"], told["content"][0]["type"], told["content"][0]["input"]) == (
        "tool_use",
        "tool_use",
        said,
    )
    events = events_in(httpx.post(url, json={**body, "stream": True}, headers=headers, timeout=30).text)
    deltas = [d["delta"]["partial_json"] for n, d in events if n == "content_block_delta"]
    assert json.loads("".join(deltas)) == said
    assert not desk.bed.upstream.seen()
    # Asked without the function, it is another prompt.
    assert desk.ask(text, tools=[CHAT_TOOL], tool_choice="auto").headers["x-homegrown-upstream"] == "stub"


def test_by_field_the_upstream_is_asked_for_the_rest_alone(desk):
    with pytest.raises(UnsuitableLabelsError, match="hold note"):
        desk.switch(template=desk.found[NOTES].template_id)
    bound = desk.switch(template=desk.found[NOTES].template_id, by="field").bound
    assert (bound.n_home, bound.fields_coverage) == (0, pytest.approx(1, abs=0.1))
    text, said = bill(361)
    note = "So ”nice“!"
    wanted = {"who": said["who"], "day": said["day"], "note": note, "total": said["total"]}
    turns = [{"role": "system", "content": NOTES}, {"role": "user", "content": text}]
    asked = {"model": "bills", "messages": turns, "response_format": FORMAT}
    desk.bed.upstream.label({"": json.dumps({"note": note}, ensure_ascii=False)})

    got = desk.client.chat.completions.with_raw_response.create(**asked)
    assert json.loads(got.parse().choices[0].message.content) == wanted
    assert got.parse().choices[0].message.content.startswith('{"who": ')
    assert (got.headers["x-homegrown-upstream"], got.headers["x-homegrown-model"]) == ("stub", "bills@1+bills")
    (seen,) = desk.bed.upstream.seen()
    schema = json.loads(seen["body"])["response_format"]["json_schema"]["schema"]
    assert set(schema["properties"]) == {"note", "kind"}
    assert schema["required"] == ["note", "kind"]
    row = desk.bed.last(got.headers["x-homegrown-trace"])
    assert (row.tags[AT_HOME], row.tags[FIELDS], row.version_id) == ("part", "who, day, total", None)
    assert row.cost_usd > 0

    stream = desk.client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True})
    chunks = list(stream)
    assert json.loads("".join(c.choices[0].delta.content or "" for c in chunks if c.choices)) == wanted
    assert chunks[-1].usage.total_tokens > 0
    assert json.loads(desk.bed.upstream.seen()[1]["body"])["stream"] is False

    desk.bed.upstream.label({"": "I cannot."})  # it is asked for all then, and its answer passes
    whole = desk.client.chat.completions.with_raw_response.create(**asked)
    assert whole.parse().choices[0].message.content == "I cannot."
    assert desk.bed.last(whole.headers["x-homegrown-trace"]).tags[AT_HOME] == "unsure"
    assert len(desk.bed.upstream.seen()) == 4
    plain = desk.client.chat.completions.with_raw_response.create(model="bills", messages=turns)
    assert (
        desk.bed.last(plain.headers["x-homegrown-trace"]).tags.get(AT_HOME) is None
    )  # another prompt, without a schema

    before = desk.ws.store.captured.counts()
    assert desk.ws.accept_template(desk.found[NOTES].template_id, name="bills").n_added == 1  # “I cannot.” said nothing
    assert before == desk.ws.store.captured.counts()


def test_checked_parts_are_held_against_the_whole(desk):
    desk.switch(template=desk.found[NOTES].template_id, by="field", audit_share=0.999999)
    (stage,) = desk.bed.gateway.exits.find(desk.ws.store.routes.get("bills")).stages
    text, said = bill(362)
    asked = {"messages": [{"role": "system", "content": NOTES}, {"role": "user", "content": text}], "model": "bills"}
    for who, wrong in ((said["who"], 0.0), ("Somebody", 1 / 3)):
        told = json.dumps({"who": who, "day": said["day"], "note": "Oh!", "total": said["total"]})
        desk.bed.upstream.label({"": told})
        n = stage.stage.watch.n_wrong
        got = desk.client.chat.completions.with_raw_response.create(**asked, response_format=FORMAT)
        assert got.parse().choices[0].message.content == told
        assert desk.bed.last(got.headers["x-homegrown-trace"]).tags[AT_HOME] == "audit"
        assert stage.stage.watch.n_wrong - n == pytest.approx(wrong)


def test_the_api_switches_by_field_and_tells_of_each(desk):
    key = desk.bed.served.key(Role.OWNER)
    url = f"{desk.bed.served.origin}/api/v1/gateway/routes/bills/exit"
    body = {"models": ["bills"], "alpha": 0.1, "template": desk.found[NOTES].template_id, "by": "field"}
    said = httpx.put(url, json=body, headers={"authorization": f"Bearer {key}"}, timeout=60).json()
    assert (said["switched"], said["bound"]["by"], said["bound"]["n_home"]) == (True, "field", 0)
    assert [f["name"] for f in said["bound"]["fields"]] == ["who", "day", "total"]
    assert said["bound"]["fields_coverage"] > 0.5


def pressed(desk, client, **form):
    """What became of the route, once the job that a press of the page's button started is done."""
    mine = {"route": "bills", "model": desk.version.version_id, "prompt": desk.found[NOTES].template_id}
    where = client.post("/gateway/switch", data=mine | form).headers["location"]
    queue, job_id = JobQueue(desk.ws.store.db), parse_qs(urlsplit(where).query)["job"][0]
    job = queue.begin(SYSTEM, job_id)
    queue.end(SYSTEM, job_id, "succeeded", result=run_verb(desk.ws, job.verb, job.arguments))
    return desk.ws.store.routes.get("bills").config.exit, client.get(where).text


def test_the_page_of_a_route_switches_by_field_and_says_what_each_way_gives(desk):
    asked = {"route": "bills", "model": desk.version.version_id, "delta": "0.1"}
    with desk.bed.served.client() as client:
        page = client.get("/gateway/routes/bills", params={"prompt": desk.found[READS].template_id}).text
        assert "--by field" in page
        mine = asked | {"prompt": desk.found[READS].template_id}
        whole = client.get("/gateway/bounds", params=mine).text
        assert "Documents without a call" in whole
        assert "the others go to the upstream whole" in whole
        assert "of all fields at home" in whole
        assert 'value="document" checked' in whole
        assert "Fields given at home" not in whole
        parts = client.get("/gateway/bounds", params=mine | {"by": "field"}).text
        assert 'value="field" checked' in parts
        assert "Fields given at home" in parts
        assert "The calls of this prompt have no schema: of such a document the upstream is asked for all." in parts
        noted = client.get("/gateway/bounds", params=asked | {"prompt": desk.found[NOTES].template_id}).text
        assert "hold note, which this model does not give" in noted
        assert 'value="field" checked' in noted
        assert "The calls of this prompt came with a schema." in noted
        assert "it gives 0.0% of the documents without a call, and" in noted
        exit, told = pressed(desk, client, do="shadow")  # a field that nobody else writes keeps no shadow out
        assert (exit.mode, exit.object.asked) == ("shadow", ("note",))
        exit, told = pressed(desk, client, do="home", alpha="0.1", by="field")
        assert (exit.mode, exit.object.by, exit.alpha) == ("home", "field", 0.1)
        assert "of the fields given at home differ from the upstream" in told
        api = f"/api/v1/gateway/routes/bills/exit/bounds?model=bills&by=field&template={desk.found[NOTES].template_id}"
        assert {b["by"] for b in client.get(api).json()["bounds"]} == {"field"}


def other_kind(said):
    return said.replace('"offer"', '"?"').replace('"bill"', '"offer"').replace('"?"', '"bill"')


def silently(desk, n):
    """*n* calls that the model heard in the shadow: each fourth the upstream names the other kind, each tenth another
    total, each fiftieth another number beside the fields. What it should have said, by text, in their order."""
    desk.switch(shadow=True)
    made, rows, truth = [], [], {}
    for k in range(n):
        text, said = written(2000 + k)
        truth[text] = said
        differs = {"who": False, "day": False, "total": k % 10 == 0, "kind": k % 4 == 0}
        said = other_kind(said) if differs["kind"] else said
        said = said.replace('"total": "', '"total": "9') if differs["total"] else said
        said = said.replace('"v": 1', '"v": 2') if k % 50 == 1 else said
        mine = {"upstream_id": desk.bed.first.upstream_id, "model": "bills"}
        made.append(replace(call(90_000 + k, READS, text, said, **mine), trace_id=new_id("trace")))
        told = json.dumps({name: [not one, 0.9] for name, one in differs.items()})
        agrees = int(not any(differs.values()) and k % 50 != 1)
        rows.append({"trace_id": made[-1].trace_id, "version_id": desk.version.version_id, "answer": told,
                     "prob": 0.9, "agrees": agrees, "latency_s": 0.1, "created_at": made[-1].created_at})  # fmt: skip
    desk.ws.store.captured_imports.add(made)
    with desk.ws.store.db.write() as connection:
        connection.execute(sa.delete(tables.shadow_answers))
        connection.execute(sa.insert(tables.shadow_answers), rows)
    return truth


class Judge:
    """A person who says over HTTP what stands in the documents that wait, in words of the upstream."""

    def __init__(self, desk, truth):
        self.task = desk.ws.store.tasks.get(desk.version.task_id)
        (stage,) = desk.bed.gateway.exits.find(desk.ws.store.routes.get("bills")).stages
        self.reader, self.truth, self.number = stage.objects, truth, {text: k for k, text in enumerate(truth)}
        self.at, self.stands = f"/api/v1/tasks/{self.task.task_id}", {}

    def says(self, client, waits, *, turned, but=(), way="votes"):
        """The kind is the upstream's in each fourth where it is *turned*; fields of *but* are not looked at."""
        for start in range(0, len(waits), 50):
            votes = []
            for one in waits[start : start + 50]:
                said = self.truth[one["text"]]
                said = other_kind(said) if turned and self.number[one["text"]] % 4 == 0 else said
                answer = self.reader.heard(one["text"], said).fields
                answer = {f.field_id: answer[f.field_id] for f in self.task.fields if f.name not in but}
                base = self.stands.get((way, one["record_id"]))
                votes.append({"client_id": new_id("v"), "record_id": one["record_id"], "answer": answer, "base": base})
            kept = client.post(f"{self.at}/{way}", json={"votes": votes}).json()["votes"]
            assert {o["outcome"] for o in kept} == {"kept"}
            self.stands |= {(way, v["record_id"]): o["vote_id"] for v, o in zip(votes, kept, strict=True)}


def test_people_settle_documents_that_differ_field_by_field_and_nobody_is_led(desk):
    truth = silently(desk, 240)
    judge, verdict = Judge(desk, truth), "/api/v1/gateway/verdicts/bills@1"
    with desk.bed.served.client() as client:
        alone = client.get(verdict).json()
        assert (alone["against"], alone["verdict"], alone["n_differ"]) == ("incumbent", "NEED", 77)
        drawn = client.post(f"{verdict}/gold-sample", json={"n": 2000}).json()
        assert drawn["n_left"] == 0
        assert 77 <= drawn["n_waiting"] == drawn["n_open"] < 110  # those that differ, and one in twenty of the others
        waits = client.get(f"{judge.at}/queue", params={"n": 200, "selection": drawn["selection"]}).json()["records"]
        assert len(waits) == drawn["n_waiting"]
        assert not any(one["answers"] for one in waits)
        first = client.get(f"{judge.at}/queue", params={"n": 200}).json()["records"]
        assert [one["record_id"] for one in first[: len(waits)]] == [one["record_id"] for one in waits]

        judge.says(client, waits, turned=True, but=("total",))
        told = client.get(verdict).json()
        by_field = {f["field"]: f for f in told["fields"]}
        # Whoever is right in the kind: a total that nobody looked at leaves the document open.
        assert (told["against"], told["verdict"]) == ("incumbent", "NEED")
        assert {name: f["against"] for name, f in by_field.items()} == {
            "who": "gold", "day": "gold", "total": "incumbent", "kind": "gold"
        }  # fmt: skip
        assert by_field["kind"]["verdict"] == "KEEP"
        assert by_field["kind"]["difference"] == pytest.approx(-0.25)
        assert (by_field["kind"]["incumbent_accuracy"], by_field["who"]["student_accuracy"]) == (1.0, 1.0)
        sample = client.get(f"{verdict}/gold-sample").json()
        assert (sample["n_open"], sample["n_waiting"]) == (drawn["n_drawn"], 0)
        assert f"{drawn['n_drawn']} are answered in part" in sample["sentence"]

        judge.says(client, waits, turned=True, way="settle")
        told = client.get(verdict).json()
        assert (told["against"], told["verdict"], told["n"]) == ("gold", "KEEP", 240)
        # 48 where the kind alone differs are lost, 5 where the rest does; 12 where the total alone does are won.
        assert told["overall"]["difference"] == pytest.approx((-48 - 5 + 12) / 240)
        assert {f["field"]: f["verdict"] for f in told["fields"]}["total"] == "SWITCH"

        people = desk.ws.store.person_votes.people(judge.task.task_id)
        mine = {p["record_id"]: p for p in people if p["settles"]}
        assert set(mine) == {one["record_id"] for one in waits}
        judge.says(client, waits, turned=False, way="settle")  # they know better now
        told = client.get(verdict).json()
        assert told["verdict"] == "SWITCH"
        assert told["overall"]["difference"] == pytest.approx((72 - 5) / 240)
        assert told["incumbent_accuracy"] < told["student_accuracy"]
        page = client.get(f"/evaluate/verdict/{desk.version.version_id}").text
        assert "Each field by itself" in page
        assert page.count("not judged") == 0
    snapshot = desk.ws.snapshot(judge.task, test_share=0.5)
    assert snapshot.details["n_exam"] == len(waits)
    assert not set(mine) & set(desk.ws.store.snapshots.read(snapshot.snapshot_id)["record_id"].to_pylist())
    assert desk.ws.n_new_votes("bills") == 0
    desk.ws.store.routes.remove(SYSTEM, "bills")
    with pytest.raises(UnsuitableLabelsError, match="No route knows bills@1 any more"):
        desk.ws.draw_gold("bills")
