"""A model whose answers are objects: each field learnt by the part that suits it, one document out.

Values that stand in the text (numbers, amounts, dates, lines) are chosen among candidates (``inference.ranked``);
closed choices and booleans are answered by a model of classes in a folder of its own, ``choice-FIELD``; spans inside of
lines, several of them, and lists of small objects by models that find spans, in ``spans-0`` and so on.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Self

import msgspec
import numpy as np
from safetensors.numpy import load_file, save_file

from homegrown.core.models import FieldAnswer, ObjectAnswer
from homegrown.core.schema import Field, FieldType
from homegrown.errors import ConflictError, CorruptDataError
from homegrown.inference.answers import MULTI_THRESHOLD
from homegrown.inference.candidates import Reading
from homegrown.inference.lists import Rows, value_at
from homegrown.inference.place_features import VERSION, WIDTH
from homegrown.inference.ranked import Ranking
from homegrown.inference.span_decoding import choose

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from homegrown.core.protocols import Predictor
    from homegrown.core.spans import ScoredSpan
    from homegrown.inference.span_base import SpanModel

_Told = tuple[list[list["ScoredSpan"]], np.ndarray]
FILE = "fields.safetensors"
OUTDATED = "This model of fields was trained by another version of homegrown. Train it again."
ABSENT = "(not there)"
"""The class that says that a choice is not there."""


def choice_folder(field_id: str) -> str:
    """Where in a bundle the model of a closed field lies."""
    return f"choice-{field_id}"


def finder_folder(number: int) -> str:
    """Where in a bundle a model lies that finds spans."""
    return f"spans-{number}"


class FieldsModel:
    """A loaded model.

    Args:
        fields: of the task, all of them.
        rankings: by field id.
        choosers: by field id: a model of classes, named by the ids of the choices, or ``true`` and ``false``.
        finders: find the spans of fields, which are their types by their ids: fields whose spans overlap are in
            different ones, for a finder gives each word to one span.
        currency: of amounts that name none.
        lists: by field id; a finder finds the spans of their objects' fields.
    """

    kind = "fields"

    def __init__(
        self,
        fields: tuple[Field, ...],
        rankings: Mapping[str, Ranking],
        choosers: Mapping[str, Predictor],
        finders: Sequence[SpanModel] = (),
        currency: str | None = None,
        lists: Mapping[str, Rows] | None = None,
    ) -> None:
        self.fields, self._rankings, self._choosers, self._currency = fields, rankings, choosers, currency
        self._finders = {field_id: finder for finder in finders for field_id in finder.types}
        self._n_finders, self._lists = len(finders), dict(lists or {})

    @property
    def learnt(self) -> tuple[str, ...]:
        """Ids of the fields that it answers."""
        known = {*self._rankings, *self._choosers, *self._finders, *self._lists}
        return tuple(f.field_id for f in self.fields if f.field_id in known)

    def predict_objects(self, texts: list[str]) -> list[ObjectAnswer]:
        """One answer per text; see ``core.protocols.ObjectPredictor``."""
        said: list[dict[str, FieldAnswer]] = [{} for _ in texts]
        finders = {id(f): f for f in self._finders.values()} if texts else {}
        marked = {key: finder.told(texts) for key, finder in finders.items()}
        for one in self.fields:
            for found, answer in zip(said, self._answers(one, texts, marked), strict=False):
                found[one.field_id] = answer
        return [ObjectAnswer(found) for found in said]

    def span_candidates(self, texts: list[str]) -> list[list[ScoredSpan]]:
        """Of each text all spans of fields inside of lines that may be meant, improbable ones too."""
        found: list[list[ScoredSpan]] = [[] for _ in texts]
        for finder in {id(f): f for f in self._finders.values()}.values():
            for mine, spans in zip(found, finder.candidates(texts), strict=True):
                mine += spans
        return found

    def _answers(self, one: Field, texts: list[str], marked: Mapping[int, _Told]) -> list[FieldAnswer]:
        if not texts:
            return []
        if (finder := self._finders.get(one.field_id)) is not None:
            line, (found, absent) = finder.readout.line, marked[id(finder)]
            none = absent[:, finder.types.index(one.field_id)].tolist()
            mine = [[s for s in spans if s.type == one.field_id] for spans in found]
            return [_marked(one, *each, line) for each in zip(mine, none, strict=True)]
        if (ranking := self._rankings.get(one.field_id)) is not None:
            pairs = zip(texts, ranking.best(texts), strict=True)
            how, money = ranking.reading, self._currency
            return [
                FieldAnswer(place and value_at(one.type, how, text, place.start, place.end, money), prob)
                for text, (place, prob) in pairs
            ]
        if one.field_id in self._lists:
            return self._listed(one, texts, marked)
        if (chooser := self._choosers.get(one.field_id)) is not None:
            if one.takes_many:
                return [_several(chooser.class_names, row) for row in chooser.predict(texts).probs]
            return [_chosen(one, chooser.class_names, row) for row in chooser.predict(texts).probs]
        return []

    def _listed(self, one: Field, texts: list[str], marked: Mapping[int, _Told]) -> list[FieldAnswer]:
        """As sure as each span of it is, and as nothing else is missing; none at all: as the likeliest field is not."""
        how = self._lists[one.field_id]
        finder = next(f for i, f in self._finders.items() if i in how.readings)
        found, absent = marked[id(finder)]
        told = []
        for text, spans, none in zip(texts, found, absent.min(1).tolist(), strict=True):
            kept = choose(spans, finder.readout.line)
            items = how.items(one.fields, text, kept, self._currency)
            told.append(FieldAnswer({"items": items} if items else None, _sure(kept, spans) if items else none))
        return told

    def save(self, folder: Path) -> None:
        """Write the bundle's files, those of its choosers and finders left out: their trainers wrote them."""
        folder.mkdir(parents=True, exist_ok=True)
        facts = {
            "kind": self.kind,
            "fields": [msgspec.to_builtins(f) for f in self.fields],
            "currency": self._currency,
            "places": VERSION,
            "rankings": {
                i: {"type": r.type, "reading": r.reading, "temperature": r.temperature}
                for i, r in self._rankings.items()
            },
            "choosers": sorted(self._choosers),
            "n_finders": self._n_finders,
            "lists": self._lists,
        }
        (folder / "model.json").write_bytes(msgspec.json.encode(facts))
        # Most weights are 0: only the columns that occurred are kept.
        arrays: dict[str, np.ndarray] = {"none": np.zeros(1, np.float32)}
        for field_id, ranking in self._rankings.items():
            used = np.flatnonzero(ranking.weights)
            arrays |= {f"{field_id}.columns": used.astype(np.uint32), f"{field_id}.weights": ranking.weights[used]}
        save_file(arrays, folder / FILE)

    @classmethod
    def load(
        cls, folder: Path, load_chooser: Callable[[Path], Predictor], load_finder: Callable[[Path], SpanModel]
    ) -> Self:
        """Read a checked bundle.

        Args:
            folder: the bundle.
            load_chooser: loads a model of classes.
            load_finder: loads a model that finds spans.

        Raises:
            CorruptDataError: it is not what ``save`` wrote.
        """
        try:
            facts = msgspec.json.decode((folder / "model.json").read_bytes())
            fields = tuple(msgspec.convert(facts["fields"], list[Field]))
            arrays = load_file(folder / FILE)
            if facts["rankings"] and facts.get("places") != VERSION:
                raise ConflictError(OUTDATED)
            rankings = {i: _ranking(arrays, i, f) for i, f in facts["rankings"].items()}
            choosers = {i: load_chooser(folder / choice_folder(i)) for i in facts["choosers"]}
            finders = [load_finder(folder / finder_folder(i)) for i in range(facts["n_finders"])]
            lists = msgspec.convert(facts.get("lists", {}), dict[str, Rows])
            return cls(fields, rankings, choosers, finders, facts["currency"], lists)
        except (KeyError, TypeError, ValueError, IndexError, msgspec.ValidationError) as error:
            raise CorruptDataError(f"The model in {folder.name} is damaged ({type(error).__name__}).") from error


