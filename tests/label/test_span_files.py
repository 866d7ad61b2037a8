"""Span annotations of other software: what each really writes, there and back, and what cannot be used."""

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homegrown.core.spans import Span
from homegrown.errors import InputError, UnreadableFileError
from homegrown.label.span_files import SpanExported, SpanOpinion, Unit
from homegrown.label.span_files.conll import Spaces, decoded, joined
from homegrown.label.span_files.files import read_all, read_spans, span_format_of, write_spans
from homegrown.label.span_files.offsets import Mark, boundaries, offsets_of, plainly, resolve

FIREMEN = "👨🏻\u200d🚒 firemen drive firetrucks"


def lines(*items):
    return b"\n".join(msgspec.json.encode(i) for i in items) + b"\n"


def put(tmp_path, content, name="f.jsonl"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def words(done, number=0, opinion=0):
    one = done.examples[number]
    return [(s.of(one.text), s.type) for s in one.opinions[opinion].spans]


def reasons(done):
    return [(a.file, a.line, a.reason) for a in done.aside]


# Offsets

PIECES = ["a", "Ünï", " ", "card", "e\u0301", "😀", "👨🏻\u200d🚒", "東京", "\r\n", "\n", "🇩🇪", "\u202e", "𝒳", "."]
TEXTS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=12).map("".join)


@st.composite
def marked(draw):
    text = draw(TEXTS)
    cuts = st.integers(0, len(text))
    ends = draw(st.lists(st.tuples(cuts, cuts), max_size=5))
    spans = {Span(min(e), max(e), draw(st.sampled_from(["city", "name"]))) for e in ends if e[0] != e[1]}
    return text, sorted(spans)


@settings(deadline=None, max_examples=150)
@given(marked(), st.sampled_from(list(Unit)))
def test_offsets_come_back_from_every_unit(found, unit):
    text, spans = found
    if unit is Unit.LINE_ENDS_AS_ONE:  # between a carriage return and its newline there is no offset
        spans = [s for s in spans if not any(text[e - 1 : e + 1] == "\r\n" for e in (s.start, s.end))]
    marks = [Mark(a, b, s.type, s.of(text)) for s, (a, b) in zip(spans, offsets_of(text, spans, unit), strict=True)]
    read = resolve(text, marks, (unit,))
    assert [read.spans[i] for i in range(len(marks))] == spans
    assert read.asides == ()
    assert not read.is_unsure
    told = resolve(text, marks, list(Unit))
    assert not told.asides, "some unit holds all words"
    assert [told.spans[i].of(text).split() for i in range(len(marks))] == [s.of(text).split() for s in spans]


@settings(deadline=None)
@given(TEXTS)
def test_boundaries_are_what_encoders_count(text):
    assert boundaries(text, Unit.UTF16)[-1] == len(text.encode("utf-16-le")) // 2
    assert boundaries(text, Unit.BYTES).tolist() == [len(text[:i].encode()) for i in range(len(text) + 1)]
    assert boundaries(text, Unit.CODE_POINTS)[-1] == len(text)
    assert boundaries(text, Unit.LINE_ENDS_AS_ONE)[-1] == len(text.replace("\r\n", "\n"))


@settings(deadline=None, max_examples=150)
@given(marked(), st.sampled_from(["", " ", "\n ", "\0", "\r\n"]), st.sampled_from(["", " \n", "\0 "]))
def test_spans_move_along_when_a_text_is_made_plain(found, before, after):
    text, spans = found
    whole = before + text + after
    spans = [Span(s.start + len(before), s.end + len(before), s.type) for s in spans]
    plain, moved = plainly(whole, spans)
    for span in spans:
        said = span.of(whole).replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
        if span in moved:
            here = moved[span].of(plain)
            assert here.strip() == said.strip()
        else:
            assert not said.strip()


def test_words_with_other_spaces_are_the_same_words():
    text = "New\n  York"
    for words in ("New York", "New\\n  York", "New\u00a0York"):
        assert resolve(text, [Mark(0, 10, "city", words)], (Unit.CODE_POINTS,)).spans == {0: Span(0, 10, "city")}
    assert resolve(text, [Mark(0, 10, "city", "NewYork")], (Unit.CODE_POINTS,)).spans == {}


