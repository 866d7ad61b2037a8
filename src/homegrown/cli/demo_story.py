"""The story of ``homegrown demo exit``: out of a model API, each step by the verb that a person would use."""

from __future__ import annotations

import os
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from homegrown.cli import demo_figures as figures
from homegrown.core.models import Recipe
from homegrown.core.routing import ANY_MODEL, DEFAULT_ROUTE
from homegrown.core.traces import AT_HOME
from homegrown.cost.price_list import PriceKind, UpstreamPrice
from homegrown.errors import HomegrownError
from homegrown.evaluate import give_verdict
from homegrown.monitor.proposals import Suits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from homegrown.cli.demo_script import Got, Script
    from homegrown.cli.demo_upstream import Book, LocalUpstream
    from homegrown.core.traces import Captured
    from homegrown.monitor.proposals import Proposal, Traffic
    from homegrown.server import RunningServer
    from homegrown.workspace import Workspace
    from homegrown.workspace.accepting import Accepted
    from homegrown.workspace.switching import Switched

UPSTREAM = "incumbent-simulated"
PRICED_LIKE = "large-api"
"""The simulated API costs what this guess of the package's price list says."""
CALLS_PER_DAY = 40_000
FAST, CALM = 24, 8
"""Calls under way at once: while traffic is collected, and while latency is looked at."""
ROUTED_WITHIN_S = 15.0
HELD_OUT = 0.4
"""Of what is taught, the share that the student does not learn from: it calibrates the threshold."""
_WAIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What was asked for."""

    alpha: float
    delta: float
    seed: int
    recipe: str = "linear"
    by: str = "document"
    calls_per_day: float = CALLS_PER_DAY


@dataclass
class Story:
    """All parts that play, and what they found so far.

    Attributes:
        texts: ``demo_texts.Texts``; of ``FieldsStory`` ``demo_receipts.Receipts``.
        say: a line for a person.
        progress: hears how many calls are done.
        found: the document, as far as it is known.
    """

    model_name: ClassVar[str] = "intent"

    ws: Workspace
    server: RunningServer
    upstream: LocalUpstream
    script: Script
    texts: Any
    book: Book
    plan: Plan
    say: Callable[[str], None]
    found: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    _last: str | None = None

    def play(self) -> dict[str, Any]:
        """The whole story; returns the document."""
        started = time.monotonic()
        self.found = self._head()
        for name, part in (
            ("traffic", self._traffic), ("tasks", self._tasks), ("train", self._train), ("shadow", self._shadow),
            ("switch", self._switch), ("after", self._after), ("cost", self._cost), ("stopped", self._stopped),
        ):  # fmt: skip
            before = time.monotonic()
            part()
            self.seconds[name] = round(time.monotonic() - before, 2)
            self.say(f"  ({self.seconds[name]:.0f} s)")
        self.found["n_traces"] = sum(self.ws.store.captured.counts().values())
        self.found["spent_usd"] = {
            "value": round(sum(c.cost_usd for c in self.ws.charges("model")), 6), "simulated": True,
        }  # fmt: skip
        self.found["seconds"] = {**self.seconds, "all": round(time.monotonic() - started, 2)}
        return self.found

    # The parts

    def _head(self) -> dict[str, Any]:
        t = self.texts
        return {
            "simulated": True,
            "what_is_simulated": "the model API: what it says, how long it takes and what it costs; machines' prices",
            "source": {"name": t.source, "credit": t.credit, "n_labels": len(t.labels)},
            "calls": {
                "taught": len(t.taught), "shadow": len(t.shadow), "after": len(t.after), "stopped": len(t.last),
                "free_text": len(t.letters),
            },
            "always_confused": self.book.instead,
            **self._planned(),
        }  # fmt: skip

    def _planned(self) -> dict[str, Any]:
        return {
            "latency_of_upstream_s": self.book.latency_s,
            "alpha": self.plan.alpha, "delta": self.plan.delta, "seed": self.plan.seed,
            "machine": {"cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1)},
        }  # fmt: skip

    def _traffic(self) -> None:
        sent, answered = self._priced()
        self.say(
            f"\n1. A script calls a model API. Its address is changed to {self.server.address}/v1; nothing else is.\n"
            f"   The API is simulated, on this machine, at {self.upstream.base_url}: it says what is right but for "
            f"{len(self.book.instead)} of {len(self.texts.labels)} labels that it always\n   takes for another one, "
            f"takes about {1000 * self.book.latency_s:.0f} ms (simulated), and costs {sent:g} and "
            f"{answered:g} USD per million tokens (simulated)."
        )
        letters = self._letters(first=True)
        bodies = self._mixed(self.texts.ask([t for t, _ in self.texts.taught]), self.texts.ask_letters(letters))
        self._collect(bodies)

    def _priced(self) -> tuple[float, float]:
        """Register the API with its simulated price, and route every call to it."""
        price = self.ws.prices().get(PriceKind.UPSTREAM, PRICED_LIKE).details
        if not isinstance(price, UpstreamPrice):
            raise HomegrownError(f"The price list has no model API {PRICED_LIKE!r}.")
        sent, answered = price.price_in_usd, price.price_out_usd
        self.ws.add_upstream(
            UPSTREAM, self.upstream.base_url, model=ANY_MODEL, private=True, price_in_usd=sent, price_out_usd=answered
        )
        self.ws.set_price("upstream", UPSTREAM, is_simulated=True, price_in_usd=sent, price_out_usd=answered)
        self.ws.put_route(DEFAULT_ROUTE, upstreams=[UPSTREAM])
        return sent, answered

    def _collect(self, bodies: list[dict[str, Any]]) -> None:
        self._until_routed(bodies[0])
        started = time.monotonic()
        failed = next((g for g in self._send(bodies[1:], FAST) if g.said is None), None)
        if failed is not None:
            raise HomegrownError(f"A call was not answered, so the story ends here: {failed.error}")
        rate = len(bodies) / (time.monotonic() - started)
        counts = self.ws.store.captured.counts()
        self.say(f"  {sum(counts.values()):,} calls were answered and kept, {rate:.0f} a second.")

    def _until_routed(self, body: dict[str, Any]) -> None:
        """Have the first call answered: a gateway learns of a new route within a moment."""
        until = time.monotonic() + ROUTED_WITHIN_S
        while (got := self._send([body], 1)[0]).said is None:
            if time.monotonic() > until:
                raise HomegrownError(f"The gateway does not answer: {got.error}")
            time.sleep(0.2)

    def _tasks(self) -> None:
        self.say("\n2. Tasks are looked for in the traffic.")
        traffic = self.ws.find_tasks()
        for p in traffic.proposals:
            self.say(f"   {p.template.name}: {p.template.volume.n_calls:,} calls, {p.suits.value}. {p.reason}")
        ready = next((p for p in traffic.proposals if p.suits in (Suits.READY, Suits.SOON)), None)
        done = self._accept(
            traffic, ready, lambda p: {"n_labels": len(p.learnable[0].classes) if p.learnable else None}
        )
        self.say(f"  Accepted: {len(done.task.classes)} labels, {done.n_texts:,} texts; no person labelled any.")

    def _accept(
        self, traffic: Traffic, chosen: Proposal | None, facts: Callable[[Proposal], dict[str, Any]]
    ) -> Accepted:
        """Make *chosen* the task; the document lists all that were found, each with its *facts*."""
        if chosen is None:
            raise HomegrownError("No task was found in the traffic, so there is nothing to learn; the story ends here.")
        self.found["templates"] = [
            {
                "template_id": p.template.template_id, "name": p.template.name, "suits": p.suits.value,
                "reason": p.reason, "n_calls": p.template.volume.n_calls, "share_of_bill": p.share,
                "accepted": p is chosen, **facts(p),
            }
            for p in traffic.proposals
        ]  # fmt: skip
        self._template = chosen.template
        done = self.ws.accept_template(self._template.template_id, name=self.model_name)
        self._task = done.task
        return done

    def _train(self) -> None:
        result = self._learn(self.plan.recipe)
        low, high = result["accuracy_ci95"]
        self.say(
            f"  {self.found['student']['name']} ({self._version.recipe}) says what the API said in "
            f"{result['accuracy']:.1%} of {result['n']:,} texts that it did not learn from (95% interval {low:.1%} to "
            f"{high:.1%})."
        )

    def _learn(self, recipe: str) -> dict[str, Any]:
        """Train the student; returns its evaluation."""
        self.say("\n3. A student is trained on what the API said.")
        snapshot = self.ws.snapshot(self._task, seed=self.plan.seed, test_share=HELD_OUT)
        version = self.ws.train(snapshot, Recipe(recipe, {}, self.plan.seed), self.model_name)
        result = self.ws.evaluate(version)
        self._version = version
        self.found |= {
            "student_id": version.version_id,
            "student": {
                "name": f"{version.model_name}@{version.number}", "recipe": version.recipe,
                "n_train": snapshot.n_by_split["train"] + snapshot.n_by_split["valid"], "n_test": result["n"],
                "agreement": result["accuracy"], "agreement_ci95": list(result["accuracy_ci95"]),
            },
        }  # fmt: skip
        return result

    def _shadow(self) -> None:
        self.say("\n4. It answers live calls silently; the API answers everybody.")
        done = self._switched(shadow=True)
        threshold = done.bound.threshold if done.bound else None
        self._until_seen(shadow=True)
        self._mark()
        rows = self.texts.shadow
        got = self._send(self.texts.ask([t for t, _ in rows]), FAST)
        time.sleep(1.0)  # what was compared is written within half a second
        calls = figures.calls_since(self.ws, self._last)
        self._asked = [c for c in calls if c.upstream_id is not None]
        alone, mixed = figures.shadowed(self.ws, self._version.version_id, calls, dict(rows), threshold)
        self.found["shadow"] = {"n": len(rows), "n_compared": len(alone.student), "upstream_right": figures.proportion(
            figures.agreed(got, rows), len(rows))}  # fmt: skip
        wholly = give_verdict(alone)
        self.say(f"  In the API's place for every call: {wholly['sentence']}")
        judged = give_verdict(mixed) if mixed is not None else wholly
        if mixed is not None:
            self.say(f"  Where it is sure, the API elsewhere:   {judged['sentence']}")
        self.found |= {
            "verdict": judged["verdict"],
            "verdict_of": "the student where it is sure, the API elsewhere" if mixed else "the student for every call",
            "verdict_sentence": judged["sentence"], "verdict_details": told(judged),
            "verdict_without_fallback": told(wholly),
        }  # fmt: skip

    def _switch(self) -> None:
        self.say("\n5. It shall be switched on, with a bound.")
        done = self._switched(shadow=False)
        self._is_on = done.bound is not None and done.bound.threshold is not None
        self.say(f"  {done.sentence}")
        self.found |= {"switched": self._is_on, "switch_sentence": done.sentence}
        if done.bound is not None:
            b = done.bound
            self.found["calibration"] = {
                "n": b.n, "n_home": b.n_home, "threshold": b.threshold, "disagreement": b.disagreement,
                "coverage": b.coverage, "coverage_ci95": list(b.coverage_ci95), "n_more": b.n_more,
            }  # fmt: skip
        if self._is_on:
            self._until_seen(shadow=False)
        else:
            self.ws.switch_route(DEFAULT_ROUTE, off=True)

    def _after(self) -> None:
        rows = self.texts.after
        self.say(f"\n6. The script goes on, with {len(rows):,} messages that nobody here has seen.")
        self._mark()
        bodies = self._mixed(self.texts.ask([t for t, _ in rows]), self.texts.ask_letters(self._letters(first=False)))
        self._send(bodies, CALM)
        calls = figures.calls_since(self.ws, self._last)
        # For the record, what the API would have said of the same messages: asked by another way than the gateway.
        direct = self._direct(self.texts.ask([t for t, _ in rows]))
        theirs = {t: g.said for (t, _), g in zip(rows, direct, strict=True)}
        c = self._counted = figures.count(calls, dict(rows), theirs)
        fell = next((e for e in self.ws.audit(limit=200) if e.action == "gateway.exit_fell"), None)
        self.found |= {
            "coverage": c.coverage, "coverage_ci95": list(c.coverage_ci95), "n_after": c.n, "n_home": c.n_home,
            "n_audited": c.n_audit, "error_at_home": c.n_wrong / c.n_home if c.n_home else None,
            "error_at_home_ci95": figures.proportion(c.n_wrong, c.n_home)["ci95"],
            "n_wrong_at_home": c.n_wrong, "n_wrong_as_upstream": c.n_copied,
            "disagreement_at_home": figures.proportion(c.n_other, c.n_home),
            "error_of_upstream": figures.proportion(len(rows) - figures.agreed(direct, rows), len(rows)),
            "latency_ms": {"home_median": c.home_ms, "upstream_median": c.away_ms, "upstream_simulated": True},
            "fell_back": fell.details if fell else None,
        }  # fmt: skip
        self.say(f"  Answered at home:            {figures.as_percent(c.n_home, c.n)}")
        self.say(f"  Wrong at home, against gold: {figures.as_percent(c.n_wrong, c.n_home)}")
        if c.n_wrong:
            self.say(f"                               {c.n_copied:,} of these {c.n_wrong:,} are what the API says too")
        self.say(f"  Other than the API says:     {figures.as_percent(c.n_other, c.n_home)}")
        wrong = len(rows) - figures.agreed(direct, rows)
        self.say(f"  The API itself is wrong in:  {figures.as_percent(wrong, len(rows))} (simulated)")
        if c.home_ms is not None and c.away_ms is not None:
            self.say(f"  Median latency: {c.home_ms:.1f} ms at home, {c.away_ms:.0f} ms by the API (simulated).")
        if fell is not None:
            self.say(f"  It fell back to the API by itself on the way: {fell.details}")

    def _cost(self) -> None:
        c = self._counted
        self._compare((c.n_home + c.n_audit) / c.n if c.n else 0.0, c.n_audit / max(1, c.n_home + c.n_audit))

    def _compare(self, share: float, audit_share: float) -> None:
        """What the prompt's calls cost by the API alone, and where a share of that is saved."""
        calls = self._asked
        sent = sum(x.n_tokens_in or 0 for x in calls) / max(1, len(calls))
        answered = sum(x.n_tokens_out or 0 for x in calls) / max(1, len(calls))
        done = self.ws.compare_costs(
            upstream=UPSTREAM, calls_per_day=self.plan.calls_per_day, n_tokens_in=sent, n_tokens_out=answered,
            coverage=share, audit_share=audit_share,
        )  # fmt: skip
        api, home = done.option("api"), done.option(done.home)
        before, after = api.monthly_usd[1], home.monthly_usd[1] if share else api.monthly_usd[1]
        self.say(
            f"\n7. What it costs, at {self.plan.calls_per_day:,.0f} calls of this prompt a day (prices simulated)."
        )
        if share:
            self.say(f"  {done.sentence}")
            self.say(
                f"  A month by the API alone: {before:,.2f} USD; mixed: {after:,.2f} USD, after "
                f"{home.upfront_usd:,.0f} USD once for a machine and people's hours."
            )
        else:
            self.say(f"  {before:,.2f} USD a month, as before: nothing is answered at home.")
        self.found |= {
            "cost_before_usd": before, "cost_after_usd": after,
            "break_even_month": done.break_even_month if share else None,
            "cost": {
                "of": "one month of this prompt's calls", "calls_per_day": self.plan.calls_per_day,
                "n_tokens_in": sent, "n_tokens_out": answered, "coverage": share, "once_usd": home.upfront_usd,
                "sentence": done.sentence, "least_calls_per_day": done.least_calls_per_day,
                "saving_usd": done.saving_usd, "horizon_months": done.horizon_months,
                "simulated": True, "simulated_prices": list(done.simulated),
            },
        }  # fmt: skip

    def _stopped(self) -> None:
        calls = self._stop()
        c = figures.count(calls, dict(self.texts.last), {})
        self.found["stopped"]["right"] = figures.proportion(c.n_home - c.n_wrong, c.n_home)

    def _stop(self) -> list[Captured]:
        """Take the API away; returns the calls that came after."""
        rows = self.texts.last
        self.say("\n8. The API is stopped for good. The script goes on and knows nothing of it.")
        self.upstream.kill()
        self._mark()
        got = self._send(self.texts.ask([t for t, _ in rows]), CALM)
        n_answered = sum(g.said is not None for g in got)
        errors = Counter(g.error for g in got if g.said is None)
        most = errors.most_common(1)[0][0] if errors else None
        calls = figures.calls_since(self.ws, self._last)
        self.found["stopped"] = {
            "n": len(rows), "n_answered": n_answered, "n_home": sum(c.version_id is not None for c in calls),
            "n_failed": len(rows) - n_answered, "error_of_the_rest": most,
        }  # fmt: skip
        self.say(f"  Still answered, by the model: {n_answered:,} of {len(rows):,}.")
        if most is not None:
            self.say(f"  The other {len(rows) - n_answered:,} got an error: {most}")
        return calls

    # What they share

    def _switched(self, *, shadow: bool) -> Switched:
        plan = self.plan
        return self.ws.switch_route(
            DEFAULT_ROUTE, self.model_name, alpha=plan.alpha, delta=plan.delta, shadow=shadow, by=plan.by
        )

    def _letters(self, *, first: bool) -> list[str]:
        cut = len(self.texts.letters) * 4 // 5
        return self.texts.letters[:cut] if first else self.texts.letters[cut:]

    def _mixed(self, some: list[dict[str, Any]], others: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Both, the fewer ones spread among the others."""
        every = max(1, len(some) // max(1, len(others)))
        found = []
        for number, body in enumerate(some):
            found.append(body)
            if number % every == 0 and others:
                found.append(others.pop())
        return found + others

    def _send(self, bodies: Sequence[dict[str, Any]], at_once: int) -> list[Got]:
        self.ws.progress.start("calls", len(bodies), "calls")
        base_url = f"{self.server.address}/v1"
        got = self.script.send(bodies, base_url, self.server.key, at_once=at_once, told=self.ws.progress.advance)
        self.ws.progress.finish()
        return got

    def _direct(self, bodies: Sequence[dict[str, Any]]) -> list[Got]:
        return self.script.send(bodies, self.upstream.base_url, "none", at_once=FAST)

    def _mark(self) -> None:
        newest = self.ws.calls(limit=1)
        self._last = newest[0].trace_id if newest else None

    def _until_seen(self, *, shadow: bool) -> None:
        """Until the server follows what was switched; calls that come before go to the API as ever."""
        until = time.monotonic() + _WAIT_S
        probe = self._probe()
        while time.monotonic() < until:
            self.script.send(probe, f"{self.server.address}/v1", self.server.key, at_once=1)
            what = self.ws.calls(limit=1)[0].tags.get(AT_HOME)
            if what is not None and (what == "shadow") is shadow:
                return
            time.sleep(0.2)
        raise HomegrownError(f"The server did not follow the switch within {_WAIT_S:.0f} s.")

    def _probe(self) -> list[dict[str, Any]]:
        return self.texts.ask([self.texts.taught[0][0]])


def told(verdict: dict[str, Any]) -> dict[str, Any]:
    """What the document tells of a verdict."""
    names = ("verdict", "sentence", "n", "n_differ", "n_more", "margin", "level", "against", "student_accuracy",
             "incumbent_accuracy")  # fmt: skip
    return {n: verdict.get(n) for n in names}
