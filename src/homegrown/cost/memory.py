"""Memory that a transformer with N parameters needs to answer or to learn, line by line, each with its arithmetic.

Sources: 16 bytes a parameter for mixed-precision Adam (weights and gradients in 16 bits, master weights and two
moments in 32): Rajbhandari et al. 2020, "ZeRO". Activations of a layer, 34·s·b·h bytes where attention keeps no matrix
of s × s, and 2·s·b·h for what recomputation starts from: Korthikanti et al. 2022, "Reducing Activation Recomputation in
Large Transformer Models". 4.127 bits a weight with double quantisation: Dettmers et al. 2023, "QLoRA". 1 GB is 10⁹
bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from homegrown.errors import InputError

GB = 1e9
RUNTIME_GB = 1.0
HEAD_DIM = 128
MAX_PARAMS = 1e14
_MATRICES = 7  # of a layer that adapters sit on: query, key, value, output, and three of the feed-forward part


class Tuning(StrEnum):
    """How a model learns: all of it, adapters beside it, or adapters beside a quantised one."""

    FULL = "full"
    LORA = "lora"
    QLORA = "qlora"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A transformer as far as its memory is concerned.

    Attributes:
        n_params: all of them; with experts, those too.
        n_active: that one token passes through; equal to ``n_params`` without experts.
        kv_share: key and value heads by query heads: 1 where each has its own, 1/4 or 1/8 where they are shared.
    """

    n_params: float
    n_active: float
    n_layers: int
    hidden: int
    kv_share: float = 0.25
    vocabulary: int = 128_000


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the account: what, how it is worked out, how much; ``is_split`` when several devices share it."""

    name: str
    arithmetic: str
    gb: float
    is_split: bool = True


def shape_of(
    n_params: float, *, n_active: float | None = None, n_layers: int | None = None, hidden: int | None = None,
    kv_share: float = 0.25,
) -> Shape:  # fmt: skip
    """The usual shape of a model with *n_params*, or the one that was said.

    A decoder has about 12·L·h² parameters; with h = 128·L, as most have, L is the cube root of N / 196,608.

    Raises:
        InputError: a number cannot be.

    Example:
        >>> shape_of(7e9).n_layers, shape_of(7e9).hidden
        (33, 4224)
    """
    active = n_params if n_active is None else n_active
    if not 1e3 <= n_params <= MAX_PARAMS:
        raise InputError(
            f"A model has between a thousand and 10¹⁴ parameters; {n_params:g} is not: write 7e9 for 7 billion."
        )
    if not 1e3 <= active <= n_params:
        raise InputError("The parameters that a token passes through are at most all of them, and at least a thousand.")
    if not 0 < kv_share <= 1:
        raise InputError("The share of key and value heads lies above 0 and up to 1, for example 0.25.")
    if not (1 <= (n_layers or 1) <= 10_000 and 1 <= (hidden or 1) <= 1_000_000):
        raise InputError("A model has 1 to 10,000 layers, each up to 1,000,000 wide.")
    layers = n_layers or max(round((active / (12 * HEAD_DIM**2)) ** (1 / 3)), 1)
    wide = hidden or max(round((active / 12 / layers) ** 0.5 / HEAD_DIM), 1) * HEAD_DIM
    return Shape(n_params=n_params, n_active=active, n_layers=layers, hidden=wide, kv_share=kv_share)


def serving(shape: Shape, *, weight_bits: float, context: int, n_at_once: int) -> tuple[Line, ...]:
    """What answering *n_at_once* requests of *context* tokens needs."""
    each = kv_bytes_per_token(shape)
    return (
        Line("weights", f"{shape.n_params:,.0f} × {weight_bits:g} bits ÷ 8", shape.n_params * weight_bits / 8 / GB),
        Line(
            "KV cache",
            f"2 × {shape.n_layers} layers × {shape.hidden} wide × {shape.kv_share:g} × 2 bytes = {each:,.0f} bytes a "
            f"token × {context:,} tokens × {n_at_once} at once",
            each * context * n_at_once / GB,
        ),
        _runtime(),
    )


def kv_bytes_per_token(shape: Shape) -> float:
    """Keys and values of one token in all layers, at 16 bits."""
    return 2 * shape.n_layers * shape.hidden * shape.kv_share * 2


def adapter_params(shape: Shape, rank: int) -> float:
    """Parameters of low-rank adapters on every matrix of every layer, taken as h wide on both sides."""
    return 2.0 * rank * shape.hidden * _MATRICES * shape.n_layers


def learning(shape: Shape, tuning: Tuning, *, context: int, n_at_once: int, rank: int) -> tuple[Line, ...]:
    """What a training step on *n_at_once* texts of *context* tokens needs, layers being recomputed on the way back."""
    trained = shape.n_params if tuning is Tuning.FULL else adapter_params(shape, rank)
    bits = 4.127 if tuning is Tuning.QLORA else 16
    tokens = context * n_at_once
    lines = [Line("weights", f"{shape.n_params:,.0f} × {bits:g} bits ÷ 8", shape.n_params * bits / 8 / GB)]
    if tuning is not Tuning.FULL:
        lines.append(
            Line(
                "adapters",
                f"2 × rank {rank} × {shape.hidden} × {_MATRICES} × {shape.n_layers} = {trained:,.0f} × 2 bytes",
                trained * 2 / GB,
            )
        )
    return (
        *lines,
        Line("gradients", f"{trained:,.0f} × 2 bytes", trained * 2 / GB),
        Line("optimizer", f"{trained:,.0f} × 12 bytes (master, two moments, 32 bits each)", trained * 12 / GB),
        Line(
            "activations",
            f"{tokens:,} tokens × {shape.hidden} × (2 × {shape.n_layers} layers + 34 of the one recomputed) bytes",
            tokens * shape.hidden * (2 * shape.n_layers + 34) / GB,
            is_split=False,
        ),
        Line(
            "logits",
            f"{tokens:,} tokens × {shape.vocabulary:,} words × 8 bytes (and their gradient, 32 bits)",
            tokens * shape.vocabulary * 8 / GB,
            is_split=False,
        ),
        _runtime(),
    )


def per_device(lines: tuple[Line, ...], n_devices: int) -> float:
    """Gigabytes that each of *n_devices* needs, where weights, states and caches are split among them."""
    return sum(line.gb / (n_devices if line.is_split else 1) for line in lines)


def _runtime() -> Line:
    return Line("runtime", "kernels, buffers, fragmentation: assumed", RUNTIME_GB, is_split=False)
