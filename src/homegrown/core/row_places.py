"""Where the values of rows stand, of which only the values are known: those of one row stand together."""

from __future__ import annotations

from bisect import bisect_left
from itertools import islice, pairwise, product
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Place = tuple[int, int]
_LINE, _BEFORE, _TAKEN = 100, 10_000, 1_000_000
_MOST, _MOST_STEPS = 60, 20_000


class _Way(NamedTuple):
    """A place for each value of a row, and what it costs that they stand so far apart."""

    cost: int
    start: int
    places: tuple[Place | None, ...]


def row_places(text: str, rows: Sequence[Sequence[Sequence[Place]]]) -> list[list[Place | None]]:
    """Which of its places each value of each row has: those that stand nearest together, for all rows at once.

    A row begins behind the beginning of the one before, if it can, and rather stands in one line than in two. The ways
    in which a row may stand are chosen so that all together cost least, by dynamic programming over the rows.

    Args:
        text: in which they stand.
        rows: of each row, of each of its values, where it may stand: ``(start, end)``, in code points, in order.

    Returns:
        The same rows, a place for each value; None where others have all of its places.

    Example:
        >>> text = "Tea House, Tea 3, Tea 4"
        >>> row_places(text, [[[(0, 3), (11, 14), (18, 21)], [(15, 16)]], [[(0, 3), (11, 14), (18, 21)], [(22, 23)]]])
        [[(11, 14), (15, 16)], [(18, 21), (22, 23)]]
    """
    if not rows:
        return []
    most = max(2, min(_MOST, _MOST_STEPS // len(rows)))
    alike: dict[Any, list[_Way]] = {}
    ways = []
    for row in rows:
        key = tuple(map(tuple, row))
        if key not in alike:
            alike[key] = _ways(text, row, most)
        ways.append(alike[key])
    total, back = [w.cost for w in ways[0]], list[list[int]]()
    for before, now in pairwise(ways):
        steps = [[t + _step(a, b) for t, a in zip(total, before, strict=True)] for b in now]
        back.append([min(range(len(s)), key=s.__getitem__) for s in steps])
        total = [w.cost + s[i] for w, s, i in zip(now, steps, back[-1], strict=True)]
    chosen, at = [], min(range(len(total)), key=total.__getitem__)
    for some, earlier in zip(reversed(ways), [*reversed(back), []], strict=True):
        chosen.append(some[at].places)
        at = earlier[at] if earlier else 0
    return _each_once(reversed(chosen))


def _step(before: _Way, now: _Way) -> int:
    n_taken = sum(p is not None and p in before.places for p in now.places)
    return _TAKEN * n_taken + _BEFORE * (now.start < before.start)


def _ways(text: str, values: Sequence[Sequence[Place]], most: int) -> list[_Way]:
    """The cheapest ways in which a row may stand, round each place of its rarest value."""
    rarest = min((k for k, v in enumerate(values) if v), key=lambda k: len(values[k]), default=None)
    found: list[_Way] = []
    for anchor in () if rarest is None else values[rarest][: 4 * most]:
        near = [[anchor] if k == rarest else _beside(anchor, v) for k, v in enumerate(values)]
        found += [_way(text, places) for places in islice(product(*near), _MOST)]
    return sorted(found, key=lambda w: (w.cost, w.start))[:most] or [_way(text, tuple(None for _ in values))]


def _beside(anchor: Place, places: Sequence[Place]) -> list[Place | None]:
    """The nearest before *anchor* and the nearest behind."""
    at = bisect_left(places, anchor)
    before = next((p for p in reversed(places[:at]) if p[1] <= anchor[0]), None)
    behind = next((p for p in islice(places, at, None) if p[0] >= anchor[1]), None)
    return [p for p in (behind, before) if p is not None] or [None]


def _way(text: str, places: tuple[Place | None, ...]) -> _Way:
    taken = [p for p in places if p is not None]
    start, end = min((p[0] for p in taken), default=0), max((p[1] for p in taken), default=0)
    n_none = len(places) - len(set(taken))
    return _Way(_TAKEN * n_none + end - start + _LINE * text.count("\n", start, end), start, places)


def _each_once(rows: Iterable[Sequence[Place | None]]) -> list[list[Place | None]]:
    used: list[Place] = []
    found = []
    for row in rows:
        kept: list[Place | None] = []
        for place in row:
            is_free = place is not None and not any(place[0] < end and start < place[1] for start, end in used)
            kept.append(place if is_free else None)
            used += [place] if is_free and place is not None else []
        found.append(kept)
    return found
