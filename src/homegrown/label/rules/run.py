"""Rules → Votes: each rule over the records that it has not seen, its votes in bulk.

A rule is asked again of what is new: of every record where the rule changed, else of records of newer imports. Killed
at any moment and run again, it goes on: what a rule has seen is noted after its votes are kept, and votes on records
that it is asked of again replace the earlier ones.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from homegrown.core.field_names import by_any_name
from homegrown.core.ids import canonical_json
from homegrown.core.tasks import Task, TaskKind
from homegrown.engine.functions import FunctionLimits, LimitedFunctions
from homegrown.engine.functions_frames import Answers, Batch
from homegrown.errors import HomegrownError, InputError
from homegrown.inference.candidates import Reading
from homegrown.label.person import value_of_ids
from homegrown.label.rules.code import CodeRule
from homegrown.label.rules.conditions import COLUMNS, Helpers, Matcher
from homegrown.label.rules.fills import Filler, Unread
from homegrown.label.rules.object_rules import conditions_of, document_value, stored_field_rule
from homegrown.label.rules.stored import stored_rule
from homegrown.store.events import record_event
from homegrown.store.failpoints import failpoint
from homegrown.store.votes import vote_table

if TYPE_CHECKING:
    from homegrown.core.protocols import Progress
    from homegrown.store import Store
    from homegrown.store.rules import Seen

ROWS = 65_536
CODE_ROWS = 2048
_READ = [*COLUMNS, "source", "source_id", "source_version"]


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of one rule.

    Attributes:
        n_asked: records that it was asked of now.
        n_votes: votes that it gave on them.
        problem: why it was stopped, in a sentence; empty when all is well. It then has the votes that it had before.
        note: of fields, which values that it said are no votes; empty where all are.
    """

    name: str
    n_asked: int
    n_votes: int
    problem: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class RulesRun:
    """What a run of rules did."""

    rules: tuple[Ran, ...]
    n_records: int
    seconds: float

    @property
    def problems(self) -> tuple[str, ...]:
        """Sentences about the rules that were stopped."""
        return tuple(r.problem for r in self.rules if r.problem)


@dataclass
class _Running:
    """A rule in a run. `label_source_id` is None for code that is new or changed."""

    name: str
    label_source_id: str | None
    seen: Seen
    matcher: Matcher | None = None
    code: CodeRule | None = None
    filler: Filler | None = None
    reading: Reading = field(default_factory=Reading)
    unread: Unread = field(default_factory=Unread)
    value: str = ""
    n_asked: int = 0
    problem: str = ""
    record_ids: list[pa.Array] = field(default_factory=list)
    values: list[pa.Array] = field(default_factory=list)
    confidence: list[pa.Array] = field(default_factory=list)
    asked: list[pa.Array] = field(default_factory=list)

    @property
    def n_votes(self) -> int:
        return sum(map(len, self.record_ids))

    def add(self, record_ids: pa.Array, values: pa.Array, confidence: pa.Array | None = None) -> None:
        self.record_ids.append(record_ids)
        self.values.append(values)
        self.confidence.append(pa.nulls(len(values), pa.float32()) if confidence is None else confidence)

    def stop(self, problem: str) -> None:
        self.problem = problem
        for part in (self.record_ids, self.values, self.confidence, self.asked):
            part.clear()


def run_rules(
    store: Store,
    task: Task,
    helpers: Helpers,
    progress: Progress,
    *,
    code: Sequence[CodeRule] = (),
    names: Sequence[str] | None = None,
    limits: FunctionLimits | None = None,
    again: bool = False,
) -> RulesRun:
    """Run the rules of a task.

    Args:
        store: the workspace.
        task: whose rules.
        helpers: other rooms' abilities, for rules as data.
        progress: told of records.
        code: rules as code; one whose source is that of the standing version is asked of new records only.
        names: of the rules as data that are run; all when None.
        limits: of rules as code.
        again: ask of every record, also where nothing changed that can be seen here (a model behind a rule did).

    Raises:
        InputError: two rules have one name.
    """
    started = time.monotonic()
    versions = {s.source_id: s.version for s in store.sources.list()}
    running = _running(store, task, helpers, code, names)
    doubled = sorted({r.name for r in running if [o.name for o in running].count(r.name) > 1})
    if doubled:
        raise InputError(f"Two rules of the task {task.name!r} are called {doubled[0]!r}. Rename one.")
    if again:
        store.rules.set_seen({str(r.label_source_id): {} for r in running if r.label_source_id})
        for one in running:
            one.seen = {}
    n_records = store.records.table.count()
    wanted = [r for r in running if r.seen != versions]
    progress.start("rules", n_records if wanted else 0, "records")
    if wanted:
        _over_records(store, task, wanted, versions, progress, limits)
    progress.finish()
    _keep(store, task, wanted, versions)
    ran = tuple(Ran(r.name, r.n_asked, r.n_votes, r.problem, r.unread.sentence) for r in running)
    with store.db.write() as connection:
        record_event(
            connection, store.actor, "label.run_rules", f"task:{task.task_id}", n_rules=len(ran),
            n_votes=sum(r.n_votes for r in ran), n_stopped=sum(bool(r.problem) for r in ran),
        )  # fmt: skip
    return RulesRun(ran, n_records, time.monotonic() - started)


