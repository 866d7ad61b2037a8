"""Hostile data files cost the child that parses them, and themselves (RELIABILITY T4)."""

import gzip
import io
import os
import resource
import subprocess
import sys
import tarfile

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from homegrown.core.records import Parsed, ReadOptions
from homegrown.errors import EmptyDataError, UnreadableFileError
from homegrown.ingest.archives import Limits
from homegrown.ingest.inputs import Input, readers
from homegrown.ingest.isolated import Isolated
from tests.ingest.helpers import ingest
from tests.ingest.hostile import Hostile
from tests.ingest.test_formats import _pdf, _xlsx

MIB = 1 << 20
OPTIONS = ReadOptions(sections=True)


def _samples(folder):
    """One file of each kind that is parsed in a child."""
    pd.DataFrame({"text": ["a", "b\0c", None], "n": [1, 2**53, -1], "x": [0.1, float("nan"), 3.0]}).to_parquet(
        folder / "t.parquet"
    )
    (folder / "t.html").write_text("<title>é</title><h1>One</h1><p>text</p>")
    (folder / "t.pdf").write_bytes(_pdf(["hello", "", "third"]))
    return [folder / "t.parquet", folder / "t.html", folder / "t.pdf", _xlsx(folder)]


def test_a_child_says_what_the_reader_says(tmp_path):
    with Isolated() as isolated:
        for path in _samples(tmp_path):
            input_ = Input(path, f"in é/{path.name}", path.suffix)
            here = list(readers()[path.suffix]().read(path, input_.name, OPTIONS))
            assert list(isolated.read(input_, OPTIONS)) == here
            assert len(here) >= 3 or path.suffix == ".html"
        assert len(isolated._children) == 1, "one child serves an import"
        children = list(isolated._children)
    assert all(c._child.process.returncode is not None for c in children)


def _hostile(folder, deed, rows, **limits):
    """Read a file that makes its reader do *deed*; what it says before goes into *rows*."""
    path = folder / "x.hostile"
    path.write_text(deed)
    with Isolated(known={".hostile": Hostile}, **limits) as isolated:
        rows.extend(isolated.read(Input(path, "x.hostile", ".hostile"), ReadOptions()))


@pytest.mark.parametrize(
    ("deed", "limits", "says", "n_kept"),
    [
        ("crash", {}, "the process that read it broke off", 512),
        ("exit", {}, "the process that read it broke off", 512),
        ("babble", {}, "the process that read it broke off", 512),
        ("spin", {"cpu_s": 1}, "more than 1 seconds of processor time", 512),
        ("grow", {"memory_bytes": 256 * MIB}, "more than 256 MiB of memory", 600),
    ],
)
def test_what_a_file_makes_its_parser_do_is_a_sentence(tmp_path, deed, limits, says, n_kept):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rows = []
    with pytest.raises(UnreadableFileError, match=says) as error:
        _hostile(tmp_path, deed, rows, **limits)
    # A parser that is stopped cannot hand over the frame that it was filling.
    assert [r.fields["text"] for r in rows[:n_kept]] == [f"good {i}" for i in range(n_kept)]
    assert error.value.message.startswith("x.hostile ")
    assert error.value.message.endswith(f"The {n_kept} rows before were read.")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024


def test_a_parser_writes_nothing_and_knows_no_secret(tmp_path, monkeypatch):
    monkeypatch.setenv("HOMEGROWN_CANARY", "secret")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OSError, match="File too large"):
        _hostile(tmp_path, "write", [])
    rows = []
    _hostile(tmp_path, "environment", rows)
    (row,) = rows
    assert "CANARY" not in row.fields["text"]
    assert str(tmp_path) not in row.fields["path"]
    assert "" not in row.fields["path"]


def _wide(path):
    table = pa.table({f"c{i}": pa.array(["x"]) for i in range(100_000)})
    pq.write_table(table, path, compression="none", use_dictionary=False, write_statistics=False)


def _nested(path):
    kind = pa.string()
    for _ in range(300):
        kind = pa.list_(kind)
    pq.write_table(pa.table({"text": pa.array(["a"]), "deep": pa.nulls(1, kind)}), path)


def _broken_footer(path):
    pq.write_table(pa.table({"text": ["a"] * 1000}), path)
    data = bytearray(path.read_bytes())
    data[-200:-8] = b"\xff" * 192
    path.write_bytes(data)


def _footer_that_lies(path):
    pq.write_table(pa.table({"text": ["a"] * 1000}), path)
    data = bytearray(path.read_bytes())
    data[-8:-4] = (2**31 - 1).to_bytes(4, "little")
    path.write_bytes(data)


