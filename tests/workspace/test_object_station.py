"""The station's verbs for tasks of objects: what waits, what is kept, what is refused, and what comes first."""

import json
import time

import msgspec
import pytest
from click.testing import CliRunner

from homegrown.cli.label_queue import command as queue_command
from homegrown.core.assignments import Submission
from homegrown.core.ids import canonical_json, new_id
from homegrown.core.models import FieldAnswer, ObjectAnswer
from homegrown.core.said import meaning_of
from homegrown.curate.object_labels import joined_fields
from homegrown.errors import InputError, NotFoundError
from homegrown.workspace import connect
from homegrown.workspace.object_advice import least_sure
from tests.workspace.test_objects import FIELDS, orders, rows


@pytest.fixture
def ws(tmp_path):
    (tmp_path / "in.jsonl").write_text("\n".join(json.dumps({"text": r["text"]}) for r in rows(12)), encoding="utf-8")
    with connect(tmp_path / "ws") as opened:
        opened.ingest(tmp_path / "in.jsonl", text="text")
        opened.task("receipt", fields=FIELDS)
        yield opened


def field_ids(ws):
    return {f.name: f.field_id for f in ws.task("receipt").fields}


def vote(record_id, fields, base=None):
    return Submission(new_id("c"), "vote", record_id, {"fields": fields}, base)


def ordered(ws, n, is_one):
    """A page of *n* records once all of them come for such a reason; the order is worked out in the background."""
    started = time.monotonic()
    while True:
        ws.release_records("receipt")
        ws.reorder("receipt")
        page = ws.next_records("receipt", n)
        if all(is_one(w.assignment.reason) for w in page.records):
            return page
        assert time.monotonic() - started < 60, [w.assignment.reason for w in page.records]
        ws.lines.close()
        ws.object_advisor.close()


def test_a_document_is_kept_as_one_vote_by_field_and_taken_back(ws):
    f = field_ids(ws)
    page = ws.next_records("receipt", 3)
    assert (len(page.records), page.n_waiting, page.n_mine) == (3, 12, 0)
    record = page.records[0].record
    day = record.text.index("on ") + 3
    said = {f["who"]: {"spans": [[record.text.index("\n") + 1, day - 4]]}, f["day"]: {"value": "{2}-{1}-{0}".format(*record.text[day : day + 10].split("/")), "spans": [[day, day + 10]]},
            f["total"]: None}  # fmt: skip
    one = vote(record.record_id, said)
    assert [o.outcome for o in ws.submit("receipt", [one, one])] == ["kept", "kept"]
    (mine,) = ws.my_votes("receipt")
    assert mine["answer"][f["day"]]["value"][:4] == "2026"
    assert mine["answer"][f["total"]] is None
    assert f["kind"] not in mine["answer"], "what nobody looked at is left out"
    snapshot = ws.task("receipt").snapshot()
    table = ws.store.snapshots.read(snapshot.snapshot_id)
    values = {r["record_id"]: msgspec.json.decode(r["value"]) for r in table.to_pylist() if r["value"]}
    assert values == {record.record_id: {"fields": mine["answer"]}}
    assert ws.next_records("receipt", 12).n_mine == 1
    undo = Submission(new_id("c"), "undo", record.record_id, undoes=one.client_id)
    assert ws.submit("receipt", [undo])[0].outcome == "kept"
    assert ws.my_votes("receipt") == []
    assert record.record_id in [w.record.record_id for w in ws.next_records("receipt", 12).records]


def test_what_is_refused_holds_up_nothing_and_nothing_is_half_kept(ws):
    f = field_ids(ws)
    one, other = ws.next_records("receipt", 2).records
    bad = vote(one.record.record_id, {f["who"]: {"spans": [[7, 11]]}, f["day"]: {"value": "1999-01-01"}})
    good = vote(other.record.record_id, {f["who"]: {"spans": [[0, 2]]}})
    gone = vote("0" * 32, {f["who"]: {"spans": [[0, 2]]}})
    refused, kept, missing = ws.submit("receipt", [bad, good, gone])
    assert (refused.outcome, kept.outcome, missing.outcome) == ("refused", "kept", "refused")
    assert refused.reason.startswith("“day” says 1999-01-01, which does not stand in the text")
    assert [m["record_id"] for m in ws.my_votes("receipt")] == [other.record.record_id]
    again = ws.submit("receipt", [vote(other.record.record_id, {f["who"]: None})])[0]
    assert (again.outcome, again.stands["value"]["fields"]) == ("stale", {f["who"]: {"spans": [[0, 2]]}})


