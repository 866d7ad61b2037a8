"""The wordings of prompts in a sample of calls, and the matcher that tells which of them a call is."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from homegrown.core.ids import canonical_json, digest
from homegrown.core.traffic import Frame, Variant
from homegrown.monitor.frames import LEAST, frames_of, marks_of
from homegrown.monitor.readout import whole_records

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from homegrown.monitor.turns import Said

MOST_CONSTANT = 30  # systems that share a frame and are each used often: as many may be tasks of their own
LEAST_CONSTANT = 0.6
_SLOT_CHARS = 80
_KEPT = 20_000
_ALL = Frame(("", ""))


class Match(NamedTuple):
    """The wording of a call, and what stands in the slots of its last turn (of its system, where the turn has none)."""

    variant: Variant
    values: tuple[str, ...]

    @property
    def text(self) -> str:
        """What the model is asked about: the parts that change, examples left out."""
        parts = list(self.values)
        if parts and self.variant.marks:
            parts[-1] = _after_examples(parts[-1], self.variant.marks)
        return "\n".join(p for p in map(str.strip, parts) if p)


def _after_examples(text: str, marks: tuple[str, str]) -> str:
    """What follows the last mark of a text, where answers stand between."""
    left, right = marks
    if "\n" + right not in text:
        return text
    at = text.rfind("\n" + left)
    return text[at + 1 + len(left) :] if at >= 0 else text


class Matcher:
    """Tells the wording of a call, one lookup and a few comparisons each.

    Args:
        variants: earlier ones win over later ones, and of one system those with more constant text.
    """

    def __init__(self, variants: Iterable[Variant]) -> None:
        self._exact: dict[tuple[str, str], list[Variant]] = defaultdict(list)
        self._slotted: dict[str, list[Variant]] = defaultdict(list)
        self._seen: dict[tuple[str, str], list[Variant]] = {}
        for variant in variants:
            if variant.system.n_slots:
                self._slotted[variant.setting].append(variant)
            else:
                self._exact[variant.setting, variant.system.constants[0]].append(variant)

    def match(self, said: Said) -> Match | None:
        """The wording of a call; None where it is none of those."""
        for variant in self._candidates(said):
            if variant.model and variant.model != said.model:
                continue
            values = variant.user.values(said.user)
            if values is not None:
                return Match(variant, values if values or not variant.system.n_slots else self._inside(variant, said))
        return None

    @staticmethod
    def _inside(variant: Variant, said: Said) -> tuple[str, ...]:
        return variant.system.values(said.system) or ()

    def _candidates(self, said: Said) -> list[Variant]:
        at = said.setting, said.system
        found = self._seen.get(at)
        if found is None:
            slotted = [v for v in self._slotted[said.setting] if v.system.values(said.system) is not None]
            found = [*self._exact.get(at, ()), *slotted]
            if len(self._seen) >= _KEPT:
                self._seen.clear()
            self._seen[at] = found
        return found


def wordings_in(sample: Sequence[Said], enums: dict[str, dict[str, tuple[str, ...]]]) -> list[Variant]:
    """The wordings of some calls: those that ``LEAST`` of them share.

    Args:
        sample: calls.
        enums: what the answers' schemas allow, by their digest.
    """
    found = []
    for setting, some in _by_setting(sample):
        systems = system_frames(Counter(s.system for s in some))
        exact = {f.constants[0]: f for f in systems if not f.n_slots}
        slotted = [f for f in systems if f.n_slots]
        inside: dict[Frame, list[Said]] = defaultdict(list)
        for said in some:
            frame = exact.get(said.system) or next((f for f in slotted if f.values(said.system) is not None), None)
            if frame is not None:
                inside[frame].append(said)
        for frame, calls in inside.items():
            found += _of_system(setting, frame, calls, enums.get(setting, {}))
    return found


def _of_system(setting: str, system: Frame, calls: list[Said], enums: dict[str, tuple[str, ...]]) -> list[Variant]:
    frames = frames_of((s.user for s in calls), is_told=system.n_constant > 0)
    frames = whole_records(frames, calls, is_told=system.n_constant > 0)
    counts: Counter[Frame] = Counter()
    models: Counter[str] = Counter()
    for said in calls:
        frame = next((f for f in frames if f.values(said.user) is not None), None)
        if frame is not None:
            counts[frame] += 1
            models[said.model] += frame == _ALL
    found = []
    for frame in frames:
        if counts[frame] < LEAST:
            continue
        is_bare = frame == _ALL and not system.n_constant and not setting
        names = [m for m, n in models.items() if n >= LEAST] if is_bare else [""]
        found += [variant_of(setting, name, system, frame, enums) for name in names]
    return found


def variant_of(
    setting: str, model: str, system: Frame, user: Frame, enums: dict[str, tuple[str, ...]] | None = None
) -> Variant:
    """A wording with its key."""
    key = "wording_" + digest(canonical_json([setting, model, system.constants, user.constants]))[:20]
    marks = marks_of(user.constants[-2], user.constants[-1]) if user.n_slots else None
    return Variant(key, setting, model, system, user, marks, enums or {})


def system_frames(counts: Counter[str]) -> list[Frame]:
    """What the system says in some calls: texts that are used as they are, and frames of those that change.

    Texts that differ in figures alone (a date) are one frame. Few texts, each used often, may be tasks of their own
    however much they share, so they stay apart; the answers tell later whether they are one.
    """
    slotted = [f for f in frames_of(counts) if f.n_slots and f.n_constant]
    found, covered = [], set[str]()
    for frame in slotted:
        members = [t for t in counts if t not in covered and frame.values(t) is not None]
        if members and _is_frame(frame, members, counts):
            found.append(frame)
            covered.update(members)
    for text, n in counts.most_common():
        if text not in covered and n >= LEAST:
            found.append(Frame((text,)))
    return found


def _is_frame(frame: Frame, members: list[str], counts: Counter[str]) -> bool:
    if frame.n_constant < LEAST_CONSTANT * median(map(len, members)):
        return False
    if len({re.sub(r"\d+", "0", m) for m in members}) == 1:
        return True
    values = [v for m in members for v in frame.values(m) or ()]
    if median(map(len, values)) > _SLOT_CHARS:
        return False
    return len(members) > MOST_CONSTANT or any(counts[m] < LEAST for m in members)


def _by_setting(sample: Sequence[Said]) -> list[tuple[str, list[Said]]]:
    groups: dict[str, list[Said]] = defaultdict(list)
    for said in sample:
        groups[said.setting].append(said)
    return list(groups.items())
