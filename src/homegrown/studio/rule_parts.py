"""What the pages of rules share, whatever a rule votes for: those that stand, and what was just done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from homegrown.core.tasks import Task
from homegrown.label.rules.measure import Estimate
from homegrown.store.fields import all_values
from homegrown.studio import words
from homegrown.studio.answer import asked
from homegrown.studio.view import Done, Figure

if TYPE_CHECKING:
    from homegrown.web import Call
    from homegrown.workspace import Workspace
    from homegrown.workspace.rules import StandingRule

PATH = "/label/tasks/{task_id}/rules"
BASIS = {
    "people": "counted on records that people labelled",
    "sources": "estimated: how far the other sources, taken together, agree with it",
}


@dataclass(frozen=True, kw_only=True)
class RuleRow:
    """A standing rule."""

    name: str
    sentence: str
    source: str
    n_votes: int
    coverage: float
    n_conflict: int
    accuracy: Figure | None
    basis: str
    has_run: bool
    edit_href: str
    votes_href: str
    is_edited: bool


def figure(found: Estimate | None) -> Figure | None:
    """How often a rule is right, as pages draw it."""
    return None if found is None else Figure(value=found.value, low=found.low, high=found.high, n=found.n)


def row_of(task: Task, one: StandingRule, *, is_edited: bool) -> RuleRow:
    """A standing rule as the table shows it."""
    f = one.figures
    says = "v.value" if task.fields else "v.class"
    sql = (
        f"select r.text, {says}, v.confidence from votes v join records r using (record_id) "  # noqa: S608 - shown
        f"where v.label_source_id = '{one.label_source_id}'"
    )
    return RuleRow(
        name=one.name,
        sentence=one.sentence,
        source=one.source,
        n_votes=f.n_votes,
        coverage=f.coverage,
        n_conflict=f.n_conflict,
        accuracy=figure(f.accuracy),
        basis=BASIS[f.accuracy.basis] if f.accuracy else "",
        has_run=one.has_run,
        edit_href=here(task.task_id, rule=one.name) if one.rule else "",
        votes_href="/query?" + words.query_string(sql=sql),
        is_edited=is_edited,
    )


def here(task_id: str, **values: str | int | None) -> str:
    """The address of a task's page of rules."""
    query = words.query_string(**values)
    return PATH.format(task_id=task_id) + (f"?{query}" if query else "")


def record_fields(ws: Workspace) -> tuple[str, ...]:
    """Names of the fields that the first records have."""
    batch = next(ws.store.records.batches(["fields"], rows=200), None)
    return tuple(all_values(batch["fields"]))[:100] if batch is not None else ()


def quoted(text: str) -> str:
    """A text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def rule_done(call: Call, task: Task, standing: list[StandingRule]) -> Done | None:
    """What was just done, with the way back."""
    page, names = here(task.task_id), {r.name: r for r in standing}
    saved, before = asked(call, "saved"), asked(call, "before")
    if saved in names:
        n = names[saved].figures.n_votes
        votes = f"It votes on {words.plural(n, 'record')}." if names[saved].has_run else "It votes in a job now."
        undo, fields = (f"{page}/remove", (("name", saved),))
        if before:
            undo, fields = (f"{page}/restore", (("label_source_id", before), ("name", saved)))
        return Done(sentence=f"The rule {saved} is kept.", more=votes, undo=undo, fields=fields)
    removed, name = asked(call, "removed"), asked(call, "name")
    if removed and name not in names:
        fields = (("label_source_id", removed), ("name", name))
        return Done(sentence=f"The rule {name} votes no more.", undo=f"{page}/restore", fields=fields)
    restored = asked(call, "restored")
    if restored in names:
        return Done(
            sentence=f"The rule {restored} votes as it did.", undo=f"{page}/remove", fields=(("name", restored),)
        )
    return None
