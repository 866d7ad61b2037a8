"""The verbs of rules: add, try, run, remove, bring back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa

from homegrown.core.rules import FieldRule, Rule
from homegrown.core.tasks import TaskKind
from homegrown.engine.functions import FunctionLimits
from homegrown.errors import InputError
from homegrown.label.rules.code import CodeRule, rule_of_function, rules_of_file
from homegrown.label.rules.conditions import COLUMNS, Helpers
from homegrown.label.rules.known import Known, read_known
from homegrown.label.rules.measure import Figures, figures_of
from homegrown.label.rules.object_measure import preview_field_rule, rule_figures
from homegrown.label.rules.object_rules import add_field_rule, field_sentence, prepared_fields, stored_field_rule
from homegrown.label.rules.preview import MAX_RECORDS, Preview, preview_rule
from homegrown.label.rules.run import RulesRun, run_rules
from homegrown.label.rules.sentence import sentence_of
from homegrown.label.rules.stored import add_rule, prepared, stored_rule
from homegrown.query import Limits

if TYPE_CHECKING:
    from homegrown.core.protocols import Encoder, Predictor, Progress
    from homegrown.core.tasks import Task
    from homegrown.inference.candidates import Reading
    from homegrown.query import Result
    from homegrown.store import Store
    from homegrown.store.rules import Seen
    from homegrown.workspace import handles
    from homegrown.workspace.kept import Kept

_SQL = Limits(seconds=10.0, result_mb=512)


@dataclass(frozen=True, slots=True)
class StandingRule:
    """A rule that counts.

    Attributes:
        sentence: the rule as people say it.
        rule: as data; None for a rule in Python.
        source: of a rule in Python, as it ran last.
        figures: what it does; all zero before its first run.
        has_run: it was asked of some records.
    """

    name: str
    label_source_id: str
    version: int
    sentence: str
    rule: Rule | FieldRule | None
    source: str
    figures: Figures
    has_run: bool


def known_votes(store: Store, task: Task) -> Known:
    """Every standing vote on the first ``MAX_RECORDS`` current records."""
    ids = [b["record_id"] for b in _records(store, ["record_id"])]
    return read_known(store, task, pa.concat_arrays(ids) if ids else pa.array([], pa.string()))


def _records(store: Store, columns: list[str]) -> list[pa.RecordBatch]:
    """The first ``MAX_RECORDS`` current records."""
    found, n = [], 0
    for batch in store.records.batches(columns, rows=65_536):
        found.append(batch.slice(0, MAX_RECORDS - n))
        n += found[-1].num_rows
        if n >= MAX_RECORDS:
            break
    return found


class Rules:
    """Mixed into ``Workspace``."""

    store: Store
    progress: Progress
    _known_votes: Kept[Known]
    _code_rules: dict[str, dict[str, Callable[..., Any]]]

    if TYPE_CHECKING:

        @property
        def encoder(self) -> Encoder:
            """The workspace's frozen encoder."""
            ...

        def predictor(self, model: str) -> Predictor:
            """A loaded model."""
            ...

        def sql(
            self,
            sql: str,
            parameters: list[Any] | None = None,
            *,
            limits: Limits | None = None,
            max_rows: int | None = None,
        ) -> Result:
            """One SELECT."""
            ...

        def _any_task(self, task: Task | handles.Task | str) -> Task: ...

        def reading(self, task: Task | handles.Task | str) -> Reading:
            """How values are written."""
            ...

    def add_rule(self, task: Task | handles.Task | str, rule: Rule | FieldRule | Mapping[str, Any]) -> str:
        """Keep a rule without code; one of the same name is changed. It votes when ``run_rules`` is called.

        Args:
            task: the question, or its name.
            rule: ``name``, ``says`` (names of classes) and ``when`` (conditions that all must hold; docs/rules.md); for
                a task with fields ``fills`` in place of ``says``.

        Returns:
            The id of its label source.

        Raises:
            InputError: what is wrong with it.

        Example:
            >>> ws.add_rule("intent", {"name": "money", "says": ["refund"],
            ...     "when": [{"kind": "words", "any": ["money back"]}]})  # doctest: +SKIP
        """
        asked = self._any_task(task)
        if asked.fields:
            return add_field_rule(self.store, asked, _field_rule(rule), self._helpers())
        return add_rule(self.store, asked, _rule(rule), self._helpers())

    def preview_rule(self, task: Task | handles.Task | str, rule: Rule | FieldRule | Mapping[str, Any]) -> Preview:
        """What a rule would do on the records that are here: matches, conflicts, accuracy, changed labels.

        Nothing is kept. Conditions of likeness and of models are asked of a sample.

        Example:
            >>> ws.preview_rule("intent", rule).accuracy  # doctest: +SKIP
        """
        asked, helpers = self._any_task(task), self._helpers()
        if asked.fields:
            ready = prepared_fields(asked, _field_rule(rule), helpers)
            return preview_field_rule(self.store, asked, ready, _records(self.store, COLUMNS), helpers)
        ready = prepared(asked, _rule(rule), helpers)
        known = self._known_votes.of(self.store, asked)
        batches = _aligned(_records(self.store, COLUMNS), len(known.record_ids))
        return preview_rule(asked, ready, batches, known, helpers)

    def run_rules(
        self,
        task: Task | handles.Task | str,
        *,
        path: str | Path | None = None,
        names: Sequence[str] | None = None,
        again: bool = False,
        limits: FunctionLimits | None = None,
    ) -> RulesRun:
        """Let the rules of a task vote: those without code, those of this notebook, those of a file.

        A rule that did not change is asked of new records only. One that raises, takes too long, needs too much memory
        or answers nonsense is stopped and told; it keeps the votes that it had, and costs nobody else's.

        Args:
            task: the question, or its name.
            path: of a Python file with rules.
            names: of the rules without code that run; all when None.
            again: ask of every record, though the rule did not change.
            limits: of rules in Python: seconds per batch, memory, processes.

        Example:
            >>> ws.run_rules("intent", path="rules.py").problems  # doctest: +SKIP
            ()
        """
        asked = self._any_task(task)
        code: list[CodeRule] = rules_of_file(Path(path)) if path is not None else []
        code += [rule_of_function(f) for f in self._code_rules.get(asked.task_id, {}).values()]
        return run_rules(
            self.store, asked, self._helpers(), self.progress, code=code, names=names, again=again, limits=limits
        )

    def rules(self, task: Task | handles.Task | str) -> list[StandingRule]:
        """The rules of a task that count, with what they do."""
        asked = self._any_task(task)
        rows = self.store.rules.list(asked.task_id)
        if not rows:
            return []
        seen = self.store.rules.seen([r["label_source_id"] for r in rows])
        if asked.fields:
            ids = pa.concat_arrays([b["record_id"] for b in _records(self.store, ["record_id"])])
            figures = rule_figures(self.store, asked, rows, ids)
            return [_standing_fields(asked, r, figures[r["name"]], seen) for r in rows]
        known = self._known_votes.of(self.store, asked)
        # One that was removed a moment ago is in the list and has no votes any more.
        return [_standing(asked, r, known, seen) for r in rows if ("rule", r["name"]) in known.names]

    def remove_rule(self, task: Task | handles.Task | str, name: str) -> str:
        """A rule votes no more; its votes stay for lineage and do not count. Returns what ``restore_rule`` takes."""
        asked = self._any_task(task)
        self._code_rules.get(asked.task_id, {}).pop(name, None)
        return self.store.rules.remove(self.store.actor, asked, name)

    def restore_rule(self, task: Task | handles.Task | str, label_source_id: str) -> str:
        """Bring a removed or changed rule back as it was, with the votes that it had."""
        return self.store.rules.restore(self.store.actor, self._any_task(task), label_source_id)

    def register_rule(self, task: Task, function: Callable[..., Any]) -> None:
        """A function of this process that ``run_rules`` runs from now on."""
        rule = rule_of_function(function)
        self._code_rules.setdefault(task.task_id, {})[rule.name] = function

    def _helpers(self) -> Helpers:
        return Helpers(self._selected, self._nearness, self._probs, self.store.records.texts, self.reading)

    def _selected(self, where: str, n: int | None) -> pa.Array:
        # A line of its own, so that a comment at the end of the predicate ends with it.
        sql = f"SELECT record_id FROM all_records AS records WHERE (\n{where}\n){'' if n is None else f' LIMIT {n}'}"  # noqa: S608
        found = self.sql(sql, limits=_SQL)
        return found.arrow["record_id"].combine_chunks()

    def _nearness(self, examples: Sequence[str], texts: list[str]) -> np.ndarray:
        if not texts:
            return np.zeros(0, np.float32)
        vectors = self.encoder.encode([*examples, *texts])
        return (vectors[len(examples) :] @ vectors[: len(examples)].T).max(1)

    def _probs(self, model: str, says: str, texts: list[str]) -> np.ndarray:
        predictor = self.predictor(model)
        if says not in predictor.class_names:
            raise InputError(f"The model {model!r} knows no class {says!r}.")
        if not texts:
            return np.zeros(0, np.float32)
        return predictor.predict(texts).probs[:, list(predictor.class_names).index(says)]


