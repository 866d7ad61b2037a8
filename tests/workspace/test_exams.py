"""Calls that people judge a model by: which are drawn, that nobody is led, what the answers settle, what learns nothing."""

import json
from dataclasses import replace

import numpy as np
import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from homegrown.cli.main import cli
from homegrown.core.access import SYSTEM, Actor, Role
from homegrown.core.models import Recipe
from homegrown.core.routing import set_of
from homegrown.core.traces import AT_HOME
from homegrown.errors import EmptyDataError, ForbiddenError, InputError
from homegrown.evaluate.shadowed import AGREED_SHARE, Pair, Shadowed, is_drawn, read_shadowed
from homegrown.label.queue import EXAM
from homegrown.store import tables
from homegrown.workspace import connect
from tests.monitor.calls import ABOUT, call, message, rng, topics

SYSTEM_SAYS = "Say what the customer wants: card, refund or login. Answer by the label alone."


def shadow(ws, version, asked, start, **tags):
    """Captured calls that a version answered silently: *asked* is text, what it said, what the upstream said."""
    made = [replace(call(start + i, SYSTEM_SAYS, text, theirs), tags=tags) for i, (text, _, theirs) in enumerate(asked)]
    ws.store.captured_imports.add(made)
    rows = [
        {"trace_id": c.trace_id, "version_id": version.version_id, "answer": ours, "prob": 0.9,
         "agrees": int(ours is not None and ours == theirs), "latency_s": 0.002, "created_at": c.created_at}
        for c, (_, ours, theirs) in zip(made, asked, strict=True)
    ]  # fmt: skip
    with ws.store.db.write() as connection:
        connection.execute(sa.insert(tables.shadow_answers), rows)


def truth_of(text):
    return next(topic for topic, some in ABOUT.items() if any(one in text for one in some))


@pytest.fixture
def made(tmp_path):
    """A task of traffic, a model, and 300 calls that it answered silently: wrong in each tenth, the upstream never."""
    with connect(tmp_path / "desk", actor=SYSTEM) as ws:
        ws.store.captured_imports.add(topics(rng(), 200, [SYSTEM_SAYS]))
        ws.find_tasks()
        done = ws.accept_template(ws.traffic().proposals[0].template.template_id, name="wish")
        version = ws.train(ws.snapshot(done.task), Recipe("lexical", {}, 0), "wish")
        r, asked = rng(7), []
        for i in range(300):
            topic = list(ABOUT)[i % 3]
            asked.append((message(r, topic), "login" if i % 30 == 0 else topic, topic))
        shadow(ws, version, asked, 1000)
        yield ws, version


def answer(ws, n=200):
    """Answer what waits, by the truth, as the station would; how many."""
    page = ws.next_records("wish", n)
    exam = [w for w in page.records if w.assignment.reason == EXAM]
    for one in exam:
        ws.vote(one.record.record_id, "wish", truth_of(one.record.text))
    return len(exam)


def test_what_differs_is_drawn_and_few_of_the_rest_and_the_answers_settle_it(made):
    ws, version = made
    before = ws.verdict(version)
    assert (before["against"], before["verdict"]) == ("incumbent", "NEED")
    assert "Nobody was asked yet" in ws.gold_sample(version).sentence

    drawn = ws.draw_gold("wish@1", 200)
    differing = [p for p in read_shadowed(ws.store, version.version_id).pairs if not p.agrees]
    assert 0 < len(differing) <= drawn.n_drawn <= len(differing) + 3 * AGREED_SHARE * 300
    assert (drawn.n_open, drawn.n_left, drawn.n_calls) == (drawn.n_drawn, 0, 300)
    assert {p.weight for p in read_shadowed(ws.store, version.version_id).pairs} == {None, 1.0, 1 / AGREED_SHARE}
    waits = ws.verdict(version)  # the first call that came is drawn, for they differ on it, and nobody has said a word
    assert (waits["against"], waits["verdict"]) == ("incumbent", "NEED")
    assert "not been answered" in waits["not_told"][-1]

    assert len(ws.selected_ids(drawn.selection)) == drawn.n_waiting
    assert answer(ws) == drawn.n_waiting
    after = ws.gold_sample(version)
    assert (after.n_open, after.n_waiting, after.n_judged) == (0, 0, 300)
    found = ws.verdict(version)
    assert (found["against"], found["n"]) == ("gold", 300)
    assert found["overall"]["difference"] == pytest.approx(-len(differing) / 300)
    assert found["incumbent_accuracy"] == 1.0
    low, high = found["student_accuracy_ci95"]
    assert found["student_accuracy"] == pytest.approx(1 - len(differing) / 300)
    assert low < found["student_accuracy"] < high


