"""Ask a teacher, a model API outside, to label what it has not labelled yet; its answers become votes.

Each answer is kept by its content as soon as it is there, so that a run that was killed goes on where it stopped, and
the same text is never paid for twice. Money is set aside before a call is sent (``inference.pace.Purse``).
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

from homegrown.core.ids import canonical_json
from homegrown.core.tasks import LabelSourceKind
from homegrown.errors import UpstreamError
from homegrown.inference.chat import ChatAnswer, ChatClient
from homegrown.inference.in_loop import in_loop
from homegrown.inference.outbound import Outbound, offline_by_environment
from homegrown.inference.pace import MAX_ATTEMPTS, Pace, Purse
from homegrown.label.object_prompt import ObjectPrompt, vote_of
from homegrown.label.prompt import Prompt
from homegrown.label.teacher_work import DryRun, Piece, TeachPlan, Work, estimate, per_call, pieces, survey
from homegrown.store.events import record_event
from homegrown.store.group_commit import GroupCommit
from homegrown.store.locks import FileLock
from homegrown.store.upstream_answers import Kept, Write
from homegrown.store.votes import vote_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from homegrown.core.protocols import Progress
    from homegrown.core.tasks import Task
    from homegrown.core.upstreams import Upstream
    from homegrown.inference.masking import Masker
    from homegrown.store import Store

_PATIENCE_S = 1.0
_READ_AT_ONCE, _MOST_TOLD = 1000, 1000


@dataclass(frozen=True, slots=True)
class Asked:
    """What a teacher said, and what it cost.

    Attributes:
        n_votes: records that have its vote now, those of earlier runs included; abstentions are not among them.
        n_abstained: records on which it could not tell.
        n_known: texts that had an answer before this run.
        n_answered: texts that were answered in it.
        n_left: texts that have no answer still, with or without the limit.
        n_calls: sent, repetitions included.
        cost_usd: of this run; what is not known is counted at its worst.
        spent_usd: for this question in all.
        stopped: why it ended early; empty when it did not.
        problems: what went wrong, by what, with how often; almost-JSON that was repaired is among them.
        n_unread: of fields: values that are no votes, because they do not stand in the text or are none of their type.
        unread: record id and sentence of the first of them.
    """

    upstream: str
    label_source_id: str | None
    n_votes: int
    n_abstained: int
    n_known: int
    n_answered: int
    n_left: int
    n_calls: int
    n_retries: int
    cost_usd: float
    spent_usd: float
    budget_usd: float
    stopped: str
    problems: dict[str, int]
    n_unread: int = 0
    unread: tuple[tuple[str, str], ...] = ()


def ask_teacher(
    store: Store, task: Task, upstream: Upstream, masker: Masker, plan: TeachPlan, progress: Progress
) -> Asked:
    """Ask *upstream* about the records of *task*, and vote with what it says.

    Args:
        store: the workspace.
        task: the question.
        upstream: a registered one.
        masker: takes personal data out of each text before it leaves.
        plan: budget, limit and pace.
        progress: told after each call; may stop it.

    Returns:
        Counts and costs. What failed is told there: a teacher's mistakes are no error of the verb.

    Raises:
        UpstreamError: it could not be asked at all, and nothing was answered.
        WorkspaceBusyError: it is being asked about this task already.
        CancelledError: somebody asked for a stop; what was answered has become votes.
    """
    path = store.layout.folder("locks") / f"teacher-{upstream.upstream_id}-{task.task_id}.lock"
    busy = f"{upstream.name} is being asked about {task.name!r} already. Wait until that has ended, or cancel it."
    # Two at once would each have the whole budget, and pay for the same texts.
    with FileLock(path, exclusive=True, wait_s=_PATIENCE_S, busy=busy):
        return _ask(store, task, upstream, masker, plan, progress)


def _ask(store: Store, task: Task, upstream: Upstream, masker: Masker, plan: TeachPlan, progress: Progress) -> Asked:
    prompt = _prompt(task, upstream, masker)
    work = survey(store, upstream, prompt, masker, plan)
    asking = _Asking(store, upstream, prompt, plan, work, pieces(store, masker, work.todo), progress)
    progress.start(f"ask {upstream.name}", len(work.todo), "texts")
    try:
        in_loop(partial(_run, asking, store.upstreams.key(upstream)))
    except BaseExceptionGroup as group:
        raise _first(group) from None
    finally:
        voted = _vote(store, task, upstream, prompt, masker, work)
    progress.finish()
    done = Asked(
        upstream=upstream.name,
        label_source_id=voted.label_source_id,
        n_votes=voted.n_votes,
        n_abstained=voted.n_abstained,
        n_known=len(work.known),
        n_answered=asking.n_answered,
        n_left=work.n_open - asking.n_answered,
        n_calls=asking.pace.n_calls,
        n_retries=asking.pace.n_retries,
        cost_usd=asking.purse.spent_usd - work.spent_usd,
        spent_usd=asking.purse.spent_usd,
        budget_usd=plan.budget_usd,
        stopped=asking.stopped,
        problems=dict(asking.problems),
        n_unread=voted.n_unread,
        unread=tuple(voted.unread),
    )
    _record(store, task, upstream, done)
    if asking.problems and not (asking.n_answered or work.known or asking.purse.is_empty):
        why = asking.pace.stopped or asking.problems.most_common(1)[0][0]
        raise UpstreamError(f"{upstream.name} gave no answer that counts: {why}")
    return done


def dry_run(store: Store, task: Task, upstream: Upstream, masker: Masker, plan: TeachPlan) -> DryRun:
    """What ``ask_teacher`` would send first, and what it would cost; nothing is sent."""
    return estimate(store, upstream, _prompt(task, upstream, masker), masker, plan)


def _prompt(task: Task, upstream: Upstream, masker: Masker) -> Prompt | ObjectPrompt:
    return (ObjectPrompt if task.fields else Prompt).of(task, upstream, masker)


def _record(store: Store, task: Task, upstream: Upstream, done: Asked) -> None:
    with store.db.write() as connection:
        record_event(
            connection, store.actor, "label.ask", f"task:{task.task_id}", upstream=upstream.name,
            upstream_id=upstream.upstream_id, model=upstream.model, n_answered=done.n_answered, n_votes=done.n_votes,
            n_calls=done.n_calls, cost_usd=done.cost_usd,
        )  # fmt: skip


async def _run(asking: _Asking, key: str | None) -> None:
    plan = asking.plan
    outbound = Outbound(
        (asking.upstream.origin,), plan.limits, n_connections=plan.n_at_once,
        closed=asking.is_offline,
    )  # fmt: skip
    async with outbound.open() as door:
        client = ChatClient(door, asking.upstream, key)
        async with anyio.create_task_group() as group:
            for _ in range(plan.n_at_once):
                group.start_soon(asking.work_off, client)


def _first(group: BaseExceptionGroup[Any]) -> BaseException:
    """The reason in one exception: the workers share everything, so what stops one stops all."""
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found


class _Asking:
    """Calls under way. Everything but the database runs in one thread, so nothing needs a lock."""

    def __init__(
        self,
        store: Store,
        upstream: Upstream,
        prompt: Prompt | ObjectPrompt,
        plan: TeachPlan,
        work: Work,
        texts: Iterator[Piece],
        progress: Progress,
    ) -> None:
        self.upstream, self.plan = upstream, plan
        self.pace = Pace(max_in_a_row=max(8, 3 * plan.n_at_once))
        self.purse = Purse(plan.budget_usd, work.spent_usd)
        self.problems: Counter[str] = Counter()
        self.n_answered = 0
        self._store = store
        self._answers, self._prompt, self._progress = store.upstream_answers, prompt, progress
        self._texts, self._again = texts, deque[Piece]()
        self._size = per_call(plan, prompt, work.mean_chars)
        self._limiter = anyio.CapacityLimiter(1)
        self._ledger = GroupCommit[Write](self._answers.write)

    def is_offline(self) -> bool:
        """Whether the owner closed every way out, also while this runs."""
        return offline_by_environment() or self._store.routes.is_offline()

    @property
    def stopped(self) -> str:
        """Why it ended early."""
        if self.purse.is_empty:
            return (
                f"The budget of {self.plan.budget_usd:.2f} USD is used up: {self.purse.spent_usd:.4f} USD are spent, "
                "and the next call could pass it."
            )
        return self.pace.stopped

    async def work_off(self, client: ChatClient) -> None:
        """One worker: call after call, until nothing is left or something ends the work."""
        while not self.stopped:
            batch = await self._in_thread(self._next)
            if not batch:
                return
            await self._call(client, batch)

    def _next(self) -> list[Piece]:
        if self._again:
            return [self._again.popleft()]
        found: list[Piece] = []
        for piece in self._texts:
            found.append(piece)
            if len(found) == self._size:
                break
        return found

    async def _in_thread(self, work: Callable[[], Any]) -> Any:
        """Whatever waits for a disk, one at a time."""
        return await anyio.to_thread.run_sync(work, limiter=self._limiter)

    async def _call(self, client: ChatClient, batch: list[Piece]) -> None:
        question = self._prompt.question([p.text for p in batch])
        most = self.upstream.cost_usd(question.most_tokens_in, question.max_tokens)
        for attempt in range(MAX_ATTEMPTS):
            if not await self.purse.hold(most):
                return
            if not await self.pace.turn():
                self.purse.settle(most, 0.0)
                return
            call_id, noted = self._answers.set_aside(self.upstream, self._prompt.digest, most)
            await self._ledger.do(noted)
            try:
                answer = await client.ask(question)
            except UpstreamError as error:
                cost = most if error.may_have_cost else 0.0
                await self._settle(call_id, most, cost, [])
                self.problems[error.message] += 1
                if not self.pace.may_repeat(error, attempt):
                    return
                continue
            await self._take(batch, answer, call_id, most)
            return

    async def _take(self, batch: list[Piece], answer: ChatAnswer, call_id: str, most: float) -> None:
        cost = most
        if answer.n_tokens_in is not None and answer.n_tokens_out is not None:
            cost = self.upstream.cost_usd(answer.n_tokens_in, answer.n_tokens_out)
        try:
            said, problems = self._prompt.read(answer, len(batch))
            self.pace.went_well()
        except UpstreamError as error:
            said, problems = [None] * len(batch), [error.message]
            self.pace.garbled(f"{self.upstream.name}: {error.message}")
        self.problems.update(problems)
        share, n = cost / len(batch), len(batch)
        tokens = (answer.n_tokens_in or 0) // n, (answer.n_tokens_out or 0) // n
        kept = [
            Kept(piece.todo.key, piece.todo.text_hash, one.value, one.confidence, *tokens, share)
            for piece, one in zip(batch, said, strict=True)
            if one is not None
        ]
        await self._settle(call_id, most, cost, kept)
        if len(batch) > 1:  # each of the rest is asked about once more, by itself
            self._again += [piece for piece, one in zip(batch, said, strict=True) if one is None]

    async def _settle(self, call_id: str, most: float, cost: float, kept: list[Kept]) -> None:
        still = max(cost - sum(k.cost_usd for k in kept), 0.0)
        still = 0.0 if still < 1e-12 else still
        settled = self._answers.settle(self.upstream, self._prompt.digest, call_id, kept, still_usd=still)
        await self._ledger.do(settled)
        self.purse.settle(most, cost)
        self.n_answered += len(kept)
        await self._in_thread(partial(self._progress.advance, len(kept), cost_usd=round(self.purse.spent_usd, 6)))


def _vote(
    store: Store, task: Task, upstream: Upstream, prompt: Prompt | ObjectPrompt, masker: Masker, work: Work
) -> _Voted:
    """Put what the teacher said of all current records in place of its earlier votes."""
    known = work.known | store.upstream_answers.find(t.key for t in work.todo)
    answered = [(record_id, known[key]) for record_id, key in work.rows if key in known]
    if not answered:
        return _Voted(None)
    config = {
        "upstream_id": upstream.upstream_id, "origin": str(upstream.origin), "model": upstream.model,
        "terms": upstream.terms, "prompt": prompt.digest, "masked": masker.version,
    }  # fmt: skip
    source_id = store.tasks.label_source(store.actor, task, LabelSourceKind.MODEL, upstream.name, config)
    voted = _Voted(source_id)
    values = _documents(store, task, answered, voted) if task.fields else [_value(k) for _, k in answered]
    table = vote_table(task, source_id, [i for i, _ in answered], values, [k.confidence for _, k in answered])
    store.votes.replace(source_id, table)
    voted.n_abstained = sum(v is None for v in values)
    voted.n_votes = len(values) - voted.n_abstained
    return voted


@dataclass(slots=True)
class _Voted:
    """What became of the answers."""

    label_source_id: str | None
    n_votes: int = 0
    n_abstained: int = 0
    n_unread: int = 0
    unread: list[tuple[str, str]] = field(default_factory=list)


def _value(kept: Kept) -> str | None:
    return None if kept.value is None else canonical_json(kept.value).decode()


def _documents(store: Store, task: Task, answered: list[tuple[str, Kept]], voted: _Voted) -> list[str | None]:
    """Documents as votes, each beside the text of its record; what does not stand there is told."""
    values: list[str | None] = []
    for start in range(0, len(answered), _READ_AT_ONCE):
        some = answered[start : start + _READ_AT_ONCE]
        texts = store.records.texts([record_id for record_id, _ in some])
        for record_id, kept in some:
            if kept.value is None or record_id not in texts:
                values.append(None)
                continue
            value, problems = vote_of(task, kept.value, texts[record_id])
            voted.n_unread += len(problems)
            voted.unread += [(record_id, p) for p in problems[: _MOST_TOLD - len(voted.unread)]]
            values.append(value)
    return values
