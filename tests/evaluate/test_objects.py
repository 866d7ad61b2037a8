"""Models of objects measured, compared and shown: on answers with planted errors, so that every number is known."""

import json
import math
import re

import pytest

from homegrown.core.models import FieldAnswer, ObjectAnswer
from homegrown.core.schema import Field, FieldType
from homegrown.errors import EmptyDataError, InputError, MissingColumnError
from homegrown.evaluate.object_errors import MOST_CHARS, show_documents
from homegrown.evaluate.object_kept import kept_said, shown_ids
from homegrown.evaluate.object_pairs import compare_objects
from homegrown.evaluate.object_rows import ask, object_rows
from homegrown.evaluate.object_terminal import object_lines
from homegrown.evaluate.objects import evaluate_objects
from homegrown.evaluate.report import render_objects
from homegrown.workspace import connect
from tests.evaluate.conftest import register

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&{{7*7}}"
NAMES = ("Ann", "Bob", "Cleo", "Dan")
FIELDS = {"who": "span", "total": "money", "kind": ["bill", HOSTILE]}


def rows(n):
    for i in range(n):
        who, kind = f"{NAMES[i % 4]} {HOSTILE}", HOSTILE if i % 2 else "bill"
        answer = {"who": who if i % 5 else None, "total": f"{i}.50 EUR", "kind": kind}
        words = "das ist nicht für die und wir haben" if i % 4 < 2 else "and this is what they have with you"
        text = f"No {i} {i * 7919 % 1000} {words}\n{who if i % 5 else ''}\npay {i}.50 EUR until {i % 27 + 1}.3.2026 {HOSTILE} {kind}"
        yield {"text": text, "answer": answer, "channel": "scan" if i % 4 == 0 else "mail", "note": HOSTILE}


def never(number):
    return number < 0


class Reader:
    """Reads the texts of ``rows``; wrong on totals of receipts whose number *mistakes* says, and unsure there.

    It invents somebody on every receipt that names nobody, where *invents*.
    """

    def __init__(self, fields, mistakes=never, *, invents=False):
        self.fields, self.mistakes, self.invents = fields, mistakes, invents

    def predict_objects(self, texts):
        return [self._one(t) for t in texts]

    def _one(self, text):
        number = int(re.match(r"No (\d+)", text)[1])
        who, total, kind = self.fields
        line = re.search(r"\n([A-Z].*)\n", text)
        amount = re.search(r"pay ((\S+) EUR)", text)
        wrong = self.mistakes(number)
        chosen = kind.choices[HOSTILE in text.rpartition("2026 ")[2][len(HOSTILE) :]]
        spans = [list(line.span(1))] if line else [[0, 2]] if self.invents else None
        return ObjectAnswer({
            who.field_id: FieldAnswer({"spans": spans} if spans else None, 0.95),
            total.field_id: FieldAnswer(
                {"value": "99.99" if wrong else amount[2], "currency": "EUR",
                 "spans": [[3, 4] if wrong else list(amount.span(1))]}, 0.3 if wrong else 0.98,
            ),
            kind.field_id: FieldAnswer({"choices": [chosen.class_id]}, 0.99),
        })  # fmt: skip


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """A frozen task of objects with a version to hang answers on."""
    folder = tmp_path_factory.mktemp("objects")
    (folder / "in.jsonl").write_text("\n".join(map(json.dumps, rows(480))), encoding="utf-8")
    with connect(folder / "ws") as ws:
        ws.ingest(folder / "in.jsonl", text="text")
        task = ws.task("receipt", fields=FIELDS)
        task.import_answers("answer")
        snapshot = task.snapshot(seed=0)
        yield ws, task, lambda name: register(ws, snapshot, name)


def numbers(ws, version):
    found = object_rows(ws.store, version.snapshot_id, "test")
    return [int(t.split()[1]) for t in found.texts]


