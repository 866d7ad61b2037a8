"""Chooses what an encoder computes with: the fastest that stays at cosine 0.999 to float32, measured here, once.

What was measured is kept in ``engines.json`` in the user's cache (``XDG_CACHE_HOME``), under the processor, the
versions and the shape (speed) or the weights (cosine). Delete it and the next load measures again.
"""

from __future__ import annotations

import hashlib
import os
import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec
import numpy as np

from homegrown.errors import InputError
from homegrown.inference.encoder_native import SOURCE, NativeEngine, kernel_for
from homegrown.inference.encoder_torch import PackedEngine, TransformersEngine

if TYPE_CHECKING:
    from homegrown.inference.encoder_folder import EncoderFolder
    from homegrown.inference.encoder_tokens import Tokens

PRECISIONS = ("int16", "bf16", "fp32")
LEAST_COSINE = 0.999
ROUNDS = 3
PATIENCE_S = 1.0
SAMPLE: tuple[str, ...] = (
    "where is my card?",
    "Hi, I ordered a replacement two weeks ago and nothing has arrived yet. Can you check what happened?",
    "the app crashes when i open the settings page after the last update, pls fix",
    "Invoice 2024-118 was charged twice: 49.90 on the 3rd and again on the 4th. Please refund one of them.",
    "thank you!!",
    "How long does an international transfer to Mexico take, and which documents do I have to send you for it?",
    "The tenant shall give notice in writing at least three months before the end of the term of this agreement.",
    "Patient reports mild headache since Tuesday, no fever, took ibuprofen 400 mg twice with some relief.",
)


class Engine(Protocol):
    """Turns token windows into pooled vectors.

    Attributes:
        precision: ``int16``, ``bf16`` or ``fp32``.
        hidden: numbers per vector.
        parallel: whether several threads may run it at once, each on one core; else it uses all cores itself.
        batch_tokens: how many tokens go through it best at a time.
    """

    precision: str
    hidden: int
    parallel: bool
    batch_tokens: int

    def run(self, windows: list[np.ndarray]) -> np.ndarray:
        """Pooled vectors float32 [n, hidden], not normalised."""
        ...

    def states(self, windows: list[np.ndarray], first: int, last: int) -> np.ndarray:
        """States float32 [n_tokens in all, hidden]: of each token the mean of what layers *first* to *last* leave."""
        ...


def make_engine(folder: EncoderFolder, tokens: Tokens, precision: str = "auto") -> Engine:
    """The engine for *folder*.

    Args:
        folder: the encoder on disk.
        tokens: its tokeniser, to make the sample that is measured.
        precision: ``auto`` measures (or remembers); ``fp32``, ``bf16`` and ``int16`` are taken at their word.

    Raises:
        InputError: the precision is unknown, or cannot run here or with this encoder.
    """
    if precision not in (*PRECISIONS, "auto"):
        raise InputError(f"There is no precision {precision!r}; choose auto, {', '.join(PRECISIONS)}.")
    if precision == "auto":
        precision = _chosen(folder, tokens)
    return _make(folder, precision)


def _possible(folder: EncoderFolder) -> list[str]:
    if not folder.plain_bert:
        return ["fp32"]
    return [*(["int16"] if kernel_for(folder) else []), *(["bf16"] if has_bf16() else []), "fp32"]


def _make(folder: EncoderFolder, precision: str) -> Engine:
    if precision == "int16":
        kernel = kernel_for(folder)
        if kernel is None:
            raise InputError("int16 needs the compiled kernel (scripts/native), AVX2 and a BERT-family encoder.")
        return NativeEngine(folder, kernel)
    if folder.plain_bert:
        return PackedEngine(folder, precision)
    if precision != "fp32":
        raise InputError(f"This encoder ({folder.config.get('model_type')}) runs in fp32 only.")
    return TransformersEngine(folder)


def has_bf16() -> bool:
    """Whether the processor multiplies bfloat16 in hardware."""
    return bool({"avx512_bf16", "amx_bf16"} & set(_processor().split()))


