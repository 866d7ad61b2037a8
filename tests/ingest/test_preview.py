"""What a look at a file guesses, before anything is imported."""

import pytest

from homegrown.errors import EmptyDataError
from homegrown.ingest import preview


def _csv(tmp_path, header, rows):
    path = tmp_path / "t.csv"
    path.write_text("\n".join([",".join(header), *(",".join(r) for r in rows)]) + "\n", encoding="utf-8")
    return path


def test_the_columns_of_a_support_desk_are_told_apart(tmp_path):
    rows = [
        [f"T-{i:05}", f"2026-01-{i % 28 + 1:02}", f"the parcel {i} has not come yet", ["web", "chat", "mail"][i % 3],
         ["late", "refund", "broken", "lost"][i % 4], str(i * 1.5), ""]
        for i in range(200)
    ]  # fmt: skip
    found = preview(_csv(tmp_path, ["ticket", "at", "message", "channel", "intent", "price", "none"], rows), "t.csv")
    assert [c.kind.value for c in found.columns] == ["id", "date", "text", "category", "category", "number", "empty"]
    assert (found.text, found.label) == ("message", "intent")
    assert len(found.rows) == 20
    assert found.n_sampled == 200
    assert found.is_whole
    assert next(c for c in found.columns if c.name == "intent").n_distinct == 4


def test_a_row_of_the_wrong_width_is_listed(tmp_path):
    found = preview(_csv(tmp_path, ["a", "b"], [["x", "y"], ["1", "2", "3"], ["x", "y"]]), "t.csv")
    assert [q.line for q in found.quarantined] == [3]


def test_a_file_without_a_label_column_says_none(tmp_path):
    found = preview(_csv(tmp_path, ["words"], [[f"a sentence of several words {i}"] for i in range(50)]), "t.csv")
    assert (found.text, found.label) == ("words", None)


def test_a_header_alone_is_refused_by_name(tmp_path):
    with pytest.raises(EmptyDataError, match=r"shown\.csv has no rows"):
        preview(_csv(tmp_path, ["a", "b"], []), "shown.csv")
