"""The verbs of the gateway on a workspace: routes, limits of keys, calls that were kept, and the way out as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homegrown.core.access import Permission
from homegrown.core.routing import ANY_MODEL, DEFAULT_ROUTE, CaptureMode, KeyLimits, Leaves, RouteConfig, Target
from homegrown.core.upstreams import origin_of
from homegrown.errors import ForbiddenError, InputError
from homegrown.store.routes import OFFLINE
from homegrown.store.upstreams import UpstreamSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from homegrown.core.routing import GatewayRoute
    from homegrown.core.traces import CallState, Captured
    from homegrown.core.upstreams import Upstream
    from homegrown.store import Store


class Gateways:
    """Mixed into ``Workspace``."""

    store: Store

    def put_route(
        self,
        name: str = DEFAULT_ROUTE,
        *,
        upstreams: Sequence[str] = (),
        model: str | None = None,
        leaves: Leaves | str = Leaves.ALLOW,
        capture: CaptureMode | str = CaptureMode.DURABLE,
        sample: float = 1.0,
        keep_days: float | None = None,
        mask_kept: bool = False,
        max_open: int | None = None,
        cache_s: float | None = None,
        cache_shared: bool = False,
        cache_any_temperature: bool = False,
    ) -> GatewayRoute:
        """Say where calls that name *name* as their model go; ``default`` takes every other name.

        Args:
            name: that callers use.
            upstreams: names of registered upstreams: the first is asked, the others where it fails. ``NAME=MODEL``
                asks that one for another model.
            model: asked for in place of *name*; the name itself when not given.
            leaves: ``allow``, ``mask`` (personal data stays and is put back into the answer), ``home`` or ``refuse``.
            capture: ``durable``, ``synced`` or ``fast``.
            sample: share of the calls that is kept.
            keep_days: kept calls older than this are deleted.
            mask_kept: personal data is masked in what is kept.
            max_open: calls under way at once.
            cache_s: for so many seconds the same request of the same caller gets the answer that there was.
            cache_shared: callers get one another's answers.
            cache_any_temperature: also where the temperature is not 0.

        A model that answers at home (``switch_route``) goes on as long as the upstreams are the same.

        Example:
            >>> ws.put_route("gpt-4o-mini", upstreams=["openai"], leaves="mask")  # doctest: +SKIP
        """
        self._own("change a route")
        targets = tuple(self._target(u, model) for u in upstreams)
        old = self.store.routes.find(name)
        before = old.config.exit if old is not None else None
        earlier = old.config.earlier if old is not None else ()
        is_same = old is not None and old.config.targets == targets
        try:
            config = RouteConfig(
                targets=targets, leaves=Leaves(leaves), capture=CaptureMode(capture), sample=sample,
                keep_days=keep_days, mask_kept=mask_kept, max_open=max_open, cache_s=cache_s,
                cache_shared=cache_shared, cache_any_temperature=cache_any_temperature,
                exit=before if is_same else None, earlier=earlier if is_same else (),
            )  # fmt: skip
        except ValueError as error:
            raise InputError(
                "What leaves is allow, mask, home or refuse; capture is durable, synced or fast."
            ) from error
        made = self.store.routes.put(self.store.actor, name, config)
        if before is not None and not is_same:  # of other upstreams its bound says nothing
            made = self.store.routes.switch(
                self.store.actor, name, None, exit_id=before.exit_id, version_id=before.version_id
            )
        if old is not None and not is_same:
            self.store.exits.drop(*old.config.stage_ids())
        return made

    def _target(self, said: str, model: str | None) -> Target:
        found = self.store.upstreams.find(said)
        name, mark, own = said.partition("=")
        if found is None and mark:
            found, model = self.store.upstreams.get(name), own
        found = found or self.store.upstreams.get(said)
        return Target(found.upstream_id, model)

    def remove_route(self, name: str) -> GatewayRoute:
        """Remove a route; the calls that came by it stay."""
        self._own("remove a route")
        gone = self.store.routes.remove(self.store.actor, name)
        self.store.exits.drop(*gone.config.stage_ids())
        return gone

    def routes(self) -> list[GatewayRoute]:
        """All routes, by name."""
        return self.store.routes.list()

    def upstream_at(
        self, url: str, *, key: str | None = None, private: bool = False, price_in_usd: float = 0.0,
        price_out_usd: float = 0.0,
    ) -> Upstream:  # fmt: skip
        """Register the model API at *url* under its host's name, for whatever model callers name; see ``add_upstream``.

        Without prices its calls are kept with their tokens and no cost.
        """
        self._own("register an upstream")
        origin = origin_of(url, is_private=private)
        name = str(origin).partition("://")[2]
        settings = UpstreamSettings(ANY_MODEL, price_in_usd, price_out_usd, "", private)
        return self.store.upstreams.put(self.store.actor, name, url, settings, key=key)

    def limit_key(
        self, key: str, *, per_minute: int | None = None, max_open: int | None = None, usd_per_day: float | None = None
    ) -> str:
        """Say what a caller's key may use of the gateway; without any limit all are taken away. Returns its actor."""
        self._own("limit a key")
        limits = KeyLimits(per_minute=per_minute, max_open=max_open, usd_per_day=usd_per_day)
        return self.store.routes.limit(self.store.actor, key, limits)

    def calls(
        self,
        *,
        limit: int = 50,
        before: str | None = None,
        state: CallState | None = None,
        route: str | None = None,
        template: str | None = None,
        since: str | None = None,
    ) -> list[Captured]:
        """Calls that were kept, the newest first; page on with the last one's id as *before*.

        Args:
            limit: how many at most.
            before: only those that came before this one.
            state: how they ended.
            route: its name.
            template: of the prompt, its id.
            since: a time in UTC, ``2026-11-01T00:00:00Z``.
        """
        route_id = self.store.routes.get(route).route_id if route is not None else None
        return self.store.captured.page(
            limit=limit, before=before, state=state, route_id=route_id, template_id=template, since=since
        )

    @property
    def is_offline(self) -> bool:
        """Whether the owner closed every way out of this workspace."""
        return self.store.routes.is_offline()

    def set_offline(self, closed: bool) -> None:
        """Close every way out (the gateway, teachers), or open it again; a running server follows within a second."""
        self._own("close or open the way out")
        self.store.settings.put(self.store.actor, OFFLINE, closed, "govern.offline")

    def _own(self, what: str) -> None:
        if not self.store.actor.may(Permission.GOVERN):
            raise ForbiddenError(f"Only an owner may {what}.")