def _ranking(arrays: Mapping[str, np.ndarray], field_id: str, facts: Mapping[str, Any]) -> Ranking:
    weights = np.zeros(WIDTH, np.float32)
    weights[arrays[f"{field_id}.columns"]] = arrays[f"{field_id}.weights"]
    reading = msgspec.convert(facts["reading"], Reading)
    return Ranking(FieldType(facts["type"]), reading, weights, float(facts["temperature"]))


def _marked(one: Field, spans: list[ScoredSpan], absent: float, line: float) -> FieldAnswer:
    """What a field holds, of the spans that may be meant: the likeliest, or all that are likely and do not overlap.

    One: the likeliest span, or "not there" where that is likelier still. Several are as sure as each of them is and as
    nothing else is missing: the product of their probabilities and of the likeliest other's not being one.
    """
    if not one.takes_many:
        best = max(spans, key=lambda s: s.prob, default=None)
        if best is None or best.prob <= absent:
            return FieldAnswer(None, absent)
        return FieldAnswer({"spans": [[best.start, best.end]]}, best.prob)
    kept = choose(spans, line)
    if not kept:
        return FieldAnswer(None, absent)
    return FieldAnswer({"spans": sorted([s.start, s.end] for s in kept)}, _sure(kept, spans))


def _sure(kept: list[ScoredSpan], spans: list[ScoredSpan]) -> float:
    free = [s.prob for s in spans if not any(s.overlaps(k) for k in kept)]
    return math.prod(s.prob for s in kept) * (1.0 - max(free, default=0.0))


def _several(names: Sequence[str], probs: np.ndarray) -> FieldAnswer:
    """Each choice that is likelier than not; as sure as all choices are together, said and not said."""
    said = [name for name, prob in zip(names, probs.tolist(), strict=True) if prob >= MULTI_THRESHOLD]
    return FieldAnswer({"choices": said} if said else None, float(np.prod(np.maximum(probs, 1.0 - probs))))


def _chosen(one: Field, names: Sequence[str], probs: np.ndarray) -> FieldAnswer:
    """The likeliest choice. A text unlike all that taught is no reason for null: where null is an answer, it taught."""
    best = int(probs.argmax())
    label, prob = names[best], float(probs[best])
    if label == ABSENT:
        return FieldAnswer(None, prob)
    if one.type is FieldType.BOOLEAN:
        return FieldAnswer({"value": label == "true"}, prob)
    return FieldAnswer({"choices": [label]}, prob)
