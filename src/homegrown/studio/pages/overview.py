"""The overview: the loop with its counts, the champion's figure, what happened last, and the one next step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from starlette.responses import Response

from homegrown.core.access import Permission
from homegrown.store.events import read_events
from homegrown.studio import scores, words
from homegrown.studio.answer import go, show
from homegrown.studio.guide import situation, step
from homegrown.studio.sentences import icon, sentence
from homegrown.studio.view import AsCode, Figure, NextStep
from homegrown.web import Route, Shape

if TYPE_CHECKING:
    from homegrown.core.models import ModelVersion
    from homegrown.web import Call
    from homegrown.workspace.counts import Counts


@dataclass(frozen=True, kw_only=True)
class Station:
    """One station of the loop and how much there is of it."""

    name: str
    says: str
    n: int
    href: str
    icon: str


@dataclass(frozen=True, kw_only=True)
class Champion:
    """The best model that there is, with its figure."""

    title: str
    measured: str
    accuracy: Figure
    sentence: str
    href: str


@dataclass(frozen=True, kw_only=True)
class Happening:
    """One event, said in a sentence."""

    sentence: str
    icon: str
    at: str


@dataclass(frozen=True, kw_only=True)
class OverviewPage:
    """What stands where, and what to do now."""

    template: ClassVar[str] = "overview/overview.html"
    has_step: ClassVar[bool] = True
    lead: str
    step: NextStep
    offers_example: bool
    stations: tuple[Station, ...]
    champion: Champion | None
    events: tuple[Happening, ...]
    as_code: AsCode


def overview(call: Call) -> Response:
    """``GET /``; who only labels is sent to what waits for them."""
    if not call.actor.may(Permission.READ):
        return go("/label/mine")
    ws = call.ws
    now = situation(ws)
    counts, best = now.counts, now.best
    return show(
        call,
        OverviewPage(
            lead=_lead(counts),
            step=step(now),
            offers_example=not counts.n_records,
            stations=stations(counts),
            champion=_champion(best.version, best.result) if best and best.result else None,
            events=tuple(
                Happening(sentence=sentence(e["action"], e["details"]), icon=icon(e["action"]), at=e["created_at"])
                for e in read_events(ws.store.db, limit=8)
            ),
            as_code=AsCode(
                cli="homegrown grow tickets.csv --text message --label category",
                python='import homegrown as hg\n\nws = hg.connect("./work")\nws.counts()',
                sql="select source, count(*) as n from records group by all",
            ),
        ),
    )


def stations(counts: Counts) -> tuple[Station, ...]:
    """The loop in its order."""
    votes, labels = ("/query?" + words.query_string(sql=f"select * from {t} limit 100") for t in ("votes", "labels"))
    rows = (
        ("Records", "what you have: messages, tickets, clauses", counts.n_records, "/query/records", "records"),
        ("Votes", "what people, columns, rules and models say of records", counts.n_votes, votes, "label"),
        ("Labels", "what each record is, all its votes added up", counts.n_labels, labels, "curate"),
        ("Snapshots", "frozen sets that models learn from and are tested on", counts.n_snapshots, "/train", "file"),
        ("Models", "what has learned from a snapshot", counts.n_models, "/evaluate", "models"),
        ("Endpoints", "names under which programs ask a model", counts.n_endpoints, "/serve", "serve"),
    )
    return tuple(Station(name=n, says=says, n=k, href=href, icon=icon) for n, says, k, href, icon in rows)


def _lead(counts: Counts) -> str:
    if not counts.n_records:
        return "From a file of your own cases to a small model that you own. It takes a few minutes."
    n_records, n_models = words.plural(counts.n_records, "record"), words.plural(counts.n_models, "model")
    return f"{n_records}, {n_models}, {words.plural(counts.n_endpoints, 'endpoint')}."


def _champion(version: ModelVersion, result: dict[str, Any]) -> Champion:
    return Champion(
        title=scores.title(version),
        measured=scores.measured_as(result),
        accuracy=scores.figure(result),
        sentence=words.one_in(1 - result["accuracy"]),
        href=f"/evaluate/{version.version_id}",
    )


ROUTES = (Route("/", overview, Permission.ANNOTATE, shape=Shape.PAGE),)
