"""CoNLL's columns: a token per line, its tag last, an empty line after each sentence.

Read as the scorer of CoNLL-2003 does (conlleval, Tjong Kim Sang 2004), which covers BIO, IOB1, BIOES, BILOU and files
of I- tags only: a span begins at B, S or U, after a tag of another type, and after one that ended a span; it ends
after E, L, S and U. Such files hold no text, which is rebuilt of the tokens: from a comment ``# text = …`` where they
stand in it, else with one space between any two, or as people write, without a space before closing signs and after
opening ones.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from homegrown.core.spans import Span, check_spans
from homegrown.errors import InputError
from homegrown.label.span_files.base import SpanExample, SpanExported, SpanOpinion, a_type
from homegrown.label.spans.tags import tokens_of, touched

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_TOKENS = 1_000_000
_TEXT, _TEXT_JSON = "# text = ", "# text_json = "
_COMMENTS = ("# text", "# newdoc", "# newpar", "# sent_id", "# id =", "#id", "# global.columns")
_CLOSING = frozenset(".,;:!?%)]}»”’…") | {"'s", "'t", "n't", "'re", "'ve", "'ll", "'d", "'m", "''"}
_OPENING = frozenset("([{«“‘¿¡") | {"``"}
_BEGINS, _ENDS = frozenset("BSU"), frozenset("ESLU")


class Spaces(StrEnum):
    """How tokens are joined to a text."""

    SINGLE = "single"
    WRITTEN = "written"


class Item(NamedTuple):
    """One sentence: the line where it begins, and an example or why there is none."""

    place: int
    example: SpanExample | None
    reason: str = ""


class Sentence:
    """Gathers the lines of one sentence."""

    def __init__(self) -> None:
        self.place = 0
        self.tokens: list[str] = []
        self.tags: list[str] = []
        self.text: str | None = None
        self.problem = ""
        self.asides: list[tuple[int, str]] = []

    def line(self, number: int, line: str) -> None:
        """One line that is not empty."""
        self.place = self.place or number
        if not self.tokens and line.startswith(_COMMENTS):
            self._comment(line)
            return
        columns = line.split("\t") if "\t" in line else line.split(" ")
        columns = [c for c in columns if c]
        if len(columns) < 2:
            self.problem = self.problem or f"line {number:,} has no tag beside its token"
        elif len(self.tokens) >= MAX_TOKENS:
            self.problem = self.problem or f"it has more than {MAX_TOKENS:,} tokens; sentences end at an empty line"
        else:
            self.tokens.append(columns[0])
            self.tags.append(columns[-1])

    def _comment(self, line: str) -> None:
        if line.startswith(_TEXT):
            self.text = line.removeprefix(_TEXT)
        elif line.startswith(_TEXT_JSON):
            try:
                self.text = msgspec.json.decode(line.removeprefix(_TEXT_JSON), type=str)
            except msgspec.DecodeError:
                self.text = None

    def item(self, spaces: Spaces) -> Item | None:
        """What was gathered; None where there was nothing."""
        if self.problem:
            return Item(self.place, None, self.problem)
        if not self.tokens:
            return None
        ends = _placed(self.tokens, self.text) if self.text is not None else None
        if ends is None:
            if self.text is not None:
                self.asides.append((0, "its tokens do not stand in the text beside them; it was rebuilt of the tokens"))
            self.text, ends = joined(self.tokens, spaces)
        spans, problem = decoded(self.tags, ends)
        if problem:
            return Item(self.place, None, problem)
        opinion = SpanOpinion(tuple(sorted(spans)))
        return Item(self.place, SpanExample(self.text or "", (opinion,), {}, asides=tuple(self.asides)))


def joined(tokens: Iterable[str], spaces: Spaces) -> tuple[str, list[tuple[int, int]]]:
    """A text of tokens, and where each stands in it.

    Example:
        >>> joined(["(", "my", "card", ")", "."], Spaces.WRITTEN)[0]
        '(my card).'
    """
    parts: list[str] = []
    ends: list[tuple[int, int]] = []
    at, before = 0, ""
    for token in tokens:
        is_close = spaces is Spaces.WRITTEN and (token in _CLOSING or before in _OPENING)
        if parts and not is_close:
            parts.append(" ")
            at += 1
        parts.append(token)
        ends.append((at, at + len(token)))
        at, before = at + len(token), token
    return "".join(parts), ends


def _placed(tokens: list[str], text: str) -> list[tuple[int, int]] | None:
    """Where each token stands in a text that holds them in order with nothing but spaces between; else None."""
    ends, at = [], 0
    for token in tokens:
        start = text.find(token, at)
        if start < 0 or text[at:start].strip():
            return None
        at = start + len(token)
        ends.append((start, at))
    return ends if not text[at:].strip() else None


def decoded(tags: list[str], ends: list[tuple[int, int]]) -> tuple[list[Span], str]:
    """Spans of tags, and what is wrong with them.

    Args:
        tags: of each token: O, or a letter, a hyphen and a type.
        ends: of each token.

    Example:
        >>> decoded(["I-x", "I-x", "I-y", "O", "S-x"], [(0, 1), (2, 3), (4, 5), (6, 7), (8, 9)])[0][:2]
        [Span(start=0, end=3, type='x'), Span(start=4, end=5, type='y')]
    """
    spans: list[Span] = []
    open_type, is_done = "", True
    for tag, (start, end) in zip(tags, ends, strict=True):
        letter, _, kind = tag.partition("-")
        if tag in ("O", "o", "_"):
            open_type, is_done = "", True
            continue
        name = a_type(kind)
        if name is None or letter.upper() not in ("B", "I", "E", "S", "L", "U", "M"):
            return [], "a tag is no O, and no B-, I-, E-, S-, L- or U- with a type"
        if letter.upper() in _BEGINS or is_done or name != open_type:
            spans.append(Span(start, end, name))
        else:
            spans[-1] = Span(spans[-1].start, end, name)
        open_type, is_done = name, letter.upper() in _ENDS
    return spans, ""


def read(lines: Iterable[tuple[int, str | None]], spaces: Spaces, *, documents: bool = False) -> Iterator[Item]:
    """The sentences of a file.

    Args:
        lines: number and text of each; None for one that is no UTF-8.
        spaces: how tokens are joined.
        documents: a text is all up to the next ``-DOCSTART-``, sentences parted by line ends, instead of a sentence.
    """
    held: list[Item] = []
    sentence = Sentence()
    for number, line in lines:
        is_start = line is not None and line.startswith("-DOCSTART-")
        if line is None:
            sentence.place = sentence.place or number
            sentence.problem = sentence.problem or f"line {number:,} is not in UTF-8, or too long"
        elif line.strip(" \t") and not is_start:
            sentence.line(number, line)
            continue
        else:
            held += _ended(sentence, spaces)
            sentence = Sentence()
        if not documents:
            yield from held
            held = []
        elif is_start:
            yield from _document(held)
            held = []
    held += _ended(sentence, spaces)
    yield from _document(held) if documents else held


def _ended(sentence: Sentence, spaces: Spaces) -> list[Item]:
    item = sentence.item(spaces)
    return [] if item is None else [item]


def _document(items: list[Item]) -> Iterator[Item]:
    """Sentences as one text; those that cannot be used by themselves."""
    yield from (i for i in items if i.example is None)
    good = [(i.place, i.example) for i in items if i.example is not None]
    if not good:
        return
    at, spans, asides = 0, [], []
    for _, one in good:
        spans += [Span(s.start + at, s.end + at, s.type) for s in one.opinions[0].spans or ()]
        asides += one.asides
        at += len(one.text) + 1
    text = "\n".join(one.text for _, one in good)
    yield Item(good[0][0], SpanExample(text, (SpanOpinion(tuple(spans)),), {}, asides=tuple(asides)))


def lines_of(record: SpanExported, *, with_text: bool) -> tuple[list[str], list[str]]:
    """One text as BIO lines, without the empty line that ends it; and what could not be written.

    A tag has place for one span per token: of spans that overlap the first is written, the longer of those that begin
    together.

    Args:
        record: with a joined label, or of one person.
        with_text: begin with a comment that holds the text, so that it can be read back as it is.

    Raises:
        InputError: a span does not lie in the text.
    """
    answers = record.answers
    spans = check_spans(record.text, answers[0].spans or ()) if answers else ()
    tokens = tokens_of(record.text, spans)
    tags, asides, last = ["O"] * len(tokens), [], 0
    for span in sorted(spans, key=lambda s: (s.start, -s.end)):
        first, after = touched(span, tokens)
        if first == after:
            asides.append("a span holds spaces only")
        elif span.start < last:
            asides.append("a span overlaps another one, for which the format has no place")
        else:
            kind = "_".join(span.type.split())
            tags[first:after] = [f"I-{kind}"] * (after - first)
            tags[first] = f"B-{kind}"
            last = span.end
    if len(answers) > 1:
        asides += ["what another person marked has no place in the format"] * (len(answers) - 1)
    head = [_TEXT_JSON + msgspec.json.encode(record.text).decode()] if with_text else []
    return [*head, *(f"{record.text[a:b]}\t{tag}" for (a, b), tag in zip(tokens, tags, strict=True))], asides


def spaces_named(name: str) -> Spaces:
    """The rule called *name*.

    Raises:
        InputError: there is none.
    """
    if name not in list(Spaces):
        raise InputError(f"Tokens are joined by the rule {' or '.join(Spaces)}, and {name[:40]!r} is none.")
    return Spaces(name)
