"""Formats of other labelling software: there and back, good and bad."""

import json
import time

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homegrown.errors import EmptyDataError, InputError, UnreadableFileError, UnsuitableLabelsError
from homegrown.label.exchange_file import format_of, read_examples, write_examples
from homegrown.label.formats import FORMATS, Exported, Opinion
from homegrown.label.formats.base import NONE_OF_THESE
from homegrown.workspace import connect
from tests.conftest import write_messages

NAMES = sorted(FORMATS)
CLASSES = ["card", "refund", "login"]


def lines(*items):
    return b"\n".join(msgspec.json.encode(i) for i in items) + b"\n"


@pytest.fixture
def ws(tmp_path):
    with connect(tmp_path / "ws") as found:
        yield found


def votes(ws, task="topic"):
    rows = ws.sql(
        f"select r.text, v.class, v.label_source, v.confidence from votes v join records r using (record_id) where task = '{task}' order by all"
    ).arrow
    return [tuple(r.values()) for r in rows.to_pylist()]


# What each product really writes.
LABEL_STUDIO = [
    {"id": 1, "data": {"text": "my card is lost", "channel": "app"}, "annotations": [
        {"id": 7, "completed_by": {"id": 3, "email": "anna@team"}, "was_cancelled": False, "result": [
            {"id": "x", "from_name": "topic", "to_name": "text", "type": "choices", "value": {"choices": ["card"]}}]},
        {"id": 8, "completed_by": 4, "result": [{"type": "choices", "value": {"choices": ["refund"]}}]}],
     "predictions": [{"model_version": "bert-1", "score": 0.75, "result": [{"type": "choices", "value": {"choices": ["card"]}}]}]},
    {"id": 2, "data": {"text": "money back"}, "annotations": [{"completed_by": 4, "was_cancelled": True, "result": []}]},
]  # fmt: skip
ARGILLA = [
    {"id": "9", "fields": {"text": "my card is lost"}, "metadata": {"channel": "app"}, "status": "completed", "_server_id": "u",
     "suggestions": {"label": {"value": "card", "score": 0.75, "agent": "bert-1"}}, "vectors": {},
     "responses": {"label": [{"value": "card", "user_id": "anna@team"}, {"value": "refund", "user_id": "4"}]}},
    {"id": "10", "fields": {"text": "money back"}, "suggestions": {},
     "responses": {"label": [{"value": None, "user_id": "4", "status": "discarded"}]}},
]  # fmt: skip
ARGILLA_1 = [
    {"text": "my card is lost", "annotation": "card", "annotation_agent": "anna@team", "prediction": [["card", 0.75], ["refund", 0.25]],
     "prediction_agent": "bert-1", "id": "a", "metadata": {"channel": "app"}},
    {"text": "money back", "annotation": "refund", "annotation_agent": "4", "prediction": None},
]  # fmt: skip
PRODIGY = [
    {"text": "my card is lost", "options": [{"id": 1, "text": "card"}, {"id": 2, "text": "refund"}], "accept": [1], "answer": "accept",
     "_annotator_id": "anna@team", "_input_hash": 1, "_task_hash": 2, "_timestamp": 1700000000, "channel": "app"},
    {"text": "my card is lost", "label": "refund", "answer": "accept", "_annotator_id": "4", "_input_hash": 1},
    {"text": "money back", "label": "refund", "answer": "ignore", "_annotator_id": "4"},
]  # fmt: skip
DOCCANO = [
    {"id": 1, "text": "my card is lost", "label": ["card"], "channel": "app"},
    {"id": 2, "text": "money back", "label": ["refund"]},
    {"id": 3, "text": "hm", "label": []},
]
OPENAI = [
    {"messages": [{"role": "system", "content": "Say what it is."}, {"role": "user", "content": "my card is lost"}, {"role": "assistant", "content": "card"}]},
    {"messages": [{"role": "user", "content": [{"type": "text", "text": "money back"}]}, {"role": "assistant", "content": '{"label": "refund"}', "weight": 1}]},
]  # fmt: skip
REAL = {
    "label-studio": (json.dumps(LABEL_STUDIO, indent=2).encode(), {"f: anna@team": 1, "f: 4": 1, "f: bert-1": 1}),
    "argilla": (lines(*ARGILLA), {"f: anna@team": 1, "f: 4": 1, "f: bert-1": 1}),
    "argilla, list": (json.dumps(ARGILLA).encode(), {"f: anna@team": 1, "f: 4": 1, "f: bert-1": 1}),
    "argilla, first version": (lines(*ARGILLA_1), {"f: anna@team": 1, "f: 4": 1, "f: bert-1": 1}),
    "prodigy": (lines(*PRODIGY), {"f: anna@team": 1, "f: 4": 1}),
    "doccano": (b"\xef\xbb\xbf" + lines(*DOCCANO), {"f": 2}),
    "openai": (lines(*OPENAI), {"f": 2}),
}


