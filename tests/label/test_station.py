"""The station's verbs: who gets which record, what is kept of what they send, and what a label is when several spoke."""

import contextlib
import csv
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from homegrown.core.access import Actor, Role
from homegrown.core.assignments import Choice, StationSettings, Submission
from homegrown.core.ids import new_id, timestamp
from homegrown.core.tasks import Task, TaskClass, TaskKind
from homegrown.errors import InputError, NotFoundError, ReusedKeyError
from homegrown.label import queue
from homegrown.label.person import value_of_ids
from homegrown.store import tables
from homegrown.store.assignments import AssignmentStore
from homegrown.workspace import connect

N = 60


@pytest.fixture
def ws(tmp_path):
    with opened(tmp_path) as ws:
        yield ws


@contextlib.contextmanager
def opened(tmp_path, **where):
    with (tmp_path / "rows.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["text", "channel"], *([f"case {i} of its own", "app"] for i in range(N))])
    with connect(tmp_path / "work", **where) as ws:
        ws.ingest(tmp_path / "rows.csv", text="text")
        ws.task("t", classes=["a", "b", "c"])
        yield ws


def person(ws, name, role=Role.ANNOTATOR):
    """The workspace as somebody sees it who may do what *role* may."""
    actor = Actor(f"actor_{name}", "person", name, role)
    with ws.store.db.write() as connection:
        connection.execute(
            sa.insert(tables.actors).values(actor_id=actor.actor_id, kind="person", name=name, created_at=timestamp())
        )
    return ws.acting_as(actor)


def class_id(ws, name, task="t"):
    return next(c.class_id for c in ws.store.tasks.find(task).classes if c.name == name)


def ids(page):
    return [w.record.record_id for w in page.records]


def vote(ws, record_id, *names, base=None, client_id=None, task="t", settles=False):
    said = {"classes": [class_id(ws, n, task) for n in names]}
    one = Submission(client_id or new_id("c"), "vote", record_id, said, base)
    return ws.submit(task, [one], settles=settles)[0]


def n_votes(ws):
    return ws.sql("select count(*) as n from votes where kind = 'person'").rows()[0]["n"]


def label(ws, record_id):
    rows = ws.sql("select class, prob, gold from labels where record_id = ?", [record_id]).rows()
    return [(r["class"], round(r["prob"], 2), r["gold"]) for r in rows]


def test_two_people_never_get_the_same_record(ws):
    anna, ben = person(ws, "anna"), person(ws, "ben")
    with ThreadPoolExecutor(8) as pool:
        pages = list(pool.map(lambda who: who.next_records("t", 12), [anna, ben] * 8))
    assert all(len(p.records) == 12 for p in pages)
    assert all(ids(p) == ids(pages[0]) for p in pages[::2]), "who asks again holds the same"
    assert not set(ids(pages[0])) & set(ids(pages[1]))


def test_overlap_gives_each_record_to_so_many_different_people(ws):
    ws.set_station("t", StationSettings(overlap=2))
    people = [person(ws, name) for name in ("anna", "ben", "cleo")]
    got = [set(ids(who.next_records("t", N))) for who in people]
    assert [len(g) for g in got] == [N, N, 0]
    for record_id in got[0]:
        vote(people[0], record_id, "a")
    assert not ids(people[0].next_records("t", 5)), "nobody answers the same record twice"
    people[1].release_records("t")
    assert len(ids(people[2].next_records("t", 5))) == 5


def test_a_lease_ends_by_the_monotonic_clock_and_a_late_vote_counts(ws, monkeypatch):
    anna, ben = person(ws, "anna"), person(ws, "ben")
    mine = ids(anna.next_records("t", N))
    with ws.store.db.write() as connection:  # a clock that is set forward ends no lease of this process
        connection.execute(sa.update(tables.assignments).values(expires_at="2000-01-01T00:00:00.000000+00:00"))
    assert not ids(ben.next_records("t", 5))
    ben.store.assignments = AssignmentStore(ben.store.db)  # another process, which knows the stored time alone
    taken = ids(ben.next_records("t", 5))
    assert len(taken) == 5
    assert vote(anna, taken[0], "a").outcome == "kept"
    assert vote(ben, taken[0], "b").outcome == "kept"
    start = time.monotonic()
    monkeypatch.setattr("homegrown.store.assignments.time.monotonic", lambda: start + 10_000)
    assert set(ids(anna.next_records("t", 1))) == set(mine) - set(taken), (
        "what others took meanwhile is not hers any more"
    )


def test_what_is_skipped_or_given_back_goes_to_others(ws):
    anna, ben = person(ws, "anna"), person(ws, "ben")
    first, second = ids(anna.next_records("t", 2))
    skip = Submission(new_id("c"), "skip", first)
    assert [o.outcome for o in anna.submit("t", [skip, skip])] == ["kept", "kept"]
    assert anna.release_records("t", [second]) == 1
    assert {first, second} <= set(ids(ben.next_records("t", N)))
    assert first not in ids(anna.next_records("t", N))
    assert ws.sql("select count(*) as n from assignments where outcome = 'skipped'").rows()[0]["n"] == 1


def test_the_same_submission_fifty_times_at_once_is_one_vote(ws):
    anna = person(ws, "anna")
    record_id = ids(anna.next_records("t", 1))[0]
    with ThreadPoolExecutor(50) as pool:
        done = list(pool.map(lambda _: vote(anna, record_id, "a", client_id="the-same-one"), range(50)))
    assert {o.outcome for o in done} == {"kept"}
    assert len({o.vote_id for o in done}) == 1
    assert n_votes(ws) == 1
    assert vote(anna, record_id, "b", client_id="the-same-one").outcome == "refused"
    assert vote(person(ws, "ben"), record_id, "a", client_id="the-same-one").outcome == "refused"


def test_a_vote_on_something_that_changed_since_is_told_what_stands(ws):
    anna = person(ws, "anna")
    record_id = ids(anna.next_records("t", 1))[0]
    first = vote(anna, record_id, "a", client_id="first-one")
    stale = vote(anna, record_id, "b")
    assert (stale.outcome, stale.stands["vote_id"]) == ("stale", first.vote_id)
    assert vote(anna, record_id, "a").outcome == "kept", "the same answer clashes with nothing"
    assert vote(anna, record_id, "b", base="first-one").outcome == "kept"
    assert n_votes(ws) == 2


def test_undo_goes_back_as_far_as_one_likes(ws):
    anna = person(ws, "anna")
    mine = ids(anna.next_records("t", 3))
    for number, record_id in enumerate(mine):
        vote(anna, record_id, "a", client_id=f"vote-number-{number}")
    assert [v["record_id"] for v in anna.my_votes("t")] == mine[::-1]
    for number in (2, 1, 0):
        undo = Submission(f"undo-number-{number}", "undo", mine[number], undoes=f"vote-number-{number}")
        assert {o.outcome for o in anna.submit("t", [undo, undo])} == {"kept"}
    assert anna.my_votes("t") == []
    assert n_votes(ws) == 6, "nothing is edited: each undo is a vote of its own"
    assert vote(anna, mine[0], "b", base="undo-number-0").outcome == "kept"
    late = Submission(new_id("c"), "undo", mine[0], undoes="vote-number-0")
    assert anna.submit("t", [late])[0].outcome == "stale"
    assert label(ws, mine[0]) == [("b", 1.0, True)]
    foreign = Submission(new_id("c"), "undo", mine[0], undoes=anna.my_votes("t")[0]["vote_id"])
    assert person(ws, "ben").submit("t", [foreign])[0].outcome == "refused"


def test_an_undone_record_comes_back(ws):
    anna = person(ws, "anna")
    mine = ids(anna.next_records("t", N))
    for record_id in mine:
        vote(anna, record_id, "a", client_id=f"vote-{record_id}")
    assert not ids(anna.next_records("t", 1))
    anna.submit("t", [Submission(new_id("c"), "undo", mine[3], undoes=f"vote-{mine[3]}")])
    assert ids(anna.next_records("t", 1)) == [mine[3]]


def test_a_record_comes_back_whose_vote_was_undone_elsewhere(ws):
    anna, ben = person(ws, "anna"), person(ws, "ben")
    mine = ids(anna.next_records("t", 3))
    vote_id = anna.vote(mine[0], "t", "a")
    assert len(ids(ben.next_records("t", N))) == N - 3
    anna.undo_vote(vote_id)
    anna.release_records("t")
    assert set(mine) <= set(ids(ben.next_records("t", N)))


def test_what_cannot_be_kept_holds_up_nothing_else(ws):
    anna = person(ws, "anna")
    record_id = ids(anna.next_records("t", 1))[0]
    two = {"classes": [class_id(ws, "a"), class_id(ws, "b")]}
    sent = [
        Submission("gone-record-1", "vote", "not here", two),
        Submission("gone-class-12", "vote", record_id, {"classes": ["c_gone"]}),
        Submission("two-of-one-12", "vote", record_id, two),
        Submission("nothing-to-un", "undo", record_id, undoes="never-sent"),
        Submission("good-one-1234", "vote", record_id, {"classes": []}),
    ]
    done = anna.submit("t", sent)
    assert [o.outcome for o in done] == ["refused"] * 4 + ["kept"]
    assert all(o.reason.endswith(".") for o in done[:4])
    assert [o.client_id for o in done] == [s.client_id for s in sent]


def test_several_classes_are_kept_in_the_order_of_the_task(ws):
    ws.store.tasks.define(ws.store.actor, "many", ["x", "y", "z"], kind=TaskKind.CLASSES)
    anna, ben = person(ws, "anna"), person(ws, "ben")
    record_id = ids(anna.next_records("many", 1))[0]
    vote(anna, record_id, "z", "x", task="many")
    vote(ben, record_id, "x", "z", task="many")
    assert ws.conflicts("many").records == []
    assert sorted(c for c, _, _ in label(ws, record_id)) == ["x", "z"]


def test_several_people_make_a_majority_and_a_reviewer_settles(ws):
    people = [person(ws, name) for name in ("anna", "ben", "cleo")]
    record_id, agreed = ids(people[0].next_records("t", 2))
    for who, said in zip(people, ("a", "a", "b"), strict=True):
        vote(who, record_id, said)
        vote(who, agreed, "c")
    assert label(ws, record_id) == [("a", 0.67, True)]
    page = ws.conflicts("t")
    assert ids(page) == [record_id]
    assert [(v.who, v.class_ids) for v in page.records[0].votes] == [
        (who.store.actor.name, (class_id(ws, said),)) for who, said in zip(people, ("a", "a", "b"), strict=True)
    ]
    rita, otto = person(ws, "rita", Role.REVIEWER), person(ws, "otto", Role.REVIEWER)
    settled = vote(rita, record_id, "b", settles=True)
    assert label(ws, record_id) == [("b", 1.0, True)]
    assert ws.conflicts("t").records == []
    assert record_id not in ids(person(ws, "dora").next_records("t", N)), "what is settled needs nobody"
    second = vote(otto, record_id, "c", settles=True)
    assert (second.outcome, second.stands["vote_id"]) == ("stale", settled.vote_id)
    assert vote(otto, record_id, "c", base=settled.vote_id, settles=True).outcome == "kept"
    assert label(ws, record_id) == [("c", 1.0, True)]
    standing = dict(ws.store.person_votes.standing(ws.store.tasks.find("t").task_id))
    assert class_id(ws, "c") in standing[record_id]
    otto.submit(
        "t", [Submission(new_id("c"), "undo", record_id, undoes=otto.my_votes("t")[0]["vote_id"])], settles=True
    )
    assert label(ws, record_id) == [("b", 1.0, True)], "the earlier word stands again"


def test_a_reviewers_word_is_what_a_snapshot_learns(ws):
    people = [person(ws, name) for name in ("anna", "ben", "cleo")]
    for number, record_id in enumerate(ids(people[0].next_records("t", 30))):
        for who in people[: 1 + number % 3]:
            vote(who, record_id, "abc"[number % 3])
    record_id = ids(people[0].next_records("t", 1))[0]
    for who in people:
        vote(who, record_id, "a")
    vote(person(ws, "rita", Role.REVIEWER), record_id, "b", settles=True)
    task = ws.store.tasks.find("t")
    rows = ws.store.snapshots.read(ws.snapshot(task).snapshot_id).to_pylist()
    probs = next(r["probs"] for r in rows if r["record_id"] == record_id)
    assert dict(zip(task.class_names, probs, strict=True)) == {"a": 0, "b": 1, "c": 0}


def test_a_chooser_decides_the_order_and_says_why(ws):
    chosen = []

    def chooser(task, waiting):
        chosen.append(task.name)
        return [Choice(i, "it is the oddest") for i in sorted(waiting)[:2]]

    page = ws.next_records("t", 3, chooser=chooser)
    everything = sorted(ws.store.records.all_ids().to_pylist())
    assert ids(page)[:2] == everything[:2]
    assert [w.assignment.reason for w in page.records][:2] == ["it is the oddest"] * 2
    assert "nobody has said" in page.records[2].assignment.reason
    ws.next_records("t", 3, chooser=chooser)
    assert chosen == ["t"], "the order is made once"
    ws.reorder("t")
    ws.next_records("t", 3, chooser=chooser)
    ws.lines.close()
    assert chosen == ["t", "t"]


def test_the_shuffle_is_kept_when_a_chooser_changes_its_mind(ws, monkeypatch):
    made = []
    monkeypatch.setattr("homegrown.label.queue.LOOK_EVERY_S", 0.0)
    monkeypatch.setattr("homegrown.label.queue._order", lambda *of, make=queue._order: made.append(1) or make(*of))

    class Fickle:
        mind = 0

        def __call__(self, task, waiting):
            return [Choice(waiting[self.mind], "now this"), Choice("not here", "never")]

        def stamp(self, task):
            return self.mind

    chooser, shuffled = Fickle(), ids(ws.next_records("t", N))
    ws.release_records("t")
    made.clear()
    for mind in (5, 9):
        chooser.mind = mind
        for _ in range(2):
            page = ws.next_records("t", 3, chooser=chooser)
            ws.release_records("t")
            ws.lines.close()
        assert ids(page) == [shuffled[mind], *shuffled[:2]]
        assert page.n_waiting == N
    assert made == [1]


def test_a_selection_limits_the_queue(ws):
    ws.save_selection("few", "select record_id from records where text like 'case 1%'")
    page = ws.next_records("t", 50, selection="few")
    assert len(page.records) == 11
    assert all(w.record.text.startswith("case 1") for w in page.records)
    assert page.n_waiting == 11


def test_how_many_wait_is_right_whoever_asks_again_and_when(ws):
    record_ids = ids(ws.next_records("t", 12))
    ws.save_selection("few", "select record_id from records where text like 'case 1%'")
    n_few = ws.next_records("t", 5, selection="few").n_waiting
    n_of_few = len(set(ws.selected_ids("few")) & set(record_ids[:7]))
    assert {vote(ws, i, "a").outcome for i in record_ids[:7]} == {"kept"}
    # What the person holds already fills the page: nothing is looked at to give more.
    for _ in range(2):
        assert ws.next_records("t", 5).n_waiting == N - 7
        assert ws.next_records("t", 1, selection="few").n_waiting == n_few - n_of_few
        ws.lines.forget(ws.store.tasks.find("t").task_id)  # as after a start anew
    mine = ws.my_votes("t", 1)[0]
    ws.submit("t", [Submission(new_id("c"), "undo", mine["record_id"], undoes=mine["vote_id"])])
    assert ws.next_records("t", 5).n_waiting == N - 6
    ws.set_station("t", StationSettings(overlap=2))
    assert ws.next_records("t", 5).n_waiting == N
    anna = person(ws, "anna")
    assert {vote(anna, i, "b").outcome for i in (record_ids[0], record_ids[-1])} == {"kept"}
    assert ws.next_records("t", 5).n_waiting == N - (mine["record_id"] != record_ids[0])


def test_new_records_join_the_queue_while_it_is_used(ws, tmp_path, monkeypatch):
    monkeypatch.setattr("homegrown.label.queue.LOOK_EVERY_S", 0.0)
    assert ws.next_records("t", 5).n_waiting == N
    (tmp_path / "more.csv").write_text("text\nsomething new\nsomething else\n")
    ws.ingest(tmp_path / "more.csv", text="text")
    ws.next_records("t", 5)
    ws.lines.close()
    assert ws.next_records("t", 5).n_waiting == N + 2


def test_comments_are_kept_once_and_answered(ws):
    anna = person(ws, "anna")
    record_id = ids(anna.next_records("t", 1))[0]
    for _ in range(2):
        anna.comment("t", record_id, "question", "Is <b>this</b> a?", client_id="question-1")
    with pytest.raises(ReusedKeyError):
        anna.comment("t", record_id, "question", "another", client_id="question-1")
    anna.comment("t", record_id, "flag")
    with pytest.raises(InputError):
        anna.comment("t", record_id, "comment", " ")
    with pytest.raises(NotFoundError):
        anna.comment("t", "not here", "comment", "x")
    task_id = ws.store.tasks.find("t").task_id
    asked = ws.store.comments.of_task(task_id, kind="question")
    assert [(c["text"], c["actor"], c["resolved_at"]) for c in asked] == [("Is <b>this</b> a?", "anna", None)]
    ws.store.comments.resolve(ws.store.actor, asked[0]["comment_id"], "Yes, where it says so.")
    assert ws.sql("select answer from comments where kind = 'question'").rows()[0]["answer"].startswith("Yes")


def test_forgetting_takes_assignments_and_comments_along(ws):
    anna = person(ws, "anna")
    record_id = ids(anna.next_records("t", 1))[0]
    anna.comment("t", record_id, "comment", "she lives in the mill")
    vote(anna, record_id, "a")
    ws.forget(record=record_id)
    for table in ("assignments", "comments", "votes"):
        assert not ws.sql(f"select * from {table} where record_id = ?", [record_id]).rows(), table


def test_postgres_keeps_the_same_promises(tmp_path, postgres):
    with opened(tmp_path, database_url=postgres) as ws:
        anna, ben = person(ws, "anna"), person(ws, "ben")
        with ThreadPoolExecutor(8) as pool:
            pages = list(pool.map(lambda who: set(ids(who.next_records("t", 12))), [anna, ben] * 4))
        assert not pages[0] & pages[1]
        assert all(len(p) == 12 for p in pages)
        record_id = min(pages[0])
        with ThreadPoolExecutor(8) as pool:
            done = list(pool.map(lambda _: vote(anna, record_id, "a", client_id="the-same-one"), range(40)))
        assert {o.outcome for o in done} == {"kept"}
        assert n_votes(ws) == 1
        with ThreadPoolExecutor(8) as pool:
            done = list(pool.map(lambda k: vote(ben, record_id, "abc"[k % 3]), range(12)))
        assert len(ws.store.person_votes.of_records([record_id])) == 2
        vote(anna, record_id, "a", base="the-same-one")
        assert ws.team("t").report.people[0].n_votes == 1
        settled = vote(person(ws, "rita", Role.REVIEWER), record_id, "c", settles=True)
        assert settled.outcome == "kept"
        assert label(ws, record_id) == [("c", 1.0, True)]
        assert ws.conflicts("t").records == []
        anna.submit("t", [Submission(new_id("c"), "skip", min(pages[0] - {record_id}))])
        assert anna.my_votes("t")[0]["record_id"] == record_id


def test_what_was_answered_elsewhere_is_not_given_again(ws):
    anna, rita = person(ws, "anna"), person(ws, "rita", Role.REVIEWER)
    by_hand, settled, left = ids(anna.next_records("t", 3))
    anna.vote(by_hand, "t", "a")
    vote(rita, settled, "b", settles=True)
    assert ids(anna.next_records("t", 1)) == [left]


def test_two_first_votes_at_once_are_both_kept(ws, monkeypatch):
    anna, met = person(ws, "anna"), threading.Barrier(2)

    def meeting(prefix):
        met.wait(10)
        return new_id(prefix)

    monkeypatch.setattr("homegrown.store.tasks.new_id", meeting)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda i: anna.vote(i, "t", "a"), ws.store.records.all_ids().to_pylist()[:2]))
    assert n_votes(ws) == 2
    assert [s["name"] for s in ws.store.tasks.label_sources(ws.store.tasks.find("t").task_id)] == ["anna"]


