"""What the formats share: one example, the opinions on it, and how odd values are told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

#: how "belongs to none of the classes" is written where a format has no word for it
NONE_OF_THESE = "none of these"
#: who our joined labels are from, in formats that name a model; never read back as an opinion of its own
OURS = "homegrown"
MAX_LABEL_CHARS = 1000


class Misshapen(Exception):  # noqa: N818 (it is no error of the program; the item is set aside with its sentence)
    """An item is not of the shape that its format has. The sentence says what is wrong with it."""


class Opinion(NamedTuple):
    """What one author says of one text.

    Attributes:
        labels: names of classes; empty when none of them applies, None for an abstention.
        author: of whom; empty where the file does not say.
        is_person: a person, not a model.
    """

    labels: tuple[str, ...] | None
    author: str = ""
    is_person: bool = True
    confidence: float | None = None


class Example(NamedTuple):
    """One text of a file with the opinions on it.

    Attributes:
        fields: what else the file says of it.
        record_id: of ours, where the file was exported here.
    """

    text: str
    opinions: tuple[Opinion, ...]
    fields: dict[str, Any]
    record_id: str | None = None


class Exported(NamedTuple):
    """One record as it is written.

    Attributes:
        labels: names of its classes; empty when it belongs to none, None when it has no label.
        prob: of the label.
        opinions: the votes of which the label was made.
    """

    record_id: str
    text: str
    labels: tuple[str, ...] | None
    prob: float | None
    opinions: tuple[Opinion, ...]

    @property
    def by_people(self) -> list[tuple[str, tuple[str, ...]]]:
        """What people chose: author and names of classes, abstentions left out."""
        return [(o.author, o.labels) for o in self.opinions if o.is_person and o.labels is not None]


class Format(Protocol):
    """One format.

    Attributes:
        name: on the command line.
        is_list: the file is one JSON array; otherwise a JSON document per line.
    """

    name: str
    is_list: bool

    def fits(self, item: dict[str, Any]) -> bool:
        """Whether *item* has what only this format has."""
        ...

    def read(self, item: dict[str, Any]) -> Example:
        """One item.

        Raises:
            Misshapen: it is not of this format's shape.
        """
        ...

    def write(self, record: Exported, question: str, classes: tuple[str, ...]) -> Iterator[dict[str, Any]]:
        """The items for one record; none where the format cannot say it."""
        ...


def text_key(fields: dict[str, Any]) -> str:
    """Which of *fields* holds the text: ``text``, else the first that holds a string."""
    if isinstance(fields.get("text"), str):
        return "text"
    return next((k for k, v in fields.items() if isinstance(v, str)), "text")


def the_text(value: Any, where: str) -> str:
    """A text, or ``Misshapen``."""
    if not isinstance(value, str):
        raise Misshapen(f"there is no text in {where!r}")
    if not value.strip():
        raise Misshapen(f"the text in {where!r} is empty")
    return value


def the_labels(value: Any, where: str) -> tuple[str, ...]:
    """Names of classes from a string or a list of them; the words for "none of these" are no class.

    Raises:
        Misshapen: something else stands there.
    """
    named = value if isinstance(value, list) else [value]
    if not all(isinstance(n, str) and n.strip() and len(n) <= MAX_LABEL_CHARS for n in named):
        raise Misshapen(f"{where!r} holds no names of classes")
    return tuple(dict.fromkeys(n for n in named if n != NONE_OF_THESE))


def written(labels: tuple[str, ...]) -> list[str]:
    """Labels as the formats have them that know no empty answer."""
    return list(labels) or [NONE_OF_THESE]


def a_dict(value: Any) -> dict[str, Any]:
    """*value* if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def a_list(value: Any) -> list[Any]:
    """*value* if it is a JSON array, else an empty one."""
    return value if isinstance(value, list) else []


def a_name(value: Any) -> str:
    """Who it is, from what formats write there: a name, a number, or an object with one."""
    if isinstance(value, dict):
        named = (value.get(k) for k in ("email", "username", "name", "id"))
        value = next((v for v in named if isinstance(v, (str, int))), "")
    return str(value).strip()[:200] if isinstance(value, (str, int)) and not isinstance(value, bool) else ""


def a_prob(value: Any) -> float | None:
    """A probability, where one stands there."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value <= 1 else None


def our_id(value: Any) -> str | None:
    """A record id of ours, where one stands there."""
    is_one = isinstance(value, str) and len(value) == 32 and all(c in "0123456789abcdef" for c in value)
    return value if is_one else None