@pytest.mark.parametrize("kind", REAL)
def test_what_each_product_writes_is_read(ws, tmp_path, kind):
    content, sources = REAL[kind]
    (tmp_path / "f").write_bytes(content)
    ws.task("topic", classes=CLASSES)
    done = ws.import_votes("topic", tmp_path / "f")
    assert done.format == kind.partition(",")[0]
    assert done.sources == sources
    assert done.n_aside == 0
    assert ("my card is lost", "card") in {v[:2] for v in votes(ws)}
    again = ws.import_votes("topic", tmp_path / "f")
    assert (again.n_added, again.sources) == (0, sources)
    assert ws.store.votes.table.count() == len(votes(ws)), "the second import puts its votes in place of the first's"
    if kind not in ("openai",):
        assert (
            ws.sql("select fields->>'channel' as c from records where text like 'my card%'").arrow["c"][0].as_py()
            == "app"
        )


def test_a_task_is_made_of_the_files_labels(ws, tmp_path):
    (tmp_path / "f.jsonl").write_bytes(lines(*DOCCANO))
    done = ws.import_votes("new", tmp_path / "f.jsonl")
    assert done.task.class_names == ("card", "refund")
    (tmp_path / "one.jsonl").write_bytes(lines(DOCCANO[0]))
    with pytest.raises(UnsuitableLabelsError):
        ws.import_votes("other", tmp_path / "one.jsonl")
    assert ws.store.records.count() == 3, "nothing of a refused file went in"


def test_votes_land_on_the_records_that_are_here(ws, tmp_path):
    """Out to another tool, labelled there, and back."""
    ws.ingest(write_messages(tmp_path / "m.csv"), text="message")
    task = ws.task("topic", classes=CLASSES)
    before = ws.store.records.count()
    for name in NAMES:
        out = tmp_path / f"out-{name}"
        task.export_labels(out, format=name)
        if name == "openai":
            assert out.read_bytes() == b"", "it has no place for a text without a label"
            continue
        items = [item.example for item in read_examples(out, FORMATS[name])]
        assert len(items) == before
        assert {e.record_id for e in items} == set(ws.store.records.all_ids().to_pylist())
    out = tmp_path / "out-doccano"
    labelled = [json.loads(line) for line in out.read_text().splitlines()]
    for item in labelled:
        item["label"] = [next(c for c in CLASSES if c in item["text"])]
    out.write_bytes(lines(*labelled))
    done = task.import_votes(out)
    assert (done.n_added, done.n_votes, ws.store.records.count()) == (0, 36, before)
    assert sum(task.snapshot().n_by_split.values()) == 36


def test_twins_keep_their_own_votes(ws, tmp_path):
    (tmp_path / "m.csv").write_text("message,n\nsame text,1\nsame text,2\nother,3\n")
    ws.ingest(tmp_path / "m.csv", text="message")
    (tmp_path / "f.jsonl").write_bytes(
        lines({"text": "same text", "label": ["card"]}, {"text": "same text", "label": ["refund"]})
    )
    ws.task("topic", classes=CLASSES)
    done = ws.import_votes("topic", tmp_path / "f.jsonl")
    assert (done.n_added, done.n_votes) == (0, 2)


