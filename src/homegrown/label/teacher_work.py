"""What a teacher still has to be asked about, and what it will cost."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from homegrown.errors import EmptyDataError, InputError
from homegrown.inference.outbound import Limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from homegrown.core.upstreams import Upstream
    from homegrown.inference.masking import Masker
    from homegrown.label.object_prompt import ObjectPrompt
    from homegrown.label.prompt import Prompt
    from homegrown.store import Store
    from homegrown.store.upstream_answers import Kept

    AnyPrompt = Prompt | ObjectPrompt

MAX_PER_CALL = 20
CALL_CHARS = 24_000
_READ_AT_ONCE = 4096
_FETCH = 500
# Characters in a token: English prose has 4 to 5 with the vocabularies in use, other scripts fewer.
_LOW, _LIKELY, _HIGH = 5.5, 4.0, 2.5
_SHOWN = 2


@dataclass(frozen=True, slots=True)
class TeachPlan:
    """How a teacher is asked.

    Attributes:
        budget_usd: what answers to this question may cost in all, those paid for in earlier runs included.
        limit: at most so many records that it has not answered yet; None for all.
        per_call: records in one call; None chooses so that the instructions are not most of what is paid for.
        n_at_once: calls under way at a time.
        limits: of time and size, for one call.
    """

    budget_usd: float = 1.0
    limit: int | None = None
    per_call: int | None = None
    n_at_once: int = 8
    limits: Limits = field(default_factory=Limits)

    def check(self) -> None:
        """Refuse what makes no sense."""
        if not (math.isfinite(self.budget_usd) and self.budget_usd >= 0):
            raise InputError("The budget is in USD, 0 or more: --budget 1.50")
        if self.limit is not None and self.limit < 1:
            raise InputError("The limit is a number of records, 1 or more.")
        if not 1 <= self.n_at_once <= 64 or not (self.per_call is None or 1 <= self.per_call <= MAX_PER_CALL):
            raise InputError(f"A call takes 1 to {MAX_PER_CALL} records, and 1 to 64 calls are under way at once.")


class Todo(NamedTuple):
    """A text to ask about: the digest that its answer is kept by, a record that holds it, and the text's own hash."""

    key: str
    record_id: str
    text_hash: str


class Piece(NamedTuple):
    """A text as it is sent."""

    todo: Todo
    text: str


@dataclass(frozen=True, slots=True)
class Work:
    """All current records against what is answered already.

    Attributes:
        rows: record id and answer's key of every current record that has a text.
        todo: distinct texts without an answer, in the order of record ids, which is a random one; cut by the limit.
        n_open: how many there are without the limit.
        known: answers that are here, by key.
        spent_usd: what was paid for this question so far.
        mean_chars: of the texts.
        n_masked: findings by kind in texts without an answer.
    """

    rows: list[tuple[str, str]]
    todo: list[Todo]
    n_open: int
    known: dict[str, Kept]
    spent_usd: float
    mean_chars: float
    n_masked: dict[str, int]


def survey(store: Store, upstream: Upstream, prompt: AnyPrompt, masker: Masker, plan: TeachPlan) -> Work:
    """Look at every current record once.

    Raises:
        EmptyDataError: there are none.
    """
    plan.check()
    rows: list[tuple[str, str]] = []
    open_: dict[str, Todo] = {}
    known: dict[str, Kept] = {}
    n_masked: dict[str, int] = {}
    n_chars = 0
    for batch in store.records.batches(["record_id", "text", "text_hash"], rows=_READ_AT_ONCE):
        read = zip(*(batch[c].to_pylist() for c in ("record_id", "text", "text_hash")), strict=True)
        masked = [(i, masker.mask(text), h) for i, text, h in read if text.strip()]
        keyed = [(prompt.key(m.text), i, m, h) for i, m, h in masked]
        known |= store.upstream_answers.find(key for key, *_ in keyed)
        for key, record_id, found, text_hash in keyed:
            rows.append((record_id, key))
            n_chars += len(found.text)
            if key not in known and key not in open_:
                open_[key] = Todo(key, record_id, text_hash)
                for kind, n in found.n_found.items():
                    n_masked[kind] = n_masked.get(kind, 0) + n
    if not rows:
        raise EmptyDataError("There are no records to ask about. Import some first: homegrown ingest FILE")
    todo = sorted(open_.values(), key=lambda t: t.record_id)
    paid = store.upstream_answers.spent_usd(upstream, prompt.digest)
    mean = n_chars / len(rows)
    return Work(rows, todo[: plan.limit], len(todo), known, paid, mean, n_masked)


def pieces(store: Store, masker: Masker, todo: list[Todo]) -> Iterator[Piece]:
    """The masked texts of *todo*, fetched some at a time."""
    for start in range(0, len(todo), _FETCH):
        some = todo[start : start + _FETCH]
        texts = store.records.texts(t.record_id for t in some)
        yield from (Piece(t, masker.mask(texts[t.record_id]).text) for t in some if t.record_id in texts)


def per_call(plan: TeachPlan, prompt: AnyPrompt, mean_chars: float) -> int:
    """Records in a call: as many as make the records as long as the instructions, within what a call can hold."""
    if plan.per_call is not None:
        return plan.per_call
    each = mean_chars + 48
    return max(1, min(prompt.most_per_call, math.ceil(len(prompt.system) / each), int(CALL_CHARS / each)))


@dataclass(frozen=True, slots=True)
class DryRun:
    """What would be asked, and what it would cost.

    Attributes:
        prompts: the first calls as they would be sent: ``system`` and ``user``.
        n_records: current records with a text.
        n_known: of them, those whose answer is here already.
        n_asked: distinct texts that would be asked about.
        n_calls: in so many calls.
        cost_usd: expected, with the range that the number of characters in a token leaves.
        spent_usd: paid for this question so far; counts against the budget.
        is_enough: whether the budget holds even the high end.
        n_masked: personal data taken out of texts without an answer, by kind.
    """

    upstream: str
    model: str
    prompts: list[dict[str, str]]
    n_records: int
    n_known: int
    n_asked: int
    n_calls: int
    cost_usd: float
    cost_usd_low: float
    cost_usd_high: float
    spent_usd: float
    budget_usd: float
    is_enough: bool
    n_masked: dict[str, int]


def estimate(store: Store, upstream: Upstream, prompt: AnyPrompt, masker: Masker, plan: TeachPlan) -> DryRun:
    """The dry run: sends nothing, costs nothing."""
    work = survey(store, upstream, prompt, masker, plan)
    size = per_call(plan, prompt, work.mean_chars)
    n, n_calls = len(work.todo), math.ceil(len(work.todo) / size)
    shown = [p.text for p in pieces(store, masker, work.todo[: size * _SHOWN])]
    questions = [prompt.question(shown[i : i + size]) for i in range(0, len(shown), size)]
    schema = len(msgspec.json.encode(questions[0].schema)) if questions else 0
    chars = n_calls * (len(prompt.system) + schema) + n * (work.mean_chars + 20)
    out = n * prompt.answer_chars

    def cost(per_token: float) -> float:
        return upstream.cost_usd(math.ceil(chars / per_token), math.ceil(out / per_token))

    known = sum(key in work.known for _, key in work.rows)
    return DryRun(
        upstream.name, upstream.model, [{"system": q.system, "user": q.user} for q in questions], len(work.rows), known,
        n, n_calls, cost(_LIKELY), cost(_LOW), cost(_HIGH), work.spent_usd, plan.budget_usd,
        work.spent_usd + cost(_HIGH) <= plan.budget_usd, work.n_masked,
    )  # fmt: skip
