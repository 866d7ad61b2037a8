"""The verbs of labelling by several people: invitations, agreement, questions."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from homegrown.core.access import Permission, Role
from homegrown.errors import ForbiddenError, InputError
from homegrown.govern.people import INVITED, Invitation, People, may_invite
from homegrown.label.object_people import ObjectVote, objects_report
from homegrown.label.people import PeopleReport, PersonVote, disputed, people_report

if TYPE_CHECKING:
    from collections.abc import Collection

    from homegrown.core.tasks import Task
    from homegrown.label.disputes import DisputedField
    from homegrown.metrics.agreement import Agreement
    from homegrown.store import Store
    from homegrown.workspace import handles


@dataclass(frozen=True, slots=True)
class Team:
    """Who labels a task, and how well they agree.

    Attributes:
        report: agreement, accuracy and confusions, by actor id.
        names: by actor id, of everybody in the report.
        n_conflicts: records on which people disagree and which no reviewer settled.
        n_questions: that nobody answered yet.
    """

    report: PeopleReport
    names: dict[str, str]
    n_conflicts: int
    n_questions: int

    def document(self) -> dict[str, Any]:
        """All of it as JSON values, with names for ids; what is not known is None."""
        report = self.report
        return {
            "agreement": _agreement(report.alpha),
            "classes": [{"class": name, **_agreement(found)} for name, found in report.by_class],
            "fields": [
                {"field": f.name, "measure": f.measure, **_agreement(f.agreement), "f1": f.f1} for f in report.by_field
            ],
            "pairs": [{"names": [self.names[a], self.names[b]], **_agreement(k)} for a, b, k in report.by_pair],
            "people": [
                {
                    "actor_id": p.actor_id,
                    "name": self.names[p.actor_id],
                    "n_votes": p.n_votes,
                    "accuracy": p.accuracy,
                    "accuracy_ci95": list(p.ci95),
                    "is_measured": p.is_measured,
                    "confusions": [asdict(c) for c in p.confusions],
                }
                for p in report.people
            ],
            "n_conflicts": self.n_conflicts,
            "n_questions": self.n_questions,
        }


def _agreement(found: Agreement) -> dict[str, Any]:
    return {"alpha": None if math.isnan(found.value) else found.value, "ci95": list(found.ci95), "n": found.n}


class Invitations:
    """Mixed into ``Workspace``."""

    store: Store

    if TYPE_CHECKING:

        def _any_task(self, task: Task | handles.Task | str) -> Task: ...

        def _disputed(self, task: Task, *, sources: bool = False) -> list[DisputedField]:
            """Fields of objects on which people disagree."""
            ...

    def invite(self, task: Task | handles.Task | str, name: str, role: str = "annotator") -> Invitation:
        """Invite somebody to label a task, or to review it; hand them the link, which works once within a week.

        An annotator sees the tasks they were invited to, and nothing else.

        Example:
            >>> ws.invite("intent", "Anna").link  # doctest: +SKIP
        """
        asked = self._any_task(task)
        if role not in {r.value for r in INVITED}:
            raise InputError("People are invited as annotator or reviewer.")
        made = People(self.store.db).invite(self.store.actor, name, Role(role))
        self._admit(made.actor_id, asked)
        return made

    def admit(self, task: Task | handles.Task | str, actor_id: str) -> None:
        """Let somebody who was invited label one more task."""
        may_invite(self.store.actor)
        self._admit(actor_id, self._any_task(task))

    def _admit(self, actor_id: str, task: Task) -> None:
        tasks = [*self.admitted(actor_id), task.task_id]
        self.store.settings.put(self.store.actor, f"admitted:{actor_id}", sorted(set(tasks)), "label.admit")

    def admitted(self, actor_id: str) -> list[str]:
        """Ids of the tasks to which somebody was invited."""
        return self.store.settings.get(f"admitted:{actor_id}") or []

    def my_tasks(self) -> list[Task]:
        """The tasks that the caller may label: for who was invited those they were invited to, else all."""
        found = self.store.tasks.all()
        allowed = self._invited_to()
        return [t for t in found if t.task_id in allowed] if allowed else found

    def check_may_label(self, task: Task) -> None:
        """Refuse a task to which the caller was not invited.

        Raises:
            ForbiddenError: they were invited to others only.
        """
        allowed = self._invited_to()
        if allowed and task.task_id not in allowed:
            raise ForbiddenError("You were not invited to this task.")

    def _invited_to(self) -> list[str]:
        """Ids of the tasks to which the caller is limited; none where they are not."""
        actor = self.store.actor
        return [] if actor.may(Permission.READ) else self.admitted(actor.actor_id)

    def team(self, task: Task | handles.Task | str) -> Team:
        """Who labels a task, how far they agree, and what each of them seems to confuse.

        Example:
            >>> ws.team("intent").report.alpha.value  # doctest: +SKIP
            0.71
        """
        asked = self._any_task(task)
        rows = self.store.person_votes.people(asked.task_id)
        return Team(
            report=self._agreement(asked, rows),
            names={r["actor_id"]: r["name"] for r in rows},
            n_conflicts=len(self._conflicting(asked)),
            n_questions=self.store.comments.n_open(asked.task_id, "question"),
        )

    def _conflicting(self, task: Task) -> Collection[str]:
        """Records on which people disagree and which no reviewer settled."""
        if task.fields:
            return {d.record_id for d in self._disputed(task)}
        return disputed(self.store, task)

    def _agreement(self, task: Task, rows: list[dict[str, Any]]) -> PeopleReport:
        decoded = [(r, msgspec.json.decode(r["value"])) for r in rows]
        if task.fields:
            votes = [ObjectVote(r["record_id"], r["actor_id"], value["fields"], r["settles"]) for r, value in decoded]
            lengths = {i: len(text) for i, text in self.store.records.texts({v.record_id for v in votes}).items()}
            return objects_report(task, votes, lengths)
        meanings = task.meanings()
        return people_report(
            task,
            [
                PersonVote(r["record_id"], r["actor_id"], now, r["settles"])
                for r, value in decoded
                if (now := task.value_now(value, meanings)) is not None
            ],
        )

    def questions(self, task: Task | handles.Task | str, *, kind: str = "question") -> list[dict[str, Any]]:
        """What people asked about the guidelines, or said by another *kind* of comment; open ones first."""
        return self.store.comments.of_task(self._any_task(task).task_id, kind=kind)

    def answer(self, comment_id: str, answer: str = "") -> None:
        """Close a question with an answer, or a flag or comment as seen."""
        if not self.store.actor.may(Permission.REVIEW):
            raise ForbiddenError("Your role does not allow to answer for the task.")
        self.store.comments.resolve(self.store.actor, comment_id, answer.strip())
