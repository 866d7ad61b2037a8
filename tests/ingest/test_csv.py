"""CSV by both parsers."""

import csv
import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homegrown.core.records import Quarantined, ReadOptions
from homegrown.errors import EmptyDataError, UnreadableFileError
from homegrown.ingest.csv_careful import Dialect, careful_rows
from homegrown.ingest.csv_fast import fast_rows
from homegrown.ingest.csv_reader import column_names
from homegrown.ingest.sniff import detect_delimiter, detect_encoding
from tests.ingest.helpers import read

FEW = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
CELL = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")) | st.sampled_from("\r\n\t"), max_size=12)


def _write(tmp_path, data, name="t.csv"):
    path = tmp_path / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


@FEW
@given(rows=st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=8), delimiter=st.sampled_from(",;\t|"))
def test_what_python_writes_is_read_back(tmp_path, rows, delimiter):
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerows([("a", "b", "c"), *rows])
    path = _write(tmp_path, out.getvalue())
    found, aside, _, _ = read(path, delimiter=delimiter, encoding="utf-8")
    assert not aside
    assert [tuple(r.values()) for r in found] == [r for r in rows if any(r)]


def _both(path, width, delimiter=","):
    dialect = Dialect("utf-8", delimiter, '"', tuple("abcdef"[:width]), 0)
    fast = [item for items, _ in fast_rows(path, "t", dialect) for item in items]
    careful = list(careful_rows(path, "t", dialect))
    return _flat(fast), _flat(careful)


def _flat(items):
    found = []
    for item in items:
        if isinstance(item, Quarantined):
            found.append((item.line, item.reason))
        elif hasattr(item, "lines"):
            cells = zip(*[c.to_pylist() for c in item.columns], strict=True)
            found += [(line, row) for line, row in zip(item.lines.to_pylist(), cells, strict=True)]
    return sorted(found, key=lambda f: f[0])


@FEW
@given(text=st.text(st.sampled_from('ab,"\n é'), max_size=40))
def test_both_parsers_agree_on_any_text_with_closed_quotes(tmp_path, text):
    if text.count('"') % 2:
        text += '"'
    path = _write(tmp_path, "x,y\n" + text)
    # A quote that stays open to the end is the careful parser's alone.
    careful = list(careful_rows(path, "t", Dialect("utf-8", ",", '"', ("a", "b"), 0)))
    if any(isinstance(i, Quarantined) and "never closed" in i.reason for i in careful):
        return
    fast, slow = _both(path, 2)
    assert fast == slow


def test_a_quote_that_is_never_closed_costs_its_own_line(tmp_path):
    rows, aside, _, where = read(_write(tmp_path, 'a,b\n1,x\n2,"open\n3,y\n4,z\n'))
    assert [r["a"] for r in rows] == ["1", "3", "4"]
    assert [(q.line, q.reason) for q in aside] == [(3, "a quote opens here and is never closed")]
    assert where == ["t.csv:2", "t.csv:4", "t.csv:5"]


def test_lines_are_counted_over_cells_with_line_breaks_and_bad_rows(tmp_path):
    rows, aside, _, where = read(_write(tmp_path, 'a,b\n1,"x\ny"\n\nbad\n2,z\n1,2,3\n3,"p\n\nq"\n4,w\n'))
    assert [r["a"] for r in rows] == ["1", "2", "3", "4"]
    assert where == ["t.csv:2", "t.csv:6", "t.csv:8", "t.csv:11"]
    assert [(q.line, q.reason) for q in aside] == [
        (5, "it has 1 cells where the header has 2"),
        (7, "it has 3 cells where the header has 2"),
    ]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "cp1251", "shift_jis"]
)
def test_encodings_are_found(tmp_path, encoding):
    sentence = {
        "cp1251": "Заказ не пришёл, верните мне деньги, пожалуйста, сегодня",
        "shift_jis": "注文した商品がまだ届いていません。返金してください。",
    }.get(encoding, "the café closed, a naïve señor said")
    text = "a,b\n" + "".join(f'{i},"{sentence}"\n' for i in range(20))
    rows, aside, _, _ = read(_write(tmp_path, text.encode(encoding)))
    assert not aside
    assert {r["b"] for r in rows} == {sentence}


