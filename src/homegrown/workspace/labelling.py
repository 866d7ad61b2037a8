"""The verbs by which a person says what something is."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from homegrown.core.ids import text_hash
from homegrown.core.progress import Silent
from homegrown.core.records import ReadOptions, plain_text
from homegrown.errors import InputError
from homegrown.ingest import IngestRequest, import_file
from homegrown.label import answer_value, cast_vote, keep_vote, vote_value
from homegrown.store.lance_tables import quoted
from homegrown.store.locks import FileLock
from homegrown.workspace import handles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from homegrown.core.tasks import Task
    from homegrown.label.queue import Lines
    from homegrown.store import Store

#: the source of the texts that came in one by one, each because somebody said what it is
TAUGHT = "said in the playground"
_PIECE = 1000


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
        trace = self.store.endpoints.trace(trace_id)
        text = plain_text(trace["text"] or "")
        if not text or trace["version_id"] is None:
            return (
                "The endpoint kept no text of it, so no record can learn from it. Deploy with keep_text to change that."
            )
        version = self.store.models.version(trace["version_id"])
        task = self.store.tasks.get(version.task_id)
        if version.is_object:
            return "A label does not say what an object should have been, so it is no vote."
        value = answer_value(task, version, label)
        if value is None:
            return f"The task {task.name!r} has no class of that name, so it is no vote."
        return self._teach(text, task, value)

    def _teach(self, text: str, task: Task, value: dict[str, Any]) -> Taught:
        record_id = _holding(self.store, text)
        is_new = record_id is None
        if record_id is None:
            record_id = _add(self.store, text)
        return Taught(record_id, keep_vote(self.store, task, record_id, value), is_new)

    def record_of(self, text: str) -> str | None:
        """The id of a current record that holds exactly *text*, or None."""
        return _holding(self.store, plain_text(text))

    if TYPE_CHECKING:

        def _task(self, task: Task | handles.Task | str) -> Task: ...


def _holding(store: Store, text: str) -> str | None:
    """A current record with exactly this text."""
    if not store.records.table.exists:
        return None
    where = f"text_hash IN {quoted([text_hash(text)])}"
    found = store.records.table.scan(["record_id"], where=where)["record_id"].to_pylist()
    retired = set(store.records.retired_ids().to_pylist()) if found else set()
    return next((i for i in found if i not in retired), None)


def _add(store: Store, text: str) -> str:
    """Add one text to the source of such texts, whose newest import always lists all of them."""
    with FileLock(store.layout.folder("locks") / "taught.lock", exclusive=True, wait_s=60.0):
        there = _holding(store, text)  # somebody may have said the same while this waited for its turn
        if there is not None:
            return there
        texts, cursor = [], None
        while True:
            page = store.records.page(cursor, _PIECE, source=TAUGHT)
            texts += [record.text for record in page.records]
            cursor = page.next_cursor
            if cursor is None:
                break
        with tempfile.TemporaryDirectory(dir=store.layout.folder("tmp")) as folder:
            path = Path(folder) / "texts.jsonl"
            path.write_bytes(b"\n".join(msgspec.json.encode({"text": t}) for t in (*texts, text)) + b"\n")
            request = IngestRequest(path, "text", None, None, TAUGHT, None, ReadOptions())
            import_file(store, request, progress=Silent())
    added = _holding(store, text)
    if added is None:
        raise InputError("This text cannot be kept: it holds nothing that can be read.")
    return added