def test_a_disagreement_ends_when_its_classes_are_merged_or_its_record_goes(ws, tmp_path):
    anna, ben = person(ws, "anna"), person(ws, "ben")
    merged, open_one, gone = ids(anna.next_records("t", 3))
    for record_id, first, second in ((merged, "a", "b"), (open_one, "a", "c"), (gone, "b", "c")):
        vote(anna, record_id, first)
        vote(ben, record_id, second)
    assert ids(ws.conflicts("t")) == [merged, open_one, gone]
    text = ws.store.records.texts([gone])[gone]
    rows = (tmp_path / "rows.csv").read_text(encoding="utf-8").splitlines()
    (tmp_path / "rows.csv").write_text("\n".join(r for r in rows if not r.startswith(f"{text},")), encoding="utf-8")
    ws.ingest(tmp_path / "rows.csv", text="text")
    assert ids(ws.conflicts("t")) == [merged, open_one]
    ws.merge_classes("t", ["a", "b"], "ab")
    page = ws.conflicts("t", 1)
    assert (ids(page), page.n_waiting, ws.team("t").n_conflicts) == ([open_one], 1, 1)
    assert [v.class_ids for v in page.records[0].votes] == [(class_id(ws, "ab"),), (class_id(ws, "c"),)]
    assert label(ws, merged) == [("ab", 1.0, True)]
    assert [v["class_ids"] for v in anna.my_votes("t")] == [[class_id(ws, "ab")]] * 3
    ws.split_class("t", "c", ["c1", "c2"])
    vote(anna, open_one, "c1", base=anna.my_votes("t")[1]["vote_id"])
    assert ids(ws.conflicts("t")) == [], "c may well mean c1"
    ws.remove_class("t", "c1")
    assert ids(ws.conflicts("t")) == []


