"""Freeze the labelled records of a task into a Snapshot.

Texts that are twins (``curate.twins``) stay on one side of each split, and so do rows of one group. What is held out
never trains anything, in any form: its twins leave training, and leave the unlabelled texts too.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from homegrown.core.ids import digest
from homegrown.core.models import Snapshot
from homegrown.core.tasks import TaskKind
from homegrown.curate import splits
from homegrown.curate.columns import group_codes, moments
from homegrown.curate.joined import Join
from homegrown.curate.labels import Labels, read_labels
from homegrown.curate.nearby import Near
from homegrown.curate.object_labels import JoinObjects, ObjectLabels, read_object_labels
from homegrown.curate.rulings import Honoured, as_originals, masked, without
from homegrown.curate.told import read_told
from homegrown.curate.twins import SIMILARITY, join, twin_groups
from homegrown.curate.warnings import warnings_about
from homegrown.errors import EmptyDataError, InputError
from homegrown.store.snapshots import snapshot_schema, told_field
from homegrown.store.vouched import vouched

if TYPE_CHECKING:
    from homegrown.core.tasks import Task
    from homegrown.store import Store
    from homegrown.store.issues import Rulings


AnyLabels = Labels | ObjectLabels
#: the most that a label counts which rules or models gave and nobody looked at; trainers tell guesses by it
GUESSED = 0.99
CAME_LATER = ("exclude_terms", "test_of", "exams")


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """How to split.

    Attributes:
        seed: decides every draw.
        test_source: name of the source that is the test split, whole.
        test_of: id of an earlier snapshot whose test texts are the test split again: none of them, nor a twin of one,
            ever trains.
        unlabelled: names of sources whose records without a label may be learnt from as bare texts, besides those
            of the sources that hold labels.
        group_by: field whose equal values stay together (a customer, a thread).
        time_by: field by which the newest rows become the test split.
        similarity: from which two texts are twins, 1 for equal ones only.
        test_share: of the labelled rows, unless the test split is given.
        valid_share: of the rest.
        exclude_terms: votes given under one of these terms (``homegrown govern upstream add --terms``) do not count.
        exams: whether records of exams (``Workspace.draw_gold``) count like any others. Left out they are in no
            split, and their twins teach nothing: they were picked because models differ on them.
    """

    seed: int = 0
    test_source: str | None = None
    test_of: str | None = None
    unlabelled: tuple[str, ...] = ()
    group_by: str | None = None
    time_by: str | None = None
    similarity: float = SIMILARITY
    test_share: float = splits.TEST_SHARE
    valid_share: float = splits.VALID_SHARE
    exclude_terms: tuple[str, ...] = ()
    exams: bool = False

    @property
    def split_by(self) -> str:
        """In one word."""
        if self.test_source or self.test_of:
            return "source" if self.test_source else "snapshot"
        return "time" if self.time_by else "group" if self.group_by else "random"


class _Joining(NamedTuple):
    """How votes of several sources become one label."""

    join: Join | None
    near: Near | None
    join_objects: JoinObjects | None


@dataclass(frozen=True, slots=True)
class _Held:
    """Rows set aside for the test split before anything is drawn, and facts about it."""

    rows: np.ndarray | None
    dropped: np.ndarray
    facts: dict[str, object]


def freeze(
    store: Store,
    task: Task,
    plan: SplitPlan | None = None,
    join: Join | None = None,
    near: Near | None = None,
    *,
    join_objects: JoinObjects | None = None,
) -> Snapshot:
    """Freeze *task* as it is labelled now; the same rows, labels, names and plan give the same snapshot.

    *join*, and of objects *join_objects*, weighs the votes of several sources on one record; without it they are
    counted. *near* lets what people said
    of some records of a model correct others nearby.

    Raises:
        EmptyDataError: nothing is labelled.
        InputError: the plan does not fit the data.
    """
    plan = plan or SplitPlan()
    _check(plan)
    how, rulings = _Joining(join, near, join_objects), store.issues.rulings(task.task_id)
    records, labels, honoured = _rows(store, task, plan, how, rulings)
    shown, n_masked = masked(store, rulings.masked, records)
    stratum = labels.stratum()
    held = _held_out(store, records, labels, plan)
    twins = twin_groups(shown["text"].combine_chunks(), plan.similarity)
    unit, group = _units(records, twins, labels, plan)
    done = splits.assign(
        unit, stratum, seed=plan.seed, held_out=held.rows, balanced=plan.group_by is None,
        test_share=plan.test_share, valid_share=plan.valid_share,
    )  # fmt: skip
    split = np.where(held.dropped & (done.split == splits.UNLABELLED), splits.REMOVED, done.split)
    exam = _exam(store, task, plan, records)
    split[exam] = splits.REMOVED
    split[np.isin(unit, unit[exam]) & (split != splits.TEST)] = splits.REMOVED
    # "P or Q" may be learnt from, and cannot judge.
    split[labels.undecided & np.isin(split, (splits.VALID, splits.TEST))] = splits.REMOVED
    kept = np.flatnonzero(split != splits.REMOVED)
    labels = _apart(store, task, plan, how, records, labels, split)
    stratum = labels.stratum()
    weights = _weights(store, task, records, labels)
    told = _told(store, task, plan, records, labels, split)
    table = _table(shown, labels, weights, split, group, kept, told)
    order = task.class_ids if task.kind is not TaskKind.OBJECT else tuple(f.field_id for f in task.fields)
    facts = {"task_id": task.task_id, "task_version": task.version, "class_ids": order, "plan": _named(plan)}
    snapshot_id = store.snapshots.write(table, facts | _names(task))
    counts = {name: int((split == i).sum()) for i, name in enumerate(splits.NAMES)}
    details = {
        **asdict(plan),
        **held.facts,
        **asdict(replace(honoured, n_masked=n_masked)),
        "split_by": plan.split_by,
        "n_twins_removed": done.n_twins_removed,
        "n_unlabelled_removed": done.n_unlabelled_removed,
        "n_twins": int((np.bincount(twins, labels.labelled)[twins] > 1)[labels.labelled].sum()),
        "n_undecided": int(labels.undecided.sum()),
        "n_exam": int(exam.sum()),
        "n_out_of_scope": int((stratum[kept] == labels.n_classes).sum()),
        "test_digest": _test_digest(table),
        "warnings": (
            *warnings_about(task, stratum, split, twins, plan.split_by),
            *_waiting(int(labels.undecided.sum())),
        ),
    }
    snapshot = Snapshot(snapshot_id, task.task_id, task.version, counts, details)
    store.models.add_snapshot(store.actor, snapshot)
    return store.models.snapshot(snapshot_id)


def _names(task: Task) -> dict[str, list[str]]:
    """What is answered is called, where somebody renamed it; else its ids say it all."""
    every = (*task.classes, *task.fields, *(f for one in task.fields for f in one.fields))
    return {"names": [one.name for one in every]} if any(one.former for one in every) else {}


def _waiting(n_undecided: int) -> tuple[str, ...]:
    if not n_undecided:
        return ()
    return (f"{n_undecided:,} records are of a class that was split since, and nobody has said of which part yet.",)


def _named(plan: SplitPlan) -> dict[str, object]:
    """The plan as it names a snapshot; what came later and is not asked for leaves older names as they are."""
    return {k: v for k, v in asdict(plan).items() if v or k not in CAME_LATER}


def _check(plan: SplitPlan) -> None:
    if sum(x is not None for x in (plan.test_source, plan.group_by, plan.time_by)) > 1:
        raise InputError("Choose one way to split: a test source, a group column or a time column.")
    if plan.test_of is not None and (plan.test_source is not None or plan.time_by is not None):
        raise InputError("The test texts of an earlier snapshot are the whole test: name no other way to find them.")
    for name, share in (("test_share", plan.test_share), ("valid_share", plan.valid_share)):
        if not 0 < share < 0.9:
            raise InputError(f"{name} is {share}; it is a share of the rows, between 0 and 0.9.")
    if not 0.5 <= plan.similarity <= 1:
        raise InputError(f"similarity is {plan.similarity}; it lies between 0.5 and 1 (1: equal texts only).")


def _rows(
    store: Store, task: Task, plan: SplitPlan, how: _Joining, rulings: Rulings
) -> tuple[pa.Table, AnyLabels, Honoured]:
    """Records with a label, and those without that may be learnt from, in order of id, as it was decided."""
    columns = ["record_id", "text_hash", "text", "source"]
    if plan.group_by or plan.time_by:
        columns.append("fields")
    records, honoured = without(rulings, store.records.scan(columns).sort_by("record_id"))
    labels = _read(store, task, plan, how, records["record_id"].combine_chunks())
    if not labels.labelled.any():
        raise EmptyDataError(f"The task {task.name!r} has no labels yet.")
    source = records["source"].combine_chunks()
    wanted = pc.is_in(source, value_set=pc.unique(source.filter(pa.array(labels.labelled))))
    for name in (*plan.unlabelled, *([plan.test_source] if plan.test_source else [])):
        wanted = pc.or_(wanted, pc.is_in(records["record_id"].combine_chunks(), value_set=source_ids(store, name)))
    kept = np.flatnonzero(wanted.to_numpy(zero_copy_only=False))
    if len(kept) < records.num_rows:
        records, labels = records.take(pa.array(kept)), labels.of(kept)
    return records, labels, honoured


def _apart(
    store: Store,
    task: Task,
    plan: SplitPlan,
    how: _Joining,
    records: pa.Table,
    labels: AnyLabels,
    split: np.ndarray,
) -> AnyLabels:
    """*labels*, those to learn from read again as if nobody had spoken of a record of the test, nor of its twins.

    A join learns from the votes that it sees how good their sources are: what is said of the test would reach training.
    Which records have a label does not depend on it, so that the split stands.
    """
    learnt = np.flatnonzero(~np.isin(split, (splits.TEST, splits.REMOVED)))
    if not labels.joined or len(learnt) == len(split):
        return labels
    ids = records["record_id"].combine_chunks().take(pa.array(learnt))
    again = _read(store, task, plan, how, ids)
    if isinstance(labels, Labels):
        return labels.but(learnt, again) if isinstance(again, Labels) else labels
    return labels.but(learnt, again) if isinstance(again, ObjectLabels) else labels


def _exam(store: Store, task: Task, plan: SplitPlan, records: pa.Table) -> np.ndarray:
    """Which records were drawn to judge a model; bool [n]."""
    ids = [] if plan.exams else store.exams.of_task(task.task_id)
    return pc.is_in(records["record_id"], value_set=pa.array(ids, pa.string())).to_numpy()


def _read(store: Store, task: Task, plan: SplitPlan, how: _Joining, record_ids: pa.Array) -> AnyLabels:
    if task.kind is TaskKind.OBJECT:
        return read_object_labels(store, task, record_ids, how.join_objects, exclude_terms=plan.exclude_terms)
    return read_labels(store, task, record_ids, how.join, exclude_terms=plan.exclude_terms, near=how.near)


def source_ids(store: Store, name: str) -> pa.Array:
    """Ids of the records of the newest version of the source *name*, whichever source they came from first."""
    for source in store.sources.list():
        if source.name == name:
            where = f"source_id = '{source.source_id}' AND source_version = {source.version}"
            return store.records.origins.scan(["record_id"], where=where)["record_id"].combine_chunks()
    known = ", ".join(s.name for s in store.sources.list())
    raise InputError(f"There is no source {name!r} in this workspace. Sources here: {known}.")


def _held_out(store: Store, records: pa.Table, labels: AnyLabels, plan: SplitPlan) -> _Held:
    nothing = np.zeros(records.num_rows, bool)
    if plan.test_source is not None:
        ids = source_ids(store, plan.test_source)
        rows = pc.is_in(records["record_id"], value_set=ids).to_numpy()
        if not (rows & labels.labelled).any():
            raise EmptyDataError(
                f"No record of the source {plan.test_source!r} has a label: it cannot be the test split."
            )
        if not (~rows & labels.labelled).any():
            raise EmptyDataError(f"All labelled records are in {plan.test_source!r}: nothing is left to learn from.")
        return _Held(rows, nothing, {})
    if plan.test_of is not None:
        return _as_before(store, records, labels, plan.test_of)
    if plan.time_by is None:
        return _Held(None, nothing, {})
    at = moments(records["fields"], plan.time_by)
    known = at[labels.labelled & ~np.isnan(at)]
    cut = float(np.quantile(known, 1 - plan.test_share, method="lower")) if len(known) else np.nan
    late = at > cut
    if not (late & labels.labelled).any():
        raise InputError(f"The column {plan.time_by!r} has too few different times to hold the newest rows out.")
    facts: dict[str, object] = {"time_cut": cut, "n_without_time": int(np.isnan(at[labels.labelled]).sum())}
    return _Held(late & labels.labelled, late & ~labels.labelled, facts)


def _as_before(store: Store, records: pa.Table, labels: AnyLabels, snapshot_id: str) -> _Held:
    """Rows that hold a text of an earlier test split; whether or not they still have a label, they are held out.

    A text that was masked then is known by its original.
    """
    before = store.snapshots.read(snapshot_id)
    tested = before.filter(pc.equal(before["split"], "test"))
    hashes = tested["text_hash"].combine_chunks()
    originals = as_originals(store, tested["record_id"])
    masked_then = originals.filter(pc.not_equal(originals, tested["record_id"].combine_chunks()))
    known = [hashes, *store.records.rows(masked_then, ["text_hash"])["text_hash"].chunks]
    rows = pc.is_in(records["text_hash"], value_set=pa.concat_arrays(known)).to_numpy()
    if not (rows & labels.labelled & ~labels.undecided).any():
        raise EmptyDataError("No text of the earlier test split is here with a label any more: freeze a new one.")
    return _Held(rows, rows & ~labels.labelled, {"n_test_texts_before": len(pc.unique(hashes))})


def _units(
    records: pa.Table, twins: np.ndarray, labels: AnyLabels, plan: SplitPlan
) -> tuple[np.ndarray, np.ndarray | None]:
    """The unit of each row, and its group's number (None without groups).

    Raises:
        InputError: the labelled rows make fewer units than there are splits to fill.
    """
    if plan.group_by is None:
        return twins, None
    group = group_codes(records["fields"], plan.group_by)
    has = np.flatnonzero(group >= 0)
    first = np.full(int(group.max()) + 1, len(group))
    np.minimum.at(first, group[has], has)
    unit = join(twins, has, first[group[has]])
    n = len(np.unique(unit[labels.labelled]))
    if n < splits.MIN_UNITS:
        held = "one group" if n == 1 else f"{n} groups"
        raise InputError(
            f"By {plan.group_by!r} the labelled rows hold together as {held} (groups that share near-equal texts are "
            "one): three are needed, one each to learn from, to choose by and to test. Name another column, or split "
            "at random."
        )
    return unit, group


def _weights(store: Store, task: Task, records: pa.Table, labels: AnyLabels) -> np.ndarray:
    """How much each record counts, float32 [n]; a label that nobody vouched for never counts in full."""
    weights = labels.weights()
    if task.kind is TaskKind.CLASSES:
        return weights
    guess = labels.labelled & ~vouched(store, task.task_id, records["record_id"].to_pylist())
    return np.where(guess, np.minimum(weights, GUESSED), weights).astype(np.float32)


def _told(
    store: Store, task: Task, plan: SplitPlan, records: pa.Table, labels: AnyLabels, split: np.ndarray
) -> np.ndarray | None:
    """What models told of the rows to learn from, float32 [n, n_classes], NaN elsewhere; None where nothing was."""
    if not isinstance(labels, Labels) or task.kind is not TaskKind.CLASS:
        return None
    ids = records["record_id"].combine_chunks()
    found = read_told(store, task, ids, labels.dense(np.arange(len(ids))), exclude_terms=plan.exclude_terms)
    if found is not None:
        found[~np.isin(split, (splits.TRAIN, splits.VALID))] = np.nan
    return found


def _table(
    records: pa.Table,
    labels: AnyLabels,
    weights: np.ndarray,
    split: np.ndarray,
    group: np.ndarray | None,
    kept: np.ndarray,
    told: np.ndarray | None,
) -> pa.Table:
    n = len(kept)
    chosen = records.select(["record_id", "text_hash"]).take(pa.array(kept))
    names = pa.DictionaryArray.from_arrays(pa.array(split[kept], pa.int8()), list(splits.NAMES)).cast(pa.string())
    groups = pa.nulls(n, pa.string())
    if group is not None:
        groups = pa.array(group[kept], mask=group[kept] < 0).cast(pa.string())
    columns = [
        chosen["record_id"].combine_chunks(),
        chosen["text_hash"].combine_chunks(),
        names,
        groups,
        pa.array(weights[kept]),
    ]
    field, said = labels.stored(kept)
    if told is None or not np.isfinite(told[kept]).any():
        return pa.Table.from_arrays([*columns, said], schema=snapshot_schema(field))
    some, width = told[kept], told.shape[1]
    missing = pa.array(~np.isfinite(some).all(1))
    flat = pa.array(np.nan_to_num(some).reshape(-1))
    columns += [said, pa.FixedSizeListArray.from_arrays(flat, width, mask=missing)]
    return pa.Table.from_arrays(columns, schema=snapshot_schema(field, told_field(width)))


def _test_digest(table: pa.Table) -> str | None:
    """Names the test texts, so that looks at the same ones are counted across snapshots."""
    hashes = table.filter(pc.equal(table["split"], "test"))["text_hash"].combine_chunks()
    return digest(*sorted(h.encode() for h in hashes.to_pylist())) if len(hashes) else None