def test_more_is_drawn_from_where_it_stopped_and_what_was_not_drawn_does_not_count(made):
    ws, version = made
    first = ws.draw_gold(version, 3)
    assert first.n_waiting == 3
    assert 0 < first.n_judged < 300
    assert answer(ws, 3) == 3
    assert ws.verdict(version)["n"] == ws.gold_sample(version).n_judged == first.n_judged
    assert "draw more" in ws.verdict(version)["not_told"][-1]
    second = ws.draw_gold(version, 20)
    assert second.n_judged > first.n_judged
    assert second.n_drawn > first.n_drawn
    assert ws.draw_gold(version, 500).n_left == 0
    assert ws.draw_gold(version, 5).n_drawn == ws.gold_sample(version).n_drawn


def test_nobody_is_led_and_an_undone_answer_is_open_again(made):
    ws, version = made
    drawn = ws.draw_gold(version, 5)
    page = ws.next_records("wish", 10)
    exam = [w for w in page.records if w.assignment.reason == EXAM]
    assert len(exam) == drawn.n_waiting
    assert page.records[: len(exam)] == exam, "an exam comes first"
    assert all(not w.suggestions and not w.votes for w in exam)
    assert any(w.votes for w in page.records[len(exam) :]), "elsewhere others are quoted"
    vote = ws.vote(exam[0].record.record_id, "wish", "card")
    n_open = ws.gold_sample(version).n_open
    assert n_open < drawn.n_open
    ws.undo_vote(vote)
    assert ws.gold_sample(version).n_open == drawn.n_open


def test_none_of_these_and_people_who_disagree(made):
    ws, version = made
    drawn = ws.draw_gold(version, 5)
    one, two = ws.selected_ids(drawn.selection)[:2]
    ws.vote(one, "wish", None)
    ws.vote(two, "wish", "card")
    anna = ws.acting_as(Actor("actor_anna", "person", "Anna", Role.REVIEWER))
    with ws.store.db.write() as connection:
        row = {"actor_id": "actor_anna", "kind": "person", "name": "Anna", "created_at": "2026"}
        connection.execute(sa.insert(tables.actors).values(**{k: v for k, v in row.items() if k in tables.actors.c}))
    anna.vote(two, "wish", "refund")
    ws.gold_sample(version)
    traces = {r: t for t, r in ws.store.exams.records(version.version_id).items()}
    gold = {p.trace_id: p.gold for p in read_shadowed(ws.store, version.version_id).pairs}
    assert gold[traces[one]] == ""
    assert gold[traces[two]] is None


def test_texts_become_records_once_and_teach_nothing(made):
    ws, version = made
    task = ws.store.tasks.find("wish")
    n_before = ws.counts().n_records
    drawn = ws.draw_gold(version, 200)
    ids = set(ws.selected_ids(drawn.selection))
    sources = {r.source for r in ws.store.records.get(list(ids))}
    assert "exam: wish" in sources
    assert ws.counts().n_records <= n_before + len(ids)
    answer(ws)
    snapshot = ws.snapshot(task)
    assert snapshot.details["n_exam"] == len(ids)
    kept = ws.store.snapshots.read(snapshot.snapshot_id)
    assert not ids & set(kept["record_id"].to_pylist())
    again = ws.snapshot(task, exams=True)
    assert ids & set(ws.store.snapshots.read(again.snapshot_id)["record_id"].to_pylist())
    twin = next(r.text for r in ws.store.records.get(list(ids))) + "!"
    ws.teach(twin, "wish", truth_of(twin))
    rows = ws.store.snapshots.read(ws.snapshot(task).snapshot_id).to_pylist()
    texts = ws.store.records.texts([row["record_id"] for row in rows if row["split"] != "test"])
    assert twin not in texts.values(), "a near copy of an exam text teaches nothing either"


def test_calls_that_it_was_asked_about_because_it_was_unsure_are_no_part(made):
    ws, version = made
    shadow(ws, version, [("my card is lost x", "login", "card")] * 1, 5000, **{AT_HOME: "unsure"})
    shadow(ws, version, [("my card is lost y", "card", "card")] * 1, 5001, **{AT_HOME: "shadow"})
    assert len(read_shadowed(ws.store, version.version_id).pairs) == 301


