"""Texts to token windows: nothing is cut silently, and what the vocabulary does not know is counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from tokenizers import Tokenizer

from homegrown.errors import CorruptDataError

if TYPE_CHECKING:
    from homegrown.inference.encoder_folder import EncoderFolder
    from homegrown.inference.words import Words

MAX_WINDOWS = 128
MAX_CHARACTERS = 1_000_000
FOREIGN_SHARE = 0.4  # English support messages split 5 to 15% of their tokens; German, Spanish, Polish over 40%
FOREIGN_LEAST = 6


@dataclass(frozen=True, slots=True)
class Reading:
    """What an encoder read; add two for both together, subtract for what came in between.

    Attributes:
        n_tokens: of the texts in full, special tokens not counted.
        n_tokens_read: of those, how many reached a vector.
        n_unknown: tokens outside the vocabulary.
        n_windowed: texts longer than one window.
        n_foreign: texts most of whose words the vocabulary has to spell in pieces: another language, or codes.
    """

    n_texts: int = 0
    n_tokens: int = 0
    n_tokens_read: int = 0
    n_unknown: int = 0
    n_windowed: int = 0
    n_foreign: int = 0

    def __add__(self, other: Reading) -> Reading:
        return Reading(*(getattr(self, f) + getattr(other, f) for f in self.__slots__))

    def __sub__(self, other: Reading) -> Reading:
        return Reading(*(getattr(self, f) - getattr(other, f) for f in self.__slots__))

    @property
    def share_read(self) -> float:
        """Share of all tokens that were read; 1.0 when nothing was left out."""
        return self.n_tokens_read / self.n_tokens if self.n_tokens else 1.0

    def warnings(self) -> list[str]:
        """Sentences for a person; none when all is well."""
        found = []
        if self.n_tokens_read < self.n_tokens:
            found.append(
                f"Only {self.share_read:.1%} of the tokens were read: some texts are longer than {MAX_WINDOWS} windows."
            )
        if self.n_unknown > 0.01 * self.n_tokens:
            found.append(f"{self.n_unknown / self.n_tokens:.1%} of the tokens are outside the encoder's vocabulary.")
        if self.n_foreign > 0.05 * self.n_texts:
            found.append(
                f"{self.n_foreign:,} of {self.n_texts:,} texts look foreign to this encoder (another language, or "
                "codes); the lexical recipe or a multilingual encoder may serve better."
            )
        return found


@dataclass(frozen=True, slots=True)
class Located:
    """The tokens of one text, int32 [n] each: ids, and the code points where they begin and end."""

    ids: np.ndarray
    starts: np.ndarray
    ends: np.ndarray

    def of_words(self, words: Words) -> tuple[np.ndarray, np.ndarray]:
        """For each of *words* its first token and the one after its last; a token may belong to two words."""
        return (
            np.searchsorted(self.ends, words.starts, side="right"),
            np.searchsorted(self.starts, words.ends, side="left"),
        )

    def means(self, states: np.ndarray, words: Words) -> np.ndarray:
        """float32 [n_words, dim]: the mean of *states* [n_tokens, dim] over the tokens of each word; 0 without one."""
        first, last = self.of_words(words)
        sizes = np.maximum(last - first, 0)
        if not len(states) or not len(words):
            return np.zeros((len(words), states.shape[1]), np.float32)
        padded = np.concatenate([states, np.zeros((1, states.shape[1]), np.float32)])
        edges = np.stack([first, np.maximum(last, first)], 1).ravel()
        sums = np.add.reduceat(padded, edges, 0)[::2]
        sums[sizes == 0] = 0
        return sums / np.maximum(sizes, 1)[:, None].astype(np.float32)


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of a text's tokens.

    Attributes:
        ids: int32, special tokens included.
        first / last: the tokens of the text that it speaks for, the end exclusive.
        at: where in *ids* the first of them stands.
    """

    ids: np.ndarray
    first: int
    last: int
    at: int


