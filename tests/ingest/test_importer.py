"""Imports: nothing twice, only what changed, everything or nothing."""

import pytest

from homegrown.core.ids import identity, record_id, text_hash
from homegrown.errors import EmptyDataError, MissingColumnError, UnreadableFileError
from homegrown.ingest.staging import Staging
from tests.ingest.helpers import fields, ingest


def _csv(tmp_path, *lines, name="t.csv"):
    path = tmp_path / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_second_run_adds_nothing(tmp_path, store):
    path = _csv(tmp_path, "text,n", "hello,1", "there,2")
    first, second = ingest(store, path), ingest(store, path)
    assert (first.n_added, first.version, first.unchanged) == (2, 1, False)
    assert (second.n_added, second.version, second.unchanged) == (0, 1, True)
    assert store.records.count() == 2
    assert store.records.origins.count() == 2


def test_a_file_that_is_there_already_is_not_parsed(tmp_path, store, monkeypatch):
    path = _csv(tmp_path, "text,n", "hello,1", "there,2")
    first = ingest(store, path)
    with monkeypatch.context() as blind:
        blind.setattr("homegrown.ingest.importer.Staging", None)
        again = ingest(store, path)
        assert (again.version, again.n_records, again.n_added, again.unchanged) == (1, 2, 0, True)
        assert again.source_id == first.source_id
        for other in ({"label": "n"}, {"id": "n"}, {"name": "other"}):
            with pytest.raises(TypeError):
                ingest(store, path, **other)
    assert ingest(store, _csv(tmp_path, "text,n", "hello,1", "there,3")).n_added == 1
    assert ingest(store, _csv(tmp_path, "text,n", "hello,1", "there,2")).version == 3


def test_a_file_that_was_written_to_while_it_was_read_is_read_again(tmp_path, store, monkeypatch):
    path = _csv(tmp_path, "text,n", "hello,1", "there,2")
    finish = Staging.finish

    def meanwhile(self):
        path.write_text("text,n\nhello,1\nthere,2\n\n")
        finish(self)

    with monkeypatch.context() as busy:
        busy.setattr(Staging, "finish", meanwhile)
        ingest(store, path)
    assert "file_digest" not in store.sources.list()[0].options


def test_ids_are_those_of_core(tmp_path, store):
    ingest(store, _csv(tmp_path, "n,text", '1,"say ""hi"",\\ é\t"', '1,"say ""hi"",\\ é\t"'))
    row = {"n": "1", "text": 'say "hi",\\ é\t'}
    wanted = [record_id(text_hash(row["text"]), identity(row), k) for k in (0, 1)]
    assert [r.record_id for r in store.records.page().records] == wanted


def test_a_changed_file_adds_what_changed_and_retires_what_vanished(tmp_path, store):
    ingest(store, _csv(tmp_path, "text,n", "a,1", "b,2", "c,3", "c,3"))
    ids = {r.text: r.record_id for r in store.records.page().records}
    done = ingest(store, _csv(tmp_path, "text,n", "a,1", "b,20", "d,4", "c,3"))
    assert (done.version, done.n_added, done.n_retired) == (2, 2, 2)
    assert sorted(r.text for r in store.records.page().records) == ["a", "b", "c", "d"]
    assert {r.text: r.record_id for r in store.records.page().records}["a"] == ids["a"]
    back = ingest(store, _csv(tmp_path, "text,n", "a,1", "b,2", "c,3", "c,3"))
    assert (back.n_added, back.n_retired) == (0, 2)
    assert sorted(r.text for r in store.records.page().records) == ["a", "b", "c", "c"]


def test_a_cell_that_makes_numbers_words_changes_its_own_row_only(tmp_path, store):
    ingest(store, _csv(tmp_path, "text,n", *(f"row {i},{i}" for i in range(50))))
    assert fields(store)[7] == {"n": 7, "text": "row 7"}
    done = ingest(store, _csv(tmp_path, "text,n", *(f"row {i},{i}" for i in range(49)), "row 49,many"))
    assert (done.n_added, done.n_retired) == (1, 1)


@pytest.mark.parametrize(
    ("cells", "wanted"),
    [
        (["1", "", "-2.50"], [1, None, -2.5]),
        (["1", "007", "3"], ["1", "007", "3"]),
        (["1", "+2", "3"], ["1", "+2", "3"]),
        (["true", "", "False"], [True, None, False]),
        (["true", "1", ""], ["true", "1", ""]),
        (["1e5", "2", "3"], [1e5, 2, 3]),
        (["12345678901234567890", "1", "2"], ["12345678901234567890", "1", "2"]),
        (["", "", ""], ["", "", ""]),
        (["NaN", "1", "2"], ["NaN", "1", "2"]),
    ],
)
def test_types_are_decided_by_the_whole_column(tmp_path, store, cells, wanted):
    ingest(store, _csv(tmp_path, "text,v", *(f"row {i},{c}" for i, c in enumerate(cells))))
    assert [f["v"] for f in fields(store)] == wanted


