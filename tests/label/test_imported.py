import csv

import msgspec
import pytest

from homegrown.core.tasks import TaskKind
from homegrown.errors import InputError, UnsuitableLabelsError
from homegrown.label.names import as_list, spellings
from homegrown.workspace import connect


@pytest.fixture
def ws(tmp_path):
    with connect(tmp_path / "work") as ws:
        yield ws


@pytest.fixture
def put(ws, tmp_path):
    def put(values, name="rows.csv"):
        with (tmp_path / name).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["text", "label"])
            writer.writerows([f"text number {i} of {name}", v] for i, v in enumerate(values))
        return ws.ingest(tmp_path / name, text="text", label="label")

    return put


def answers(ws, found):
    names = {c.class_id: c.name for c in found.task.classes}
    votes = [msgspec.json.decode(v) for v in ws.store.votes.of_task(found.task.task_id)["value"].to_pylist()]
    return sorted(names.get(v["class"], v["class"]) for v in votes)


def test_one_class_per_row(ws, put):
    put(["a", " a", "b", "", "  ", "b"])
    found = ws.import_labels("t", "label")
    assert found.task.kind is TaskKind.CLASS
    assert found.counts == {"a": 2, "b": 2}
    assert (found.n_votes, found.n_empty) == (4, 2)
    assert answers(ws, found) == ["a", "a", "b", "b"]
    assert ws.import_labels("t", "label").task == found.task
    assert ws.store.votes.table.count() == 4


def test_spellings_are_offered_and_merged_when_asked(ws, put):
    put(["Refund", "refund", "refund", "card lost", "card_lost", "card lost", "other"])
    found = ws.import_labels("t", "label")
    assert found.mergeable == {"Refund": "refund", "card_lost": "card lost"}
    assert any("'Refund' (1 rows) and 'refund' (2) differ by case or spacing" in w for w in found.warnings)
    assert any("'other' sounds like none" in w for w in found.warnings)
    merged = ws.import_labels("t", "label", merge=found.mergeable)
    assert merged.counts == {"refund": 3, "card lost": 3, "other": 1}
    assert merged.task.version == found.task.version + 1
    assert {c.name: c.class_id for c in merged.task.classes}["refund"] in found.task.class_ids


def test_numbers_are_names(ws, put):
    put(["1", "2", "1", "2.0", "3"] * 5)
    found = ws.import_labels("t", "label")
    assert set(found.task.class_names) in ({"1", "2", "3"}, {"1", "2", "2.0", "3"})


@pytest.mark.parametrize(
    "cells", [['["a", "b"]', "[]", '["b"]', ""], ["['a', 'b']", "[]", "['b']", ""], ["a;b", "b", "a", ""]]
)
def test_many_classes_per_row(ws, put, cells):
    put(cells * 3)
    found = ws.import_labels("t", "label", separator=";" if ";" in cells[0] else None)
    assert found.task.kind is TaskKind.CLASSES
    assert found.task.class_names == ("a", "b")
    votes = [msgspec.json.decode(v)["classes"] for v in ws.store.votes.of_task(found.task.task_id)["value"].to_pylist()]
    assert sum(len(v) == 2 for v in votes) == 3
    assert found.n_empty == 3


def test_out_of_scope_only_when_said(ws, put):
    put(["a", "b", "oos", "", "b", "a"])
    plain = ws.import_labels("t", "label")
    assert "oos" in plain.task.class_names
    assert any("--out-of-scope 'oos'" in w for w in plain.warnings)
    found = ws.import_labels("t", "label", out_of_scope=["oos"])
    assert found.task.class_names == ("a", "b")
    assert (found.n_votes, found.n_out_of_scope, found.n_empty) == (5, 1, 1)
    assert answers(ws, found).count("out_of_scope") == 1
    empty = ws.import_labels("t", "label", out_of_scope=["oos", ""])
    assert (empty.n_out_of_scope, empty.n_empty) == (2, 0)


def test_sources_bound_what_counts(ws, put):
    put(["a", "b"] * 3, "one.csv")
    put(["c", "d"] * 3, "two.csv")
    found = ws.import_labels("t", "label", sources=["one.csv"])
    assert found.task.class_names == ("a", "b")
    assert found.n_votes == 6
    with pytest.raises(InputError, match=r"no source 'three\.csv'"):
        ws.import_labels("t", "label", sources=["three.csv"])


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (["", "", ""], "empty in every row"),
        (["a", "a", ""], "one class only"),
        ([f"T-{i}" for i in range(60)], "60 different values in 60 rows: it looks like an id"),
        ([f"x{i}" for i in range(6)], "looks like an id"),
        ([f"v{i}" for i in range(2500)] * 3, "2,500 different values"),
    ],
)
def test_columns_that_cannot_be_learnt(ws, put, values, reason):
    put(values)
    with pytest.raises(UnsuitableLabelsError, match=reason):
        ws.import_labels("t", "label")


def test_hostile_cells_are_text():
    assert as_list("[" * 5000 + "]" * 5000) is None
    assert as_list("[__import__('os')]") is None
    assert as_list("[1, 2") is None
    assert as_list('{"a": 1}') is None
    assert as_list("[]") == []
    assert spellings({}) == {}
    assert spellings({"straße": 2, "STRASSE": 1}) == {"STRASSE": "straße"}


def test_odd_names_survive(ws, put):
    odd = ["🙂", "مرحبا", "<script>alert(1)</script>", "a\nb"]
    put(odd * 3)
    found = ws.import_labels("t", "label")
    assert set(found.task.class_names) == {"🙂", "مرحبا", "<script>alert(1)</script>", "a b"}