def test_what_no_words_tell_is_told_by_where_words_end():
    marks = [Mark(22, 32, "thing")]  # doccano issue 2290
    found = resolve(FIREMEN, marks, (Unit.CODE_POINTS, Unit.UTF16))
    assert found.unit is Unit.UTF16
    assert found.spans[0].of(FIREMEN) == "firetrucks"
    unsure = resolve("😀 aaaa aaaa", [Mark(4, 5, "x")], (Unit.CODE_POINTS, Unit.UTF16))
    assert unsure.is_unsure
    assert unsure.unit is Unit.CODE_POINTS


# What each product really writes

LABEL_STUDIO = [
    {"id": 1, "data": {"text": "Ann flew to Oslo 😀 with Bo", "channel": "app"}, "annotations": [
        {"id": 7, "completed_by": {"id": 3, "email": "anna@team"}, "was_cancelled": False, "result": [
            {"id": "a", "from_name": "label", "to_name": "text", "type": "labels", "origin": "manual",
             "value": {"start": 0, "end": 3, "text": "Ann", "labels": ["name"]}},
            {"id": "b", "from_name": "label", "to_name": "text", "type": "labels", "origin": "manual",
             "value": {"start": 24, "end": 26, "text": "Bo", "labels": ["name", "guest"]}},
            {"id": "c", "from_name": "mood", "to_name": "text", "type": "choices", "value": {"choices": ["glad"]}}]},
        {"id": 8, "completed_by": 4, "was_cancelled": True, "result": []}],
     "predictions": [{"model_version": "bert-1", "score": 0.75, "result": [
         {"from_name": "label", "to_name": "text", "type": "labels", "value": {"start": "12", "end": "16", "labels": ["city"]}}]}]},
    # Version 1.3, which counted as JavaScript does (its issue 1347).
    {"id": 2, "data": {"text": "💩This is an annotation."}, "completions": [{"completed_by": 4, "result": [
        {"from_name": "label", "to_name": "text", "type": "labels", "value": {"start": 13, "end": 23, "text": "annotation", "labels": ["x"]}}]}]},
]  # fmt: skip
LABEL_STUDIO_MIN = [
    {"id": 3, "text": "Ann flew", "label": [{"start": 0, "end": 3, "text": "Ann", "labels": ["name"]}], "annotator": 2, "annotation_id": 9, "lead_time": 3.1},
]  # fmt: skip
DOCCANO = [
    {"id": 1, "text": "Ann flew to Oslo", "label": [[0, 3, "name"], [12, 16, "city"]], "channel": "app"},
    {"id": 2, "text": "Ann flew", "labels": [[0, 3, "name"]]},
    {"id": 3, "text": FIREMEN, "entities": [{"id": 5, "label": "thing", "start_offset": 22, "end_offset": 32}],
     "relations": [{"id": 1, "from_id": 5, "to_id": 5, "type": "is"}], "Comments": []},
    {"id": 4, "text": "nothing here", "label": []},
]  # fmt: skip
PRODIGY = [
    {"text": "😀 Ann flew", "tokens": [{"text": "😀", "start": 0, "end": 1, "id": 0}, {"text": "Ann", "start": 2, "end": 5, "id": 1}, {"text": "flew", "start": 6, "end": 10, "id": 2}],
     "spans": [{"start": 2, "end": 5, "token_start": 1, "token_end": 1, "label": "name"}], "answer": "accept", "_annotator_id": "anna", "_task_hash": 2, "meta": {"source": "mail"}},
    {"text": "Ann flew", "spans": [], "answer": "ignore", "_annotator_id": "bob"},
    {"text": "Ann flew", "spans": [{"start": 0, "end": 3, "label": "name"}]},
    {"text": "Ann flew", "entities": [[0, 3, "name"]]},
]  # fmt: skip


def test_label_studio(tmp_path):
    path = put(tmp_path, json.dumps(LABEL_STUDIO, indent=1), "p.json")
    assert span_format_of(path) == "label-studio"
    done = read_all(path)
    assert words(done) == [("Ann", "name"), ("Bo", "guest"), ("Bo", "name")]
    first = done.examples[0]
    assert [(o.author, o.is_person, o.confidence) for o in first.opinions] == [
        ("anna@team", True, None),
        ("4", True, None),
        ("bert-1", False, 0.75),
    ]
    assert first.opinions[1].spans is None
    assert words(done, 0, 2) == [("Oslo", "city")]
    assert first.fields == {"channel": "app"}
    assert first.unit is Unit.CODE_POINTS
    assert words(done, 1) == [("annotation", "x")]
    assert done.examples[1].unit is Unit.UTF16
    assert done.units == {Unit.CODE_POINTS: 1, Unit.UTF16: 1}
    assert reasons(done) == [
        ("p.json", 1, "of its regions one is of the type 'choices', and only labels are spans of a text")
    ]
    assert words(read_all(put(tmp_path, json.dumps(LABEL_STUDIO_MIN), "m.json"))) == [("Ann", "name")]


