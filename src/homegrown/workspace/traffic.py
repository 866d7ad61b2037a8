"""The verbs for calls of a model API: bring in those that a team has, find the tasks in them, make a Task of one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from homegrown import cost
from homegrown.core.classes import clean_name
from homegrown.core.traces import answer_of
from homegrown.core.traffic import Volume
from homegrown.errors import EmptyDataError, InputError
from homegrown.monitor import ImportedCalls, find_templates, pointed_at, propose, read_calls
from homegrown.monitor.turns import said_in
from homegrown.monitor.wordings import Matcher
from homegrown.workspace.accepting import Accepted, accept, class_names, field_of
from homegrown.workspace.accepting_objects import accept_object, is_object

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from homegrown.core.protocols import Progress
    from homegrown.core.traces import Captured
    from homegrown.core.traffic import Template
    from homegrown.cost import PriceList
    from homegrown.monitor import Traffic
    from homegrown.store import Store

LOOSE = "traffic:rest"
SIMULATED = "is_simulated"
_AT_ONCE = 500
_ASSIGNED = 5000


@dataclass(frozen=True, slots=True)
class ShownCall:
    """A call of a template as it is looked at.

    Attributes:
        parts: of its last turn, each with whether it changes from call to call.
    """

    trace_id: str
    system: str
    parts: tuple[tuple[str, bool], ...]
    answer: str


class TrafficVerbs:
    """Mixed into ``Workspace``."""

    store: Store
    progress: Progress

    if TYPE_CHECKING:

        def prices(self) -> PriceList:
            """What calls cost."""
            ...

    def import_calls(self, *paths: str | Path, format: str | None = None, name: str | None = None) -> ImportedCalls:
        """Bring in calls that happened elsewhere; the same file again adds nothing.

        Read: OpenAI's stored completions, batch files (input and output named together) and files for fine-tuning,
        exports of Langfuse, Helicone and LiteLLM, OpenTelemetry's GenAI spans. What cannot be used is listed.

        Args:
            *paths: the files.
            format: of all of them; found by their content when not given.
            name: under which the calls stand; default: the name of the first file.

        Raises:
            EmptyDataError: no call of them can be used; the sentence names the first reason.

        Example:
            >>> ws.import_calls("langfuse.jsonl").n_added  # doctest: +SKIP
            4812
        """
        files = [Path(p).expanduser() for p in paths]
        if not files:
            raise InputError("Name a file of calls.")
        report = ImportedCalls((name or files[0].name)[:200])
        self.progress.start("import calls", None, "calls")
        some: list[Captured] = []
        for call in read_calls(files, report, format):
            some.append(call)
            if len(some) == _AT_ONCE:
                self._keep(some, report)
        self._keep(some, report)
        self.progress.finish()
        if not report.n_calls:
            first = report.aside[0] if report.aside else None
            why = f"line {first.line} of {first.file}: {first.reason}" if first else "there is none in it"
            raise EmptyDataError(f"No call of {files[0].name} can be used: {why}.")
        self.store.captured_imports.told(
            self.store.actor, report.origin, formats=sorted(set(report.formats)), n_calls=report.n_calls,
            n_added=report.n_added, n_aside=report.n_aside,
        )  # fmt: skip
        return report

    def _keep(self, some: list[Captured], report: ImportedCalls) -> None:
        if some:
            report.n_added += self.store.captured_imports.add(some)
            self.progress.advance(len(some))
            some.clear()

    def find_tasks(self) -> Traffic:
        """Look through all captured calls for prompts that they share, and propose a Task for each.

        What was found before keeps its id and what was decided about it. See ``homegrown.monitor.templates``. A call
        whose cost was not noted costs what the prices of its day say, as in ``charges``.

        Raises:
            EmptyDataError: there are no calls.

        Example:
            >>> ws.find_tasks().proposals[0].template.name  # doctest: +SKIP
            'triage'
        """
        calls = self.store.captured_imports
        n = calls.count()
        if not n:
            raise EmptyDataError(
                "There are no calls yet. Send some through the gateway, or bring in those that you have: "
                "homegrown monitor import FILE"
            )
        every = self.store.templates.list()
        tagged = {t.template_id for t in every if t.tag}
        known = [t for t in every if not t.tag]
        assigned = _Assigned(self.store, {v.key: t.template_id for t in known for v in t.variants})
        priced = _Priced(self.prices(), {u.upstream_id: u.name for u in self.store.upstreams.list()})
        self.progress.start("find tasks", 2 * n, "calls")
        found = find_templates(
            lambda: priced.each(c for c in calls.whole() if c.template_id not in tagged), known,
            assign=assigned.add, progress=self.progress,
        )  # fmt: skip
        assigned.write()
        kept = self.store.templates.put(self.store.actor, found.templates, n_calls=found.n_calls)
        calls.rename({v.key: t.template_id for t in kept for v in t.variants})
        rest = msgspec.to_builtins(found.loose.volume(0)) | {SIMULATED: priced.is_simulated}
        self.store.settings.put(self.store.actor, LOOSE, rest, "monitor.find")
        self.progress.finish()
        return self.traffic()

    def traffic(self) -> Traffic:
        """What was found the last time: Task proposals, best savings first, and the bill.

        Example:
            >>> ws.traffic().bill.learnable  # doctest: +SKIP
            0.83
        """
        rest = self.store.settings.get(LOOSE)
        loose = Volume() if rest is None else msgspec.convert(rest, Volume)
        return propose(self.store.templates.list(), loose, is_simulated=bool(rest and rest.get(SIMULATED)))

    def template(self, template_id: str) -> Template:
        """A template that was found, by its id or its name."""
        named = [t for t in self.store.templates.list() if t.name == template_id]
        return named[0] if len(named) == 1 else self.store.templates.get(template_id)

    def template_calls(self, template_id: str, n: int = 5) -> list[ShownCall]:
        """Some calls of a template, with what changes told from what stays the same."""
        template = self.template(template_id)
        matcher, found = Matcher(template.variants), []
        for call in self.store.captured_imports.get(template.examples):
            said = said_in(call)
            match = matcher.match(said) if said is not None else None
            if said is not None and match is not None and len(found) < n:
                frame = match.variant.user
                values = frame.values(said.user) or ()
                parts = [(frame.constants[0], False)]
                for value, constant in zip(values, frame.constants[1:], strict=True):
                    parts += [(value, True), (constant, False)]
                shown = tuple(p for p in parts if p[0])
                found.append(ShownCall(call.trace_id, said.system, shown, answer_of(call) or ""))
        return found

    def accept_template(
        self,
        template_id: str,
        *,
        name: str | None = None,
        field: str | None = None,
        names: Mapping[str, str | None] | None = None,
    ) -> Accepted:
        """Make a Task of a template: what changes in its calls becomes records, what was answered votes.

        Each upstream is a source of labels of its own, of kind ``model``, with its name and terms, so that rules and
        people can outvote it. Again, with more traffic, only what is new is added.

        Answers that are JSON documents of several fields become one Task of objects with all fields that can be
        learnt, and votes by field; ``field`` makes a Task of classes of one of them.

        Args:
            template_id: or its name.
            name: of the Task; default: the template's. A Task of that name gets the votes.
            field: of the answers' JSON document: a closed set, of which a Task of classes is made.
            names: what labels are called in the Task; two with one name become one class, None means none of these.

        Raises:
            UnsuitableLabelsError: the answers are no closed set of labels.
            InputError: it is not clear what is meant.

        Example:
            >>> ws.accept_template("triage", names={"oos": None}).votes  # doctest: +SKIP
            {'gpt-4o-mini (traffic)': 4812}
        """
        template = self.template(template_id)
        task_name = clean_name(name) if name else template.name
        if is_object(template, field):
            if names:
                raise InputError(
                    "Labels are renamed in a Task of classes: name the field of the answers that it is about."
                )
            return accept_object(self.store, template, task_name, self.progress)
        one = field_of(template, field)
        return accept(self.store, template, one, task_name, class_names(template, one, names), self.progress)

    def accept_tag(
        self,
        tag: str,
        value: str,
        *,
        name: str | None = None,
        field: str | None = None,
        names: Mapping[str, str | None] | None = None,
    ) -> Accepted:
        """Make a Task of the calls with a tag, which are one task because somebody says so; else as above.

        Example:
            >>> ws.accept_tag("feature", "triage").task.name  # doctest: +SKIP
            'triage'
        """
        store, wanted = self.store, (tag, value)
        old = next((t for t in store.templates.list() if t.tag == wanted), None)
        assigned = _Assigned(store, {v.key: old.template_id for v in old.variants} if old else {})
        calls = store.captured_imports
        found = pointed_at(lambda: calls.whole(tag=wanted), wanted, old, assign=assigned.add)
        if found is None:
            raise EmptyDataError(f"Too few calls with the tag {tag}:{value} share a prompt to make a Task of them.")
        if not is_object(found, field):
            field_of(found, field)
        template = store.templates.point(store.actor, found)
        assigned.write()
        calls.rename({v.key: found.template_id for v in found.variants})
        return self.accept_template(template.template_id, name=name, field=field, names=names)


class _Priced:
    """Gives calls whose cost was not noted the cost that the prices of their day say.

    Attributes:
        is_simulated: a price that is made up entered.
    """

    def __init__(self, prices: PriceList, upstreams: Mapping[str, str]) -> None:
        self._prices, self._upstreams = prices, upstreams
        self.is_simulated = False

    def each(self, calls: Iterable[Captured]) -> Iterator[Captured]:
        """The calls, priced where that can be known."""
        for call in calls:
            if call.cost_usd is not None or call.n_tokens_in is None or call.n_tokens_out is None:
                yield call
                continue
            names = (self._upstreams.get(call.upstream_id or ""), call.model)
            found = cost.call_cost(self._prices, call.created_at[:10], names, call.n_tokens_in, call.n_tokens_out)
            if found is None:
                yield call
                continue
            self.is_simulated = self.is_simulated or found[1]
            yield replace(call, cost_usd=found[0])


class _Assigned:
    """Writes of which template calls are, some at a time, and only where that is new.

    Args:
        targets: template ids by the key of a wording; a key that is not there stands for itself for now.
    """

    def __init__(self, store: Store, targets: dict[str, str]) -> None:
        self.targets = targets
        self._store = store
        self._waiting: dict[str, str | None] = {}

    def add(self, call: Captured, key: str | None) -> None:
        """One call."""
        target = None if key is None else self.targets.get(key, key)
        if target != call.template_id:
            self._waiting[call.trace_id] = target
            if len(self._waiting) >= _ASSIGNED:
                self.write()

    def write(self) -> None:
        """What waits."""
        if self._waiting:
            self._store.captured_imports.assign(self._waiting)
        self._waiting.clear()
