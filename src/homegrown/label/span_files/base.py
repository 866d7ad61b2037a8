"""What the formats of span annotations share: one text, who marked what, and what could not be used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from homegrown.label.formats.base import MAX_LABEL_CHARS, Misshapen
from homegrown.label.span_files.offsets import Mark, Unit, plainly, resolve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from homegrown.core.spans import Span

MAX_MARKS = 1_000_000
MAX_TEXT_CHARS = 20_000_000


class SpanOpinion(NamedTuple):
    """What one author marked in one text.

    Attributes:
        spans: in code points; types are names. Empty when nothing is there, None for an abstention.
        author: of whom; empty where the file does not say.
        is_person: a person, not a model.
    """

    spans: tuple[Span, ...] | None
    author: str = ""
    is_person: bool = True
    confidence: float | None = None


class SpanAside(NamedTuple):
    """What of a file was not used: where, and why. Holds nothing of the text.

    Attributes:
        file: its name.
        line: or the number of the item in a list.
    """

    file: str
    line: int
    reason: str


class SpanExample(NamedTuple):
    """One text of a file with what was marked in it.

    Attributes:
        fields: what else the file says of it.
        record_id: of ours, where the file was exported here.
        unit: in which the file's offsets were read.
        is_unsure: another unit would fit the offsets as well and say something else.
        asides: marks that could not be used: line within the item (0: the item's), and why.
    """

    text: str
    opinions: tuple[SpanOpinion, ...]
    fields: dict[str, Any]
    record_id: str | None = None
    unit: Unit = Unit.CODE_POINTS
    is_unsure: bool = False
    asides: tuple[tuple[int, str], ...] = ()

    def plain(self) -> SpanExample:
        """The text as a record holds it, the spans moved along."""
        every = [s for o in self.opinions for s in o.spans or ()]
        text, moved = plainly(self.text, every)
        lost = ((0, "of a span nothing is left once the text's ends are trimmed"),) * sum(s not in moved for s in every)
        opinions = tuple(
            o if o.spans is None else o._replace(spans=tuple(moved[s] for s in o.spans if s in moved))
            for o in self.opinions
        )
        return self._replace(text=text, opinions=opinions, asides=self.asides + lost)


class SpanExported(NamedTuple):
    """One record as it is written.

    Attributes:
        spans: of the joined label; None when it has none.
        prob: of the whole label.
        opinions: the votes of which the label was made.
    """

    record_id: str
    text: str
    spans: tuple[Span, ...] | None
    prob: float | None = None
    opinions: tuple[SpanOpinion, ...] = ()

    @property
    def by_people(self) -> list[SpanOpinion]:
        """What people marked, abstentions left out."""
        return [o for o in self.opinions if o.is_person and o.spans is not None]

    @property
    def answers(self) -> list[SpanOpinion]:
        """What people marked; where none spoke the joined label, if there is one."""
        people = self.by_people
        return people or ([SpanOpinion(self.spans, "", False, self.prob)] if self.spans is not None else [])


class SpanFormat(Protocol):
    """A format with one JSON document per text.

    Attributes:
        name: on the command line.
        is_list: the file is one JSON array; otherwise a JSON document per line.
        units: in which its offsets may be counted, the likeliest first.
    """

    name: str
    is_list: bool
    units: tuple[Unit, ...]

    def fits(self, item: dict[str, Any]) -> bool:
        """Whether *item* has what only this format has."""
        ...

    def read(self, item: dict[str, Any], units: Sequence[Unit]) -> SpanExample:
        """One item.

        Raises:
            Misshapen: it is not of this format's shape.
        """
        ...

    def write(self, record: SpanExported) -> Iterator[dict[str, Any]]:
        """The items for one record; offsets in code points."""
        ...


class Reading(NamedTuple):
    """What one author marked, as the file has it; None for an abstention."""

    marks: list[Mark] | None
    author: str = ""
    is_person: bool = True
    confidence: float | None = None


def example(
    text: str,
    readings: Sequence[Reading],
    units: Sequence[Unit],
    *,
    fields: dict[str, Any] | None = None,
    record_id: str | None = None,
    asides: Sequence[tuple[int, str]] = (),
) -> SpanExample:
    """One text with its readings, the offsets of all of them read in one unit.

    Raises:
        Misshapen: there is more of it than anybody marks.
    """
    if len(text) > MAX_TEXT_CHARS:
        raise Misshapen(f"the text has more than {MAX_TEXT_CHARS:,} characters")
    marks = [m for one in readings for m in one.marks or ()]
    if len(marks) > MAX_MARKS:
        raise Misshapen(f"it has more than {MAX_MARKS:,} spans")
    found = resolve(text, marks, units)
    opinions, at = [], 0
    for one in readings:
        n = len(one.marks or ())
        own = {found.spans[i] for i in range(at, at + n) if i in found.spans}
        spans = None if one.marks is None else tuple(sorted(own))
        opinions.append(SpanOpinion(spans, one.author, one.is_person, one.confidence))
        at += n
    problems = (*asides, *((marks[i].place, why) for i, why in found.asides))
    return SpanExample(text, tuple(opinions), fields or {}, record_id, found.unit, found.is_unsure, problems)


def a_type(value: Any) -> str | None:
    """The name of a type, where one stands there."""
    is_one = isinstance(value, str) and value.strip() and len(value) <= MAX_LABEL_CHARS
    return value.strip() if is_one else None


def an_offset(value: Any) -> int | None:
    """An offset: a whole number, as text too."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19 else None


def a_mark(start: Any, end: Any, kind: Any, words: Any = None) -> Mark | None:
    """A mark, where all of it stands there."""
    first, last, name = an_offset(start), an_offset(end), a_type(kind)
    if first is None or last is None or name is None:
        return None
    return Mark(first, last, name, words if isinstance(words, str) and words else None)