def test_doccano(tmp_path):
    path = put(tmp_path, lines(*DOCCANO))
    assert span_format_of(path) == "doccano"
    done = read_all(path)
    assert words(done) == [("Ann", "name"), ("Oslo", "city")]
    assert words(done, 1) == [("Ann", "name")]
    assert words(done, 2) == [("firetrucks", "thing")]
    assert done.examples[3].opinions[0].spans == ()
    assert done.examples[0].fields == {"channel": "app"}
    assert reasons(done) == [("f.jsonl", 3, "a relation between spans is not read")]
    forced = read_all(path, unit=Unit.CODE_POINTS)
    assert ("f.jsonl", 3, "a span lies outside of the text") in reasons(forced)


def test_prodigy(tmp_path):
    path = put(tmp_path, lines(*PRODIGY))
    assert span_format_of(path) == "prodigy"
    done = read_all(path)
    assert words(done) == words(done, 2) == words(done, 3) == [("Ann", "name")]
    assert done.examples[0].opinions[0].author == "anna"
    assert done.examples[0].fields == {"source": "mail"}
    assert done.examples[1].opinions == (SpanOpinion(None, "bob"),)
    assert done.n_aside == 0


CONLL = {
    "BIO": ["Ann\tB-name", "Lee\tI-name", "met\tO", "Bo\tB-name", "Cy\tB-name"],
    "IOB1": ["Ann I-name", "Lee I-name", "met O", "Bo I-name", "Cy B-name"],
    "BIOES": ["Ann NNP B-name", "Lee NNP E-name", "met VBD O", "Bo NNP S-name", "Cy NNP S-name"],
    "BILOU": ["Ann\tB-name", "Lee\tL-name", "met\tO", "Bo\tU-name", "Cy\tU-name"],
}


@pytest.mark.parametrize("scheme", CONLL)
def test_conll_in_its_schemes(tmp_path, scheme):
    path = put(tmp_path, "-DOCSTART- -X- O O\n\n" + "\n".join(CONLL[scheme]) + "\n\n\r\nOslo\tI-city\r\n", "t.conll")
    assert span_format_of(path) == "conll"
    done = read_all(path)
    assert done.examples[0].text == "Ann Lee met Bo Cy"
    assert words(done) == [("Ann Lee", "name"), ("Bo", "name"), ("Cy", "name")]
    assert words(done, 1) == [("Oslo", "city")]
    assert done.n_aside == 0


def test_conll_of_inside_tags_only_parts_by_type():
    assert decoded(["I-a", "I-a", "I-b", "O", "I-b"], [(i, i + 1) for i in range(5)])[0] == [
        Span(0, 2, "a"), Span(2, 3, "b"), Span(4, 5, "b"),
    ]  # fmt: skip


def test_conll_texts_are_rebuilt(tmp_path):
    tokens = ["He", "said", "(", "no", ")", ",", "did", "n't", "he", "?"]
    assert joined(tokens, Spaces.WRITTEN)[0] == "He said (no), didn't he?"
    assert joined(tokens, Spaces.SINGLE)[0] == "He said ( no ) , did n't he ?"
    body = "# text = Ann  (Lee).\nAnn\tB-name\n(\tO\nLee\tB-name\n)\tO\n.\tO\n\n# text = other\nBo\tB-name\n"
    done = read_all(put(tmp_path, body, "t.conll"))
    assert done.examples[0].text == "Ann  (Lee)."
    assert words(done) == [("Ann", "name"), ("Lee", "name")]
    assert done.examples[1].text == "Bo"
    assert reasons(done) == [
        ("t.conll", 8, "its tokens do not stand in the text beside them; it was rebuilt of the tokens")
    ]
    two = read_all(
        put(tmp_path, "-DOCSTART- O\n\na O\nAnn B-x\n\nBo B-x\n\n-DOCSTART- O\n\nCy B-x\n", "d.conll"), documents=True
    )
    assert [e.text for e in two.examples] == ["a Ann\nBo", "Cy"]
    assert words(two) == [("Ann", "x"), ("Bo", "x")]
    written = read_all(put(tmp_path, "Ann B-x\n. O\n", "w.conll"), spaces="written")
    assert written.examples[0].text == "Ann."
    with pytest.raises(InputError, match="single or written"):
        read_all(put(tmp_path, "Ann B-x\n", "w.conll"), spaces="none")