def test_a_class_that_was_merged_counts_as_the_other_and_a_split_one_is_asked_again():
    classes = (TaskClass("c_1", "one"), TaskClass("c_2", "two"))
    task = Task("task_1", "t", 2, TaskKind.CLASS, classes, moved={"c_old": ("c_2",), "c_cut": ("c_1", "c_2")})
    assert value_of_ids(task, ["c_old"]) == {"class": "c_2"}
    with pytest.raises(InputError, match="split"):
        value_of_ids(task, ["c_cut"])


class Backwards:
    """Chooses the records in the order of their ids, from the end."""

    def __call__(self, task, waiting):
        return [Choice(i, "backwards") for i in sorted(waiting, reverse=True)]


def test_what_a_split_left_open_comes_first_and_to_whom_had_said_it(ws):
    anna, ben = person(ws, "anna"), person(ws, "ben")
    spoken = ids(anna.next_records("t", 3))
    for record_id in spoken:
        vote(anna, record_id, "a")
    first = ids(ws.next_records("t", 1, chooser=Backwards()))
    ws.release_records("t")
    ws.store.tasks.split_class(ws.store.actor, ws.store.tasks.find("t").task_id, "a", ["a1", "a2"])
    ws.lines.forget(ws.store.tasks.find("t").task_id)
    assert ws.task_counts("t").n_undecided == 3
    page = ws.next_records("t", 5, chooser=Backwards())
    assert set(ids(page)[:3]) == set(spoken)
    assert ids(page)[3:4] == first, "then what the chooser wants"
    assert [w.assignment.reason for w in page.records[:3]] == ["“a” was split: which part is this?"] * 3
    assert not set(ids(ben.next_records("t", 5))) & set(spoken), "they are held"
    ws.release_records("t")
    page = anna.next_records("t", 3)
    assert set(ids(page)) == set(spoken), "who said the old class is asked too"
    assert vote(anna, spoken[0], "a1").outcome == "stale"
    assert vote(anna, spoken[0], "a1", base=page.records[ids(page).index(spoken[0])].base).outcome == "kept"
    assert ws.task_counts("t").n_undecided == 2
    assert spoken[0] not in ids(anna.next_records("t", 20))
    assert label(ws, spoken[0]) == [("a1", 1.0, True)]


