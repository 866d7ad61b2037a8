"""Every other format: what comes out, and what bad input costs."""

import datetime as dt
import json
import zipfile

import docx
import msgspec
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homegrown.errors import EmptyDataError, HomegrownError, MissingColumnError, UnreadableFileError, UnsafeArchiveError
from homegrown.ingest.inputs import readers
from tests.ingest.helpers import ingest, read

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(codec="utf-8"), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
    max_leaves=6,
)
ROWS = st.lists(st.dictionaries(st.text("abcé", min_size=1, max_size=3), JSON, max_size=4), min_size=1, max_size=6)
FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _pdf(pages):
    """A PDF by hand; an empty string gives a page without text."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", ""]
    kids = []
    for text in pages:
        content = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET" if text else ""
        objects.append(f"<< /Length {len(content)} >>\nstream\n{content}\nendstream")
        font = "<< /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >>"
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources {font} /Contents {len(objects)} 0 R >>"
        )
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>"
    out, places = "%PDF-1.4\n", []
    for i, body in enumerate(objects, 1):
        places.append(len(out))
        out += f"{i} 0 obj\n{body}\nendobj\n"
    table = "".join(f"{p:010} 00000 n \n" for p in places)
    out += (
        f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\n"
    )
    return (out + f"startxref\n{out.index('xref')}\n%%EOF").encode("latin-1")


def _put(tmp_path, name, data):
    path = tmp_path / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def test_all_formats_have_a_reader():
    assert len(readers()) == 24
    assert {".csv", ".jsonl", ".json", ".parquet", ".xlsx", ".md", ".html", ".txt", ".pdf", ".docx"} <= set(readers())


@FEW
@given(rows=ROWS)
def test_json_lines_come_back(tmp_path, rows):
    path = _put(tmp_path, "t.jsonl", "\n".join(json.dumps(r, ensure_ascii=len(r) % 2 == 0) for r in rows))
    assert read(path)[0] == rows


@FEW
@given(rows=ROWS, indent=st.sampled_from([None, 2]))
def test_json_arrays_come_back(tmp_path, rows, indent):
    path = _put(tmp_path, "t.json", json.dumps(rows, indent=indent))
    assert read(path)[0] == rows


def test_a_long_json_array_is_read_piece_by_piece(tmp_path):
    rows = [{"text": "x" * 1000, "n": i} for i in range(2000)] + [{"text": "y" * 3_000_000, "n": -1}]
    found, aside, _, where = read(_put(tmp_path, "t.json", json.dumps(rows)))
    assert found == rows
    assert not aside
    assert where[-1] == "t.json#2001"


def test_json_objects_that_hold_an_array_and_lines_under_a_wrong_name(tmp_path):
    rows = [{"text": "a"}, {"text": "b"}]
    assert read(_put(tmp_path, "a.json", json.dumps({"meta": 1, "data": rows})))[0] == rows
    assert read(_put(tmp_path, "b.json", "\n".join(map(json.dumps, rows))))[0] == rows
    assert read(_put(tmp_path, "c.json", json.dumps({"text": "alone"})))[0] == [{"text": "alone"}]


def test_bad_lines_of_json_cost_themselves(tmp_path):
    lines = ['{"text": "a"}', "{bad", '"a bare text"', "[1]", "", '{"text": "b"}', "[" * 100_000]
    rows, aside, _, _ = read(_put(tmp_path, "t.jsonl", "\n".join(lines)))
    assert rows == [{"text": "a"}, {"text": "a bare text"}, {"text": "b"}]
    assert [q.line for q in aside] == [2, 4, 7]
    assert all("text" not in q.reason for q in aside)


@pytest.mark.parametrize("tail", ['{"text": "c', "nonsense", '{"text": ' + "[" * 100_000])
def test_a_json_array_that_is_cut_off_keeps_what_came_before(tmp_path, tail):
    rows, aside, _, _ = read(_put(tmp_path, "t.json", '[{"text": "a"}, {"text": "b"}, ' + tail))
    assert rows == [{"text": "a"}, {"text": "b"}]
    assert "element 3" in aside[0].reason


def test_parquet_keeps_types(tmp_path):
    table = pa.table({
        "text": ["a", "b"], "n": [1, 2], "x": [0.5, float("nan")], "ok": [True, None],
        "at": [dt.datetime(2026, 1, 2), None], "tags": [["p", "q"], []], "raw": [b"\0", b"\1"],
    })  # fmt: skip
    pq.write_table(table, tmp_path / "t.parquet")
    rows, _, notices, where = read(tmp_path / "t.parquet")
    assert rows == [
        {"text": "a", "n": 1, "x": 0.5, "ok": True, "at": "2026-01-02T00:00:00", "tags": ["p", "q"]},
        {"text": "b", "n": 2, "x": None, "ok": None, "at": None, "tags": []},
    ]
    assert "'raw'" in notices[0].message
    assert where == ["t.parquet#1", "t.parquet#2"]


def test_extension_types_in_parquet_are_refused(tmp_path):
    column = pa.ExtensionArray.from_storage(pa.json_(), pa.array(['{"a": 1}']))
    pq.write_table(pa.table({"text": ["a"], "evil": column}), tmp_path / "t.parquet")
    with pytest.raises(UnreadableFileError, match="'evil' has an extension type"):
        read(tmp_path / "t.parquet")
    nested = pa.StructArray.from_arrays([column], ["inside"])
    pq.write_table(pa.table({"text": ["a"], "outer": nested}), tmp_path / "n.parquet")
    with pytest.raises(UnreadableFileError, match="extension"):
        read(tmp_path / "n.parquet")


def test_a_truncated_parquet_is_refused(tmp_path):
    pq.write_table(pa.table({"text": ["a"] * 1000}), tmp_path / "t.parquet")
    data = (tmp_path / "t.parquet").read_bytes()
    with pytest.raises(UnreadableFileError, match="cut off"):
        read(_put(tmp_path, "t.parquet", data[: len(data) // 2]))


def test_excel_keeps_types_and_lines(tmp_path):
    path = _xlsx(tmp_path)
    rows, _, notices, where = read(path)
    assert rows == [{"text": "hello", "n": 3, "x": 1.5}, {"text": "there", "n": None, "x": 2}]
    assert where == ["t.xlsx#First:2", "t.xlsx#First:4"]
    assert "first sheet" in notices[0].message
    assert read(path, sheet="Second")[0] == [{"text": "other"}]
    assert len(read(path, sheet="*")[0]) == 3
    with pytest.raises(MissingColumnError, match="First, Second"):
        read(path, sheet="Third")


def _xlsx(tmp_path):
    """A small workbook by hand, so that no writer of Excel files is needed."""

    def sheet(rows):
        cells = "".join(
            f'<row r="{r}">' + "".join(
                f'<c r="{c}{r}"><v>{v}</v></c>' if not isinstance(v, str) else
                f'<c r="{c}{r}" t="inlineStr"><is><t>{v}</t></is></c>' for c, v in zip("ABC", row, strict=False) if v is not None
            ) + "</row>" for r, row in rows
        )  # fmt: skip
        return f'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{cells}</sheetData></worksheet>'

    base = "http://schemas.openxmlformats.org"
    ct = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    with zipfile.ZipFile(tmp_path / "t.xlsx", "w") as z:
        z.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{base}/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" ContentType="{ct}.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="{ct}.worksheet+xml"/><Override PartName="/xl/worksheets/sheet2.xml" ContentType="{ct}.worksheet+xml"/></Types>',
        )
        rel = f"{base}/officeDocument/2006/relationships"
        z.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{base}/package/2006/relationships"><Relationship Id="r" Type="{rel}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        )
        z.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{base}/package/2006/relationships"><Relationship Id="r1" Type="{rel}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="r2" Type="{rel}/worksheet" Target="worksheets/sheet2.xml"/></Relationships>',
        )
        z.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{base}/spreadsheetml/2006/main" xmlns:r="{rel}"><sheets><sheet name="First" sheetId="1" r:id="r1"/><sheet name="Second" sheetId="2" r:id="r2"/></sheets></workbook>',
        )
        rows = [(1, ["text", "n", "x"]), (2, ["hello", 3, 1.5]), (4, ["there", None, 2])]
        z.writestr("xl/worksheets/sheet1.xml", sheet(rows))
        z.writestr("xl/worksheets/sheet2.xml", sheet([(1, ["text"]), (2, ["other"])]))
    return tmp_path / "t.xlsx"


def test_markdown_whole_and_by_section(tmp_path):
    path = _put(tmp_path, "t.md", "intro\n\n# One\nfirst\n```\n# no heading\n```\n## Two\nsecond\n")
    (whole,) = read(path)[0]
    assert whole["title"] == "One"
    rows, _, _, where = read(path, sections=True)
    assert [r.get("section") for r in rows] == [None, "One", "Two"]
    assert "# no heading" in rows[1]["text"]
    assert where == ["t.md:1", "t.md:3", "t.md:8"]


def test_html_without_scripts_and_by_section(tmp_path):
    page = "<title>A  page</title><style>b{}</style><body><h1>One</h1><p>Hi <b>you</b><script>alert(1)</script></p><h2>Two</h2><ul><li>a<li>b</ul>"
    path = _put(tmp_path, "t.html", page)
    (whole,) = read(path)[0]
    assert whole["text"] == "One\nHi you\nTwo\na\nb"
    assert whole["title"] == "A page"
    rows = read(path, sections=True)[0]
    assert [(r["section"], r["text"]) for r in rows] == [("One", "One\nHi you"), ("Two", "Two\na\nb")]


def test_text_whole_and_by_paragraph(tmp_path):
    path = _put(tmp_path, "t.txt", "one\nmore\n\n\ntwo\n")
    assert [r["text"] for r in read(path)[0]] == ["one\nmore\n\n\ntwo"]
    rows, _, _, where = read(path, sections=True)
    assert [r["text"] for r in rows] == ["one\nmore", "two"]
    assert where == ["t.txt:1", "t.txt:5"]


def test_pdf_whole_and_by_page(tmp_path):
    path = _put(tmp_path, "t.pdf", _pdf(["hello there", "", "third page"]))
    rows, aside, _, _ = read(path)
    assert rows == [{"text": "hello there\n\nthird page", "file": "t.pdf", "pages": 2}]
    assert aside[0].file == "t.pdf#page=2"
    assert "OCR" in aside[0].reason
    assert [r["page"] for r in read(path, sections=True)[0]] == [1, 3]


@pytest.mark.parametrize("data", [_pdf([""]), b"%PDF-1.4 nothing", _pdf(["a text"])[:200]])
def test_a_pdf_without_text_or_cut_off_is_refused(tmp_path, data):
    with pytest.raises(UnreadableFileError, match=r"t\.pdf"):
        read(_put(tmp_path, "t.pdf", data))


def test_docx_whole_and_by_section(tmp_path):
    made = docx.Document()
    made.add_paragraph("before")
    made.add_heading("One", 1)
    made.add_paragraph("text of one")
    table = made.add_table(1, 2)
    table.rows[0].cells[0].text, table.rows[0].cells[1].text = "p", "q"
    made.save(str(tmp_path / "t.docx"))
    (whole,) = read(tmp_path / "t.docx")[0]
    assert whole["text"] == "before\nOne\ntext of one\np\tq"
    rows = read(tmp_path / "t.docx", sections=True)[0]
    assert [r.get("section") for r in rows] == [None, "One"]


@pytest.mark.parametrize("name", ["t.docx", "t.xlsx", "t.parquet", "t.pdf"])
@pytest.mark.parametrize("data", [b"", b"not it at all", b"PK\x03\x04" + b"\0" * 100])
def test_what_is_not_what_its_name_says_is_refused_in_a_sentence(tmp_path, name, data):
    with pytest.raises(HomegrownError, match=name) as error:
        read(_put(tmp_path, name, data))
    assert error.value.exit_code == 2
    assert error.value.message.endswith(".")


@pytest.mark.parametrize("name", ["t.docx", "t.xlsx"])
def test_an_office_file_that_is_a_bomb_is_refused(tmp_path, name):
    with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("word/document.xml", b"\0" * 60_000_000)
    with pytest.raises(UnsafeArchiveError, match="bomb"):
        read(tmp_path / name)


def test_the_same_table_in_three_formats_is_the_same_records(tmp_path, store):
    frame = pd.DataFrame({"text": ["a b", "c d"], "n": [1, 20], "ok": [True, False]})
    (tmp_path / "t.csv").write_text("text,n,ok\na b,1,true\nc d,20,false\n")
    frame.to_parquet(tmp_path / "t.parquet", index=False)
    (tmp_path / "t.jsonl").write_bytes(b"\n".join(msgspec.json.encode(r) for r in frame.to_dict("records")))
    added = [ingest(store, tmp_path / f"t.{kind}").n_added for kind in ("csv", "parquet", "jsonl")]
    assert added == [2, 0, 0]


def test_an_empty_document_is_refused(tmp_path):
    with pytest.raises(EmptyDataError):
        read(_put(tmp_path, "t.txt", ""))
