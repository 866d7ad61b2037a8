"""Files that come in through a browser, and the counts of the loop."""

import io

import pytest

from homegrown.errors import EmptyDataError, InputError, NotFoundError
from homegrown.workspace import connect


@pytest.fixture
def ws(tmp_path):
    with connect(tmp_path / "w") as found:
        yield found


def test_an_upload_is_kept_under_an_opaque_id_and_dropped(ws):
    upload = ws.uploads.add(io.BytesIO(b"a,b\n1,2\n"), "tickets.csv")
    assert ws.uploads.get(upload.upload_id) == upload
    assert upload.path.read_bytes() == b"a,b\n1,2\n"
    assert upload.path.suffix == ".csv"
    ws.uploads.drop(upload.upload_id)
    with pytest.raises(NotFoundError):
        ws.uploads.get(upload.upload_id)


@pytest.mark.parametrize(
    ("name", "shown", "suffix"),
    [
        ("../../etc/passwd", "passwd", ""),
        ("C:\\temp\\Ä b.CSV", "Ä b.CSV", ".csv"),
        ("x.tar.gz", "x.tar.gz", ".gz"),
        ("<img src=x onerror=alert(1)>.csv", "<img src=x onerror=alert(1)>.csv", ".csv"),
        ("a.c/../../s", "s", ""),
        ("\x00\n..", "file", ""),
        ("x." + "y" * 300, ("x." + "y" * 300)[:120], ""),
    ],
)
def test_the_name_is_shown_and_never_a_path(ws, name, shown, suffix):
    upload = ws.uploads.add(io.BytesIO(b"x"), name)
    assert upload.name == shown
    assert upload.path.suffix == suffix
    assert upload.path.parent.parent == ws.store.layout.folder("tmp") / "uploads"
    assert upload.path.name.startswith("data")


@pytest.mark.parametrize("upload_id", ["up_../..", "..", "", "up_", "up_nothere", "/etc/passwd", "up_a/b"])
def test_no_id_reaches_outside(ws, upload_id):
    with pytest.raises(NotFoundError):
        ws.uploads.get(upload_id)


def test_what_is_empty_or_too_large_leaves_nothing_behind(ws):
    with pytest.raises(EmptyDataError):
        ws.uploads.add(io.BytesIO(b""), "a.csv")
    with pytest.raises(InputError, match="homegrown ingest"):
        ws.uploads.add(io.BytesIO(b"x" * 11), "a.csv", max_bytes=10)
    assert not list((ws.store.layout.folder("tmp") / "uploads").iterdir())


def test_counts_follow_the_loop(ws, tmp_path):
    assert ws.counts().n_records == 0
    file = tmp_path / "t.csv"
    file.write_text("message,topic\n" + "".join(f"text {i},{'ab'[i % 2]}\n" for i in range(20)))
    ws.ingest(file, text="message", label="topic")
    ws.snapshot(ws.task_from_column("topic", "topic"))
    found = ws.counts()
    assert (found.n_sources, found.n_records, found.n_votes, found.n_snapshots) == (1, 20, 20, 1)
    assert found.n_labels == 20
