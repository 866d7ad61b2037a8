"""Events in plain sentences: what happened, for somebody who does not read logs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from homegrown.studio.words import plural


def _import(d: dict[str, Any]) -> str:
    aside = f"; {plural(d['n_quarantined'], 'row')} set aside" if d.get("n_quarantined") else ""
    return f"{plural(d['n_added'], 'new record')} came in from {d['name']}{aside}"


def _freeze(d: dict[str, Any]) -> str:
    splits = d["n_by_split"]
    learn = splits.get("train", 0) + splits.get("valid", 0)
    return f"A snapshot was frozen: {learn:,} records to learn from, {splits.get('test', 0):,} to test on"


#: action → how to say it, from the event's details. Whatever is not here is said by its action's name.
_SAY: dict[str, Callable[[dict[str, Any]], str]] = {
    "ingest.import": _import,
    "label.define_task": lambda d: f"The task {d['name']} now has {plural(d['n_classes'], 'class', 'classes')}",
    "label.add_source": lambda d: f"The source of labels “{d['name']}” was added",
    "label.vote": lambda _: "Somebody said what a record is",
    "label.undo_vote": lambda _: "A vote was taken back",
    "query.save_selection": lambda d: f"The selection {d['name']} was saved",
    "query.delete_selection": lambda d: f"The selection {d['name']} was removed",
    "curate.freeze": _freeze,
    "curate.find_issues": lambda d: f"Somebody looked for issues: {plural(d['n_new'], 'new one')}",
    "curate.decide_issue": lambda d: f"An issue was decided: {d['decision']}",
    "curate.undo_decision": lambda _: "A decision about an issue was taken back",
    "curate.derive": lambda _: "A masked record was made",
    "curate.undo_derive": lambda _: "A masked record was taken out of use",
    "train.start": lambda d: f"Training began with the recipe {d['recipe']}",
    "train.end": lambda d: f"Training {d['status']}",
    "train.register": lambda d: f"The model {d['model']} has a version {d['number']}",
    "evaluate.run": lambda d: f"A model was measured on the {d['split']} records",
    "serve.deploy": lambda d: f"A model was deployed as {d['name']}",
    "govern.sign_in": lambda _: "Somebody signed in",
    "govern.key_add": lambda d: f"A key for {d['name']} was made ({d['role']})",
    "govern.key_revoke": lambda d: f"The key of {d['name']} was revoked",
    "govern.link_add": lambda _: "A sign-in link was made",
    "govern.refused": lambda d: f"Somebody was refused: it needs the permission {d['permission']}",
    "jobs.submit": lambda d: f"A job was put into the queue: {d['verb']}",
    "jobs.cancel": lambda _: "A job was asked to stop",
    "jobs.end": lambda d: f"A job {d['status']}",
    "serve.rollback": lambda d: f"{d['name']} went back to an earlier version",
}

_ROOMS = frozenset({"ingest", "query", "label", "curate", "train", "evaluate", "serve", "govern", "jobs"})


def sentence(action: str, details: dict[str, Any]) -> str:
    """One event as a sentence without its actor and time."""
    say = _SAY.get(action)
    plain = action.replace(".", ": ").replace("_", " ")
    if say is None:
        return plain
    try:
        return say(details)
    except KeyError:
        return plain


def icon(action: str) -> str:
    """The icon of the room that an action belongs to."""
    room = action.partition(".")[0]
    return room if room in _ROOMS else "info"