def test_marked_words_are_read_as_the_records_write_dates(ws):
    (waiting,) = ws.next_records("receipt", 1).records
    record = waiting.record
    at = record.text.index("on ") + 3
    assert ws.reading("receipt").day_first is None, "days up to the twelfth leave it open"
    read = ws.read_mark("receipt", record.record_id, "day", span=(at, at + 2))
    assert read.answers[0]["spans"] == [[at, at + 10]]
    assert ws.read_mark("receipt", record.record_id, "who", words="Nobody Here").problem
    for how, sentence in (({}, "Say which words"), ({"span": (0, 999)}, "does not lie")):
        with pytest.raises(InputError, match=sentence):
            ws.read_mark("receipt", record.record_id, "day", **how)
    with pytest.raises(InputError, match="has no field 'spam'"):
        ws.read_mark("receipt", record.record_id, "spam", words="x")
    with pytest.raises(InputError, match=r"“kind” \(choice\) is not filled with words"):
        ws.read_mark("receipt", record.record_id, "kind", words="bill")
    with pytest.raises(NotFoundError):
        ws.read_mark("receipt", "0" * 32, "day", words="2026-01-01")


def test_an_import_is_suggested_and_says_how_dates_are_written(tmp_path):
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, rows(24))), encoding="utf-8")
    with connect(tmp_path / "ws") as ws:
        ws.ingest(tmp_path / "in.jsonl", text="text")
        task = ws.task("receipt", fields=FIELDS)
        task.import_answers("answer")
        (waiting,) = task.next_records(1).records
        told = {a.field_id: a for a in waiting.answers}
        ids = {f.name: f.field_id for f in task.fields}
        start, end = told[ids["who"]].answer["spans"][0]
        assert waiting.record.text[start:end] == waiting.record.text.split("\n")[1]
        assert told[ids["day"]].why == "the column “answer” says so"
        start, end = told[ids["total"]].answer["spans"][0]  # a value alone is shown where it stands
        assert waiting.record.text[start:end].endswith(" EUR")
        assert ws.reading("receipt").day_first is True
        shown = CliRunner().invoke(queue_command, ["receipt", "-n", "1", "--json", "--workspace", str(tmp_path / "ws")])
        answers = json.loads(shown.stdout)["records"][0]["answers"]
        assert answers["day"]["answer"]["value"] == told[ids["day"]].answer["value"]
        ws.task("receipt", fields={k: v for k, v in FIELDS.items() if k != "day"})
        (waiting,) = ws.task("receipt").next_records(1).records
        assert ids["day"] not in {a.field_id for a in waiting.answers}, "a field that is gone is not suggested"


LINES = {"goods": {"what": "span", "price": "money"}, "wants": ["gift", "express"]}


def unplaced(answer):
    return {k: v for k, v in answer.items() if k != "spans"}


