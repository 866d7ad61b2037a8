"""Tasks whose answer is an object: from columns to a snapshot, and what is refused on the way."""

import json
import shutil

import jsonschema
import msgspec
import pyarrow.compute as pc
import pytest

from homegrown.core.choices import TaskClass
from homegrown.core.documents import document_of
from homegrown.core.models import Recipe
from homegrown.core.schema import Field, FieldType
from homegrown.curate.object_labels import joined_fields
from homegrown.errors import ConflictError, InputError, UnsuitableLabelsError
from homegrown.inference.predictor import load_object_predictor
from homegrown.workspace import connect

WHO = ["Ann Lee", "Bob Ray", "Cleo Fox", "Dan Poe"]
FIELDS = {"who": "span!", "day": "date", "total": "money", "kind": ["bill", "offer"]}


def rows(n=24):
    for i in range(n):
        who, day, total = WHO[i % 4], f"{(i % 27) + 1:02}/0{i % 9 + 1}/2026", f"{i}.50"
        text = f"No {i}\n{who}\non {day}, {total} EUR in all, with thanks {i * 7919 % 1000}"
        kind = "bill" if i % 2 else "offer"
        yield {"text": text, "answer": {"who": who.upper(), "day": day, "total": f"{total} EUR", "kind": kind}}


@pytest.fixture
def ws(tmp_path):
    file = tmp_path / "in.jsonl"
    file.write_text("\n".join(map(json.dumps, rows())), encoding="utf-8")
    with connect(tmp_path / "ws") as opened:
        opened.ingest(file, text="text")
        yield opened


def said(ws, snapshot):
    """Value by text."""
    table = ws.store.snapshots.read(snapshot.snapshot_id)
    texts = ws.store.records.texts(table["record_id"].to_pylist())
    pairs = zip(table["record_id"].to_pylist(), table["value"].to_pylist(), strict=True)
    return {texts[i]: msgspec.json.decode(v)["fields"] for i, v in pairs}


def test_columns_become_votes_and_a_snapshot_of_objects(ws):
    task = ws.task("receipt", fields=FIELDS)
    assert repr(task) == "Task 'receipt', 4 fields"
    done = task.import_answers("answer")
    assert (done.n_votes, done.n_empty, done.n_problems, done.day_first) == (24, 0, 0, True)
    assert done.n_by_field == dict.fromkeys(FIELDS, 24)
    snapshot = task.snapshot(seed=1)
    assert sum(snapshot.n_by_split.values()) == 24
    assert min(snapshot.n_by_split[s] for s in ("train", "valid", "test")) > 0
    ids = {f.name: f.field_id for f in task.fields}
    for text, fields in said(ws, snapshot).items():
        row = next(r for r in rows() if r["text"] == text)["answer"]
        ((start, end),) = fields[ids["who"]]["spans"]
        assert text[start:end].upper() == row["who"]
        day, month, year = row["day"].split("/")
        assert fields[ids["day"]] == {"value": f"{year}-{month}-{day}"}
        assert fields[ids["total"]] == {"currency": "EUR", "value": row["total"].split()[0]}
    again = ws.task("receipt").snapshot(seed=1)
    assert again.snapshot_id == snapshot.snapshot_id


def test_a_schema_again_is_no_new_version_and_another_one_keeps_ids(ws):
    first = ws.task("receipt", fields=FIELDS).noun
    assert ws.task("receipt", fields=FIELDS).noun == first
    assert ws.task("receipt", fields=ws.json_schema("receipt")).noun.version == 1
    more = ws.task("receipt", fields={**FIELDS, "kind": ["bill", "offer", "other"], "lines": {"what": "span"}}).noun
    assert more.version == 2
    assert [f.field_id for f in more.fields[:4]] == [f.field_id for f in first.fields]
    assert [c.class_id for c in more.fields[3].choices[:2]] == [c.class_id for c in first.fields[3].choices]
    assert ws.restore_task("receipt").fields == first.fields
    assert ws.store.tasks.get(first.task_id, 2) == more


