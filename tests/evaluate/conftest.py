"""A small workspace with a model that looks for words: real store, real snapshot, real bundle, no training."""

import csv
from types import SimpleNamespace

import numpy as np
import pytest

from homegrown.core.ids import new_id
from homegrown.core.models import ModelVersion, Predictions, Recipe
from homegrown.workspace import connect

WORDS = {"card": "card lost", "refund": "money back", "login": "cannot enter"}


class WordModel:
    """Sure when it sees the words of a class, undecided when it sees none."""

    multi = False

    def __init__(self, class_names, *, blind=(), threshold=0.0, multi=False):
        self.class_names, self.blind, self.threshold, self.multi = class_names, blind, threshold, multi

    def predict(self, texts):
        logits = np.zeros((len(texts), len(self.class_names)), np.float32)
        for i, text in enumerate(texts):
            for j, name in enumerate(self.class_names):
                if name not in self.blind and WORDS.get(name, name) in text:
                    logits[i, j] = 4.0
        if self.multi:
            probs = 1 / (1 + np.exp(-(logits - 2)))
            return Predictions(probs, probs.max(1))
        probs = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        return Predictions(probs, (logits.max(1) > 0).astype(np.float32) * 0.8 + 0.1)


def write_csv(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def rows(n=240, extra=""):
    rng = np.random.default_rng(0)
    names = list(WORDS)
    found = []
    for i in range(n):
        name = names[int(rng.integers(3))]
        filler = " ".join(f"w{rng.integers(100000)}" for _ in range(6))
        channel = "app" if i % 2 else "mail"
        found.append({"text": f"{filler} {WORDS[name]} {i}{extra}", "label": name, "channel": channel, "n": i})
    return found


def register(ws, snapshot, name="words", recipe="words", folder=None):
    """A version of *name* with an empty bundle."""
    store = ws.store
    task = store.tasks.get(snapshot.task_id, snapshot.task_version)
    run_id = store.models.start_run(store.actor, snapshot, Recipe(recipe, {}, 0))
    folder = store.run_folder(run_id) / "bundle"
    folder.mkdir()
    (folder / "model.json").write_text("{}")
    version_id = new_id("mv")
    digest = store.bundles.add(version_id, folder, {})
    version = ModelVersion(
        version_id, name, store.models.next_number(name), task.task_id, task.version, run_id, snapshot.snapshot_id,
        recipe, task.class_ids, task.class_names, task.kind == "classes", digest,
    )  # fmt: skip
    store.models.add_version(store.actor, version)
    store.models.end_run(store.actor, run_id, "succeeded", {})
    return version


@pytest.fixture
def ws(tmp_path):
    with connect(tmp_path / "work") as ws:
        yield ws


@pytest.fixture
def world():
    return SimpleNamespace(WordModel=WordModel, write_csv=write_csv, rows=rows, register=register)
