"""Models that find spans, each kind, and how they are read back (safetensors and JSON)."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from safetensors.numpy import load_file

from homegrown.core.spans import ScoredSpan
from homegrown.errors import CorruptDataError
from homegrown.inference.encoder import Encoder
from homegrown.inference.span_base import FACTS, WEIGHTS, ChainSpans, SpanModel, SpanReadout
from homegrown.inference.span_crf import CrfSpans, StateCrfSpans
from homegrown.inference.span_decoding import LEAST_PROB, Tagging
from homegrown.inference.span_head import HeadShape, SpanHead, features
from homegrown.inference.word_features import number_of, own_hashes, short_shape_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from homegrown.inference.words import Grain, Words

ENCODER = "encoder"
ENDS = ("transition", "start", "end")


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
        ends = {n: np.mean([h.arrays[n] for h in heads], 0) for n in ENDS}
        super().__init__(tagging, grain, ends, readout)
        self.heads, self.layers, self.encoder, self.own = tuple(heads), layers, encoder, own

    def states(self, texts: list[str], words: list[Words]) -> np.ndarray:
        """float32 [n_words in all, dim]."""
        return self.encoder.word_states(texts, words, self.layers)

    def scores(self, texts: list[str], words: list[Words], states: np.ndarray | None = None) -> list[np.ndarray]:
        """Float [n_words, n_tags] for each text."""
        lengths = np.array([len(w) for w in words], int)
        states = self.states(texts, words) if states is None else states
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

    def states(self, texts: list[str], words: list[Words]) -> np.ndarray | None:
        """Those of the first, which both read."""
        return self.parts[0].states(texts, words)

    def scores(self, texts: list[str], words: list[Words], states: np.ndarray | None = None) -> list[np.ndarray]:
        """Float [n_words, n_tags] for each text."""
        states = self.states(texts, words) if states is None else states
        first, second = (part.scores(texts, words, states) for part in self.parts)
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
        ends = {n: arrays[n] for n in ENDS}
        return CrfSpans(tagging, grain, arrays["buckets"], arrays["weight"].astype(np.float32), ends, readout)
    if facts["kind"] == StateCrfSpans.kind:
        first, last = facts["layers"]
        return StateCrfSpans(
            tagging,
            grain,
            arrays["buckets"],
            arrays["weight"].astype(np.float32),
            {n: arrays[n] for n in ENDS},
            mean=arrays["mean"],
            scale=arrays["scale"],
            state_weight=arrays["state_weight"].astype(np.float32),
            layers=(first, last),
            encoder=encoder or Encoder.load(),
            readout=readout,
        )
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
