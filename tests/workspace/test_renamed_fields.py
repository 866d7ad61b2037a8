"""A field that is called otherwise: votes, columns, rules and models go on with it, in Python, terminal and API."""

import json

import pytest
from click.testing import CliRunner

from homegrown.cli.main import cli
from homegrown.core.access import SYSTEM
from homegrown.core.assignments import Submission
from homegrown.core.ids import new_id
from homegrown.errors import ConflictError, InputError, UnsuitableLabelsError
from homegrown.workspace import connect
from tests.workspace.test_objects import FIELDS, orders, rows, said

RENAMED = {"who": "buyer", "day": "issued", "total": "sum", "kind": "type"}


@pytest.fixture
def ws(tmp_path):
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, rows())), encoding="utf-8")
    with connect(tmp_path / "ws") as opened:
        opened.ingest(tmp_path / "in.jsonl", text="text")
        opened.task("receipt", fields=FIELDS).import_answers("answer")
        yield opened


def test_votes_columns_rules_and_suggestions_go_on_under_the_new_name(ws):
    first = ws.task("receipt")
    before = said(ws, first.snapshot(seed=0))
    total = first.fields[2].field_id
    pattern = {"kind": "pattern", "pattern": r"(?P<total>[0-9.]+ EUR)"}
    ws.add_rule("receipt", {"name": "eur", "fills": [pattern]})
    (waiting,) = first.next_records(1).records
    vote = Submission(new_id("c"), "vote", waiting.record.record_id, {"fields": {total: None}})
    ws.submit("receipt", [vote])
    task = first
    for old, new in RENAMED.items():
        task = task.rename_field(old, new)
    assert [f.name for f in task.fields] == list(RENAMED.values())
    assert list(ws.json_schema("receipt")["properties"]) == list(RENAMED.values())
    assert task.notes == (), "no model has learnt anything"
    after = said(ws, task.snapshot(seed=0))
    assert after.pop(waiting.record.text)[total] is None, "a person's vote is one on the field, whatever it is called"
    before.pop(waiting.record.text)
    assert after == before
    ran = ws.run_rules("receipt").rules[0]
    assert (ran.name, ran.n_votes) == ("eur", 24), "a rule under the old name fills the field"
    again = task.import_answers("answer")
    assert again.n_by_field == dict.fromkeys(RENAMED.values(), 24), "documents may say the old names"
    (waiting,) = ws.task("receipt").next_records(1).records
    assert {a.field_id for a in waiting.answers} == {f.field_id for f in task.fields}
    assert ws.task("receipt", fields=FIELDS).notes[0].startswith("“who” is called “buyer” here")
    assert ws.task("receipt").noun.version == 5
    old = ws.restore_task("receipt", 1)
    assert (old.version, old.fields) == (6, first.fields)
    assert said(ws, ws.task("receipt").snapshot(seed=0)).keys() == {*before, *said(ws, task.snapshot(seed=0))}
    assert ws.restore_task("receipt").fields == task.fields, "and undone again"


def test_columns_of_their_own_are_known_by_any_name_of_the_field(tmp_path):
    table = [{"text": f"{i}.50 EUR on 0{i}/05/2026", "sum": f"{i}.50", "day": f"0{i}/05/2026"} for i in range(1, 7)]
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, table)), encoding="utf-8")
    with connect(tmp_path / "ws") as ws:
        ws.ingest(tmp_path / "in.jsonl", text="text")
        task = ws.task("bill", fields={"sum": "money", "day": "date"})
        task.import_answers(day_first=True)
        task = task.rename_field("sum", "total").rename_field("day", "issued")
        assert task.import_answers(day_first=True).n_by_field == {"total": 6, "issued": 6}
        assert task.import_answers(columns={"total": "sum"}).n_by_field == {"total": 6}
        assert task.import_answers(columns={"sum": "sum"}).n_by_field == {"total": 6}
        with pytest.raises(InputError, match=r"has no field 'spam'\. Fields: issued, total\."):
            task.import_answers(columns={"spam": "sum"})
        # From now on the name means another field, and so does the column.
        both = ws.task("bill", fields={"total": "money", "issued": "date", "sum": "number"})
        assert both.import_answers(day_first=True).n_by_field == {"issued": 6, "sum": 6}


def test_what_is_frozen_after_a_renaming_is_called_otherwise(ws, messages):
    """The rows are the same, and yet a model that learns from them has to answer with other names."""
    ws.ingest(messages, text="message")
    topic = ws.task("topic", column="topic")
    for task, rename in ((topic, "rename_class"), (ws.task("receipt"), "rename_field")):
        old = "card" if task is topic else "total"
        first = task.snapshot(seed=0)
        renamed = getattr(task, rename)(old, "other")
        second = renamed.snapshot(seed=0)
        assert (second.task_version, second.snapshot_id != first.snapshot_id) == (first.task_version + 1, True)
        assert renamed.snapshot(seed=0).snapshot_id == second.snapshot_id
        assert renamed.restore().snapshot(seed=0).snapshot_id == first.snapshot_id, "and it is called as ever again"


