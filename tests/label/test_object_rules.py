"""Rules that fill fields: patterns, phrases, values, and Python functions in processes of their own."""

import json
import re

import msgspec
import pytest
from click.testing import CliRunner

import homegrown as hg
from homegrown.cli.main import cli
from homegrown.core.documents import document_of
from homegrown.engine.functions import FunctionLimits
from homegrown.errors import InputError
from homegrown.label.person import keep_vote
from homegrown.workspace import connect

FIELDS = {"who": "span", "all": "span*", "total": "money", "day": "date", "kind": ["bill", "offer"], "paid": "boolean"}
TEXTS = [
    "Bill for Änne Lee, 3 May 2026. Sum 10.00, total: 12.50 EUR",
    "Offer to Bob and Ann, and Ann again; total: none",
    "😀 Bill: TOTAL: 7 EUR for Bob",
    "nothing at all",
]


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rules")
    (folder / "in.jsonl").write_text("\n".join(json.dumps({"text": t}) for t in TEXTS), encoding="utf-8")
    with connect(folder / "ws") as ws:
        ws.ingest(folder / "in.jsonl", text="text")
        yield ws


@pytest.fixture
def task(opened, request):
    return opened.task(request.node.name[:60], fields=FIELDS)


def said(ws, task, name):
    """What a rule says, by text."""
    row = next(r for r in ws.store.rules.list(task.noun.task_id) if r["name"] == name)
    votes = ws.store.votes.of_sources([row["label_source_id"]], ["record_id", "value"]).to_pylist()
    texts = ws.store.records.texts([v["record_id"] for v in votes])
    found = {}
    for vote in votes:
        value, text = msgspec.json.decode(vote["value"]), texts[vote["record_id"]]
        document = document_of(task.fields, value, text)
        found[text] = {f.name: document[f.name] for f in task.fields if f.field_id in value["fields"]}
    return found


def add(ws, task, name, *fills, **more):
    ws.add_rule(task, {"name": name, "fills": list(fills), **more})
    return ws.run_rules(task, names=[name]).rules[0]


def test_a_pattern_fills_fields_with_what_it_finds_and_where(opened, task):
    ran = add(opened, task, "total", {"kind": "pattern", "pattern": r"total:\s*(?P<total>[\d.]+ EUR|none)"})
    assert (ran.n_asked, ran.n_votes) == (4, 2)
    assert "1 value is no vote" in ran.note
    assert "the words marked as 'total' are no money" in ran.note
    money = {"amount": 12.5, "currency": "EUR"}
    assert said(opened, task, "total")[TEXTS[0]] == {"total": money}
    value = next(v for v in opened.store.votes.of_task(task.noun.task_id)["value"].to_pylist() if "12.50" in v)
    ((start, end),) = msgspec.json.decode(value)["fields"][task.fields[2].field_id]["spans"]
    assert TEXTS[0][start:end] == "12.50 EUR", "bytes of the pattern's engine became characters"


def test_phrases_values_and_conditions(opened, task):
    when = [{"kind": "words", "any": ["bill"]}]
    add(opened, task, "kind", {"kind": "value", "field": "kind", "value": "bill"},
        {"kind": "value", "field": "paid", "value": None}, when=when)  # fmt: skip
    assert said(opened, task, "kind") == {t: {"kind": "bill", "paid": None} for t in (TEXTS[0], TEXTS[2])}
    names = ["Ann", "Bob", "Änne  lee", "Änne"]
    add(opened, task, "names", {"kind": "phrases", "field": "all", "any": names, "which": "all"},
        {"kind": "phrases", "field": "who", "any": names, "which": "last"})  # fmt: skip
    assert said(opened, task, "names") == {
        TEXTS[0]: {"all": ["Änne Lee"], "who": "Änne Lee"},
        TEXTS[1]: {"all": ["Bob", "Ann", "Ann"], "who": "Ann"},
        TEXTS[2]: {"all": ["Bob"], "who": "Bob"},
    }


