"""A CSV of votes as people write them: what is taken, what is noted, what is refused in one sentence with exit code 2."""

import json
import time

import numpy as np
import pytest
from click.testing import CliRunner

from homegrown.cli.label_column import command
from homegrown.errors import InputError
from homegrown.label.aggregate import aggregate
from homegrown.label.votes_file import read_votes

GOOD = "record,source,value\na,s1,yes\na,s2,yes\nb,s1,no\nb,s2,yes\nb,s3,no\n"


@pytest.fixture
def write(tmp_path):
    def put(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return put


def test_columns_become_arrays(write):
    read = read_votes(write("v.csv", GOOD))
    assert (read.records, read.sources, read.classes) == (["a", "b"], ["s1", "s2", "s3"], ["no", "yes"])
    rows = zip(read.votes.record.tolist(), read.votes.source.tolist(), read.votes.value.tolist(), strict=True)
    assert sorted(rows) == [(0, 0, 1), (0, 1, 1), (1, 0, 0), (1, 1, 1), (1, 2, 0)]
    assert read.notes == ()


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + GOOD.encode(),
        GOOD.replace(",", ";"),
        GOOD.replace(",", "\t"),
        GOOD.replace("\n", "\r\n"),
        GOOD.replace(",yes", ', "yes" ').replace(', "', ',"').replace('" ', '"'),
        GOOD.replace(",yes", ", yes "),
        "value,record,source\n" + "\n".join(",".join(np.roll(r.split(","), 1)) for r in GOOD.split()[1:]),
    ],
    ids=["bom", "semicolon", "tab", "crlf", "quoted", "spaces", "any order"],
)
def test_the_same_votes_in_other_clothes(write, content):
    read, plain = read_votes(write("v.csv", content)), read_votes(write("plain.csv", GOOD))
    assert (read.records, read.sources, read.classes) == (plain.records, plain.sources, plain.classes)
    assert (read.votes.sparse != plain.votes.sparse).nnz == 0


def test_hostile_names_stay_names(write):
    name = "<script>=1+1</script>"
    read = read_votes(write("v.csv", GOOD.replace("s1", name).replace("yes", '"a\nb,c"')))
    assert read.sources == [name, "s2", "s3"]
    assert read.classes == ["a\nb,c", "no"]


def test_repeats_abstentions_and_double_votes_are_noted(write):
    rows = GOOD + "a,s1,yes\nb,s3,yes\nc,s1,\n"
    read = read_votes(write("v.csv", rows.replace("value\n", "value,when\n").replace("yes\n", "yes,1\n")
                            .replace("no\n", "no,1\n").replace("s1,\n", "s1,,1\n")))  # fmt: skip
    assert read.votes.sparse[1, 2 * 2] == read.votes.sparse[1, 2 * 2 + 1] == 0.5
    assert read.votes.sparse[0].sum() == 2
    assert read.records == ["a", "b", "c"]
    assert read.votes.sparse[2].nnz == 0
    assert len(read.notes) == 3
    for note, words in zip(read.notes, ("when are ignored", "1 rows repeat", "1 times a source"), strict=True):
        assert words in note


