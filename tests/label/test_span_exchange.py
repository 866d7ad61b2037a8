"""Files of spans become votes on fields: by id or by text, in any unit; what does not fit is told."""

import json

import msgspec
import pytest
from click.testing import CliRunner

from homegrown.cli.main import cli
from homegrown.core.documents import document_of
from homegrown.errors import EmptyDataError, InputError, UnsuitableLabelsError
from homegrown.workspace import connect

CONLL = "To\tO\nAnn\tB-who\nLee\tI-who\n\nfrom\tO\nBob\tB-who\nin\tO\nRome\tB-LOC\n\nnobody\tO\nhere\tO\n\n"


def lines(*items):
    return b"\n".join(msgspec.json.encode(i) for i in items) + b"\n"


@pytest.fixture(scope="module")
def ws(tmp_path_factory):
    """One workspace for all: each test has a task of its own."""
    with connect(tmp_path_factory.mktemp("spans") / "ws") as found:
        yield found


def put(tmp_path, content, name):
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return tmp_path / name


def said(ws, task):
    """Documents by text and source."""
    votes = ws.store.votes.of_task(task.task_id).to_pylist()
    names = {s["label_source_id"]: s["name"] for s in ws.store.tasks.label_sources(task.task_id)}
    texts = ws.store.records.texts([v["record_id"] for v in votes])
    return {
        (texts[v["record_id"]], names[v["label_source_id"]]): v["value"]
        and document_of(task.fields, msgspec.json.decode(v["value"]), texts[v["record_id"]])
        for v in votes
    }


def test_a_file_of_spans_makes_records_a_task_and_votes(ws, tmp_path):
    done = ws.import_votes("people", put(tmp_path, CONLL, "train.conll"))
    assert (done.format, done.n_items, done.n_added, done.n_votes, done.n_aside) == ("conll", 3, 3, 3, 0)
    assert [(f.name, f.type.value, f.takes_many) for f in done.task.fields] == [
        ("LOC", "span", True),
        ("who", "span", True),
    ]
    assert said(ws, done.task) == {
        ("To Ann Lee", "train.conll"): {"LOC": [], "who": ["Ann Lee"]},
        ("from Bob in Rome", "train.conll"): {"LOC": ["Rome"], "who": ["Bob"]},
        ("nobody here", "train.conll"): {"LOC": [], "who": []},
    }
    again = ws.import_votes("people", tmp_path / "train.conll")
    assert (again.n_added, again.n_votes) == (0, 3)
    assert len(said(ws, again.task)) == 3, "the second import puts its votes in place of the first's"


def test_marks_become_answers_of_the_type_of_their_field(ws, tmp_path):
    task = ws.task("bill", fields={"who": "span", "total": "money", "day": "date", "kind": ["a", "b"]}).noun
    text = "Ann: 12.50 EUR on 3 May 2026, was 9.00 EUR"

    def item(who, *marks):
        spans = [{"start": text.index(w), "end": text.index(w) + len(w), "label": label} for w, label in marks]
        return {"text": text, "spans": spans, "answer": "accept", "_annotator_id": who}

    file = put(tmp_path, lines(
        item("good", ("Ann", "WHO"), ("12.50 EUR", "total"), ("3 May 2026", "day")),
        item("two", ("12.50 EUR", "total"), ("9.00 EUR", "total")),
        item("odd", ("Ann", "day"), ("Ann", "kind"), ("was", "spam")),
        item("both", ("Ann", "who"), ("was", "who")),
    ), "bills.jsonl")  # fmt: skip
    done = ws.import_votes("bill", file)
    found = {source: document for (_, source), document in said(ws, task).items()}
    whole = {"who": "Ann", "total": {"amount": 12.5, "currency": "EUR"}, "day": "2026-05-03", "kind": None}
    assert found["bills.jsonl: good"] == whole
    values = {v["label_source_id"]: v["value"] for v in ws.store.votes.of_task(task.task_id).to_pylist()}
    one = next(v for v in values.values() if '"12.50"' in v)
    total = msgspec.json.decode(one)["fields"][task.fields[1].field_id]
    assert total == {"value": "12.50", "currency": "EUR", "spans": [[5, 14]]}
    assert [a.reason for a in done.aside] == [
        "the field 'total' takes one money, and different ones were marked",
        "the task has no field 'spam'",
        "the words marked as 'day' are no date",
        "the field 'kind' is a choice, which no words of a text answer",
        "the field 'who' takes one span, and 2 were marked",
    ]
    more = ws.import_votes("bill", file, new_classes=True)
    assert [f.name for f in more.task.fields] == ["who", "total", "day", "kind", "spam"]
    assert more.task.fields[:4] == task.fields


