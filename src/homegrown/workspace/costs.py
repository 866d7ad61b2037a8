"""The verbs of ``cost`` on a workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from homegrown import cost
from homegrown.core.access import Permission
from homegrown.core.ids import now
from homegrown.cost import Asked, Comparison, Measured, ModelPlan, PlanAsked, Price, PriceKind, PriceList
from homegrown.errors import ForbiddenError, InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from homegrown.core.models import ModelVersion
    from homegrown.core.upstreams import Upstream
    from homegrown.cost import Charge, ModelCost, Traffic
    from homegrown.store import Store


class Costs:
    """Mixed into ``Workspace``."""

    store: Store

    def prices(self, *, on: str | None = None) -> PriceList:
        """All prices: the package's guesses, those of registered upstreams, and one's own, which go first.

        Args:
            on: the day whose prices are in force, ``2026-11-25``; default: today.
        """
        own = [
            Price(
                kind := PriceKind(row["kind"]), row["subject"], cost.checked(kind, row["subject"], row["details"]),
                row["valid_from"], row["is_simulated"], "workspace", row["price_id"],
            )
            for row in self.store.prices.list()
        ]  # fmt: skip
        registered = [_registered(u) for u in self.store.upstreams.list()]
        return PriceList([*cost.package_prices(), *registered, *own], cost.day(on) if on else None)

    def set_price(
        self,
        kind: str,
        subject: str,
        details: Mapping[str, Any] | None = None,
        /,
        *,
        valid_from: str | None = None,
        is_simulated: bool = False,
        **numbers: Any,
    ) -> Price:
        """Note what something costs from a day on; the same kind, name and day again replaces it.

        Args:
            kind: ``upstream``, ``rental``, ``hardware`` or ``assumption``.
            subject: its name; that of a registered upstream or of a model prices its calls.
            details: the numbers of that kind, for example ``price_in_usd`` and ``price_out_usd``.
            valid_from: the first day on which it holds; default: today.
            is_simulated: it is a guess or made up, and is marked so wherever it is used.
            **numbers: the same, by name.

        Raises:
            ForbiddenError: only builders and owners may.
            InputError: a number, name or date cannot be.

        Example:
            >>> ws.set_price("upstream", "gpt", price_in_usd=0.15, price_out_usd=0.6)  # doctest: +SKIP
        """
        self._may_price()
        known = _kind(kind)
        made = cost.checked(known, subject, {**(details or {}), **numbers})
        first = cost.day(valid_from) if valid_from else now().date().isoformat()
        kept = {name: getattr(made, name) for name in made.__struct_fields__}
        price_id = self.store.prices.put(
            self.store.actor, known.value, subject, kept, valid_from=first, is_simulated=is_simulated
        )
        return Price(known, subject, made, first, is_simulated, "workspace", price_id)

    def remove_price(self, price_id: str) -> Price:
        """Take one of the workspace's own prices out; what the package says of its name holds again."""
        self._may_price()
        row = self.store.prices.remove(self.store.actor, price_id)
        kind = PriceKind(row["kind"])
        made = cost.checked(kind, row["subject"], row["details"])
        return Price(kind, row["subject"], made, row["valid_from"], row["is_simulated"], "workspace", price_id)

    def charges(self, by: str = "day", *, since: str | None = None, until: str | None = None) -> list[Charge]:
        """What captured calls cost, by ``day``, ``key``, ``task``, ``model`` or ``trace``; see ``cost.usage``."""
        return cost.charges(self.store.db, self.prices(), by, since=since, until=until)

    def recent_traffic(self) -> Traffic | None:
        """How many calls a day were captured lately, and how long they are; None where there are none."""
        return cost.traffic(self.store.db)

    def model_costs(self) -> list[ModelCost]:
        """What each measured model of ours costs and draws, newest first."""
        return cost.model_costs(self._measured(), self.prices())

    def compare_costs(
        self,
        *,
        upstream: str | None = None,
        hardware: str | None = None,
        rental: str | None = None,
        is_shared: bool = False,
        **numbers: Any,
    ) -> Comparison:
        """When owning beats renting: API, rented, owned and the mix, month by month.

        What is not said comes from captured traffic, from the newest measured model, from prices and assumptions.

        Args:
            upstream: the incumbent; default: where most captured calls go.
            hardware: to buy, by the name of its price.
            rental: to rent, by the name of its price.
            is_shared: other models use what is left of the machines, and pay for it.
            **numbers: any input by name: ``calls_per_day``, ``growth_per_month``, ``coverage`` … of ``cost.scenario``.

        Raises:
            InputError: a number cannot be, or the calls of a day are not known.

        Example:
            >>> ws.compare_costs(calls_per_day=40_000, upstream="small-api").break_even_month  # doctest: +SKIP
        """
        prices = self.prices()
        asked = Asked(upstream, hardware, rental, is_shared, numbers)
        return cost.compare(cost.resolve(asked, prices, self.recent_traffic(), self._rate()), prices)

    def plan_model(self, n_params: float, *, hardware: str = "card-24gb", **asked: Any) -> ModelPlan:
        """Whether a model of so many parameters can be served and tuned on some hardware, how fast, at what price.

        Args:
            n_params: 7e9 for 7 billion.
            hardware: by the name of its price.
            **asked: ``weight_bits``, ``context``, ``n_at_once``, ``train_tokens`` … of ``cost.planning.PlanAsked``.
        """
        return cost.plan_model(PlanAsked(n_params=n_params, hardware=hardware, **asked), self.prices())

    def _rate(self) -> Measured | None:
        found = next(iter(self._measured()), None)
        if found is None:
            return None
        version, latency = found
        p50 = float(latency["p50_ms"])
        says = (
            f"{version.model_name}@{version.number}, {p50:.1f} ms for one call at a time (n = {latency['n']:,}), "
            f"{latency['machine']}, {latency['threads']} threads"
        )
        return Measured(1000 / max(p50, 1e-6), says)

    def _measured(self) -> list[tuple[ModelVersion, dict[str, Any]]]:
        """Versions with the latency of their newest evaluation, newest version first."""
        found: dict[str, dict[str, Any]] = {}
        for row in self.store.models.evaluations():
            latency = row["result"].get("latency")
            if latency:
                found.setdefault(row["version_id"], latency)
        return [(v, found[v.version_id]) for v in self.store.models.versions() if v.version_id in found]

    def _may_price(self) -> None:
        if not self.store.actor.may(Permission.BUILD):
            raise ForbiddenError("Only builders and owners may change prices.")


def _kind(name: str) -> PriceKind:
    try:
        return PriceKind(name)
    except ValueError as error:
        known = ", ".join(k.value for k in PriceKind)
        raise InputError(f"A price is of one of these: {known}; not of {name[:40]!r}.") from error


def _registered(u: Upstream) -> Price:
    details = cost.checked(
        PriceKind.UPSTREAM, u.name, {"price_in_usd": u.price_in_usd, "price_out_usd": u.price_out_usd}
    )
    return Price(PriceKind.UPSTREAM, u.name, details, u.created_at[:10], False, "upstream")
