"""Rules: conditions as data and functions in Python, run on what they have not seen, previewed on real records."""

import csv
import re
import time

import pytest

import homegrown as hg
from homegrown.core.access import Actor, Role
from homegrown.core.models import Recipe
from homegrown.core.rules import Field, Pattern, Rule, Sql, Words
from homegrown.core.tasks import LabelSourceKind
from homegrown.engine.functions import FunctionLimits
from homegrown.errors import HomegrownError, InputError, NotFoundError
from homegrown.label.rules.stored import rule_of_json
from homegrown.label.rules.taught import UNTAUGHT, taught_threshold
from homegrown.store import tables
from homegrown.store.events import read_events
from homegrown.workspace import connect
from homegrown.workspace.bulk import Checked, Filter
from tests.conftest import write_messages

MONEY = {"name": "money", "says": ["refund"], "when": [{"kind": "words", "any": ["money back", "refund*"]}]}
CARD = {"name": "card", "says": ["card"], "when": [{"kind": "pattern", "pattern": r"\bcard\b"}]}
STOLEN = ["stolen"]
SHORT = re.compile(r"^.{0,30}$", re.S)


@pytest.fixture
def ws(tmp_path):
    with connect(tmp_path / "work") as ws:
        ws.ingest(write_messages(tmp_path / "messages.csv"), text="message")
        ws.task("topic", classes=["card", "refund", "login"])
        yield ws


def votes(ws, name):
    rows = ws.sql(
        "select class, count(*) as n from votes where label_source = ? group by all order by 1", [name]
    ).rows()
    return {r["class"]: r["n"] for r in rows}


def texts_of(ws, *when):
    found = ws.preview_rule("topic", Rule("r", ["card"], list(when)))
    return found.n_matches


def test_conditions_say_which_records_they_are_about(ws):
    assert texts_of(ws, Words(any=["money back"])) == 6
    assert texts_of(ws, Words(any=["MONEY  Back"])) == 6
    assert texts_of(ws, Words(any=["MONEY Back"], case=True)) == 0
    assert texts_of(ws, Words(any=["mone"])) == 0
    assert texts_of(ws, Words(any=["mone*"])) == 6
    assert texts_of(ws, Words(any=["card"], none=["lost"])) == 9
    assert texts_of(ws, Words(none=["card", "refund", "login"])) == 0
    assert texts_of(ws, Words(any=["(card case 3)"])) == 1
    assert texts_of(ws, Words(any=["app"], field="channel")) == 18
    assert texts_of(ws, Pattern("^my .* never")) == 3
    assert texts_of(ws, Pattern("card", is_not=True), Field("channel", "equals", "APP")) == 12
    assert texts_of(ws, Field("nothing", "empty")) == 36
    assert texts_of(ws, Field("channel", "differs", "app")) == 18
    assert texts_of(ws, Sql("n_chars > 30 and fields->>'channel' = 'app' -- long")) > 0


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ([{"kind": "words"}], "needs at least one word"),
        ([{"kind": "words", "any": [" * "]}], "needs at least one word"),
        ([{"kind": "pattern", "pattern": "(a"}], "missing )"),
        ([{"kind": "pattern", "pattern": r"(a)\1"}], "no look-around"),
        ([{"kind": "pattern", "pattern": "((a{100}){100}){100}"}], "cannot be used"),
        ([{"kind": "pattern", "pattern": "x" * 3000}], "not understood"),
        ([{"kind": "field", "field": "n", "op": "above", "value": "many"}], "name a number"),
        ([{"kind": "field", "field": "n", "op": "like", "value": "x"}], "not understood"),
        ([{"kind": "sql", "where": "1=1) union select password from actors --"}], "."),
        ([{"kind": "sql", "where": "exists(select * from read_csv('/etc/passwd'))"}], "closed to it"),
        ([{"kind": "sql", "where": "nowhere = 1"}], "nowhere"),
        ([{"kind": "model", "model": "none", "says": "card"}], "none"),
        ([{"kind": "python", "code": "1"}], "not understood"),
        ([], "not understood"),
    ],
)
def test_a_condition_that_cannot_be_used_is_refused_in_a_sentence(ws, when, said):
    with pytest.raises(HomegrownError) as error:
        ws.preview_rule("topic", {"name": "r", "says": ["card"], "when": when})
    assert said in error.value.message
    assert error.value.message.endswith(".")
    assert ws.rules("topic") == []