class Tokens:
    """Cuts texts into windows of token ids.

    Args:
        folder: the encoder's folder, with its ``tokenizer.json``.

    Example:
        >>> Tokens(folder).windows(["where is my card?"])[0]  # doctest: +SKIP
        [array([ 101, 2073, 2003, 2026, 4003, 1029,  102], dtype=int32)]
    """

    def __init__(self, folder: EncoderFolder) -> None:
        path = folder.path / "tokenizer.json"
        try:
            self._tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # tokenizers raises bare Exception
            raise CorruptDataError(f"{path} cannot be read as a tokenizer: {error}.") from error
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        inner = self._tokenizer.encode("a", add_special_tokens=False).ids
        whole = self._tokenizer.encode("a").ids
        start = whole.index(inner[0])
        self._prefix = np.array(whole[:start], np.int32)
        self._suffix = np.array(whole[start + len(inner) :], np.int32)
        self._n_special = len(whole) - len(inner)
        self._room = folder.max_tokens - self._n_special
        vocabulary = self._tokenizer.get_vocab()
        size = max(vocabulary.values()) + 1
        self._pieces, self._unknown = np.zeros(size, bool), np.zeros(size, bool)
        self._pieces[[i for token, i in vocabulary.items() if token.startswith("##")]] = True
        self._unknown[[vocabulary[t] for t in ("[UNK]", "<unk>") if t in vocabulary]] = True

    def windows(self, texts: list[str]) -> tuple[list[np.ndarray], np.ndarray, Reading]:
        """Token windows of *texts*, in order.

        Returns:
            Windows (int32, special tokens included); for each window the position of its text; what was read.
        """
        heads = [t[:MAX_CHARACTERS] for t in texts]
        coded = self._tokenizer.encode_batch_fast([_storable(t) for t in heads])
        rows = [np.array(c.ids, np.int32) for c in coded]
        lengths = np.array([len(r) for r in rows])
        if not rows or lengths.max() <= self._room + self._n_special:
            return rows, np.arange(len(rows)), self._reading(rows, texts, heads, lengths, lengths)
        found: list[np.ndarray] = []
        owners: list[int] = []
        read = lengths.copy()
        for i, row in enumerate(rows):
            pieces = [row] if len(row) <= self._room + self._n_special else self._split(row)
            read[i] = sum(map(len, pieces)) - self._n_special * (len(pieces) - 1)
            found += pieces
            owners += [i] * len(pieces)
        return found, np.array(owners), self._reading(rows, texts, heads, lengths, read)

    def located(self, texts: list[str]) -> list[Located]:
        """The tokens of *texts* with their places, special tokens left out; beyond a million characters none."""
        coded = self._tokenizer.encode_batch([_storable(t[:MAX_CHARACTERS]) for t in texts], add_special_tokens=False)
        found = []
        for one in coded:
            places = np.array(one.offsets, np.int32).reshape(-1, 2)
            found.append(Located(np.array(one.ids, np.int32), places[:, 0], places[:, 1]))
        return found

    def wrapped(self, ids: np.ndarray) -> np.ndarray:
        """Token *ids* with the special tokens around them."""
        return np.concatenate([self._prefix, ids, self._suffix])

    def overlapping(self, ids: np.ndarray) -> list[Window]:
        """Windows of a text's token *ids*: neighbours share a quarter, a token counts where most stands around it.

        Example:
            >>> [(w.first, w.last) for w in Tokens(folder).overlapping(np.arange(400))]  # doctest: +SKIP
            [(0, 222), (222, 400)]
        """
        shared = self._room // 4
        step = self._room - shared
        starts = range(0, max(len(ids) - shared, 1), step) if len(ids) else ()
        found = []
        for start in starts:
            stop = min(start + self._room, len(ids))
            first = start + shared // 2 if start else 0
            last = stop if stop == len(ids) else start + step + shared // 2
            found.append(Window(self.wrapped(ids[start:stop]), first, last, first - start + len(self._prefix)))
        return found

    def _split(self, row: np.ndarray) -> list[np.ndarray]:
        content = row[len(self._prefix) : len(row) - len(self._suffix)]
        n_windows = -(-len(content) // self._room)
        # Windows of equal size: a last one of two words would speak as loudly as its tokens only, but say little.
        parts = np.array_split(content, n_windows)[:MAX_WINDOWS]
        return [np.concatenate([self._prefix, part, self._suffix]) for part in parts]

    def _reading(
        self, rows: list[np.ndarray], texts: list[str], heads: list[str], lengths: np.ndarray, read: np.ndarray
    ) -> Reading:
        if not rows:
            return Reading()
        flat, starts = np.concatenate(rows), np.concatenate([[0], np.cumsum(lengths)[:-1]])
        unknown = np.add.reduceat(self._unknown[flat], starts, dtype=np.int64)
        spelt = np.add.reduceat(self._pieces[flat], starts, dtype=np.int64) + unknown
        content = lengths - self._n_special
        # A text beyond MAX_CHARACTERS is not tokenised to its end; its tokens are estimated by its length.
        scale = np.array([len(t) / max(len(h), 1) for t, h in zip(texts, heads, strict=True)])
        return Reading(
            n_texts=len(rows),
            n_tokens=int((content * np.maximum(scale, 1.0)).sum()),
            n_tokens_read=int((read - self._n_special).sum()),
            n_unknown=int(unknown.sum()),
            n_windowed=int((content > self._room).sum()),
            n_foreign=int(((content >= FOREIGN_LEAST) & (spelt > FOREIGN_SHARE * content)).sum()),
        )


def _storable(text: str) -> str:
    """*text* without lone surrogates, which the tokenizer refuses."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