def _running(
    store: Store, task: Task, helpers: Helpers, code: Sequence[CodeRule], names: Sequence[str] | None
) -> list[_Running]:
    standing = store.rules.list(task.task_id)
    wanted = standing if names is None else store.rules.list(task.task_id, names)
    seen = store.rules.seen([r["label_source_id"] for r in standing])
    data = [_of_data(task, row, seen[row["label_source_id"]], helpers) for row in wanted if "rule" in row["config"]]
    known = {r["name"]: r for r in standing}
    coded = [_of_code(task, rule, known.get(rule.name), seen) for rule in code]
    for one in coded if task.fields else ():
        one.reading = helpers.reading(task)
    return [*data, *coded]


def _of_data(task: Task, row: dict[str, Any], seen: Seen, helpers: Helpers) -> _Running:
    one = _Running(row["name"], row["label_source_id"], seen)
    try:
        if task.fields:
            of_fields = stored_field_rule(task, row)
            one.filler = Filler(task, of_fields.fills, helpers.reading(task))
            one.matcher = Matcher(conditions_of(of_fields), helpers)
            return one
        rule, ids = stored_rule(task, row)
        one.matcher, one.value = Matcher(rule, helpers), vote_json(task, ids)
    except HomegrownError as error:
        one.problem = error.message
    return one


def _of_code(task: Task, rule: CodeRule, standing: dict[str, Any] | None, seen: dict[str, Seen]) -> _Running:
    if standing is None:
        return _Running(rule.name, None, {}, code=rule)
    if "rule" in standing["config"]:
        raise InputError(f"The task {task.name!r} has a rule {rule.name!r} without code. Rename one of them.")
    if standing["config"]["code"].get("digest") != rule.digest:
        return _Running(rule.name, None, {}, code=rule)
    source_id = str(standing["label_source_id"])
    return _Running(rule.name, source_id, seen[source_id], code=rule)


def vote_json(task: Task, class_ids: Sequence[str]) -> str:
    """The value of a vote for some classes; for none of them where there are none."""
    return canonical_json(value_of_ids(task, class_ids)).decode()


def _over_records(
    store: Store,
    task: Task,
    running: list[_Running],
    versions: dict[str, int],
    progress: Progress,
    limits: FunctionLimits | None,
) -> None:
    """One walk over the stored records, old versions of sources too: one that comes back has its votes then."""
    code = [r for r in running if r.code is not None]
    programs = [r.code.program for r in running if r.code is not None]
    data = [r for r in running if r.code is None and not r.problem]
    if not programs:
        for batch in store.records.table.batches(_READ, rows=ROWS):
            _ask_data(data, batch, versions)
            progress.advance(batch.num_rows)
        return
    names, many = task.class_names or list(by_any_name(task.fields)), task.kind is TaskKind.CLASSES
    with LimitedFunctions(programs, names, many=many, documents=bool(task.fields), limits=limits) as functions:

        def batches() -> Iterator[Batch]:
            for batch in store.records.table.batches(_READ, rows=ROWS):
                _ask_data(data, batch, versions)
                yield from _pieces(code, batch, versions)

        for batch, answers in functions.map(batches()):
            for answer in answers:
                _hear(task, code[answer.function], batch, answer)
            for number in batch.asked:
                code[number].n_asked += len(batch.record_ids)
            progress.advance(len(batch.record_ids))
        for number, failure in functions.failures.items():
            at = f" at record {failure.record_id}" if failure.record_id else ""
            code[number].stop(f"The rule {failure.name!r} was stopped{at}: {failure.reason}.")


def _unseen(batch: pa.RecordBatch, seen: Seen, versions: dict[str, int]) -> np.ndarray:
    """Rows int64 [n] of imports that are finished and that a rule has not been asked of."""
    source = batch["source_id"].dictionary_encode()
    ids = source.dictionary.to_pylist()
    code = source.indices.to_numpy(zero_copy_only=False)
    version = pc.fill_null(batch["source_version"], 0).to_numpy(zero_copy_only=False)
    low = np.array([seen.get(i, -1) for i in ids])[code]
    high = np.array([versions.get(i, -1) for i in ids])[code]
    return np.flatnonzero((version > low) & (version <= high))


