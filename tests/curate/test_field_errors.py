"""Fields that are labelled wrong are found by models that did not see the label, and mended by people."""

import json
from types import SimpleNamespace
from typing import NamedTuple

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner

from homegrown.cli.main import cli
from homegrown.core.models import FieldAnswer
from homegrown.core.schema import Field, FieldType
from homegrown.core.spans import ScoredSpan
from homegrown.core.tasks import Task, TaskKind
from homegrown.curate.examined import CrossedObjects
from homegrown.curate.finders.field_errors import FieldErrorFinder
from homegrown.curate.object_labels import read_object_labels
from homegrown.errors import InputError
from homegrown.workspace import connect

WHO = ["Ann Lee", "Bob Ray", "Cleo Fox", "Dan Poe", "Eve Kim", "Flo Art", "Gus Orr", "Hal Ives"]
N = 80
#: by number of the row, the field that is wrong there
WRONG = {5: "total", 17: "total", 30: "kind", 41: "who", 58: "kind", 77: "who"}


def row(i):
    luck = np.random.default_rng(i)
    who, total, other = WHO[luck.integers(8)], f"{luck.integers(900) + 100}.50", f"{luck.integers(90) + 10}.00"
    kind = ["bill", "offer"][luck.integers(2)]
    what = {"bill": "please pay this bill at once", "offer": "we are glad to offer you this"}[kind]
    text = f"No {i}\n{who}\nof town\nshipping {other} EUR\ntotal {total} EUR\n{what}"
    answer = {"who": who, "total": f"{total} EUR", "kind": kind}
    wrong = {"total": f"{other} EUR", "kind": "offer" if kind == "bill" else "bill", "who": f"No {i}"}
    if i in WRONG:
        answer[WRONG[i]] = wrong[WRONG[i]]
    return {"text": text, "answer": answer, "row": i}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fields")
    (folder / "in.jsonl").write_text("\n".join(json.dumps(row(i)) for i in range(N)), encoding="utf-8")
    with connect(folder / "ws") as ws:
        ws.ingest(folder / "in.jsonl", text="text")
        task = ws.task("note", fields={"who": "span", "total": "money", "kind": ["bill", "offer"], "page": "number"})
        task.import_answers("answer")
        # A cheaper part than usual: what is tested is how its answers are heard.
        ws._field_options = {"choices": "lexical"}
        yield ws, task, task.find_issues(kinds=["field_error"])


def rows_of(ws, issues):
    """Row and name of the field of each issue, the most doubtful first."""
    table = ws.store.records.scan(["record_id", "fields"]).to_pylist()
    number = {r["record_id"]: json.loads(r["fields"])["row"] for r in table}
    names = {f.field_id: f.name for f in ws.task("note").fields}
    return [(number[i.record_id], names[i.details["field_id"]]) for i in issues]


def test_planted_errors_stand_first_and_nothing_of_the_text_is_told(found):
    ws, task, report = found
    issues = task.issues(kind="field_error")
    assert report.n_open == {"field_error": len(issues)}
    told = rows_of(ws, issues)
    hits = [pair in WRONG.items() for pair in told]
    assert sum(hits) >= 5, told
    assert sum(hits[:6]) >= 5, told
    assert not any(name in i.reason for i in issues for name in WHO)
    assert all(i.reason.startswith("“") and "a model that did not see this label" in i.reason for i in issues)


def test_a_decision_changes_that_field_alone_and_can_be_taken_back(found):
    ws, task, _ = found
    table = ws.store.records.scan(["record_id", "text"])
    ids, texts = table["record_id"].combine_chunks(), dict(zip(*table.to_pydict().values(), strict=True))

    def label(record_id):
        values = read_object_labels(ws.store, task.noun, ids).values
        return msgspec.json.decode(values[ids.to_pylist().index(record_id)])["fields"]

    issues = task.issues(kind="field_error")
    told = rows_of(ws, issues)
    issue = next(i for i, pair in zip(issues, told, strict=True) if pair in WRONG.items() and pair[1] == "total")
    field_id, before = issue.details["field_id"], label(issue.record_id)
    ws.decide(issue.issue_id, "relabel")
    after = label(issue.record_id)
    start, end = after[field_id]["spans"][0]
    assert texts[issue.record_id][start - 6 : start] == "total "
    assert texts[issue.record_id][start:end].startswith(after[field_id]["value"])
    assert {i: a for i, a in after.items() if i != field_id} == {i: a for i, a in before.items() if i != field_id}
    ws.undo_decision(issue.issue_id)
    assert label(issue.record_id) == before
    ws.decide(issue.issue_id, "relabel", said={"total": "1.00 EUR", "who": None})
    mended = label(issue.record_id)
    assert mended[field_id] == {"value": "1.00", "currency": "EUR"}
    assert mended[task.fields[0].field_id] is None
    ws.undo_decision(issue.issue_id)
    with pytest.raises(InputError, match="do not stand in the text"):
        ws.decide(issue.issue_id, "relabel", said={"who": "Zoe"})
    with pytest.raises(InputError, match="is an object: say its fields"):
        ws.decide(issue.issue_id, "relabel", said="bill")
    kept = ws.decide(issue.issue_id, "keep")
    assert kept.state == "kept"
    out = (
        CliRunner().invoke(cli, ["curate", "issues", "note", "--list", "--workspace", str(ws.store.layout.root)]).output
    )
    assert issue.issue_id not in out
    assert "likely wrong field" in out
    ws.undo_decision(issue.issue_id)