@pytest.mark.parametrize("make", [_wide, _nested, _broken_footer, _footer_that_lies])
def test_a_crafted_parquet_costs_itself(tmp_path, store, make):
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "a.csv").write_text("text\nhello\n")
    make(folder / "b.parquet")
    pq.write_table(pa.table({"text": ["there"]}), folder / "c.parquet")
    done = ingest(store, folder)
    texts = sorted(r.text for r in store.records.page().records)
    aside = {q.file: q.reason for q in store.sources.quarantined(done.source_id)}
    assert texts == ["hello", "there"]
    assert set(aside) == {"b.parquet"}
    assert aside["b.parquet"].endswith(".")


# 200 MB in the cell of a file of some kilobytes; the good row group stands before it.
GROW = """
import sys, pyarrow as pa, pyarrow.parquet as pq
schema = pa.schema([("text", pa.large_string())])
with pq.ParquetWriter(sys.argv[1], schema, compression="zstd", use_dictionary=False, write_statistics=False) as file:
    file.write_table(pa.table({"text": [f"good {i}" for i in range(1000)]}, schema))
    file.write_table(pa.table({"text": ["x" * int(sys.argv[2])]}, schema))
"""
MEASURE = """
import resource, sys
from pathlib import Path
from homegrown.core.records import Parsed, ReadOptions
from homegrown.ingest.inputs import Input
from homegrown.ingest.isolated import Isolated
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
n = aside = 0
try:
    with Isolated(memory_bytes=int(sys.argv[2])) as isolated:
        for item in isolated.read(Input(Path(sys.argv[1]), "t.parquet", ".parquet"), ReadOptions()):
            n += isinstance(item, Parsed)
            aside += not isinstance(item, Parsed)
            last = item
except Exception as error:
    last = error
print(n, aside, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024, type(last).__name__, last, sep="|")
"""


def _measured(path, n_bytes, memory_bytes):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    subprocess.run([sys.executable, "-c", GROW, str(path), str(n_bytes)], check=True, env=environment)
    out = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path), str(memory_bytes)],
        check=True, capture_output=True, text=True, env=environment,
    )  # fmt: skip
    n, aside, grown, kind, last = out.stdout.strip().split("|")
    assert int(grown) < 64, f"the parent grew by {grown} MiB"
    assert int(n) == 1000
    return int(aside), kind, last


@pytest.mark.parametrize(
    ("n_bytes", "memory"), [(200 * MIB, 300 * MIB), pytest.param(1000 * MIB, 2048 * MIB, marks=pytest.mark.slow)]
)
def test_a_huge_cell_leaves_the_parent_flat_and_the_rows_before_it(tmp_path, n_bytes, memory):
    aside, kind, last = _measured(tmp_path / "t.parquet", n_bytes, memory)
    assert (aside, kind) == (0, "UnreadableFileError")
    assert f"more than {memory // MIB:,} MiB of memory" in last
    assert "1,000 rows before were read" in last


def test_a_row_too_large_to_keep_is_set_aside(tmp_path):
    aside, kind, last = _measured(tmp_path / "t.parquet", 70 * MIB, 2048 * MIB)
    assert (aside, kind) == (1, "Quarantined")
    assert "larger than 64 MiB" in last


def test_a_tar_whose_header_is_a_bomb(tmp_path):
    """The names of a tar may be as long as the packer says: Python reads them into memory as a whole."""
    head = io.BytesIO()
    with tarfile.open(fileobj=head, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("pax")
        info.type, info.size = tarfile.XHDTYPE, 512 * MIB
        archive.fileobj.write(info.tobuf(tarfile.USTAR_FORMAT))
    block = gzip.compress(b"a" * (16 * MIB), 1)
    path = tmp_path / "t.tar.gz"
    path.write_bytes(gzip.compress(head.getvalue()[:512]) + block * 32)
    with Isolated(memory_bytes=256 * MIB) as isolated, pytest.raises(UnreadableFileError, match="256 MiB of memory"):
        list(isolated.unpack(path, "t.tar.gz", tmp_path, Limits()))


def test_an_import_that_stops_early_leaves_no_process(tmp_path):
    pq.write_table(pa.table({"text": ["a" * 1000] * 20_000}), tmp_path / "t.parquet")
    with Isolated() as isolated:
        rows = isolated.read(Input(tmp_path / "t.parquet", "t.parquet", ".parquet"), ReadOptions())
        assert isinstance(next(iter(rows)), Parsed)
        (child,) = isolated._children
        rows.close()
        assert child._child.process.returncode is not None
        (tmp_path / "e.html").write_text("")
        with pytest.raises(EmptyDataError):
            list(isolated.read(Input(tmp_path / "e.html", "e.html", ".html"), ReadOptions()))
