"""A template becomes a Task: what changes in its calls becomes records, what was answered votes of the upstream."""

from __future__ import annotations

import tempfile
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa

from homegrown.core.ids import canonical_json, text_hash
from homegrown.core.models import OUT_OF_SCOPE
from homegrown.core.records import ReadOptions, plain_text
from homegrown.core.tasks import LabelSourceKind, TaskKind
from homegrown.core.traces import AT_HOME
from homegrown.core.traffic import AnswerKind, TemplateState
from homegrown.errors import EmptyDataError, InputError, UnsuitableLabelsError
from homegrown.ingest import IngestRequest, import_file
from homegrown.monitor.proposals import suitability
from homegrown.monitor.shapes import reader
from homegrown.monitor.told import answer_prob, class_probs, tokens_of
from homegrown.monitor.turns import said_in
from homegrown.monitor.wordings import Matcher
from homegrown.store.lance_tables import quoted
from homegrown.store.votes import vote_table
from homegrown.workspace.placing import records_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from homegrown.core.protocols import Progress
    from homegrown.core.tasks import Task
    from homegrown.core.traces import Captured
    from homegrown.core.traffic import FieldShape, Template
    from homegrown.store import Store

    Tokens = list[dict[str, Any]]
    Tell = Callable[[Tokens, str], Mapping[str, float]]

_PIECE = 1000
#: a class less probable than this is not kept
LEAST_TOLD = 0.0005
_ASSIGNED = 2000


@dataclass(frozen=True, slots=True)
class Accepted:
    """What accepting a template did.

    Attributes:
        source: of the records.
        n_calls: of the template.
        n_texts: that differ; each is a record.
        n_added: of them, those that were new here.
        votes: by the name of the source of labels.
        n_outside: answers that name none of the classes, or are no JSON; they are abstentions.
        terms: under which the answers may be used, by upstream, where somebody said.
        n_by_field: of a Task of objects: texts of which something is said, by field.
        n_missing: of such a Task: values that do not stand in the text, by field; they are no votes.
        n_almost: answers that are JSON but for some marks, and were read all the same.
        not_learnt: why fields of the answers are none of the Task's, by name.
    """

    template: Template
    task: Task
    source: str
    n_calls: int
    n_texts: int
    n_added: int
    votes: dict[str, int]
    n_outside: int
    terms: dict[str, str]
    n_by_field: dict[str, int] = field(default_factory=dict)
    n_missing: dict[str, int] = field(default_factory=dict)
    n_almost: int = 0
    not_learnt: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Gathered:
    """Texts by hash, and what each upstream said of each: counts by value, with the best known probability.

    Attributes:
        told: how probable each label was, added up over the calls that told; by upstream and hash.
    """

    said: dict[str, dict[str, Counter[str | None]]] = field(default_factory=lambda: defaultdict(dict))
    probs: dict[tuple[str, str], float] = field(default_factory=dict)
    told: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)
    n_calls: int = 0
    n_outside: int = 0


def field_of(template: Template, name: str | None) -> FieldShape:
    """The part of the answers that a Task is made of.

    Raises:
        InputError: there are several, or none of that name.
        UnsuitableLabelsError: nothing of the answers is a closed set.
    """
    closed = template.shape.closed()
    if not closed:
        raise UnsuitableLabelsError(f"No Task can be made of “{template.name}”. {suitability(template)[1]}")
    if name is None and len(closed) > 1:
        names = ", ".join(f.name for f in closed)
        raise InputError(f"Say which part of the answers the Task is about, one of: {names}.")
    found = next((f for f in closed if name is None or f.name == name), None)
    if found is None:
        names = ", ".join(f.name or "(the whole answer)" for f in closed)
        raise InputError(f"The answers have no such part to learn. There are: {names}.")
    return found


