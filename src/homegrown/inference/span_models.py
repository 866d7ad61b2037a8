"""Models that find spans: what they share, and how they are kept (safetensors and JSON)."""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
import numpy as np
from safetensors.numpy import load_file, save_file
from scipy import sparse

from homegrown.core.ids import canonical_json
from homegrown.core.spans import ScoredSpan
from homegrown.errors import CorruptDataError
from homegrown.inference.encoder import Encoder
from homegrown.inference.span_decoding import LEAST_PROB, Tagging, choose
from homegrown.inference.span_head import HeadShape, SpanHead, features
from homegrown.inference.word_features import BITS, number_of, own_hashes, short_shape_of, window_buckets
from homegrown.inference.words import LINE_BREAK, words_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from homegrown.inference.words import Grain, Words

WEIGHTS, FACTS, ENCODER = "spans.safetensors", "spans.json", "encoder"
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

    @abstractmethod
    def scores(self, texts: list[str], words: list[Words]) -> list[np.ndarray]:
        """Float [n_words, n_tags] for each text."""

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


class EncoderSpans(ChainSpans):
    """Heads over the states that an encoder gives to words.

    Args:
        heads: of the same shape; their scores are averaged.
        layers: first and last layer whose states are averaged.
        encoder: that reads the texts.
        own: the encoder's folder, where it was trained for this model; None for the bundled one.
    """

    kind = "encoder"

    def __init__(
        self,
        tagging: Tagging,
        grain: Grain,
        heads: Sequence[SpanHead],
        layers: tuple[int, int],
        encoder: Encoder,
        own: Path | None = None,
        readout: SpanReadout | None = None,
    ) -> None:
        ends = {n: np.mean([h.arrays[n] for h in heads], 0) for n in ("transition", "start", "end")}
        super().__init__(tagging, grain, ends, readout)
        self.heads, self.layers, self.encoder, self.own = tuple(heads), layers, encoder, own

    def scores(self, texts: list[str], words: list[Words]) -> list[np.ndarray]:
        """Float [n_words, n_tags] for each text."""
        lengths = np.array([len(w) for w in words], int)
        states = self.encoder.word_states(texts, words, self.layers)
        told = features(words, texts, self.heads[0].shape.bits)
        total = np.mean([head.scores(states, *told, lengths) for head in self.heads], 0)
        return np.split(total, np.cumsum(lengths)[:-1]) if len(texts) else []

    def arrays(self) -> dict[str, np.ndarray]:
        """Those of the heads, numbered."""
        return {f"{i}.{name}": a for i, head in enumerate(self.heads) for name, a in head.arrays.items()}

    def facts(self) -> dict[str, Any]:
        """Layers and sizes."""
        return super().facts() | {
            "layers": self.layers,
            "n_heads": len(self.heads),
            "shape": asdict(self.heads[0].shape),
        }

    def save(self, folder: Path) -> None:
        """Also the encoder, where it is this model's own."""
        super().save(folder)
        if self.own is not None:
            shutil.copytree(self.own, folder / ENCODER, dirs_exist_ok=True)


class CrfSpans(ChainSpans):
    """A conditional random field over hashed features of words; needs no encoder and no language.

    Args:
        buckets: int32 [n_features], sorted: the features that count.
        weight: float32 [n_features, n_tags].
        ends: ``transition`` [n_tags, n_tags], ``start`` and ``end`` [n_tags].
    """

    kind = "crf"

    def __init__(
        self,
        tagging: Tagging,
        grain: Grain,
        buckets: np.ndarray,
        weight: np.ndarray,
        ends: dict[str, np.ndarray],
        readout: SpanReadout | None = None,
    ) -> None:
        super().__init__(tagging, grain, ends, readout)
        self.buckets, self.weight = buckets, weight
        self._column = np.full(1 << BITS, -1, np.int32)
        self._column[buckets] = np.arange(len(buckets))

    def matrix(self, texts: list[str], words: list[Words]) -> sparse.csr_matrix:
        """float32 [n_words in all, n_features], 1 where a word has the feature."""
        columns = self._column[window_buckets(texts, words)]
        known = columns >= 0
        starts = np.concatenate([[0], np.cumsum(known.sum(1))])
        values = np.ones(int(starts[-1]), np.float32)
        return sparse.csr_matrix((values, columns[known], starts), shape=(len(columns), len(self.buckets)))

    def scores(self, texts: list[str], words: list[Words]) -> list[np.ndarray]:
        """Float [n_words, n_tags] for each text."""
        total = np.asarray(self.matrix(texts, words) @ self.weight)
        return np.split(total, np.cumsum([len(w) for w in words])[:-1]) if len(texts) else []

    def arrays(self) -> dict[str, np.ndarray]:
        """Weights in half precision."""
        return {"buckets": self.buckets, "weight": self.weight.astype(np.float16), **self.ends}


