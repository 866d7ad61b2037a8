"""Events in plain sentences: what happened, for somebody who does not read logs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from homegrown.studio.words import plural


def _import(d: Mapping[str, Any]) -> str:
    aside = f"; {plural(d['n_quarantined'], 'row')} set aside" if d.get("n_quarantined") else ""
    return f"{plural(d['n_added'], 'new record')} came in from {d['name']}{aside}"


def _freeze(d: Mapping[str, Any]) -> str:
    splits = d["n_by_split"]
    learn = splits.get("train", 0) + splits.get("valid", 0)
    return f"A snapshot was frozen: {learn:,} records to learn from, {splits.get('test', 0):,} to test on"


def _define(d: Mapping[str, Any]) -> str:
    what = plural(d["n_fields"], "field") if d.get("n_fields") else plural(d["n_classes"], "class", "classes")
    return f"The task {d['name']} now has {what}"


class _Count(int):
    """A number that is written with a noun: ``f"{_Count(2):class|classes}" == "2 classes"``."""

    def __format__(self, spec: str) -> str:
        return plural(int(self), *spec.split("|")) if spec[:1].isalpha() else super().__format__(spec)


_WITH_CLASSES = ", which now has {n_classes:class|classes}"

#: action → how to say it with the event's details. Whatever is not here is said by its action's name.
_SAY: dict[str, str | Callable[[Mapping[str, Any]], str]] = {
    "ingest.import": _import,
    "label.define_task": _define,
    "label.add_class": "A class was added to {name}" + _WITH_CLASSES,
    "label.rename_class": "A class was renamed in {name}" + _WITH_CLASSES,
    "label.rename_field": "A field was renamed in {name}, which has {n_fields:field}",
    "label.describe_class": "A class was described anew in {name}" + _WITH_CLASSES,
    "label.merge_classes": "Classes were merged in {name}" + _WITH_CLASSES,
    "label.split_class": "A class was split in {name}" + _WITH_CLASSES,
    "label.remove_class": "A class was removed from {name}" + _WITH_CLASSES,
    "label.apply_declaration": "A file declared {name}" + _WITH_CLASSES,
    "label.set_guidelines": "The guidelines of {name} were changed",
    "label.restore_task": "{name} went back to its version {restored}",
    "label.add_source": "The source of labels “{name}” was added",
    "label.vote": "Somebody said what a record is",
    "label.undo_vote": "A vote was taken back",
    "label.ask": "{upstream} labelled {n_answered:text} for {cost_usd:.4f} USD",
    "label.model": "{model} voted on {n_votes:record}",
    "label.import": "{n_votes:vote} came in from {source}",
    "label.export": "{n_items:item} went out for {format}",
    "label.assign": "Somebody was given {n:record} to label",
    "label.release": "Somebody gave {n:record} back",
    "label.skip": "Somebody skipped a record",
    "label.comment": "Somebody commented on a record",
    "label.flag": "Somebody flagged a record",
    "label.question": "Somebody asked about the guidelines",
    "label.answer": "A question or remark was answered",
    "label.invite": "{name} was invited as {role}",
    "label.remove_person": "{name} may come in no more",
    "label.admit": "Somebody may label one more task",
    "label.set_station": "How a task is labelled was changed",
    "label.bulk": "{n:record} were labelled at once, after {n_checked} were looked at",
    "label.undo_bulk": "A bulk label was taken back",
    "label.add_rule": "The rule {name} was added or changed",
    "label.remove_rule": "The rule {name} was removed",
    "label.restore_rule": "The rule {name} was brought back",
    "label.run_rules": "{n_rules:rule} gave {n_votes:vote}",
    "label.discover": "{n_records:record} were put into {n_clusters:group}",
    "query.index": "The words of {n_records:record} were indexed",
    "query.save_selection": "The selection {name} was saved",
    "query.delete_selection": "The selection {name} was removed",
    "curate.freeze": _freeze,
    "curate.find_issues": "Somebody looked for issues: {n_new:new one}",
    "curate.decide_issue": "An issue was decided: {decision}",
    "curate.undo_decision": "A decision about an issue was taken back",
    "curate.derive": "A masked record was made",
    "curate.undo_derive": "A masked record was taken out of use",
    "train.start": "Training began with the recipe {recipe}",
    "train.end": "Training {status}",
    "train.register": "The model {model} has a version {number}",
    "retrain.promote": "{name} learnt anew: its version {number} lost nothing and answers now",
    "retrain.rollback": "{name} went back to its version {number}",
    "evaluate.run": "A model was measured on the {split} records",
    "serve.deploy": "A model was deployed as {name}",
    "serve.rollback": "{name} went back to an earlier version",
    "serve.feedback": "Somebody said what an answer should have been",
    "jobs.submit": "A job was put into the queue: {verb}",
    "jobs.cancel": "A job was asked to stop",
    "jobs.end": "A job {status}",
    "jobs.schedule": "{name} is retrained by itself from now on",
    "jobs.unschedule": "{name} is not retrained by itself any more",
    "govern.forget": "{n_records:record} were forgotten",
    "govern.sign_in": "Somebody signed in",
    "govern.key_add": "A key for {name} was made ({role})",
    "govern.key_revoke": "The key of {name} was revoked",
    "govern.link_add": "A sign-in link was made",
    "govern.refused": "Somebody was refused: it needs the permission {permission}",
    "cost.set_price": "The price of {name} was noted, from {valid_from} on",
    "cost.remove_price": "The price of {name} was taken out",
    "gateway.route_put": "A route of the gateway was set",
    "gateway.route_remove": "A route of the gateway was removed",
    "gateway.limit": "The limits of a caller's key were set",
    "gateway.switch": "A model of yours answers on a route of the gateway from now on",
    "gateway.switch_off": "Upstreams alone answer on a route of the gateway again",
    "gateway.exit_fell": "A model of yours stopped answering on a route of the gateway by itself",
    "monitor.import": "Calls of a model API were brought in",
    "monitor.find": "Tasks were looked for in the calls of model APIs",
    "monitor.point": "Calls with one tag were made one prompt",
    "monitor.accept": "A prompt was made a Task: {n_added:new record}, {n_votes:vote}",
    "govern.upstream_add": "The upstream {name} was registered at {origin}",
    "govern.upstream_change": "The upstream {name} was changed; it is at {origin}",
    "govern.upstream_key_drop": "The key of {name} was dropped: it is at another address now",
    "govern.upstream_remove": "The upstream {name} was removed",
}

_ROOMS = frozenset(
    {"ingest", "query", "label", "curate", "train", "evaluate", "serve", "govern", "jobs", "monitor", "cost"}
)


def sentence(action: str, details: dict[str, Any]) -> str:
    """One event as a sentence without its actor and time."""
    say = _SAY.get(action)
    plain = action.replace(".", ": ").replace("_", " ")
    if say is None:
        return plain
    try:
        if callable(say):
            return say(details)
        return say.format_map({k: _Count(v) if type(v) is int else v for k, v in details.items()})
    except KeyError:
        return plain


def icon(action: str) -> str:
    """The icon of the room that an action belongs to."""
    room = action.partition(".")[0]
    return room if room in _ROOMS else "info"