def test_no_pattern_can_be_made_to_hang(ws, tmp_path):
    with (tmp_path / "evil.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["message"], ["a" * 200_000 + "!"]])
    ws.ingest(tmp_path / "evil.csv", text="message")
    for pattern in (r"^(a+)+$", r"(a|aa)+$", r"(.*a){12}b", r"([a-z]+)*\d"):
        started = time.monotonic()
        assert texts_of(ws, Pattern(pattern)) <= 37
        assert time.monotonic() - started < 2


def test_json_that_is_no_rule_is_refused():
    for bad in (
        b"",
        b"[]",
        b'{"name": "x"}',
        b"\xff",
        b"[" * 100_000,
        b'{"name":"x","says":["a"],"when":[{"kind":"words","any":[1]}]}',
    ):
        with pytest.raises(InputError):
            rule_of_json(bad)


def test_rules_vote_once_and_then_on_new_records_only(ws, tmp_path):
    ws.add_rule("topic", MONEY)
    ws.add_rule("topic", CARD)
    first = ws.run_rules("topic")
    assert {r.name: (r.n_asked, r.n_votes) for r in first.rules} == {"card": (36, 12), "money": (36, 12)}
    assert votes(ws, "money") == {"refund": 12}
    assert {r.n_asked for r in ws.run_rules("topic").rules} == {0}
    write_messages(tmp_path / "more.csv", n_per_class=20)
    ws.ingest(tmp_path / "more.csv", text="message")
    again = ws.run_rules("topic")
    assert {r.name: (r.n_asked, r.n_votes) for r in again.rules} == {"card": (24, 8), "money": (24, 8)}
    assert votes(ws, "money") == {"refund": 20}
    changed = {**CARD, "when": [{"kind": "words", "any": ["card"], "none": ["lost"]}]}
    ws.add_rule("topic", changed)
    assert {r.name: r.n_asked for r in ws.run_rules("topic").rules} == {"card": 60, "money": 0}
    assert ws.sql("select count(*) as n from labels where class = 'card'").rows() == [{"n": 15}]
    assert {r.n_asked for r in ws.run_rules("topic", again=True).rules} == {60}
    assert votes(ws, "money") == {"refund": 20}


def test_a_row_that_changed_is_asked_again(tmp_path):
    def write(text):
        with (tmp_path / "rows.csv").open("w", newline="") as file:
            csv.writer(file).writerows([["id", "message"], ["1", "my card"], ["2", text]])

    write("my refund")
    with connect(tmp_path / "work") as ws:
        ws.ingest(tmp_path / "rows.csv", text="message", id="id")
        ws.task("topic", classes=["card", "refund"])
        ws.add_rule("topic", MONEY)
        ws.add_rule("topic", CARD)
        ws.run_rules("topic")
        assert (votes(ws, "card"), votes(ws, "money")) == ({"card": 1}, {"refund": 1})
        write("another card")
        ws.ingest(tmp_path / "rows.csv", text="message", id="id")
        assert {r.n_asked for r in ws.run_rules("topic").rules} == {1}
        assert (votes(ws, "card"), votes(ws, "money")) == ({"card": 2}, {})


def test_a_removed_rule_counts_no_more_and_comes_back_with_its_votes(ws):
    ws.add_rule("topic", MONEY)
    ws.run_rules("topic")
    assert ws.sql("select count(*) as n from labels").rows() == [{"n": 12}]
    stood = ws.remove_rule("topic", "money")
    assert ws.rules("topic") == []
    assert ws.sql("select count(*) as n from labels").rows() == [{"n": 0}]
    with pytest.raises(NotFoundError):
        ws.remove_rule("topic", "money")
    ws.restore_rule("topic", stood)
    assert [(r.name, r.figures.n_votes, r.has_run) for r in ws.rules("topic")] == [("money", 12, True)]
    assert ws.sql("select count(*) as n from labels").rows() == [{"n": 12}]
    assert {r.n_asked for r in ws.run_rules("topic").rules} == {0}
    with pytest.raises(NotFoundError):
        ws.restore_rule("topic", "lsrc_nothing")
    actions = [e["action"] for e in read_events(ws.store.db, limit=20)]
    assert {"label.add_rule", "label.remove_rule", "label.restore_rule", "label.run_rules"} <= set(actions)


def test_rules_in_python_are_run_with_what_they_use(ws):
    task = ws.task("topic")

    @task.rule
    def asks_refund(record: hg.Record):
        return ("refund", 0.75) if "refund" in record.text else hg.ABSTAIN

    @task.rule
    def short_or_stolen(record):
        if any(word in record.text for word in STOLEN) or SHORT.match(record.text):
            return helper(record)
        return None

    done = task.label()
    assert done.problems == ()
    assert {r.name: r.n_votes for r in done.rules} == {"asks_refund": 12, "short_or_stolen": 3}
    assert ws.sql("select distinct confidence from votes where label_source = 'asks_refund'").rows() == [
        {"confidence": 0.75}
    ]
    assert "refund" in next(r for r in ws.rules("topic") if r.name == "asks_refund").source
    assert {r.n_asked for r in task.label().rules} == {0}
    STOLEN.append("lost")
    try:
        assert {r.name: r.n_asked for r in task.label().rules} == {"asks_refund": 0, "short_or_stolen": 36}
    finally:
        STOLEN.remove("lost")


def helper(record):
    return "card" if "card" in record.text else hg.ABSTAIN


def test_what_cannot_go_to_another_process_is_refused_when_it_is_written(ws):
    task = ws.task("topic")
    handle = open(__file__)  # noqa: SIM115
    with handle, pytest.raises(InputError, match="uses 'handle'"):

        @task.rule
        def reads(record):
            return handle.read()

    with pytest.raises(InputError, match="written with def"):
        task.rule(lambda _: None)
    with pytest.raises(InputError, match="written with def"):

        @task.rule
        def two(record, other): ...

    space = {}
    exec("def typed(record): return None", space)
    with pytest.raises(InputError, match="cannot be read here"):
        task.rule(space["typed"])


FILE = """
import homegrown as hg

WORDS = {"card"}

def _helper(text):
    return WORDS & set(text.split())

def is_card(record):
    return "card" if _helper(record.text) else hg.ABSTAIN

def breaks(record):
    return record.fields["missing"]

def asks_refund(record):
    return "refund" if "refund" in record.text else None
"""


def test_a_file_of_rules_runs_and_only_what_changed_runs_again(ws, tmp_path):
    path = tmp_path / "rules.py"
    path.write_text(FILE)
    done = ws.run_rules("topic", path=path, limits=FunctionLimits(seconds=5))
    assert {r.name: r.n_votes for r in done.rules} == {"is_card": 12, "breaks": 0, "asks_refund": 12}
    (problem,) = done.problems
    assert re.fullmatch(r"The rule 'breaks' was stopped at record \w{32}: it raised KeyError: 'missing'\.", problem)
    assert {r.name for r in ws.rules("topic")} == {"is_card", "asks_refund"}
    path.write_text(FILE.replace('{"card"}', '{"card", "plastic"}'))
    assert {r.name: r.n_asked for r in ws.run_rules("topic", path=path).rules if not r.problem} == {
        "is_card": 36,
        "asks_refund": 0,
    }
    path.write_text(FILE.replace('"refund" in record.text', "1 / 0"))
    broken = ws.run_rules("topic", path=path)
    assert "asks_refund" in broken.problems[1]
    assert votes(ws, "asks_refund") == {"refund": 12}, "a rule that breaks keeps what it said before"
    for bad in ("x = (", "x = 1", "def _hidden(record): pass"):
        path.write_text(bad)
        with pytest.raises(InputError):
            ws.run_rules("topic", path=path)


def test_two_rules_of_one_name_are_refused(ws, tmp_path):
    ws.add_rule("topic", {**MONEY, "name": "asks_refund"})
    (tmp_path / "rules.py").write_text(FILE)
    with pytest.raises(InputError, match="Rename"):
        ws.run_rules("topic", path=tmp_path / "rules.py")


def test_a_preview_says_what_it_is_beside_the_others(ws):
    task = ws.store.tasks.find("topic")
    ids = {r.text: r.record_id for r in ws.search_records(limit=50).records}
    refunds = [i for text, i in ids.items() if "refund case" in text]
    found = ws.preview_rule("topic", MONEY)
    assert (found.n_records, found.n_matches, found.n_overlap, found.accuracy, found.n_new) == (36, 12, 0, None, 12)
    for record_id in refunds[:6]:
        ws.vote(record_id, "topic", "refund")
    ws.vote(refunds[6], "topic", "login")
    found = ws.preview_rule("topic", MONEY)
    assert (found.n_overlap, found.n_conflict, found.n_new) == (7, 1, 5)
    assert (found.accuracy.basis, found.accuracy.n, round(found.accuracy.value, 3)) == ("people", 7, 0.857)
    assert 0.4 < found.accuracy.low < 0.6 < found.accuracy.high <= 1
    assert [s.record_id for s in found.conflicts] == [refunds[6]]
    assert [(b.kind, b.n_both, b.n_conflict) for b in found.beside] == [("person", 7, 1)]
    ws.add_rule("topic", {**CARD, "says": ["login"], "when": [{"kind": "words", "any": ["refund"]}]})
    ws.run_rules("topic")
    found = ws.preview_rule("topic", MONEY)
    assert found.beside[0].name == "card"
    assert found.beside[0].n_conflict == 12
    assert ws.store.rules.list(task.task_id)[0]["name"] == "card", "a preview keeps nothing"


def test_accuracy_without_people_comes_from_the_other_sources(ws):
    for name, words in (("a", ["refund case"]), ("b", ["refund", "money"]), ("c", ["refund*"])):
        ws.add_rule("topic", {"name": name, "says": ["refund"], "when": [{"kind": "words", "any": words}]})
    ws.add_rule("topic", CARD)
    ws.run_rules("topic")
    good = ws.preview_rule("topic", MONEY)
    assert (good.accuracy.basis, good.accuracy.n) == ("sources", 12)
    assert good.accuracy.value > 0.9
    wrong = ws.preview_rule("topic", {**MONEY, "says": ["login"]})
    assert wrong.accuracy.value < 0.3
    assert len(wrong.conflicts) == 8
    missing = ws.preview_rule("topic", {**MONEY, "when": [{"kind": "words", "any": ["money back"]}]})
    assert len(missing.misses) == 6
    assert {s.label for s in missing.misses} == {"refund"}
    assert all(r.figures.accuracy.basis == "sources" for r in ws.rules("topic") if r.name != "card")


def test_likeness_has_a_taught_threshold(ws):
    ids = {r.text: r.record_id for r in ws.search_records(limit=50).records}
    yes = [i for t, i in ids.items() if t.startswith("i want my money back")]
    no = [i for t, i in ids.items() if t.startswith("please block my card")]
    like = {"kind": "similar", "examples": ["i would like a refund of my money"], "yes": yes, "no": no}
    rule = {"name": "like", "says": ["refund"], "when": [like]}
    found = ws.preview_rule("topic", rule)
    assert 3 <= found.n_matches <= 14
    assert found.judge
    assert {s.record_id for s in found.judge}.isdisjoint([*yes, *no])
    ws.add_rule("topic", rule)
    ws.run_rules("topic")
    (standing,) = ws.rules("topic")
    assert standing.figures.n_votes == found.n_matches
    assert standing.rule.when[0].threshold == pytest.approx(found.thresholds[0])


def test_a_threshold_follows_the_judgements():
    assert taught_threshold([], []) == UNTAUGHT
    assert taught_threshold([0.9, 0.3], [True, False]) == pytest.approx(0.6)
    assert taught_threshold([0.9, 0.8, 0.7], [True, False, True]) == pytest.approx(0.85)
    assert taught_threshold([0.5], [True]) < 0.5
    assert taught_threshold([0.5], [False]) > 0.5


def test_votes_of_rules_people_and_a_column_reach_a_model(tmp_path):
    with connect(tmp_path / "work") as ws:
        ws.ingest(write_messages(tmp_path / "messages.csv", n_per_class=20), text="message", label="topic")
        task = ws.task("topic", column="topic")
        ws.add_rule("topic", MONEY)
        ws.add_rule("topic", CARD)
        assert task.label().problems == ()
        record = ws.search_records(limit=1).records[0]
        ws.vote(record.record_id, "topic", "login")
        snapshot = task.snapshot()
        rows = {r["record_id"]: r["probs"] for r in ws.store.snapshots.read(snapshot.snapshot_id).to_pylist()}
        assert rows[record.record_id] == [0, 1, 0], "people stand alone"
        model = task.train(snapshot, "lexical")
        assert model.predict(["give my money back, i want a refund"])[0]["label"] == "refund"
        ws.add_rule(
            "topic",
            {
                "name": "said",
                "says": ["card"],
                "when": [{"kind": "model", "model": "topic", "says": "card", "above": 0.5}],
            },
        )
        done = {r.name: r.n_votes for r in task.label().rules}
        assert 15 <= done["said"] <= 25


def test_a_rule_alone_makes_a_model(ws):
    ws.add_rule("topic", MONEY)
    ws.add_rule("topic", CARD)
    ws.add_rule(
        "topic", {"name": "login", "says": ["login"], "when": [{"kind": "words", "any": ["sign in", "password"]}]}
    )
    task = ws.task("topic")
    task.label()
    version = ws.train(task.snapshot(), Recipe("lexical"), "topic")
    assert version.class_names == ("card", "refund", "login")
    assert ws.predict("topic", ["my password"])[0]["label"] == "login"


def test_a_class_that_is_gone_is_told_and_renamed_ones_hold(ws):
    ws.add_rule("topic", MONEY)
    ws.add_rule("topic", CARD)
    ws.remove_class("topic", "refund")
    done = ws.run_rules("topic")
    assert {r.name: r.n_votes for r in done.rules} == {"card": 12, "money": 0}
    assert "no more" in done.problems[0]
    assert any("no more" in r.sentence for r in ws.rules("topic"))


def test_a_rule_may_say_a_class_by_a_former_name(ws):
    ws.store.tasks.rename_class(ws.store.actor, ws.store.tasks.find("topic").task_id, "refund", "money back")
    assert ws.preview_rule("topic", MONEY).n_matches == 12
    ws.add_rule("topic", MONEY)
    ws.run_rules("topic")
    assert votes(ws, "money") == {"money back": 12}
    assert [r.rule.says for r in ws.rules("topic")] == [["money back"]]


def test_spaces_around_a_name_are_none_of_it(ws):
    ws.add_rule("topic", {**MONEY, "name": " money "})
    assert [r.name for r in ws.run_rules("topic", names=["money"]).rules] == ["money"]
    with pytest.raises(InputError, match="needs a name"):
        ws.add_rule("topic", {**MONEY, "name": " "})


def test_what_people_said_is_no_first_label(ws):
    """Also where they name several classes, differ, or labelled many records at once."""
    ws.task("tags", classes=["card", "refund", "login"], many=True)
    refunds = [r.record_id for r in ws.search_records(limit=50).records if r.fields["topic"] == "refund"]
    ws.vote(refunds[0], "tags", ["card", "refund"])
    ws.vote(refunds[1], "tags", ["card", "login"])
    found = ws.preview_rule("tags", MONEY)
    assert (found.n_matches, found.n_overlap, found.n_conflict, found.n_new, found.n_changed) == (12, 2, 1, 10, 0)
    assert [s.record_id for s in found.conflicts] == [refunds[1]]
    anna, task = Actor("actor_anna", "person", "Anna", Role.OWNER), ws.store.tasks.find("topic")
    with ws.store.db.write() as connection:
        row = {"actor_id": anna.actor_id, "kind": "person", "name": anna.name, "created_at": "x"}
        connection.execute(tables.actors.insert().values(**row))
    source = ws.store.tasks.label_source(anna, task, LabelSourceKind.PERSON, anna.name)
    ws.vote(refunds[0], "topic", "card")
    ws.store.person_votes.add(anna, task.task_id, refunds[0], source, {"class": task.named("login")[0]})
    found = ws.preview_rule("topic", MONEY)
    assert (found.n_overlap, found.n_conflict, found.n_new, found.n_changed) == (1, 0, 11, 0)
    under = Filter(words="missing")
    right = ws.bulk_sample("topic", under, n=1).records[0].record_id
    ws.bulk_label("topic", "refund", under, Checked(right=(right,)))
    labelled = {r["record_id"] for r in ws.sql("select record_id from labels where task = 'topic'").rows()}
    found = ws.preview_rule("topic", MONEY)
    assert found.n_new == len(set(refunds) - labelled) == 8
    assert {b.kind for b in found.beside} == {"person"}


def test_groups_that_vote_are_no_rules_that_run(ws):
    task = ws.store.tasks.find("topic")
    config = {"kind": "cluster", "cluster_id": "clu_1"}
    group = ws.store.tasks.label_source(ws.store.actor, task, LabelSourceKind.RULE, "cluster money", config)
    ws.add_rule("topic", MONEY)
    assert [r.name for r in ws.rules("topic")] == ["money"]
    assert [r.name for r in ws.run_rules("topic").rules] == ["money"]
    with pytest.raises(NotFoundError, match="no such version of a rule"):
        ws.restore_rule("topic", group)


def test_rules_are_cleaned_of_what_is_forgotten(ws):
    record = ws.search_records(limit=1).records[0]
    like = {"kind": "similar", "examples": [record.text], "threshold": 0.9}
    ws.add_rule("topic", {"name": "like", "says": ["card"], "when": [like]})
    ws.forget(record=record.record_id)
    (row,) = ws.store.rules.list(ws.store.tasks.find("topic").task_id)
    assert record.text not in str(row["config"])


def test_rules_are_sources_of_the_kind_rule(ws):
    ws.add_rule("topic", MONEY)
    ws.vote(ws.search_records(limit=1).records[0].record_id, "topic", "card")
    kinds = {s["kind"] for s in ws.store.tasks.label_sources(ws.store.tasks.find("topic").task_id)}
    assert kinds == {LabelSourceKind.RULE.value, LabelSourceKind.PERSON.value}
