"""What a model of ours said of captured calls while it answered nobody, beside what the upstream said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import sqlalchemy as sa

from homegrown.errors import EmptyDataError
from homegrown.evaluate.verdict import Answers
from homegrown.store import tables

if TYPE_CHECKING:
    from homegrown.store import Store

#: the ``kind`` of an audit that a person settles for the verdict
GOLD = "gold"
_S, _A = tables.shadow_answers, tables.audits


def shadow_answers(store: Store, version_id: str) -> Answers:
    """The shadow answers of a version, oldest first.

    Where the two agree nothing is asked of anybody; the others count as far as they were drawn for a person
    (``metrics.gold_sample``), with the weight that is stored there.

    Raises:
        EmptyDataError: it has none.
    """
    both = _S.outerjoin(
        _A, (_A.c.trace_id == _S.c.trace_id) & (_A.c.version_id == _S.c.version_id) & (_A.c.kind == GOLD)
    )
    query = (
        sa.select(_S.c.answer, _S.c.agrees, _A.c.weight, _A.c.upstream, _A.c.gold)
        .select_from(both)
        .where(_S.c.version_id == version_id, _S.c.agrees.is_not(None))
        .order_by(_S.c.created_at, _S.c.trace_id)
    )
    rows = store.db.all(query)
    if not rows:
        raise EmptyDataError("This version has no shadow answers yet: let it answer a share of live traffic silently.")
    return Answers(
        student=[r["answer"] or "" for r in rows],
        # What the upstream said is looked up only where a person had to decide; elsewhere it is "the same" or "other".
        incumbent=[(r["answer"] or "") if r["agrees"] else (r["upstream"] or "\0another answer") for r in rows],
        gold=[r["gold"] for r in rows] if any(r["weight"] is not None for r in rows) else None,
        weight=np.array([r["weight"] or 0.0 for r in rows]) if any(r["weight"] is not None for r in rows) else None,
    )