@pytest.mark.parametrize(
    ("fill", "why"),
    [
        ({"kind": "pattern", "pattern": "(?P<x>a)"}, "fills no field: name a group"),
        ({"kind": "pattern", "pattern": "a(?=b)", "field": "who"}, "Patterns are RE2's"),
        ({"kind": "pattern", "pattern": "a", "field": "kind"}, "words of a text fill no such field"),
        ({"kind": "pattern", "pattern": "a", "field": "who", "which": "all"}, "takes one answer"),
        ({"kind": "phrases", "field": "nobody", "any": ["a"]}, "has no field 'nobody'"),
        ({"kind": "value", "field": "kind", "value": "spam"}, "is none of its choices"),
        ({"kind": "value", "field": "who", "value": "Ann"}, "a value of its own fills no such field"),
        ({"kind": "near", "field": "kind", "any": ["a"]}, "words of a text fill no such field"),
        ({"kind": "near", "field": "who", "any": [" "]}, "say beside which words"),
        ({"kind": "near", "field": "who", "any": ["a"], "which": "all"}, "takes one answer"),
        ({"kind": "line", "field": "who", "number": 0}, "Lines are counted from 1"),
        ({"kind": "spell", "field": "who"}, "The rule is not understood"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(opened, fill, why):
    task = opened.task("refused", fields=FIELDS)
    with pytest.raises(InputError, match=why):
        opened.add_rule(task, {"name": "bad", "fills": [fill]})
    assert not opened.store.rules.list(task.noun.task_id)


def test_functions_say_documents_and_what_they_matched_is_the_evidence(opened, task):
    @task.rule
    def reads(record):
        total = re.search(r"total: ([\d.]+ EUR)", record.text)
        return {
            "kind": record.text.split()[0].lower() if record.text[0] in "BO" else None,
            "all": list(re.finditer("Ann|Bob", record.text)),
            "total": "12.50 EUR" if total else None,
            "who": "Zoe" if "again" in record.text else None,
        }

    @task.rule
    def silent(record):
        return hg.ABSTAIN if "Ann" in record.text else ({"who": re.search("Bob", record.text)}, 0.5)

    @task.rule
    def wrong(record):
        return {"spam": 1}

    @task.rule
    def strange(record):
        return {"who": object()} if "Bob" in record.text else None

    @task.rule
    def hangs(record):
        while True:
            pass

    limits = FunctionLimits(seconds=0.5, n_processes=1)
    done = task.label(limits=limits)
    ran = {r.name: r for r in done.rules}
    assert "fills 'spam', which is no field of the task" in ran["wrong"].problem
    assert "its answer holds what is no plain value" in ran["strange"].problem
    assert "takes longer than 0.5 seconds" in ran["hangs"].problem
    assert (ran["reads"].n_votes, ran["silent"].n_votes) == (4, 3)
    assert "the words “Zoe” do not stand in the text" in ran["reads"].note
    found = said(opened, task, "reads")
    assert found[TEXTS[1]] == {"kind": "offer", "all": ["Bob", "Ann", "Ann"], "total": None}
    assert found[TEXTS[0]]["total"] == {"amount": 12.5, "currency": "EUR"}
    assert said(opened, task, "silent")[TEXTS[2]] == {"who": "Bob"}
    assert task.label(limits=limits).rules[0].n_asked == 0, "what did not change is not asked again"


def test_a_rule_is_measured_beside_people_and_tried_before_it_is_kept(opened, task, tmp_path):
    ids = {r["text"]: r["record_id"] for r in opened.store.records.scan(["record_id", "text"]).to_pylist()}
    total = task.fields[2].field_id
    for text, value in ((TEXTS[0], "12.5"), (TEXTS[2], "8")):
        answer = {"fields": {total: {"value": value, "currency": "EUR"}}}
        keep_vote(opened.store, task.noun, ids[text], answer)
    rule = {"name": "total", "fills": [{"kind": "pattern", "pattern": r"total: (?P<total>[\d.]+ EUR)"}]}
    tried = opened.preview_rule(task, rule)
    assert (tried.n_records, tried.n_matches, tried.n_conflict, tried.n_new) == (4, 2, 1, 0)
    assert (tried.accuracy.value, tried.accuracy.n, tried.accuracy.basis) == (0.5, 2, "people")
    assert [(s.label, s.would_be) for s in tried.conflicts] == [("total: 7 EUR", "total: 8 EUR")]
    assert not opened.rules(task)
    (tmp_path / "rule.json").write_text(json.dumps(rule))
    root = str(opened.store.layout.root)
    run = CliRunner().invoke(
        cli, ["label", "rules", task.name, "--add", str(tmp_path / "rule.json"), "--workspace", root]
    )
    assert run.exit_code == 0, run.output
    (standing,) = opened.rules(task)
    figures = standing.figures
    assert (figures.n_votes, figures.coverage, figures.n_overlap, figures.n_conflict) == (2, 0.5, 2, 1)
    assert standing.sentence == r"Fill the named groups with what matches total: (?P<total>[\d.]+ EUR)."
    assert "right 50.0%" in CliRunner().invoke(cli, ["label", "rules", task.name, "--workspace", root]).output
    stood = opened.remove_rule(task, "total")
    assert not opened.rules(task)
    opened.restore_rule(task, stood)
    assert opened.rules(task)[0].figures == figures


def test_a_rule_of_a_field_that_is_gone_says_so_and_keeps_its_votes(opened, task):
    add(opened, task, "who", {"kind": "phrases", "field": "who", "any": ["Bob"]})
    fewer = opened.task(task.name, fields={"total": "money"})
    ran = opened.run_rules(fewer, again=True).rules[0]
    assert "fills 'who', which the task" in ran.problem
    assert opened.store.votes.of_task(task.noun.task_id).num_rows == 2
    opened.restore_task(task.name)
    assert opened.run_rules(task.name, again=True).rules[0].n_votes == 2


def test_of_many_records_a_spread_is_tried_and_all_that_people_spoke_of(opened, monkeypatch):
    monkeypatch.setattr("homegrown.label.rules.object_measure.MAX_TRIED", 2)
    task = opened.task("many", fields=FIELDS)
    for row in opened.store.records.scan(["record_id", "text"]).to_pylist():
        if "Bob" in row["text"]:
            keep_vote(opened.store, task.noun, row["record_id"], {"fields": {task.fields[0].field_id: None}})
    rule = {"name": "r", "fills": [{"kind": "phrases", "field": "who", "any": ["Bob"]}]}
    tried = opened.preview_rule("many", rule)
    n_bob = sum("Bob" in text for text in TEXTS)
    assert (tried.n_records, tried.is_sample, tried.by_field[0].n_judged) == (4, True, n_bob)
    assert tried.n_matches in (0, 2, 4), "scaled up from two"
