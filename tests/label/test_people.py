"""Several people: invited by a link, measured by what they said of the same records."""

import json
import subprocess
import sys

import numpy as np
import pytest

from homegrown.core.access import Actor, Permission, Role
from homegrown.core.models import OUT_OF_SCOPE
from homegrown.core.tasks import Task, TaskClass, TaskKind
from homegrown.errors import ConflictError, ForbiddenError, InputError, NotFoundError, UnauthenticatedError
from homegrown.govern.access import Access
from homegrown.govern.people import People
from homegrown.label.people import PersonVote, people_report
from homegrown.workspace import connect

CLASSES = tuple(TaskClass(f"c_{name}", name) for name in ("a", "b", "c"))
ONE = Task("task_1", "t", 1, TaskKind.CLASS, CLASSES)
MANY = Task("task_2", "m", 1, TaskKind.CLASSES, CLASSES)


def crowd(n=300, seed=0):
    """Three people: one nearly always right, one who takes b for c, one who guesses; and the truth."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, n)
    said = {
        "ann": np.where(rng.random(n) < 0.97, truth, rng.integers(0, 3, n)),
        "ben": np.where((truth == 1) & (rng.random(n) < 0.6), 2, truth),
        "cat": np.where(rng.random(n) < 0.4, truth, rng.integers(0, 3, n)),
        "dan": np.where(rng.random(n) < 0.9, truth, rng.integers(0, 3, n)),
    }
    votes = [
        PersonVote(f"r{i}", who, {"class": CLASSES[k].class_id})
        for who, values in said.items() for i, k in enumerate(values)
    ]  # fmt: skip
    return votes, truth, said


def test_what_each_person_confuses_is_found_without_gold():
    votes, truth, said = crowd()
    report = people_report(ONE, votes)
    by_name = {p.actor_id: p for p in report.people}
    for who, person in by_name.items():
        real = float((said[who] == truth).mean())
        assert person.ci95[0] - 0.02 <= real <= person.ci95[1] + 0.02, who
        assert not person.is_measured
    first = by_name["ben"].confusions[0]
    assert (first.truth, first.said) == ("b", "c")
    assert abs(first.share - (said["ben"][truth == 1] == 2).mean()) < 0.12
    assert 0.4 < report.alpha.value < 0.9
    assert report.alpha.n == 300
    assert [name for name, _ in report.by_class] == ["a", "b", "c"]
    pairs = {(a, b): k.value for a, b, k in report.by_pair}
    assert pairs["ann", "dan"] > pairs["ann", "cat"]
    assert all(k.ci95[0] <= k.value <= k.ci95[1] for _, _, k in report.by_pair)


def test_what_reviewers_settled_measures():
    votes, truth, said = crowd(120)
    settled = [PersonVote(f"r{i}", "rev", {"class": CLASSES[k].class_id}, True) for i, k in enumerate(truth[:60])]
    report = people_report(ONE, votes + settled)
    assert {p.actor_id for p in report.people} == {"ann", "ben", "cat", "dan"}, "a reviewer is not of the crowd"
    for person in report.people:
        assert person.is_measured
        assert person.accuracy == pytest.approx((said[person.actor_id][:60] == truth[:60]).mean())


@pytest.mark.parametrize("task", [ONE, MANY])
def test_little_is_said_of_little(task):
    def value(*ids):
        return {"classes": list(ids)} if task is MANY else {"class": ids[0] if ids else OUT_OF_SCOPE}

    assert people_report(task, []).people == ()
    alone = people_report(task, [PersonVote("r1", "ann", value("c_a")), PersonVote("r2", "ann", value())])
    assert np.isnan(alone.alpha.value)
    assert alone.people[0].accuracy is None
    gone = people_report(task, [PersonVote("r1", w, value("c_gone")) for w in ("ann", "ben")])
    assert np.isnan(gone.alpha.value)
    same = people_report(task, [PersonVote("r1", w, value("c_a")) for w in ("ann", "ben")])
    assert [p.accuracy for p in same.people] == [None, None]


def test_sets_of_classes_agree_per_class():
    votes = [PersonVote(f"r{i}", who, {"classes": ["c_a", "c_b"] if (i + (who == "ben" and i > 15)) % 2 else ["c_c"]})
             for i in range(20) for who in ("ann", "ben")]  # fmt: skip
    report = people_report(MANY, votes)
    assert 0 < report.alpha.value < 1
    assert [name for name, _ in report.by_class] == ["a", "b", "c"]


@pytest.fixture
def ws(tmp_path):
    (tmp_path / "rows.csv").write_text("text\n" + "\n".join(f"case {i} of its own" for i in range(20)))
    with connect(tmp_path / "work") as ws:
        ws.ingest(tmp_path / "rows.csv", text="text")
        ws.task("t", classes=["a", "b"])
        ws.task("other", classes=["x", "y"])
        yield ws


def test_somebody_who_is_invited_labels_their_task_and_nothing_else(ws):
    made = ws.invite("t", "Anna")
    access = Access(ws.store.db)
    anna = access.actor_of_key(made.key)
    assert (anna.name, anna.role, anna.actor_id) == ("Anna", Role.ANNOTATOR, made.actor_id)
    assert not anna.may(Permission.READ)
    session = access.open_session(made.link)
    assert access.actor_of_session(session).actor_id == made.actor_id
    with pytest.raises(UnauthenticatedError):
        access.open_session(made.link)
    mine = ws.acting_as(anna)
    assert [t.name for t in mine.my_tasks()] == ["t"]
    with pytest.raises(ForbiddenError):
        mine.check_may_label(ws.store.tasks.find("other"))
    ws.admit("other", made.actor_id)
    mine.check_may_label(ws.store.tasks.find("other"))
    assert made.key not in repr(made)
    people = People(ws.store.db)
    another = people.new_link(ws.store.actor, made.actor_id)
    again = people.new_link(ws.store.actor, made.actor_id)
    with pytest.raises(UnauthenticatedError):
        access.open_session(another)
    people.remove(ws.store.actor, made.actor_id)
    assert access.actor_of_key(made.key) is None
    assert access.actor_of_session(session) is None
    assert access.actor_of_session(access.open_session(again)) is None
    assert people.list() == []
    assert ws.invite("t", "anna").actor_id != made.actor_id, "a name is free again"


def test_bad_invitations_are_refused(ws):
    ws.invite("t", "Anna")
    with pytest.raises(ConflictError, match="somebody called"):
        ws.invite("t", " anna ")
    with pytest.raises(ConflictError):
        ws.invite("t", "terminal")
    ws.invite("t", "Änne")
    with pytest.raises(ConflictError, match="somebody called"):
        ws.invite("t", "änne")
    for name, role in (
        ("", "annotator"),
        ("a\nb", "annotator"),
        ("x" * 101, "annotator"),
        ("Ben", "owner"),
        ("Ben", ""),
    ):
        with pytest.raises(InputError):
            ws.invite("t", name, role)
    reviewer = Actor(ws.invite("t", "Rita", "reviewer").actor_id, "person", "Rita", Role.REVIEWER)
    with pytest.raises(ForbiddenError):
        ws.acting_as(reviewer).invite("t", "Ben")
    with pytest.raises(NotFoundError):
        People(ws.store.db).remove(ws.store.actor, "actor_terminal")


def test_votes_count_for_what_their_classes_became():
    classes = tuple(TaskClass(f"c_{n}", n) for n in ("ab", "c", "d"))
    moved = {"c_a": ("c_ab",), "c_b": ("c_ab",), "c_cd": ("c_c", "c_d"), "c_gone": ()}
    one = Task("task_1", "t", 2, TaskKind.CLASS, classes, moved=moved)
    said = {"ann": ("c_a", "c_b", "c_c", "c_cd", "c_gone"), "ben": ("c_b", "c_ab", "c_c", "c_d", "c_d")}
    votes = [PersonVote(f"r{i}", who, {"class": k}) for who, ids in said.items() for i, k in enumerate(ids)]
    report = people_report(one, votes)
    assert (report.alpha.value, report.alpha.n) == (1.0, 3), "split and gone ones say nothing"
    assert [(p.actor_id, p.n_votes) for p in report.people] == [("ann", 3), ("ben", 5)]
    many = Task("task_2", "m", 2, TaskKind.CLASSES, classes, moved=moved)
    sets = {"ann": (["c_a", "c_c"], ["c_b"], ["c_d"]), "ben": (["c_c", "c_ab"], ["c_ab", "c_gone"], ["c_c"])}
    votes = [PersonVote(f"r{i}", who, {"classes": k}) for who, ids in sets.items() for i, k in enumerate(ids)]
    report = people_report(many, votes)
    assert report.alpha.n == 3
    assert dict(report.by_class)["ab"].value == 1.0


def test_open_questions_are_counted_however_many(ws):
    record_id = ws.search_records(limit=1).records[0].record_id
    for number in range(203):
        ws.comment("t", record_id, "question", f"question {number}?")
    ws.comment("t", record_id, "flag")
    ws.answer(ws.questions("t")[0]["comment_id"])
    assert ws.team("t").n_questions == 202


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "homegrown", *map(str, arguments)], capture_output=True, text=True, timeout=120
    )


def test_the_command_line_invites_and_shows_the_queue_and_the_people(ws):
    root = ws.store.layout.root
    made = json.loads(run("label", "invite", "t", "Anna", "--role", "reviewer", "--workspace", root, "--json").stdout)
    assert made["url"].startswith("http://127.0.0.1:8700/signin?link=")
    queue = json.loads(run("label", "queue", "t", "-n", 3, "--workspace", root, "--json").stdout)
    assert len(queue["records"]) == 3
    assert queue["n_waiting"] == 20
    for record in queue["records"]:
        ws.vote(record["record_id"], "t", "a")
    team = json.loads(run("label", "people", "t", "--workspace", root, "--json").stdout)
    assert [(p["name"], p["n_votes"], p["accuracy"]) for p in team["people"]] == [("terminal", 3, None)]
    assert "terminal" in run("label", "people", "t", "--workspace", root).stdout
    nobody = run("label", "queue", "nothing", "--workspace", root)
    assert (nobody.returncode, "There is no task" in nobody.stderr) == (2, True)