def test_what_several_people_say_of_a_text_lands_on_one_record(ws, tmp_path):
    """Prodigy writes a line per person."""
    ws.task("topic", classes=CLASSES)
    said = [("anna", "card"), ("ben", "refund"), ("anna", "login"), ("ben", "card")]
    rows = [{"text": "same text", "label": label, "answer": "accept", "_annotator_id": who} for who, label in said]
    (tmp_path / "f.jsonl").write_bytes(lines(*rows))
    for n_added in (2, 0):
        done = ws.import_votes("topic", tmp_path / "f.jsonl")
        assert (done.n_added, done.n_votes, done.n_items) == (n_added, 4, 4)
    by_record = ws.sql("select record_id, string_agg(class, ' ' order by label_source) as c from votes group by all")
    assert sorted(by_record.arrow["c"].to_pylist()) == ["card refund", "login card"], "what one says twice are twins"


def test_a_longer_file_of_the_same_name_keeps_what_was_there(ws, tmp_path):
    ws.task("topic", classes=CLASSES)
    for n in (3, 8):
        (tmp_path / "f.jsonl").write_bytes(lines(*({"text": f"text {i}", "label": [CLASSES[i % 3]]} for i in range(n))))
        done = ws.import_votes("topic", tmp_path / "f.jsonl")
    assert (done.n_added, done.n_votes, ws.store.records.count()) == (5, 8, 8)


def test_the_good_part_goes_in_and_the_rest_is_listed(ws, tmp_path):
    bad = [
        b'{"text": "good one", "label": ["card"]}', b'{"text": "unknown label", "label": ["wolf"]}', b'{"text": "broken"',
        b'"just a text"', b"17", b'{"label": ["card"]}', b'{"text": "", "label": ["card"]}', b'{"text": 5, "label": ["card"]}',
        b'{"text": "spans", "label": [[0, 4, "card"]]}', b'{"text": "numbers", "label": [3]}', b'{"text": "two", "label": ["card", "refund"]}',
        b'{"text": "\xff\xfe", "label": ["card"]}', b"[" * 100_000, b'{"text": "empty label", "label": [""]}', b"",
        b'{"text": "spelt otherwise", "label": [" Card "]}', b'{"text": "last one", "label": ["none of these"]}',
    ]  # fmt: skip
    (tmp_path / "f.jsonl").write_bytes(b"\r\n".join(bad))
    ws.task("topic", classes=CLASSES)
    done = ws.import_votes("topic", tmp_path / "f.jsonl")
    assert done.n_votes == 3
    assert votes(ws)[0][:2] == ("good one", "card")
    told = {a.line: a.reason for a in done.aside}
    assert set(told) == {2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14}
    assert "no class 'wolf'" in told[2]
    assert "spans" in told[9]
    assert "2 classes" in told[11]
    assert done.n_aside == 13
    assert {"unknown label", "two"} <= set(ws.sql("select text from records").arrow["text"].to_pylist()), (
        "the texts are good"
    )
    more = ws.import_votes("topic", tmp_path / "f.jsonl", new_classes=True)
    assert more.task.class_names == (*CLASSES, "wolf")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("item", [{}, {"text": None}, {"data": []}, {"data": {"text": 5}, "annotations": 3}, {"fields": {}, "responses": []},
                                  {"messages": [{}, 5, None]}, {"messages": [{"role": "user", "content": {}}]}, {"answer": "accept", "text": "x", "accept": [{}]},
                                  {"text": "x", "annotation": {}, "prediction": [[1]]}, {"text": "x", "label": {"a": 1}}, {"fields": {"text": "x"}, "suggestions": {"label": 3}, "responses": {"label": {}}},
                                  {"data": {"text": "x"}, "annotations": [{"result": [{"type": "labels", "value": {}}]}]}, {"annotator": 1}])  # fmt: skip
def test_no_shape_breaks_a_reader(tmp_path, name, item):
    path = tmp_path / "f.jsonl"
    path.write_bytes(lines(item))
    (found,) = read_examples(path, FORMATS[name])
    assert (found.example is None) == bool(found.reason)


@given(item=st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
                         lambda x: st.lists(x, max_size=3) | st.dictionaries(st.sampled_from(["text", "label", "data", "annotations", "result", "value", "choices", "fields", "responses", "suggestions", "messages", "role", "content", "answer", "accept", "options", "id", "type", "meta", "prediction", "annotation", "score", "agent"]), x, max_size=5), max_leaves=20))  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_nor_does_any_json(tmp_path_factory, item):
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    path.write_bytes(msgspec.json.encode({"text": item} if not isinstance(item, dict) else item))
    for form in FORMATS.values():
        (found,) = read_examples(path, form)
        assert (found.example is None) == bool(found.reason)


