"""One route's way out in four steps, each with its measurement: collect, train, shadow, switch; and the way back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from starlette.responses import Response

from homegrown.core.access import Permission
from homegrown.core.object_exits import By
from homegrown.core.routing import ExitMode
from homegrown.cost.sentences import usd
from homegrown.errors import InputError
from homegrown.monitor import Suits
from homegrown.monitor.proposals import suitability
from homegrown.studio import scores, words, work
from homegrown.studio.answer import asked, go, posted, show
from homegrown.studio.leaving_step import answering
from homegrown.studio.pages.gateway import targets, who_answers
from homegrown.studio.pages.gateway_bounds import DEFAULT_ALPHA
from homegrown.studio.pages.gateway_calls import WHAT
from homegrown.studio.view import AsCode, Done, Figure, RecipeChoice, recipe_choices
from homegrown.web import Route, Shape

if TYPE_CHECKING:
    from homegrown.core.routing import Exit
    from homegrown.web import Call
    from homegrown.workspace import Workspace
    from homegrown.workspace.leaving import ExitReport, RouteStory, ShadowReport

SHARES = ((1.0, "all calls"), (0.5, "half of the calls"), (0.25, "a quarter"), (0.1, "a tenth"), (0.01, "one in 100"))


@dataclass(frozen=True, kw_only=True)
class Collect:
    """How many calls there are, and the prompt that was found in them."""

    n_calls: int
    n_route: int
    n_new: int
    name: str
    href: str
    says: str
    badge: str
    reason: str
    task_href: str
    task: str
    prompts: tuple[tuple[str, str, int, bool], ...]


@dataclass(frozen=True, kw_only=True)
class ModelChoice:
    """A version of a model of the task."""

    model_id: str
    name: str
    is_told: bool


@dataclass(frozen=True, kw_only=True)
class Train:
    """The model that the story is about, and how good it was measured to be."""

    task_id: str
    name: str
    report_href: str
    accuracy: Figure | None
    measured_as: str
    latency: str
    models: tuple[ModelChoice, ...]
    recipes: tuple[RecipeChoice, ...]


@dataclass(frozen=True, kw_only=True)
class Shadow:
    """What the model said silently, beside what the upstream said."""

    is_on: bool
    model: str
    agreement: Figure | None
    facts: tuple[tuple[str, str], ...]
    verdict_href: str


@dataclass(frozen=True, kw_only=True)
class Answering:
    """What the model has done since it was switched on."""

    model: str
    sentence: str
    since: str
    coverage: Figure | None
    checks: str
    checks_badge: str
    fallen: str
    facts: tuple[tuple[str, str], ...]
    stages: tuple[tuple[str, int, int], ...]
    outcomes: tuple[tuple[str, int], ...]
    share: float


@dataclass(frozen=True, kw_only=True)
class RoutePage:
    """The story of a route."""

    template: ClassVar[str] = "gateway/route.html"
    name: str
    to: str
    who: str
    collect: Collect
    train: Train | None
    shadow: Shadow | None
    answering: Answering | None
    can_switch: bool
    can_go_back: bool
    model_id: str
    prompt_id: str
    bounds_href: str
    then: tuple[ModelChoice, ...]
    switching: work.Followed | None
    switched: str
    shares: tuple[tuple[str, str, bool], ...]
    calls_href: str
    may_build: bool
    may_govern: bool
    problem: str
    done: Done | None
    as_code: AsCode


def route(call: Call) -> Response:
    """``GET /gateway/routes/{name}``."""
    return show(call, _page(call, call.path["name"]))


def _page(call: Call, name: str) -> RoutePage:
    ws = call.ws
    story = ws.route_story(name, template=asked(call, "prompt") or None, model=asked(call, "model") or None)
    version, exit = story.version, story.route.config.exit
    model_id = version.version_id if version else ""
    prompt_id = story.template.template_id if story.template else ""
    model = f"{version.model_name}@{version.number}" if version else "MODEL"
    by = " --by field" if version is not None and version.is_object else ""
    switching, result = work.follow(ws, asked(call, "job"), "switch_route") or (None, {})
    problem = result["sentence"] if result and not result["is_switched"] else ""
    share = exit.share if exit is not None else 1.0
    return RoutePage(
        name=name,
        to=targets(ws, story.route),
        who=who_answers(ws, story.route)[0],
        collect=_collect(ws, story),
        train=_train(ws, story),
        shadow=_shadow(ws, story),
        answering=_answering(story.exit),
        can_switch=version is not None,
        can_go_back=bool(story.route.config.earlier),
        model_id=model_id,
        prompt_id=prompt_id,
        bounds_href="/gateway/bounds?" + words.query_string(route=name, model=model_id, prompt=prompt_id),
        then=tuple(
            ModelChoice(model_id=v.version_id, name=scores.title(v), is_told=False)
            for v in story.versions
            if v is not version
        ),
        switching=switching,
        switched=result["sentence"] if result and result["is_switched"] else "",
        shares=tuple((f"{value:g}", says, value == share) for value, says in SHARES),
        calls_href="/gateway/calls?" + words.query_string(route=name),
        may_build=call.actor.may(Permission.BUILD),
        may_govern=call.actor.may(Permission.GOVERN),
        problem=problem,
        done=_done(name, asked(call, "did") or _did(result), story),
        as_code=AsCode(
            cli=f"homegrown gateway switch {words.shell(name)} {model} --shadow\n"
            f"homegrown gateway switch {words.shell(name)} {model} --alpha {DEFAULT_ALPHA}{by}\n"
            f"homegrown gateway switch {words.shell(name)} --off",
            python=f"ws.route_story({name!r})\nws.switch_route({name!r}, {model!r}).sentence\n"
            f"ws.exit_report({name!r}).coverage",
            sql="select action, details, created_at from events where action like 'gateway.switch%' "
            "order by created_at desc",
        ),
    )


def _collect(ws: Workspace, story: RouteStory) -> Collect:
    t = story.template
    badge, says, reason = "", "no prompt found yet", ""
    if t is not None:
        suits, reason = suitability(t)
        badge = {Suits.READY: "good", Suits.SOON: "live", Suits.PART: "doubt"}.get(suits, "")
        says = {Suits.READY: "can be learned", Suits.SOON: "soon", Suits.PART: "in part"}.get(suits, "not here")
    task = ws.store.tasks.get(story.task_id) if story.task_id else None
    return Collect(
        n_calls=story.n_calls,
        n_route=story.n_route,
        n_new=story.n_route - sum(n for _, n in story.prompts),
        name=t.name if t else "",
        href=f"/monitor/{t.template_id}" if t else "/monitor",
        says=says,
        badge=badge,
        reason=reason,
        task_href=f"/label/tasks/{task.task_id}" if task else "",
        task=task.name if task else "",
        prompts=tuple((p.template_id, p.name, n, p is t) for p, n in story.prompts),
    )


def _train(ws: Workspace, story: RouteStory) -> Train | None:
    if story.task_id is None:
        return None
    version = story.version
    result = scores.evaluation(ws, version.version_id) if version else None
    latency = (result or {}).get("latency") or {}
    return Train(
        task_id=story.task_id,
        name=scores.title(version) if version else "",
        report_href=f"/evaluate/{version.version_id}" if version else "",
        accuracy=scores.figure(result) if result else None,
        measured_as=scores.measured_as(result) if result else "",
        latency=words.duration(latency["p50_ms"] / 1000) if latency else "",
        models=tuple(
            ModelChoice(model_id=v.version_id, name=scores.title(v), is_told=v is version) for v in story.versions
        ),
        recipes=recipe_choices(),
    )


def _shadow(ws: Workspace, story: RouteStory) -> Shadow | None:
    version, seen = story.version, story.shadow
    if version is None:
        return None
    exit = story.route.config.exit
    is_on = exit is not None and exit.mode is ExitMode.SHADOW and version.version_id in answering(ws)
    return Shadow(
        is_on=is_on,
        model=f"{version.model_name}@{version.number}",
        agreement=_share(seen.agreement, seen.agreement_ci95, seen.n) if seen else None,
        facts=shadow_facts(ws, seen) if seen else (),
        verdict_href=f"/evaluate/verdict/{version.version_id}" if seen else "",
    )


def shadow_facts(ws: Workspace, seen: ShadowReport) -> tuple[tuple[str, str], ...]:
    """Latency and cost of both, as far as they are known."""
    ours = next((c for c in ws.model_costs() if c.version_id == seen.version_id), None)
    found = [
        ("Half of its answers within", words.duration(seen.ours_s)),
        ("Half of the upstream's within", words.duration(seen.upstream_s)),
        ("1,000 of its answers cost", _little(ours.usd_per_1000) if ours else ""),
        ("1,000 of the upstream's cost", usd(1000 * seen.upstream_usd) if seen.upstream_usd else "no price"),
    ]
    return tuple((name, value) for name, value in found if value)


def _little(amount: float) -> str:
    return usd(amount) if amount >= 0.0001 else "< 0.0001 USD"


def _share(value: float, interval: tuple[float, float], n: int) -> Figure:
    return Figure(value=value, low=interval[0], high=interval[1], n=n)


def _answering(r: ExitReport | None) -> Answering | None:
    if r is None or r.exit.mode is not ExitMode.HOME:
        return None
    e = r.exit
    checks, badge = "No answer has been checked yet.", ""
    if r.differ is not None and r.differ_interval is not None:
        low, high = (words.percent(x) for x in r.differ_interval)
        checks = (
            f"Of {words.plural(r.n_audits, 'checked answer')} {r.n_differ:,} differed from the upstream's: "
            f"{words.percent(r.differ)}, between {low} and {high} whenever one looks; {100 * e.alpha:g}% are borne."
        )
        badge = "good" if r.differ <= e.alpha else "doubt"
    facts = [
        ("Half of its answers within", words.duration(r.home_s)),
        ("Half of the upstream's within", words.duration(r.upstream_s)),
        ("Saved so far, at the upstream's average", usd(r.saved_usd) if r.saved_usd else ""),
        ("Of its answers checked, by lot", words.percent(e.audit_share)),
    ]
    return Answering(
        model=e.model,
        sentence=f"At most {100 * e.alpha:g}% of the {_given(e)} given at home differ from the upstream's, with "
        f"confidence {100 * (1 - e.delta):g}%: "
        f"{'; '.join(f'{s.model} answers where {_sure(s.threshold)}' for s in r.stages)}.",
        since=r.since,
        coverage=_share(r.coverage, r.coverage_ci95, r.n_calls) if r.coverage is not None and r.coverage_ci95 else None,
        checks=checks,
        checks_badge=badge,
        fallen=r.fallen or "",
        facts=tuple((name, value) for name, value in facts if value),
        stages=tuple((s.model, s.n_calls, s.n_home) for s in r.stages) if len(r.stages) > 1 else (),
        outcomes=tuple((WHAT[name], n) for name, n in sorted(r.outcomes.items(), key=lambda one: -one[1])),
        share=e.share,
    )


def _given(exit: Exit) -> str:
    """What the bound is about."""
    return "answers" if exit.object is None else f"{exit.object.by.value}s"


def _sure(threshold: float | None) -> str:
    if threshold is None:
        return "nothing is sure enough: no bound could be had"
    if threshold > 0.9995:
        return "it is all but certain"
    return f"its own confidence is above {threshold:.3f}"


def _did(result: dict[str, Any]) -> str:
    """What a job that switched has done."""
    return ("shadow" if result["is_silent"] else "home") if result and result["is_switched"] else ""


def _done(name: str, did: str, story: RouteStory) -> Done | None:
    exit = story.route.config.exit
    said = f"{exit.model} " if exit is not None else ""
    sentences = {
        "shadow": f"{said}answers silently now; the upstream answers everybody.",
        "home": f"{said}answers what it is sure of; the upstream answers the rest.",
        "share": f"{said}answers {words.percent(exit.share if exit else 1, 0)} of the calls that it is asked about.",
        "off": "The upstream answers every call again.",
        "back": f"{said}answers as before." if exit is not None else "The upstream answers every call again.",
    }
    if did not in sentences or (exit is None and did in ("shadow", "home", "share")):
        return None
    undo = "/gateway/back" if did in ("home", "shadow", "off") and (story.route.config.earlier or exit) else ""
    return Done(sentence=sentences[did], more="A running server follows within half a second.", undo=undo,
                fields=(("route", name),) if undo else ())  # fmt: skip


def switch(call: Call) -> Response:
    """``POST /gateway/switch``: let the model answer, or answer silently; a job asks it about calls first.

    Further models, in ``then``, are asked where it is not sure; ``by`` is how documents are given.
    """
    name, is_silent = posted(call, "route"), posted(call, "do") == "shadow"
    then = [m for m in call.form.getlist("then") if isinstance(m, str) and m]
    versions = [call.ws.store.models.version(m).version_id for m in (posted(call, "model"), *then)]
    arguments: dict[str, Any] = {
        "name": call.ws.store.routes.get(name).name, "models": list(dict.fromkeys(versions)), "shadow": is_silent,
        "template": posted(call, "prompt") or None, "actor_id": call.actor.actor_id,
    }  # fmt: skip
    if is_silent and any(call.ws.store.models.version(v).is_object for v in versions):
        arguments["by"] = By.FIELD.value  # nothing is given: a field that only the upstream writes keeps nothing out
    elif posted(call, "by"):
        arguments["by"] = posted(call, "by")
    if not is_silent:
        arguments |= {n: _number(posted(call, n)) for n in ("alpha", "delta", "share") if posted(call, n)}
    job_id = work.submit(call.ws, call.actor, "switch_route", arguments)
    return go(f"{words.route_page(name)}?" + words.query_string(job=job_id, model=versions[0]))


def off(call: Call) -> Response:
    """``POST /gateway/off``: the upstream answers everything again."""
    call.ws.switch_route(posted(call, "route"), off=True)
    return go(f"{words.route_page(posted(call, 'route'))}?did=off")


def back(call: Call) -> Response:
    """``POST /gateway/back``: what answered before answers again."""
    call.ws.switch_route(posted(call, "route"), back=True)
    return go(f"{words.route_page(posted(call, 'route'))}?did=back")


def share(call: Call) -> Response:
    """``POST /gateway/share``: how many of the calls the model answers at all."""
    call.ws.switch_route(posted(call, "route"), share=_number(posted(call, "share")))
    return go(f"{words.route_page(posted(call, 'route'))}?did=share")


def _number(said: str) -> float:
    try:
        return float(said)
    except ValueError as error:
        raise InputError(f"{said[:40]!r} is no number.") from error


def _posts(path: str, handler: object) -> Route:
    return Route(path, handler, Permission.GOVERN, methods=("POST",), shape=Shape.PAGE, form=True)  # type: ignore[arg-type]


ROUTES: tuple[Route, ...] = (
    _posts("/gateway/switch", switch),
    _posts("/gateway/off", off),
    _posts("/gateway/back", back),
    _posts("/gateway/share", share),
    Route("/gateway/routes/{name:path}", route, Permission.READ, shape=Shape.PAGE),
)