def class_names(template: Template, one: FieldShape, names: Mapping[str, str | None] | None) -> dict[str, str | None]:
    """What each label is called in the Task: as somebody says now, said before, or as it is answered.

    Raises:
        InputError: a label is named that is not answered, or a name is empty.
    """
    unknown = [k for k in names or {} if k not in one.classes]
    if unknown:
        raise InputError(f"“{unknown[0][:60]}” is none of the labels: {', '.join(one.classes[:20])}.")
    if any(v is not None and not v.strip() for v in (names or {}).values()):
        raise InputError("A class needs a name.")
    return {c: c for c in one.classes} | template.names.get(one.name, {}) | dict(names or {})


def accept(
    store: Store,
    template: Template,
    one: FieldShape,
    task_name: str,
    names: dict[str, str | None],
    progress: Progress,
) -> Accepted:
    """Make the Task, or add to it what came since; see ``Workspace.accept_template``."""
    source = template.source or f"traffic: {task_name}"
    read = reader(template.shape, one)

    def labels(answer: str) -> str | None:
        found = read(answer)
        return None if found is None else canonical_json(sorted(found)).decode()

    def tell(tokens: Tokens, value: str) -> Mapping[str, float]:
        said = msgspec.json.decode(value)
        return class_probs(tokens, said[0], one.classes) or {} if said and one.kind is AnswerKind.CLASS else {}

    found, hashes, n_added = brought(store, template, labels, source, progress, tell)
    task = _task(store, template, one, task_name, names)
    records = records_of(store, hashes)
    votes, terms = {}, {}
    for who, said in found.said.items():
        name, config = voter(store, task, template, one.name, who)
        told = {h: _told(task, names, probs) for (by, h), probs in found.told.items() if by == who}
        values = ((h, _value(task, names, labels), sure) for h, labels, sure in most_said(said, found, who))
        votes[name] = vote(store, task, name, config, values, records, told)
        if config["terms"]:
            terms[name] = config["terms"]

    n_votes, called = sum(votes.values()), {one.name: names}
    kept = keep(store, template, one.name, task, source, called, n_added=n_added, n_votes=n_votes)
    return Accepted(kept, task, source, found.n_calls, len(hashes), n_added, votes, found.n_outside, terms)


def brought(
    store: Store,
    template: Template,
    read: Callable[[str], str | None],
    source: str,
    progress: Progress,
    tell: Tell | None = None,
) -> tuple[Gathered, set[str], int]:
    """Make records of what changes in a template's calls.

    Args:
        store: the workspace.
        template: whose calls are read.
        read: what an answer says, as one text; None where it says nothing that can be used.
        source: of the records.
        progress: hears of each call.
        tell: how probable each label was, by the tokens of an answer and what ``read`` made of it.

    Returns:
        What was said, the hashes of the texts, and how many of these were new here.

    Raises:
        EmptyDataError: no call has a text.
    """
    with tempfile.TemporaryDirectory(dir=store.layout.folder("tmp")) as folder:
        path = Path(folder) / "texts.jsonl"
        progress.start("read calls", template.volume.n_calls, "calls")
        found, hashes = _gather(store, template, read, source, path, progress, tell)
        progress.finish()
        if not hashes:
            raise EmptyDataError("No call of this template has a text. Were its calls aged out?")
        request = IngestRequest(path, "text", None, None, source, None, ReadOptions())
        n_added = import_file(store, request, progress=progress).n_added if path.stat().st_size else 0
    return found, hashes, n_added


