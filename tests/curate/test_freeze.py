import numpy as np
import pytest

from homegrown.errors import EmptyDataError, InputError, MissingColumnError
from homegrown.metrics.intervals import wilson


def some(n=300, classes=4, seed=0):
    rng = np.random.default_rng(seed)
    return [
        {"text": " ".join(f"w{k}" for k in rng.integers(0, 5000, 8)), "label": f"c{rng.integers(classes)}"}
        for _ in range(n)
    ]


def texts(rows, split):
    return {r["text"] for r in rows if r["split"] == split}


def test_random_split_is_balanced_and_repeats(ws, put, rows_of):
    put(some())
    task = ws.task_from_column("t", "label")
    snapshot = ws.snapshot(task, seed=3)
    assert ws.snapshot(task, seed=3).snapshot_id == snapshot.snapshot_id
    assert ws.snapshot(task, seed=4).snapshot_id != snapshot.snapshot_id
    rows = rows_of(snapshot)
    assert len(rows) == 300
    for name in "c0", "c1", "c2", "c3":
        mine = [r for r in rows if r["label"] == name]
        assert sum(r["split"] == "test" for r in mine) == pytest.approx(0.2 * len(mine), abs=0.51)
        assert sum(r["split"] == "valid" for r in mine) == pytest.approx(0.08 * len(mine), abs=1.5)
    assert all(r["probs"] == [float(f"c{i}" == r["label"]) for i in range(4)] for r in rows)


def test_twins_stay_on_one_side(ws, put, rows_of):
    data = some(200)
    base = "please tell me when my new card will arrive at home in Berlin"
    data += [{"text": base, "label": "c0"}, {"text": base.upper() + " !!", "label": "c0"}]
    data += [{"text": base + " thanks", "label": "c0"}, {"text": base, "label": "c1"}]
    data += [{"text": "🙂", "label": "c2"}, {"text": "🙂🙂", "label": "c3"}]
    put(data)
    sides = set()
    for seed in range(12):
        snapshot = ws.snapshot(ws.task_from_column("t", "label"), seed=seed)
        rows = rows_of(snapshot)
        mine = {r["split"] for r in rows if "berlin" in r["text"].lower()}
        assert len(mine) == 1
        sides |= mine
    assert len(sides) > 1
    assert snapshot.details["n_twins"] == 4
    assert any("twin with another label" in w for w in snapshot.details["warnings"])


def test_equal_only_when_similarity_is_one(ws, put, rows_of):
    words = [f"w{i}" for i in range(30)]
    put([*some(40), {"text": " ".join(words[:29]), "label": "c0"}, {"text": " ".join(words), "label": "c0"}])
    task = ws.task_from_column("t", "label")
    assert ws.snapshot(task, similarity=1).details["n_twins"] == 0
    assert ws.snapshot(task).details["n_twins"] == 2


def test_a_test_file_stays_whole_and_its_twins_leave(ws, put, rows_of):
    train, test = some(120), some(40, seed=9)
    shared = {"text": "exactly the same text in both files", "label": "c1"}
    near = {"text": "what is the exchange rate that you use for euros today please", "label": "c2"}
    nearly = {"text": "What is the exchange rate that you use for euros today, please?!", "label": "c3"}
    put([*train, shared, near], "train.csv")
    put([*test, shared, nearly], "test.csv")
    bare = [{"text": r["text"]} for r in some(30, seed=5)] + [
        {"text": nearly["text"].lower()},
        {"text": shared["text"]},
    ]
    put(bare, "more.csv", label=None)
    task = ws.task_from_column("t", "label", sources=["train.csv", "test.csv"])
    snapshot = ws.snapshot(task, test_source="test.csv", unlabelled=("more.csv",))
    rows = rows_of(snapshot)
    assert snapshot.n_by_split == {"train": 108, "valid": 12, "test": 42, "unlabelled": 30}
    assert texts(rows, "test") == {r["text"] for r in [*test, shared, nearly]}
    assert snapshot.details["n_twins_removed"] == 1  # the identical row is one record with two origins
    assert snapshot.details["n_unlabelled_removed"] == 2
    assert not any(any(r["probs"]) for r in rows if r["split"] == "unlabelled")


