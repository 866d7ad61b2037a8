"""The gateway: point a program here, where its calls go, what may leave, and who answers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from starlette.responses import Response

from homegrown.core.access import Permission
from homegrown.core.routing import DEFAULT_ROUTE, ExitMode, Leaves
from homegrown.cost.sentences import usd
from homegrown.errors import HomegrownError, InputError
from homegrown.inference.recall import MEASURED, NOT_MASKED, UNSEEN
from homegrown.studio import words
from homegrown.studio.answer import asked, go, posted, show
from homegrown.studio.view import AsCode, Done, Figure
from homegrown.web import Route, Shape
from homegrown.workspace.leaving import stage_reports

if TYPE_CHECKING:
    from homegrown.core.routing import GatewayRoute
    from homegrown.core.upstreams import Upstream
    from homegrown.inference.recall import Recall
    from homegrown.store.route_traffic import RouteCounts
    from homegrown.web import Call
    from homegrown.workspace import Workspace

LEAVES = (
    (Leaves.ALLOW, "everything may leave"),
    (Leaves.MASK, "personal data is masked, and put back into the answer"),
    (Leaves.HOME, "nothing leaves; only models of yours answer"),
    (Leaves.REFUSE, "every call is refused"),
)
_SAYS = dict(LEAVES)


@dataclass(frozen=True, kw_only=True)
class Snippet:
    """Lines to copy into a program."""

    title: str
    code: str


@dataclass(frozen=True, kw_only=True)
class UpstreamRow:
    """A model API that is registered."""

    name: str
    address: str
    model: str
    key: str
    price: str


@dataclass(frozen=True, kw_only=True)
class RouteRow:
    """A route with its traffic of the last day and who answers."""

    name: str
    href: str
    to: str
    n: int
    home: str
    bad: str
    cost: str
    leaves: str
    leaves_says: str
    who: str
    badge: str


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of personal data, and how much of it is found."""

    name: str
    found: Figure
    is_masked: bool


@dataclass(frozen=True, kw_only=True)
class GatewayPage:
    """Everything that stands between programs and a model API."""

    template: ClassVar[str] = "gateway/gateway.html"
    routes: tuple[RouteRow, ...]
    upstreams: tuple[UpstreamRow, ...]
    snippets: tuple[Snippet, ...]
    leaves: tuple[tuple[str, str], ...]
    kinds: tuple[Kind, ...]
    unseen: str
    is_offline: bool
    may_govern: bool
    problem: str
    done: Done | None
    as_code: AsCode


def who_answers(ws: Workspace, route: GatewayRoute) -> tuple[str, str]:
    """Who answers calls of a route, in words, and the kind of badge."""
    exit = route.config.exit
    stays = route.config.leaves in (Leaves.REFUSE, Leaves.HOME)
    if exit is None:
        return ("nobody: calls are refused" if stays else "the upstream"), ""
    stages = stage_reports(ws.store, exit)
    if fell := [s.model for s in stages if s.fallen]:
        rest = [s.model for s in stages if not s.fallen]
        return f"{', '.join((*rest, 'the upstream'))}, since {' and '.join(fell)} fell back", "wrong"
    if exit.mode is ExitMode.SHADOW:
        return f"the upstream, and silently {exit.model}", "live"
    part = "" if exit.share >= 1 else f", on {words.percent(exit.share, 0)} of the calls,"
    return f"{exit.model}{part} where it is sure, else {'nobody' if stays else 'the upstream'}", "good"


def targets(ws: Workspace, route: GatewayRoute) -> str:
    """Where calls of a route go, in words."""
    names = {u.upstream_id: u.name for u in ws.upstreams()}
    some = [names.get(t.upstream_id, "?") + (f" as {t.model}" if t.model else "") for t in route.config.targets]
    return ", else ".join(some) or "nowhere"


def gateway(call: Call) -> Response:
    """``GET /gateway``."""
    return show(call, _page(call))


def _page(call: Call, problem: str = "") -> GatewayPage:
    ws = call.ws
    day, routes = ws.route_traffic(), ws.routes()
    named = next((r.name for r in routes if r.name != DEFAULT_ROUTE), "gpt-4o-mini")
    did = asked(call, "did")
    return GatewayPage(
        routes=tuple(_row(ws, r, day[r.name]) for r in routes),
        upstreams=tuple(_upstream(u) for u in ws.upstreams()),
        snippets=snippets(call.doors.origin, named),
        leaves=tuple((one.value, says) for one, says in LEAVES),
        kinds=tuple(map(_kind, MEASURED)),
        unseen=", ".join(UNSEEN),
        is_offline=ws.is_offline,
        may_govern=call.actor.may(Permission.GOVERN),
        problem=problem,
        done=_DONE.get(did),
        as_code=AsCode(
            cli="homegrown gateway routes\nhomegrown gateway route gpt-4o-mini --upstream NAME --leaves mask",
            python='ws.routes()\nws.put_route("gpt-4o-mini", upstreams=["NAME"], leaves="mask")',
            sql="select action, resource, created_at from events where action like 'gateway.%' "
            "order by created_at desc",
        ),
    )


