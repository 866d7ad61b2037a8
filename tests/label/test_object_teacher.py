"""A teacher in a second process that is asked for documents, well behaved and not."""

import json

import msgspec
import pytest

from homegrown.core.documents import document_of
from homegrown.errors import UpstreamError
from homegrown.label.object_prompt import vote_of
from homegrown.workspace import connect

FIELDS = {
    "who": "span!",
    "tags": "span*",
    "total": "money",
    "day": "date",
    "kind": ["bill", "offer"],
    "paid": "boolean",
}
NAMES = ["Ann Lee", "Bob Ray", "Cleo Fox", "Dan Poe", "Eve Kim", "Flo Art"]


def text_of(i, name):
    kind, paid = ("bill", "yes") if i % 2 else ("offer", "no")
    return f"No {i}; who: {name}; tags: red, blue; total: {i + 1}.50 EUR; day: 2026-05-0{i + 1}; kind: {kind}; paid: {paid};"


TEXTS = [text_of(i, name) for i, name in enumerate(NAMES)]


@pytest.fixture
def ws(tmp_path, upstream):
    upstream.plan()
    upstream.forget()
    (tmp_path / "in.jsonl").write_text("\n".join(json.dumps({"text": t}) for t in TEXTS), encoding="utf-8")
    with connect(tmp_path / "ws") as found:
        found.ingest(tmp_path / "in.jsonl", text="text")
        found.add_upstream("fake", upstream.base_url, model="toy", price_in_usd=1.0, price_out_usd=2.0, private=True)
        yield found


def said(ws, task):
    """Documents by text, of the fields that the teacher answered."""
    votes = ws.store.votes.of_task(task.noun.task_id).to_pylist()
    texts = ws.store.records.texts([v["record_id"] for v in votes])
    found = {}
    for vote in votes:
        if vote["value"] is not None:
            value, text = msgspec.json.decode(vote["value"]), texts[vote["record_id"]]
            document = document_of(task.fields, value, text)
            found[text] = {f.name: document[f.name] for f in task.fields if f.field_id in value["fields"]}
    return found


def truth(i):
    return {
        "who": NAMES[i], "tags": ["red", "blue"], "total": {"amount": i + 1.5, "currency": "EUR"},
        "day": f"2026-05-0{i + 1}", "kind": "bill" if i % 2 else "offer", "paid": bool(i % 2),
    }  # fmt: skip


def test_documents_become_votes_with_their_places_and_nothing_is_paid_twice(ws, upstream):
    task = ws.task("receipt", fields=FIELDS, guidelines="Names without titles.")
    plan = task.ask("fake", dry_run=True)
    assert (plan.n_asked, len(upstream.seen())) == (6, 0)
    assert 0 < plan.cost_usd_low < plan.cost_usd < plan.cost_usd_high
    done = task.ask("fake", per_call=4)
    assert (done.n_votes, done.n_calls, done.n_unread, done.problems) == (6, 2, 0, {})
    assert said(ws, task) == {t: truth(i) for i, t in enumerate(TEXTS)}
    value = next(v for v in ws.store.votes.of_task(task.noun.task_id)["value"].to_pylist() if '"1.5"' in v)
    ((start, end),) = msgspec.json.decode(value)["fields"][task.fields[2].field_id]["spans"]
    assert TEXTS[0][start:end] == "1.50 EUR"
    call = upstream.seen()[0]["body"]
    schema = call["response_format"]["json_schema"]["schema"]["properties"]["answers"]["items"]["properties"]
    assert list(schema["document"]["anyOf"][0]["properties"]) == list(FIELDS)
    assert "x-homegrown" not in json.dumps(call)
    assert "Names without titles." in call["messages"][0]["content"]
    ids = [*ws.store.records.all_ids().to_pylist(), task.noun.task_id, *(f.field_id for f in task.fields)]
    assert not [i for i in ids if i in json.dumps(call)], "a teacher never sees an id"
    again = task.ask("fake")
    assert (again.n_calls, again.n_known, again.cost_usd) == (0, 6, 0.0)
    assert ws.task("receipt", fields={"who": "span"}).ask("fake", limit=1).n_calls == 1, "other fields: a new question"


