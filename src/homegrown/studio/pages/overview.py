"""The overview: the loop with its counts, the champion's figure, what happened last, and the one next step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from starlette.responses import Response

from homegrown.core.access import Permission
from homegrown.store.events import read_events
from homegrown.studio import scores, words
from homegrown.studio.answer import show
from homegrown.studio.sentences import icon, sentence
from homegrown.studio.view import AsCode, Figure, NextStep
from homegrown.web import Route, Shape

if TYPE_CHECKING:
    from homegrown.core.models import ModelVersion
    from homegrown.web import Call
    from homegrown.workspace import Workspace
    from homegrown.workspace.counts import Counts


@dataclass(frozen=True, kw_only=True)
class Station:
    """One station of the loop and how much there is of it."""

    name: str
    n: int
    href: str
    icon: str


@dataclass(frozen=True, kw_only=True)
class Champion:
    """The best model that there is, with its figure."""

    title: str
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
    lead: str
    step: NextStep
    stations: tuple[Station, ...]
    champion: Champion | None
    events: tuple[Happening, ...]
    as_code: AsCode


def overview(call: Call) -> Response:
    """``GET /``."""
    ws = call.ws
    counts = ws.counts()
    version, result = _best(ws)
    return show(
        call,
        OverviewPage(
            lead=_lead(counts),
            step=next_step(counts, version, result),
            stations=stations(counts),
            champion=_champion(version, result) if version and result else None,
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
    return (
        Station(name="Records", n=counts.n_records, href="/query/records", icon="records"),
        Station(name="Votes", n=counts.n_votes, href="/query?sql=select+*+from+votes+limit+100", icon="label"),
        Station(name="Labels", n=counts.n_labels, href="/query?sql=select+*+from+labels+limit+100", icon="curate"),
        Station(name="Snapshots", n=counts.n_snapshots, href="/train", icon="file"),
        Station(name="Models", n=counts.n_models, href="/evaluate", icon="models"),
        Station(name="Endpoints", n=counts.n_endpoints, href="/serve", icon="serve"),
    )


def _lead(counts: Counts) -> str:
    if not counts.n_records:
        return "From a file of your own cases to a small model that you own. It takes about a minute."
    n_records, n_models = words.plural(counts.n_records, "record"), words.plural(counts.n_models, "model")
    return f"{n_records}, {n_models}, {words.plural(counts.n_endpoints, 'endpoint')}."


def _best(ws: Workspace) -> tuple[ModelVersion | None, dict[str, Any] | None]:
    versions = ws.store.models.versions()[:20]
    measured = [(v, r) for v in versions if (r := scores.evaluation(ws, v.version_id))]
    if not measured:
        return (versions[0] if versions else None), None
    newest_task = measured[0][0].task_id
    return max((m for m in measured if m[0].task_id == newest_task), key=lambda m: m[1]["accuracy"])


def _champion(version: ModelVersion, result: dict[str, Any]) -> Champion:
    return Champion(
        title=scores.title(version),
        accuracy=scores.figure(result),
        sentence=words.one_in(1 - result["accuracy"]),
        href=f"/evaluate/{version.version_id}",
    )


def next_step(counts: Counts, version: ModelVersion | None, result: dict[str, Any] | None) -> NextStep:
    """The one most useful thing to do now, with its reason."""
    if not counts.n_records:
        return NextStep(
            title="Drop a file of your own cases",
            reason="Tickets, messages, clauses, notes: with a column that says what each is, a model comes out of it.",
            action="Add data",
            href="/ingest",
        )
    if version is None:
        return NextStep(
            title="Train a first model",
            reason=f"{words.plural(counts.n_records, 'record')} are here and nothing has learned from them yet.",
            action="Train" if counts.n_labels else "Add labels",
            href="/train" if counts.n_labels else "/ingest",
        )
    if not counts.n_endpoints:
        return NextStep(
            title=f"Read the report on {scores.title(version)} and deploy it",
            reason="It is trained but nobody can ask it yet. One press on its report lets it answer.",
            action="Read the report",
            href=f"/evaluate/{version.version_id}",
        )
    return _improve(result)


def _improve(result: dict[str, Any] | None) -> NextStep:
    weak = [c for c in (result or {}).get("classes", []) if c["n"] >= 5]
    if not result or not weak:
        return NextStep(
            title="Ask the model something it has never seen",
            reason="A minute with your own odd cases shows more than any average.",
            action="Open the playground",
            href="/serve/playground",
        )
    worst = max(weak, key=lambda c: c["n"] * (1 - c["recall"]))
    found, overall = words.percent(worst["recall"], 0), words.percent(result["accuracy"], 0)
    reason = f"It finds {found} of them (n = {worst['n']:,}), against {overall} of all."
    gain = worst["n"] * max(result["accuracy"] - worst["recall"], 0.0) / result["n"]
    if gain >= 0.001:
        now, then = words.percent(result["accuracy"]), words.percent(result["accuracy"] + gain)
        reason += f" Level with the rest, {now} would become about {then}."
    return NextStep(title=f"Add more examples of “{worst['name']}”", reason=reason, action="Add data", href="/ingest")


ROUTES = (Route("/", overview, Permission.READ, shape=Shape.PAGE),)
