"""Which captured calls may judge models that are to answer in the upstream's place, and what they say of them."""

from __future__ import annotations

import zlib
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from homegrown import evaluate
from homegrown.core.ids import text_hash
from homegrown.core.traces import AT_HOME, SELECTED, SPOKEN, answer_of
from homegrown.curate.splits import TEST_SHARE
from homegrown.errors import EmptyDataError
from homegrown.inference.speaker import Speaker
from homegrown.monitor.prompt import Prompt, refuse_free
from homegrown.monitor.written import written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from homegrown.core.models import ModelVersion
    from homegrown.core.protocols import Predictor
    from homegrown.core.routing import ExitPart, GatewayRoute
    from homegrown.core.traces import Captured
    from homegrown.core.traffic import Template
    from homegrown.store import Store

_AT_ONCE = 256
CALLS_WANTED, MOST_KEPT = 2000, 0.4
_SAMPLE = 5000
_ALMOST_ALL = 0.9
"""Fields that no model gives must say the same in this share of the documents; the others count as differing."""


class Held(NamedTuple):
    """A text that no model learned from, and what the upstream said of it: labels by field."""

    text: str
    labels: tuple[list[str] | None, ...]


@dataclass(slots=True)
class Calls:
    """The calls of a prompt.

    Attributes:
        held: one for each text that no model learned from.
        form: what stands round the values, as most answers have it; *order* of the fields in it.
        rest: what the other fields of its documents say; empty without any.
        spelt: by field, how often each set of labels was written how.
    """

    held: list[Held]
    form: tuple[str, ...]
    order: tuple[str, ...]
    rest: str
    spelt: dict[str, dict[tuple[str, ...], Counter[str]]]

    def spellings(self, part: ExitPart) -> dict[str, str]:
        """What the upstream writes, by what a model says."""
        found: dict[str, Counter[str]] = defaultdict(Counter)
        for labels, counts in self.spelt.get(part.field, {}).items():
            said = part.class_of(labels)
            if said is not None:
                found[said].update(counts)
        return {said: counts.most_common(1)[0][0] for said, counts in found.items()}


def share_to_keep(templates: Sequence[Template], task_id: str) -> float:
    """The share of a task's texts that a snapshot keeps out, by how many calls it was made of.

    A bound of 2% wants about 2,000 calls that the student did not learn from; of 5,000 calls of Banking77's training
    split two fifths kept out gave as much coverage as one fifth, and a threshold in nearly all cases instead of most.

    Example:
        >>> share_to_keep([], "task_1")
        0.2
    """
    n = sum(t.volume.n_calls for t in templates if task_id in t.tasks.values())
    return float(np.clip(CALLS_WANTED / n, TEST_SHARE, MOST_KEPT)) if n else TEST_SHARE


