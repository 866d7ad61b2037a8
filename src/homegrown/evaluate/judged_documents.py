"""Documents that two models gave of the same calls, judged by people: which fields are right, and the whole.

Of a drawn call it is kept what each of both said by field, and of what people settled only whether each was right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SAME, OURS, THEIRS = "the same", "ours", "theirs"
"""As what the two say, where only it counts whether they say the same."""
_OTHER, _BOTH = "something else", "both"


class SaidOfCall(msgspec.Struct, frozen=True):
    """What one of both said of a drawn call.

    Attributes:
        fields: answers by name (``core.schema``); None: it is not there; a field that was not understood is left out.
        rest_differs: whether what stands beside the fields, and no model gives, is otherwise than ever.
    """

    fields: dict[str, dict[str, Any] | None]
    rest_differs: bool = False


class FieldPair(NamedTuple):
    """One field of a call: whether both say the same, and who is right; None where people have not settled that."""

    agrees: bool
    ours: bool | None = None
    theirs: bool | None = None


class Marks(NamedTuple):
    """A call as ``evaluate.shadowed.Pair`` has it, with marks instead of words.

    Attributes:
        right: whether ours, and theirs, is right; None where nobody has settled that.
    """

    answer: str
    upstream: str
    gold: str | None
    right: tuple[bool, bool] | None


def kept_said(said: SaidOfCall) -> str:
    """As it is kept with the drawn call."""
    return msgspec.json.encode(said, enc_hook=lambda scalar: scalar.item()).decode()


def said_kept(kept: str | None) -> SaidOfCall | None:
    """What is kept of it; None where nothing is, or where something in it was forgotten since."""
    try:
        return None if kept is None else msgspec.json.decode(kept, type=SaidOfCall)
    except msgspec.MsgspecError:
        return None


def field_pairs(told: str | None, gold: str | None) -> dict[str, FieldPair]:
    """The fields of a call by name.

    Args:
        told: by name whether both say the same, and how sure ours is; JSON.
        gold: by name whether ours is right, and theirs, of the fields that people settled; JSON.

    Example:
        >>> field_pairs('{"who": [true, 0.9], "day": [false, 0.8]}', '{"day": [true, false]}')["day"]
        FieldPair(agrees=False, ours=True, theirs=False)
    """
    agreed = msgspec.json.decode(told or "{}", type=dict[str, tuple[bool, float]])
    settled = msgspec.json.decode(gold or "{}", type=dict[str, tuple[bool, bool]])
    return {name: FieldPair(agrees, *settled.get(name, (None, None))) for name, (agrees, _) in agreed.items()}


def whole(fields: Mapping[str, FieldPair], *, rest_differs: bool = False) -> tuple[bool | None, bool | None]:
    """Whether our document, and theirs, is right as a whole; None where that hangs on a field that is not settled.

    It is where every field is; one field that is wrong suffices for wrong. What stands beside the fields no person is
    asked about: where it is otherwise than ever ours is wrong.

    Example:
        >>> whole({"who": FieldPair(True), "day": FieldPair(False, False, True)})
        (False, None)
    """
    ours = False if rest_differs else _all(f.ours for f in fields.values())
    return ours, _all(f.theirs for f in fields.values())


def marks(*, agrees: bool, ours: bool | None, theirs: bool | None) -> Marks:
    """Marks that are equal exactly where the answers mean the same.

    Example:
        >>> marks(agrees=False, ours=False, theirs=True)
        Marks(answer='ours', upstream='theirs', gold='theirs', right=(False, True))
    """
    said = (SAME, SAME) if agrees else (OURS, THEIRS)
    if ours is None or theirs is None:
        return Marks(*said, None, None)
    if agrees:
        return Marks(*said, SAME if ours else _OTHER, (ours, ours))
    gold = {(True, True): _BOTH, (True, False): OURS, (False, True): THEIRS}.get((ours, theirs), _OTHER)
    return Marks(*said, gold, (ours, theirs))


def _all(some: Iterable[bool | None]) -> bool | None:
    """Three-valued and."""
    known = list(some)
    return False if False in known else None if None in known else True
