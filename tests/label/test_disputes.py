"""Fields of objects on which people and sources disagree: found, told side by side, settled one by one."""

import json
import shutil

import pyarrow as pa
import pytest
from click.testing import CliRunner

from homegrown.cli.main import cli
from homegrown.core.access import Actor, Role
from homegrown.core.assignments import Submission
from homegrown.core.ids import new_id
from homegrown.curate.object_labels import read_object_labels
from homegrown.errors import ConflictError, ForbiddenError, InputError
from homegrown.evaluate.people_fields import settled_fields
from homegrown.label.disputes import disputed_fields
from homegrown.label.span_exchange import exported_spans
from homegrown.store.exams import DrawnCall
from homegrown.workspace import connect

TEXTS = [f"No {i}: Ann Lee owes {i}.00 EUR by 0{i}.11.2026, says Ann Lee" for i in range(1, 6)]
FIELDS = {"who": "span", "owes": "money", "day": "date", "kind": ["bill", "offer"]}


class Desk:
    """Five texts, and people who say something of them."""

    def __init__(self, ws):
        self.ws, self.task = ws, ws.task("note").noun
        self.ids = {f.name: f.field_id for f in self.task.fields}
        self.choices = {c.name: c.class_id for c in self.task.fields[3].choices}
        texts = {r["text"]: r["record_id"] for r in ws.store.records.scan(["record_id", "text"]).to_pylist()}
        self.records = [texts[t] for t in TEXTS]

    def person(self, name, role=Role.ANNOTATOR):
        made = self.ws.invite("note", name, role.value)
        return self.ws.acting_as(Actor(made.actor_id, "person", name, role))

    def say(self, person, i, **said):
        answers = {self.ids[n]: {"choices": [self.choices[a]]} if n == "kind" and a else a for n, a in said.items()}
        (done,) = person.submit("note", [Submission(new_id("c"), "vote", self.records[i], {"fields": answers})])
        assert done.outcome == "kept", done

    def waiting(self, **how):
        names = {i: n for n, i in self.ids.items()}
        return [
            (self.records.index(d.record_id), names[d.field_id], d.among_people)
            for d in self.ws.disputed_fields("note", **how)
        ]

    def sides(self, i, name):
        (found,) = self.ws.disputes("note", [(self.records[i], self.ids[name])])
        return [(side.who, side.n_people) for side in found.sides]

    def label(self, i):
        labels = read_object_labels(self.ws.store, self.task, pa.array([self.records[i]]))
        said = json.loads(labels.values[0])["fields"]
        return {n: said[f] for n, f in self.ids.items() if f in said}