BRAT_TEXT = "Sony and Oslo\r\nBay 😀 hired Ann\r\nin May"
BRAT_MARKS = (
    "T1\tOrg 0 4\tSony\nT2\tPlace 9 13;14 17\tOslo Bay\nT3\tPerson 26 29\tAnn\nT4\tGroup 0 4;26 29\tSony Ann\n"
    "E1\tHire:T3 Who:T1\n#1\tAnnotatorNotes T1\tsure?\nR1\tAt Arg1:T1 Arg2:T2\nT5\tOrg 0 4\tSorry\nTx\tOrg\n*\tEquiv T1 T4\nA1\tNegation E1\n"
)


def test_brat(tmp_path):
    folder = tmp_path / "corpus"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "one.txt").write_bytes(BRAT_TEXT.encode())
    (folder / "deep" / "one.ann").write_text(BRAT_MARKS)
    (folder / "alone.txt").write_text("nothing")
    (folder / "link.txt").symlink_to("/etc/hostname")
    assert span_format_of(folder) == "brat"
    done = read_all(folder)
    one = done.examples[0]
    assert one.unit is Unit.LINE_ENDS_AS_ONE
    assert [(s.of(one.text), s.type) for s in one.opinions[0].spans] == [
        ("Sony", "Org"),
        ("Oslo\r\nBay", "Place"),
        ("Ann", "Person"),
    ]
    told = reasons(done)
    assert told[0] == ("alone.txt", 0, "alone.ann is missing beside it")
    name = str(Path("deep") / "one.ann")
    assert {(line, reason) for file, line, reason in told[1:] if file == name} == {
        (4, "a span is in several pieces, with other words between"),
        (5, "an event is not read, only spans are"), (6, "a note is not read, only spans are"),
        (7, "a relation is not read, only spans are"), (8, "the words of a span are not those at its offsets"),
        (9, "a line that begins with T has no type, start and end"), (10, "an equivalence is not read, only spans are"),
        (11, "an attribute is not read, only spans are"),
    }  # fmt: skip
    plain = one.plain()
    assert plain.text == BRAT_TEXT.replace("\r\n", "\n")
    assert [s.of(plain.text) for s in plain.opinions[0].spans] == ["Sony", "Oslo\nBay", "Ann"]
    assert words(read_all(folder / "deep" / "one.ann"))[0] == ("Sony", "Org")
    with pytest.raises(UnreadableFileError, match=r"alone\.ann is missing"):
        read_all(folder / "alone.txt", "brat")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UnreadableFileError, match="no annotations of brat"):
        read_all(tmp_path / "empty", "brat")


@pytest.mark.parametrize("unit", [Unit.CODE_POINTS, Unit.UTF16, Unit.BYTES])
def test_brat_of_other_programs(tmp_path, unit):
    text = "Zoë 😀 met Ann in Oslo"
    spans = [Span(0, 3, "name"), Span(10, 13, "name"), Span(17, 21, "city")]
    marks = "".join(
        f"T{i}\t{s.type} {a} {b}\t{s.of(text)}\n"
        for i, (s, (a, b)) in enumerate(zip(spans, offsets_of(text, spans, unit), strict=True))
    )
    put(tmp_path, text, "one.txt")
    done = read_all(put(tmp_path, marks, "one.ann"))
    assert done.examples[0].opinions[0].spans == tuple(spans)
    assert done.examples[0].unit is unit


# There and back


@st.composite
def records(draw):
    found = []
    for number in range(draw(st.integers(1, 3))):
        text, spans = draw(marked().filter(lambda m: m[0].strip()))
        who = draw(st.sampled_from([(), ("anna",), ("anna", "bob")]))
        opinions = tuple(SpanOpinion(tuple(spans), name) for name in who)
        found.append(SpanExported(f"{number:032x}", text, draw(st.sampled_from([None, tuple(spans)])), 0.5, opinions))
    return found


