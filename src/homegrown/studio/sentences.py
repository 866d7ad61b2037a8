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


def _classes(what: str) -> Callable[[dict[str, Any]], str]:
    return lambda d: f"{what} {d['name']}, which now has {plural(d['n_classes'], 'class', 'classes')}"


#: action → how to say it, from the event's details. Whatever is not here is said by its action's name.
_SAY: dict[str, Callable[[dict[str, Any]], str]] = {
    "ingest.import": _import,
    "label.define_task": lambda d: f"The task {d['name']} now has {plural(d['n_classes'], 'class', 'classes')}",
    "label.add_class": _classes("A class was added to"),
    "label.rename_class": _classes("A class was renamed in"),
    "label.describe_class": _classes("A class was described anew in"),
    "label.merge_classes": _classes("Classes were merged in"),
    "label.split_class": _classes("A class was split in"),
    "label.remove_class": _classes("A class was removed from"),
    "label.set_guidelines": lambda d: f"The guidelines of {d['name']} were changed",
    "label.apply_declaration": _classes("A file declared"),
    "label.restore_task": lambda d: f"{d['name']} went back to its version {d['restored']}",
    "label.add_source": lambda d: f"The source of labels “{d['name']}” was added",
    "label.vote": lambda _: "Somebody said what a record is",
    "label.ask": lambda d: f"{d['upstream']} labelled {plural(d['n_answered'], 'text')} for {d['cost_usd']:.4f} USD",
    "label.model": lambda d: f"{d['model']} voted on {plural(d['n_votes'], 'record')}",
    "label.import": lambda d: f"{plural(d['n_votes'], 'vote')} came in from {d['source']}",
    "label.export": lambda d: f"{plural(d['n_items'], 'item')} went out for {d['format']}",
    "govern.upstream_add": lambda d: f"The upstream {d['name']} was registered at {d['origin']}",
    "govern.upstream_change": lambda d: f"The upstream {d['name']} was changed; it is at {d['origin']}",
    "govern.upstream_key_drop": lambda d: f"The key of {d['name']} was dropped: it is at another address now",
    "govern.upstream_remove": lambda d: f"The upstream {d['name']} was removed",
    "label.undo_vote": lambda _: "A vote was taken back",
    "label.assign": lambda d: f"Somebody was given {plural(d['n'], 'record')} to label",
    "label.release": lambda d: f"Somebody gave {plural(d['n'], 'record')} back",
    "label.skip": lambda _: "Somebody skipped a record",
    "label.comment": lambda _: "Somebody commented on a record",
    "label.flag": lambda _: "Somebody flagged a record",
    "label.question": lambda _: "Somebody asked about the guidelines",
    "label.answer": lambda _: "A question or remark was answered",
    "label.invite": lambda d: f"{d['name']} was invited as {d['role']}",
    "label.remove_person": lambda d: f"{d['name']} may come in no more",
    "label.admit": lambda _: "Somebody may label one more task",
    "label.set_station": lambda _: "How a task is labelled was changed",
    "label.bulk": lambda d: f"{plural(d['n'], 'record')} were labelled at once, after {d['n_checked']} were looked at",
    "label.undo_bulk": lambda _: "A bulk label was taken back",
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
    "retrain.promote": lambda d: f"{d['name']} learnt anew: its version {d['number']} lost nothing and answers now",
    "retrain.rollback": lambda d: f"{d['name']} went back to its version {d['number']}",
    "jobs.schedule": lambda d: f"{d['name']} is retrained by itself from now on",
    "jobs.unschedule": lambda d: f"{d['name']} is not retrained by itself any more",
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