def test_every_number_is_that_of_the_planted_errors(scene):
    ws, task, version_of = scene
    version = version_of("planted")
    reader = Reader(task.fields, lambda i: i % 4 == 0, invents=True)
    found = evaluate_objects(ws.store, version, reader)
    asked = numbers(ws, version)
    nobody, wrong = [i for i in asked if i % 5 == 0], [i for i in asked if i % 4 == 0]
    good = [i for i in asked if i % 5 and i % 4]
    by_name = {f["name"]: f for f in found["fields"]}
    assert (found["n"], found["n_texts"]) == (len(asked), len(asked))
    assert found["accuracy"] == pytest.approx(len(good) / len(asked))
    assert found["accuracy_ci95"][0] < found["accuracy"] < found["accuracy_ci95"][1]
    who, total = by_name["who"], by_name["total"]
    assert (who["invented"], who["missed"], who["wrong"]) == (len(nobody), 0, 0)
    assert (who["n_there"], who["recall"]) == (len(asked) - len(nobody), 1.0)
    assert who["precision"] == pytest.approx(1 - len(nobody) / len(asked))
    assert who["spans"]["n_true"] == len(asked) - len(nobody)
    assert who["spans"]["exact_f1"] == pytest.approx(2 * who["precision"] / (1 + who["precision"]))
    assert (total["wrong"], total["exact"]) == (len(wrong), pytest.approx(1 - len(wrong) / len(asked)))
    assert total["spans"] is None
    assert by_name["kind"]["normalised"] == 1.0
    assert found["calibration"]["n"] == len(asked)
    assert found["coverage"]["curve"][-1]["accuracy"] == pytest.approx(found["accuracy"])
    scan = next(s for s in found["slices"] if (s["field"], s["value"]) == ("channel", "scan"))
    assert (scan["worse"], scan["accuracy"]) == (True, 0.0)
    assert not {s["field"] for s in found["slices"]} & {"answer", "total", "kind"}
    spoken = {s["value"]: s for s in found["slices"] if s["field"] == "language of the text"}
    german = [i for i in asked if i % 4 < 2]
    assert {name: s["n"] for name, s in spoken.items()} == {"German": len(german), "English": len(asked) - len(german)}
    assert spoken["German"]["accuracy"] == pytest.approx(len(set(german) & set(good)) / len(german))
    assert evaluate_objects(ws.store, version, reader)["evaluation_id"] == found["evaluation_id"]
    with pytest.raises(MissingColumnError, match="have no field 'colour'"):
        evaluate_objects(ws.store, version, reader, slice_by="colour")
    assert found["looks"] >= 1


def test_baselines_are_what_little_effort_reaches(scene):
    ws, task, version_of = scene
    found = evaluate_objects(ws.store, version_of("perfect"), Reader(task.fields))
    frequent, patterns = found["opponents"]
    asked = numbers(ws, version_of("numbers"))
    assert (frequent["kind"], patterns["kind"]) == ("frequent", "patterns")
    gaps = {g["name"]: g for g in frequent["fields"]}
    assert gaps["total"]["theirs"] <= 2 / len(asked)
    assert gaps["kind"]["theirs"] == pytest.approx(0.5, abs=0.15)
    # the first amount is the receipt's number: of the three rules the right one is found, and no rule is for choices
    assert {g["name"]: g["theirs"] for g in patterns["fields"]}["who"] > 0.7
    assert frequent["accuracy"] + frequent["difference"] == pytest.approx(found["accuracy"])
    assert frequent["verdict"] == "better"
    assert found["sentence"].startswith("All of ")


def test_two_models_are_compared_by_field_and_document(scene):
    ws, task, version_of = scene
    first, second = version_of("first"), version_of("second")
    good, bad = Reader(task.fields), Reader(task.fields, lambda i: i % 4 == 0, invents=True)
    found = compare_objects(ws.store, (first, good), (second, bad))
    asked = numbers(ws, first)
    changed = [i for i in asked if not i % 4 or not i % 5]
    assert found["opponent"]["verdict"] == "better"
    assert found["opponent"]["difference"] == pytest.approx(len(changed) / len(asked))
    assert {g["name"]: g["verdict"] for g in found["opponent"]["fields"]} == {
        "who": "better", "total": "better", "kind": "undecided",
    }  # fmt: skip
    assert (found["n_better"], found["n_worse"]) == (len(changed), 0)
    assert "first@1 is better than second@1" in found["sentence"]
    assert compare_objects(ws.store, (second, bad), (first, good))["n_worse"] == len(changed)
    same = compare_objects(ws.store, (first, good), (second, good))
    assert (same["differ"], same["opponent"]["verdict"]) == ([], "undecided")
    with pytest.raises(EmptyDataError, match="no fair comparison"):
        compare_objects(ws.store, (first, good), (second, good), split="train")
    other = ws.task("other", fields=FIELDS)
    other.import_answers("answer")
    stranger = register(ws, other.snapshot(seed=0), "stranger")
    with pytest.raises(InputError, match="different tasks"):
        compare_objects(ws.store, (first, good), (stranger, good))


