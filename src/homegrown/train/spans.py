"""Trainers of models that find spans: patterns, a CRF, heads on the frozen encoder, and the encoder trained too.

Each is fitted on training texts and judged on validation texts, which calibrate it and draw its line; the final fit
sees both. The report stays that of the judged model.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from homegrown.core.models import Fitted, Recipe
from homegrown.errors import InputError
from homegrown.inference.encoder import Encoder
from homegrown.inference.encoder_choice import has_bf16
from homegrown.inference.span_base import ChainSpans
from homegrown.inference.span_head import HeadShape, features
from homegrown.inference.span_models import EncoderSpans, MixedSpans
from homegrown.train.encoder_files import write_encoder
from homegrown.train.encoder_net import EncoderNet
from homegrown.train.options import parse_options
from homegrown.train.span_crf import N_STEPS, STRENGTH, fit_crf, fit_state_crf
from homegrown.train.span_data import choose_words, prepare, types_within_lines
from homegrown.train.span_net import HeadSchedule, WordTable, fit_head
from homegrown.train.span_patterns import fit_patterns
from homegrown.train.span_readout import best_f1, fit_readout, report_spans
from homegrown.train.span_tune import PieceTokens, TuneSchedule, tune

if TYPE_CHECKING:
    from pathlib import Path

    from homegrown.core.protocols import Progress
    from homegrown.inference.span_base import SpanModel
    from homegrown.inference.span_decoding import Tagging
    from homegrown.inference.words import Grain
    from homegrown.train.span_data import Prepared, SpanExamples
    from homegrown.train.span_net import HeadNet

RUNGS = ("patterns", "crf", "linear", "finetune")
LEAST_STEPS, LEAST_EPOCHS, MOST_EPOCHS = 450, 3, 30
FEW_TEXTS = 2000
#: of the CRF in the scores of ``linear``; fewer spans on either side cannot tell, then there are the heads alone
SHARES, LEAST_TELLING = (0.0, 0.3, 0.5, 0.7, 1.0), 40


@dataclass(frozen=True, slots=True)
class SpanOptions:
    """Options of all four; each reads its own.

    Attributes:
        rung: ``patterns``, ``crf``, ``linear`` (heads on the frozen encoder) or ``finetune`` (the encoder too).
        epochs: passes of a head; by default so many that it makes about 450 steps, 3 to 30.
        rate: peak learning rate of a head.
        batch: stretches of text per step; by default 16, from 2,000 texts on 32.
        n_heads: heads that are averaged (``linear``).
        layers: first and last layer whose states are averaged; by default all but the last and the lowest sixth.
        tune_epochs / tune_rate: of the encoder (``finetune``).
        n_fixed: lower layers that stay as they are (``finetune``).
        strength / n_steps: penalty and most steps of the CRF.
        crf: share of the CRF in the scores of ``linear``, 0 (the heads alone) to 1; by default that which finds most
            on training and validation texts, each judged by what the others taught.
        precision: of the matrix products while the encoder is trained; by default what the processor has.
        refit: whether to fit again on the validation texts too, once they have judged.
    """

    rung: Literal["patterns", "crf", "linear", "finetune"] = "linear"
    epochs: int | None = None
    rate: float = 2e-3
    batch: int | None = None
    n_heads: int = 1
    layers: tuple[int, int] | None = None
    tune_epochs: int = 3
    tune_rate: float = 1e-4
    n_fixed: int = 2
    strength: float = STRENGTH
    n_steps: int = N_STEPS
    crf: float | None = None
    precision: Literal["fp32", "bf16"] | None = None
    refit: bool = True


def fit_spans(
    train: SpanExamples,
    valid: SpanExamples,
    options: dict[str, Any],
    *,
    seed: int,
    folder: Path,
    encoder: Encoder,
    progress: Progress,
) -> Fitted:
    """Fit a model that finds spans and write its bundle into ``folder / "bundle"``.

    Args:
        train: texts to learn from, with all their spans.
        valid: texts that judge, calibrate and draw the line; may be empty, then nothing is known of the model.
        options: see ``SpanOptions``; unknown ones are refused all at once.
        seed: the only source of chance.
        folder: of the run.
        encoder: that reads texts, frozen.
        progress: told at each step; may stop the run.

    Raises:
        EmptyDataError: there is no text.
        UnsuitableLabelsError: no text has a span.
        InputError: an option is wrong, or a span lies outside its text.
    """
    chosen = parse_options(SpanOptions, "spans", options)
    started, used = time.monotonic(), time.process_time()
    both = train.plus(valid)
    tagging, grain = choose_words(both)
    chosen = _decided(chosen, len(train), encoder.n_layers)
    fitter = _Fitter(chosen, tagging, grain, seed, folder / "spans", encoder, progress)
    judge = prepare(valid, tagging, grain) if len(valid) else None
    model = fitter.fit(prepare(train, tagging, grain), "judge", judge)
    chosen = replace(chosen, crf=fitter.share)
    report: dict[str, Any] = {}
    if judge is not None:
        raw, absent = model.raw(valid.texts, judge.words)
        model.readout = fit_readout(raw, valid.spans, absent, model.types)
        report = report_spans(model.readout, raw, valid.spans)
    whole = prepare(both, tagging, grain)
    if chosen.refit and len(valid):
        readout, model = model.readout, fitter.fit(whole, "final", None)
        model.readout = readout
    bundle = folder / "bundle"
    model.save(bundle)
    shutil.rmtree(folder / "spans", ignore_errors=True)
    report |= {
        "seconds": time.monotonic() - started,
        "processor_seconds": time.process_time() - used,
        "size_bytes": sum(p.stat().st_size for p in bundle.rglob("*") if p.is_file()),
        "grain": grain,
        "warnings": _warnings(whole, len(valid)),
    }
    return Fitted(bundle, Recipe("spans", asdict(chosen), seed), report)


def _decided(options: SpanOptions, n_texts: int, n_layers: int) -> SpanOptions:
    batch = options.batch or (16 if n_texts < FEW_TEXTS else 32)
    needed = -(-LEAST_STEPS * batch // max(n_texts, 1))
    lowest = max(1, n_layers // 3)
    first, last = options.layers or (lowest, max(lowest, n_layers - 1))
    if not 1 <= first <= last <= n_layers:
        raise InputError(f"The encoder has layers 1 to {n_layers}; {first} to {last} cannot be averaged.")
    return replace(
        options,
        epochs=options.epochs or int(np.clip(needed, LEAST_EPOCHS, MOST_EPOCHS)),
        batch=batch,
        layers=(first, last),
        n_fixed=min(options.n_fixed, first),
        precision=options.precision or ("bf16" if has_bf16() else "fp32"),
    )


def _warnings(whole: Prepared, n_valid: int) -> list[str]:
    found = []
    if whole.n_lost:
        found.append(
            f"{whole.n_lost:,} spans overlap a longer one or hold no word, and were not learnt: this model finds spans "
            "that do not overlap."
        )
    if not n_valid:
        found.append("There are no validation texts, so nothing is known of how good the model is.")
    return found


@dataclass(frozen=True, slots=True)
class _Side:
    """Texts made ready, and what is seen of their words."""

    data: Prepared
    table: WordTable


def _found(parts: tuple[EncoderSpans, ChainSpans], taught: _Side, judge: _Side) -> list[float]:
    """F1 on the texts of *judge* for each share of the second; *taught* is what both learnt from."""
    texts, words = judge.data.examples.texts, judge.data.words
    parts[0].within_lines = types_within_lines(taught.data.examples)
    states = np.asarray(judge.table.states, np.float32)
    scores = [parts[0].bound(part.scores(texts, words, states), words) for part in parts]
    found = []
    for share in SHARES:
        model = MixedSpans(parts, share)
        mixed = [(1 - share) * a + share * b for a, b in zip(*scores, strict=True)]
        found.append(best_f1(model.tagging.candidates(model.chain, mixed, words), judge.data.examples.spans))
    return found


class _Fitter:
    def __init__(
        self,
        options: SpanOptions,
        tagging: Tagging,
        grain: Grain,
        seed: int,
        scratch: Path,
        encoder: Encoder,
        progress: Progress,
    ) -> None:
        self.options, self.tagging, self.seed = options, tagging, seed
        self.grain: Grain = grain
        self.layers, self.batch = options.layers or (1, 1), options.batch or 1
        self.scratch, self.encoder, self.progress = scratch, encoder, progress
        self.share = options.crf if options.rung == "linear" else None

    def fit(self, data: Prepared, name: str, judge: Prepared | None) -> SpanModel:
        """A model of *data*; *judge* helps to choose what is left open, once."""
        model = self._fit(data, name, judge)
        if isinstance(model, ChainSpans):
            model.within_lines = types_within_lines(data.examples)
        return model

    def _fit(self, data: Prepared, name: str, judge: Prepared | None) -> SpanModel:
        o = self.options
        if o.rung == "patterns":
            return fit_patterns(data, self.tagging, self.grain)
        if o.rung == "crf":
            return self._crf(data, None)
        table = self._table(data)
        if o.rung == "finetune":
            return self._tuned(data, table, name)
        return self._mixed(_Side(data, table), judge)

    def _mixed(self, side: _Side, judge: Prepared | None) -> SpanModel:
        known = 0 if judge is None else min(judge.examples.n_spans, side.data.examples.n_spans)
        if self.share is None and known < LEAST_TELLING:
            self.share = 0.0
        if self.share == 1.0:
            return self._crf(side.data, side.table.states)
        heads = self._heads(side)
        if self.share == 0.0:
            return heads
        crf = self._crf(side.data, side.table.states)
        if self.share is None and judge is not None:
            self.share = self._best_share((heads, crf), side, judge)
        share = self.share or 0.0
        return heads if share == 0.0 else crf if share == 1.0 else MixedSpans((heads, crf), share)

    def _best_share(self, parts: tuple[EncoderSpans, ChainSpans], side: _Side, judge: Prepared) -> float:
        """That with which most is found where *side* teaches and *judge* judges, and the other way round.

        Both ways count the same, for what is best has to be so for other texts than those that happen to judge.
        """
        other = _Side(judge, self._table(judge))
        back = self._heads(other, len(side.data.words) / len(judge.words)), self._crf(judge, other.table.states)
        each = [_found(parts, side, other), _found(back, other, side)]
        return SHARES[int(np.argmax(np.mean(each, 0)))]

    def _heads(self, side: _Side, longer: float = 1.0) -> EncoderSpans:
        heads = [self._head(side.table, self.seed + i, longer).finished() for i in range(self.options.n_heads)]
        return EncoderSpans(self.tagging, self.grain, heads, self.layers, self.encoder)

    def _crf(self, data: Prepared, states: np.ndarray | None) -> ChainSpans:
        o = self.options
        self.progress.start("train crf", o.n_steps, "steps")
        how: dict[str, Any] = {"strength": o.strength, "n_steps": o.n_steps, "told": self.progress.advance}
        if states is None:
            model = fit_crf(data, self.tagging, self.grain, **how)
        else:
            model = fit_state_crf(data, self.tagging, self.grain, states, self.layers, self.encoder, **how)
        self.progress.finish()
        return model

    def _table(self, data: Prepared) -> WordTable:
        self.progress.start("read the texts", None)
        states = self.encoder.word_states(data.examples.texts, data.words, self.layers).astype(np.float16)
        self.progress.finish()
        buckets, places = features(data.words, data.examples.texts, self._shape().bits)
        return WordTable(states, buckets, places, data.all_tags, data.pieces)

    def _shape(self) -> HeadShape:
        return HeadShape(self.encoder.dim, self.tagging.n_tags)

    def _head(self, table: WordTable, seed: int, longer: float = 1.0) -> HeadNet:
        o = self.options
        epochs = min(MOST_EPOCHS, round((o.epochs or LEAST_EPOCHS) * max(1.0, longer)))
        schedule = HeadSchedule(epochs, o.rate, self.batch)
        self.progress.start("train a head", schedule.epochs * -(-len(table.pieces) // self.batch), "steps")
        net = fit_head(table, self._shape(), self.tagging, schedule, seed, self._told)
        self.progress.finish()
        return net

    def _tuned(self, data: Prepared, table: WordTable, name: str) -> SpanModel:
        o = self.options
        head = self._head(table, self.seed)
        net = EncoderNet(self.encoder.folder, o.n_fixed)
        net.half = o.precision == "bf16"
        tokens = PieceTokens(data, self.encoder, net)
        schedule = TuneSchedule(o.tune_epochs, o.tune_rate, batch=self.batch)
        self.progress.start("train the encoder", schedule.epochs * -(-len(table.pieces) // self.batch), "steps")
        tune(net, head, tokens, table, self.layers, schedule, self.seed, self._told)
        self.progress.finish()
        path = write_encoder(net, self.encoder.folder, self.scratch / name)
        own = Encoder.load(path)
        return EncoderSpans(self.tagging, self.grain, [head.finished()], self.layers, own, path)

    def _told(self, loss: float) -> None:
        self.progress.advance(1, loss=round(loss, 3))