def test_the_same_content_in_two_sources_is_one_record_until_both_drop_it(tmp_path, store):
    one = _csv(tmp_path, "text", "shared", "mine", name="one.csv")
    two = _csv(tmp_path, "text", "shared", name="two.csv")
    ingest(store, one)
    assert ingest(store, two).n_added == 0
    assert store.records.origins.count() == 3
    _csv(tmp_path, "text", "mine", name="one.csv")
    assert ingest(store, one).n_retired == 0
    assert store.records.count() == 2
    _csv(tmp_path, "text", "other", name="two.csv")
    assert ingest(store, two).n_retired == 1
    assert sorted(r.text for r in store.records.page().records) == ["mine", "other"]


def test_rows_with_an_id_stay_the_same_record_when_they_change(tmp_path, store):
    path = _csv(tmp_path, "key,text", "1,old words", "2,same", "3,goes")
    first = ingest(store, path, id="key")
    ids = {r.external_id: r.record_id for r in store.records.page().records}
    assert (first.n_added, first.n_changed) == (3, 0)
    done = ingest(store, _csv(tmp_path, "key,text", "1,new words", "2,same", "4,comes"), id="key")
    assert (done.n_added, done.n_changed, done.n_retired) == (1, 1, 1)
    now = {r.external_id: r for r in store.records.page().records}
    assert set(now) == {"1", "2", "4"}
    assert (now["1"].text, now["1"].record_id) == ("new words", ids["1"])
    assert store.records.versions.scan(["text", "replaced_by"]).to_pylist() == [{"text": "old words", "replaced_by": 2}]
    assert ingest(store, path.parent / "t.csv", id="key").unchanged


def test_two_rows_of_one_id_leave_the_first(tmp_path, store):
    done = ingest(store, _csv(tmp_path, "key,text", "1,first", "1,second", ",none"), id="key")
    assert [r.text for r in store.records.page().records] == ["first"]
    assert {(q.line, q.reason[:6]) for q in store.sources.quarantined(done.source_id)} == {(3, "its id"), (4, "its id")}


def test_the_quarantine_names_file_line_and_reason_and_no_content(tmp_path, store):
    done = ingest(store, _csv(tmp_path, "text,n", "fine,1", "secret words", ",2", "good,3"))
    aside = store.sources.quarantined(done.source_id)
    assert [(q.file, q.line) for q in aside] == [("t.csv", 3), ("t.csv", 4)]
    assert all("secret" not in q.reason for q in aside)
    assert (done.n_records, done.n_quarantined) == (2, 2)


def test_labels_that_differ_by_case_or_space_are_offered_for_merging(tmp_path, store):
    rows = ["a,Refund", "b,refund ", "c,Late  reply", "d,late reply", "e,other", "f,Refund"]
    done = ingest(store, _csv(tmp_path, "text,label", *rows), label="label")
    assert done.merge_offers == (("Late  reply", "late reply"), ("Refund", "refund "))


def test_columns_are_guessed_and_the_guess_is_told(tmp_path, store):
    rows = [f"{i},the parcel number {i} is late,{['late', 'lost'][i % 2]}" for i in range(40)]
    done = ingest(store, _csv(tmp_path, "nr,message,intent", *rows), text=None)
    assert (done.text_column, done.label_column) == ("message", "intent")
    assert "'message'" in done.warnings[0]


def test_a_text_column_of_numbers_is_doubted(tmp_path, store):
    done = ingest(store, _csv(tmp_path, "text,n", "1,2", "3,4"))
    assert "numbers only" in done.warnings[0]


def test_a_million_is_not_held_but_many_twins_are_told_apart(tmp_path, store):
    done = ingest(store, _csv(tmp_path, "text", *["same"] * 5000))
    assert done.n_added == 5000
    assert len(set(store.records.all_ids().to_pylist())) == 5000


@pytest.mark.parametrize(
    ("data", "error", "says"),
    [
        ("", EmptyDataError, "is empty"),
        ("text,label\n", EmptyDataError, "no rows"),
        ("body,label\na,b\n", MissingColumnError, "no column 'text'. Its columns: body, label"),
        ("text,label\n,b\n", EmptyDataError, "line 2"),
    ],
)
def test_what_cannot_be_imported_is_said_in_a_sentence_and_changes_nothing(tmp_path, store, data, error, says):
    path = tmp_path / "t.csv"
    path.write_text(data)
    with pytest.raises(error, match=r"t\.csv") as raised:
        ingest(store, path)
    assert says in raised.value.message
    assert raised.value.exit_code == 2
    assert store.sources.list() == []
    assert not [p for p in store.layout.folder("tmp").iterdir() if p.name.startswith("import")]


def test_a_file_that_is_not_there(tmp_path, store):
    with pytest.raises(UnreadableFileError, match=r"no file .*none\.csv"):
        ingest(store, tmp_path / "none.csv")


def test_duplicate_and_nameless_columns_get_names_and_a_note(tmp_path, store):
    done = ingest(store, _csv(tmp_path, "text,label,label,", "a,b,c,d"))
    assert fields(store) == [{"text": "a", "label": "b", "label_2": "c", "column_4": "d"}]
    assert len(done.warnings) == 2