def _processor() -> str:
    """Model name and flags of the processor, as far as the system tells."""
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.is_file():
        return f"{platform.machine()} {platform.processor()}"
    lines = dict.fromkeys(
        line for line in cpuinfo.read_text(errors="replace").splitlines() if line.startswith(("model name", "flags"))
    )
    return " ".join(lines)


def _chosen(folder: EncoderFolder, tokens: Tokens) -> str:
    """The fastest that is true enough: speed is a matter of the architecture, truth of the weights."""
    possible = _possible(folder)
    if len(possible) == 1:
        return possible[0]
    speed_key, truth_key = _keys(folder)
    kept = _remembered()
    seconds, cosine = kept.get(speed_key, {}), kept.get(truth_key, {})
    if not set(possible) <= set(seconds) & set(cosine):
        engines = {p: _make(folder, p) for p in possible}
        windows = tokens.windows(list(SAMPLE) * 2)[0]
        cosine = _cosines(engines, windows)
        seconds = seconds if set(possible) <= set(seconds) else _times(engines, windows)
        _remember({speed_key: seconds, truth_key: cosine})
    return min((p for p in possible if cosine[p] >= LEAST_COSINE), key=seconds.__getitem__)


def _cosines(engines: dict[str, Engine], windows: list[np.ndarray]) -> dict[str, float]:
    """The least cosine to float32 over the sample, by precision."""
    vectors = {p: _unit(e.run(windows)) for p, e in engines.items()}
    return {p: round(float((v * vectors["fp32"]).sum(1).min()), 7) for p, v in vectors.items()}


def _times(engines: dict[str, Engine], windows: list[np.ndarray]) -> dict[str, float]:
    """Seconds for the sample with all cores, by precision, taken in turns; the best of a few."""
    seconds: dict[str, list[float]] = {p: [] for p in engines}
    begun = time.perf_counter()
    for turn in range(ROUNDS):
        if turn and time.perf_counter() - begun > PATIENCE_S:
            break
        for precision, engine in engines.items():
            started = time.perf_counter()
            engine.run(windows)
            spent = time.perf_counter() - started
            # An engine that takes one core is run once per core when there is more to do.
            seconds[precision].append(spent / (workers() if engine.parallel else 1))
    return {p: round(min(s), 6) for p, s in seconds.items()}


def workers() -> int:
    """How many cores this process may use; ``HOMEGROWN_THREADS`` says fewer."""
    said = os.environ.get("HOMEGROWN_THREADS", "")
    return max(1, int(said)) if said.isdigit() else len(os.sched_getaffinity(0))


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def _keys(folder: EncoderFolder) -> tuple[str, str]:
    """Under what speed and truth are remembered: the machine and the versions, with the shape or the weights."""
    kernel = SOURCE.read_bytes() if SOURCE.is_file() else b""
    names = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
    shape = [folder.config.get(n) for n in names]
    machine = (_processor(), workers(), version("torch"), hashlib.sha256(kernel).hexdigest())
    return _digest("seconds", machine, shape), _digest("cosine", machine, folder.digest)


def _digest(kind: str, *parts: object) -> str:
    return f"{kind}-{hashlib.sha256(repr(parts).encode()).hexdigest()[:20]}"


def _memory_file() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "homegrown" / "engines.json"


def _remembered() -> dict[str, dict[str, float]]:
    try:
        found = msgspec.json.decode(_memory_file().read_bytes())
    except (OSError, msgspec.DecodeError):
        return {}
    return found if isinstance(found, dict) and all(isinstance(v, dict) for v in found.values()) else {}


def _remember(facts: dict[str, dict[str, float]]) -> None:
    file = _memory_file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_name(f"{file.name}.{os.getpid()}")
        partial.write_bytes(msgspec.json.format(msgspec.json.encode(_remembered() | facts)))
        partial.replace(file)
    except OSError:
        return  # a cache that cannot be written costs a second at the next load, nothing else
