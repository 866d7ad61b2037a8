"""Which captured calls may judge a model that is to answer in the upstream's place, and what they say of it."""

from __future__ import annotations

import zlib
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from homegrown import evaluate
from homegrown.core.ids import text_hash
from homegrown.core.routing import NEVER
from homegrown.core.traces import AT_HOME, SELECTED, SPOKEN, answer_of
from homegrown.curate.splits import TEST_SHARE
from homegrown.errors import EmptyDataError
from homegrown.inference.answers import answers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from homegrown.core.models import ModelVersion
    from homegrown.core.protocols import Predictor
    from homegrown.core.routing import GatewayRoute
    from homegrown.core.traces import Captured
    from homegrown.core.traffic import Template
    from homegrown.evaluate import Bound
    from homegrown.monitor.prompt import Prompt
    from homegrown.store import Store

_AT_ONCE = 256
CALLS_WANTED, MOST_KEPT = 2000, 0.4


@dataclass(slots=True)
class Calls:
    """The calls of a prompt: one for each text that the model did not learn from, and how the upstream spells.

    Attributes:
        plan: how sure the model was of rows that chose it (``train.rung.sureness``); empty where nobody wrote it down.
    """

    texts: list[str]
    said: list[str | None]
    spellings: dict[str, str]
    plan: Sequence[float] = ()


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

    def _calls(self, route: GatewayRoute, version: ModelVersion, prompt: Prompt) -> Calls:
        is_held_out = self._held_out(version)
        held: dict[str, tuple[str, str | None]] = {}
        spelt: dict[str, Counter[str]] = defaultdict(Counter)
        for text, answer, at in self._answered(route, prompt):
            said = prompt.class_of(answer)
            if said is not None:
                spelt[said][answer] += 1
            h = text_hash(text)
            if is_held_out(h, at):
                held[h] = (text, said)  # the newest counts
        if not held:
            raise EmptyDataError(
                f"There is no call of “{prompt.template.name}” yet that {version.model_name}@{version.number} did not "
                "learn from and that this route's upstream answered. Let more calls pass, then try again."
            )
        spellings = {name: counts.most_common(1)[0][0] for name, counts in spelt.items()}
        plan = version.details.get("report", {}).get("sureness", ())
        return Calls([t for t, _ in held.values()], [s for _, s in held.values()], spellings, plan)

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
    def _bound(predictor: Predictor, calls: Calls, alpha: float, delta: float) -> Bound:
        found = []
        for start in range(0, len(calls.texts), _AT_ONCE):
            found += answers(predictor, predictor.predict(calls.texts[start : start + _AT_ONCE]))
        found = [a if a.label in calls.spellings else replace(a, prob=NEVER) for a in found]
        wrong = np.array([a.label is None or a.label != said for a, said in zip(found, calls.said, strict=True)])
        sure, inside = np.array([a.prob for a in found]), np.array([a.in_scope for a in found])
        group = [a.label or "" for a in found]
        return evaluate.exit_bound(sure, wrong, inside, group, alpha=alpha, delta=delta, plan=calls.plan)


def _counts(call: Captured, upstreams: set[str]) -> bool:
    """Whether a call shows what the upstream says, and came whatever a model of ours thought of it."""
    is_theirs = call.upstream_id in upstreams or (call.upstream_id is None and call.route_id is None)
    return call.version_id is None and is_theirs and call.tags.get(AT_HOME) not in SELECTED
