"""What a source version remembers."""

from homegrown.core.progress import Silent
from homegrown.ingest import IngestRequest, import_file
from homegrown.store import Store


def test_a_version_remembers_its_columns(tmp_path):
    (tmp_path / "t.csv").write_text("nr,text,kind\n1,hello,a\n")
    with Store(tmp_path / "work") as store:
        import_file(store, IngestRequest(tmp_path / "t.csv", "text", "kind", "nr"), progress=Silent())
        (kept,) = store.sources.list()
    assert (kept.text_column, kept.label_column, kept.id_column, kept.n_records) == ("text", "kind", "nr", 1)
