"""The verbs by which a person says what something is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from homegrown.core.documents import answer_in
from homegrown.core.records import plain_text
from homegrown.errors import InputError
from homegrown.label import answer_value, cast_vote, keep_vote, vote_value
from homegrown.workspace import handles
from homegrown.workspace.texts import add_texts, holding

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from homegrown.core.models import ModelVersion
    from homegrown.core.tasks import Task
    from homegrown.label.queue import Lines
    from homegrown.store import Store

_NO_TEXT = "The endpoint kept no text of it, so no record can learn from it. Deploy with keep_text to change that."
#: the source of the texts that came in one by one, each because somebody said what it is
TAUGHT = "said in the playground"


class Taught(NamedTuple):
    """A vote and the record that it is on; `is_new` when the text was not here before."""

    record_id: str
    vote_id: str
    is_new: bool


class Labelling:
    """Mixed into ``Workspace``."""

    store: Store
    lines: Lines

    def vote(self, record_id: str, task: Task | handles.Task | str, said: str | Sequence[str] | None) -> str:
        """Say what a record is; it outweighs imported votes from the next snapshot on. Returns the vote's id.

        Args:
            record_id: of the record.
            task: the question, or its name.
            said: the name of a class, several where the task takes several, or None for "none of these".

        Example:
            >>> ws.vote(record.record_id, "intent", "refund")  # doctest: +SKIP
        """
        return cast_vote(self.store, self._task(task), record_id, said)

    def undo_vote(self, vote_id: str) -> str:
        """Take a vote of one's own back; returns the id of what stands now, whose undoing brings the vote back."""
        stands = self.store.person_votes.undo(self.store.actor, vote_id)
        vote = self.store.person_votes.get(stands)
        for line in self.lines.of_task(vote["task_id"]):
            line.reopen([vote["record_id"]])
        return stands

    def teach(self, text: str, task: Task | handles.Task | str, said: str | Sequence[str] | None) -> Taught:
        """Say what a text is: a vote on the record that holds it, which is added when there is none.

        Example:
            >>> ws.teach("my card never came", "intent", "card_arrival").is_new  # doctest: +SKIP
            True
        """
        text = plain_text(text)
        if not text:
            raise InputError("There is no text to say anything about.")
        asked = self._task(task)
        return self._teach(text, asked, vote_value(asked, said))

    def learn_from_feedback(self, trace_id: str, label: str | None) -> Taught | str:
        """What an answer should have been, as the store's actor's vote on the text that was asked.

        Args:
            trace_id: of the answer.
            label: the name that was right, None for none of the classes.

        Returns:
            The vote; or a sentence that says why there is none: the endpoint keeps no texts, or there is no such class.

        Example:
            >>> ws.learn_from_feedback(trace_id, "refund").vote_id  # doctest: +SKIP
        """
        asked = self._text_of(trace_id)
        if asked is None:
            return _NO_TEXT
        text, version, task = asked
        if version.is_object:
            return "A label does not say what an object should have been, so it is no vote."
        value = answer_value(task, version, label)
        if value is None:
            return f"The task {task.name!r} has no class of that name, so it is no vote."
        return self._teach(text, task, value)

    def learn_from_document(self, trace_id: str, document: Mapping[str, Any]) -> Taught | str:
        """What an answer that is an object should have been, as the store's actor's vote on the text that was asked.

        Args:
            trace_id: of the answer.
            document: by the task's schema; a field that it leaves out is not judged, null says that it is not there.

        Returns:
            The vote; or a sentence that says why there is none: the endpoint keeps no texts, or nothing of the document
            can be understood.

        Example:
            >>> ws.learn_from_document(trace_id, {"total": {"amount": 12.5, "currency": "EUR"}})  # doctest: +SKIP
        """
        asked = self._text_of(trace_id)
        if asked is None:
            return _NO_TEXT
        text, version, task = asked
        if not version.is_object:
            return f"The task {task.name!r} is answered with classes; a document does not say one, so it is no vote."
        read = answer_in(task.fields, document, text)
        known = {n for f in task.fields for n in (f.name, *f.former)}
        read.problems += [f"The task has no field {str(n)[:80]!r}." for n in document if n not in known]
        if not document:
            read.problems.append("The document says nothing of any field.")
        if read.problems or not read.value["fields"]:
            return " ".join([*read.problems, "So it is no vote."])
        return self._teach(text, task, read.value)

    def _text_of(self, trace_id: str) -> tuple[str, ModelVersion, Task] | None:
        """The text of a trace, the version that answered and its task; None where no text is kept."""
        trace = self.store.endpoints.trace(trace_id)
        text = plain_text(trace["text"] or "")
        if not text or trace["version_id"] is None:
            return None
        version = self.store.models.version(trace["version_id"])
        return text, version, self.store.tasks.get(version.task_id)

    def _teach(self, text: str, task: Task, value: dict[str, Any]) -> Taught:
        record_id = self.record_of(text)
        is_new = record_id is None
        if record_id is None:
            record_id = add_texts(self.store, TAUGHT, [text]).get(text)
        if record_id is None:
            raise InputError("This text cannot be kept: it holds nothing that can be read.")
        return Taught(record_id, keep_vote(self.store, task, record_id, value), is_new)

    def record_of(self, text: str) -> str | None:
        """The id of a current record that holds exactly *text*, or None."""
        known = plain_text(text)
        return holding(self.store, [known]).get(known)

    if TYPE_CHECKING:

        def _task(self, task: Task | handles.Task | str) -> Task: ...
