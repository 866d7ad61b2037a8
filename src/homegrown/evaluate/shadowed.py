"""What a model of ours said of captured calls while it answered nobody, beside what the upstream said, and a person."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import sqlalchemy as sa

from homegrown.core.routing import set_of
from homegrown.core.traces import AT_HOME, SELECTED
from homegrown.errors import EmptyDataError
from homegrown.evaluate.judged_documents import FieldPair, field_pairs, marks, said_kept, whole
from homegrown.evaluate.verdict import Answers
from homegrown.metrics.gold_sample import Estimate, stratified
from homegrown.store import tables
from homegrown.store.exams import GOLD

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from homegrown.core.models import ModelVersion
    from homegrown.store import Store

#: the chance of a call on which both agree to be drawn for a person; each on which they differ is drawn
AGREED_SHARE = 0.05
#: as what the upstream said where that cannot be a class
_OTHER = "\0another answer"
_S, _A, _C = tables.shadow_answers, tables.audits, tables.captured


@dataclass(frozen=True, slots=True)
class Pair:
    """A call that both answered, the upstream to the caller.

    Of documents, or of one field of them, names are marks (``evaluate.judged_documents``).

    Attributes:
        answer: the class that our model said; None for none of them.
        latency_s: our model's; *upstream_s* and *cost_usd* are the upstream's.
        weight: one over the chance with which it was drawn for a person; None where it was not, 0 where nobody can say.
        upstream: the class that the upstream said, where it was drawn; None for no class, empty for none of them.
        gold: what the person said; empty for none of the classes, None where nobody said yet.
        fields: of documents, each field by its name.
        right: of documents, whether ours, and the upstream's, is right; None where people have not settled that.
        differs: whether the two differ in anything, which decides the chance to be drawn; None: as *agrees* says.
    """

    trace_id: str
    answer: str | None
    agrees: bool
    created_at: str
    latency_s: float | None
    upstream_s: float | None
    cost_usd: float | None
    tags: dict[str, str] = field(default_factory=dict)
    weight: float | None = None
    upstream: str | None = None
    gold: str | None = None
    fields: dict[str, FieldPair] = field(default_factory=dict)
    right: tuple[bool, bool] | None = None
    differs: bool | None = None

    @property
    def stratum(self) -> int:
        """1 where every call is drawn, 0 where few are."""
        return int(not self.agrees if self.differs is None else self.differs)

    @property
    def is_begun(self) -> bool:
        """Whether people settled a field of it, and the whole hangs on another one still."""
        return self.gold is None and any(f.ours is not None for f in self.fields.values())


@dataclass(frozen=True, slots=True)
class Shadowed:
    """The calls that a verdict rests on.

    Attributes:
        pairs: every call of the plain sample that both answered, oldest first.
        n_judged: the first so many are judged: behind them the first call that differs has not been drawn yet. All
            where nobody was asked anything.
        has_gold: whether calls were drawn for a person at all.
    """

    pairs: list[Pair]
    n_judged: int
    has_gold: bool

    @property
    def judged(self) -> list[Pair]:
        """Those that count."""
        return self.pairs[: self.n_judged]

    @property
    def n_drawn(self) -> int:
        """Calls that a person was asked about."""
        return sum(bool(p.weight) for p in self.pairs)

    @property
    def n_open(self) -> int:
        """Of them, those that nobody has judged yet."""
        return sum(bool(p.weight) and p.gold is None for p in self.pairs)

    @property
    def is_begun(self) -> bool:
        """Whether a person answered enough for a first call to be judged."""
        first = self.pairs[0]
        return self.has_gold and self.n_judged > 0 and (first.agrees or first.gold is not None)

    def answers(self, slice_by: Sequence[str] = ()) -> Answers:
        """As ``give_verdict`` takes them; *slice_by* names tags of calls.

        Until a person has answered, each call on which the two differ counts as our model's mistake.
        """
        rows = self.judged if self.is_begun else self.pairs
        said = [p.answer or "" for p in rows]
        theirs = [
            s if p.agrees else _OTHER if p.upstream is None else p.upstream for p, s in zip(rows, said, strict=True)
        ]
        fields = {name: [p.tags.get(name) for p in rows] for name in slice_by}
        if not self.is_begun:
            return Answers(said, theirs, fields=fields)
        return Answers(said, theirs, [p.gold for p in rows], np.array([p.weight or 0.0 for p in rows]), fields)

    def accuracies(self) -> tuple[Estimate, Estimate] | None:
        """How often our model, and the upstream, are right: from a person's answers, by whether the two agree.

        Where they agree few were drawn and each counts for many (``metrics.gold_sample.stratified``). None until a
        person has answered some.
        """
        rows = self.judged
        stratum = np.array([p.stratum for p in rows], int)
        looked = np.array([p.gold is not None for p in rows], bool)
        if not looked.any():
            return None
        right = tuple(zip(*(p.right or _right(p) for p in rows), strict=True))
        n, n_looked = np.bincount(stratum, minlength=2), np.bincount(stratum[looked], minlength=2)
        ours, other = (stratified(n, n_looked, np.bincount(stratum[looked & np.array(r)], minlength=2)) for r in right)
        return ours, other


def _right(pair: Pair) -> tuple[bool, bool]:
    theirs = pair.answer if pair.agrees else pair.upstream
    return (pair.answer or "") == pair.gold, theirs is not None and theirs == pair.gold


def is_drawn(pair: Pair, version_id: str) -> bool:
    """Whether a person should look at a call: where the two differ always, where they agree by lot.

    The lot is a number of the call's own, the same however often one asks (permanent random numbers: Ohlsson 1995, in
    "Business Survey Methods", chapter 9), so that drawing more goes on where it stopped and passes nothing twice.
    """
    if not pair.agrees:
        return True
    lot = hashlib.blake2b(f"{version_id} {pair.trace_id}".encode(), digest_size=8).digest()
    return int.from_bytes(lot, "big") < AGREED_SHARE * 2**64


def read_shadowed(store: Store, version_id: str) -> Shadowed:
    """The calls that a version answered silently, and what people said of those that were drawn.

    Calls that came while it answered at home are no part: which of them it was asked about depended on what it said.
    Names are those that classes have now, so that a class that was renamed or merged counts as what it became.

    Raises:
        EmptyDataError: it has none.
    """
    both = _S.outerjoin(_C, _C.c.trace_id == _S.c.trace_id).outerjoin(
        _A, (_A.c.trace_id == _S.c.trace_id) & (_A.c.version_id == _S.c.version_id) & (_A.c.kind == GOLD)
    )
    query = (
        sa.select(
            _S.c.trace_id, _S.c.answer, _S.c.agrees, _S.c.created_at, _S.c.latency_s,
            _C.c.latency_s.label("upstream_s"), _C.c.cost_usd, _C.c.tags, _A.c.weight, _A.c.upstream, _A.c.gold,
        )
        .select_from(both)
        .where(_S.c.version_id == version_id, _S.c.agrees.is_not(None))
        .order_by(_S.c.created_at, _S.c.trace_id)
    )  # fmt: skip
    version = store.models.version(version_id)
    now = None if version.is_object else _names_now(store, version)
    found: list[Pair] = []
    for row in store.db.all(query):
        tags = msgspec.json.decode(row["tags"]) if row["tags"] else {}
        is_unreadable = row["weight"] == 0
        if tags.get(AT_HOME) in SELECTED or is_unreadable:
            continue
        plain = {**row, "agrees": bool(row["agrees"]), "tags": tags}
        if now is None:
            found.append(_document(plain))
        else:
            names = {n: row[n] if row[n] is None else now(row[n]) for n in ("answer", "upstream", "gold")}
            found.append(Pair(**{**plain, **names}))
    if not found:
        raise EmptyDataError("This version has no shadow answers yet: let it answer a share of live traffic silently.")
    return shadowed(found)


def shadowed(pairs: list[Pair]) -> Shadowed:
    """Calls in their order, up to the first that differs and that was not drawn yet."""
    has_gold = any(p.weight for p in pairs)
    waiting = (i for i, p in enumerate(pairs) if not p.agrees and p.weight is None)
    return Shadowed(pairs, next(waiting, len(pairs)) if has_gold else len(pairs), has_gold)


def _document(row: dict[str, Any]) -> Pair:
    """A call that was answered with a document: the words are not kept, or were read when it was judged."""
    fields = field_pairs(row["answer"], row["gold"])
    theirs = said_kept(row["upstream"])
    right = whole(fields, rest_differs=theirs is not None and theirs.rest_differs)
    said = marks(agrees=row["agrees"], ours=right[0], theirs=right[1])
    return Pair(**{**row, **said._asdict(), "fields": fields})


def shadow_answers(store: Store, version_id: str, slice_by: Sequence[str] = ()) -> Answers:
    """``read_shadowed`` as ``give_verdict`` takes it.

    Where the two agree nothing is asked of anybody; the others count as far as they were drawn for a person
    (``metrics.gold_sample``), with the weight that is stored there.
    """
    return read_shadowed(store, version_id).answers(slice_by)


def _names_now(store: Store, version: ModelVersion) -> Callable[[str], str]:
    """What an answer in a version's names is called by now, a set too; classes that were split keep its name."""
    task = store.tasks.get(version.task_id)
    names = dict(zip(task.class_ids, task.class_names, strict=True))
    found = {}
    for class_id, name in zip(version.class_ids, version.class_names, strict=True):
        means = task.meaning(class_id)
        if len(means) == 1:
            found[name] = names.get(means[0], name)

    def now(said: str) -> str:
        if version.multi and said.startswith("["):
            return set_of(found.get(name, name) for name in msgspec.json.decode(said))
        return found.get(said, said)

    return now
