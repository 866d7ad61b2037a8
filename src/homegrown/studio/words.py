"""Numbers as a person reads them: shares, counts, durations, sizes. Pure functions, used as template filters."""

from __future__ import annotations

import math
import shlex
from urllib.parse import quote, urlencode

_SIZES = ("bytes", "KB", "MB", "GB", "TB")


def percent(share: float, digits: int = 1) -> str:
    """A share as a percentage: ``percent(0.9238) == "92.4%"``; a share that is not a number is a dash."""
    return "–" if math.isnan(share) else f"{100 * share:.{digits}f}%"


def count(n: int) -> str:
    """A count with thousands separated: ``count(10003) == "10,003"``."""
    return f"{n:,}"


def compact(n: int) -> str:
    """A count where there is little room: ``compact(7904) == "7.9k"``, ``compact(1_200_000) == "1.2M"``."""
    for size, letter in ((1_000_000, "M"), (1000, "k")):
        if n >= size:
            short = f"{int(n / size * 10) / 10:.1f}" if n < 100 * size else f"{n // size:,}"
            return short.removesuffix(".0") + letter
    return str(n)


def plural(n: int, one: str, many: str = "") -> str:
    """A count with its noun: ``plural(1, "record") == "1 record"``, ``plural(2, "class", "classes")``."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def duration(seconds: float | None) -> str:
    """A duration in the largest useful unit: ``duration(0.0041) == "4.1 ms"``, ``duration(75) == "1 min 15 s"``."""
    if seconds is None:
        return ""
    if seconds < 1:
        return f"{1000 * seconds:.{1 if seconds < 0.01 else 0}f} ms"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def size(n_bytes: int | None) -> str:
    """A size in the largest useful unit: ``size(91_000_000) == "91 MB"``."""
    if n_bytes is None:
        return ""
    amount, step = float(n_bytes), 0
    while amount >= 1000 and step < len(_SIZES) - 1:
        amount, step = amount / 1000, step + 1
    return f"{amount:.0f} {_SIZES[step]}" if amount >= 10 or step == 0 else f"{amount:.1f} {_SIZES[step]}"


def doubt(value: float, low: float, high: float, n: int) -> str:
    """How far the true share may lie: half the interval where it is about even, both ends where it is not.

    Example:
        >>> doubt(0.924, 0.915, 0.933, 3080), doubt(1.0, 0.824, 1.0, 18)
        ('± 0.9 (n = 3,080)', '(82.4% to 100.0%, n = 18)')
    """
    if abs((high - value) - (value - low)) > 0.3 * (high - low):
        return f"({percent(low)} to {percent(high)}, n = {n:,})"
    return f"± {50 * (high - low):.1f} (n = {n:,})"


def with_doubt(value: float, low: float, high: float, n: int) -> str:
    """A share with its doubt and n: ``with_doubt(0.924, 0.915, 0.933, 3080) == "92.4% ± 0.9 (n = 3,080)"``."""
    return f"{percent(value)} {doubt(value, low, high, n)}"


def one_in(error: float) -> str:
    """What an error rate means: ``one_in(0.076) == "About 1 in 13 is wrong."``."""
    if error <= 0:
        return "None of them was wrong; with more of them, some will be."
    if error > 0.5:
        return f"More than half are wrong ({percent(error, 0)})."
    return f"About 1 in {max(round(1 / error), 1):,} is wrong."


def query_string(**values: str | int | None) -> str:
    """Parameters as a query string, those that are empty left out."""
    return urlencode({k: v for k, v in values.items() if v not in (None, "")})


def route_page(name: str) -> str:
    """The address of the page of a gateway's route: ``route_page("a/b") == "/gateway/routes/a%2Fb"``."""
    return f"/gateway/routes/{quote(name, safe='')}"


def shell(word: str) -> str:
    """A word as it is typed in a terminal, quoted when it must be."""
    return shlex.quote(word)