@pytest.fixture(scope="module")
def shown(scene):
    """An evaluation with errors, and the documents that its report shows."""
    ws, task, version_of = scene
    version = version_of("shown")
    found = evaluate_objects(ws.store, version, Reader(task.fields, lambda i: i % 4 == 0, invents=True))
    return found, ws.errors_shown(found)


def test_errors_are_shown_in_the_text_beside_what_is_true(scene, shown):
    found, documents = shown
    texts = scene[0].store.records.texts(shown_ids(found))
    assert [d.record_id for d in documents] == shown_ids(found)
    for one in documents:
        assert "".join(p.text for p in one.pieces) == texts[one.record_id]
        number = int(texts[one.record_id].split()[1])
        by_name = {f.name: f for f in one.fields}
        assert by_name["who"].state == ("right" if number % 5 else "invented")
        assert by_name["total"].state == ("right" if number % 4 else "wrong")
        assert by_name["total"].truth == f"{number}.50 EUR"
        assert one.prob == pytest.approx(math.prod(f.prob for f in one.fields))
        if number % 5 == 0:
            assert ("No", "wrong", "who") in {(p.text, p.kind, p.fields) for p in one.pieces}


def test_the_page_is_inert_and_whole(shown):
    found, documents = shown
    html = render_objects(found, documents)
    assert not re.search("<(script|img)", html)
    assert "onerror=alert(1)&gt;" in html
    assert not re.search(r"""(src|href)=["']?http""", html)
    assert "style=" not in html.replace("<style>", "")
    assert "{{7*7}}" in html
    assert html.count("<svg") == html.count("</svg>") > 5
    for heading in ("Field by field", "Against simpler means", "Where it is wrong", "Answer less", "Where it does better",
                    "Can its confidence", "How it was made"):  # fmt: skip
        assert heading in html
    assert '<mark class="wrong">' in html
    assert "(this record was forgotten)" not in html
    gone = show_documents((), [documents[0].record_id], {}, {}, {})
    assert "(this record was forgotten)" in render_objects(found, gone)


def test_the_terminal_shows_the_same_on_single_lines(shown):
    found, documents = shown
    lines = object_lines(found, documents)
    assert lines[0] == found["sentence"]
    assert any("against Patterns and dictionaries" in line for line in lines)
    assert any("instead of “not there”" in line for line in lines)
    assert not [line for line in lines if "\n" in line]


def test_kept_answers_come_again_from_the_model_when_the_cache_is_empty(scene, shown):
    ws, task, _ = scene
    found, documents = shown
    assert set(kept_said(ws.store, found)) == set(shown_ids(found))
    for path in ws.store.layout.folder("cache").glob("objects_*"):
        path.write_bytes(b"torn")
    assert kept_said(ws.store, found) == {}
    ws._object_predictors[found["version_id"]] = Reader(task.fields, lambda i: i % 4 == 0, invents=True)
    assert ws.errors_shown(found) == documents


def test_a_long_text_is_shown_where_it_matters():
    field = Field("f_1", "who", FieldType.SPAN)
    text = "a" * 5000 + " Ann " + "b" * 5000
    said = ObjectAnswer({"f_1": FieldAnswer({"spans": [[0, 3]]}, 0.5)})
    (one,) = show_documents([field], ["r"], {"r": text}, {"r": {"f_1": {"spans": [[5001, 5004]]}}}, {"r": said})
    assert {(p.text, p.kind) for p in one.pieces if p.kind in ("truth", "wrong")} == {
        ("Ann", "truth"),
        ("aaa", "wrong"),
    }
    assert sum(len(p.text) for p in one.pieces) < MOST_CHARS
    (whole,) = show_documents([field], ["r"], {"r": text}, {}, {"r": said})
    assert whole.fields[0].state == "unknown"


def test_asking_keeps_the_order_of_the_texts(scene):
    ws, task, version_of = scene
    found = object_rows(ws.store, version_of("order").snapshot_id, "test")
    said = ask(Reader(task.fields), found.texts)
    assert [v[task.fields[1].field_id]["value"] for v in said.values] == [f"{t.split()[1]}.50" for t in found.texts]