class Calibrating:
    """Mixed into ``Switching``."""

    store: Store

    def _calls(
        self, route: GatewayRoute, versions: Sequence[ModelVersion], template: Template, fields: Sequence[str]
    ) -> Calls:
        plain = Prompt(template, fields)
        some = islice(self._answered(route, plain), _SAMPLE) if plain.is_document else ()
        prompt = Prompt(template, fields, rest=_rest_of(plain, [answer for _, answer, _ in some]))
        judges = [self._held_out(v) for v in versions]
        held: dict[str, Held] = {}
        forms: Counter[tuple[tuple[str, ...], tuple[str, ...]]] = Counter()
        spelt: dict[str, dict[tuple[str, ...], Counter[str]]] = {f: defaultdict(Counter) for f in fields}
        self.progress.start("read calls", None, "calls")
        for text, answer, at in self._answered(route, prompt):
            self.progress.advance(1)
            labels = prompt.labels_of(answer)
            one = written(answer, fields) if None not in labels else None
            if one is not None:
                forms[one.form, one.order] += 1
                values = dict(zip(one.order, one.values, strict=True))
                for field, found in zip(fields, labels, strict=True):
                    spelt[field][tuple(sorted(found or ()))][values[field]] += 1
            h = text_hash(text)
            if all(is_held_out(h, at) for is_held_out in judges):
                held[h] = Held(text, labels)  # the newest counts
        self.progress.finish()
        if not held:
            names = " or ".join(f"{v.model_name}@{v.number}" for v in versions)
            raise EmptyDataError(
                f"There is no call of “{template.name}” yet that {names} did not learn from and that this route's "
                "upstream answered. Let more calls pass, then try again."
            )
        form, order = forms.most_common(1)[0][0] if forms else (("", ""), tuple(fields[:1]))
        return Calls(list(held.values()), form, order, prompt.rest or "", spelt)

    def _held_out(self, version: ModelVersion) -> Callable[[str, str], bool]:
        """Tells of a text, by its hash and when it was asked, whether it is of the sample that judges.

        The sample is the snapshot's test split and what came since. Of older texts that the snapshot left out (an
        answer that is no class, a near copy) the same share counts: without them the upstream would seem easier to
        meet than it is, with all of them they would weigh too much.
        """
        rows = self.store.snapshots.read(version.snapshot_id)
        splits = dict(zip(rows["text_hash"].to_pylist(), rows["split"].to_pylist(), strict=True))
        counts = Counter(splits.values())
        share = counts["test"] / max(1, counts["test"] + counts["train"] + counts["valid"])
        frozen_at = self.store.models.frozen_at(version.snapshot_id)

        def is_held_out(h: str, at: str) -> bool:
            split = splits.get(h)
            if split in ("test", "train", "valid"):
                return split == "test"
            return (split is None and at > frozen_at) or zlib.crc32(h.encode()) < share * (1 << 32)

        return is_held_out

    def _answered(self, route: GatewayRoute, prompt: Prompt) -> Iterator[tuple[str, str, str]]:
        """Texts, answers and times of the calls that the route's upstreams answered, imported ones included."""
        mine = {t.upstream_id for t in route.config.targets}
        template = prompt.template
        for call in self.store.captured_imports.whole(templates=[template.template_id, None], tag=template.tag):
            answer = answer_of(call) if call.wire in SPOKEN and _counts(call, mine) else None
            text = prompt.text_of(call.request, call.model, call.tags, call.wire) if answer is not None else None
            if answer is not None and text is not None:
                yield text, answer, call.created_at

    @staticmethod
    def _judge(
        parts: Sequence[ExitPart], predictors: Sequence[Predictor], held: Sequence[Held]
    ) -> list[evaluate.Judged]:
        """Have the models of a stage answer calls that none of them learned from."""
        speak, found = Speaker(parts, predictors), []
        for start in range(0, len(held), _AT_ONCE):
            some = held[start : start + _AT_ONCE]
            for said, one in zip(speak([h.text for h in some]), some, strict=True):
                theirs = tuple(p.class_of(labels) for p, labels in zip(parts, one.labels, strict=True))
                wrong = theirs != said.classes
                found.append(evaluate.Judged(said.confidence, wrong, said.in_scope, said.answer))
        return found


def _rest_of(prompt: Prompt, answers: Sequence[str]) -> str:
    """What the fields that no model gives say in nearly all documents.

    Raises:
        UnsuitableLabelsError: they say something else each time.
    """
    counts = Counter(map(prompt.rest_of, answers))
    rest, n = counts.most_common(1)[0] if counts else ("", 0)
    if n < _ALMOST_ALL * counts.total():
        refuse_free(prompt)
    return rest


def _counts(call: Captured, upstreams: set[str]) -> bool:
    """Whether a call shows what the upstream says, and came whatever a model of ours thought of it."""
    is_theirs = call.upstream_id in upstreams or (call.upstream_id is None and call.route_id is None)
    return call.version_id is None and is_theirs and call.tags.get(AT_HOME) not in SELECTED