def test_almost_json_is_repaired_and_counted(ws, upstream):
    task = ws.task("receipt", fields=FIELDS)
    upstream.plan("almost", "bare", "no-schema")
    done = task.ask("fake", per_call=1, n_at_once=1)
    assert said(ws, task) == {t: truth(i) for i, t in enumerate(TEXTS)}
    (problem,) = done.problems
    assert problem.startswith("its answer was almost JSON, and was repaired: ")
    for what in ("a fence round it", "commas", "comments", "words round it"):
        assert what in problem
    assert "response_format" not in upstream.seen()[-1]["body"]


def test_what_is_cut_off_loses_its_end_and_what_is_no_json_is_told(ws, upstream):
    task = ws.task("receipt", fields=FIELDS)
    upstream.plan("bad-json", "wrong-shape")
    done = task.ask("fake", per_call=1, n_at_once=1, limit=2)
    assert (done.n_answered, done.n_left) == (1, 5)
    assert done.problems == {
        "its answer was almost JSON, and was repaired: cut off": 1,
        "Its answer is JSON of another shape than was asked for.": 1,
    }
    ((text, cut),) = said(ws, task).items()
    assert 0 < len(cut) < len(FIELDS)
    assert cut.items() <= truth(TEXTS.index(text)).items()


def test_values_that_do_not_stand_in_the_text_are_no_votes_and_are_listed(ws, upstream):
    task = ws.task("receipt", fields=FIELDS)
    upstream.plan(always="invent")
    done = task.ask("fake")
    assert done.n_unread == 12
    told = dict(done.unread)
    assert set(told) <= set(ws.store.records.all_ids().to_pylist())
    assert sorted({why for _, why in done.unread}) == [
        "“total”: 987654.0 does not stand in the text.",
        "“who”: the words “Zoe Nobody” do not stand in the text.",
    ]
    assert all(d.keys() == {"tags", "day", "kind", "paid"} for d in said(ws, task).values())


def test_of_a_text_that_was_sent_in_part_nothing_is_said_to_be_missing(ws):
    task = ws.task("receipt", fields=FIELDS).noun
    said = {"document": {"who": "Ann", "day": None, "tags": []}}
    short, _ = vote_of(task, said, "Ann")
    long, problems = vote_of(task, said, "Ann " + "and so on " * 1000)
    assert (len(json.loads(str(short))["fields"]), [*json.loads(str(long))["fields"].values()], problems) == (
        3, [{"spans": [[0, 3]]}], [],
    )  # fmt: skip


def test_an_upstream_that_answers_with_no_document_is_told_and_the_budget_holds(ws, upstream):
    upstream.plan(always="wrong-shape")
    with pytest.raises(UpstreamError, match="gave no answer that counts"):
        ws.task("never", fields=FIELDS).ask("fake", per_call=1, n_at_once=1)
    upstream.plan()
    task = ws.task("receipt", fields=FIELDS)
    poor = task.ask("fake", budget_usd=0.0045, per_call=1, n_at_once=1)
    assert 0 < poor.n_answered < 6
    assert poor.spent_usd <= 0.0045
    assert "budget" in poor.stopped
    rest = task.ask("fake")
    assert rest.n_votes == 6
    assert rest.n_known == poor.n_answered, "a run that was stopped goes on where it stopped"


def test_a_forgotten_record_leaves_no_word_of_it_with_the_answers(ws):
    task = ws.task("receipt", fields=FIELDS)
    task.ask("fake")
    record = ws.record_of(TEXTS[0])
    ws.forget(record=record)
    kept = ws.sql("select * from upstream_answers").arrow.to_pylist()
    assert len(kept) == 5
    assert "Ann Lee" not in json.dumps(kept, default=str)
    assert len(said(ws, task)) == 5
