"""How an upstream writes lists: what stands round their values, and in which order several choices stand."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from itertools import combinations
from typing import TYPE_CHECKING

from homegrown.monitor.written import listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from homegrown.core.object_exits import FieldForm


def usual_brackets(lists: Iterable[str]) -> tuple[str, str, str]:
    r"""What stands before, between and behind the values in most lists.

    Example:
        >>> usual_brackets(['["a","b"]', '["a"]', '[ "c" ]'])
        ('[', ',', ']')
    """
    found = [f for one in lists if (f := listed(one)) is not None and f.values]
    ends, between = Counter((f.open, f.close) for f in found), Counter(f.between for f in found if f.between)
    open, close = ends.most_common(1)[0][0] if ends else ("[", "]")
    return open, between.most_common(1)[0][0] if between else ", ", close


def usual_names(lists: Iterable[str], ids: Mapping[str, str]) -> dict[str, str]:
    """JSON of each choice by its id, in the order in which several stand; those that were never said are left out.

    Args:
        lists: as they are written.
        ids: by name, in lower case; those that stand beside each other in no list stay in this order.

    Example:
        >>> usual_names(['["Late", "Cold"]', '["Cold"]'], {"cold": "c", "late": "l", "wet": "w"})
        {'l': '"Late"', 'c': '"Cold"'}
    """
    spelt: dict[str, Counter[str]] = defaultdict(Counter)
    before: Counter[tuple[str, str]] = Counter()
    for one in lists:
        found = listed(one)
        said = [(ids.get(_name(v)), v) for v in found.values] if found is not None else []
        for name, value in said:
            if name is not None:
                spelt[name][value] += 1
        before.update(combinations([name for name, _ in said if name is not None], 2))
    # The number of those that stand behind it more often than before (Copeland 1951).
    n_behind = {a: sum(before[a, b] > before[b, a] for b in spelt) for a in spelt}
    order = sorted((i for i in ids.values() if i in spelt), key=lambda i: -n_behind[i])
    return {i: spelt[i].most_common(1)[0][0] for i in order}


def _name(value: str) -> str:
    said = json.loads(value)
    return (said if isinstance(said, str) else value).strip().casefold()


def in_brackets(form: FieldForm, values: Sequence[str | None]) -> str | None:
    """A list with *values*; None where one of them is."""
    known = [v for v in values if v is not None]
    open, between, close = form.brackets
    return open + between.join(known) + close if len(known) == len(values) else None
