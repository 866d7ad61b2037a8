"""Models as SQL functions: batched, once per text, kept; and files of answers."""

import csv
import gc

import numpy as np
import pyarrow.parquet as pq
import pytest

from homegrown.core.models import Predictions
from homegrown.errors import InputError, NotFoundError
from homegrown.query import Abilities, run_query


class Counting:
    """An encoder and a model that say how often they were asked."""

    fingerprint, dim = "counting", 4
    class_names, multi, threshold = ("card", "other"), False, 0.2

    def __init__(self):
        self.batches, self.texts = [], []

    def encode(self, texts, progress=None):
        self.batches.append(len(texts))
        self.texts += texts
        rows = np.array([[len(t), "card" in t, "money" in t, 1] for t in texts], np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def predict(self, texts):
        self.batches.append(len(texts))
        self.texts += texts
        probs = np.array([[0.9, 0.1] if "card" in t else [0.3, 0.7] for t in texts], np.float32)
        return Predictions(probs, np.array([0.1 if "app" in t else 1.0 for t in texts], np.float32))


@pytest.fixture
def models():
    return Counting()


@pytest.fixture
def ask(ws, models):
    def named(name):
        if name != "intent":
            raise NotFoundError(f"There is no model {name!r}.")
        return "mv_1", models

    abilities = Abilities(encoder=lambda: models, predictor=named)
    return lambda sql: run_query(ws.store, sql, abilities=abilities)


def test_predict_asks_once_per_text_ever(ask, models):
    sql = "select predict('intent', text) as label, predict_prob('intent', text) as p, text from records"
    rows = ask(sql).rows()
    assert {r["text"]: r["label"] for r in rows}["where is my card"] == "card"
    assert {r["text"]: r["label"] for r in rows}["the app crashes at login"] is None
    assert {round(r["p"], 2) for r in rows} == {0.9, 0.7}
    assert sorted(models.texts) == sorted(r["text"] for r in rows)
    models.texts.clear()
    assert ask(sql).rows() == rows
    assert models.texts == []
    assert len(ask("select * from records where predict('intent', text) = 'card'")) == 2
    assert models.texts == []


def test_null_is_null_and_large_queries_come_in_batches(ask, models):
    result = ask("select predict('intent', null) a, similarity(null, 'x') b, embed(null) c")
    assert result.rows() == [{"a": None, "b": None, "c": None}]
    models.texts.clear()
    sql = "select count(*) n from range(30000) t(i) where predict('intent', 'card ' || (i % 3000)) = 'card'"
    assert ask(sql).rows() == [{"n": 30000}]
    assert len(models.texts) == len(set(models.texts)) == 3000
    assert max(models.batches) > 900


def test_similarity_and_embed(ask, models):
    row = ask("select similarity('card', 'card') same, embed('card') v, len(embed('x')) n").rows()[0]
    assert row["same"] == pytest.approx(1.0, abs=1e-6)
    assert len(row["v"]) == row["n"] == 4
    best = ask("select text from records order by similarity(text, 'where is my card') desc limit 1").rows()
    assert best == [{"text": "where is my card"}]
    models.texts.clear()
    ask("select similarity(text, 'where is my card') from records")
    assert models.texts == []
    near = ask("select text, score from nearest('where is my card', 2)").rows()
    assert near[0]["text"] == "where is my card"
    assert near[0]["score"] == pytest.approx(1.0, abs=1e-5)


def test_errors_of_models_come_through_whole(ask):
    with pytest.raises(NotFoundError, match="There is no model 'nothing'"):
        ask("select predict('nothing', text) from records")


def test_connections_with_functions_leave_nothing_behind(ask, capfd):
    for _ in range(5):
        ask("select predict('intent', text), embed(text) from records")
    gc.collect()
    assert "leak" not in "".join(capfd.readouterr()).lower()


def test_csv_is_harmless_and_machine_files_are_untouched(ws, tmp_path):
    cells = ["=HYPERLINK(1)", "+1-1", "-2", "@x", "\tx", "plain", "- two", "3.5"]
    values = ", ".join(f"('{c}')" for c in cells)
    sql = f"select c, -2 as n, [1, 2] as l from (values {values}) t(c)"
    assert ws.export_sql(sql, tmp_path / "a.csv", "csv") == len(cells)
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [r["c"] for r in rows] == ["'=HYPERLINK(1)", "'+1-1", "-2", "'@x", "'\tx", "plain", "'- two", "3.5"]
    assert {(r["n"], r["l"]) for r in rows} == {("-2", "[1, 2]")}
    ws.export_sql(sql, tmp_path / "a.parquet", "parquet")
    assert pq.read_table(tmp_path / "a.parquet")["c"].to_pylist() == cells
    ws.export_sql(sql, tmp_path / "a.jsonl", "jsonl")
    assert '"=HYPERLINK(1)"' in (tmp_path / "a.jsonl").read_text()
    assert sorted(p.name for p in tmp_path.glob("*a.*")) == ["a.csv", "a.jsonl", "a.parquet"]
    with pytest.raises(InputError, match="no folder"):
        ws.export_sql(sql, tmp_path / "no" / "a.csv", "csv")
    with pytest.raises(InputError, match="Formats"):
        ws.export_sql(sql, tmp_path / "a.xls", "xls")