def _gather(
    store: Store,
    template: Template,
    read: Callable[[str], str | None],
    source: str,
    path: Path,
    progress: Progress,
    tell: Tell | None,
) -> tuple[Gathered, set[str]]:
    """Texts that no other source holds go into the file, with those that the source has had so far."""
    found = Gathered()
    elsewhere, mine, hashes = _hashes(store, source), set[str](), set[str]()
    encoder = msgspec.json.Encoder()
    with path.open("wb") as file:
        for call, text, answer in calls_of(store, template):
            found.n_calls += 1
            progress.advance(1)
            h = text_hash(text)
            hashes.add(h)
            if h not in elsewhere and h not in mine:
                mine.add(h)
                file.write(encoder.encode({"text": text}) + b"\n")
            # Our own answer is no vote of the upstream's, nor is one that holds a part of ours.
            if call.version_id is not None or call.tags.get(AT_HOME) == "part":
                continue
            value = read(answer)
            found.n_outside += value is None
            who = call.upstream_id or f"model:{call.model}"
            found.said[who].setdefault(h, Counter())[value] += 1
            tokens = tokens_of(call)
            if (prob := answer_prob(tokens)) is not None and value is not None:
                found.probs[who, h] = prob
            if tokens and value is not None and tell is not None:
                found.told.setdefault((who, h), Counter()).update(tell(tokens, value))
        for text in _kept(store, source):
            if text_hash(text) not in mine:
                file.write(encoder.encode({"text": text}) + b"\n")
    return found, hashes


def calls_of(store: Store, template: Template) -> Iterator[tuple[Captured, str, str]]:
    """Calls of a template with text and answer: those that are known to be, and those that came since."""
    matcher, new = Matcher(template.variants), {}
    for call in store.captured_imports.whole(templates=[template.template_id, None], tag=template.tag):
        said = said_in(call)
        match = matcher.match(said) if said is not None else None
        if said is None or match is None:
            continue
        if call.template_id is None:
            new[call.trace_id] = template.template_id
            if len(new) >= _ASSIGNED:
                store.captured_imports.assign(new)
                new.clear()
        text = plain_text(match.text)
        if text and said.answer is not None:
            yield call, text, said.answer
    store.captured_imports.assign(new)


def _hashes(store: Store, source: str) -> set[str]:
    """Of the texts that other sources hold."""
    where = f"source NOT IN {quoted([source])}"
    batches = store.records.batches(["text_hash"], where=where, rows=65536)
    return {h for batch in batches for h in batch["text_hash"].to_pylist()}


def _kept(store: Store, source: str) -> Iterator[str]:
    """The texts that the source has: calls are aged out, records stay."""
    cursor = None
    while True:
        page = store.records.page(cursor, _PIECE, source=source)
        yield from (record.text for record in page.records)
        cursor = page.next_cursor
        if cursor is None:
            return


def _task(store: Store, template: Template, one: FieldShape, name: str, names: dict[str, str | None]) -> Task:
    """The Task; where it was made before, only classes that are new in the answers are added."""
    before = template.names.get(one.name, {})
    made = template.tasks.get(one.name)
    wanted = sorted({v for k, v in names.items() if v is not None and (made is None or before.get(k) != v)})
    kind = TaskKind.CLASSES if one.kind is AnswerKind.CLASSES else TaskKind.CLASS
    old = store.tasks.get(made) if made is not None else store.tasks.find(name)
    if old is not None and old.kind != kind:
        raise InputError(
            f"The task {old.name!r} takes {old.kind} per record, the answers are {kind}. Choose another name."
        )
    if old is not None and not wanted:
        return old
    if old is None and len(wanted) < 2:
        raise UnsuitableLabelsError("A Task needs two classes at least.")
    return store.tasks.define(store.actor, old.name if old else name, wanted, kind=kind)


def voter(store: Store, task: Task, template: Template, field: str, who: str) -> tuple[str, dict[str, Any]]:
    """Name and facts of an upstream as a source of labels. Beside what it says when it is asked as a teacher.

    Where it answered another prompt of the same Task it is a source of its own, or its votes there would be replaced.
    """
    upstream = None if who.startswith("model:") else store.upstreams.find(who)
    facts: dict[str, Any] = {"template_id": template.template_id, "field": field, "terms": ""}
    if upstream is None:
        name = who.removeprefix("model:")
        facts |= {"model": name}
    else:
        name = upstream.name
        facts |= {"upstream_id": upstream.upstream_id, "origin": str(upstream.origin), "model": upstream.model}
        facts |= {"terms": upstream.terms}
    plain = f"{name} (traffic)"
    known = {s["name"]: s["config"].get("template_id") for s in store.tasks.label_sources(task.task_id)}
    is_taken = known.get(plain, template.template_id) != template.template_id
    return (f"{name} (traffic: {template.name})" if is_taken else plain), facts