@pytest.mark.parametrize(
    "content", [b"", b"\n \n", b"text,label\nx,y\n", b"[1, 2", b"\x00\x01\x02", b'{"a": 1}\n', b"[]"]
)
def test_what_is_no_such_file_is_refused_with_the_reason(ws, tmp_path, content):
    (tmp_path / "f").write_bytes(content)
    with pytest.raises((InputError, UnreadableFileError, EmptyDataError)) as told:
        ws.import_votes("topic", tmp_path / "f")
    assert told.value.exit_code == 2
    with pytest.raises(UnreadableFileError):
        ws.import_votes("topic", tmp_path / "nowhere")
    with pytest.raises(InputError, match="no format"):
        ws.import_votes("topic", tmp_path / "f", format="excel")


def test_hostile_text_stays_text(ws, tmp_path):
    evil = '<script>alert(1)</script>"}\n{"text":'
    (tmp_path / "f.jsonl").write_bytes(
        lines({"text": evil, "label": ["card"], "annotator": "<b>\x00"}, {"text": "x \U0001f600", "label": ["refund"]})
    )
    ws.task("topic", classes=CLASSES)
    assert ws.import_votes("topic", tmp_path / "f.jsonl").n_votes == 2
    for name in NAMES:
        ws.export_labels("topic", tmp_path / name, format=name)
        assert evil in {i.example.text for i in read_examples(tmp_path / name, FORMATS[name])}


_NAME = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12).filter(
    lambda s: s.strip() and s != NONE_OF_THESE
)
_TEXT = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=40).filter(str.strip)
_AUTHOR = st.text("abcdefg@.", min_size=1, max_size=8).filter(lambda s: s.strip() and s != "homegrown")


@st.composite
def exported_records(draw, name):
    classes = draw(st.lists(_NAME, min_size=2, max_size=4, unique=True))
    records = []
    for i in range(draw(st.integers(1, 4))):
        labels = draw(st.none() | st.just(()) | st.sampled_from(classes).map(lambda c: (c,)))
        people = (
            draw(st.lists(_AUTHOR, max_size=2, unique=True)) if name in ("label-studio", "argilla", "prodigy") else []
        )
        opinions = [Opinion((draw(st.sampled_from(classes)),), a) for a in people]
        if name == "label-studio" and draw(st.booleans()):
            opinions.append(Opinion((draw(st.sampled_from(classes)),), "bert", False, 0.5))
        records.append(
            Exported(f"{i:032x}", draw(_TEXT), labels, 0.75 if labels is not None else None, tuple(opinions))
        )
    return tuple(classes), records


@pytest.mark.parametrize("name", NAMES)
def test_there_and_back(tmp_path_factory, name):
    folder = tmp_path_factory.mktemp("round")

    @given(data=exported_records(name))
    @settings(max_examples=60, deadline=None)
    def holds(data):
        classes, records = data
        path = folder / "f"
        n = write_examples(path, FORMATS[name], records, "topic", classes)
        if n:
            assert format_of(path).name == name
        items = list(read_examples(path, FORMATS[name])) if n else []
        assert all(item.example for item in items), [i.reason for i in items]
        got = [item.example for item in items]
        for record in records:
            mine = [e for e in got if e.record_id == record.record_id or (name == "openai" and e.text == record.text)]
            if name == "openai" and record.labels is None:
                continue
            assert {e.text for e in mine} == {record.text}
            opinions = [o for e in mine for o in e.opinions]
            if record.opinions:
                assert opinions == list(record.opinions)
            elif name in ("prodigy", "doccano") and record.labels is not None:
                assert [o.labels for o in opinions] == [record.labels]
            elif name == "openai":
                assert record.labels in [o.labels for o in opinions]
            else:
                assert opinions == [], "our own label does not come back as an opinion"

    holds()


