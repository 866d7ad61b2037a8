"""Folders, patterns, archives and standard input."""

import gzip
import io
import os
import tarfile
import zipfile

import pytest

from homegrown.errors import UnreadableFileError, UnsafeArchiveError
from homegrown.ingest.archives import Limits, safe_name
from homegrown.ingest.inputs import expand
from tests.ingest.helpers import ingest

TEXT = "text\nhello\nthere\n"


def _texts(store):
    return sorted(r.text for r in store.records.page().records)


def _aside(store, done):
    return {q.file: q.reason for q in store.sources.quarantined(done.source_id)}


def test_a_folder_with_links_a_loop_and_foreign_files(tmp_path, store):
    folder = tmp_path / "data"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.csv").write_text(TEXT)
    (folder / "deep" / "b.jsonl").write_text('{"text": "deep"}\n')
    (folder / "picture.png").write_bytes(b"\x89PNG")
    (folder / ".hidden.csv").write_text(TEXT)
    (folder / "deep" / "loop").symlink_to(folder)
    (tmp_path / "outside.csv").write_text("text\nsecret\n")
    (folder / "out.csv").symlink_to(tmp_path / "outside.csv")
    done = ingest(store, folder)
    assert _texts(store) == ["deep", "hello", "there"]
    aside = _aside(store, done)
    assert set(aside) == {"deep/loop", "out.csv", "picture.png"}
    assert "link" in aside["out.csv"]
    assert "no reader for .png" in aside["picture.png"]


def test_a_link_that_leads_to_itself(tmp_path, store):
    (tmp_path / "loop.csv").symlink_to(tmp_path / "loop.csv")
    with pytest.raises(UnreadableFileError, match="leads back to itself"):
        ingest(store, tmp_path / "loop.csv")


def test_a_pattern(tmp_path, store):
    for name in ("a1.csv", "a2.csv", "b.csv"):
        (tmp_path / name).write_text(f"text\n{name}\n")
    ingest(store, tmp_path / "a*.csv")
    assert _texts(store) == ["a1.csv", "a2.csv"]


def test_a_bad_file_in_a_folder_costs_itself(tmp_path, store):
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "a.csv").write_text(TEXT)
    (folder / "b.parquet").write_bytes(b"PAR1 nothing")
    (folder / "c.csv").write_text("body\nx\n")
    (folder / "d.csv").write_text("")
    done = ingest(store, folder)
    assert _texts(store) == ["hello", "there"]
    assert set(_aside(store, done)) == {"b.parquet", "c.csv", "d.csv"}


def test_documents_of_a_folder_know_their_folder(tmp_path, store):
    for kind in ("spam", "ham"):
        (tmp_path / "mails" / kind).mkdir(parents=True)
        (tmp_path / "mails" / kind / "1.txt").write_text(f"a {kind} mail")
    ingest(store, tmp_path / "mails", label="folder")
    assert {r.fields["folder"] for r in store.records.page().records} == {"spam", "ham"}


@pytest.mark.parametrize("name", ["t.csv.gz", "t.zip", "t.tar", "t.tar.gz", "t.tar.xz"])
def test_packed_files(tmp_path, store, name):
    path = tmp_path / name
    if name == "t.csv.gz":
        path.write_bytes(gzip.compress(TEXT.encode()))
    elif name == "t.zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("in/t.csv", TEXT)
    else:
        with tarfile.open(path, "w:" + {"tar": "", "gz": "gz", "xz": "xz"}[name.rsplit(".", 1)[-1]]) as archive:
            info = tarfile.TarInfo("in/t.csv")
            info.size = len(TEXT)
            archive.addfile(info, io.BytesIO(TEXT.encode()))
    ingest(store, path)
    assert _texts(store) == ["hello", "there"]


