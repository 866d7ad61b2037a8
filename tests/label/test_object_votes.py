"""Votes on fields joined by the quality of their sources, with what people settle as the truth."""

import json

import msgspec
import numpy as np
import pytest

from homegrown.core.access import Actor, Role
from homegrown.core.assignments import REVIEW
from homegrown.core.documents import answer_in
from homegrown.core.said import Said
from homegrown.core.schema import Field, FieldType, checked_value
from homegrown.core.tasks import LabelSourceKind, TaskClass
from homegrown.govern.people import People
from homegrown.label.object_votes import join_objects
from homegrown.label.person import keep_vote
from homegrown.store.votes import vote_table
from homegrown.workspace import connect

SKILL = {"a": 0.97, "b": 0.95, "c": 0.5, "d": 0.5, "e": 0.5}
CHOICES = tuple(TaskClass(f"c_{i}", f"c{i}") for i in range(4))
FIELDS = {
    "money": Field("f", "total", FieldType.MONEY),
    "date": Field("f", "day", FieldType.DATE),
    "choice": Field("f", "kind", FieldType.CHOICE, choices=CHOICES),
    "choices": Field("f", "kinds", FieldType.CHOICE, choices=CHOICES, takes_many=True),
    "boolean": Field("f", "paid", FieldType.BOOLEAN),
    "span": Field("f", "who", FieldType.SPAN),
    "spans": Field("f", "names", FieldType.SPAN, takes_many=True),
}


def answers(kind, luck):
    """The true answer and three wrong ones."""
    if kind == "money":
        return [{"value": f"{n}.50", "currency": "EUR"} for n in luck.choice(90, 4, replace=False)]
    if kind == "date":
        days = [{"value": f"2026-01-{n + 1:02}"} for n in luck.choice(27, 3, replace=False)]
        return [None, *days] if luck.random() < 0.3 else [*days, None]
    if kind in ("choice", "choices"):
        order, several = luck.permutation(4), kind == "choices"
        return [{"choices": sorted({f"c_{i}", f"c_{(i + several) % 4}"})} for i in order]
    if kind == "boolean":
        value = bool(luck.random() < 0.5)
        return [{"value": value}, *[{"value": not value}] * 3]
    start = int(luck.integers(50))
    return [{"spans": [[start, start + 9]]}, {"spans": [[start + 2, start + 9]]}, {"spans": [[start, start + 6]]}, None]


@pytest.mark.parametrize("kind", FIELDS)
def test_good_sources_outweigh_many_bad_ones(kind):
    luck, one = np.random.default_rng(0), FIELDS[kind]
    truth, said = [], []
    for _ in range(200):
        right, *wrong = answers(kind, luck)
        truth.append(right)
        votes = {s: right if luck.random() < p else wrong[luck.integers(3)] for s, p in SKILL.items()}
        said.append([Said(s, {"f": answer}) for s, answer in votes.items()])
    joined = join_objects([one], said)["f"]

    def most(votes):
        keys = [json.dumps(v.fields["f"]) for v in votes]
        return json.loads(max(sorted(set(keys)), key=keys.count))

    by_quality = sum(joined[i][0] == t for i, t in enumerate(truth))
    counted = sum(most(votes) == t for votes, t in zip(said, truth, strict=True))
    assert by_quality >= counted + 4, (by_quality, counted)
    sure = [p for _, p in joined.values()]
    assert all(0 <= p <= 1 for p in sure)


def test_amounts_that_mean_the_same_are_one_answer():
    one = FIELDS["money"]
    first = [
        {"value": "12.5"},
        {"value": "12.50", "currency": "EUR", "spans": [[0, 5]]},
        {"value": "9.00", "currency": "EUR"},
    ]
    said = [[Said(s, {"f": a}) for s, a in zip("abc", first, strict=True)]]
    said += [[Said(s, {"f": {"value": f"{n}", "currency": "EUR"}}) for s in "abc"] for n in range(5)]
    assert join_objects([one], said)["f"][0][0] == first[1]


def test_what_people_agree_on_teaches_how_good_the_others_are():
    """Two sources that always disagree: only people can tell which one is right."""
    luck, one = np.random.default_rng(0), FIELDS["date"]
    said = []
    for i in range(60):
        right, wrong = ({"value": f"2026-0{m}-{luck.integers(1, 28):02}"} for m in (1, 2))
        votes = [Said("good", {"f": right}), Said("bad", {"f": wrong})]
        said.append([*votes, Said("ann", {"f": right}, is_person=True)] if i < 20 else votes)
    joined = join_objects([one], said)["f"]
    assert sorted(joined) == list(range(20, 60)), "where a person spoke nothing is weighed"
    assert all(joined[i][0] == said[i][0].fields["f"] for i in joined)
    alone = join_objects([one], [votes[:2] for votes in said])
    assert "f" not in alone, "two sources alone cannot be told apart"


TEXTS = [f"Order {i} by {who}, {i + 3}.00 EUR" for i, who in enumerate(["Ann", "Bob", "Cleo", "Dan"] * 6)]


