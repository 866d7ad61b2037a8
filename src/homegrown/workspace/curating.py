"""The verbs by which doubtful records and labels are found and decided."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from homegrown import label, train
from homegrown.core.documents import answer_in
from homegrown.core.issues import OPEN, Decision, Issue
from homegrown.core.schema import checked_value
from homegrown.core.tasks import Task, TaskKind
from homegrown.curate import Abilities, IssueReport, SnapshotDiff, as_markdown, datasheet, diff, find_issues
from homegrown.errors import ConflictError, InputError, NotFoundError
from homegrown.label import cast_vote, keep_vote
from homegrown.workspace import handles
from homegrown.workspace.masking import mask_record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from homegrown.core.models import Snapshot
    from homegrown.core.protocols import Encoder, Progress
    from homegrown.store import Store


class Curating:
    """Mixed into ``Workspace``."""

    store: Store
    progress: Progress
    #: options of the recipe ``fields`` for models that check labels
    _field_options: ClassVar[dict[str, Any]] = {}

    if TYPE_CHECKING:

        @property
        def encoder(self) -> Encoder:
            """The workspace's frozen encoder."""
            ...

        def _any_task(self, task: Task | handles.Task | str) -> Task: ...

    def find_issues(
        self,
        task: Task | handles.Task | str | None = None,
        *,
        kinds: Sequence[str] | None = None,
        source: str | None = None,
    ) -> IssueReport:
        """Look for doubtful records and, with a task, doubtful labels; see ``homegrown.curate.find_issues``.

        What is found again is updated; what was decided stays decided.

        Args:
            task: whose labels are looked at too.
            kinds: names of ``core.issues.KINDS``; all by default.
            source: only records of this source.

        Example:
            >>> ws.find_issues("intent").n_open["label_error"]  # doctest: +SKIP
            41
        """
        noun = None if task is None else self._any_task(task)
        abilities = Abilities(
            lambda texts: self.encoder.encode(texts), train.out_of_sample, label.join_votes, label.join_objects,
            self._objects_out_of_sample,
        )  # fmt: skip
        return find_issues(self.store, noun, abilities, self.progress, kinds=kinds, source=source)

    def _objects_out_of_sample(self, fields: Any, texts: Any, values: Any) -> Any:
        folder = self.store.layout.folder("tmp")
        return train.objects_out_of_sample(
            fields, texts, values, encoder=self.encoder, folder=folder, options=self._field_options
        )  # fmt: skip

    def issues(
        self,
        task: Task | handles.Task | str | None = None,
        *,
        kind: str | None = None,
        state: str | None = OPEN,
        limit: int = 50,
        offset: int = 0,
    ) -> list[Issue]:
        """Issues, those first of which most harm is to be expected; of a task and of no task where one is named."""
        task_id = None if task is None else self._any_task(task).task_id
        return self.store.issues.list(state=state, kind=kind, task_id=task_id, limit=limit, offset=offset)

    def decide(
        self,
        issue_id: str,
        decision: Decision | str,
        *,
        said: str | Sequence[str] | Mapping[str, Any] | None = None,
    ) -> Issue:
        """Decide an issue; the next snapshot honours it, and ``undo_decision`` takes it back.

        Args:
            issue_id: of the issue.
            decision: ``keep`` it as it is, ``relabel`` (a vote of one's own), ``drop`` the record from later snapshots,
                ``mask`` what it holds, ``merge`` it into the record that it is a twin of.
            said: for ``relabel``: names of classes; of an object a document with the fields that are meant, which
                ``core.documents`` reads; default: what was suggested.

        Raises:
            InputError: the decision does not go with this kind of issue, or there is no such class.
            ConflictError: it was decided meanwhile.
        """
        issue = self.store.issues.get(issue_id)
        chosen = _fitting(issue, decision)
        if issue.state != OPEN:
            raise ConflictError("This issue was decided meanwhile. Undo that decision first.")
        facts: dict[str, Any] = {}
        if chosen is Decision.RELABEL:
            facts["vote_id"] = self._relabel(issue, said)
        elif chosen is Decision.MASK:
            facts["masked_id"] = mask_record(self.store, issue.record_id)
        try:
            return self.store.issues.decide(self.store.actor, issue_id, chosen, **facts)
        except ConflictError:
            if "vote_id" in facts:  # somebody else was faster, and their decision stands
                self.store.person_votes.undo(self.store.actor, facts["vote_id"])
            raise

    def undo_decision(self, issue_id: str) -> Issue:
        """Take a decision back: the issue is open again, a vote that was made for it goes, and so does the mask.

        A record stays masked while another issue about it is decided so.

        Raises:
            ConflictError: the issue is open, or the vote was changed since.
            ForbiddenError: somebody else gave the vote.
        """
        issue = self.store.issues.get(issue_id)
        if issue.state == "relabelled" and "vote_id" in issue.details:
            self.store.person_votes.undo(self.store.actor, str(issue.details["vote_id"]))
        return self.store.issues.reopen(self.store.actor, issue_id)

    def diff(self, before: Snapshot | str, after: Snapshot | str) -> SnapshotDiff:
        """What changed between two snapshots of a task; see ``homegrown.curate.diff``."""
        first, second = (s if isinstance(s, str) else s.snapshot_id for s in (before, after))
        return diff(self.store, first, second)

    def datasheet(self, snapshot: Snapshot | str, *, markdown: bool = False) -> dict[str, Any] | str:
        """Where a snapshot comes from, what is in it and what is doubtful: a document, or a page of Markdown."""
        sheet = datasheet(self.store, snapshot if isinstance(snapshot, str) else snapshot.snapshot_id)
        return as_markdown(sheet) if markdown else sheet

    def _relabel(self, issue: Issue, said: str | Sequence[str] | Mapping[str, Any] | None) -> str:
        if issue.task_id is None:
            raise InputError("This issue asks about no task, so there is no label to change.")
        task = self.store.tasks.get(issue.task_id)
        if task.fields:
            return self._refill(task, issue, said)
        if isinstance(said, Mapping):
            raise InputError(f"The task {task.name!r} is answered with classes; name one.")
        suggested = {c.class_id: c.name for c in task.classes}.get(str(issue.details.get("class_id")))
        chosen = said if said is not None else suggested
        if chosen is None:
            raise InputError("The class that was suggested is no more. Say which one it should be.")
        if task.kind is TaskKind.CLASSES and isinstance(chosen, str):
            chosen = [chosen]
        return cast_vote(self.store, task, issue.record_id, chosen)

    def _refill(self, task: Task, issue: Issue, said: str | Sequence[str] | Mapping[str, Any] | None) -> str:
        """A vote on the fields that are meant; what the same person said of others before stays."""
        texts = self.store.records.texts([issue.record_id])
        if issue.record_id not in texts:
            raise NotFoundError("There is no such record here. It may have been forgotten.")
        text = texts[issue.record_id]
        if said is None:
            field_id = issue.details.get("field_id")
            if field_id not in {f.field_id for f in task.fields}:
                raise InputError("The field that was doubted is no more. Say what the fields should be, or keep it.")
            found = {field_id: issue.details["answer"]}
        elif isinstance(said, Mapping):
            read = answer_in(task.fields, said, text)
            if read.problems or not read.value["fields"]:
                raise InputError((read.problems or ["None of these is a field of the task."])[0])
            found = read.value["fields"]
        else:
            raise InputError(f"The answer of {task.name!r} is an object: say its fields, such as {{'total': 12.5}}.")
        mine = [v for v in self.store.person_votes.people(task.task_id, [issue.record_id]) if self._is_mine(v)]
        before = msgspec.json.decode(mine[-1]["value"])["fields"] if mine else {}
        known = {f.field_id for f in task.fields}
        fields = {i: a for i, a in before.items() if i in known} | found
        return keep_vote(self.store, task, issue.record_id, checked_value(task.fields, {"fields": fields}, text))

    def _is_mine(self, vote: Mapping[str, Any]) -> bool:
        return vote["actor_id"] == self.store.actor.actor_id


def _fitting(issue: Issue, decision: Decision | str) -> Decision:
    if decision not in issue.decisions:
        names = ", ".join(d.value for d in issue.decisions)
        raise InputError(f"{str(decision)!r} is no decision about this issue. Decisions here: {names}.")
    return Decision(decision)
