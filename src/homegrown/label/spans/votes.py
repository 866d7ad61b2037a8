"""Votes on spans: what sources marked, what their silence says, and whose word stands against whose."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from homegrown.core.spans import Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


@dataclass(frozen=True, slots=True)
class SpanVote:
    """What one source says of one document.

    Attributes:
        source: its name or id.
        spans: that it marked; probabilities of a model's spans do not count.
        looked_for: types of which it marked all that it sees, so that silence says "none here"; None for every type.
            Empty for a rule, whose silence says nothing.
        is_person: a person, whose word outranks that of rules and models.
    """

    source: str
    spans: tuple[Span, ...]
    looked_for: frozenset[str] | None = None
    is_person: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """The votes on one document that count.

    Attributes:
        votes: with ``looked_for`` spelt out.
        settled: the truth of each type that is known, from gold or because all people who looked for it agree.
    """

    votes: tuple[SpanVote, ...]
    settled: Mapping[str, frozenset[Span]]


def span_vote(
    source: str, value: Mapping[str, Any], span_fields: Iterable[str], *, is_person: bool = False, is_rule: bool = False
) -> SpanVote:
    """A vote's value as a vote on spans; the types are ids of fields (see ``core.schema``).

    A field of the value was looked at, whether it is there or not; what is left out was not.

    Args:
        source: its name or id.
        value: ``{"fields": {field_id: answer}}``.
        span_fields: ids of the fields that are spans; others do not count here.
        is_person: of the source.
        is_rule: its silence says nothing.

    Example:
        >>> said = {"fields": {"f_1": {"spans": [[0, 4]]}, "f_2": None}}
        >>> span_vote("ann", said, ["f_1", "f_2", "f_3"]).looked_for == {"f_1", "f_2"}
        True
    """
    said = {i: value["fields"][i] for i in span_fields if i in value["fields"]}
    spans = {Span(start, end, i) for i, answer in said.items() if answer for start, end in answer["spans"]}
    return SpanVote(source, tuple(sorted(spans)), frozenset() if is_rule else frozenset(said), is_person)


def types_in(documents: Sequence[Sequence[SpanVote]], gold: Sequence[Iterable[Span] | None] | None) -> tuple[str, ...]:
    """The types that somebody marked or looked for, sorted."""
    found = {s.type for votes in documents for vote in votes for s in vote.spans}
    found.update(t for votes in documents for vote in votes for t in vote.looked_for or ())
    found.update(s.type for spans in gold or () if spans is not None for s in spans)
    return tuple(sorted(found))


def heard(votes: Sequence[SpanVote], gold: Iterable[Span] | None, types: tuple[str, ...]) -> Heard:
    """The votes that count, as for classes: where a person looked, no rule or model stands against them.

    Gold, and what all people who looked for a type agree on, is settled; the votes of others on it stay, for they show
    how good their sources are. Where people disagree only theirs stay.

    Example:
        >>> rule = SpanVote("rule", (Span(0, 4, "x"),), frozenset())
        >>> ann, bob = SpanVote("ann", (), None, True), SpanVote("bob", (Span(6, 9, "x"),), None, True)
        >>> [v.source for v in heard([rule, ann, bob], None, ("x",)).votes if v.spans]
        ['bob']
        >>> heard([rule, ann], None, ("x",)).settled
        {'x': frozenset()}
    """
    every = frozenset(types)
    spelt = [
        SpanVote(v.source, _plain(v.spans), every if v.looked_for is None else v.looked_for, v.is_person) for v in votes
    ]
    if gold is not None:
        truth = frozenset(_plain(gold))
        return Heard(tuple(spelt), {t: frozenset(s for s in truth if s.type == t) for t in types})
    said: defaultdict[str, list[frozenset[Span]]] = defaultdict(list)
    for vote in spelt:
        for kind in (vote.looked_for or ()) if vote.is_person else ():
            said[kind].append(frozenset(s for s in vote.spans if s.type == kind))
    settled = {kind: sets[0] for kind, sets in said.items() if all(one == sets[0] for one in sets)}
    disputed = said.keys() - settled.keys()
    if disputed:
        spelt = [v if v.is_person else _without(v, disputed) for v in spelt]
    return Heard(tuple(spelt), settled)


def _plain(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Spans as such: one that a model scored is the same span as one that a person marked."""
    return tuple(Span(s.start, s.end, s.type) for s in spans)


def _without(vote: SpanVote, types: set[str]) -> SpanVote:
    kept = tuple(s for s in vote.spans if s.type not in types)
    return SpanVote(vote.source, kept, (vote.looked_for or frozenset()) - types, vote.is_person)