def test_people_models_and_the_joined_label_go_out(ws, tmp_path):
    ws.ingest(write_messages(tmp_path / "m.csv"), text="message", label="topic")
    task = ws.task("topic", column="topic")
    record_id = ws.store.records.all_ids()[0].as_py()
    ws.vote(record_id, task, "login")
    task.export_labels(tmp_path / "f.json", format="label-studio")
    items = {i["meta"]["record_id"]: i for i in json.loads((tmp_path / "f.json").read_bytes())}
    assert len(items) == 36
    mine = items[record_id]
    assert [a["result"][0]["value"]["choices"] for a in mine["annotations"]] == [["login"]]
    assert mine["annotations"][0]["meta"]["source"] == "terminal"
    assert mine["predictions"][-1]["model_version"] == "homegrown"
    assert mine["predictions"][-1]["result"][0]["value"]["choices"] == ["login"]


def test_votes_go_out_by_what_they_mean_now_and_come_in_by_what_a_class_was_called(ws, tmp_path):
    ws.ingest(write_messages(tmp_path / "m.csv"), text="message")
    ws.task("t", classes=["a", "b", "c", "d", "e"])
    said = dict(zip("abde", ws.store.records.all_ids().to_pylist(), strict=False))
    for name, record_id in said.items():
        ws.vote(record_id, "t", name)
    for old, new in (("a", "b"), ("b", "c")):
        ws.merge_classes("t", [old], new)
    ws.rename_class("t", "c", "sea")
    ws.split_class("t", "d", ["d1", "d2"])
    ws.remove_class("t", "e")
    ws.export_labels("t", tmp_path / "out.json", format="label-studio")
    items = {i["meta"]["record_id"]: i for i in json.loads((tmp_path / "out.json").read_bytes())}
    out = {n: [a["result"][0]["value"]["choices"] for a in items[i]["annotations"]] for n, i in said.items()}
    assert out == {"a": [["sea"]], "b": [["sea"]], "d": [], "e": []}
    texts = [f"new text {n}" for n in range(4)]
    rows = [{"text": t, "label": [n]} for t, n in zip(texts, ["a", "c", "D", "wolf"], strict=True)]
    (tmp_path / "f.jsonl").write_bytes(lines(*rows))
    done = ws.import_votes("t", tmp_path / "f.jsonl", new_classes=True)
    assert done.task.class_names == ("sea", "d1", "d2", "wolf"), "a name that a class once had makes no other one"
    assert (done.n_votes, done.aside) == (4, ())
    assert {v[:2] for v in votes(ws, "t") if v[0] in texts[:2]} == {(texts[0], "sea"), (texts[1], "sea")}


def test_who_is_in_the_file_no_more_votes_no_more(ws, tmp_path):
    ws.task("topic", classes=CLASSES)
    path = tmp_path / "f.jsonl"
    path.write_bytes(lines(*({"text": f"text {who}", "label": ["card"], "annotator": who} for who in ("anna", "ben"))))
    ws.import_votes("topic", path)
    ws.ingest(write_messages(tmp_path / "m.csv"), text="message")
    path.write_bytes(lines({"text": "text ben", "label": ["refund"], "annotator": "anna"}))
    assert ws.import_votes("topic", path).sources == {"f.jsonl: anna": 1}
    assert [v[:3] for v in votes(ws)] == [("text ben", "refund", "f.jsonl: anna")]


def test_export_leaves_the_old_file_or_the_new_one(ws, tmp_path):
    ws.ingest(write_messages(tmp_path / "m.csv"), text="message", label="topic")
    ws.task("topic", column="topic")
    path = tmp_path / "f.jsonl"
    path.write_text("old")

    def breaks():
        yield Exported("0" * 32, "x", ("card",), 1.0, ())
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_examples(path, FORMATS["doccano"], breaks(), "topic", ("card",))
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []
    for bad in (tmp_path, tmp_path / "no" / "f"):
        with pytest.raises(InputError):
            ws.export_labels("topic", bad, format="doccano")


def test_a_hundred_thousand_go_out_in_seconds(ws, tmp_path):
    n = 100_000
    (tmp_path / "m.csv").write_text(
        "message,topic\n" + "".join(f"text number {i},{CLASSES[i % 3]}\n" for i in range(n))
    )
    ws.ingest(tmp_path / "m.csv", text="message", label="topic")
    ws.task("topic", column="topic")
    started = time.process_time()
    done = ws.export_labels("topic", tmp_path / "f.jsonl", format="argilla")
    assert time.process_time() - started < 8  # of processor time, whatever else the machine does; benchmarks measure
    assert (done.n_items, done.n_labelled) == (n, n)
