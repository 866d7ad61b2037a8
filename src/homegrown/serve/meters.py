"""What the engine counts, for Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

if TYPE_CHECKING:
    from homegrown.serve.engine import Engine

SECONDS = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.125, 0.25, 0.5, 1, 2, 5)
TEXTS = (1, 2, 4, 8, 16, 32)


class Meters:
    """Counters of one engine, in a registry of their own."""

    def __init__(self, engine: Engine) -> None:
        self.registry = CollectorRegistry()
        self._calls = Counter("homegrown_calls", "Calls answered.", ["endpoint", "status"], registry=self.registry)
        self._texts = Counter("homegrown_texts", "Texts answered.", ["endpoint"], registry=self.registry)
        self._refused = Counter("homegrown_refused", "Calls refused: full.", ["endpoint"], registry=self.registry)
        self._seconds = Histogram(
            "homegrown_call_seconds", "From queue to answer.", ["endpoint"], buckets=SECONDS, registry=self.registry
        )
        self._batches = Histogram("homegrown_batch_texts", "Texts per batch.", buckets=TEXTS, registry=self.registry)
        for name, sentence, read in (
            ("homegrown_waiting_texts", "Texts in the queue.", lambda: engine.batcher.n_waiting),
            ("homegrown_traces_waiting", "Traces not on the disk yet.", lambda: engine.traces.n_waiting),
            ("homegrown_traces_lost", "Traces dropped since the start.", lambda: engine.traces.n_lost),
            ("homegrown_endpoints", "Endpoints that answer.", lambda: len(engine.live)),
            ("homegrown_endpoint_problems", "Endpoints not served as deployed.", lambda: len(engine.problems)),
        ):
            Gauge(name, sentence, registry=self.registry).set_function(read)

    def call(self, endpoint: str, status: int, n_texts: int, seconds: float) -> None:
        """One call ended."""
        self._calls.labels(endpoint, str(status)).inc()
        if status == 200:
            self._texts.labels(endpoint).inc(n_texts)
            self._seconds.labels(endpoint).observe(seconds)

    def refused(self, endpoint: str) -> None:
        """One call was refused because the queue is full."""
        self._refused.labels(endpoint).inc()

    def batch(self, n_texts: int) -> None:
        """One batch ran."""
        self._batches.observe(n_texts)

    def text(self) -> bytes:
        """The page that Prometheus reads."""
        return generate_latest(self.registry)
