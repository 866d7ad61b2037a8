"""The contract of a Trainer, as a function that anybody may call in a test.

Example:
    >>> check_trainer(MyTrainer(), tmp_path, encoder)  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from homegrown.core.models import Examples, TrainingData
from homegrown.core.progress import Silent
from homegrown.errors import InputError, UnsuitableLabelsError
from homegrown.inference.predictor import load_predictor

if TYPE_CHECKING:
    from pathlib import Path

    from homegrown.core.models import Fitted
    from homegrown.core.protocols import Encoder, Trainer

SUBJECTS = {
    "refund": ("refund", "money back", "reimbursement", "repayment"),
    "delivery": ("parcel", "delivery", "package", "shipment"),
    "login": ("password", "login", "account access", "sign in"),
}
FRAMES = (
    "where is my {}?", "i want my {} now", "please help me with the {}", "the {} does not work", "no {} so far",
    "my {} is late", "how does a {} work here", "a question about the {}", "{} problem again", "tell me about {}",
)  # fmt: skip


def toy_data(*, multi: bool = False, out_of_scope: bool = False) -> TrainingData:
    """Three subjects that any trainer should tell apart: 96 rows to fit, 24 to judge, some unlabelled ones.

    Args:
        multi: some rows have two classes.
        out_of_scope: some rows have none.
    """
    names = tuple(SUBJECTS)
    rows = [(f.format(w), {c}) for c, words in SUBJECTS.items() for w in words for f in FRAMES]
    if multi:
        rows += [
            (f"{SUBJECTS['refund'][i % 4]} and {SUBJECTS['login'][i % 3]} {i}", {"refund", "login"}) for i in range(12)
        ]
    if out_of_scope:
        rows += [
            (f"the weather in {city} is fine", set()) for city in ("Rome", "Oslo", "Lima", "Bonn", "Turin", "Kyiv")
        ]
    texts = [text for text, _ in rows]
    probs = np.array([[float(n in classes) for n in names] for _, classes in rows], np.float32)
    judged = np.arange(len(rows)) % 5 == 0
    part = [_examples(texts, probs, np.flatnonzero(mask)) for mask in (~judged, judged)]
    unlabelled = [f"could somebody look at the {word} please" for words in SUBJECTS.values() for word in words]
    return TrainingData(names, names, multi, part[0], part[1], unlabelled)


def _examples(texts: list[str], probs: np.ndarray, rows: np.ndarray) -> Examples:
    weights = np.ones(len(rows), np.float32)
    return Examples([texts[i] for i in rows], probs[rows], weights, [f"r{i}" for i in rows])


def check_trainer(
    trainer: Trainer, folder: Path, encoder: Encoder, options: dict[str, Any] | None = None, *, floor: float = 0.8
) -> None:
    """Fit *trainer* and hold it to what every trainer promises; an ``AssertionError`` says what it broke.

    Held: the bundle lies in ``folder / "bundle"`` and loads; class order, shapes and probabilities are right; the
    report has its keys; empty, long and foreign texts are answered; the same seed gives the same answers; unknown
    options and a single class are refused.

    Args:
        trainer: what is checked.
        folder: an empty folder to work in.
        encoder: the frozen encoder that it gets.
        options: options that make it quick.
        floor: accuracy that it has to reach on three easy classes.
    """
    data = toy_data()
    fitted = _fit(trainer, data, options, folder / "first", encoder)
    assert fitted.folder == folder / "first" / "bundle", "the bundle belongs in folder / 'bundle'"
    for key in ("accuracy", "n", "seconds", "ms_per_text", "size_bytes"):
        assert key in fitted.report, f"the report has no {key!r}"
    assert fitted.ladder, "the ladder has no row"
    model = load_predictor(fitted.folder, encoder)
    assert model.class_names == data.class_names, "the class order changed"
    answers = model.predict(data.valid.texts)
    assert answers.probs.shape == (len(data.valid), 3), "probs is not [n, n_classes]"
    assert answers.probs.dtype == np.float32, "probs is not float32"
    assert np.allclose(answers.probs.sum(1), 1, atol=1e-4), "rows of probs do not sum to 1"
    assert ((answers.in_scope >= 0) & (answers.in_scope <= 1)).all(), "in_scope leaves 0 … 1"
    right = float((answers.probs.argmax(1) == data.valid.probs.argmax(1)).mean())
    assert right >= floor, f"only {right:.0%} of three easy classes"
    odd = model.predict(["", "☃ \x00 \ud800", "word " * 3000, "Ich möchte mein Geld zurück"])
    assert np.isfinite(odd.probs).all(), "an odd text has no finite answer"
    assert model.predict([]).probs.shape == (0, 3), "no texts have no answers"
    again = load_predictor(_fit(trainer, data, options, folder / "second", encoder).folder, encoder)
    assert np.array_equal(again.predict(data.valid.texts).probs, answers.probs), "the same seed gave another model"
    _check_refusals(trainer, data, folder / "third", encoder)


def _check_refusals(trainer: Trainer, data: TrainingData, folder: Path, encoder: Encoder) -> None:
    try:
        _fit(trainer, data, {"no_such_option": 1}, folder, encoder)
    except InputError as error:
        if "no_such_option" not in error.message:
            raise AssertionError("the refusal does not name the option") from error
    else:
        raise AssertionError("an unknown option was taken")
    only = np.flatnonzero(data.train.probs[:, 0] > 0)
    single = _examples(data.train.texts, data.train.probs, only)
    empty = _examples([], data.train.probs, only[:0])
    try:
        _fit(trainer, TrainingData(data.class_ids, data.class_names, False, single, empty), None, folder, encoder)
    except UnsuitableLabelsError:
        return
    raise AssertionError("one class alone was learnt from")


def _fit(
    trainer: Trainer, data: TrainingData, options: dict[str, Any] | None, folder: Path, encoder: Encoder
) -> Fitted:
    folder.mkdir(parents=True, exist_ok=True)
    return trainer.fit(data, options or {}, seed=7, folder=folder, encoder=encoder, progress=Silent())
