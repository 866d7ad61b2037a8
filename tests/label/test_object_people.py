"""How far people agree on the fields of objects."""

import json

import pytest
from click.testing import CliRunner

from homegrown.cli.main import cli
from homegrown.core.access import Actor, Role
from homegrown.core.assignments import REVIEW
from homegrown.core.tasks import LabelSourceKind
from homegrown.govern.people import People
from homegrown.workspace import connect

TEXTS = [f"No {i}: Ann Lee owes {i}.00" for i in range(12)]


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """Two people and a reviewer on twelve records: of the names they differ in one of six, of the kinds in half."""
    folder = tmp_path_factory.mktemp("people")
    (folder / "in.jsonl").write_text("\n".join(json.dumps({"text": t}) for t in TEXTS), encoding="utf-8")
    with connect(folder / "ws") as ws:
        ws.ingest(folder / "in.jsonl", text="text")
        fields = {"who": "span", "owes": "number", "kind": ["bill", "offer"], "note": "span"}
        task = ws.task("note", fields=fields).noun
        who, owes, kind, _ = (f.field_id for f in task.fields)
        choices = [c.class_id for c in task.fields[2].choices]
        records = {r["text"]: r["record_id"] for r in ws.store.records.scan(["record_id", "text"]).to_pylist()}

        def say(name, role, config, answers):
            invited = People(ws.store.db).invite(ws.store.actor, name, role)
            person = Actor(invited.actor_id, "person", name, role)
            source = ws.store.tasks.label_source(person, task, LabelSourceKind.PERSON, name, config)
            for text, answer in answers.items():
                ws.store.person_votes.add(person, task.task_id, records[text], source, {"fields": answer})

        def answer(i, start, zeros, choice):
            at = TEXTS[i].index("Ann")
            return {
                who: {"spans": [[at + start, at + 7]]},
                owes: {"value": f"{i}{zeros}"},
                kind: {"choices": [choices[choice]]},
            }

        say("Eve", Role.ANNOTATOR, {}, {t: answer(i, 0, ".00", i % 2) for i, t in enumerate(TEXTS)})
        say("Joe", Role.ANNOTATOR, {}, {t: answer(i, 4 * (i < 2), "", (i // 2) % 2) for i, t in enumerate(TEXTS)})
        before = ws.team("note")
        say("Rita", Role.REVIEWER, REVIEW, {TEXTS[0]: answer(0, 0, ".00", 0)})
        yield ws, before


def test_agreement_is_told_by_field(said):
    _, before = said
    found = {f.name: f for f in before.report.by_field}
    assert list(found) == ["who", "owes", "kind"], "of a field that nobody looked at nothing is said"
    assert (found["who"].measure, found["owes"].measure) == ("u-alpha", "alpha")
    assert found["who"].f1 == pytest.approx(10 / 12)
    assert 0.5 < found["who"].agreement.value < 1
    assert found["owes"].agreement.value == pytest.approx(1), "zeros behind the point say nothing else"
    assert found["kind"].agreement.value == pytest.approx(0, abs=0.15)
    assert {f.agreement.n for f in found.values()} == {12}
    ((_, _, pair),) = before.report.by_pair
    assert 0 < pair.value < 0.7, "half of the whole answers are the same"
    assert before.n_conflicts == 7


def test_reviewers_settle_conflicts_and_measure_people(said):
    ws, before = said
    after = ws.team("note")
    assert after.n_conflicts == before.n_conflicts - 1
    right = {after.names[p.actor_id]: p.accuracy for p in after.report.people}
    assert right == {"Eve": 1.0, "Joe": pytest.approx(2 / 3)}
    assert after.document()["fields"][0].keys() == {"field", "measure", "alpha", "ci95", "n", "f1"}


def test_agreement_on_the_command_line(said):
    ws, _ = said
    run = CliRunner().invoke(cli, ["label", "people", "note", "--workspace", str(ws.store.layout.root)])
    assert run.exit_code == 0, run.output
    assert "per field:" in run.output
    assert "F1 of two people 0.83" in run.output
