"""From calls to a Task: found, accepted under other names, improved on by people, and added to later."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from homegrown.core.models import Recipe
from homegrown.core.tasks import TaskKind
from homegrown.core.traffic import OBJECT
from homegrown.errors import EmptyDataError, InputError, NotFoundError, UnsuitableLabelsError
from homegrown.monitor import Suits
from homegrown.store.snapshots import probs_matrix, told_matrix
from homegrown.workspace import connect
from homegrown.workspace.verbs import run_verb
from tests.monitor.calls import ABOUT, bills, call, message, rng, topics

TOPIC = (
    "Tell the topic of the message: card, refund or login.",
    "You sort mail of a shop by topic. Topics: login, card, refund.",
)


@pytest.fixture
def ws(tmp_path):
    with connect(tmp_path / "ws") as opened:
        yield opened


def _keep(ws, calls):
    return ws.store.captured_imports.add(calls)


def _votes(ws):
    rows = ws.sql("select label_source, record_id, class from votes where kind = 'model'").rows()
    return {(r["label_source"], r["record_id"]): r["class"] for r in rows}


def test_a_template_becomes_a_task_with_the_upstreams_votes(ws):
    calls = topics(rng(), 200, TOPIC)
    assert (_keep(ws, calls), _keep(ws, calls)) == (200, 0)
    (proposal,) = ws.find_tasks().proposals
    done = ws.accept_template(proposal.template.template_id, name="topic")
    assert done.task.class_names == ("card", "login", "refund")
    assert done.task.kind is TaskKind.CLASS
    assert (done.n_calls, done.n_added, done.votes) == (200, done.n_texts, {"gpt-4o-mini (traffic)": done.n_texts})
    said = {c.request["messages"][-1]["content"]: c.response["choices"][0]["message"]["content"] for c in calls}
    texts = {r["record_id"]: r["text"] for r in ws.sql("select record_id, text from records").rows()}
    assert {texts[r]: c for (_, r), c in _votes(ws).items()} == said
    assert ws.sql("select distinct source from records").rows() == [{"source": "traffic: topic"}]


def test_again_adds_only_what_is_new_and_takes_nothing_back(ws):
    r = rng()
    first = topics(r, 120, TOPIC[:1])
    _keep(ws, first)
    found = ws.find_tasks().proposals[0].template
    before = ws.accept_template(found.template_id, name="topic")
    same = ws.accept_template(found.template_id)
    assert (same.n_added, same.task, same.votes) == (0, before.task, before.votes)
    ws.rename_class("topic", "card", "cards")
    more = topics(r, 60, TOPIC[:1], start=1000)
    _keep(ws, more)
    with ws.store.db.write() as connection:  # the first calls were aged out meanwhile; their records stay
        connection.exec_driver_sql("DELETE FROM captured WHERE trace_id < 'trace_000100'")
    after = ws.accept_template(found.template_id)
    assert (after.task.task_id, after.task.class_names) == (before.task.task_id, ("cards", "login", "refund"))
    texts = {c.request["messages"][-1]["content"] for c in first + more}
    assert ws.store.records.count() == len(texts)
    assert len(_votes(ws)) == len(texts)
    assert {c.template_id for c in ws.store.captured_imports.whole()} == {found.template_id}


def test_names_are_edited_first(ws):
    calls = topics(rng(), 120, ("Tell the topic: card, refund, login or oos.",))
    calls += [call(500 + i, "Tell the topic: card, refund, login or oos.", f"xyzzy {i}", "oos") for i in range(20)]
    _keep(ws, calls)
    found = ws.find_tasks().proposals[0].template
    names = {"card": "payments", "refund": "payments", "oos": None}
    done = ws.accept_template(found.template_id, name="mail", names=names)
    assert done.task.class_names == ("login", "payments")
    classes = [c for c in _votes(ws).values()]
    assert set(classes) == {"login", "payments", None}
    again = ws.accept_template(found.template_id)
    assert again.task == done.task
    with pytest.raises(InputError, match="none of the labels"):
        ws.accept_template(found.template_id, names={"cardd": "x"})
    with pytest.raises(InputError, match="needs a name"):
        ws.accept_template(found.template_id, names={"card": " "})


def test_people_outvote_the_incumbent(ws):
    calls = topics(rng(), 150, TOPIC[:1])
    wrong = [
        replace(c, response={"choices": [{"message": {"role": "assistant", "content": "login"}}]}) for c in calls[:3]
    ]
    _keep(ws, wrong + calls[3:])
    ws.accept_template(ws.find_tasks().proposals[0].template.template_id, name="topic")
    text = wrong[0].request["messages"][-1]["content"]
    record_id = ws.record_of(text)
    ws.vote(record_id, "topic", "card")
    label = ws.sql(f"select class, gold from labels where record_id = '{record_id}' and task = 'topic'").rows()
    assert label == [{"class": "card", "gold": True}]


def test_a_registered_upstream_votes_under_its_name_and_terms(ws):
    up = ws.add_upstream(
        "incumbent", "https://api.example.org/v1", model="m", price_in_usd=1, price_out_usd=2, terms="no-training"
    )
    calls = topics(rng(), 60, TOPIC[:1], upstream_id=up.upstream_id)
    logprobs = {"content": [{"token": "card", "logprob": -0.105}]}
    calls[0].response["choices"][0]["logprobs"] = logprobs
    calls += topics(rng(1), 60, TOPIC[:1], start=100, model="other")
    _keep(ws, calls)
    done = ws.accept_template(ws.find_tasks().proposals[0].template.template_id, name="topic")
    assert set(done.votes) == {"incumbent (traffic)", "other (traffic)"}
    assert done.terms == {"incumbent (traffic)": "no-training"}
    sources = {s["name"]: s["config"] for s in ws.store.tasks.label_sources(done.task.task_id)}
    assert sources["incumbent (traffic)"]["terms"] == "no-training"
    sure = ws.sql("select confidence from votes where confidence is not null").rows()
    assert [round(r["confidence"], 2) for r in sure] == [0.9]


def test_answers_to_the_same_text_are_one_vote(ws):
    calls = topics(rng(), 60, TOPIC[:1])
    text = "the very same text"
    calls += [call(900 + i, TOPIC[0], text, said) for i, said in enumerate(("card", "card", "card", "login"))]
    _keep(ws, calls)
    ws.accept_template(ws.find_tasks().proposals[0].template.template_id, name="topic")
    rows = ws.sql(f"select class, confidence from votes where record_id = '{ws.record_of(text)}'").rows()
    assert rows == [{"class": "card", "confidence": 0.75}]


def test_a_text_that_another_source_holds_is_not_stored_twice(ws, tmp_path):
    calls = topics(rng(), 60, TOPIC[:1])
    _keep(ws, calls)
    mine = calls[0].request["messages"][-1]["content"]
    (tmp_path / "desk.jsonl").write_text(json.dumps({"text": mine, "channel": "mail"}) + "\n")
    ws.ingest(tmp_path / "desk.jsonl", text="text")
    done = ws.accept_template(ws.find_tasks().proposals[0].template.template_id, name="topic")
    assert done.n_added == done.n_texts - 1
    assert ("gpt-4o-mini (traffic)", ws.record_of(mine)) in _votes(ws)


def test_one_points_at_a_tag_and_all_its_wordings_are_one_task(ws):
    r = rng()
    tag = {"tags": {"feature": "triage"}}
    calls = topics(r, 40, ("Topic?",), **tag) + topics(
        r, 40, ("Say what this is about.",), start=50, frame="Mail: {}", **tag
    )
    calls += topics(r, 60, TOPIC[:1], start=200)
    _keep(ws, calls)
    done = ws.accept_tag("feature", "triage", name="mail")
    assert (done.n_calls, len(done.template.variants)) == (80, 2)
    assert ws.record_of(calls[50].request["messages"][-1]["content"].removeprefix("Mail: "))
    _keep(ws, topics(r, 30, ("Which topic, friend?",), start=500, **tag))
    again = ws.accept_tag("feature", "triage")
    assert (again.n_calls, again.task.task_id) == (110, done.task.task_id)
    assert [p.template.volume.n_calls for p in ws.find_tasks().proposals if not p.template.tag] == [60]
    with pytest.raises(EmptyDataError, match="feature:none"):
        ws.accept_tag("feature", "none")


def test_two_prompts_that_become_one_task_keep_the_votes_of_both(ws):
    r = rng()
    for at, desk in ((0, "north"), (200, "south")):
        _keep(ws, topics(r, 80, ("Topic?",), start=at, tags={"desk": desk}))
    for desk in ("north", "south"):
        ws.accept_tag("desk", desk, name="both")
    assert ws.task_counts("both").n_voted == 160


def test_of_a_document_with_two_closed_fields_each_may_be_a_task_and_both_together_are_one(ws):
    r = rng()
    calls = topics(
        r, 90, ("Sort it.",), form=lambda t: json.dumps({"topic": t, "mood": "bad" if t == "card" else "good"})
    )
    _keep(ws, calls)
    found = ws.find_tasks().proposals[0].template
    first = ws.accept_template(found.template_id, field="topic", name="topic")
    second = ws.accept_template(found.template_id, field="mood", name="mood")
    assert (first.task.class_names, second.task.class_names) == (("card", "login", "refund"), ("bad", "good"))
    assert second.n_added == 0
    assert second.template.tasks == {"topic": first.task.task_id, "mood": second.task.task_id}
    both = ws.accept_template(found.template_id, name="sorting")
    assert [(f.name, f.type.value, len(f.choices)) for f in both.task.fields] == [
        ("topic", "choice", 3),
        ("mood", "choice", 2),
    ]
    assert both.template.tasks == second.template.tasks | {OBJECT: both.task.task_id}
    with pytest.raises(InputError, match="Labels are renamed in a Task of classes"):
        ws.accept_template(found.template_id, names={"card": "cards"})


def test_documents_become_one_task_of_objects_with_votes_by_field(ws):
    calls, answers = bills(60)
    calls += [replace(calls[3], trace_id=f"z{k}", response=calls[k].response) for k in (3, 4)]  # said otherwise once
    _keep(ws, calls)
    (proposal,) = ws.find_tasks().proposals
    assert (proposal.suits, [f.name for f in proposal.template.learnable]) == (
        Suits.PART,
        ["who", "day", "total", "kind"],
    )
    assert "“note” cannot" in proposal.reason
    done = ws.accept_template(proposal.template.template_id, name="bill")
    assert (done.n_calls, done.n_texts, done.n_added, done.n_outside, done.n_almost) == (62, 60, 60, 1, 1)
    assert done.not_learnt.keys() == {"note"}
    assert done.n_missing == {"total": 1, "who": 1}
    assert done.votes == {"gpt-4o-mini (traffic)": 59}
    ids = {f.name: f.field_id for f in done.task.fields}
    assert {f.name: f.type.value for f in done.task.fields} == {
        "who": "span",
        "day": "date",
        "total": "number",
        "kind": "choice",
    }
    rows = ws.sql("select record_id, value from votes where kind = 'model'").rows()
    said = {r["record_id"]: json.loads(r["value"])["fields"] for r in rows if r["value"]}
    text = calls[9].request["messages"][-1]["content"]
    vote = said[ws.record_of(text)]
    assert vote[ids["day"]] == {"value": answers[9]["day"], "spans": [[text.index("on ") + 3, text.index("on ") + 13]]}
    assert vote[ids["total"]]["value"] == str(answers[9]["total"])
    (place,) = vote[ids["who"]]["spans"]
    assert text[slice(*place)] == answers[9]["who"]
    wrong = said[ws.record_of(calls[7].request["messages"][-1]["content"])]
    assert not {ids["who"], ids["total"]} & wrong.keys()  # values of no place are no votes
    again = ws.accept_template(proposal.template.template_id)
    assert (again.n_added, again.task) == (0, done.task)
    _keep(ws, topics(rng(), 60, TOPIC, start=900))
    plain = next(p for p in ws.find_tasks().proposals if not p.template.fields)
    ws.accept_template(plain.template.template_id, name="topic")
    ws.store.templates.change(
        ws.store.actor, proposal.template.template_id, lambda t: replace(t, tasks={}), "monitor.accept"
    )
    with pytest.raises(InputError, match="is answered with classes"):
        ws.accept_template(proposal.template.template_id, name="topic")


def test_what_cannot_be_learned_is_refused_with_the_reason(ws):
    r = rng()
    _keep(
        ws, [call(i, "Answer kindly.", message(r, "card"), f"Dear customer {i}, of course we will.") for i in range(60)]
    )
    found = ws.find_tasks().proposals[0].template
    with pytest.raises(UnsuitableLabelsError, match="free text"):
        ws.accept_template(found.template_id)
    with pytest.raises(NotFoundError):
        ws.accept_template("tpl_none")
    assert ws.store.tasks.names() == []


def test_without_calls_one_is_told_how_to_get_some(ws):
    with pytest.raises(EmptyDataError, match="monitor import"):
        ws.find_tasks()
    assert ws.traffic().proposals == ()


def test_an_import_is_told_and_the_same_file_adds_nothing(ws, tmp_path):
    path = tmp_path / "tune.jsonl"
    r = rng()
    rows = [(message(r, t), t) for t in ABOUT for _ in range(30)]
    lines = [json.dumps({"messages": [{"role": "system", "content": "Topic?"}, {"role": "user", "content": m},
                                      {"role": "assistant", "content": t}]}) for m, t in rows]  # fmt: skip
    path.write_text("\n".join([*lines, "{bad"]))
    first, second = ws.import_calls(path), ws.import_calls(path)
    assert (first.n_calls, first.n_added, first.n_aside, second.n_added) == (90, 90, 1, 0)
    assert first.aside[0].line == 91
    (proposal,) = ws.find_tasks().proposals
    assert (proposal.calls_month, proposal.cost_month_usd) == (None, None)
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"messages": [{"role": "user", "content": "x"}]}')
    with pytest.raises(EmptyDataError, match=r"line 1 of bad"):
        ws.import_calls(bad)


def test_jobs_do_the_same(ws):
    _keep(ws, topics(rng(), 60, TOPIC[:1], tags={"feature": "triage"}))
    assert run_verb(ws, "find_tasks", {})["n_templates"] == 1
    found = ws.traffic().proposals[0].template
    assert found.name == "triage"
    made = run_verb(ws, "accept_task", {"template_id": found.template_id, "names": {"card": "cards"}})
    assert (made["task"], made["n_votes"]) == ("triage", made["n_texts"])
    assert run_verb(ws, "accept_tag", {"tag": "feature", "value": "triage", "name": "other"})["task"] == "other"


def test_calls_without_a_noted_cost_are_priced_as_the_charges_are(ws):
    calls = [replace(c, n_tokens_in=1000, n_tokens_out=10, cost_usd=None) for c in topics(rng(), 200, TOPIC)]
    calls += [replace(calls[0], trace_id="noted", cost_usd=5.0)]
    _keep(ws, calls)
    assert ws.find_tasks().bill.n_priced == 1
    ws.set_price("upstream", "gpt-4o-mini", price_in_usd=2.0, price_out_usd=10.0, valid_from="2020-01-01")
    bill = ws.find_tasks().bill
    expected = 200 * (1000 * 2.0 + 10 * 10.0) / 1e6 + 5.0
    assert (bill.n_priced, bill.by, bill.is_simulated) == (201, "cost", False)
    assert bill.cost_usd == pytest.approx(expected)
    assert sum(c.cost_usd for c in ws.charges()) == pytest.approx(expected)
    ws.set_price(
        "upstream", "gpt-4o-mini", price_in_usd=4.0, price_out_usd=20.0, valid_from="2020-01-01", is_simulated=True
    )
    ws.find_tasks()
    assert ws.traffic().bill.is_simulated
    assert ws.traffic().bill.cost_usd == pytest.approx(2 * (expected - 5.0) + 5.0)


def test_what_an_upstream_told_of_its_answers_reaches_the_student_and_no_test_row(ws):
    calls = topics(rng(), 240, TOPIC[:1])
    for c in calls:
        choice = c.response["choices"][0]
        said = choice["message"]["content"]
        other = "login" if said != "login" else "card"
        top = [{"token": said, "logprob": math.log(0.7)}, {"token": other, "logprob": math.log(0.3)}]
        choice["logprobs"] = {"content": [{**top[0], "top_logprobs": top}]}
    _keep(ws, calls)
    task = ws.accept_template(ws.find_tasks().proposals[0].template.template_id, name="topic").task
    corrected = ws.record_of(calls[0].request["messages"][-1]["content"])
    ws.vote(corrected, task, "refund")
    snapshot = ws.snapshot(task)
    rows = ws.store.snapshots.read(snapshot.snapshot_id)
    told, splits = told_matrix(rows), rows["split"].to_pylist()
    people = np.array([r == corrected for r in rows["record_id"].to_pylist()])
    learnt = np.array([s in ("train", "valid") for s in splits]) & ~people
    assert np.isnan(told[~learnt]).all()
    assert np.allclose(np.sort(told[learnt], 1), [0, 0.3, 0.7])
    assert (told[learnt].argmax(1) == probs_matrix(rows)[learnt].argmax(1)).all()
    version = ws.train(snapshot, Recipe("linear", {"strengths": [0.1]}), "topic")
    found = version.details["report"]["softness"]
    assert found["right"] >= found["right_without"]
    ws.rename_class(task, "card", "cards")
    ws.merge_classes(task, ["login", "refund"], "rest")
    merged = told_matrix(ws.store.snapshots.read(ws.snapshot(ws.store.tasks.get(task.task_id)).snapshot_id))
    assert set(merged[np.isfinite(merged)].round(2).tolist()) == {np.float32(x) for x in (0, 0.3, 0.7, 1)}
    assert np.allclose(merged[np.isfinite(merged).all(1)].sum(1), 1)
