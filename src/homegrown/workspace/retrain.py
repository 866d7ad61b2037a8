"""The loop closes: a challenger from the newest votes, and a gate that it must pass before it answers."""

from __future__ import annotations

import re
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from homegrown import evaluate, inference, label, train
from homegrown.core.models import ModelVersion, Recipe, Snapshot
from homegrown.curate import SplitPlan, freeze
from homegrown.errors import InputError
from homegrown.evaluate.object_challengers import challenge_objects
from homegrown.inference import CachedEncoder
from homegrown.jobs import Schedules
from homegrown.store.lance_tables import quoted
from homegrown.store.models import CHALLENGER
from homegrown.store.snapshots import VALUE, probs_matrix

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import pyarrow as pa

    from homegrown.core.protocols import Encoder, ObjectPredictor, Predictor, Progress
    from homegrown.core.tasks import Task
    from homegrown.jobs import Schedule
    from homegrown.query import Selection
    from homegrown.store import Store

MARGIN = 0.01
#: the split under which a verdict is kept among the evaluations of the challenger
GOLD = "gold"
_KEPT = ("seed", "group_by", "similarity", "valid_share")


class Retraining:
    """Mixed into ``Workspace``."""

    store: Store
    progress: Progress

    if TYPE_CHECKING:

        @property
        def encoder(self) -> Encoder:
            """The workspace's frozen encoder."""
            ...

        def predictor(self, model: ModelVersion) -> Predictor:
            """A loaded model."""
            ...

        def save_selection(self, name: str, sql: str) -> Selection:
            """Save a query under a name."""
            ...

        def object_predictor(self, model: ModelVersion) -> ObjectPredictor:
            """A loaded model whose answers are objects."""
            ...

        def evaluate(self, model: ModelVersion) -> dict[str, Any]:
            """Score a model."""
            ...

        def _near(self, record_ids: pa.Array) -> np.ndarray: ...

    def retrain(
        self,
        name: str,
        *,
        base: str | Path | None = None,
        margin: float = MARGIN,
        slices: Sequence[str] = (),
        gold: str | None = None,
        recipe: Recipe | None = None,
    ) -> dict[str, Any]:
        """Build a challenger from the newest votes; it becomes the champion only if a paired test shows no loss.

        Its training set is all that is labelled now, except the test texts of the gold snapshot and their twins, which
        stay test texts for ever. Run again after a kill, it goes on where it stopped.

        Args:
            name: of the model.
            base: folder of an encoder, or a hub id, instead of the bundled one.
            margin: loss of accuracy that is borne, overall and on every slice.
            slices: fields; on each of their values the challenger must not lose either.
            gold: id of the frozen snapshot whose test texts judge; default: the champion's own.
            recipe: how to train; default: as the champion was.

        Returns:
            ``verdict`` (``SWITCH``, ``KEEP``, ``NEED``), ``sentence``, ``n_more``, ``n_new`` (labels that the champion
            did not learn from), ``champion``, ``challenger``, ``promoted``, ``endpoints``, ``overall``, ``slices``,
            ``reasons`` …; see ``evaluate.challenge``.

        Raises:
            NotFoundError: there is no such model.
            EmptyDataError: nothing is left to learn from or to judge on.

        Example:
            >>> ws.retrain("intent", slices=["channel"])["verdict"]  # doctest: +SKIP
            'SWITCH'
        """
        started = time.monotonic()
        champion = self.store.models.version(name)
        task = self.store.tasks.get(champion.task_id)
        frozen = self.store.models.snapshot(gold or champion.snapshot_id)
        snapshot = self._frozen_anew(task, champion, frozen.snapshot_id)
        n_new = _n_new(self.store, task, champion, snapshot)
        facts = {"model": champion.model_name, "champion": _title(champion), "n_new": n_new, "margin": margin}
        facts |= {"gold_snapshot_id": frozen.snapshot_id, "snapshot_id": snapshot.snapshot_id}
        if not n_new and base is None and recipe in (None, self._asked(champion), _replay(champion)):
            nothing = f"KEEP {_title(champion)}: nobody has said anything new since it learnt."
            return {**facts, "verdict": "KEEP", "sentence": nothing, "reasons": [], "promoted": False, "endpoints": []}
        encoder = self.encoder if base is None else self._other_encoder(base)
        challenger = self._challenger(champion, snapshot, recipe or _replay(champion), encoder)
        found = self._challenged(champion, challenger, gold=frozen.snapshot_id, margin=margin, slices=slices)
        self.evaluate(challenger)
        if found["to_judge"]:
            found["selection"] = f"judge_{re.sub(r'[^a-z0-9_]+', '_', champion.model_name.lower())[:40]}"
            sql = f"select record_id from records where record_id in {quoted(found['to_judge'])}"  # noqa: S608 (ids of ours)
            self.save_selection(found["selection"], sql)
        promoted = found["verdict"] == "SWITCH"
        endpoints = self.store.models.promote(self.store.actor, champion, challenger) if promoted else []
        facts |= {
            "challenger": _title(challenger),
            "version_id": challenger.version_id,
            "champion_id": champion.version_id,
        }
        document = {**facts, **found, "promoted": promoted, "endpoints": endpoints}
        document |= {"sentence": _sentence(document), "seconds": time.monotonic() - started}
        self.store.models.add_evaluation(self.store.actor, challenger.version_id, frozen.snapshot_id, GOLD, document)
        return document

    def roll_back(self, name: str) -> ModelVersion:
        """Take the last promotion of a model back: the champion before it answers again, at once.

        Raises:
            InputError: there is no promotion to take back.
        """
        champion, last = self.store.models.version(name), self.store.models.promoted(name)
        if last is None or last[1] != champion.version_id:
            raise InputError(f"{_title(champion)} did not come by retraining, so there is nothing to take back.")
        before = self.store.models.version(last[0])
        self.store.models.promote(self.store.actor, champion, before, action="retrain.rollback")
        return before

    def retrain_every(
        self,
        name: str,
        every_s: float | None,
        *,
        margin: float = MARGIN,
        slices: Sequence[str] = (),
        recipe: Recipe | None = None,
    ) -> Schedule | None:
        """Retrain a model again and again while the server runs; with None as *every_s*, by itself no more.

        Args:
            name: of the model.
            every_s: the period in seconds, a minute to a year.
            margin: as for ``retrain``, and so the others.
            slices: fields.
            recipe: how to train.

        Returns:
            The schedule; None where it is on none now.

        Example:
            >>> ws.retrain_every("intent", 7 * 86400).next_at  # doctest: +SKIP
        """
        schedules, name = Schedules(self.store.db), name.partition("@")[0]
        if every_s is None:
            schedules.remove(self.store.actor, "retrain", name)
            return None
        self.store.models.version(name)
        arguments = schedule_arguments(name, margin=margin, slices=slices, recipe=recipe)
        return schedules.set(self.store.actor, "retrain", name, every_s, arguments)

    def retrain_schedule(self, name: str) -> Schedule | None:
        """When a model is retrained by itself; None where it is not."""
        return Schedules(self.store.db).get("retrain", name.partition("@")[0])

    def n_new_votes(self, name: str) -> int:
        """Votes that people gave since the champion's snapshot was frozen, without those of exams; for a page."""
        champion = self.store.models.version(name)
        frozen_at, exam = self.store.models.frozen_at(champion.snapshot_id), self.store.exams.of_task(champion.task_id)
        return self.store.person_votes.n_since(champion.task_id, frozen_at, without=exam)

    def last_verdict(self, name: str) -> dict[str, Any] | None:
        """The newest verdict on a model, as ``retrain`` gave it; None when it was never retrained."""
        ids = {v.version_id for v in self.store.models.versions(name.partition("@")[0])}
        return next((r["result"] for r in self.store.models.evaluations(split=GOLD) if r["version_id"] in ids), None)

    def _frozen_anew(self, task: Task, champion: ModelVersion, gold: str) -> Snapshot:
        plan = self.store.models.snapshot(champion.snapshot_id).details
        kept = {name: plan[name] for name in _KEPT if plan.get(name) is not None}
        unlabelled = tuple(plan.get("unlabelled") or ())
        anew = SplitPlan(**kept, unlabelled=unlabelled, test_of=gold)
        return freeze(self.store, task, anew, label.join_votes, self._near, join_objects=label.join_objects)

    def _challenged(self, champion: ModelVersion, challenger: ModelVersion, **judged: Any) -> dict[str, Any]:
        if champion.is_object:
            objects = (champion, self.object_predictor(champion)), (challenger, self.object_predictor(challenger))
            return challenge_objects(self.store, *objects, **judged)
        classes = (champion, self.predictor(champion)), (challenger, self.predictor(challenger))
        return evaluate.challenge(self.store, *classes, **judged)

    def _other_encoder(self, base: str | Path) -> Encoder:
        local = inference.Encoder.load(base, is_offline=self.store.routes.is_offline())
        return CachedEncoder(local, self.store.vectors(local.fingerprint, local.dim))

    def _challenger(self, champion: ModelVersion, snapshot: Snapshot, recipe: Recipe, encoder: Encoder) -> ModelVersion:
        """A new version, or the one that an earlier call made and did not live to judge."""
        names = self.store.models.aliases()
        for version in self.store.models.versions(champion.model_name):
            mine = version.snapshot_id == snapshot.snapshot_id and version.details.get("encoder") == encoder.fingerprint
            if mine and CHALLENGER in names.get(version.version_id, ()) and self._asked(version) == recipe:
                return version
        return train.train(
            self.store, snapshot, recipe, champion.model_name,
            encoder=encoder, progress=self.progress, alias=CHALLENGER,
        )  # fmt: skip

    def _asked(self, version: ModelVersion) -> Recipe:
        """The recipe that a version's run was asked for, before a ladder chose its rung."""
        found = self.store.models.run(version.run_id)["recipe"]
        return Recipe(found["trainer"], found["options"], found["seed"])