def test_labels_of_an_unlabelled_file_do_not_come_in(ws, put, rows_of):
    put(some(80), "train.csv")
    put(some(50, seed=2), "more.csv", label=None)
    task = ws.task_from_column("t", "label", sources=["train.csv"])
    assert ws.snapshot(task).n_by_split["unlabelled"] == 0
    snapshot = ws.snapshot(task, unlabelled=("more.csv",))
    assert snapshot.n_by_split["unlabelled"] == 50
    assert sum(snapshot.n_by_split.values()) == 130


def test_rows_without_label_of_the_same_file_are_unlabelled(ws, put):
    put(some(60) + [{"text": f"no label {i} {i * 7}", "label": ""} for i in range(10)])
    snapshot = ws.snapshot(ws.task_from_column("t", "label"))
    assert snapshot.n_by_split["unlabelled"] == 10


def test_groups_stay_together(ws, put, rows_of):
    data = [{**row, "customer": f"k{i % 25}" if i % 10 else ""} for i, row in enumerate(some(400))]
    put(data)
    task = ws.task_from_column("t", "label")
    snapshot = ws.snapshot(task, group_by="customer")
    sides = {}
    for row in rows_of(snapshot):
        if row["customer"]:
            sides.setdefault(row["customer"], set()).add(row["split"])
            assert row["group"] is not None
    assert all(len(s) == 1 for s in sides.values())
    assert 0.1 < snapshot.n_by_split["test"] / 400 < 0.3
    with pytest.raises(MissingColumnError, match="no field 'shop'"):
        ws.snapshot(task, group_by="shop")
    with pytest.raises(InputError, match="one way to split"):
        ws.snapshot(task, group_by="customer", time_by="label")


def test_the_newest_are_the_test(ws, put, rows_of):
    data = [{**row, "date": f"2025-{1 + i // 28:02d}-{1 + i % 28:02d}"} for i, row in enumerate(some(280))]
    data.append({**data[279], "date": "2025-01-02"})
    data.append({"text": "no date here at all", "label": "c0", "date": ""})
    put(data)
    task = ws.task_from_column("t", "label")
    snapshot = ws.snapshot(task, time_by="date")
    rows = rows_of(snapshot)
    assert min(r["date"] for r in rows if r["split"] == "test") > max(r["date"] for r in rows if r["split"] == "train")
    assert snapshot.n_by_split["test"] == pytest.approx(56, abs=1)
    assert snapshot.details["n_twins_removed"] == 1
    assert snapshot.details["n_without_time"] == 1
    with pytest.raises(InputError, match=r"holds 'c\d'"):
        ws.snapshot(task, time_by="label")


def test_out_of_scope_rows_have_no_class_and_a_share_of_each_split(ws, put):
    put(some(200) + [{"text": f"chatter {i} {i * i}", "label": "oos"} for i in range(50)])
    task = ws.task_from_column("t", "label", out_of_scope=["oos"])
    assert task.class_names == ("c0", "c1", "c2", "c3")
    snapshot = ws.snapshot(task)
    rows = ws.store.snapshots.read(snapshot.snapshot_id).to_pylist()
    empty = [r["split"] for r in rows if not any(r["probs"])]
    assert snapshot.details["n_out_of_scope"] == len(empty) == 50
    assert empty.count("test") == 10
    assert "unlabelled" not in empty


def test_small_classes_keep_a_training_row_and_are_named(ws, put, rows_of):
    pair = [{"text": f"pair {i} x{i}", "label": "two"} for i in "ab"]
    put([*some(60, 2), {"text": "lonely one here", "label": "one"}, *pair])
    for seed in range(5):
        snapshot = ws.snapshot(ws.task_from_column("t", "label"), seed=seed)
        rows = rows_of(snapshot)
        assert {r["split"] for r in rows if r["label"] in ("one", "two")} <= {"train", "valid"}
        assert {r["label"] for r in rows if r["split"] == "train"} == {"c0", "c1", "one", "two"}
    said = " ".join(snapshot.details["warnings"])
    assert '"one": only one row to learn from' in said
    assert "too few rows for a test" in said


def test_hardly_any_rows(ws, put):
    put([{"text": "yes", "label": "a"}, {"text": "no", "label": "b"}])
    snapshot = ws.snapshot(ws.task_from_column("t", "label"))
    assert snapshot.n_by_split == {"train": 2, "valid": 0, "test": 0, "unlabelled": 0}
    assert any("nothing can be said" in w for w in snapshot.details["warnings"])


