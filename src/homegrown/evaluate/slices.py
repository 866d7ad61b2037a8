"""Where the model is worse than elsewhere: by any field of the records, by source, length and language of the text."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from homegrown.errors import MissingColumnError
from homegrown.evaluate.document import SliceRow
from homegrown.inference.language import language_of
from homegrown.metrics.exact import fewer_than_rest, holm
from homegrown.metrics.intervals import wilson
from homegrown.store.fields import all_values

if TYPE_CHECKING:
    from homegrown.evaluate.answers import Rows

MIN_ROWS = 20
MAX_VALUES = 12
_BOUND = re.compile(r"^(up to|over) (-?[\d,.e+]+)")
_DATE = re.compile(r"^(\d{4})-(\d{2})-\d{2}")


@dataclass(frozen=True, slots=True)
class _Part:
    field: str
    value: str
    rows: np.ndarray


def slices(rows: Rows, right: np.ndarray, inside: np.ndarray, skip: set[str], wanted: str | None) -> list[SliceRow]:
    """Accuracy of each value of each field that has at least ``MIN_ROWS`` rows.

    Args:
        rows: the split.
        right: bool [n].
        inside: bool [n], in-scope rows; the others are left out.
        skip: columns that are no slices: the text and the label.
        wanted: one field only; otherwise all that are suitable.
    """
    columns = _columns(rows, skip, wanted)
    parts = [p for name, values in columns.items() for p in _parts(name, values, inside)]
    counts = [(int(right[p.rows].sum()), len(p.rows)) for p in parts]
    n_all, right_all = int(inside.sum()), int(right[inside].sum())
    raw = [fewer_than_rest(k, n, right_all - k, n_all - n) for k, n in counts]
    adjusted = holm(np.array(raw)) if raw else []
    found = [
        SliceRow(p.field, p.value, n, k / n, wilson(k, n), float(q), bool(q < 0.05))
        for p, (k, n), q in zip(parts, counts, adjusted, strict=True)
    ]
    return sorted(found, key=lambda s: not s.worse)


def parts_of(rows: Rows, field: str, chosen: np.ndarray) -> tuple[list[tuple[str, np.ndarray]], int]:
    """The values of a field with at least ``MIN_ROWS`` of the rows *chosen*, bool [n], and how many rows are of others.

    Raises:
        MissingColumnError: there is no such field.
    """
    parts = _parts(field, _columns(rows, set(), field)[field], chosen)
    return [(p.value, p.rows) for p in parts], int(chosen.sum()) - sum(len(p.rows) for p in parts)


def _columns(rows: Rows, skip: set[str], wanted: str | None) -> dict[str, list[Any]]:
    stored = {name: values for name, values in all_values(rows.fields).items() if name not in skip}
    stored = {name: values for name, values in stored.items() if values != rows.texts}
    computed: dict[str, list[Any]] = {"source": rows.sources, "length of the text": [len(t) for t in rows.texts]}
    computed["language of the text"] = _languages(rows.texts)
    columns = {**{f"{k} (file)" if k in stored else k: v for k, v in computed.items()}, **stored}
    if wanted is None:
        return columns
    if wanted not in columns:
        raise MissingColumnError(f"The records have no field {wanted!r}. Their fields: {', '.join(columns)}.")
    return {wanted: columns[wanted]}


def _languages(texts: list[str]) -> list[str | None]:
    """The language of each text; None where it cannot be told, or where too few others are in it."""
    found = [language_of(t)[0] for t in texts]
    counts = Counter(found)
    return [name if name and counts[name] >= MIN_ROWS else None for name in found]


def _parts(name: str, values: list[Any], inside: np.ndarray) -> list[_Part]:
    """The rows of each value, when they are few enough values to be a way of slicing."""
    keys = _keys(values)
    where: dict[str, list[int]] = {}
    for i in np.flatnonzero(inside).tolist():
        if keys[i] is not None:
            where.setdefault(str(keys[i]), []).append(i)
    large = {k: v for k, v in where.items() if len(v) >= MIN_ROWS}
    n_sliced, n_known = sum(map(len, large.values())), sum(map(len, where.values()))
    if len(where) < 2 or n_sliced < 0.5 * n_known:
        return []
    top = sorted(large, key=lambda k: -len(large[k]))[:MAX_VALUES]
    return [_Part(name, k, np.array(large[k])) for k in sorted(top, key=_natural)]


def _natural(key: str) -> tuple[float, str]:
    """Names of quarters in order of their numbers, everything else by name."""
    found = _BOUND.match(key)
    if not found:
        return 0.0, key
    return float(found[2].replace(",", "")) + (0.5 if found[1] == "over" else 0.0), key


def _keys(values: list[Any]) -> list[str | None]:
    """Each value as the name of its slice: numbers in quarters, dates by quarter of the year, the rest as it is."""
    known = [v for v in values if v is not None and v != ""]
    if len({str(v) for v in known}) > MAX_VALUES:
        if all(_is_number(v) for v in known):
            return _quarters(values)
        if sum(bool(_DATE.match(str(v))) for v in known) > 0.9 * len(known):
            return [_season(str(v)) for v in values]
    return [None if v is None or v == "" or isinstance(v, (list, dict)) else str(v)[:80] for v in values]


def _is_number(value: Any) -> bool:
    try:
        return math.isfinite(float(value)) and not isinstance(value, bool)
    except (TypeError, ValueError):
        return False


def _quarters(values: list[Any]) -> list[str | None]:
    numbers = np.array([np.nan if v is None or v == "" else float(v) for v in values])
    edges = np.unique(np.nanquantile(numbers, [0.25, 0.5, 0.75]))
    names = [f"up to {edges[0]:,g}", *(f"over {a:,g} up to {b:,g}" for a, b in pairwise(edges))]
    names.append(f"over {edges[-1]:,g}")
    return [None if np.isnan(x) else names[int(np.searchsorted(edges, x))] for x in numbers]


def _season(value: str) -> str | None:
    found = _DATE.match(value)
    return f"{found[1]} Q{(int(found[2]) - 1) // 3 + 1}" if found else None