@settings(deadline=None, max_examples=60)
@given(found=records(), format=st.sampled_from(["label-studio", "doccano", "prodigy"]))
def test_there_and_back(tmp_path_factory, found, format):
    path = tmp_path_factory.mktemp("files") / "out"
    assert write_spans(path, format, found).n_aside == 0
    unit = Unit.CODE_POINTS if format == "doccano" else None
    back = read_all(path, format, unit=unit)
    assert back.n_aside == 0
    held = {}
    for example in back.examples:
        held.setdefault(example.record_id, []).extend(example.opinions)
    for record in found:
        assert {e.text for e in back.examples if e.record_id == record.record_id} == {record.text}
        read = held[record.record_id]
        if record.opinions:
            people = [(o.author, o.spans) for o in read if o.is_person]
            assert people == [(o.author, o.spans) for o in record.opinions]
        elif format != "label-studio":  # our own label is not read back as somebody's opinion there
            assert [o.spans for o in read] == ([] if record.spans is None else [record.spans])


@settings(deadline=None, max_examples=60)
@given(found=marked())
def test_brat_there_and_back(tmp_path_factory, found):
    text, spans = found
    if not text.strip():
        return
    folder = tmp_path_factory.mktemp("brat")
    write_spans(folder, "brat", [SpanExported("a" * 32, text, tuple(spans))])
    done = read_all(folder)
    one = done.examples[0]
    assert one.text == text
    assert [(s.of(text).split(), s.type) for s in one.opinions[0].spans] == sorted_words(text, spans)


def sorted_words(text, spans):
    """A span of line ends only has no words, and a mark of brat does not hold line ends at a span's own ends."""
    return [(s.of(text).split(), s.type) for s in trimmed(text, spans)]


def trimmed(text, spans):
    found = set()
    for s in spans:
        inner = s.of(text).strip("\r\n")
        if inner:
            start = s.start + s.of(text).index(inner)
            found.add(Span(start, start + len(inner), s.type))
        else:
            found.add(s)
    return sorted(found)


@settings(deadline=None, max_examples=60)
@given(found=marked())
def test_conll_there_and_back(tmp_path_factory, found):
    text, spans = found
    flat, last = [], 0
    for s in sorted(spans, key=lambda s: (s.start, -s.end)):
        inner = s.of(text).strip()
        start = s.start + s.of(text).index(inner) if inner else s.start
        if inner and start >= last and s.start >= last:
            flat.append(Span(start, start + len(inner), s.type))
            last = s.end
    path = tmp_path_factory.mktemp("conll") / "t.conll"
    done = write_spans(path, "conll", [SpanExported("a" * 32, text, tuple(flat))], with_text=True)
    assert done.n_aside == 0
    back = list(read_spans(path, "conll"))
    if not text.strip() or not any(c.isprintable() for c in text):
        return
    assert back[0].example.text == text
    assert list(back[0].example.opinions[0].spans) == flat


def test_what_a_format_has_no_place_for_is_told(tmp_path):
    overlap = SpanExported("a" * 32, "Ann Lee", (Span(0, 7, "name"), Span(0, 3, "first")))
    shared = SpanExported(
        "b" * 32, "Bo", None, None, (SpanOpinion((), "anna"), SpanOpinion((Span(0, 2, "a b"),), "bob"))
    )
    done = write_spans(tmp_path / "t.conll", "conll", [overlap, shared])
    assert [(a.line, a.reason) for a in done.aside] == [
        (1, "a span overlaps another one, for which the format has no place"),
        (2, "what another person marked has no place in the format"),
    ]  # fmt: skip
    assert (tmp_path / "t.conll").read_text() == "Ann\tB-name\nLee\tI-name\n\nBo\tO\n\n"
    with pytest.raises(InputError, match="does not lie in the text"):
        write_spans(tmp_path / "t.conll", "conll", [SpanExported("a" * 32, "Ann", (Span(0, 9, "x"),))])
    assert (tmp_path / "t.conll").read_text().startswith("Ann\tB-name"), "the old file stays whole"
    with pytest.raises(InputError, match="no format of spans"):
        write_spans(tmp_path / "x", "xml", [])
    with pytest.raises(UnreadableFileError, match="no folder"):
        write_spans(tmp_path / "x", "brat", [])


def test_prodigy_gets_the_tokens_it_asks_for(tmp_path):
    path = tmp_path / "p.jsonl"
    write_spans(path, "prodigy", [SpanExported("a" * 32, "Ann's card!", (Span(0, 3, "name"),))])
    (line,) = [json.loads(one) for one in path.read_text().splitlines()]
    assert [(t["text"], t["id"], t["ws"]) for t in line["tokens"]] == [
        ("Ann", 0, False),
        ("'", 1, False),
        ("s", 2, True),
        ("card", 3, False),
        ("!", 4, False),
    ]
    assert line["spans"] == [{"start": 0, "end": 3, "label": "name", "token_start": 0, "token_end": 0}]