def test_a_field_that_is_gone_and_too_few_labels_are_told(found, tmp_path):
    ws, task, _ = found
    issue = next(
        i
        for i, p in zip(task.issues(kind="field_error"), rows_of(ws, task.issues(kind="field_error")), strict=True)
        if p[1] == "kind"
    )
    ws.task("note", fields={"who": "span"})
    with pytest.raises(InputError, match="The field that was doubted is no more"):
        ws.decide(issue.issue_id, "relabel")
    ws.restore_task("note")
    empty = ws.task("empty", fields={"who": "span"})
    assert empty.find_issues(kinds=["field_error"]).notes == ("Too few labelled records: fields were not checked.",)


class Unseen(NamedTuple):
    """What a model says of a text: answers by field, and spans that it holds possible."""

    fields: dict[str, FieldAnswer]
    spans: list[ScoredSpan]


def test_spans_are_doubted_as_forgotten_not_belonging_and_badly_cut():
    texts = ["to Ann Lee and Bob Ray"] * 30
    whole = {"f": {"spans": [[3, 10], [15, 22]]}}
    values = [dict(whole) for _ in texts]
    values[0], values[1], values[2] = {"f": {"spans": [[15, 22]]}}, {"f": {"spans": [[3, 6], [15, 22]]}}, {"f": None}
    values[3] = {"f": {"spans": [[0, 2], [3, 10], [15, 22]]}}
    spans = [ScoredSpan(3, 10, "f", 0.95), ScoredSpan(15, 22, "f", 0.95)]
    said = [Unseen({"f": FieldAnswer(whole["f"], 0.9)}, spans) for _ in texts]
    ids = [f"r{i}" for i in range(len(texts))]
    task = Task("t", "t", 1, TaskKind.OBJECT, (), fields=(Field("f", "who", FieldType.SPAN, takes_many=True),))
    here = SimpleNamespace(task=task, crossed_objects=CrossedObjects(ids, texts, values, said))
    found = {f.record_id: f for f in FieldErrorFinder().find(here)}
    assert set(found) == {"r0", "r1", "r2", "r3"}
    assert "finds one more place" in found["r0"].reason
    assert "finds other borders" in found["r1"].reason
    assert "finds nothing where the label stands" in found["r3"].reason
    assert found["r0"].details["answer"] == found["r1"].details["answer"] == whole["f"]
    assert found["r3"].details["answer"] == whole["f"]
    assert found["r2"].details["answer"]["spans"][0] in whole["f"]["spans"]


@pytest.mark.slow
def test_words_inside_of_lines_are_checked_by_models_that_find_them(tmp_path):
    rows = [row(i) for i in range(N)]
    for one in rows:
        one["text"] = one["text"].replace("\nof town", " of town").replace("\n", "\nfor ", 1)
        one["answer"] = {"who": one["text"].split("for ")[1].split(" of")[0]}
        if WRONG.get(one["row"]) == "who":
            one["answer"]["who"] += " of town"
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    with connect(tmp_path / "ws") as ws:
        ws.ingest(tmp_path / "in.jsonl", text="text")
        task = ws.task("note", fields={"who": "span*"})
        task.import_answers("answer")
        ws._field_options = {"spans": "crf"}
        task.find_issues(kinds=["field_error"])
        told = {number for number, _ in rows_of(ws, task.issues(kind="field_error"))}
        assert told >= {i for i, name in WRONG.items() if name == "who"}
