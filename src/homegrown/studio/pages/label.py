"""Label: a person's vote on a record or on a text of the playground, and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from homegrown.core.access import Actor, Permission
from homegrown.errors import InputError
from homegrown.studio import words
from homegrown.studio.answer import go, posted
from homegrown.studio.search import names_of
from homegrown.studio.view import Done
from homegrown.web import Route, Shape

if TYPE_CHECKING:
    from homegrown.web import Call
    from homegrown.workspace import Workspace

#: what the choice "none of these" posts: no class can be called so, a name is never empty after trimming
_NONE_VALUE = " "


def vote(call: Call) -> Response:
    """``POST /label/vote``: say what a record is."""
    task = call.ws.store.tasks.get(posted(call, "task_id"))
    record_id = posted(call, "record_id")
    vote_id = call.ws.vote(record_id, task, _said(call))
    return go(f"/query/records/{record_id}?" + words.query_string(voted=vote_id))


def teach(call: Call) -> Response:
    """``POST /label/teach``: say what a text of the playground should be; it becomes a record if it is none."""
    version = call.ws.store.models.version(posted(call, "model_id"))
    text = posted(call, "text")
    taught = call.ws.teach(text, call.ws.store.tasks.get(version.task_id), _said(call))
    same = {"model": version.version_id, "text": text[:2000], "voted": taught.vote_id}
    return go("/serve/playground?" + words.query_string(**same))


def undo(call: Call) -> Response:
    """``POST /label/undo``: take a vote back; undoing that brings it back."""
    stands = call.ws.undo_vote(posted(call, "vote_id"))
    record_id = call.ws.store.person_votes.get(stands)["record_id"]
    return go(f"/query/records/{record_id}?" + words.query_string(voted=stands))


def _said(call: Call) -> list[str] | str | None:
    chosen = [value for value in call.form.getlist("class") if isinstance(value, str) and value]
    if not chosen:
        raise InputError("Choose what it should be, then press the button.")
    if _NONE_VALUE in chosen:
        return None
    return chosen if len(chosen) > 1 else chosen[0]


def said_of(ws: Workspace, task_id: str, text: str) -> str:
    """What people say that *text* is, when they said so of a record that holds it; otherwise empty."""
    record_id = ws.record_of(text)
    if record_id is None:
        return ""
    standing = [v for v in ws.store.person_votes.of_records([record_id]) if v["task_id"] == task_id]
    return names_of(ws.store.tasks.get(task_id), standing[-1]["value"]) if standing else ""


def vote_done(ws: Workspace, vote_id: str, actor: Actor) -> Done | None:
    """What is said after a vote of the caller's own, with the way back; None where there was none."""
    found = ws.store.person_votes.find(vote_id) if vote_id else None
    if found is None or found["actor_id"] != actor.actor_id:
        return None
    said = names_of(ws.store.tasks.get(found["task_id"]), found["value"])
    return Done(
        sentence=f"You said: {said}." if said else "Your vote was taken back.",
        more="It outweighs an imported label, and counts from the next training on." if said else "",
        undo="/label/undo",
        fields=(("vote_id", vote_id),),
    )


ROUTES: tuple[Route, ...] = (
    Route("/label/vote", vote, Permission.ANNOTATE, methods=("POST",), shape=Shape.PAGE, form=True),
    Route("/label/teach", teach, Permission.ANNOTATE, methods=("POST",), shape=Shape.PAGE, form=True),
    Route("/label/undo", undo, Permission.ANNOTATE, methods=("POST",), shape=Shape.PAGE, form=True),
)