_DONE = {
    "upstream": Done(
        sentence="The model API is registered.", more="Point a program here: its calls pass and are kept."
    ),
    "leaves": Done(sentence="What may leave is changed.", more="It holds from the next call on."),
}


def _kind(m: Recall) -> Kind:
    found = Figure(value=m.value, low=m.low, high=m.high, n=m.n)
    return Kind(name=m.kind, found=found, is_masked=m.kind not in NOT_MASKED)


def _row(ws: Workspace, route: GatewayRoute, day: RouteCounts) -> RouteRow:
    who, badge = who_answers(ws, route)
    return RouteRow(
        name=route.name,
        href=words.route_page(route.name),
        to=targets(ws, route),
        n=day.n,
        home=words.percent(day.n_home / day.n, 0) if day.n_home else "",
        bad=words.plural(day.n_bad, "not whole", "not whole") if day.n_bad else "",
        cost=usd(day.cost_usd) if day.cost_usd else "",
        leaves=route.config.leaves.value,
        leaves_says=_SAYS[route.config.leaves],
        who=who,
        badge=badge,
    )


def _upstream(u: Upstream) -> UpstreamRow:
    price = f"{usd(u.price_in_usd)} in, {usd(u.price_out_usd)} out" if u.price_in_usd or u.price_out_usd else ""
    return UpstreamRow(
        name=u.name, address=u.base_url, model="whatever is asked for" if u.model == "*" else u.model,
        key="sealed" if u.has_key else "none", price=price,
    )  # fmt: skip


def snippets(origin: str, model: str) -> tuple[Snippet, ...]:
    """How a program asks by way of the gateway. The key is named, never shown."""
    body = {"model": model, "messages": [{"role": "user", "content": "Hello"}]}
    return (
        Snippet(title="A key for the program, shown once", code="homegrown govern key add my-program --role caller"),
        Snippet(
            title="OpenAI's client: change the address and the key",
            code='client = openai.OpenAI(\n    base_url="'
            + f"{origin}/v1"
            + '",\n    api_key=os.environ["HOMEGROWN_KEY"],\n)',
        ),
        Snippet(
            title="curl",
            code=f'curl {origin}/v1/chat/completions \\\n  -H "Authorization: Bearer $HOMEGROWN_KEY" \\\n'
            f"  -H 'Content-Type: application/json' \\\n  -d {words.shell(json.dumps(body))}",
        ),
    )


def add(call: Call) -> Response:
    """``POST /gateway/upstream``: register a model API; where no route is there yet, every call goes to it."""
    url, key = posted(call, "url").strip(), posted(call, "key").strip() or None
    try:
        if not url:
            raise InputError("Give the address of the model API, such as https://api.example.org/v1.")
        prices = {n: _number(posted(call, n)) for n in ("price_in_usd", "price_out_usd")}
        made = call.ws.upstream_at(url, key=key, private=bool(posted(call, "private")), **prices)
        if call.ws.store.routes.find(DEFAULT_ROUTE) is None:
            call.ws.put_route(DEFAULT_ROUTE, upstreams=[made.name])
    except HomegrownError as error:
        if error.status >= 500:
            raise
        return show(call, _page(call, error.message), error.status)
    return go("/gateway?did=upstream")


def _number(said: str) -> float:
    try:
        return float(said.strip() or 0)
    except ValueError as error:
        raise InputError(f"{said[:40]!r} is no number.") from error


def leave(call: Call) -> Response:
    """``POST /gateway/leaves``: say what may leave by a route; all else about it stays."""
    ws = call.ws
    route, names = ws.store.routes.get(posted(call, "route")), {u.upstream_id: u.name for u in ws.upstreams()}
    c = route.config
    ws.put_route(
        route.name, upstreams=[names[t.upstream_id] + (f"={t.model}" if t.model else "") for t in c.targets],
        leaves=posted(call, "leaves"), capture=c.capture, sample=c.sample, keep_days=c.keep_days,
        mask_kept=c.mask_kept, max_open=c.max_open,
    )  # fmt: skip
    return go("/gateway?did=leaves")


def _posts(path: str, handler: object) -> Route:
    return Route(path, handler, Permission.GOVERN, methods=("POST",), shape=Shape.PAGE, form=True)  # type: ignore[arg-type]


ROUTES: tuple[Route, ...] = (
    Route("/gateway", gateway, Permission.READ, shape=Shape.PAGE),
    _posts("/gateway/upstream", add),
    _posts("/gateway/leaves", leave),
)