class MixedSpans(ChainSpans):
    """Two that score the same labels, their scores added: what the encoder sees and what the letters say.

    Args:
        parts: of the same types and grain.
        share: of the second, 0 to 1; the first has the rest.
    """

    kind = "mixed"

    def __init__(self, parts: tuple[ChainSpans, ChainSpans], share: float, readout: SpanReadout | None = None) -> None:
        first, second = parts
        ends = {n: (1 - share) * first.ends[n] + share * second.ends[n] for n in first.ends}
        super().__init__(first.tagging, first.grain, ends, readout)
        self.parts, self.share = parts, share

    def scores(self, texts: list[str], words: list[Words]) -> list[np.ndarray]:
        """Float [n_words, n_tags] for each text."""
        first, second = (part.scores(texts, words) for part in self.parts)
        return [(1 - self.share) * a + self.share * b for a, b in zip(first, second, strict=True)]

    def arrays(self) -> dict[str, np.ndarray]:
        """The share; the parts keep theirs in folders of their own."""
        return {"share": np.array([self.share])}

    def save(self, folder: Path) -> None:
        """Also the parts."""
        super().save(folder)
        for number, part in enumerate(self.parts):
            part.save(folder / f"part-{number}")


class PatternSpans(SpanModel):
    """Strings and shapes of words that were spans before.

    Args:
        keys: uint64 [n], sorted: hashes of runs of words or of shapes.
        probs: float32 [n, n_types], how often each was a span of each type.
        longest: words of the longest run.
    """

    kind = "patterns"

    def __init__(
        self,
        tagging: Tagging,
        grain: Grain,
        keys: np.ndarray,
        probs: np.ndarray,
        longest: int,
        readout: SpanReadout | None = None,
    ) -> None:
        super().__init__(tagging, grain, readout)
        self.keys, self.probs, self.longest = keys, probs, longest

    def raw_candidates(self, texts: list[str], words: list[Words]) -> list[list[ScoredSpan]]:
        """Every run of words that is known."""
        return [self._of(text, place) for text, place in zip(texts, words, strict=True)]

    def raw(self, texts: list[str], words: list[Words]) -> tuple[list[list[ScoredSpan]], np.ndarray]:
        """Every run of words that is known; none of a type is as probable as that each of them is wrong."""
        found = self.raw_candidates(texts, words)
        absent = np.ones((len(texts), len(self.types)))
        for row, spans in enumerate(found):
            for one in spans:
                absent[row, self.types.index(one.type)] *= 1.0 - one.prob
        return found, absent

    def _of(self, text: str, words: Words) -> list[ScoredSpan]:
        best: dict[tuple[int, int, int], float] = {}
        first, last, keys = runs_of(words.strings(text), self.longest)
        at = np.minimum(np.searchsorted(self.keys, keys), max(len(self.keys) - 1, 0))
        for i in np.flatnonzero(self.keys[at] == keys) if len(self.keys) else ():
            for kind in np.flatnonzero(self.probs[at[i]] >= LEAST_PROB):
                place = (int(words.starts[first[i]]), int(words.ends[last[i] - 1]), int(kind))
                best[place] = max(best.get(place, 0.0), float(self.probs[at[i], kind]))
        return sorted(ScoredSpan(s, e, self.types[k], p) for (s, e, k), p in best.items())

    def arrays(self) -> dict[str, np.ndarray]:
        """Keys and probabilities."""
        return {"keys": self.keys, "probs": self.probs}

    def facts(self) -> dict[str, Any]:
        """The longest run."""
        return {"longest": self.longest}


