"""What the gateway counts, for Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

if TYPE_CHECKING:
    from homegrown.core.traces import CallState
    from homegrown.gateway.service import Gateway

SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class Meters:
    """Counters of one gateway, in a registry of their own."""

    def __init__(self, gateway: Gateway) -> None:
        self.registry = CollectorRegistry()
        names = ["route", "state"]
        self._calls = Counter("homegrown_gateway_calls", "Calls that ended.", names, registry=self.registry)
        self._exits = Counter(
            "homegrown_gateway_exit", "Calls in which a model of yours has a say.",
            ["route", "model", "what"], registry=self.registry,
        )  # fmt: skip
        self._usd = Counter("homegrown_gateway_usd", "What they cost.", ["route"], registry=self.registry)
        self._seconds = Histogram(
            "homegrown_gateway_call_seconds", "From body to end.", ["route"], buckets=SECONDS, registry=self.registry
        )
        for name, sentence, read in (
            ("open", "Calls under way.", lambda: gateway.admission.n_open),
            ("refused", "Calls refused since the start: too much at once.", lambda: gateway.admission.n_refused),
            ("repeated", "Calls sent again since the start.", lambda: gateway.board.budget.n_again),
            ("cache_hits", "Calls since the start that got an answer again.", lambda: gateway.cache.n_hits),
            ("cache_bytes", "What such answers take in memory.", lambda: gateway.cache.n_bytes),
            ("rows_waiting", "Rows of calls not on the disk yet.", lambda: gateway.writer.n_waiting),
            ("lost", "Calls that passed and were not kept.", lambda: gateway.writer.n_lost),
            ("upstreams_left_alone", "Upstreams whose circuit is open.", lambda: len(gateway.board.broken())),
        ):
            Gauge(f"homegrown_gateway_{name}", sentence, registry=self.registry).set_function(read)

    def call(self, route: str, state: CallState, cost_usd: float | None, seconds: float) -> None:
        """One call ended."""
        self._calls.labels(route, state.value).inc()
        self._seconds.labels(route).observe(seconds)
        if cost_usd:
            self._usd.labels(route).inc(cost_usd)

    def exit(self, route: str, model: str, what: str) -> None:
        """What a model of ours made of one call: ``home``, ``audit``, ``passed_on``, ``unsure``, and so on."""
        self._exits.labels(route, model, what).inc()

    def text(self) -> bytes:
        """The page that Prometheus reads."""
        return generate_latest(self.registry)