def test_what_cannot_be_is_refused_and_changes_nothing(ws):
    ws.task("mood", classes=["glad", "cross"])
    with pytest.raises(ConflictError, match="changed meanwhile"):
        ws.rename_field("receipt", "total", "sum", if_version=3)
    with pytest.raises(ConflictError, match="has a field 'day' already"):
        ws.rename_field("receipt", "total", "day")
    with pytest.raises(InputError, match="answered with classes; it has no fields"):
        ws.rename_field("mood", "glad", "happy")
    with pytest.raises(UnsuitableLabelsError):
        ws.rename_class("receipt", "total", "sum")
    assert ws.rename_field("receipt", "total", "total").version == 1
    assert [v.what for v in ws.task_history("receipt")] == ["label.define_task"]


def test_the_terminal_says_and_does_the_same(ws):
    def run(*words):
        return CliRunner().invoke(cli, [*words, "--workspace", str(ws.store.layout.root)])

    done = run("label", "tasks", "rename", "receipt", "total", "sum")
    assert (done.exit_code, done.output) == (0, "receipt, version 2: who, day, sum, kind.\n")
    assert "sum (money), formerly total" in run("label", "tasks", "show", "receipt").output
    assert "+sum (money)" in run("label", "tasks", "show", "receipt", "--versions").output
    assert run("label", "tasks", "list").output.startswith("receipt: 4 fields, 24 of 24 records have a vote")
    assert '"sum"' in run("label", "fields", "receipt", "--json").output
    refused = run("label", "tasks", "rename", "receipt", "sum", "<b>")
    assert isinstance(refused.exception, InputError)


@pytest.mark.slow
def test_a_model_answers_under_the_name_that_it_learnt_until_it_learns_anew(tmp_path):
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, rows(80))), encoding="utf-8")
    with connect(tmp_path / "ws", actor=SYSTEM) as ws:
        ws.ingest(tmp_path / "in.jsonl", text="text")
        task = ws.task("receipt", fields=FIELDS)
        task.import_answers("answer")
        snapshot = task.snapshot(seed=0)
        by_field = {"total": "auto", "kind": "lexical"}
        first = task.train(snapshot, "fields", choices="lexical", by_field=by_field)
        ws.deploy(first, "receipt")
        task = task.rename_field("total", "sum").rename_field("kind", "type")
        assert task.notes == (
            "receipt@1 answers “total” for what is called “sum” now, “kind” for what is called “type” now, until it "
            "learns anew.",
        )
        text = "No 999\nCleo Fox\non 12/03/2026, 77.25 EUR in all, with thanks 5"
        (old,) = first.predict([text])
        assert old["document"]["total"] == {"amount": 77.25, "currency": "EUR"}
        assert first.evaluate().document["not_learnt"] == []
        (waiting,) = (w for w in task.next_records(80).records[:1])
        assert {a.field_id for a in waiting.answers} == {f.field_id for f in task.fields}, "and suggests for it"
        second = task.train(task.snapshot(seed=0), "fields", choices="finetune", by_field=by_field)
        (new,) = second.predict([text])
        assert set(new["document"]) == {"who", "day", "sum", "type"}
        assert new["document"]["sum"] == old["document"]["total"]
        assert ws.names_learnt("receipt") == task.notes, "the endpoint still answers with the first one"
        ws.deploy(second, "receipt")
        assert ws.names_learnt("receipt") == ()
        told = ws.compare("receipt@2", "receipt@1")
        assert {f["name"] for f in told["opponent"]["fields"]} == {"who", "day", "sum", "type"}


def test_fields_in_the_rows_of_a_list_are_renamed_too(tmp_path):
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, orders(6))), encoding="utf-8")
    with connect(tmp_path / "ws") as ws:
        ws.ingest(tmp_path / "in.jsonl", text="text")
        task = ws.task("order", fields={"goods": {"what": "span", "price": "money"}})
        task.import_answers("answer")
        before = said(ws, task.snapshot(seed=0))
        task = task.rename_field("goods.price", "cost").rename_field("goods", "items")
        task.import_answers("answer")
        assert said(ws, task.snapshot(seed=0)) == before
        rows = ws.json_schema("order")["properties"]["items"]
        assert "cost" in json.dumps(rows)
        assert task.fields[0].fields[1].former == ("price",)
