"""The verbs by which people judge a model that answered silently: which calls they should look at, what they said."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from homegrown import evaluate
from homegrown.core.access import Permission
from homegrown.core.models import OUT_OF_SCOPE
from homegrown.core.routing import set_of
from homegrown.core.tasks import TaskKind
from homegrown.core.traces import SPOKEN, answer_of
from homegrown.errors import ForbiddenError, InputError
from homegrown.label.suggest import meant_ids
from homegrown.monitor.prompt import Prompt
from homegrown.store.exams import DrawnCall
from homegrown.store.lance_tables import quoted
from homegrown.workspace.exam_objects import ObjectExams
from homegrown.workspace.texts import add_texts, holding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from homegrown.core.models import ModelVersion
    from homegrown.core.tasks import Task
    from homegrown.core.traces import Captured
    from homegrown.evaluate import Shadowed
    from homegrown.evaluate.shadowed import Pair
    from homegrown.label.queue import Lines
    from homegrown.query import Selection
    from homegrown.store import Store
    from homegrown.workspace.exam_objects import MeansDocument
    from homegrown.workspace.handles import Model

MOST_AT_ONCE = 2000
_PIECE = 200


@dataclass(frozen=True, slots=True)
class GoldSample:
    """How far people are with the calls that were drawn for them.

    Attributes:
        selection: of the records that stand for the calls, for the label station.
        n_calls: that both answered.
        n_judged: of them, those that count: behind them stands the first that differs and was not drawn.
        n_drawn: calls that a person is asked about.
        n_open: of them, those that nobody has answered yet; a document of which a field is missing still is one.
        n_waiting: records to answer for that; a text that was asked about several times is one.
        n_left: calls that can be drawn still.
        sentence: for a person.
    """

    version_id: str
    model: str
    task_id: str
    selection: str
    n_calls: int
    n_judged: int
    n_drawn: int
    n_open: int
    n_waiting: int
    n_left: int
    sentence: str


@dataclass(frozen=True, slots=True)
class _Call:
    """A call to draw.

    Attributes:
        text: None where it cannot be read.
        upstream: what it said.
        is_answered: whether a person spoke of it by now.
        by: reads documents.
    """

    pair: Pair
    text: str | None
    upstream: str | None
    is_answered: bool
    by: MeansDocument | None = None

    @property
    def chance(self) -> float:
        return evaluate.AGREED_SHARE if self.pair.agrees else 1.0


class Exams(ObjectExams):
    """Mixed into ``Workspace``."""

    store: Store
    lines: Lines

    if TYPE_CHECKING:

        def save_selection(self, name: str, sql: str) -> Selection:
            """Save a query under a name."""
            ...

        def _named(self, model: str | ModelVersion | Model) -> ModelVersion: ...

    def draw_gold(self, model: str | ModelVersion | Model, n: int = 50) -> GoldSample:
        """Draw calls for people to judge, until *n* more texts wait for an answer in the label station.

        Calls are passed in the order in which they came: each on which the model and the upstream differ is drawn, of
        those on which they agree one in twenty, by lot (``evaluate.shadowed.is_drawn``). So the sample has no bias,
        however often one draws, and the verdict is about all calls up to the last that was drawn. Each text is a
        record, added to the source ``exam: TASK`` where none holds it; people see neither answer. What they say settles
        the verdict; the records are kept out of later snapshots, for they were picked because they are hard.

        Documents differ where any of their fields does, and are settled field by field.

        Args:
            model: that answered silently.
            n: texts to answer, 1 to 2,000.

        Raises:
            EmptyDataError: it has no shadow answers.
            UnsuitableLabelsError: its answers are objects, and no route knows any more how they are written there.

        Example:
            >>> ws.draw_gold("triage@3", 50).selection  # doctest: +SKIP
            'exam_triage_3'
        """
        if not self.store.actor.may(Permission.BUILD):
            raise ForbiddenError("Who may build may draw a sample.")
        if not 1 <= n <= MOST_AT_ONCE:
            raise InputError(f"Draw 1 to {MOST_AT_ONCE:,} texts at once, not {n:,}.")
        version = self._named(model)
        task = self.store.tasks.get(version.task_id)
        found = evaluate.read_shadowed(self.store, version.version_id)
        taken: list[_Call] = []
        waiting: set[str] = set()
        for call in self._drawn_next(version, task, found):
            if call.text is not None and not call.is_answered and call.text not in waiting:
                if len(waiting) >= n:
                    break
                waiting.add(call.text)
            taken.append(call)
        records = add_texts(self.store, f"exam: {task.name}", [c.text for c in taken if c.text is not None])
        ours = [c.pair.answer for c in taken]
        if version.is_object:
            ours = self._documents_of([(c.by, c.text) for c in taken])
        drawn = [
            DrawnCall(c.pair.trace_id, records.get(c.text or ""), 1.0 / c.chance, said, c.upstream)
            for c, said in zip(taken, ours, strict=True)
        ]
        self.store.exams.draw(self.store.actor, version.version_id, task.task_id, drawn)
        ids = list(dict.fromkeys(self.store.exams.records(version.version_id).values()))
        if ids:
            sql = f"select record_id from records where record_id in {quoted(ids)}"  # noqa: S608 (ids of ours)
            self.save_selection(_selection(version), sql)
        self.lines.forget(task.task_id)
        return self.gold_sample(version)

    def gold_sample(self, model: str | ModelVersion | Model) -> GoldSample:
        """How far people are with the calls that were drawn for a model; what they said by now is noted.

        Raises:
            EmptyDataError: it has no shadow answers.

        Example:
            >>> ws.gold_sample("triage@3").n_waiting  # doctest: +SKIP
            12
        """
        version = self._named(model)
        task = self.store.tasks.get(version.task_id)
        records = self.store.exams.records(version.version_id)
        self.store.exams.settle(version.version_id, self._settled(version, task, records))
        found = evaluate.read_shadowed(self.store, version.version_id)
        waiting = {
            r for p in found.pairs if p.weight and p.gold is None and not p.is_begun and (r := records.get(p.trace_id))
        }
        n_left = sum(p.weight is None and evaluate.is_drawn(p, version.version_id) for p in found.pairs)
        return GoldSample(
            version.version_id, f"{version.model_name}@{version.number}", task.task_id, _selection(version),
            len(found.pairs), found.n_judged, found.n_drawn, found.n_open, len(waiting), n_left,
            _sentence(found, len(waiting), n_left),
        )  # fmt: skip

    def _settled(self, version: ModelVersion, task: Task, records: Mapping[str, str]) -> dict[str, str | None]:
        """What people say of drawn calls, by their ids; None where nobody does (any more)."""
        if version.is_object:
            return self._judged(version, task, records)
        said = self._said(version, task, list(records.values()))
        return {t: said.get(r) for t, r in records.items()}

    def _drawn_next(self, version: ModelVersion, task: Task, found: Shadowed) -> Iterator[_Call]:
        """Calls that are drawn and were not yet, oldest first."""
        prompts = self._documents(version) if version.is_object else self._prompts(version, task)
        chosen = [p for p in found.pairs if p.weight is None and evaluate.is_drawn(p, version.version_id)]
        for start in range(0, len(chosen), _PIECE):
            some = chosen[start : start + _PIECE]
            calls = {c.trace_id: c for c in self.store.captured_imports.get(p.trace_id for p in some)}
            read = [(p, *_read(calls.get(p.trace_id), prompts)) for p in some]
            known = holding(self.store, [text for _, text, *_ in read if text is not None])
            ids = list(known.values())
            said = self._heard(version, task, ids) if version.is_object else self._said(version, task, ids)
            for pair, text, upstream, by in read:
                yield _Call(pair, text, upstream, known.get(text or "") in said, by)

    def _prompts(self, version: ModelVersion, task: Task) -> list[_Means]:
        """The prompts that became the task, with the class that each label of the upstream means."""
        frozen = {i: n for c, n in zip(version.class_ids, version.class_names, strict=True) for i in task.meaning(c)}
        names = dict(zip(task.class_ids, task.class_names, strict=True))
        found = []
        for template in self.store.templates.list():
            for field, task_id in template.tasks.items():
                if task_id != task.task_id:
                    continue
                labels: dict[str, str | None] = {}
                for label, name in template.names.get(field, {}).items():
                    now = (OUT_OF_SCOPE,) if name is None else task.meaning(task.voted_id(name) or "")
                    one = now[0] if len(now) == 1 else ""
                    labels[label] = "" if one == OUT_OF_SCOPE else frozen.get(one) or names.get(one)
                found.append(_Means(Prompt(template, (field,)), labels, task.kind is TaskKind.CLASSES))
        return found

    def _said(self, version: ModelVersion, task: Task, record_ids: list[str]) -> dict[str, str]:
        """What people say of records, as a class of the version: a reviewer's word, else that of most of them.

        Several classes at once are one answer, a set.
        """
        frozen = {i: n for c, n in zip(version.class_ids, version.class_names, strict=True) for i in task.meaning(c)}
        names = dict(zip(task.class_ids, task.class_names, strict=True))
        votes: dict[str, list[tuple[bool, str]]] = {}
        for start in range(0, len(record_ids), _PIECE):
            for row in self.store.person_votes.people(task.task_id, record_ids[start : start + _PIECE]):
                ids = meant_ids(task, msgspec.json.decode(row["value"]))
                if ids is not None and task.kind is TaskKind.CLASSES:
                    said = set_of(frozen.get(i) or names[i] for i in ids if i != OUT_OF_SCOPE)
                    votes.setdefault(row["record_id"], []).append((row["settles"], said))
                elif ids is not None and len(ids) < 2:
                    one = ids[0] if ids else OUT_OF_SCOPE
                    said = "" if one == OUT_OF_SCOPE else frozen.get(one) or names[one]
                    votes.setdefault(row["record_id"], []).append((row["settles"], said))
        found = {}
        for record_id, some in votes.items():
            counted = Counter(said for settles, said in some if settles) or Counter(said for _, said in some)
            (best, n), *others = counted.most_common(2)
            if not others or n > others[0][1]:
                found[record_id] = best
        return found


class _Means(NamedTuple):
    """A prompt, and the class that each label of the upstream means; empty for none of them."""

    prompt: Prompt
    labels: dict[str, str | None]
    is_many: bool

    def said(self, text: str, answer: str | None) -> str | None:
        """The class that an answer of the upstream means; None where it is none that can be named."""
        found = self.prompt.labels_of(answer)[0]
        if self.is_many:
            meant = None if found is None else [self.labels.get(label) for label in found]
            return None if meant is None or None in meant else set_of(name for name in meant if name)
        return self.labels.get(found[0]) if found and len(found) == 1 else None


def _read(
    call: Captured | None, prompts: Sequence[_Means] | Sequence[MeansDocument]
) -> tuple[str | None, str | None, MeansDocument | None]:
    """The text of a call, what the upstream said, and who reads it where that is a document."""
    if call is None or call.wire not in SPOKEN:
        return None, None, None
    for means in prompts:
        text = means.prompt.text_of(call.request, call.model, call.tags, call.wire)
        if text is not None:
            return text, means.said(text, answer_of(call)), None if isinstance(means, _Means) else means
    return None, None, None


def _selection(version: ModelVersion) -> str:
    name = re.sub(r"[^a-z0-9_]+", "_", version.model_name.lower())[:40]
    return f"exam_{name}_{version.number}"


def _sentence(found: Shadowed, n_waiting: int, n_left: int) -> str:
    n = len(found.pairs)
    if not found.has_gold:
        n_differ = sum(not p.agrees for p in found.pairs)
        return (
            f"Nobody was asked yet. Of {n:,} calls the two differ on {n_differ:,}; on those a person should say who is "
            "right."
        )
    done = f"{found.n_drawn - found.n_open:,} of {found.n_drawn:,} drawn calls are answered"
    waits = f"; {n_waiting:,} texts wait in the label station" if n_waiting else ""
    n_begun = sum(bool(p.weight) and p.is_begun for p in found.pairs)
    waits += f"; {n_begun:,} are answered in part: a field of theirs is open" if n_begun else ""
    more = f". {n_left:,} more can be drawn." if n_left else ". All calls so far are judged or drawn."
    return f"{done}{waits}{more}"