def test_what_cannot_be_understood_is_listed_and_the_rest_counts(ws, tmp_path):
    file = tmp_path / "more.jsonl"
    strange = [
        {"text": "to Eve, 5.00", "answer": {"who": "Adam", "day": "13/13/2026", "total": "5.00"}},
        {"text": "to nobody", "answer": {"who": None}},
        {"text": "nothing said", "answer": {}},
        {"text": "no object", "answer": "[1]"},
        {"text": "as text: Zoe", "answer": '{"who": "Zoe"}'},
        {"text": "as Python writes it: Zac", "answer": "{'who': 'Zac', 'day': None}"},
        {"text": "cut off: Zed", "answer": '{"who": "Zed", "to'},
        {"text": "twice: Zia", "answer": '{"who": "Zia", "who": "twice"}'},
        {"text": "empty", "answer": " "},
    ]
    file.write_text("\n".join(map(json.dumps, strange)), encoding="utf-8")
    ws.ingest(file, text="text")
    done = ws.import_answers(ws.task("receipt", fields=FIELDS), "answer")
    assert (done.n_votes, done.n_empty, done.n_problems) == (28, 5, 5)
    assert [p for _, p in done.problems] == [
        "“who”: the words “Adam” do not stand in the text.",
        "“day”: '13/13/2026' is no date, or could be two.",
        "“answer”: the cell holds no JSON object.",
        "“answer”: the cell is JSON that was cut off.",
        "“answer”: the cell says 'who' twice, differently.",
    ]
    assert done.n_by_field == {"who": 27, "day": 25, "total": 25, "kind": 24}
    assert done.n_missing == {"who": 1, "day": 1}


def notes(n):
    for i in range(n):
        total = f"{i * 7 % 50 + 1}.{i % 9}5"
        text = f"Shop no {i}\nTea {i % 5 + 1}.20\nTotal {total} for {i % 13} guests\nCard {total}\nThank you"
        answer = {"who": f"Shop no {i}" if i % 8 else "Somebody Else", "total": total if i % 6 else 999.5}
        yield {"text": text, "answer": answer}


def test_values_known_as_words_alone_teach_wherever_they_stand_and_those_that_do_not_are_counted(tmp_path):
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, notes(96))), encoding="utf-8")
    with connect(tmp_path / "ws") as ws:
        ws.ingest(tmp_path / "in.jsonl", text="text")
        task = ws.task("note", fields={"who": "span", "total": "number"})
        assert task.import_answers("answer").n_missing == {"who": 12}
        model = task.train(task.snapshot(seed=0), "fields")
        report = model.version.details["report"]
        who, total = report["values"]["who"], report["values"]["total"]
        assert who["n_said"] == who["n_there"] < who["n"]
        assert total["n_there"] == total["n_said"] == total["n"] > total["n_lost"] > 0
        told = " ".join(report["decisions"])
        assert f"who: of {who['n'] - who['n_said']} of {who['n']} training texts nothing is known" in told
        assert f"the other {total['n_lost']} teach nothing" in told
        said = model.predict(["Shop no 7777\nTea 3.20\nTotal 41.85 for 3 guests\nCard 41.85\nThank you"])[0]
        assert said["document"] == {"who": "Shop no 7777", "total": 41.85}
        assert said["fields"]["total"]["prob"] > 0.6  # both places are its


def test_a_column_for_each_field(tmp_path):
    file = tmp_path / "in.csv"
    file.write_text("text,who,sum\nto Ann: 5,Ann,5\nto Bob: 6,Bob,6\nto Cat: 7,Cat,\n", encoding="utf-8")
    with connect(tmp_path / "ws") as ws:
        ws.ingest(file, text="text")
        task = ws.task("note", fields={"who": "span", "total": "number"})
        done = task.import_answers(columns={"who": "who", "total": "sum"})
        assert done.n_by_field == {"who": 3, "total": 3}
        only = task.import_answers()
        assert only.n_by_field == {"who": 3}
        with pytest.raises(InputError, match="has no field 'sum'"):
            task.import_answers(columns={"sum": "sum"})
        with pytest.raises(UnsuitableLabelsError, match="No record says anything of 'note' in the column 'gone'"):
            task.import_answers("gone")