def at(i, words, start=0):
    place = TEXTS[i].index(words, start)
    return [place, place + len(words)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A workspace in which three people and a column spoke; each test has a copy."""
    folder = tmp_path_factory.mktemp("disputes")
    rows = [{"text": t, "guess": {"who": "Ann Lee", "kind": "offer"}} for t in TEXTS]
    (folder / "in.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    with connect(folder / "ws") as ws:
        ws.ingest(folder / "in.jsonl", text="text")
        ws.task("note", fields=FIELDS).import_answers("guess")
        desk = Desk(ws)
        eve, joe, zoe = desk.person("Eve"), desk.person("Joe"), desk.person("Zoe")
        desk.say(eve, 0, owes={"value": "1.00", "currency": "EUR"}, who={"spans": [at(0, "Ann Lee")]}, kind="bill")
        desk.say(joe, 0, owes={"value": "1", "spans": [at(0, "1.00")]}, who={"spans": [at(0, "Ann")]}, kind="bill")
        desk.say(eve, 1, day={"value": "2026-11-02"}, kind="bill", who=None)
        desk.say(joe, 1, day=None, kind="offer")
        desk.say(zoe, 1, day={"value": "2026-11-02"}, kind="bill")
        desk.say(eve, 2, who={"spans": [at(2, "Ann Lee", 20)]}, kind="bill")
        desk.say(joe, 2, kind="bill")
    return folder / "ws"


@pytest.fixture
def desk(folder, tmp_path):
    with connect(shutil.copytree(folder, tmp_path / "ws")) as ws:
        yield Desk(ws)


def test_what_means_the_same_is_no_disagreement_and_the_worst_comes_first(desk):
    assert desk.waiting() == [(0, "who", True), (1, "day", True), (1, "kind", True)]
    assert desk.ws.team("note").n_conflicts == 2
    assert desk.waiting(sources=True) == [
        (0, "who", True),
        (0, "kind", False),
        (1, "day", True),
        (1, "kind", True),
        (1, "who", False),
        (2, "kind", False),
    ], "the same words at another place are no other answer of an import"


def test_sides_say_who_and_a_source_joins_those_who_say_the_same(desk):
    column = "the column “guess”"
    assert desk.sides(0, "who") == [(("Eve", column), 1), (("Joe",), 1)]
    assert desk.sides(1, "kind") == [(("Eve", "Zoe"), 2), (("Joe", column), 1)]
    assert desk.sides(2, "who") == [(("Eve", column), 1)]
    (owes,) = desk.ws.disputes("note", [(desk.records[0], desk.ids["owes"])])
    assert len(owes.sides) == 1
    assert owes.sides[0].answer["currency"] == "EUR"


def test_a_reviewers_word_decides_its_field_and_no_other(desk):
    rita, rob = desk.person("Rita", Role.REVIEWER), desk.person("Rob", Role.REVIEWER)
    first = rita.settle("note", desk.records[1], {"day": "2026-11-02"})
    assert first.outcome == "kept"
    assert desk.waiting() == [(0, "who", True), (1, "kind", True)], "the other field waits on"
    judged = settled_fields(desk.ws.store, desk.task.task_id, desk.task.fields, {desk.records[1]: TEXTS[1]})
    assert judged[desk.records[1]].fields.keys() == {desk.ids[n] for n in ("day", "who", "kind")}, "people count on"
    label = desk.label(1)
    assert label["day"] == {"value": "2026-11-02", "spans": [at(1, "02.11.2026")]}
    assert label["who"] is None, "what people said of other fields counts on"
    second = rob.settle("note", desk.records[1], {"kind": "offer"})
    assert second.outcome == "kept", "who settles another field need not have seen the first"
    assert desk.label(1)["kind"] == {"choices": [desk.choices["offer"]]}
    assert desk.label(1)["day"] == label["day"]
    assert desk.waiting() == [(0, "who", True)]
    stale = rita.settle("note", desk.records[1], {"kind": None})
    assert (stale.outcome, stale.stands["vote_id"]) == ("stale", second.vote_id)
    assert rita.settle("note", desk.records[1], {"kind": None}, base=second.vote_id).outcome == "kept"
    assert desk.label(1)["kind"] is None
    (told,) = desk.ws.disputes("note", [(desk.records[1], desk.ids["kind"])])
    assert (told.settled.who, told.settled.answer) == (("Rita",), None)
    assert [p.accuracy for p in desk.ws.team("note").report.people] != [None] * 3
    (one,) = [e for e in exported_spans(desk.ws.store, desk.task, {}) if e.record_id == desk.records[1]]
    assert ("Eve", ()) in [(o.author, o.spans) for o in one.opinions], "what she said of other fields goes out with it"


def test_settling_is_kept_once_and_taken_back(desk):
    rita = desk.person("Rita", Role.REVIEWER)
    one = Submission("client_0001", "vote", desk.records[0], {"fields": {desk.ids["who"]: None}})
    (first,) = rita.submit("note", [one], settles=True)
    assert rita.settle("note", desk.records[0], {"kind": "bill"}).outcome == "kept"
    (again,) = rita.submit("note", [one], settles=True)
    assert (again.outcome, again.vote_id) == ("kept", first.vote_id)
    other = Submission("client_0001", "vote", desk.records[0], {"fields": {desk.ids["kind"]: None}})
    assert rita.submit("note", [other], settles=True)[0].outcome == "refused"
    (late,) = rita.submit(
        "note", [Submission("client_0002", "undo", desk.records[0], undoes=first.vote_id)], settles=True
    )
    assert late.outcome == "stale", "a later word stands on it"
    (undone,) = rita.submit(
        "note", [Submission("client_0003", "undo", desk.records[0], undoes=late.stands["vote_id"])], settles=True
    )
    assert undone.outcome == "kept"
    assert desk.label(0)["who"] is None
    assert desk.label(0)["kind"] == {"choices": [desk.choices["bill"]]}
    assert desk.waiting() == [(1, "day", True), (1, "kind", True)]


def test_who_may_settle_and_what_is_no_answer(desk):
    with pytest.raises(ForbiddenError):
        desk.person("Ann").settle("note", desk.records[0], {"who": None})
    for said, why in (
        ({"owes": "7.77 EUR"}, "does not stand in the text"),
        ({"who": "Bob"}, "do not stand in the text"),
        ({"kind": "none"}, "none of its choices"),
        ({"day": "01.11.2026"}, "may be 2026-01-11 or 2026-11-01|may be 2026-11-01 or 2026-01-11"),
        ({"nothing": None}, "no field 'nothing'"),
        ({}, "Nothing is said"),
    ):
        with pytest.raises(InputError, match=why):
            desk.ws.settle("note", desk.records[0], said)


def test_nobody_but_people_is_quoted_in_an_exam(desk):
    calls = [DrawnCall(f"t{i}", desk.records[i], 1.0, None, None) for i in (1, 2)]
    desk.ws.store.exams.draw(desk.ws.store.actor, "mver_1", desk.task.task_id, calls)
    assert desk.sides(1, "kind") == [(("Eve", "Zoe"), 2), (("Joe",), 1)]
    assert (2, "kind", False) not in desk.waiting(sources=True)


def test_in_a_terminal(desk):
    folder = str(desk.ws.store.layout.root)

    def run(*arguments):
        return CliRunner().invoke(cli, ["label", *arguments, "--workspace", folder])

    told = run("queue", "note", "--conflicts")
    assert told.exit_code == 0, told.output
    assert "    who: Ann Lee (Eve, the column “guess”) | Ann (Joe)" in told.output.splitlines()
    assert "2 wait" in told.output
    found = json.loads(run("queue", "note", "--conflicts", "--sources", "--json").output)
    assert [[d["field"] for d in r["disputes"]] for r in found["records"]] == [
        ["who", "kind"],
        ["day", "kind", "who"],
        ["kind"],
    ]
    assert found["records"][1]["disputes"][0]["sides"][1] == {"value": None, "who": ["Joe"]}
    assert run("settle", "note", desk.records[1], "day=2026-11-02", "kind=").exit_code == 0
    assert desk.waiting() == [(0, "who", True)]
    late = run("settle", "note", desk.records[1], "kind=bill")
    assert isinstance(late.exception, ConflictError)
    base = late.exception.message.rpartition("--base ")[2].rstrip(".")
    assert run("settle", "note", desk.records[1], "kind=bill", "--base", base).exit_code == 0
    assert run("settle", "note", desk.records[1], "kind").exit_code
    assert run("queue", "note", "--sources").exit_code == 2


def test_what_is_kept_of_the_queue_is_what_there_is(desk):
    eve, rita = desk.person("Eva"), desk.person("Rita", Role.REVIEWER)

    def check():
        for sources in (False, True):
            kept = desk.ws.disputed_fields("note", sources=sources)
            fresh = disputed_fields(desk.ws.store, desk.ws.task("note").noun, sources=sources)
            assert set(kept) == set(fresh)
            assert [d.weight for d in kept if d.among_people] == [d.weight for d in fresh if d.among_people]
        return len(kept)

    assert check() == 6
    desk.say(eve, 3, who=None)
    assert check() == 7, "the column says a name"
    desk.say(eve, 2, kind="offer")
    assert check() == 7, "what only a source contradicted people contradict now"
    done = rita.settle("note", desk.records[2], {"kind": "bill"})
    assert check() == 6
    rita.submit("note", [Submission("client_2", "undo", desk.records[2], undoes=done.vote_id)], settles=True)
    assert check() == 7
    desk.ws.forget(record=desk.records[1])
    assert check() == 4
    desk.ws.task("note", fields={n: f for n, f in FIELDS.items() if n != "kind"})
    assert check() == 2
