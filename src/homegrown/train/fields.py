"""Trainer ``fields``: a model of objects, one part per field.

Numbers, amounts, dates and spans that are whole lines are learnt from what they say, not from where somebody marked
them: every place of the text that says the same may be meant (``inference.ranked``). Spans inside of lines, and several
of them, are learnt as such by ``train.spans``; closed choices and booleans as classes of the whole text by another
recipe. Lists of small objects are the spans of their values, put together into rows (``train.lists``).
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from homegrown.core.models import Examples, Fitted, Recipe
from homegrown.core.schema import FieldType
from homegrown.core.spans import Span
from homegrown.errors import UnsuitableLabelsError
from homegrown.inference.candidates import Reading, candidates, readings, same_value, same_words
from homegrown.inference.encoder import Encoder as LocalEncoder
from homegrown.inference.fields import ABSENT, FieldsModel, choice_folder, finder_folder
from homegrown.inference.lists import STANDING, Rows
from homegrown.inference.predictor import load_predictor
from homegrown.inference.span_models import load_span_model
from homegrown.metrics.objects import object_scores
from homegrown.plugins import load
from homegrown.train.fields_ladder import FieldsLadder, FieldsOptions
from homegrown.train.lists import list_examples, list_readings
from homegrown.train.options import parse_options
from homegrown.train.ranked_fit import fit_ranking
from homegrown.train.rung import milliseconds, take_over
from homegrown.train.span_data import SpanExamples
from homegrown.train.students import never_labelled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from homegrown.core.models import TrainingData
    from homegrown.core.protocols import Encoder, Predictor, Progress
    from homegrown.core.schema import Field
    from homegrown.inference.ranked import Ranking
    from homegrown.inference.span_base import SpanModel

#: from which share of its answers on that stand among the candidates a field is learnt
REACHABLE = 0.3


class FieldsTrainer:
    """Trainer ``fields``."""

    takes_objects = True

    def fit(
        self,
        data: TrainingData,
        options: dict[str, Any],
        *,
        seed: int,
        folder: Path,
        encoder: Encoder,
        progress: Progress,
    ) -> Fitted:
        """Fit every field that can be learnt; see ``core.protocols.Trainer``.

        Raises:
            UnsuitableLabelsError: none of the fields can.
        """
        chosen = parse_options(FieldsOptions, "fields", options)
        started = time.monotonic()
        bundle = folder / "bundle"
        work = _Fitting(data, chosen, seed, folder, encoder, progress)
        model = work.model()
        if not model.learnt:
            raise UnsuitableLabelsError(f"None of the fields can be learnt. {' '.join(work.decisions)}")
        model.save(bundle)
        report = _judged(model, data.valid) | {"seconds": time.monotonic() - started, "warnings": []}
        report["values"] = work.values
        size = sum(p.stat().st_size for p in bundle.rglob("*") if p.is_file())
        row = {
            "recipe": "fields", "accuracy": report["accuracy"], "accuracy_ci95": report["accuracy_ci95"],
            "n": report["n"], "ms_per_text": milliseconds(model.predict_objects, data.valid.texts), "size_bytes": size,
            "seconds": report["seconds"], "decisions": work.decisions,
        }  # fmt: skip
        recipe = Recipe("fields", asdict(work.ladder.decided()), seed)
        ladder = (*work.ladder.rows, {**row, "chosen": True})
        return Fitted(bundle, recipe, {**report, **row, "options": recipe.options}, ladder)


class _Fitting:
    def __init__(
        self, data: TrainingData, options: FieldsOptions, seed: int, folder: Path, encoder: Encoder, progress: Progress
    ) -> None:
        self._data, self._seed, self._folder = data, seed, folder
        self._encoder, self._progress = encoder, progress
        self.ladder = FieldsLadder(options, data.fields)
        self.decisions = self.ladder.decisions
        self._finders: list[SpanModel] = []
        self.values = {f.name: self._counts(f) for f in data.fields}

    def model(self) -> FieldsModel:
        rankings, choosers, lists, marked = {}, {}, {}, []
        self._progress.start("train fields", len(self._data.fields), "fields")
        for one in self._data.fields:
            if one.type in STANDING and not one.takes_many:
                found = self._ranked(one)
                rankings |= {} if found is None else {one.field_id: found}
                marked += [one] if found is None and one.type is FieldType.SPAN else []
            elif one.type is FieldType.SPAN:
                marked.append(one)
            elif one.type is FieldType.LIST:
                found = self._list(one)
                lists |= {} if found is None else {one.field_id: found}
            else:
                chooser = self._chooser(one)
                choosers |= {} if chooser is None else {one.field_id: chooser}
            self._progress.advance(1)
        self._progress.finish()
        self._all_finders(marked)
        return FieldsModel(self._data.fields, rankings, choosers, self._finders, self._currency(), lists)

    def _list(self, one: Field) -> Rows | None:
        """How rows of a list are made, and a finder of their values."""
        readings = list_readings(one, self._data.train)
        train, valid = (list_examples(one, part, readings) for part in (self._data.train, self._data.valid))
        left_out = [f.name for f in one.fields if f.field_id not in readings]
        self.values[one.name]["n_lost"] = train.n_lost
        lost = f" {train.n_lost:,} texts lack one of their values and teach nothing." if train.n_lost else ""
        if not train.examples.n_spans:
            self.decisions.append(f"{one.name}: in no text all values of the list stand.{lost}")
            return None
        rows = Rows(train.first(), readings)
        share = train.share_grouped(rows)
        self.decisions.append(
            f"{one.name}: values are found as spans and put together into rows in the order of the text, which is "
            f"right for {share:.1%} of the training texts.{lost}"
            + (f" Not learnt: {', '.join(left_out)}." if left_out else "")
        )
        if share < REACHABLE:
            self.decisions.append(f"{one.name}: these are too few, so it is not learnt.")
            return None
        found, _ = self._found([one.name], train.examples, valid.examples)
        return replace(rows, readings={i: r for i, r in readings.items() if i in found.types})

    def _counts(self, one: Field) -> dict[str, int]:
        """Training texts, those of which something is known, those where it is there, values that teach nothing."""
        said, n = self._said(self._data.train, one), len(self._data.train)
        if len(said) < n:
            why = "nobody looked at it, or its words do not stand there"
            self.decisions.append(f"{one.name}: of {n - len(said):,} of {n:,} training texts nothing is known; {why}.")
        n_there = sum(self._data.train.values[i][one.field_id] is not None for i in said)
        return {"n": n, "n_said": len(said), "n_there": n_there, "n_lost": 0}

    def _said(self, part: Examples, one: Field) -> list[int]:
        """Rows on which somebody looked at the field."""
        return [i for i, value in enumerate(part.values) if one.field_id in value]

    def _ranked(self, one: Field) -> Ranking | None:
        train, valid = self._said(self._data.train, one), self._said(self._data.valid, one)
        values = [_value(one, self._data.train, i) for i in train]
        there = [(i, v) for i, v in zip(train, values, strict=True) if v is not None]
        if not there:
            self.decisions.append(f"{one.name}: nobody has said what it is.")
            return None
        each = readings(one.type)
        shares = [self._reachable(one, there, reading) for reading in each]
        best = int(np.argmax(shares))
        if shares[best] < REACHABLE:
            if one.type is not FieldType.SPAN:
                self.decisions.append(f"{one.name}: only {shares[best]:.0%} of its answers stand in the text.")
            return None
        parts = [self._rows(one, part, rows) for part, rows in ((self._data.train, train), (self._data.valid, valid))]
        ranking = fit_ranking(one.type, each[best], *parts)
        self.values[one.name]["n_lost"] = n_lost = len(there) - round(shares[best] * len(there))
        self.decisions.append(
            f"{one.name}: chosen among what stands in the text, where {shares[best]:.1%} of the answers were found"
            + (f"; the other {n_lost:,} teach nothing." if n_lost else ".")
        )
        return ranking

    def _all_finders(self, marked: list[Field]) -> None:
        """One for all fields whose spans do not overlap: a finder gives each word to one span."""
        groups: list[list[Field]] = []
        for one in marked:
            free = (g for g in groups if not _overlap(self._data.train, g, one))
            group = next(free, None)
            if group is None:
                groups.append([one])
            else:
                group.append(one)
        for group in groups:
            self._finder(group)

    def _finder(self, marked: list[Field]) -> None:
        """A model that finds the spans of some fields, from texts on which somebody looked at all of them."""
        parts = [_spans_of(part, marked) for part in (self._data.train, self._data.valid)]
        if not parts[0].n_spans:
            names = ", ".join(f.name for f in marked)
            self.decisions.append(f"{names}: on no text somebody looked at all of these and found one.")
            return
        names = [f.name for f in marked]
        _, rung = self._found(names, *parts)
        self.decisions.append(
            f"{', '.join(names)}: found as spans ({rung}), {parts[0].n_spans:,} of them to learn from."
        )

    def _found(self, names: list[str], train: SpanExamples, valid: SpanExamples) -> tuple[SpanModel, str]:
        """A model that finds spans of the fields *names*, in the bundle, and its rung."""
        name = finder_folder(len(self._finders))
        folder, target = self._folder / name, self._folder / "bundle" / name
        data = self._data
        unlabelled = never_labelled(data.unlabelled, [*data.train.texts, *data.valid.texts])
        rung = self.ladder.fit_finder(
            names,
            train,
            valid,
            unlabelled,
            seed=self._seed,
            folder=folder,
            encoder=self._local(),
            progress=self._progress,
        )
        take_over(folder / "bundle", target)
        self._finders.append(load_span_model(target, self._local()))
        return self._finders[-1], rung

    def _local(self) -> LocalEncoder:
        """The encoder itself, which reads words and not only texts."""
        if isinstance(self._encoder, LocalEncoder):
            return self._encoder
        return LocalEncoder.load(getattr(self._encoder, "folder", None))

    def _reachable(self, one: Field, there: Sequence[tuple[int, str]], reading: Reading) -> float:
        texts = self._data.train.texts
        hits = [value in {c.value for c in candidates(texts[i], one.type, reading)} for i, value in there]
        return float(np.mean(hits))

    def _rows(self, one: Field, part: Examples, rows: list[int]) -> tuple[list[str], list[str | None], np.ndarray]:
        return [part.texts[i] for i in rows], [_value(one, part, i) for i in rows], part.weights[rows]

    def _currency(self) -> str | None:
        """The currency of amounts that name none: the one that most answers have."""
        said: Counter[str] = Counter()
        for value in self._data.train.values:
            items = [item for answer in value.values() for item in (answer or {}).get("items", ())]
            said.update(a["currency"] for v in (value, *items) for a in v.values() if a and a.get("currency"))
        return said.most_common(1)[0][0] if said else None

    def _chooser(self, one: Field) -> Predictor | None:
        names = _class_names(one, self._data.train)
        parts = {
            name: _as_classes(one, part, self._said(part, one), names)
            for name, part in (("train", self._data.train), ("valid", self._data.valid))
        }
        if len(np.unique(parts["train"].probs, axis=0)) < 2:
            self.decisions.append(f"{one.name}: all answers are the same.")
            return None
        folder = self._folder / choice_folder(one.field_id)
        recipe, options = self.ladder.choice(one.name, len(parts["valid"]))
        trainer = load("homegrown.trainers", recipe)()
        data = replace(self._data, class_ids=names, class_names=names, multi=one.takes_many, fields=(), **parts)
        fitted = trainer.fit(
            data, options, seed=self._seed, folder=folder, encoder=self._encoder, progress=self._progress
        )  # fmt: skip
        target = self._folder / "bundle" / choice_folder(one.field_id)
        take_over(fitted.folder, target)
        if recipe == "auto":
            recipe = fitted.recipe.trainer
            self.ladder.chose(one.name, recipe, fitted.ladder)
        self.decisions.append(
            f"{one.name}: {recipe}, right on {fitted.report['accuracy']:.1%} of {fitted.report['n']:,} validation rows."
        )
        return load_predictor(target, self._encoder)


def _overlap(part: Examples, group: Sequence[Field], one: Field) -> bool:
    """Whether more than a hundredth of a field's spans overlap spans of the others."""
    n = n_over = 0
    for value in part.values:
        mine = [Span(a, b, "") for a, b in (value.get(one.field_id) or {}).get("spans", ())]
        others = [Span(a, b, "") for f in group for a, b in (value.get(f.field_id) or {}).get("spans", ())]
        n += len(mine)
        n_over += sum(any(s.overlaps(o) for o in others) for s in mine)
    return n_over > 0.01 * n