def _ask_data(data: list[_Running], batch: pa.RecordBatch, versions: dict[str, int]) -> None:
    for numbers, part in _parts(data, batch, versions):
        for one in (data[number] for number in numbers):
            if one.problem or one.matcher is None:
                continue
            try:
                rows = one.matcher.matches(part)
            except HomegrownError as error:
                one.stop(error.message)
                continue
            one.n_asked += part.num_rows
            _note(one, part["record_id"])
            ids = part["record_id"].take(pa.array(rows))
            if one.filler is None:
                one.add(ids, pa.repeat(one.value, len(ids)))
            else:
                _fill(one, one.filler, ids, part["text"].take(pa.array(rows)))


def _fill(one: _Running, filler: Filler, record_ids: pa.Array, texts: pa.Array) -> None:
    values = pa.array(filler.values(record_ids.to_pylist(), texts.to_pylist(), one.unread), pa.string())
    one.add(record_ids.filter(values.is_valid()), values.drop_null())


def _note(one: _Running, record_ids: pa.Array) -> None:
    if one.seen:
        one.asked.append(record_ids)


def _parts(
    running: list[_Running], batch: pa.RecordBatch, versions: dict[str, int]
) -> Iterator[tuple[list[int], pa.RecordBatch]]:
    """The unseen part of a batch for each group of rules, by their numbers, that have seen the same."""
    groups: dict[tuple[tuple[str, int], ...], list[int]] = {}
    for number, one in enumerate(running):
        groups.setdefault(tuple(sorted(one.seen.items())), []).append(number)
    for seen, numbers in groups.items():
        new = _unseen(batch, dict(seen), versions)
        yield numbers, batch if len(new) == batch.num_rows else batch.take(pa.array(new))


def _pieces(code: list[_Running], batch: pa.RecordBatch, versions: dict[str, int]) -> Iterator[Batch]:
    for numbers, part in _parts(code, batch, versions):
        for start in range(0, part.num_rows, CODE_ROWS):
            piece = part.slice(start, CODE_ROWS)
            for number in numbers:
                _note(code[number], piece["record_id"])
            ids, texts, fields, sources = (piece[n].to_pylist() for n in ("record_id", "text", "fields", "source"))
            yield Batch(ids, texts, fields, sources, numbers)


def _hear(task: Task, one: _Running, batch: Batch, answer: Answers) -> None:
    rows = np.frombuffer(answer.rows, np.uint32)
    codes = np.frombuffer(answer.codes, np.uint32)
    if task.fields:
        _hear_documents(task, one, batch, answer)
        return
    values = pa.array([vote_json(task, [task.class_ids[i] for i in v]) for v in answer.values], pa.string())
    ids = pa.array([batch.record_ids[i] for i in rows.tolist()], pa.string())
    sure = pa.array(np.frombuffer(answer.confidence, np.float32)) if answer.confidence else None
    one.add(ids, values.take(pa.array(codes)), sure)


def _hear_documents(task: Task, one: _Running, batch: Batch, answer: Answers) -> None:
    """What a function says of fields is read beside the text of each record: its words have to stand there."""
    sure = np.frombuffer(answer.confidence, np.float32).tolist() if answer.confidence else None
    kept: list[tuple[str, str, float | None]] = []
    rows, codes = (np.frombuffer(part, np.uint32).tolist() for part in (answer.rows, answer.codes))
    for place, (row, code) in enumerate(zip(rows, codes, strict=True)):
        record_id = batch.record_ids[row]
        value, problems = document_value(task, answer.documents[code].encode(), batch.texts[row], one.reading)
        for problem in problems:
            one.unread.add(record_id, problem)
        if value is not None:
            kept.append((record_id, value, sure[place] if sure else None))
    ids, values, confidence = zip(*kept, strict=True) if kept else ((), (), ())
    one.add(pa.array(ids, pa.string()), pa.array(values, pa.string()), pa.array(confidence, pa.float32()))


def _keep(store: Store, task: Task, running: list[_Running], versions: dict[str, int]) -> None:
    """The votes of all rules in one commit, then what each has seen."""
    parts, whole, again, seen = [], [], {}, {}
    for one in running:
        if one.problem:
            continue
        if one.label_source_id is None and one.code is not None:
            one.label_source_id = store.rules.put(store.actor, task, one.name, one.code.config)
        source_id = str(one.label_source_id)
        if one.seen:
            again[source_id] = pa.concat_arrays(one.asked) if one.asked else pa.array([], pa.string())
        else:
            whole.append(source_id)
        columns = (one.record_ids, one.values, one.confidence)
        types = (pa.string(), pa.string(), pa.float32())
        ids, values, sure = map(pa.chunked_array, columns, types)
        parts.append(vote_table(task, source_id, ids, values, sure))
        seen[source_id] = versions
    if parts:
        failpoint("rules.sources")
        store.votes.put(pa.concat_tables(parts), whole=whole, again=again)
        failpoint("rules.votes")
        store.rules.set_seen(seen)
