"""The sentence encoder: texts to unit vectors."""

from __future__ import annotations

import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from homegrown.inference.encoder_choice import make_engine, workers
from homegrown.inference.encoder_folder import bundled_folder, open_folder
from homegrown.inference.encoder_tokens import Reading, Tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from homegrown.core.protocols import Progress
    from homegrown.inference.encoder_choice import Engine
    from homegrown.inference.encoder_folder import EncoderFolder
    from homegrown.inference.encoder_tokens import Located, Window
    from homegrown.inference.words import Words

__all__ = ["Encoder", "bundled_folder"]

CHUNK = 4096
STATE_CHUNK = 512
LEAST_BATCH_TOKENS = 64


class Encoder:
    """Pooled, normalised sentence vectors; safe to share between threads.

    A text longer than one window is read in windows whose vectors are averaged by their tokens. With ``int16`` a text
    has the same bits whatever it is batched with; with ``fp32`` the last digits may differ (below 1e-5).

    Args:
        folder: the encoder on disk.
        precision: ``auto`` (measured here once), ``int16``, ``bf16`` or ``fp32``.

    Attributes:
        fingerprint: names what the vectors depend on: weights, pooling, window length, precision.
        n_layers: how many there are.
        reading: what was read since it was loaded.

    Example:
        >>> Encoder.load().encode(["where is my card?"]).shape  # doctest: +SKIP
        (1, 384)
    """

    def __init__(self, folder: EncoderFolder, precision: str = "auto") -> None:
        self._tokens = Tokens(folder)
        self._engine: Engine = make_engine(folder, self._tokens, precision)
        self.folder = folder.path
        self.precision, self.dim = self._engine.precision, self._engine.hidden
        self.n_layers = int(folder.config.get("num_hidden_layers") or 1)
        self.fingerprint = (
            f"{folder.name}_{folder.digest[:8]}_{folder.pooling}_{folder.max_tokens}_{self._engine.precision}"
        )
        self.reading = Reading()
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None

    @classmethod
    def load(
        cls,
        source: str | Path | None = None,
        *,
        precision: str = "auto",
        max_tokens: int | None = None,
        is_offline: bool = False,
    ) -> Encoder:
        """The bundled encoder, a folder in sentence-transformers' or transformers' layout, or a hub id.

        The same weights asked for twice are the same object: models that share an encoder share its memory.
        """
        folder = open_folder(source, max_tokens, is_offline=is_offline)
        key = (folder.path, folder.digest, folder.pooling, folder.max_tokens, precision)
        with _LOADING:
            found = _LOADED.get(key)
            if found is None:
                found = _LOADED[key] = cls(folder, precision)
        return found

    def encode(self, texts: list[str], progress: Progress | None = None) -> np.ndarray:
        """float32 [n, dim], rows of length 1, in the order of *texts*."""
        return self.encode_with_report(texts, progress)[0]

    def encode_with_report(self, texts: list[str], progress: Progress | None = None) -> tuple[np.ndarray, Reading]:
        """As ``encode``, and what of *texts* was read."""
        vectors = np.zeros((len(texts), self.dim), np.float32)
        total = Reading()
        for start in range(0, len(texts), CHUNK):
            windows, owners, reading = self._tokens.windows(texts[start : start + CHUNK])
            total += reading
            lengths = np.array([len(w) for w in windows], np.float32)
            first = np.concatenate([[True], owners[1:] != owners[:-1]])
            for chosen, pooled in self._run(windows, self._engine.run):
                # Batches may split a long text's windows; the sum of parts is the same in any order of batches.
                np.add.at(vectors, start + owners[chosen], pooled * lengths[chosen, None])
                if progress is not None:
                    progress.advance(int(first[chosen].sum()))
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        with self._lock:
            self.reading += total
        return vectors, total

    def word_states(self, texts: list[str], words: list[Words], layers: tuple[int, int]) -> np.ndarray:
        """float32 [n_words in all, dim]: of each word the mean of its tokens, each the mean over *layers*.

        A text longer than a window is read in windows that overlap by a quarter, a word where most stands around it. A
        word that has no token (a control character, or one beyond a million characters) gets zeros.

        Args:
            texts: n texts.
            words: of each.
            layers: the first and the last, counted from 1; layers above the last are not run.
        """
        parts = [np.zeros((0, self.dim), np.float32)]
        for start in range(0, len(texts), STATE_CHUNK):
            located = self._tokens.located(texts[start : start + STATE_CHUNK])
            states = self._token_states([one.ids for one in located], layers)
            stops = np.cumsum([len(one.ids) for one in located])
            for one, stop, place in zip(located, stops, words[start : start + STATE_CHUNK], strict=True):
                parts.append(one.means(states[stop - len(one.ids) : stop], place))
        return np.concatenate(parts)

    def located(self, texts: list[str]) -> list[Located]:
        """The tokens of *texts* and where they stand."""
        return self._tokens.located(texts)

    def wrapped(self, ids: np.ndarray) -> np.ndarray:
        """Token *ids* with the special tokens around them."""
        return self._tokens.wrapped(ids)

    def _token_states(self, ids: list[np.ndarray], layers: tuple[int, int]) -> np.ndarray:
        """float32 [n_tokens in all, dim], special tokens left out."""
        windows: list[Window] = []
        offsets: list[int] = []
        total = 0
        for row in ids:
            parts = self._tokens.overlapping(row)
            windows += parts
            offsets += [total] * len(parts)
            total += len(row)
        states = np.zeros((total, self.dim), np.float32)
        if not windows:
            return states

        def work(some: list[np.ndarray]) -> np.ndarray:
            return self._engine.states(some, *layers)

        for chosen, found in self._run([w.ids for w in windows], work):
            at = 0
            for i in chosen:
                window, offset = windows[i], offsets[i]
                begin = at + window.at
                states[offset + window.first : offset + window.last] = found[begin : begin + window.last - window.first]
                at += len(window.ids)
        return states

    def _run(
        self, windows: list[np.ndarray], work: Callable[[list[np.ndarray]], np.ndarray]
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Run *windows* in batches of like length; yields positions and what *work* gives for them."""
        n_workers = workers() if self._engine.parallel else 1
        batches = _batches(windows, self._engine.batch_tokens, n_workers)
        if len(batches) == 1 or n_workers == 1:
            for chosen in batches:
                yield chosen, work([windows[i] for i in chosen])
            return
        pool = self._threads(n_workers)
        waiting = [(chosen, pool.submit(work, [windows[i] for i in chosen])) for chosen in batches]
        try:
            for chosen, future in waiting:
                yield chosen, future.result()
        finally:
            for _, future in waiting:
                future.cancel()

    def _threads(self, n_workers: int) -> ThreadPoolExecutor:
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(n_workers, thread_name_prefix="encoder")
            return self._pool


_LOADED: weakref.WeakValueDictionary[tuple, Encoder] = weakref.WeakValueDictionary()
_LOADING = threading.Lock()


def _batches(windows: list[np.ndarray], most: int, n_workers: int) -> list[np.ndarray]:
    """Positions of *windows* by falling length, cut so that a batch holds about *most* tokens and no core idles."""
    lengths = np.array([len(w) for w in windows])
    order = np.argsort(-lengths, kind="stable")
    total = int(lengths.sum())
    room = max(LEAST_BATCH_TOKENS, min(most, -(-total // n_workers)))
    number = np.maximum(np.cumsum(lengths[order]) - 1, 0) // room
    return np.split(order, np.flatnonzero(np.diff(number)) + 1)
