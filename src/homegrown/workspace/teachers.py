"""The verbs by which models vote: registered ones outside, and those of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

from homegrown.core.access import Permission
from homegrown.core.progress import Silent
from homegrown.errors import ForbiddenError, InputError, NotFoundError
from homegrown.inference.masking import Masker, PatternMasker
from homegrown.label import teacher
from homegrown.label.ours import vote_with_model
from homegrown.label.teacher_work import TeachPlan
from homegrown.store.upstreams import UpstreamSettings

if TYPE_CHECKING:
    from typing import Literal

    from homegrown.core import tasks
    from homegrown.core.models import ModelVersion
    from homegrown.core.protocols import Predictor, Progress
    from homegrown.core.upstreams import Upstream
    from homegrown.label.ours import ModelVotes
    from homegrown.label.teacher import Asked
    from homegrown.label.teacher_work import DryRun
    from homegrown.store import Store
    from homegrown.workspace import handles


class Teachers:
    """Mixed into ``Workspace``."""

    store: Store
    progress: Progress = Silent()
    masker: Masker = PatternMasker()

    def add_upstream(
        self,
        name: str,
        base_url: str,
        *,
        model: str,
        key: str | None = None,
        price_in_usd: float | None = None,
        price_out_usd: float | None = None,
        terms: str = "",
        private: bool = False,
    ) -> Upstream:
        """Register a model API that speaks OpenAI's protocol, or change it.

        Args:
            name: what to call it here.
            base_url: up to and with the version: ``https://api.example.org/v1``.
            model: what the API calls the model.
            key: sealed in the workspace and never shown again. Only for this origin: another address drops it.
            price_in_usd: of a million tokens sent; 0 when not given for a private one.
            price_out_usd: of a million tokens answered.
            terms: under which its answers may be used, in a word or two; kept with each vote.
            private: it stands in a network of one's own, such as a model server on this machine.

        Raises:
            ForbiddenError: only an owner may.
            InputError: the address or a price is missing or cannot be used.

        Example:
            >>> ws.add_upstream("local", "http://127.0.0.1:11434/v1", model="qwen3", private=True)  # doctest: +SKIP
        """
        self._govern()
        prices = price_in_usd, price_out_usd
        if not private and None in prices:
            raise InputError("Say what a million tokens cost, sent and answered, in USD: a budget needs it.")
        settings = UpstreamSettings(model, price_in_usd or 0.0, price_out_usd or 0.0, terms, private)
        return self.store.upstreams.put(self.store.actor, name, base_url, settings, key=key)

    def remove_upstream(self, name: str) -> Upstream:
        """Remove an upstream with its key; votes that came of it stay."""
        self._govern()
        return self.store.upstreams.remove(self.store.actor, name)

    def upstreams(self) -> list[Upstream]:
        """The registered model APIs, by name; never a key."""
        return self.store.upstreams.list()

    def _govern(self) -> None:
        if not self.store.actor.may(Permission.GOVERN):
            raise ForbiddenError("Only an owner may register or remove an upstream.")

    if TYPE_CHECKING:

        def _task(self, task: tasks.Task | handles.Task | str) -> tasks.Task: ...
        def _any_task(self, task: tasks.Task | handles.Task | str) -> tasks.Task: ...

        def predictor(self, model: str | ModelVersion | handles.Model) -> Predictor:
            """A model, loaded once and kept."""
            ...

    @overload
    def ask(
        self, task: tasks.Task | handles.Task | str, upstream: str, *, dry_run: Literal[True], budget_usd: float = ...,
        limit: int | None = ..., per_call: int | None = ..., n_at_once: int = ...,
    ) -> DryRun: ...  # fmt: skip

    @overload
    def ask(
        self, task: tasks.Task | handles.Task | str, upstream: str, *, dry_run: Literal[False] = ...,
        budget_usd: float = ..., limit: int | None = ..., per_call: int | None = ..., n_at_once: int = ...,
    ) -> Asked: ...  # fmt: skip

    def ask(
        self,
        task: tasks.Task | handles.Task | str,
        upstream: str,
        *,
        budget_usd: float = 1.0,
        limit: int | None = None,
        per_call: int | None = None,
        n_at_once: int = 8,
        dry_run: bool = False,
    ) -> Asked | DryRun:
        """Let a registered model API label the records of a task; see ``homegrown.label.teacher``.

        Args:
            task: the question, or its name.
            upstream: its name.
            budget_usd: what answers to this question may cost in all, earlier runs included; it is never passed.
            limit: ask about so many texts at most.
            per_call: records in one call; chosen when not given.
            n_at_once: calls under way at a time.
            dry_run: send nothing: show the first prompts and what it would cost.

        Example:
            >>> ws.ask("intent", "gpt", dry_run=True).cost_usd  # doctest: +SKIP
            0.31
        """
        asked, found = self._any_task(task), self.store.upstreams.get(upstream)
        plan = TeachPlan(budget_usd, limit, per_call, n_at_once)
        if dry_run:
            return teacher.dry_run(self.store, asked, found, self.masker, plan)
        return teacher.ask_teacher(self.store, asked, found, self.masker, plan, self.progress)

    def model_votes(self, task: tasks.Task | handles.Task | str, model: str | None = None) -> ModelVotes:
        """Let a model of ours vote on the records that it has not learnt from; see ``homegrown.label.ours``.

        Args:
            task: the question, or its name.
            model: name, ``name@2`` or version id; the champion of the task that was made last when not given.

        Raises:
            NotFoundError: the task has no model yet.
        """
        asked = self._task(task)
        version = self.store.models.version(model) if model else self.store.models.champion(asked.task_id)
        if version is None:
            raise NotFoundError(f"The task {asked.name!r} has no model yet. Train one: homegrown train {asked.name}")
        return vote_with_model(self.store, asked, version, self.predictor(version), self.progress)
