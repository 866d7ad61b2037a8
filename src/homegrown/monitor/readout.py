"""Prompts that have something read out of a document: their frames hold the document whole.

Documents of one kind share more than chance gives them: the letterhead of a shop, the heads of a form's lines. Where
answers quote the text, that is part of what is read, however often it comes.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from homegrown.core.traffic import Frame
from homegrown.monitor.frames import SHORT, common
from homegrown.monitor.spelling import document_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from homegrown.monitor.turns import Said

_LOOKED_AT = 300
_NEARLY, _MOSTLY, _ALIKE = 0.9, 0.5, 0.8
_SHORTEST = 4
_ALL = Frame(("", ""))


def whole_records(frames: list[Frame], calls: Sequence[Said], *, is_told: bool) -> list[Frame]:
    """The frames of a prompt, without those that cut a document to pieces; as they are where nothing is read out.

    Args:
        frames: the most constant first.
        calls: of the prompt.
        is_told: the task was told elsewhere, so that a turn may be nothing but the document.

    Example:
        >>> from homegrown.monitor.turns import Said
        >>> shop = "Corner Shop, 12 Long Road, London"
        >>> said = [Said("t", "", "m", "s", f"{shop} {i}", (), '{"shop": "Corner Shop"}') for i in range(9)]
        >>> whole_records([Frame((shop + " ", ""))], said, is_told=True)
        [Frame(constants=('', ''))]
    """
    quoted = [_quotes(s) for s in calls[:_LOOKED_AT]]
    n_documents = sum(q is not None for q in quoted)
    if n_documents < _NEARLY * len(quoted) or sum(bool(q) for q in quoted) < _MOSTLY * max(n_documents, 1):
        return frames
    # What stands in the middle of a document tells what is what in it.
    whole = list(dict.fromkeys(Frame((f.constants[0], f.constants[-1])) if f.n_slots > 1 else f for f in frames))
    wide = _ALL if is_told else _shared_by([f for f in whole if f.n_slots])
    if wide is not None and wide not in whole and any(f.n_slots for f in whole):
        whole.append(wide)
    mine: dict[Frame, list[set[str]]] = {f: [] for f in whole}
    for said, values in zip(calls, quoted, strict=False):
        frame = next((f for f in whole if f.values(said.user) is not None), None)
        if frame is not None:
            mine[frame].append(values or set())
    kept = []
    for frame in whole:
        wider = [w for w in whole if w != frame and _holds(w, frame)]
        is_usual = any(len(mine[w]) >= _MOSTLY * len(quoted) for w in wider)
        if not (wider and (is_usual or _is_quoted(frame, mine[frame]))):
            kept.append(frame)
    return sorted(kept, key=lambda f: -f.n_constant)


def _shared_by(frames: Sequence[Frame]) -> Frame | None:
    """What several frames share at both ends, by whole lines; None where that is no prompt."""
    if len(frames) < 2:
        return None
    first = _common([f.constants[0] for f in frames])
    last = _common([f.constants[-1][::-1] for f in frames])[::-1]
    first, last = first[: first.rfind("\n") + 1], last[last.find("\n") :] if "\n" in last else ""
    return Frame((first, last)) if len(first) >= SHORT else None


def _common(texts: Sequence[str]) -> str:
    return common(min(texts), max(texts))


def _quotes(said: Said) -> set[str] | None:
    """Values of an answer that stand in the text, in lower case; None where it is no document."""
    document = document_in(said.answer) if said.answer else None
    if document is None:
        return None
    texts = {v.strip().casefold() for v in _texts_of(document)}
    asked = said.user.casefold()
    return {t for t in texts if len(t) >= _SHORTEST and t in asked}


def _texts_of(value: Any) -> Iterator[str]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for part in inner:
        yield from _texts_of(part)
    if isinstance(value, str):
        yield value


def _holds(wide: Frame, narrow: Frame) -> bool:
    """Whether what is of the one frame is of the other too."""
    if wide.n_slots != 1 or not narrow.n_slots or wide.n_constant >= narrow.n_constant:
        return False
    return narrow.constants[0].startswith(wide.constants[0]) and narrow.constants[-1].endswith(wide.constants[-1])


def _is_quoted(frame: Frame, answers: list[set[str]]) -> bool:
    """Whether nearly all answers to a frame's texts quote the same of what all these texts share."""
    shared = "\n".join(frame.constants).casefold()
    counts = Counter(v for values in answers for v in values if v in shared)
    return bool(counts) and counts.most_common(1)[0][1] >= _ALIKE * len(answers)