def most_said(
    said: dict[str, Counter[str | None]], found: Gathered, who: str
) -> Iterator[tuple[str, str | None, float | None]]:
    """Hash, labels as JSON, confidence: of several answers the most frequent, as sure as its share.

    A model that repeats itself is no surer for it: where all answers are one, only what it told of itself counts.
    """
    for h, counts in said.items():
        value, n = counts.most_common(1)[0]
        prob = found.probs.get((who, h))
        share = n / counts.total() if n < counts.total() else None
        yield h, value, prob if share is None else share if prob is None else prob * share


def vote(
    store: Store,
    task: Task,
    name: str,
    config: dict[str, Any],
    values: Iterable[tuple[str, str | None, float | None]],
    records: dict[str, list[str]],
    told: Mapping[str, str | None] | None = None,
) -> int:
    """Write the votes of one upstream; how many say something.

    Args:
        store: the workspace.
        task: the question.
        name: of the upstream as a source of labels, with its facts (see ``voter``).
        config: these facts.
        values: hash of the text, the vote's value (JSON; None abstains), and confidence.
        records: by hash.
        told: by hash, how probable each class was (JSON).
    """
    source_id = store.tasks.label_source(store.actor, task, LabelSourceKind.MODEL, name, config)
    ids: list[str] = []
    said: list[str | None] = []
    sure: list[float | None] = []
    probs: list[str | None] = []
    for h, value, confidence in values:
        for record_id in records.get(h, ()):
            ids.append(record_id)
            said.append(value)
            sure.append(None if value is None else confidence)
            probs.append(None if value is None or told is None else told.get(h))
    table = vote_table(task, source_id, ids, said, sure, probs)
    store.votes.put(table, whole=[], again={source_id: pa.array(ids, pa.string())})
    return sum(v is not None for v in said)


def keep(
    store: Store,
    template: Template,
    part: str,
    task: Task,
    source: str,
    names: dict[str, dict[str, str | None]] | None = None,
    **told: int,
) -> Template:
    """The template with what became of it: of a *part* of its answers a Task, of its texts a *source* of records."""

    def done(now: Template) -> Template:
        return replace(
            now, state=TemplateState.ACCEPTED, tasks=now.tasks | {part: task.task_id}, names=now.names | (names or {}),
            source=source,
        )  # fmt: skip

    return store.templates.change(
        store.actor, template.template_id, done, "monitor.accept", task_id=task.task_id, **told
    )


def _told(task: Task, names: dict[str, str | None], probs: Counter[str]) -> str | None:
    """How probable each class was, as a vote keeps it; None where nothing was told."""
    found: dict[str, float] = {}
    for label, prob in probs.items():
        name = names.get(label, label)
        class_id = OUT_OF_SCOPE if name is None else task.voted_id(name)
        if class_id is not None:
            found[class_id] = found.get(class_id, 0.0) + prob
    total = sum(found.values())
    kept = {c: round(p / total, 4) for c, p in found.items() if p >= LEAST_TOLD * total}
    return canonical_json(kept).decode() if kept else None


def _value(task: Task, names: dict[str, str | None], labels: str | None) -> str | None:
    """A vote's value; an abstention where nothing was understood, or a class is gone."""
    if labels is None:
        return None
    said = [names.get(n, n) for n in msgspec.json.decode(labels)]
    ids = [OUT_OF_SCOPE if n is None else task.voted_id(n) for n in said]
    if any(i is None for i in ids):
        return None
    if task.kind is TaskKind.CLASSES:
        return canonical_json({"classes": [i for i in ids if i != OUT_OF_SCOPE]}).decode()
    return canonical_json({"class": ids[0]}).decode() if ids else None