def test_what_is_for_classes_refuses_objects_with_one_sentence(ws):
    task = ws.task("receipt", fields=FIELDS)
    for verb in (task.suggest, task.forecast):
        with pytest.raises(UnsuitableLabelsError, match="object"):
            verb()
    task.import_answers("answer")
    with pytest.raises(
        UnsuitableLabelsError, match="is an object with fields, which the recipe lexical does not learn"
    ):
        task.train(task.snapshot(), "lexical")
    ws.task("intent", classes=["a", "b"])
    with pytest.raises(ConflictError, match="'intent' is answered with classes"):
        ws.task("intent", fields=FIELDS)
    with pytest.raises(UnsuitableLabelsError, match="'intent' is answered with classes"):
        ws.import_answers("intent", "answer")
    with pytest.raises(InputError, match="of no type 'spam'"):
        ws.task("other", fields={"x": "spam"})
    assert ws.task_counts("receipt").n_gone == 0
    assert ws.task_counts("intent").n_waiting == 24
    assert ws.n_to_label() == 24  # of the task with classes alone


def test_fields_are_decided_by_those_who_looked_at_them(ws):
    fields = {f.name: f for f in ws.task("r", fields={"d": "date", "s": "span", "m": "span*", "c": ["a", "b"]}).fields}
    d, s, m, c = (fields[n].field_id for n in "dsmc")
    a, b = (x.class_id for x in fields["c"].choices)
    votes = [
        {d: {"value": "2026-01-01"}, s: {"spans": [[0, 3]]}, m: {"spans": [[0, 1], [4, 5]]}, c: {"choices": [a]}},
        {d: {"value": "2026-01-01", "spans": [[7, 9]]}, s: {"spans": [[0, 4]]}, m: {"spans": [[4, 5]]}},
        {d: {"value": "2026-02-02"}, s: {"spans": [[0, 3]]}, m: None, c: {"choices": [b]}},
        {c: {"choices": [b]}},
    ]
    found, shares = joined_fields(tuple(fields.values()), votes)
    assert found == {
        d: {"value": "2026-01-01", "spans": [[7, 9]]},
        s: {"spans": [[0, 3]]},
        m: {"spans": [[4, 5]]},
        c: {"choices": [b]},
    }
    assert shares == pytest.approx([2 / 3] * 4)
    assert fields["m"].type is FieldType.SPAN


def test_what_was_said_of_a_forgotten_record_is_nowhere(ws):
    task = ws.task("receipt", fields=FIELDS)
    task.import_answers("answer")
    snapshot = task.snapshot()
    table = ws.store.snapshots.read(snapshot.snapshot_id)
    record_id = next(r["record_id"] for r in table.to_pylist() if '"13.50"' in r["value"])
    done = ws.forget(record=record_id)
    assert done.snapshots == [snapshot.snapshot_id]
    after = {r["record_id"]: r["value"] for r in ws.store.snapshots.read(snapshot.snapshot_id).to_pylist()}
    assert after.pop(record_id) is None
    assert None not in after.values()
    assert not ws.store.votes.of_task(task.noun.task_id).filter(pc.equal(pc.field("record_id"), record_id)).num_rows


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
    """A workspace with a model of objects; the rows are many enough to learn from."""
    folder = tmp_path_factory.mktemp("objects")
    (folder / "in.jsonl").write_text("\n".join(map(json.dumps, rows(120))), encoding="utf-8")
    with connect(folder / "ws") as ws:
        ws.ingest(folder / "in.jsonl", text="text")
        task = ws.task("receipt", fields={**FIELDS, "notes": "span*"})
        task.import_answers("answer")
        yield ws, task.train(task.snapshot(seed=0), "fields", choices="lexical")


def test_a_model_answers_with_a_document_valid_by_the_schema_and_its_evidence(learnt):
    ws, model = learnt
    text = "No 999\nCleo Fox\non 12/03/2026, 77.25 EUR in all, with thanks 5"
    (said,) = model.predict([text])
    jsonschema.validate(said["document"], ws.json_schema("receipt"))
    assert (said["document"]["day"], said["document"]["total"]) == ("2026-03-12", {"amount": 77.25, "currency": "EUR"})
    for name, words in (("who", "Cleo Fox"), ("day", "12/03/2026"), ("total", "77.25 EUR")):
        ((start, end),) = said["fields"][name]["spans"]
        assert text[start:end] == words
        assert 0.5 < said["fields"][name]["prob"] <= 1
    assert "notes" not in said["fields"]
    assert model.predict([]) == []
    nothing = model.predict(["nothing here"])[0]["document"]
    assert nothing["day"] is None
    assert nothing["kind"] in FIELDS["kind"]  # nobody has ever said that it is neither