REFUSED = {
    "empty file": ("", "is empty"),
    "header only": ("record,source,value\n", "no rows"),
    "unknown columns": ("item,worker,label\na,b,c\n", "no column 'record'. It needs record,source,value; it has item"),
    "a column twice": ("record,source,value,value\na,b,c,d\n", "two columns named 'value'"),
    "all abstain": ("record,source,value\na,s1,\na,s2,\n", "All 2 votes"),
    "one source": ("record,source,value\na,s1,x\nb,s1,y\n", "one source only ('s1')"),
    "one class": ("record,source,value\na,s1,x\na,s2,x\n", "Every vote"),
    "free text": ("record,source,value\n" + "".join(f"r{i},s{i % 2},text {i}\n" for i in range(9)), "free text"),
    "no record": (GOOD + ",s1,yes\n", "1 rows without a record, the first is row 7"),
    "no source": (GOOD + "a,,yes\n", "without a source"),
    "ragged": (GOOD + "a,s1\n", "not a CSV in UTF-8"),
    "latin-1": (GOOD.replace("yes", "ja\u00e9").encode("latin-1"), "not a CSV in UTF-8"),
    "utf-16": (GOOD.encode("utf-16"), "UTF-8"),
    "binary": (bytes(range(256)) * 40, "v.csv"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_said_in_one_sentence(write, name):
    content, words = REFUSED[name]
    with pytest.raises(InputError) as caught:
        read_votes(write("v.csv", content))
    assert words in caught.value.message
    assert caught.value.exit_code == 2
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 400


def test_gold_is_read_beside_the_votes(write):
    read = read_votes(write("v.csv", GOOD), write("g.csv", "record,value\nb,maybe\nzz,no\n"))
    assert read.classes == ["maybe", "no", "yes"]
    assert read.gold.tolist() == [-1, 0]
    assert "1 of 2 records" in read.notes[0]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("record,value\nzz,no\n", "No record of"),
        ("record,value\na,no\na,yes\n", "'a' two different answers"),
        ("record,value\na,\n", "without a value"),
        ("record,truth\na,no\n", "no column 'value'"),
    ],
)
def test_gold_that_cannot_be_used_is_refused(write, content, words):
    with pytest.raises(InputError, match=words):
        read_votes(write("v.csv", GOOD), write("g.csv", content))


def test_one_source_can_be_measured_on_gold(write):
    votes = write("v.csv", "record,source,value\na,s1,x\nb,s1,y\nc,s1,x\n")
    read = read_votes(votes, write("g.csv", "record,value\na,x\nb,x\n"))
    assert aggregate(read.votes, gold=read.gold).sources.accuracy.tolist() == [0.5]


def invoke(*arguments):
    return CliRunner().invoke(command, [str(a) for a in arguments])


def test_the_command_prints_the_promised_document(write):
    done = invoke("--votes", write("v.csv", GOOD), "--json")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert list(document) == ["method", "labels", "sources"]
    assert document["method"] == "dawid-skene"
    assert [(one["record"], one["label"]) for one in document["labels"]] == [("a", "yes"), ("b", "no")]
    assert all(set(one) == {"record", "label", "prob"} and 0.5 <= one["prob"] <= 1 for one in document["labels"])
    assert [one["source"] for one in document["sources"]] == ["s1", "s2", "s3"]
    for one in document["sources"]:
        assert set(one) == {"source", "coverage", "accuracy", "accuracy_ci95"}
        low, high = one["accuracy_ci95"]
        assert 0 <= low <= one["accuracy"] <= high <= 1
    assert [one["coverage"] for one in document["sources"]] == [1.0, 1.0, 0.5]


def test_a_source_that_gold_never_meets_has_no_accuracy(write):
    done = invoke("--votes", write("v.csv", GOOD), "--gold", write("g.csv", "record,value\na,yes\n"), "--json")
    sources = json.loads(done.stdout)["sources"]
    assert (sources[0]["accuracy"], sources[2]["accuracy"], sources[2]["accuracy_ci95"]) == (1.0, None, [0.0, 1.0])


def test_the_table_for_people_and_the_notes(write):
    done = invoke("--votes", write("v.csv", GOOD + "c,s1,\n"), "--method", "majority")
    assert "3 records, 3 sources, 2 classes: majority" in done.stdout
    assert "estimated from the votes alone" in done.stdout
    assert "1 records have only abstentions" in done.stderr


@pytest.mark.parametrize("arguments", [["--gold", "g.csv"], [], ["task"], ["task", "column", "--votes", "v.csv"]])
def test_half_a_command_is_refused(arguments):
    assert isinstance(invoke(*arguments).exception, InputError)


def test_a_million_rows_take_seconds(write):
    rng = np.random.default_rng(0)
    truth, source = rng.integers(0, 3, 200_000), rng.integers(0, 200, 1_000_000)
    record = np.repeat(np.arange(200_000), 5)
    value = np.where(rng.random(1_000_000) < 0.8, truth[record], rng.integers(0, 3, 1_000_000))
    text = "\n".join(
        f"r{r:06},s{s},c{v}" for r, s, v in zip(record.tolist(), source.tolist(), value.tolist(), strict=True)
    )
    path = write("v.csv", f"record,source,value\n{text}\n")
    started = time.process_time()
    done = aggregate(read_votes(path).votes)
    assert time.process_time() - started < 30
    assert (done.label == truth).mean() > 0.93
