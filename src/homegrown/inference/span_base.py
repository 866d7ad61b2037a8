"""What all models that find spans share: candidates, calibration, the line, chains of labels, and how they are kept."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from safetensors.numpy import save_file

from homegrown.core.ids import canonical_json
from homegrown.core.spans import ScoredSpan
from homegrown.inference.span_decoding import Tagging, choose
from homegrown.inference.words import LINE_BREAK, words_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from homegrown.inference.words import Grain, Words

WEIGHTS, FACTS = "spans.safetensors", "spans.json"
CHUNK = 1024
LOWEST = -1e4


@dataclass(frozen=True, slots=True)
class SpanReadout:
    """From a span's raw probability to what is said of it.

    Attributes:
        slope / offset: the log-odds that are said are slope * raw + offset (Platt 1999), fitted on validation spans.
        line: a span is an answer from this probability on; the one that found most on validation texts.
        none_slope / none_offset: likewise for the probability that a text has no span of a type.
    """

    slope: float = 1.0
    offset: float = 0.0
    line: float = 0.5
    none_slope: float = 1.0
    none_offset: float = 0.0

    def read(self, raw: np.ndarray) -> np.ndarray:
        """Calibrated probabilities float [n] of raw ones.

        Example:
            >>> SpanReadout(slope=0.5).read(np.array([0.5, 0.9])).round(2).tolist()
            [0.5, 0.75]
        """
        return _read(raw, self.slope, self.offset)

    def read_absence(self, raw: np.ndarray) -> np.ndarray:
        """Calibrated probabilities float, of the shape of *raw*, that there is no span."""
        return _read(raw, self.none_slope, self.none_offset)


def _read(raw: np.ndarray, slope: float, offset: float) -> np.ndarray:
    raw = np.clip(raw, 1e-9, 1 - 1e-9)
    return 1 / (1 + np.exp(-np.clip(slope * np.log(raw / (1 - raw)) + offset, -30, 30)))


class SpanModel(ABC):
    """Finds spans of some types.

    Args:
        tagging: the types.
        grain: what words are.
        readout: calibration and line.
    """

    kind: ClassVar[str]

    def __init__(self, tagging: Tagging, grain: Grain, readout: SpanReadout | None = None) -> None:
        self.tagging = tagging
        self.grain: Grain = grain
        self.readout = readout or SpanReadout()

    @property
    def types(self) -> tuple[str, ...]:
        """Names of the types."""
        return self.tagging.types

    @abstractmethod
    def raw_candidates(self, texts: list[str], words: list[Words]) -> list[list[ScoredSpan]]:
        """Every span that may be meant, overlapping ones too, with its probability before calibration."""

    @abstractmethod
    def raw(self, texts: list[str], words: list[Words]) -> tuple[list[list[ScoredSpan]], np.ndarray]:
        """Likewise, and float [n, n_types] how probable it is that a text has no span of a type."""

    def candidates(self, texts: list[str]) -> list[list[ScoredSpan]]:
        """Every span that may be meant, overlapping ones too, with its calibrated probability, in text order."""
        found: list[list[ScoredSpan]] = []
        for some in _chunks(texts):
            found += self._calibrated(self.raw_candidates(some, [words_of(t, self.grain) for t in some]))
        return found

    def told(self, texts: list[str]) -> tuple[list[list[ScoredSpan]], np.ndarray]:
        """As ``candidates``, and float [n, n_types] the calibrated probability that a text has no span of a type."""
        found: list[list[ScoredSpan]] = []
        absent = [np.zeros((0, len(self.types)))]
        for some in _chunks(texts):
            raw, none = self.raw(some, [words_of(t, self.grain) for t in some])
            found += self._calibrated(raw)
            absent.append(self.readout.read_absence(none))
        return found, np.concatenate(absent)

    def _calibrated(self, raw: list[list[ScoredSpan]]) -> list[list[ScoredSpan]]:
        told = iter(self.readout.read(np.array([s.prob for spans in raw for s in spans])).tolist())
        return [[ScoredSpan(s.start, s.end, s.type, next(told)) for s in spans] for spans in raw]

    def predict(self, texts: list[str], line: float | None = None) -> list[list[ScoredSpan]]:
        """The spans of each text, none overlapping another, from probability *line* (default: the model's) on."""
        line = self.readout.line if line is None else line
        return [choose(spans, line) for spans in self.candidates(texts)]

    @abstractmethod
    def arrays(self) -> dict[str, np.ndarray]:
        """What is kept in safetensors."""

    def facts(self) -> dict[str, Any]:
        """What is kept in JSON, beside what every kind has."""
        return {}

    def save(self, folder: Path) -> None:
        """Write the bundle's files."""
        folder.mkdir(parents=True, exist_ok=True)
        save_file({k: np.ascontiguousarray(v) for k, v in self.arrays().items()}, folder / WEIGHTS)
        facts: dict[str, Any] = {"kind": self.kind, "types": self.types, "grain": self.grain}
        facts["readout"] = asdict(self.readout)
        (folder / FACTS).write_bytes(canonical_json({**facts, **self.facts()}))


class ChainSpans(SpanModel):
    """One whose words have scores for each label, and whose labels have scores for what follows what.

    Args:
        ends: ``transition`` [n_tags, n_tags], ``start`` and ``end`` [n_tags].

    Attributes:
        within_lines: types whose spans never go on after a line break.
    """

    within_lines: tuple[str, ...] = ()

    def __init__(
        self, tagging: Tagging, grain: Grain, ends: dict[str, np.ndarray], readout: SpanReadout | None
    ) -> None:
        super().__init__(tagging, grain, readout)
        self.ends = ends
        self.chain = tagging.chain(ends["transition"], ends["start"], ends["end"])

    def states(self, texts: list[str], words: list[Words]) -> np.ndarray | None:
        """float32 [n_words in all, dim], what an encoder makes of words; None where none is asked."""
        return None

    @abstractmethod
    def scores(self, texts: list[str], words: list[Words], states: np.ndarray | None = None) -> list[np.ndarray]:
        """Float [n_words, n_tags] for each text; *states* where they are known already."""

    def facts(self) -> dict[str, Any]:
        """What may not go on after a line break."""
        return {"within_lines": self.within_lines}

    def raw_candidates(self, texts: list[str], words: list[Words]) -> list[list[ScoredSpan]]:
        """By forward and backward sums over the legal sequences."""
        return self.tagging.candidates(self.chain, self._bounded(texts, words), words)

    def raw(self, texts: list[str], words: list[Words]) -> tuple[list[list[ScoredSpan]], np.ndarray]:
        """By forward and backward sums over the legal sequences."""
        scores = self._bounded(texts, words)
        return self.tagging.candidates(self.chain, scores, words), self.tagging.absence(self.chain, scores)

    def bound(self, scores: list[np.ndarray], words: list[Words]) -> list[np.ndarray]:
        """Scores of texts with spans that may not go on after a line break ruled out."""
        inside = [2 + 2 * self.types.index(t) for t in self.within_lines]
        found = []
        for one, place in zip(scores, words, strict=True):
            broken = np.flatnonzero(place.before == LINE_BREAK)
            if inside and len(broken) > 1:  # the first word of a text always stands behind one
                one = one.copy()
                for tag in inside:
                    one[broken, tag] = LOWEST
            found.append(one)
        return found

    def _bounded(self, texts: list[str], words: list[Words]) -> list[np.ndarray]:
        return self.bound(self.scores(texts, words), words)


def _chunks(texts: list[str]) -> Iterator[list[str]]:
    return (texts[start : start + CHUNK] for start in range(0, len(texts), CHUNK))