def test_it_is_measured_field_by_field_on_texts_that_it_never_saw(learnt, capsys, tmp_path):
    ws, model = learnt
    found = model.evaluate().document
    by_name = {f["name"]: f for f in found["fields"]}
    assert found["not_learnt"] == ["notes"]
    assert by_name["total"]["exact"] == by_name["day"]["exact"] == 1.0  # 7.50 is answered as 7.50
    assert by_name["day"]["normalised"] == by_name["total"]["normalised"] == 1.0
    snapshot = ws.store.models.snapshot(model.version.snapshot_id)
    assert found["n"] == snapshot.n_by_split["test"]
    right = sum(
        all(said["document"][k] == truth[k] for k in ("day", "total", "who", "kind") if k in by_name)
        for said, truth in ((ws.predict(model, [t])[0], d) for t, d in _tested(ws, model))
    )
    assert found["accuracy"] >= right / found["n"]
    assert ws.evaluate(model)["evaluation_id"] == found["evaluation_id"]
    evaluation = model.evaluate()
    evaluation.show()
    assert "are right in every field" in capsys.readouterr().out
    assert "Field by field" in evaluation._repr_html_()
    assert "Field by field" in evaluation.save(str(tmp_path / "report.html")).read_text(encoding="utf-8")
    same = ws.evaluate(model, compare=model)["comparison"]
    assert (same["kind"], same["verdict"], same["difference"]) == ("model", "undecided", 0.0)


def _tested(ws, model):
    """Texts and documents of the test rows."""
    table = ws.store.snapshots.read(model.version.snapshot_id)
    task = ws.store.tasks.get(model.version.task_id)
    texts = ws.store.records.texts(table["record_id"].to_pylist())
    for row in table.to_pylist():
        if row["split"] == "test":
            text = texts[row["record_id"]]
            yield text, document_of(task.fields, msgspec.json.decode(row["value"]), text)


def test_a_recipe_says_which_answers_it_learns(learnt):
    ws, model = learnt
    report = model.version.details["report"]
    assert report["fields"]["day"] == {"accuracy": 1.0, "n": report["n"]}
    assert any(d.startswith("notes: on no text somebody looked at") for d in report["decisions"])
    snapshot = ws.store.models.snapshot(model.version.snapshot_id)
    with pytest.raises(UnsuitableLabelsError, match=r"which the recipe linear does not learn. One that does: auto"):
        ws.train(snapshot, Recipe("linear"), "other")
    with pytest.raises(UnsuitableLabelsError, match="The answers of this model are objects"):
        ws.predictor(model)
    with pytest.raises(InputError, match="there is no option 'spam'"):
        ws.train(snapshot, Recipe("fields", {"spam": 1}), "other")


def test_the_same_seed_gives_the_same_model(learnt):
    ws, model = learnt
    snapshot = ws.store.models.snapshot(model.version.snapshot_id)
    again = ws.train(snapshot, Recipe("fields", {"choices": "lexical"}, 0), "again")
    one, two = (ws.store.bundles.open(v.version_id) / "fields.safetensors" for v in (model.version, again))
    assert one.read_bytes() == two.read_bytes()


def test_a_model_whose_features_are_those_of_another_version_is_not_asked(learnt, tmp_path):
    ws, model = learnt
    folder = shutil.copytree(ws.store.bundles.open(model.version.version_id), tmp_path / "old")
    facts = msgspec.json.decode((folder / "model.json").read_bytes())
    del facts["places"]
    (folder / "model.json").write_bytes(msgspec.json.encode(facts))
    with pytest.raises(ConflictError, match="Train it again"):
        load_object_predictor(folder)


def test_a_column_of_words_with_boxes_is_laid_out_as_a_page(tmp_path):
    page = [{"text": "Total", "box": [0, 0, 40, 10]}, {"text": "Thanks", "box": [0, 20, 40, 30]}]
    page.append({"text": "9.90", "box": [90, 1, 120, 11]})
    (tmp_path / "in.jsonl").write_text(json.dumps({"lines": page}), encoding="utf-8")
    with connect(tmp_path / "ws") as ws:
        ws.ingest(tmp_path / "in.jsonl", text="lines")
        (record,) = ws.store.records.page().records
        assert record.text == "Total\t9.90\nThanks"


def letters(n):
    for i in range(n):
        to, sender = WHO[i % 4], WHO[(i * 3 + 1) % 4]
        text = f"Dear {to}, thanks for offer no {i * 37 % 999} from {sender}; we pay {i}.50 EUR soon."
        people = list(dict.fromkeys([to, sender]))
        yield {"text": text, "answer": {"to": to, "people": people, "total": f"{i}.50 EUR"}}


