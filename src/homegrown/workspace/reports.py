"""Evaluate, compare, report: the part of ``Workspace`` that measures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from homegrown import evaluate
from homegrown.core.models import ModelVersion
from homegrown.errors import InputError
from homegrown.evaluate.object_document import SCHEMA as OBJECTS
from homegrown.evaluate.object_errors import DocumentShown, show_documents
from homegrown.evaluate.object_kept import kept_said, shown_ids
from homegrown.evaluate.object_pairs import compare_objects
from homegrown.evaluate.object_rows import ask, values_of
from homegrown.evaluate.objects import evaluate_objects
from homegrown.evaluate.report import render_objects
from homegrown.evaluate.verdict import LEVEL, MARGIN
from homegrown.store.files import write_atomic
from homegrown.workspace.handles import Model

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from homegrown.core.models import ObjectAnswer
    from homegrown.core.protocols import ObjectPredictor, Predictor
    from homegrown.store import Store
    from homegrown.workspace.exams import GoldSample


class Reports:
    """Verbs of ``Workspace``."""

    store: Store

    if TYPE_CHECKING:

        def predictor(self, model: str | ModelVersion | Model) -> Predictor:
            """A model, loaded once and kept."""
            ...

        def object_predictor(self, model: str | ModelVersion | Model) -> ObjectPredictor:
            """A model whose answers are objects, loaded once and kept."""
            ...

        def gold_sample(self, model: str | ModelVersion | Model) -> GoldSample:
            """How far people are with what was drawn for them."""
            ...

    def evaluate(
        self,
        model: str | ModelVersion | Model,
        *,
        split: str = "test",
        slice_by: str | None = None,
        compare: str | ModelVersion | Model | None = None,
    ) -> dict[str, Any]:
        """Score a model on a split of its snapshot; see ``homegrown.evaluate``.

        Args:
            model: name, ``name@2``, version id, or the version itself.
            split: ``test``, which is touched once per version; or ``valid``, ``train``.
            slice_by: one field only, instead of all that suit.
            compare: another model; the paired comparison comes under ``comparison``.

        Returns:
            ``evaluation_id`` and the fields of ``homegrown.evaluate.Evaluation``; of a model whose answers are objects
            those of ``homegrown.evaluate.object_document.ObjectEvaluation``.
        """
        version = self._named(model)
        if version.is_object:
            asked = self.object_predictor(version)
            found = evaluate_objects(self.store, version, asked, split=split, slice_by=slice_by)
        else:
            found = evaluate.evaluate(self.store, version, self.predictor(version), split=split, slice_by=slice_by)
        if compare is not None:
            found = {**found, "comparison": self.compare(version, compare, split=split)["opponent"]}
        return found

    def compare(
        self, model: str | ModelVersion | Model, other: str | ModelVersion | Model, *, split: str = "test"
    ) -> dict[str, Any]:
        """Two models on the same records: the paired difference, and where they differ.

        Raises:
            InputError: they answer different tasks.
            EmptyDataError: the second learnt from every row of the split.
        """
        first, second = self._named(model), self._named(other)
        if first.is_object and second.is_object:
            objects = (first, self.object_predictor(first)), (second, self.object_predictor(second))
            return compare_objects(self.store, *objects, split=split)
        if first.is_object or second.is_object:
            raise InputError(
                f"{first.model_name} and {second.model_name} answer different tasks; they cannot be compared."
            )
        pair = (first, self.predictor(first)), (second, self.predictor(second))
        return evaluate.compare(self.store, *pair, split=split)

    def verdict(
        self,
        model: str | ModelVersion | Model,
        *,
        margin: float = MARGIN,
        level: float = LEVEL,
        slice_by: Sequence[str] = (),
    ) -> dict[str, Any]:
        """Whether a model that answered live traffic silently may take the incumbent's place.

        See ``homegrown.evaluate.verdict.give_verdict``. What people said of the calls that ``draw_gold`` drew is gold.
        Of a model of objects a call counts as the same where every field of the document is, and as right where people
        say the same of every field; ``fields`` tells of each by itself.

        Args:
            model: that answered silently.
            margin: loss of accuracy that is borne.
            level: chance of a wrong verdict that is borne.
            slice_by: names of tags of calls; a loss in any value of theirs counts.
        """
        version = self._named(model)
        self.gold_sample(version)
        found = evaluate.read_shadowed(self.store, version.version_id)
        said = evaluate.give_verdict(found.answers(slice_by), margin=margin, level=level)
        if version.is_object:
            said["fields"] = evaluate.field_verdicts(found, margin=margin, level=level)
        n_later = len(found.pairs) - found.n_judged
        if found.has_gold and not found.is_begun:
            said["not_told"].append("The calls that were drawn for people have not been answered yet.")
        elif n_later:
            said["not_told"].append(f"{n_later:,} calls came behind the last that was drawn: draw more to count them.")
        return said | evaluate.accuracies_told(found.accuracies())

    def report(self, model: str | ModelVersion | Model, path: str | Path | None = None) -> Path:
        """Write the report of a model as one HTML file; returns its path, in the workspace's reports by default."""
        return self.write_report(self.evaluate(model), path)

    def write_report(self, document: dict[str, Any], path: str | Path | None = None) -> Path:
        """Write the report of an evaluation that is at hand, as one HTML file."""
        target = Path(path) if path else self.store.layout.folder("reports") / f"{document['evaluation_id']}.html"
        write_atomic(target, self.rendered(document).encode("utf-8", "replace"))
        return target

    def rendered(self, document: dict[str, Any]) -> str:
        """The report of an evaluation that is at hand, as an HTML page."""
        if document["schema"] == OBJECTS:
            return render_objects(document, self.errors_shown(document))
        return evaluate.render(document, self.quoted(document))

    def errors_shown(self, document: dict[str, Any]) -> list[DocumentShown]:
        """Documents with wrong answers, with their texts: of an evaluation of a model whose answers are objects."""
        ids = shown_ids(document)
        version = self._named(document["version_id"])
        return self.documents_shown([version], ids, kept_said(self.store, document))[0]

    def documents_shown(
        self, versions: Sequence[ModelVersion], ids: Sequence[str], kept: Mapping[str, ObjectAnswer] | None = None
    ) -> list[list[DocumentShown]]:
        """What models of objects say of records of the first one's snapshot, side by side with what is true.

        Args:
            versions: the models; each is asked, and gets a list of its own.
            ids: of the records.
            kept: what the models said of some of them, by record id, so that they need not be asked.
        """
        texts = self.store.records.texts(list(ids))
        rows = self.store.snapshots.read(versions[0].snapshot_id)
        rows = rows.filter(pc.is_in(rows["record_id"], value_set=pa.array(list(texts), pa.string())))
        truth = dict(zip(rows["record_id"].to_pylist(), values_of(rows), strict=True))
        said: list[dict[str, ObjectAnswer]] = [dict(kept or {}) for _ in versions]
        for version, known in zip(versions, said, strict=True):
            asked = [i for i in texts if i not in known]
            if asked:
                answers = ask(self.object_predictor(version), [texts[i] for i in asked]).answers
                known.update(zip(asked, answers, strict=True))
        answered = {i for known in said for one in known.values() for i in one.fields}
        task = self.store.tasks.get(versions[0].task_id, versions[0].task_version)
        fields = [f for f in task.fields if f.field_id in answered]
        return [show_documents(fields, ids, texts, truth, known) for known in said]

    def quoted(self, document: dict[str, Any]) -> dict[str, str]:
        """The texts that the report of *document* quotes, by record id; those that were forgotten are missing."""
        return self.store.records.texts(evaluate.example_ids(document))

    def _named(self, model: str | ModelVersion | Model) -> ModelVersion:
        if isinstance(model, Model):
            return model.version
        return model if isinstance(model, ModelVersion) else self.store.models.version(model)
