"""What a model of objects says of a text in an upstream's place, and how sure it is of that."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from homegrown.core.object_exits import By
from homegrown.core.routing import NEVER
from homegrown.inference.speaker import FieldSaid, Said
from homegrown.monitor.object_form import Writer
from homegrown.monitor.object_learning import reader_of
from homegrown.monitor.written import rest_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from homegrown.core.object_exits import ObjectExit
    from homegrown.core.protocols import ObjectPredictor
    from homegrown.monitor.reading import Heard

#: every text is of one kind where drift is looked for: documents have no classes
KIND = "document"
REST = "(the rest)"


class ObjectSpeaker:
    """A model of objects that answers in an upstream's place.

    A field is as sure as the model is, times the share of the upstream's values that stand in the text at all. A
    document is as sure as its fields together, as if these were independent; *by* field as the least sure of them.
    Nothing rests on either: the threshold is chosen on what came of it.

    Args:
        predictor: the model.
        exit: what it gives, and how that is written.
    """

    def __init__(self, predictor: ObjectPredictor, exit: ObjectExit) -> None:
        self._predictor, self._exit = predictor, exit
        fields = {f.field_id: f for f in predictor.fields}
        self.writer, self.reader = Writer(predictor.fields, exit), reader_of(exit, fields)

    def __call__(self, texts: list[str]) -> list[Said]:
        """What it says of each text."""
        said = self._predictor.predict_objects(texts)
        return [
            self._said(text, {i: (a.answer, a.prob) for i, a in one.fields.items()})
            for text, one in zip(texts, said, strict=True)
        ]

    def _said(self, text: str, answers: Mapping[str, tuple[dict[str, Any] | None, float]]) -> Said:
        fields = []
        for form in self._exit.fields:
            answer, prob = answers.get(form.field_id, (None, 0.0))
            written = self.writer.value(form, answer, text)
            sure = prob * form.trust if written is not None and form.field_id in answers else NEVER
            fields.append(FieldSaid(form.name, form.field_id, answer, written, sure, prob))
        sures = [f.confidence for f in fields]
        if self._exit.asked or min(sures) == NEVER:
            whole = NEVER
        else:
            whole = math.prod(sures) if self._exit.by is By.DOCUMENT else min(sures)
        probs = tuple(f.prob for f in fields)
        in_scope = math.exp(sum(math.log(max(p, 1e-9)) for p in probs) / len(probs))
        return Said((KIND,), whole, in_scope, probs, tuple(fields))

    def content(self, said: Said, theirs: Mapping[str, str] | None = None) -> str:
        """The document as the upstream would write it; *theirs*: JSON by name, in place of what the model says."""
        return self.writer.content({f.name: f.written for f in said.fields} | dict(theirs or {}))

    def heard(self, text: str, answer: str | None) -> Heard:
        """What an answer of the upstream says."""
        return self.reader.of(text, answer)

    def differing(self, text: str, theirs: Heard, said: Said) -> list[str]:
        """Names of the fields in which the upstream said something else; ``REST`` for those that nobody gives."""
        found = self.reader.differing(text, theirs, {f.field_id: f.answer for f in said.fields})
        document = theirs.document.value if theirs.document is not None else {}
        for form in self._exit.fields:
            items = document.get(form.name)
            if form.item is not None and form.name not in found and isinstance(items, list):
                order, rest = form.item.order, form.item.rest
                found += [form.name] if any(rest_of(item, order) != rest for item in items) else []
        return [*found, REST] if self.rest_differs(theirs) else found

    def rest_differs(self, theirs: Heard) -> bool:
        """Whether what stands beside the fields is otherwise than ever."""
        document = theirs.document.value if theirs.document is not None else {}
        return rest_of(document, self._exit.order) != self._exit.rest
