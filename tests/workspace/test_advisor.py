"""Suggestions: from the champion, from the nearest labelled records, from votes; each with its reason."""

import pytest

from homegrown.core.models import Recipe
from homegrown.workspace import connect
from tests.conftest import write_messages


@pytest.fixture
def ws(tmp_path):
    with connect(tmp_path / "work") as ws:
        ws.ingest(write_messages(tmp_path / "m.csv", 12), text="message", label="topic")
        yield ws


def test_the_champion_suggests_with_its_probability(ws):
    task = ws.task("topic", column="topic")
    task.train(task.snapshot(), "linear")
    page = task.next_records(10)
    names = {c.class_id: c.name for c in task.noun.classes}
    hits = [names.get(w.suggestions[0].class_id) == w.record.fields["topic"] for w in page.records]
    assert sum(hits) >= 7
    assert page.records[0].suggestions[0].why.startswith("topic@1 is ")
    assert page.records[0].votes[0].who == "the column “topic”"
    shares = [s.share for s in page.records[0].suggestions if s.class_id in names]
    assert shares == sorted(shares, reverse=True)
    ws.train(task.snapshot(seed=1), Recipe("linear"), "topic")
    ws.advisor._tasks[task.noun.task_id].looked_at = -1e9
    assert task.next_records(10).records[0].suggestions[0].why.startswith("topic@2 is ")


def test_the_nearest_labelled_records_suggest_where_there_is_no_model(ws):
    task = ws.task("mine", classes=["card", "refund", "login"])
    assert task.next_records(1).records[0].suggestions == []
    for record in ws.search_records(limit=36).records[::2]:
        ws.vote(record.record_id, "mine", record.fields["topic"])
    ws.embed()
    ws.advisor._tasks.clear()
    page = task.next_records(12)
    names = {c.class_id: c.name for c in task.noun.classes}
    hits = [names[w.suggestions[0].class_id] == w.record.fields["topic"] for w in page.records]
    assert sum(hits) >= 10
    assert page.records[0].suggestions[0].why.endswith("of the 5 nearest labelled")


def test_what_is_suggested_is_a_class_that_is_there(ws):
    task = ws.task("topic", column="topic")
    task.train(task.snapshot(), "linear")
    by_model = task.next_records(10)
    assert {s.class_id for w in by_model.records for s in w.suggestions} >= set(task.noun.class_ids)
    ws.merge_classes("topic", ["card", "refund"], "money")
    money, login = (next(c.class_id for c in ws.task("topic").noun.classes if c.name == n) for n in ("money", "login"))
    for w in ws.next_records("topic", 10).records:
        best = w.suggestions[0]
        assert best.class_id == (login if w.record.fields["topic"] == "login" else money)
        assert {i for v in w.votes for i in v.class_ids} == {best.class_id}
        assert sum(s.share for s in w.suggestions if s.class_id in (money, login)) == pytest.approx(1, abs=1e-5)


def test_the_nearest_labelled_records_suggest_what_their_classes_became(ws):
    task = ws.task("mine", classes=["card", "refund", "login"])
    for record in ws.search_records(limit=36).records[::2]:
        ws.vote(record.record_id, "mine", record.fields["topic"])
    ws.embed()
    assert task.next_records(5).records[0].suggestions
    ws.merge_classes("mine", ["card", "refund"], "money")
    ws.remove_class("mine", "login")
    there = {c.class_id for c in ws.task("mine").noun.classes}
    suggested = {s.class_id for w in ws.next_records("mine", 18).records for s in w.suggestions}
    assert suggested == there


def test_no_encoder_is_loaded_where_nothing_is_embedded(ws):
    task = ws.task("topic", column="topic")
    for record in ws.search_records(limit=10).records:
        ws.vote(record.record_id, "topic", record.fields["topic"])
    task.next_records(3)
    assert ws.most_useful()(task.noun, []) == []
    ws.finish_choosing()
    assert "encoder" not in vars(ws)


def test_votes_suggest_where_there_is_nothing_else(ws):
    task = ws.task("topic", column="topic")
    page = task.next_records(3)
    assert [s.why for s in page.records[0].suggestions] == ["the column “topic” says so"]
    assert page.records[0].assignment.reason.startswith("an import")