def test_refusals(ws, put):
    put(some(30))
    task = ws.task_from_column("t", "label")
    with pytest.raises(InputError, match=r"no source 'x.csv'.*rows\.csv"):
        ws.snapshot(task, test_source="x.csv")
    with pytest.raises(EmptyDataError, match="nothing is left to learn from"):
        ws.snapshot(task, test_source="rows.csv")
    with pytest.raises(InputError, match="similarity"):
        ws.snapshot(task, similarity=0.1)
    ws.store.votes.table.delete("true")
    with pytest.raises(EmptyDataError, match="no labels yet"):
        ws.snapshot(task)


def test_the_draw_is_fair(ws, put, rows_of):
    put(some(400, 2))
    task = ws.task_from_column("t", "label")
    first = min(r["text"] for r in some(400, 2))
    hits = sum(first in texts(rows_of(ws.snapshot(task, seed=s)), "test") for s in range(30))
    low, high = wilson(hits, 30)
    assert low < 0.2 < high


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("sizes", [(80, 10, 10), (33, 33, 34), (60, 20, 10, 10), (1, 1, 98), (50, 48, 2), (30,) * 9])
def test_few_groups_fill_every_split(ws, put, rows_of, sizes, seed):
    words = iter(range(10_000))
    rows = [
        {"text": " ".join(f"w{next(words)}" for _ in range(6)), "label": "ab"[i % 2], "shop": f"shop {g}"}
        for g, size in enumerate(sizes)
        for i in range(size)
    ]
    put(rows)
    snapshot = ws.snapshot(ws.task_from_column("letter", "label"), group_by="shop", seed=seed)
    found = rows_of(snapshot)
    of = {split: {r["shop"] for r in found if r["split"] == split} for split in ("train", "valid", "test")}
    assert all(of.values())
    assert not of["train"] & of["valid"] | of["train"] & of["test"] | of["valid"] & of["test"]
    n = snapshot.n_by_split
    assert n["train"] + n["valid"] >= n["test"]
    if sizes == (30,) * 9:
        assert (n["test"], n["valid"]) == (60, 30)


def test_groups_that_twins_join_are_too_few(ws, put):
    def text(i):
        return " ".join(f"w{i * 10 + k}" for k in range(6))

    rows = [{"text": text(i), "label": "ab"[i % 2], "shop": f"shop {i % 3}"} for i in range(30)]
    rows.append({"text": text(0), "label": "a", "shop": "shop 1"})
    put(rows)
    task = ws.task_from_column("letter", "label")
    with pytest.raises(InputError, match=r"'shop' the labelled rows hold together as 2 groups .* three are needed"):
        ws.snapshot(task, group_by="shop")


def test_the_test_texts_of_an_earlier_snapshot_stay_the_test_and_train_nothing(ws, put, rows_of):
    rng = np.random.default_rng(3)
    texts = [" ".join(f"w{w}" for w in rng.integers(0, 9999, 8)) for _ in range(120)]
    rows = [{"text": t, "label": "ab"[i % 2], "who": f"g{i // 4}"} for i, t in enumerate(texts)]
    put(rows, label="label")
    task = ws.import_labels("t", "label").task
    first = ws.snapshot(task, group_by="who")
    gold = {r["text"] for r in rows_of(first) if r["split"] == "test"}
    held = {r["who"] for r in rows if r["text"] in gold}
    twins = [{"text": t.upper() + "!", "label": "a", "who": "new"} for t in sorted(gold)]
    more = [{"text": f"other {t}", "label": "b", "who": w} for t, w in zip(texts, [*held] * 99, strict=False)][:20]
    put([*rows, *twins, *more], label="label")
    task = ws.import_labels("t", "label").task
    later = rows_of(ws.snapshot(task, test_of=first.snapshot_id, group_by="who"))
    assert {r["text"] for r in later if r["split"] == "test"} == gold
    learnt = {r["text"] for r in later if r["split"] != "test"}
    assert learnt
    assert not learnt & {t["text"] for t in (*twins, *more)}, "neither a twin nor a row of the same group"
    with pytest.raises(InputError, match="whole test"):
        ws.snapshot(task, test_of=first.snapshot_id, time_by="who")
