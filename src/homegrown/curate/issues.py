"""Run finders and keep what they find."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from homegrown import plugins
from homegrown.core.issues import KINDS
from homegrown.curate.examined import Abilities, Examined, Finder
from homegrown.errors import EmptyDataError, InputError

if TYPE_CHECKING:
    from homegrown.core.protocols import Progress
    from homegrown.core.tasks import Task
    from homegrown.store import Store

GROUP = "homegrown.finders"


@dataclass(frozen=True, slots=True)
class IssueReport:
    """What a search left.

    Attributes:
        n_open: open issues by kind, of the kinds that were looked for.
        notes: sentences about what could not be looked for.
    """

    task: str | None
    n_open: dict[str, int]
    notes: tuple[str, ...] = ()


def find_issues(
    store: Store,
    task: Task | None,
    abilities: Abilities,
    progress: Progress,
    *,
    kinds: Sequence[str] | None = None,
    source: str | None = None,
) -> IssueReport:
    """Look for issues of *kinds*, all by default, and keep them; what is found again is updated, never doubled.

    Issues that ask about labels belong to *task*; the others belong to the records, whatever task is named.

    Raises:
        InputError: a kind is unknown.
        EmptyDataError: there are no records.
    """
    wanted = tuple(kinds or (k for k in KINDS if task is not None or not KINDS[k].about_task))
    unknown = [k for k in wanted if k not in KINDS]
    if unknown:
        raise InputError(f"There is no kind of issue {unknown[0]!r}. Kinds: {', '.join(KINDS)}.")
    of_labels = [k for k in wanted if KINDS[k].about_task]
    if of_labels and task is None:
        raise InputError(f"{', '.join(of_labels)}: these ask about labels. Name a task.")
    if not store.records.count():
        raise EmptyDataError("There are no records to look at yet. Import a file first.")
    here = Examined(store, abilities, progress, task=task, source=source)
    finders = [finder for finder in _finders() if set(finder.kinds) & set(wanted)]
    about = {k: task.task_id if task is not None and KINDS[k].about_task else None for k in wanted}
    counts = dict.fromkeys(wanted, 0)
    progress.start("find issues", len(finders), "finders")
    for finder in finders:
        mine = {k: about[k] for k in finder.kinds if k in about}
        found = (f for f in finder.find(here) if f.kind in mine)
        for kind, n in store.issues.put(store.actor, mine, found, replace=source is None).items():
            counts[kind] += n
        progress.advance(1)
    progress.finish()
    return IssueReport(task.name if task else None, counts, _notes(here, wanted))


def _finders() -> list[Finder]:
    return [plugins.load(GROUP, name)() for name in plugins.names(GROUP)]


def _notes(here: Examined, wanted: Sequence[str]) -> tuple[str, ...]:
    notes = []
    if here.task is not None and here.task.fields:
        if "field_error" in wanted and here.crossed_objects is None:
            notes.append("Too few labelled records: fields were not checked.")
    elif here.task is not None and {"label_error", "ambiguous"} & set(wanted) and not here.crossed:
        notes.append("Too few labelled records, or several classes per record: labels were not checked.")
    return tuple(notes)