def _rule(rule: Rule | FieldRule | Mapping[str, Any]) -> Rule:
    try:
        return msgspec.convert(msgspec.to_builtins(rule), Rule)
    except msgspec.ValidationError as error:
        raise InputError(f"The rule is not understood: {error}.") from error


def _field_rule(rule: Rule | FieldRule | Mapping[str, Any]) -> FieldRule:
    try:
        return msgspec.convert(msgspec.to_builtins(rule), FieldRule)
    except msgspec.ValidationError as error:
        raise InputError(
            f"The rule is not understood: {error}. A rule for fields has a name, fills and, if wanted, when."
        ) from error


def _aligned(batches: list[pa.RecordBatch], n: int) -> list[pa.RecordBatch]:
    """The first *n* rows: what was imported since the votes were read is left for the next look."""
    found, left = [], n
    for batch in batches:
        found.append(batch.slice(0, left))
        left -= found[-1].num_rows
    return found


def _standing_fields(task: Task, row: dict[str, Any], figures: Figures, seen: dict[str, Seen]) -> StandingRule:
    try:
        rule = stored_field_rule(task, row) if "rule" in row["config"] else None
        sentence = field_sentence(rule) if rule else "Written in Python."
    except InputError as error:
        rule, sentence = None, error.message
    source = row["config"].get("code", {}).get("source", "")
    source_id = row["label_source_id"]
    return StandingRule(row["name"], source_id, row["version"], sentence, rule, source, figures, bool(seen[source_id]))


def _standing(task: Task, row: dict[str, Any], known: Known, seen: dict[str, Seen]) -> StandingRule:
    try:
        rule = stored_rule(task, row)[0] if "rule" in row["config"] else None
        sentence = sentence_of(rule) if rule else "Written in Python."
    except InputError as error:
        rule, sentence = None, error.message
    code = row["config"].get("code", {})
    figures = figures_of(known, row["name"], many=task.kind is TaskKind.CLASSES)
    source_id = row["label_source_id"]
    return StandingRule(
        row["name"], source_id, row["version"], sentence, rule, code.get("source", ""), figures, bool(seen[source_id])
    )