def test_words_inside_of_lines_are_found_several_and_those_of_two_fields_at_one_place(tmp_path):
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, letters(120))), encoding="utf-8")
    with connect(tmp_path / "ws") as ws:
        ws.ingest(tmp_path / "in.jsonl", text="text")
        task = ws.task("letter", fields={"to": "span!", "people": "span*", "total": "money"})
        task.import_answers("answer")
        model = task.train(task.snapshot(seed=0), "fields", spans="crf")
        decisions = model.version.details["report"]["decisions"]
        assert [d.partition(":")[0] for d in decisions] == ["total", "to", "people"]  # they overlap: one finder each
        found = model.evaluate().document
        assert (found["accuracy"], found["not_learnt"]) == (1.0, [])
        text = "Dear Bob Ray, thanks for offer no 5 from Dan Poe; we pay 9.75 EUR soon."
        said, nothing = model.predict([text, "nothing"])
        assert said["document"] == {
            "to": "Bob Ray", "people": ["Bob Ray", "Dan Poe"], "total": {"amount": 9.75, "currency": "EUR"},
        }  # fmt: skip
        jsonschema.validate(said["document"], ws.json_schema("letter"))
        assert nothing["document"]["people"] == []
        assert nothing["fields"]["people"]["prob"] > 0.5


GOODS = ["lamp", "red chair", "desk", "oak shelf", "mirror", "small rug", "clock", "vase"]


def orders(n):
    for i in range(n):
        some = [GOODS[(i * 3 + k * 5) % 8] for k in range(1 + i % 3)]
        prices = [f"{(i * 7 + k * 13) % 90 + 1}.50" for k in range(len(some))]
        lines = [f"{1 + k} x {what} at {price} EUR" for k, (what, price) in enumerate(zip(some, prices, strict=True))]
        wants = [w for w, there in (("gift", i % 2), ("express", i % 3 == 0)) if there]
        words = " ".join({"gift": "please wrap as a gift", "express": "send it express"}[w] for w in wants)
        answer = {
            "goods": [{"what": w, "price": f"{p} EUR"} for w, p in zip(some, prices, strict=True)],
            "wants": wants,
        }
        yield {"text": "\n".join([f"Order {i}", *lines, words]), "answer": answer}


def test_lists_of_small_objects_and_several_choices_are_learnt(tmp_path):
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, orders(120))), encoding="utf-8")
    fields = [
        Field(
            "", "goods", FieldType.LIST, fields=(Field("", "what", FieldType.SPAN), Field("", "price", FieldType.MONEY))
        ),
        Field(
            "", "wants", FieldType.CHOICE, takes_many=True, choices=(TaskClass("", "gift"), TaskClass("", "express"))
        ),
    ]
    with connect(tmp_path / "ws") as ws:
        ws.ingest(tmp_path / "in.jsonl", text="text")
        task = ws.task("order", fields=fields)
        task.import_answers("answer")
        model = task.train(task.snapshot(seed=0), "fields", choices="lexical", spans="crf")
        assert any("right for 100.0% of the training texts" in d for d in model.version.details["report"]["decisions"])
        found = model.evaluate().document
        assert (found["not_learnt"], found["accuracy"] > 0.8) == ([], True)
        text = "Order 7\n1 x desk at 7.50 EUR\n2 x red chair at 12.50 EUR\nplease wrap as a gift send it express"
        said, nothing = model.predict([text, "hello"])
        jsonschema.validate(said["document"], ws.json_schema("order"))
        eur = {"currency": "EUR"}
        goods = [{"what": w, "price": {"amount": a, **eur}} for w, a in (("desk", 7.5), ("red chair", 12.5))]
        assert said["document"] == {"goods": goods, "wants": ["gift", "express"]}
        assert [text[a:b] for a, b in said["fields"]["goods"]["spans"]] == [
            "desk",
            "7.50 EUR",
            "red chair",
            "12.50 EUR",
        ]
        assert nothing["document"] == {"goods": [], "wants": []}
        assert 0 < nothing["fields"]["goods"]["prob"] <= 1