def schedule_arguments(
    name: str, *, margin: float = MARGIN, slices: Sequence[str] = (), recipe: Recipe | None = None
) -> dict[str, Any]:
    """What a job that retrains *name* is given, as JSON values."""
    arguments: dict[str, Any] = {"name": name, "margin": margin, "slices": list(slices)}
    return arguments if recipe is None else {**arguments, "recipe": asdict(recipe)}


def _title(version: ModelVersion) -> str:
    return f"{version.model_name}@{version.number}"


def _replay(version: ModelVersion) -> Recipe:
    facts = version.details["replay"]
    return Recipe(facts["trainer"], facts["options"], facts["seed"])


def _n_new(store: Store, task: Task, champion: ModelVersion, snapshot: Snapshot) -> int:
    """Labels to learn from that the champion did not learn: of new texts, or other ones of the same text."""
    before = store.tasks.get(champion.task_id, champion.task_version)
    return len(_learnt(store, task, snapshot.snapshot_id, task) - _learnt(store, task, champion.snapshot_id, before))


def _learnt(store: Store, task: Task, snapshot_id: str, then: Task) -> set[tuple[str, tuple[str, ...]]]:
    """Text hash and classes, by what they mean now, of each labelled row that trained or chose; or the object."""
    rows = store.snapshots.read(snapshot_id)
    rows = rows.filter(pc.or_(pc.equal(rows["split"], "train"), pc.equal(rows["split"], "valid")))
    if task.fields:
        pairs = zip(rows["text_hash"].to_pylist(), rows[VALUE.name].to_pylist(), strict=True)
        return {(text_hash, (value or "",)) for text_hash, value in pairs}
    meant = [task.meaning(c) for c in then.class_ids]
    found = set()
    for text_hash, probs in zip(rows["text_hash"].to_pylist(), probs_matrix(rows), strict=True):
        best = probs.max(initial=0.0)
        named = [meant[i] for i in (probs >= min(best, 0.5)).nonzero()[0].tolist()] if best else []
        found.add((text_hash, tuple(sorted({c for ids in named for c in ids}))))
    return found


def _sentence(d: dict[str, Any]) -> str:
    new, old, p = d["challenger"], d["champion"], d["overall"]
    figures = f"{100 * p['new']:.1f}% against {100 * p['old']:.1f}% right, n = {p['n']:,}"
    if d["verdict"] == "SWITCH":
        answers = f" It answers as {', '.join(d['endpoints'])} now." if d["endpoints"] else ""
        where = " overall and on every slice" if d["slices"] else ""
        return f"SWITCH to {new}: no loss of more than {100 * d['margin']:g} points{where} ({figures}).{answers}"
    if d["verdict"] == "KEEP":
        return f"KEEP {old} ({figures}). {' '.join(d['reasons'])}"
    asks = f" They are the selection {d['selection']}." if d.get("selection") else ""
    return f"NEED {d['n_more']:,} MORE gold records ({figures}). {' '.join(d['reasons'])}{asks}"