def _spans_of(part: Examples, fields: Sequence[Field]) -> SpanExamples:
    rows = [i for i, value in enumerate(part.values) if all(f.field_id in value for f in fields)]
    spans = [
        tuple(
            Span(start, end, f.field_id)
            for f in fields
            for start, end in (part.values[i][f.field_id] or {}).get("spans", ())
        )
        for i in rows
    ]
    return SpanExamples([part.texts[i] for i in rows], spans)


def _value(one: Field, part: Examples, row: int) -> str | None:
    """What an answer is called among candidates; None: it is not there."""
    answer = part.values[row].get(one.field_id)
    if answer is None:
        return None
    if one.type is FieldType.SPAN:
        start, end = answer["spans"][0]
        return same_words(part.texts[row][start:end])
    return same_value(one.type, answer["value"])


def _class_names(one: Field, part: Examples) -> tuple[str, ...]:
    names = ("true", "false") if one.type is FieldType.BOOLEAN else tuple(c.class_id for c in one.choices)
    absent = not one.takes_many and any(one.field_id in v and v[one.field_id] is None for v in part.values)
    return (*names, ABSENT) if absent else names


def _as_classes(one: Field, part: Examples, rows: list[int], names: tuple[str, ...]) -> Examples:
    if one.takes_many:
        said = [(part.values[i][one.field_id] or {"choices": []})["choices"] for i in rows]
        many = np.array([[name in some for name in names] for some in said], np.float32).reshape(len(rows), len(names))
        texts, ids = [part.texts[i] for i in rows], [part.record_ids[i] for i in rows]
        return Examples(texts, many, part.weights[rows], ids)
    said = [_class_of(one, part.values[i][one.field_id]) for i in rows]
    known = [(i, names.index(s)) for i, s in zip(rows, said, strict=True) if s in names]
    probs = np.zeros((len(known), len(names)), np.float32)
    probs[np.arange(len(known)), [column for _, column in known]] = 1
    chosen = [i for i, _ in known]
    ids = [part.record_ids[i] for i in chosen]
    return Examples([part.texts[i] for i in chosen], probs, part.weights[chosen], ids)


def _class_of(one: Field, answer: Mapping[str, Any] | None) -> str:
    if answer is None:
        return ABSENT
    return str(answer["value"]).lower() if one.type is FieldType.BOOLEAN else answer["choices"][0]


def _judged(model: FieldsModel, valid: Examples) -> dict[str, Any]:
    """Right fields and whole objects on the validation rows, by which the parts were chosen: a little too good."""
    fields = [f for f in model.fields if f.field_id in model.learnt]
    said = [a.value["fields"] for a in model.predict_objects(valid.texts)]
    scores = object_scores(fields, valid.values, said, texts=valid.texts)
    return {
        "accuracy": scores.normalised,
        "accuracy_ci95": scores.normalised_ci95,
        "n": scores.n_whole,
        "fields": {s.name: {"accuracy": s.normalised if s.n else None, "n": s.n} for s in scores.fields.values()},
    }