def test_auto_climbs_for_each_field_and_keeps_what_it_chose_in_the_recipe(tmp_path):
    told = [
        {**one, "answer": {**one["answer"], "kind": "bill" if i % 3 else "offer"}} for i, one in enumerate(letters(60))
    ]
    for i, one in enumerate(told):
        one["text"] = f"{'Invoice' if i % 3 else 'We offer'}. {one['text']}"
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, told)), encoding="utf-8")
    with connect(tmp_path / "ws") as ws:
        ws.ingest(tmp_path / "in.jsonl", text="text")
        task = ws.task("letter", fields={"to": "span!", "kind": ["bill", "offer"]})
        task.import_answers("answer")
        snapshot = task.snapshot(seed=0, valid_share=0.4)
        model = task.train(snapshot, "auto", budget_s=1)
        ladder = {row["recipe"]: row for row in model.version.details["ladder"]}
        assert model.version.recipe == "fields"
        assert {"to: patterns", "to: finetune", "kind: lexical", "fields"} <= set(ladder)
        assert "s are left of" in ladder["to: finetune"]["note"] or "already" in ladder["to: finetune"]["note"]
        options = model.version.details["replay"]["options"]
        chosen = {name.partition(": ")[0]: name.partition(": ")[2] for name, row in ladder.items() if row.get("chosen")}
        assert options["by_field"] == {"to": chosen["to"], "kind": chosen["kind"]}
        assert chosen["kind"] == "lexical"
        again = ws.train(snapshot, Recipe("fields", options, 0), "again")
        assert {row["recipe"] for row in again.details["ladder"]} == {"fields"}
        assert again.details["report"]["accuracy"] == model.version.details["report"]["accuracy"]


def test_auto_takes_the_usual_rung_where_too_few_texts_could_tell(tmp_path):
    told = [{"text": f"{'pay' if i % 2 else 'offer'} {i}", "answer": {"kind": "ab"[i % 2]}} for i in range(30)]
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, told)), encoding="utf-8")
    with connect(tmp_path / "ws") as ws:
        ws.ingest(tmp_path / "in.jsonl", text="text")
        task = ws.task("note", fields={"kind": ["a", "b"]})
        task.import_answers("answer")
        details = task.train(task.snapshot(seed=0)).version.details
        assert details["replay"]["options"]["by_field"] == {"kind": "linear"}
        assert any("too few to compare by" in d for d in details["report"]["decisions"])
        assert [row["recipe"] for row in details["ladder"]] == ["fields"]


@pytest.mark.slow
def test_a_challenger_is_judged_on_whole_objects_and_on_each_field(tmp_path):
    def read(name, found):
        (tmp_path / name).write_text("\n".join(map(json.dumps, found)), encoding="utf-8")
        ws.ingest(tmp_path / name, text="text")
        ws.task("note").import_answers("answer")

    def notes(start, n, *, wrong=False):
        for i in range(start, start + n):
            day, total, before = f"{i % 27 + 1:02}/0{i % 9 + 1}/2026", f"{i % 80 + 10}.50 EUR", f"{i % 70 + 20}.25 EUR"
            text = f"Note {i * 7919 % 100_000}\non {day}\nin all {total}\nbefore {before}"
            yield {"text": text, "answer": {"day": None if wrong else day, "total": before if wrong else total}}

    with connect(tmp_path / "ws") as ws:
        ws.task("note", fields={"day": "date", "total": "money"})
        read("one.jsonl", notes(0, 60))
        task = ws.task("note")
        first = task.train(task.snapshot(seed=0, test_share=0.4), "fields")
        ws.deploy(first, "note")
        assert ws.retrain("note", margin=0.3)["sentence"].startswith("KEEP note@1: nobody has said anything new")
        read("two.jsonl", notes(100, 30))
        done = ws.retrain("note", margin=0.3)
        assert (done["verdict"], done["n_new"], done["promoted"]) == ("SWITCH", 30, True)
        assert done["overall"]["n"] == 24
        assert ws.store.endpoints.get("note").version_id == done["version_id"]
        assert ws.roll_back("note").version_id == first.version.version_id
        read("three.jsonl", notes(300, 250, wrong=True))
        poisoned = ws.retrain("note", margin=0.3)
        assert poisoned["verdict"] == "KEEP"
        assert {(s["field"], s["verdict"]) for s in poisoned["slices"]} == {("field", "loses")}
        assert "day" in {s["value"] for s in poisoned["slices"]}
        assert "The challenger loses overall" in poisoned["sentence"]
        assert "The challenger loses where field is day" in poisoned["sentence"]