def test_a_truncated_gzip_keeps_its_whole_lines(tmp_path, store):
    lines = "".join(f"row {os.urandom(20).hex()} {i}\n" for i in range(20_000))
    packed = gzip.compress(("text\n" + lines).encode())
    (tmp_path / "t.csv.gz").write_bytes(packed[: len(packed) // 2])
    done = ingest(store, tmp_path / "t.csv.gz")
    assert 5000 < done.n_records < 15_000
    assert "ends too soon" in _aside(store, done)["t.csv.gz"]
    (tmp_path / "u.csv.gz").write_bytes(packed[:12])
    with pytest.raises(UnreadableFileError, match=r"u\.csv\.gz is cut off"):
        ingest(store, tmp_path / "u.csv.gz")


def test_members_that_lead_outside_are_set_aside_and_the_rest_is_read(tmp_path, store):
    with tarfile.open(tmp_path / "t.tar", "w") as archive:
        for name in ("../escape.csv", "/etc/evil.csv", "a/../../b.csv", "good.csv"):
            info = tarfile.TarInfo(name)
            info.size = len(TEXT)
            archive.addfile(info, io.BytesIO(TEXT.encode()))
        for name, kind in (("link.csv", tarfile.SYMTYPE), ("hard.csv", tarfile.LNKTYPE), ("dev.csv", tarfile.CHRTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    before = {p for p in tmp_path.rglob("*") if "work" not in p.parts}
    done = ingest(store, tmp_path / "t.tar")
    assert _texts(store) == ["hello", "there"]
    assert done.n_quarantined == 6
    assert {p for p in tmp_path.rglob("*") if "work" not in p.parts} == before


@pytest.mark.parametrize(
    "name", ["../a", "..\\a", "/a", "\\a", "C:\\a", "a/../../b", "", "a\0b", "//x/y", "\\\\host\\share"]
)
def test_names_that_lead_outside(name):
    assert not safe_name(name)


def test_links_in_a_zip_are_set_aside(tmp_path, store):
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        info = zipfile.ZipInfo("link.csv")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
        archive.writestr("inner.zip", b"PK")
        archive.writestr("good.csv", TEXT)
    done = ingest(store, tmp_path / "t.zip")
    assert set(_aside(store, done)) == {"t.zip!link.csv", "t.zip!inner.zip"}


@pytest.mark.parametrize("kind", ["zip", "gz", "tar.gz"])
def test_a_bomb_is_refused_before_it_unpacks(tmp_path, store, kind):
    path = tmp_path / f"bomb.csv.{kind}" if kind == "gz" else tmp_path / f"bomb.{kind}"
    zeros = b"a" * 60_000_000
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.csv", zeros)
    elif kind == "gz":
        path.write_bytes(gzip.compress(zeros))
    else:
        with tarfile.open(path, "w:gz") as archive:
            info = tarfile.TarInfo("a.csv")
            info.size = len(zeros)
            archive.addfile(info, io.BytesIO(zeros))
    with pytest.raises(UnsafeArchiveError, match="bomb"):
        ingest(store, path)
    assert sum(p.stat().st_size for p in store.layout.folder("tmp").rglob("*") if p.is_file()) == 0


def test_too_many_members_and_too_many_bytes(tmp_path, store):
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        for i in range(30):
            archive.writestr(f"{i}.csv", TEXT)
    with pytest.raises(UnsafeArchiveError, match="30 files"):
        ingest(store, tmp_path / "t.zip", limits=Limits(n_members=20))
    with pytest.raises(UnsafeArchiveError, match="GiB"):
        ingest(store, tmp_path / "t.zip", limits=Limits(n_bytes=100))


def test_standard_input(tmp_path):
    (found,) = expand("-", tmp_path, stdin=io.BytesIO(b'{"text": "piped"}\n'))
    assert (found.name, found.suffix) == ("stdin", ".jsonl")
    (found,) = expand("-", tmp_path, stdin=io.BytesIO(b"text\npiped\n"))
    assert found.suffix == ".csv"
    (found,) = expand("-", tmp_path, kind="txt", stdin=io.BytesIO(b"piped\n"))
    assert found.suffix == ".txt"
