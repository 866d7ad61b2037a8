"""Rows with several classes, counted by hand: 30 of each kind of text, so that every split has its share."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console

from homegrown.core.models import Predictions
from homegrown.evaluate import compare, evaluate, example_ids, render
from homegrown.evaluate.terminal import show

KINDS = {  # kind of text → its classes, and what the model says with which probability
    "parcel late": (["delivery"], {"delivery": 0.9}),
    "parcel late and double charge": (["delivery", "billing"], {"delivery": 0.8}),
    "double charge": (["billing"], {"refund": 0.7}),
    "money back": (["refund"], {"refund": 0.9, "billing": 0.6}),
    "just saying hello": ([], {}),
}
N = 60


class TableModel:
    """Answers each kind of text as ``KINDS`` says; 0.02 for all other classes."""

    multi, threshold = True, 0.0

    def __init__(self, class_names):
        self.class_names = class_names

    def predict(self, texts):
        probs = np.full((len(texts), len(self.class_names)), 0.02, np.float32)
        for i, text in enumerate(texts):
            for name, prob in KINDS[text.split(":")[0]][1].items():
                probs[i, self.class_names.index(name)] = prob
        return Predictions(probs, probs.max(1))


@pytest.fixture
def many(ws, world, tmp_path):
    rng = np.random.default_rng(0)

    def words():
        return " ".join(f"w{rng.integers(1_000_000)}" for _ in range(8))

    rows = [{"text": f"{k}: {words()}", "label": json.dumps(KINDS[k][0])} for k in KINDS for _ in range(N)]
    ws.ingest(world.write_csv(tmp_path / "many.csv", rows), text="text", label="label")
    snapshot = ws.snapshot(ws.task_from_column("tags", "label"))
    version = world.register(ws, snapshot, "tags")
    table = ws.store.snapshots.read(snapshot.snapshot_id).to_pylist()
    test = [r["record_id"] for r in table if r["split"] == "test"]
    kinds = [text.split(":")[0] for text in ws.store.records.texts(test).values()]
    n = {kind: kinds.count(kind) for kind in KINDS}
    assert min(n.values()) >= 5
    model = TableModel(version.class_names)
    return SimpleNamespace(
        ws=ws, version=version, model=model, n=n, found=evaluate(ws.store, version, model), world=world
    )


def test_rows_without_a_class_count_and_the_scores_are_those_by_hand(many):
    found, n = many.found, many.n
    total = sum(n.values())
    assert found["n"] == total
    assert found["n_out_of_scope"] == 0
    assert found["accuracy"] == pytest.approx((n["parcel late"] + n["just saying hello"]) / total)
    both, charge, back, late = (
        n[k] for k in ("parcel late and double charge", "double charge", "money back", "parcel late")
    )
    by_name = {c["name"]: c for c in found["classes"]}
    assert by_name["delivery"]["recall"] == by_name["delivery"]["precision"] == 1.0
    assert by_name["billing"]["recall"] == 0.0
    assert by_name["billing"]["n"] == both + charge
    assert by_name["billing"]["n_answered"] == back
    assert by_name["refund"]["precision"] == pytest.approx(back / (back + charge))
    hits = late + both + back
    assert found["micro_f1"] == pytest.approx(
        2 * hits / ((late + 2 * both + charge + back) + (late + both + charge + 2 * back))
    )
    low, high = by_name["refund"]["f1_ci95"]
    assert 0 < low < by_name["refund"]["f1"] < high < 1


def test_what_is_missed_and_added_together(many):
    pairs = {(c["truth"], c["answer"]): (c["n"], c["of"]) for c in many.found["confusions"]}
    n = many.n
    billing = n["parcel late and double charge"] + n["double charge"]
    assert pairs == {
        ("billing", "refund"): (n["double charge"], billing),
        ("billing", None): (n["parcel late and double charge"], billing),
        (None, "billing"): (n["money back"], n["money back"]),
    }
    row = next(c for c in many.found["confusions"] if c["truth"] == "billing" and c["answer"] == "refund")
    texts = many.ws.store.records.texts(row["record_ids"])
    assert len(texts) == 5
    assert all(t.startswith("double charge") for t in texts.values())


def test_calibration_is_of_the_classes_that_were_stated(many):
    found, n = many.found["calibration"], many.n
    late, both, charge, back = (
        n[k] for k in ("parcel late", "parcel late and double charge", "double charge", "money back")
    )
    assert found["n"] == late + both + charge + 2 * back
    squared = late * 0.1**2 + both * 0.2**2 + charge * 0.7**2 + back * (0.1**2 + 0.6**2)
    assert found["brier"] == pytest.approx(squared / found["n"], abs=1e-6)
    assert found["ece_ci95"][0] <= found["ece"] <= found["ece_ci95"][1]


def test_coverage_goes_by_the_confidence_in_the_whole_set(many):
    found, n = many.found["coverage"], many.n
    total = sum(n.values())
    # Surest is "none of these" (0.98³), then "parcel late" (0.9 · 0.98²): both right; all others are wrong.
    at = next(w for w in found["wanted"] if w["wanted"] == 0.99)
    assert at["n"] == n["just saying hello"] + n["parcel late"]
    assert at["threshold"] == pytest.approx(0.9 * 0.98**2, abs=1e-4)
    assert found["curve"][-1]["accuracy"] == pytest.approx(many.found["accuracy"])
    assert at["coverage"] == pytest.approx(at["n"] / total)


def test_baselines_answer_sets_and_the_comparison_is_paired(many):
    majority, tfidf = many.found["opponents"]
    assert "set of classes" in majority["name"]
    # All kinds are as frequent; the one that training holds most of is the one that the test holds least of.
    assert round(majority["accuracy"] * many.found["n"]) == min(many.n.values())
    assert tfidf["accuracy"] == 1.0
    assert tfidf["n_only_theirs"] == many.found["n"] - many.n["parcel late"] - many.n["just saying hello"]
    assert tfidf["verdict"] == "worse"
    assert tfidf["macro_f1"] == 1.0
    assert tfidf["macro_f1_difference_ci95"][1] < 0
    again = many.world.register(many.ws, many.ws.store.models.snapshot(many.version.snapshot_id), "tags")
    kept = evaluate(many.ws.store, again, many.model)["opponents"][1]
    assert (kept["accuracy"], kept["seconds"]) == (1.0, None)
    other = compare(many.ws.store, (many.version, many.model), (again, many.model))
    assert other["opponent"]["n"] == many.found["n"]


def test_labels_in_doubt_name_the_class(many):
    noise = many.found["label_noise"]
    assert noise["n"] == many.found["n"]
    # "billing" is denied (0.98) to what is labelled so, more surely than to texts not labelled so on average, and said of
    # "money back" (0.6), more surely than of texts labelled so (0.02). "refund" is said of "double charge" (0.7) less surely
    # than of texts labelled so (0.9): no doubt there.
    n = many.n
    assert noise["n_suspects"] == n["parcel late and double charge"] + n["double charge"] + n["money back"]
    assert {(s["label"], s["answer"], round(s["prob"], 2)) for s in noise["suspects"]} == {("billing", None, 0.98)}
    assert noise["share_ci95"][0] < noise["share"] < noise["share_ci95"][1]


def test_report_and_terminal_say_it(many):
    texts = many.ws.store.records.texts(example_ids(many.found))
    html = render(many.found, texts)
    assert "left out, nothing in its place" in html
    assert "added, in place of nothing" in html
    assert "Of the classes given with 80% confidence" in html
    assert "Confident in the whole set of classes" in html
    console = Console(record=True, width=170, file=open("/dev/null", "w"))  # noqa: SIM115
    with console.file:
        show(many.found, texts, console)
        shown = console.export_text()
    assert "Answer less, be right more often" in shown
    assert "nothing" in shown
    assert "set of classes" in shown