def runs_of(strings: list[str], longest: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every run of up to *longest* words, twice: by its words in lower case and by their shapes.

    Returns:
        int [k] the first word, int [k] the one after the last, uint64 [k] a hash.
    """
    words = own_hashes(strings)[:, 0]
    shapes = np.array([number_of(f"shape {short_shape_of(s)} {len(s)}") for s in strings], np.uint64)
    first, last, keys = [], [], []
    for each in (words, shapes):
        total = np.zeros(len(each), np.uint64)
        for size in range(1, min(longest, len(each)) + 1):
            total = total[: len(each) - size + 1] * np.uint64(0x9E3779B97F4A7C15) + each[size - 1 :]
            first.append(np.arange(len(total)))
            last.append(np.arange(len(total)) + size)
            keys.append(total ^ (total >> np.uint64(29)))
    empty = np.zeros(0, np.int64)
    return (
        np.concatenate([empty, *first]),
        np.concatenate([empty, *last]),
        np.concatenate([empty.astype(np.uint64), *keys]),
    )


def _chunks(texts: list[str]) -> Iterator[list[str]]:
    return (texts[start : start + CHUNK] for start in range(0, len(texts), CHUNK))


def load_span_model(folder: Path, encoder: Encoder | None = None) -> SpanModel:
    """Read what ``SpanModel.save`` wrote.

    Args:
        folder: the bundle.
        encoder: the bundled encoder, where it is loaded already.

    Raises:
        CorruptDataError: the files are missing or are of no known kind.
    """
    try:
        facts = msgspec.json.decode((folder / FACTS).read_bytes())
        model = _loaded(folder, facts, encoder)
        if isinstance(model, ChainSpans):
            model.within_lines = tuple(facts.get("within_lines", ()))
    except (OSError, KeyError, TypeError, ValueError, msgspec.DecodeError) as error:
        raise CorruptDataError(f"{folder} holds no model that finds spans: {error}.") from error
    if model is None:
        raise CorruptDataError(
            f"{folder} holds a model of the unknown kind {facts['kind']!r}; a newer homegrown wrote it."
        )
    return model


def _loaded(folder: Path, facts: dict[str, Any], encoder: Encoder | None) -> SpanModel | None:
    arrays = load_file(folder / WEIGHTS)
    tagging, grain = Tagging(tuple(facts["types"])), facts["grain"]
    readout = SpanReadout(**facts["readout"])
    if facts["kind"] == CrfSpans.kind:
        ends = {n: arrays[n] for n in ("transition", "start", "end")}
        return CrfSpans(tagging, grain, arrays["buckets"], arrays["weight"].astype(np.float32), ends, readout)
    if facts["kind"] == PatternSpans.kind:
        return PatternSpans(tagging, grain, arrays["keys"], arrays["probs"], facts["longest"], readout)
    if facts["kind"] == MixedSpans.kind:
        first, second = (load_span_model(folder / f"part-{i}", encoder) for i in range(2))
        if not isinstance(first, ChainSpans) or not isinstance(second, ChainSpans):
            raise CorruptDataError(f"{folder} mixes models that cannot be mixed.")
        return MixedSpans((first, second), float(arrays["share"][0]), readout)
    if facts["kind"] == EncoderSpans.kind:
        shape = HeadShape(**facts["shape"])
        heads = [
            SpanHead(shape, {k.partition(".")[2]: v for k, v in arrays.items() if k.startswith(f"{i}.")})
            for i in range(facts["n_heads"])
        ]
        own = folder / ENCODER if (folder / ENCODER).is_dir() else None
        reads = Encoder.load(own) if own or encoder is None else encoder
        first, last = facts["layers"]
        return EncoderSpans(tagging, grain, heads, (first, last), reads, own, readout)
    return None