def test_what_a_reviewer_settled_as_a_class_that_was_split_comes_back_to_reviewers(ws):
    anna, carla = person(ws, "anna"), person(ws, "carla", Role.REVIEWER)
    one = ids(anna.next_records("t", 1))[0]
    vote(anna, one, "b")
    vote(carla, one, "a", settles=True)
    assert carla.conflicts("t").records == []
    ws.store.tasks.split_class(ws.store.actor, ws.store.tasks.find("t").task_id, "a", ["a1", "a2"])
    assert one not in ids(ws.next_records("t", N)), "nobody else's word would count"
    page = carla.conflicts("t")
    assert [w.assignment.reason for w in page.records] == ["“a” was split: which part is this?"]
    assert vote(carla, one, "a2", base=page.records[0].base, settles=True).outcome == "kept"
    assert carla.conflicts("t").records == []
    assert label(ws, one) == [("a2", 1.0, True)]


def test_of_a_split_column_what_nobody_decided_comes_first(tmp_path):
    with (tmp_path / "rows.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["text", "topic"], *([f"case {i} of its own", "abc"[i % 3]] for i in range(N))])
    with connect(tmp_path / "work") as ws:
        ws.ingest(tmp_path / "rows.csv", text="text", label="topic")
        ws.import_labels("t", "topic")
        assert ws.next_records("t", 1).records[0].assignment.reason == queue.ONLY_IMPORTED
        ws.store.tasks.split_class(ws.store.actor, ws.store.tasks.find("t").task_id, "b", ["b1", "b2"])
        ws.lines.forget(ws.store.tasks.find("t").task_id)
        ws.release_records("t")
        page = ws.next_records("t", 21)
        assert {w.record.fields["topic"] for w in page.records[:20]} == {"b"}
        assert page.records[20].record.fields["topic"] != "b"
        assert ws.store.tasks.restore(ws.store.actor, ws.store.tasks.find("t").task_id, 1)
        ws.lines.forget(ws.store.tasks.find("t").task_id)
        assert ws.next_records("t", 60).records[-1].assignment.reason == queue.ONLY_IMPORTED