def test_what_lies_outside_of_its_text_is_no_vote_and_says_nothing_false(ws, tmp_path):
    text = "😀 see Bob, or Ann of the next record"
    ends = [{"text": text, "spans": [{"start": 11, "end": 14, "label": "who"}, {"start": 30, "end": 99, "label": "city"}]},
            {"text": "Ann in Rome", "spans": [{"start": 7, "end": 11, "label": "city"}]}]  # fmt: skip
    done = ws.import_votes("edges", put(tmp_path, lines(*ends), "edges.jsonl"), format="prodigy", unit="utf-16")
    found = said(ws, done.task)
    assert done.units == {"UTF-16 units": 1, "code points": 1} or done.units == {"UTF-16 units": 2}
    assert [a.reason for a in done.aside] == ["a span lies outside of the text"]
    value = next(v["value"] for v in ws.store.votes.of_task(done.task.task_id).to_pylist() if '"spans"' in v["value"])
    assert found["Ann in Rome", "edges.jsonl"] == {"city": ["Rome"], "who": []}
    lost = next(f.field_id for f in done.task.fields if f.name == "city")
    assert any(
        lost not in msgspec.json.decode(v["value"])["fields"]
        for v in ws.store.votes.of_task(done.task.task_id).to_pylist()
    )
    assert value


@pytest.mark.parametrize("format", ["conll", "brat", "label-studio", "doccano", "prodigy"])
def test_out_and_in_again_is_the_same(ws, tmp_path, format):
    task = ws.import_votes("round", put(tmp_path, CONLL, "round.conll")).task
    before = {text: document for (text, _), document in said(ws, task).items()}
    out = tmp_path / "out"
    if format == "brat":
        out.mkdir()
    done = ws.export_labels("round", out, format=format)
    assert (done.n_labelled, done.n_aside) == (3, 0)
    copy = ws.import_votes(f"copy-{format}", out)
    assert copy.format == format
    assert copy.n_added == 0, "records are found by their id or their text"
    after = {text: document for (text, _), document in said(ws, copy.task).items()}
    assert {t: after[t] for t in before} == before
    if format != "brat":
        assert b"".join(ws.stream_labels("round", format=format)) == out.read_bytes()
    else:
        with pytest.raises(InputError, match="brat's files are a folder"):
            ws.stream_labels("round", format=format)


def test_what_cannot_be_is_refused_with_one_sentence(ws, tmp_path):
    file = put(tmp_path, CONLL, "a.conll")
    ws.task("intents", classes=["x", "y"])
    with pytest.raises(UnsuitableLabelsError, match="'intents' is answered with classes, and the file marks parts"):
        ws.import_votes("intents", file, format="conll")
    ws.task("other", fields={"sum": "money"})
    with pytest.raises(UnsuitableLabelsError, match=r"has none of the types that a\.conll marks \(LOC, who\)"):
        ws.import_votes("other", file)
    with pytest.raises(InputError, match="is none of these"):
        ws.import_votes("fresh", file, unit="miles")
    with pytest.raises(UnsuitableLabelsError, match="marks nothing in any text"):
        ws.import_votes("fresh", put(tmp_path, "a\tO\n\n", "o.conll"))
    with pytest.raises(EmptyDataError, match=r"No text of b\.conll can be used as conll"):
        ws.import_votes("fresh", put(tmp_path, b"\xff\tO\n\n", "b.conll"), format="conll")
    with pytest.raises(InputError, match="'unit' says how spans are read"):
        ws.import_votes("intents", put(tmp_path, lines({"text": "t", "label": ["x"]}), "c.jsonl"), unit="bytes")
    assert ws.store.tasks.find("fresh") is None


def test_from_the_command_line(tmp_path):
    file, folder = put(tmp_path, CONLL, "train.conll"), str(tmp_path / "ws")
    run = CliRunner().invoke(cli, ["label", "import", "people", str(file), "--workspace", folder, "--json"])
    assert run.exit_code == 0, run.output
    assert json.loads(run.output)["sources"] == {"train.conll": 3}
    out = tmp_path / "out.jsonl"
    args = ["label", "export", "people", str(out), "--format", "doccano", "--workspace", folder]
    run = CliRunner().invoke(cli, args)
    assert run.output.strip().endswith("3 items for doccano, 3 records have a label.")
    assert json.loads(out.read_text().splitlines()[0])["label"] is not None
