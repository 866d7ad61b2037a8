"""Tasks in traffic: calls that share a prompt are found, wordings of one task are joined, two tasks never.

The calls are read as a stream, at most a few times; what is kept of them is bounded. A sample shows the wordings
(``wordings``), each call is matched against them by a handful of comparisons, and what matches none is looked at once
more. Then wordings are joined by evidence (``joining``).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from homegrown.core.ids import new_id
from homegrown.core.traffic import Agreement, Template, Variant
from homegrown.monitor.joining import Wording, joined, prompt_of
from homegrown.monitor.likeness import bags, predicted
from homegrown.monitor.objects import kept_schema, object_fields
from homegrown.monitor.shapes import reader, shape_of
from homegrown.monitor.tally import Reservoir, Tally, together
from homegrown.monitor.turns import Said, asked_schema, enums_of, said_in
from homegrown.monitor.wordings import Match, Matcher, wordings_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from homegrown.core.protocols import Progress
    from homegrown.core.traces import Captured
    from homegrown.core.traffic import AnswerShape

SAMPLE = 20_000
SAMPLE_CHARS = 64 << 20
ROUNDS = 3
LEAST_MEASURED = 40
_EXAMPLES = 12
_MOST_SCHEMAS = 2000


@dataclass(slots=True)
class Found:
    """What is in some traffic.

    Attributes:
        templates: those that were found, the most used first.
        loose: calls that share their prompt with none, or whose words cannot be read.
        n_calls: all that were looked at.
    """

    templates: list[Template]
    loose: Tally
    n_calls: int


@dataclass(slots=True)
class _Pass:
    tallies: dict[str, Tally] = field(default_factory=dict)
    loose: Tally = field(default_factory=Tally)
    rest: Reservoir[Said] = field(default_factory=lambda: Reservoir[Said](SAMPLE, most_chars=SAMPLE_CHARS))
    n_calls: int = 0


Assign = Callable[["Captured", str | None], None]
"""Hears of each call the key of its wording, or None; of one call perhaps twice, and the later time counts."""


def find_templates(
    calls: Callable[[], Iterable[Captured]],
    known: Sequence[Template] = (),
    *,
    assign: Assign | None = None,
    progress: Progress | None = None,
) -> Found:
    """The templates of some calls.

    Args:
        calls: gives whole calls anew each time, in any order.
        known: templates that were found before; calls of their wordings are theirs, and they keep their ids.
        assign: hears of each call.
        progress: hears of each call.

    Example:
        >>> find_templates(lambda: iter(())).templates
        []
    """
    old = {v.key: t for t in known for v in t.variants}
    wordings, done = _wordings(calls, [v for t in known for v in t.variants], assign, progress)
    places = {t.template_id: i for i, t in enumerate(known)}
    fixed = [places[old[w.variant.key].template_id] if w.variant.key in old else None for w in wordings]
    found = []
    for group in joined(wordings, fixed):
        some = [wordings[i] for i in sorted(group, key=lambda i: -wordings[i].tally.n_calls)]
        found.append(_template(some, next((old[w.variant.key] for w in some if w.variant.key in old), None)))
    return Found(_named(found), done.loose, done.n_calls)


def pointed_at(
    calls: Callable[[], Iterable[Captured]],
    tag: tuple[str, str],
    known: Template | None = None,
    *,
    assign: Assign | None = None,
) -> Template | None:
    """The template of calls of which somebody says that they are one task, whatever their wordings; None without any.

    Args:
        calls: those with the tag; given anew each time.
        tag: its name and value.
        known: what was found of them before.
        assign: as for ``find_templates``.
    """
    wordings, _ = _wordings(calls, list(known.variants) if known else [], assign, None)
    if not wordings:
        return None
    found = _template(sorted(wordings, key=lambda w: -w.tally.n_calls), known)
    return found if known else replace(found, name=_clean(tag[1]), tag=tag)


def _wordings(
    calls: Callable[[], Iterable[Captured]],
    variants: list[Variant],
    assign: Assign | None,
    progress: Progress | None,
) -> tuple[list[Wording], _Pass]:
    schemas: dict[str, dict[str, Any] | None] = {}
    first = _read(calls(), Matcher(variants), schemas, progress, None, counts=False)
    variants = variants + _fresh(variants, first.rest.items, schemas)
    done = _read(calls(), Matcher(variants), schemas, progress, assign, counts=True)
    is_whole = first.rest.is_whole
    for _ in range(ROUNDS):
        # A sample that left something out may have left out a rare wording.
        fresh = [] if is_whole else _fresh(variants, done.rest.items, schemas)
        if not fresh:
            break
        is_whole = done.rest.is_whole
        variants = variants + fresh
        done = _read(calls(), Matcher(variants), schemas, progress, assign, counts=True)
    return [Wording.of(v, done.tallies[v.key]) for v in variants if v.key in done.tallies], done


def _fresh(known: list[Variant], sample: Sequence[Said], schemas: dict[str, dict[str, Any] | None]) -> list[Variant]:
    """The wordings in a sample that are not known yet, with the schemas of their answers."""
    keys = {v.key for v in known}
    found = wordings_in(sample, {setting: enums_of(schema) for setting, schema in schemas.items()})
    return [replace(v, schema=kept_schema(schemas.get(v.setting))) for v in found if v.key not in keys]


def _read(
    calls: Iterable[Captured],
    matcher: Matcher,
    schemas: dict[str, dict[str, Any] | None],
    progress: Progress | None,
    assign: Assign | None,
    *,
    counts: bool,
) -> _Pass:
    done = _Pass()
    for call in calls:
        done.n_calls += 1
        said = said_in(call)
        match = matcher.match(said) if said is not None else None
        if said is not None and match is None:
            done.rest.add(said, len(said.system) + len(said.user))
            if said.setting and said.setting not in schemas and len(schemas) < _MOST_SCHEMAS:
                schemas[said.setting] = asked_schema(call.request)
        if counts:
            _count(done, call, said, match)
        if assign is not None:
            assign(call, match.variant.key if match else None)
        if progress is not None and done.n_calls % 1000 == 0:
            progress.advance(1000)
    return done


def _count(done: _Pass, call: Captured, said: Said | None, match: Match | None) -> None:
    if match is None:
        done.loose.add(call, said, "")
    else:
        done.tallies.setdefault(match.variant.key, Tally()).add(call, said, match.text)


def _template(wordings: list[Wording], earlier: Template | None) -> Template:
    total = together([w.tally for w in wordings])
    if len(wordings) == 1:
        shape = wordings[0].shape
    else:
        allowed = {k: v for w in reversed(wordings) for k, v in w.variant.enums.items()}
        shape = shape_of(total.answers, "\n\n".join(prompt_of(w.variant) for w in wordings), allowed)
    classes = {c.casefold() for f in shape.fields for c in f.classes}
    variants = [w.variant for w in wordings]
    if earlier is not None:
        variants += [v for v in earlier.variants if v.key not in {x.key for x in variants}]
    found = Template(
        template_id=earlier.template_id if earlier else new_id("tpl"),
        name=earlier.name if earlier else _name(total, shape, variants[0]),
        variants=tuple(variants),
        shape=shape,
        volume=total.volume(total.n_history(classes)),
        models=dict(total.models.most_common(10)),
        examples=tuple(s.trace_id for s in total.shown.items[:_EXAMPLES]),
        agreement=_agreement(total, shape),
        fields=object_fields(shape, ((s.text, s.answer) for s in total.shown.items), _schema(variants)),
    )
    if earlier is None:
        return found
    kept = {"state": earlier.state, "tasks": earlier.tasks, "names": earlier.names, "source": earlier.source}
    return replace(found, **kept, tag=earlier.tag, created_at=earlier.created_at)


def _schema(variants: Sequence[Variant]) -> dict[str, Any] | None:
    return next((v.schema for v in variants if v.schema is not None), None)


def _agreement(total: Tally, shape: AnswerShape) -> dict[str, Agreement]:
    """How far counted words alone say what was answered."""
    found, asked = {}, bags(s.text for s in total.shown.items)
    for one in shape.closed():
        read = reader(shape, one)
        said = zip(asked, (read(s.answer) for s in total.shown.items), strict=True)
        pairs = [(bag, " + ".join(sorted(labels))) for bag, labels in said if labels]
        if len(pairs) >= LEAST_MEASURED:
            found[one.name] = Agreement(*predicted(pairs))
    return found


_NAMES = ("feature", "task", "name", "use_case", "prompt", "prompt_name", "template")
_ASKS = re.compile(
    r"\b(intent|sentiment|topic|categor\w*|language|urgen\w*|priority|emotion|domain|spam|toxic\w*|summar\w*|"
    r"translat\w*|extract\w*|math\w*|rewrit\w*|answer\w*)\b", re.IGNORECASE
)  # fmt: skip


def _name(total: Tally, shape: AnswerShape, variant: Variant) -> str:
    """A name to begin with: the tag that nearly all calls share, the field's name, or a word of the prompt."""
    tags = [(v, n) for (k, v), n in total.tags.items() if k in _NAMES and n >= 0.9 * total.n_calls]
    if tags:
        return _clean(max(tags, key=lambda t: t[1])[0])
    closed = shape.closed()
    if len(closed) == 1 and closed[0].name:
        return _clean(closed[0].name)
    asks = Counter(w.casefold() for w in _ASKS.findall(prompt_of(variant)))
    return _clean(asks.most_common(1)[0][0]) if asks else str(shape.kind)


def _clean(name: str) -> str:
    return re.sub(r"\s+", " ", "".join(c for c in name if c.isprintable())).strip()[:60] or "task"


def _named(templates: list[Template]) -> list[Template]:
    """No two with one name."""
    seen: Counter[str] = Counter()
    found = []
    for one in sorted(templates, key=lambda t: not t.created_at):
        seen[one.name] += 1
        name = one.name if seen[one.name] == 1 or one.created_at else f"{one.name} {seen[one.name]}"
        found.append(replace(one, name=name))
    return sorted(found, key=lambda t: -t.volume.n_calls)