def test_rows_are_suggested_with_their_places_and_kept_as_the_same_answer(tmp_path):
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, orders(4))), encoding="utf-8")
    with connect(tmp_path / "ws") as ws:
        ws.ingest(tmp_path / "in.jsonl", text="text")
        task = ws.task("order", fields=LINES)
        task.import_answers("answer")
        imported = {
            r["record_id"]: r["value"] for r in ws.store.snapshots.read(task.snapshot().snapshot_id).to_pylist()
        }
        goods = task.fields[0]
        what, price = goods.fields
        waiting = max(task.next_records(4).records, key=lambda w: len(w.record.text))
        record, told = waiting.record, {a.field_id: a.answer for a in waiting.answers}[goods.field_id]
        for row in told["items"]:
            words, amount = (record.text[slice(*row[f.field_id]["spans"][0])] for f in (what, price))
            assert f"{words} at {amount}" in record.text, "a value is shown in its own row"
        # Taken whole, in another order of the rows and with places: it is the answer that the column gives.
        taken = {goods.field_id: {"items": [{**row} for row in reversed(told["items"])]}}
        assert [o.outcome for o in ws.submit("order", [vote(record.record_id, taken)])] == ["kept"]
        (mine,) = ws.my_votes("order")
        assert mine["answer"] == taken
        column = msgspec.json.decode(imported[record.record_id])["fields"][goods.field_id]
        assert sorted(map(canonical_json, column["items"])) == sorted(map(canonical_json, told["items"])), (
            "placed already"
        )
        bare = {"items": [{**row, price.field_id: unplaced(row[price.field_id])} for row in column["items"]]}
        both = [{goods.field_id: bare}, taken, {goods.field_id: None}]
        joined, shares = joined_fields(task.fields, both)
        assert shares == [2 / 3], "the same, whatever is known of its places"
        assert joined == taken, "and what shows its places is taken"
        assert meaning_of(goods, bare) == meaning_of(goods, taken[goods.field_id])
        read = ws.read_mark("order", record.record_id, "goods.price", words=column["items"][1][price.field_id]["value"])
        assert read.answers[0]["currency"] == "EUR"
        with pytest.raises(InputError, match=r"“goods” \(list\) is not filled with words"):
            ws.read_mark("order", record.record_id, "goods", words="x")
        gone = {goods.field_id: {"items": [{what.field_id: None, price.field_id: {"value": "1234.99"}}]}}
        (refused,) = ws.submit("order", [vote(record.record_id, gone, base=mine["vote_id"])])
        assert refused.reason.startswith("Row 1 of “goods”: “price” says 1234.99, which does not stand in the text")


def test_the_least_sure_come_first_with_the_field_that_is_doubtful(ws):
    task = ws.task("receipt").noun
    f = field_ids(ws)
    said = {
        "sure": ObjectAnswer({f["who"]: FieldAnswer(None, 0.9), f["day"]: FieldAnswer(None, 0.9)}),
        "unsure": ObjectAnswer({f["who"]: FieldAnswer(None, 0.8), f["day"]: FieldAnswer(None, 0.41)}),
        "nothing": ObjectAnswer({}),
    }
    assert least_sure(task, said) == [
        ("unsure", "the model is least sure of “day” (41%)"),
        ("sure", "the model is least sure of “who” (90%)"),
    ]


@pytest.mark.slow
def test_a_model_suggests_and_orders_the_queue(tmp_path):
    labelled = list(rows(60))
    more = [{"text": f"Quote {i}\nsee the annex; {i} pages, {i + 1}.00 EUR or {i + 2}.00 EUR"} for i in range(6)]
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, [*labelled, *more])), encoding="utf-8")
    with connect(tmp_path / "ws") as ws:
        ws.ingest(tmp_path / "in.jsonl", text="text")
        task = ws.task("receipt", fields=FIELDS)
        task.import_answers("answer")
        assert all(w.record.text.startswith("Quote") for w in task.next_records(6).records)
        task.train(task.snapshot(seed=0), "fields", choices="lexical")
        ws.release_records("receipt")
        page = ws.next_records("receipt", 6)
        told = {a.field_id: a for a in page.records[0].answers}
        assert set(told) == set(field_ids(ws).values())
        assert all(a.why.startswith("receipt@1 is ") for a in told.values())
        page = ordered(ws, 66, lambda reason: reason.startswith("the model is least sure of “"))
        assert {w.record.text[:5] for w in page.records[:4]} == {"Quote"}, (
            "what it never saw is what it is least sure of"
        )


def test_without_a_model_those_that_are_typical_of_many_come_first(tmp_path):
    many = [f"Invoice {i}: the garden tools were sent to Leeds and {i} EUR are due" for i in range(30)]
    few = ["The choir sings on Sunday", "Whales sleep upright in the sea"]
    (tmp_path / "in.jsonl").write_text("\n".join(json.dumps({"text": t}) for t in [*few, *many]), encoding="utf-8")
    with connect(tmp_path / "ws") as ws:
        ws.ingest(tmp_path / "in.jsonl", text="text")
        ws.task("receipt", fields=FIELDS)
        ws.embed()
        ordered(ws, 32, lambda reason: "are alike" in reason or reason.startswith("Like no other"))
        assert ws.invite("receipt", "Anna").link