def test_who_may_draw_and_how_many(made):
    ws, version = made
    reviewer = ws.acting_as(Actor("actor_r", "person", "R", Role.REVIEWER))
    with pytest.raises(ForbiddenError):
        reviewer.draw_gold(version, 5)
    with pytest.raises(InputError, match="1 to 2,000"):
        ws.draw_gold(version, 0)
    other = ws.train(ws.store.models.snapshot(version.snapshot_id), Recipe("lexical", {}, 1), "wish")
    with pytest.raises(EmptyDataError, match="no shadow answers"):
        ws.draw_gold(other, 5)
    assert "evaluate.draw_gold" not in {e.action for e in ws.audit(limit=5)}
    ws.draw_gold(version, 5)
    assert "evaluate.draw_gold" in {e.action for e in ws.audit(limit=5)}


def test_the_sample_has_no_bias():
    r = np.random.default_rng(3)
    found = []
    for study in range(300):
        agrees = r.random(400) < 0.9
        right = np.where(agrees, r.random(400) < 0.95, r.random(400) < 0.4)
        pairs = [Pair(f"{study} {i}", "a", bool(a), "", None, None, None) for i, a in enumerate(agrees)]
        drawn = [
            replace(p, weight=1.0, upstream="b", gold="a" if ok else "c") if is_drawn(p, "mv") else p
            for p, ok in zip(pairs, right, strict=True)
        ]
        said = Shadowed(drawn, len(drawn), has_gold=True).accuracies()
        assert said is not None
        found.append((said[0].value - right.mean(), said[0].ci95[0] <= right.mean() <= said[0].ci95[1]))
    error, covered = np.array([e for e, _ in found]), np.mean([c for _, c in found])
    assert abs(error.mean()) < 3 * error.std() / 300**0.5
    assert covered > 0.93


def test_what_people_said_in_an_exam_is_no_news_to_learn_from(made):
    ws, version = made
    ws.draw_gold(version, 5)
    answer(ws, 5)
    assert ws.n_new_votes("wish") == 0


def test_the_terminal_draws_too(made, monkeypatch):
    ws, _ = made
    monkeypatch.setenv("HOMEGROWN_WORKSPACE", str(ws.store.layout.root))
    told = CliRunner().invoke(cli, ["evaluate", "wish@1", "--gold-sample", "4"], catch_exceptions=False).output
    assert "homegrown label queue wish --selection exam_wish_1" in told
    assert ws.gold_sample("wish").n_waiting == 4
    facts = CliRunner().invoke(cli, ["evaluate", "wish@1", "--gold-sample", "2", "--json"], catch_exceptions=False)
    assert json.loads(facts.output)["n_waiting"] == 6


MANY = "Say what the customer wants, all that apply: card, refund, login. Answer by the labels alone, with commas."


def wishes(r):
    """A message of one or two topics, and which."""
    some = sorted(r.permutation(list(ABOUT))[: 1 + int(r.integers(2))].tolist())
    return " and ".join(message(r, topic) for topic in some), some


def test_several_labels_at_once_are_one_answer_of_a_person(tmp_path):
    with connect(tmp_path / "desk", actor=SYSTEM) as ws:
        r = rng(3)
        asked = [wishes(r) for _ in range(300)]
        ws.store.captured_imports.add([call(i, MANY, t, ", ".join(some)) for i, (t, some) in enumerate(asked)])
        task = ws.accept_template(ws.find_tasks().proposals[0].template.template_id, name="wish").task
        version = ws.train(ws.snapshot(task), Recipe("lexical", {}, 0), "wish")
        truth, made, rows = {}, [], []
        for i in range(200):
            text, some = wishes(r)
            truth[text] = some
            theirs = some[:1] if i % 20 == 0 else some  # now and then the upstream forgets one
            made.append(call(1000 + i, MANY, text, ", ".join(theirs)))
            rows.append({"trace_id": made[-1].trace_id, "version_id": version.version_id, "answer": set_of(some), "prob": 0.9,
                         "agrees": int(some == theirs), "latency_s": 0.002, "created_at": made[-1].created_at})  # fmt: skip
        ws.store.captured_imports.add(made)
        with ws.store.db.write() as connection:
            connection.execute(sa.insert(tables.shadow_answers), rows)
        ws.rename_class(task, "card", "cards")
        drawn = ws.draw_gold(version, 200)
        assert drawn.n_waiting > 0
        for record in ws.store.records.get(ws.selected_ids(drawn.selection)):
            ws.vote(record.record_id, "wish", ["cards" if t == "card" else t for t in truth[record.text]])
        assert ws.gold_sample(version).n_open == 0
        settled = [p for p in read_shadowed(ws.store, version.version_id).pairs if p.weight]
        assert all(p.gold == p.answer for p in settled)
        assert {p.upstream == p.gold for p in settled if not p.agrees} == {False}
        assert any("cards" in p.gold for p in settled)
        said = ws.verdict(version)
        assert said["against"] == "gold"
        assert said["overall"]["difference"] > 0