def test_rows_in_another_encoding_are_read_and_told(tmp_path):
    good = "".join(f"{i},schön {i}\n" for i in range(30)).encode()
    rows, aside, notices, _ = read(_write(tmp_path, b"a,b\n" + good + "30,caf\xe9\n".encode("cp1252") + b"31,ok\n"))
    assert rows[30]["b"] == "café"
    assert len(rows) == 32
    assert not aside
    assert "not UTF-8" in notices[0].message


def test_nul_bytes_cost_their_row(tmp_path):
    rows, aside, _, _ = read(_write(tmp_path, b"a,b\n1,x\n2,y\0y\n3,z\n"))
    assert [r["a"] for r in rows] == ["1", "3"]
    assert [q.line for q in aside] == [3]
    assert "NUL" in aside[0].reason


def test_a_cell_of_ten_megabytes_is_read(tmp_path):
    rows, aside, _, _ = read(_write(tmp_path, "a,b\n1,x\n2," + "y" * 10_000_000 + "\n3,z\n"))
    assert [len(r["b"]) for r in rows] == [1, 10_000_000, 1]
    assert not aside


def test_emoji_and_right_to_left_text_stay_as_they_are(tmp_path):
    rows, _, _, _ = read(_write(tmp_path, "a,b\n👩‍👩‍👧‍👦,שלום עולם\n🏳️‍🌈,مرحبا\n"))
    assert rows == [{"a": "👩‍👩‍👧‍👦", "b": "שלום עולם"}, {"a": "🏳️‍🌈", "b": "مرحبا"}]


@pytest.mark.parametrize("data", [b"", b"\n\n", b"\xef\xbb\xbf", b"\0\0\0\0"])
def test_an_empty_file_is_refused(tmp_path, data):
    with pytest.raises(EmptyDataError, match=r"t\.csv"):
        read(_write(tmp_path, data))


def test_binary_data_under_the_name_of_a_csv_is_refused(tmp_path):
    with pytest.raises(UnreadableFileError, match="binary"):
        read(_write(tmp_path, bytes(range(256)) * 40))


def test_too_many_columns_are_refused(tmp_path):
    with pytest.raises(UnreadableFileError, match="100,000 columns"):
        read(_write(tmp_path, ",".join(f"c{i}" for i in range(100_000)) + "\n"))


def test_columns_without_a_name_or_of_one_name_get_one():
    names, messages = column_names(["a", "", "a", "a_2", "a"])
    assert names == ["a", "column_2", "a_3", "a_2", "a_4"] or len(set(names)) == 5
    assert len(messages) == 3


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("a,b\n1,2\n", ","),
        ("a;b\n1,5;2\n", ";"),
        ("a\tb\n1,5\t2\n", "\t"),
        ("a|b|c\n1|2|3\n", "|"),
        ("text\nhello, world\n", "\x1f"),
    ],
)
def test_delimiters_are_found(text, delimiter):
    assert detect_delimiter(text, ".csv") == delimiter


def test_a_column_alone_may_hold_commas(tmp_path):
    rows, aside, _, _ = read(_write(tmp_path, "text\nhello, world\nwell, well, well\n"))
    assert [r["text"] for r in rows] == ["hello, world", "well, well, well"]
    assert not aside


def test_a_file_without_a_header_and_with_other_quotes(tmp_path):
    rows, _, _, _ = read(_write(tmp_path, "1,'a, b'\n2,c\n"), ReadOptions(header=False, quote="'", delimiter=","))
    assert rows == [{"column_1": "1", "column_2": "a, b"}, {"column_1": "2", "column_2": "c"}]


def test_little_legacy_text_is_taken_for_windows():
    assert detect_encoding("a;b\ncaf\xe9;1\n".encode("cp1252")) == "cp1252"
