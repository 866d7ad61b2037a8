"""Votes → Labels where the answer is an object: field by field, by those who looked at it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
import numpy as np
import pyarrow as pa

from homegrown.core.ids import canonical_json
from homegrown.core.said import Answer, Said, heard_of
from homegrown.core.schema import FieldType
from homegrown.store.said import said_of
from homegrown.store.snapshots import VALUE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from homegrown.core.schema import Field
    from homegrown.core.tasks import Task
    from homegrown.store import Store

_HALF = 0.5


class JoinObjects(Protocol):
    """Joins what several sources say, field by field, by how good they are."""

    def __call__(
        self, fields: Sequence[Field], said: Sequence[Sequence[Said]]
    ) -> Mapping[str, Mapping[int, tuple[Answer, float]]]:
        """By field id, answers and their probability by number of the record; of the others what most say counts."""
        ...


@dataclass(frozen=True, slots=True)
class ObjectLabels:
    """The labels of n records whose answer is an object. It is used where ``curate.labels.Labels`` is.

    Attributes:
        values: n values as canonical JSON, as ``core.schema`` has them; None unlabelled.
        weight: float32 [n], the mean over the fields of the share of the votes that the answer had.
        labelled: bool [n].
        undecided: bool [n]; nothing is, for what was split is a class.
        joined: votes on some records decide what those on others are worth.
    """

    values: np.ndarray
    weight: np.ndarray
    labelled: np.ndarray
    undecided: np.ndarray
    n_classes: int = 0
    joined: bool = False

    def stratum(self) -> np.ndarray:
        """Records with the same fields are alike, int [n] from 1 on; -1 unlabelled."""
        said = [None if v is None else _pattern(v) for v in self.values]
        numbers = {pattern: i for i, pattern in enumerate(dict.fromkeys(p for p in said if p is not None), 1)}
        return np.array([-1 if p is None else numbers[p] for p in said], int)

    def weights(self) -> np.ndarray:
        """How much each record counts, float32 [n]."""
        return self.weight

    def of(self, chosen: np.ndarray) -> ObjectLabels:
        """The labels of the records *chosen*, numbered as they stand there."""
        return replace(
            self, values=self.values[chosen], weight=self.weight[chosen], labelled=self.labelled[chosen],
            undecided=self.undecided[chosen],
        )  # fmt: skip

    def but(self, chosen: np.ndarray, other: ObjectLabels) -> ObjectLabels:
        """These labels, those of the records *chosen* taken from *other*, numbered as they stand there."""
        mine = [part.copy() for part in (self.values, self.weight, self.labelled, self.undecided)]
        for part, theirs in zip(mine, (other.values, other.weight, other.labelled, other.undecided), strict=True):
            part[chosen] = theirs
        return replace(self, values=mine[0], weight=mine[1], labelled=mine[2], undecided=mine[3])

    def stored(self, chosen: np.ndarray) -> tuple[pa.Field, pa.Array]:
        """What a snapshot stores of the records *chosen*."""
        return VALUE, pa.array(self.values[chosen].tolist(), pa.string())


def _pattern(value: str) -> tuple[tuple[str, Any], ...]:
    """Which fields are there, and what the choices are: what a fair split has alike on both sides."""
    fields = msgspec.json.decode(value)["fields"]
    return tuple(sorted((i, tuple((a or {}).get("choices", ())) if a else None) for i, a in fields.items()))


def read_object_labels(
    store: Store,
    task: Task,
    record_ids: pa.Array,
    join: JoinObjects | None = None,
    *,
    exclude_terms: Sequence[str] = (),
) -> ObjectLabels:
    """The labels of *record_ids* as they stand.

    Each field is decided by those who looked at it: where people did by them alone, and where a reviewer settled it by
    what they said. Counted are an answer that most give, to the letter; of spans, and of several choices,
    those that at least half name. With *join*, where sources spoke together, it weighs them. A field about which nobody
    has said anything is left out.
    """
    said = said_of(store, task, record_ids, exclude_terms=exclude_terms)
    many = len({s.source for votes in said for s in votes}) > 1
    weighed = join(task.fields, said) if join is not None and many else {}
    n = len(record_ids)
    values, weight = np.full(n, None, object), np.ones(n, np.float32)
    for i, votes in enumerate(said):
        found: dict[str, Answer] = {}
        shares: list[float] = []
        for one in task.fields:
            answers = [s.fields[one.field_id] for s in heard_of(one.field_id, votes)]
            if answers:
                by_quality = weighed.get(one.field_id, {}).get(i)
                found[one.field_id], share = by_quality or _joined(one, answers)
                shares.append(share)
        if found:
            values[i] = canonical_json({"fields": found}).decode()
            weight[i] = np.mean(shares)
    labelled = np.array([v is not None for v in values], bool)
    return ObjectLabels(values, weight, labelled, np.zeros(n, bool), joined=any(weighed.values()))


def joined_fields(
    fields: tuple[Field, ...], answers: Sequence[dict[str, Any]]
) -> tuple[dict[str, dict[str, Any] | None], list[float]]:
    """One answer per field from those of several sources, and the share of the votes that each had.

    Args:
        fields: of the task.
        answers: field id → answer, one mapping per source; a field that is left out was not looked at.

    Example:
        >>> from homegrown.core.schema import Field
        >>> day = (Field("f_1", "day", FieldType.DATE),)
        >>> joined_fields(day, [{"f_1": {"value": "2026-01-02"}}, {"f_1": {"value": "2026-01-02"}}, {"f_1": None}])
        ({'f_1': {'value': '2026-01-02'}}, [0.6666666666666666])
    """
    found: dict[str, dict[str, Any] | None] = {}
    shares: list[float] = []
    for one in fields:
        said = [a[one.field_id] for a in answers if one.field_id in a]
        if said:
            found[one.field_id], share = _joined(one, said)
            shares.append(share)
    return found, shares


def _joined(one: Field, said: list[dict[str, Any] | None]) -> tuple[dict[str, Any] | None, float]:
    if one.takes_many and one.type in (FieldType.SPAN, FieldType.CHOICE):
        return _several("spans" if one.type is FieldType.SPAN else "choices", said)
    # Evidence is no part of what is said: who gives the same value says the same.
    heard: dict[bytes, list[dict[str, Any] | None]] = defaultdict(list)
    for answer in said:
        heard[canonical_json(_plain(one, answer))].append(answer)
    # The most said; of equals the first in order, so that the same votes give the same label.
    best = max(sorted(heard), key=lambda k: len(heard[k]))
    return max(heard[best], key=lambda a: _n_places(one, a)), len(heard[best]) / len(said)


def _plain(one: Field, answer: Mapping[str, Any] | None) -> Any:
    """What an answer says, its evidence aside. Rows of a list count in any order, and one without a field denies it."""
    if answer is None or one.type is FieldType.SPAN:
        return answer
    if one.type is FieldType.LIST:
        rows = ([_plain(f, item.get(f.field_id)) for f in one.fields] for item in answer["items"])
        return {"items": sorted(canonical_json(row).decode() for row in rows)}
    return {k: v for k, v in answer.items() if k != "spans"}


def _n_places(one: Field, answer: Mapping[str, Any] | None) -> int:
    """How many values come with their evidence."""
    if answer is None:
        return 0
    if one.type is FieldType.LIST:
        return sum(_n_places(f, item.get(f.field_id)) for item in answer["items"] for f in one.fields)
    return int("spans" in answer)


def _several(key: str, said: list[dict[str, Any] | None]) -> tuple[dict[str, Any] | None, float]:
    votes: dict[bytes, tuple[Any, int]] = {}
    for answer in said:
        for part in answer[key] if answer else []:
            name = canonical_json(part)
            votes[name] = (part, votes.get(name, (part, 0))[1] + 1)
    kept = [(part, n) for part, n in votes.values() if n / len(said) >= _HALF]
    if not kept:
        return None, sum(a is None for a in said) / len(said) or 1 / len(said)
    return {key: sorted(part for part, _ in kept)}, min(n for _, n in kept) / len(said)