@pytest.fixture
def ws(tmp_path):
    file = tmp_path / "in.jsonl"
    file.write_text("\n".join(json.dumps({"text": t}) for t in TEXTS), encoding="utf-8")
    with connect(tmp_path / "ws") as opened:
        opened.ingest(file, text="text")
        yield opened


def ids_of(ws):
    table = ws.store.records.scan(["record_id", "text"]).to_pylist()
    return {r["text"]: r["record_id"] for r in table}


def vote(ws, task, name, documents):
    """One imported source with a document by text."""
    ids = ids_of(ws)
    source = ws.store.tasks.label_source(ws.store.actor, task, LabelSourceKind.IMPORTED, name, {})
    values = [json.dumps(answer_in(task.fields, d, t).value) for t, d in documents.items()]
    ws.store.votes.replace(source, vote_table(task, source, [ids[t] for t in documents], values))


def labels(ws, task, **plan):
    table = ws.store.snapshots.read(ws.task(task.name).snapshot(**plan).snapshot_id)
    texts = ws.store.records.texts(table["record_id"].to_pylist())
    return {texts[r["record_id"]]: msgspec.json.decode(r["value"])["fields"] for r in table.to_pylist() if r["value"]}


def truth(text):
    return {"who": text.split(" by ")[1].split(",")[0], "total": text.split(", ")[1]}


def test_a_snapshot_joins_sources_and_people_have_the_last_word_on_the_fields_that_they_saw(ws):
    task = ws.task("order", fields={"who": "span", "total": "money", "note": "boolean"}).noun
    who, total, note = (f.field_id for f in task.fields)
    vote(ws, task, "good", {t: truth(t) for t in TEXTS})
    alone = labels(ws, task)
    assert {frozenset(v) for v in alone.values()} == {frozenset((who, total))}, (
        "nobody has labelled the third field: it is left out"
    )
    wrong = {t: {"who": "Order", "total": "1.00 EUR"} for t in TEXTS[:12]}
    vote(ws, task, "also good", {t: truth(t) for t in TEXTS})
    vote(ws, task, "bad", wrong)
    assert labels(ws, task) == alone
    ids, text = ids_of(ws), TEXTS[3]
    said = {"fields": {total: {"value": "99", "currency": "USD"}}}
    keep_vote(ws.store, task, ids[text], checked_value(task.fields, said, text))
    after = labels(ws, task)[text]
    assert after[total] == {"value": "99", "currency": "USD"}
    assert after[who] == alone[text][who], "of what a person did not look at the others still decide"
    assert note not in after


def test_a_schema_that_changes_under_labelled_data_loses_no_vote(ws):
    task = ws.task("order", fields={"who": "span", "total": "money"}).noun
    vote(ws, task, "good", {t: truth(t) for t in TEXTS})
    vote(ws, task, "other", {t: truth(t) for t in TEXTS})
    before = labels(ws, task)
    fewer = ws.task("order", fields={"who": "span"})
    assert fewer.notes == ("“total” is gone: what was said of it is kept, and counts again once it is back.",)
    assert {frozenset(v) for v in labels(ws, fewer.noun).values()} == {frozenset((fewer.fields[0].field_id,))}
    retyped = ws.task("order", fields={"who": ["Ann", "Bob"], "total": "money"})
    assert retyped.notes[0].startswith("“who” is a choice now: what was said of it as a span is kept")
    assert {frozenset(v) for v in labels(ws, retyped.noun).values()} == {frozenset((task.fields[1].field_id,))}
    renamed = ws.task("order", fields={"person": "span", "total": "money"})
    assert renamed.notes == ("“who” is gone: what was said of it is kept, and counts again once it is back.",)
    assert ws.store.votes.of_task(task.task_id).num_rows == 2 * len(TEXTS)
    again = ws.task("order", fields={"who": "span", "total": "money"})
    assert again.fields == task.fields
    assert labels(ws, task) == before


def test_people_disagree_and_a_reviewer_settles(ws):
    task = ws.task("order", fields={"who": "span", "total": "money"}).noun
    (who, total), ids, text = (f.field_id for f in task.fields), ids_of(ws), TEXTS[0]
    vote(ws, task, "good", {t: truth(t) for t in TEXTS})
    vote(ws, task, "other", {t: truth(t) for t in TEXTS})
    start = text.index("Ann")
    right, wrong = {"spans": [[start, start + 3]]}, {"spans": [[0, 5]]}

    def say(name, role, answer, config):
        person = Actor(People(ws.store.db).invite(ws.store.actor, name, role).actor_id, "person", name, role)
        source = ws.store.tasks.label_source(person, task, LabelSourceKind.PERSON, name, config)
        ws.store.person_votes.add(person, task.task_id, ids[text], source, {"fields": {who: answer}})

    for name in ("Eve", "Joe", "Kim"):
        say(name, Role.ANNOTATOR, wrong, {})
    found = labels(ws, task)[text]
    assert (found[who], found[total]) == (wrong, {"value": "3.00", "currency": "EUR"})
    say("Rita", Role.REVIEWER, right, REVIEW)
    assert labels(ws, task)[text][who] == right
