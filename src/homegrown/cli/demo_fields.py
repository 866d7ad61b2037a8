"""The story of ``homegrown demo exit --fields``: out of a model API that reads receipts, told by field."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from homegrown.cli import demo_figures as figures
from homegrown.cli.demo_receipts import FIELDS, Receipts, differing
from homegrown.cli.demo_story import CALM, FAST, Story, told
from homegrown.core.traces import AT_HOME, CallState, answer_of
from homegrown.gateway.parts import FIELDS as GIVEN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from homegrown.core.traces import Captured


@dataclass(frozen=True, slots=True)
class GivenField:
    """One field over some documents: of *n* how many ours gave, and how many of those were wrong."""

    name: str
    n: int
    n_home: int
    n_wrong: int


class FieldsStory(Story):
    """The parts of ``Story``, where an answer is a document of several fields."""

    model_name: ClassVar[str] = "receipt"

    texts: Receipts

    def _head(self) -> dict[str, Any]:
        r = self.texts
        return {
            "simulated": True,
            "what_is_simulated": "the model API, which says what is right; its latency and price; machines' prices",
            "source": {"name": r.source, "credit": r.credit, "n_fields": len(FIELDS)},
            "calls": {"taught": len(r.taught), "shadow": len(r.shadow), "after": len(r.after), "stopped": len(r.last)},
            "by": self.plan.by,
            **self._planned(),
        }  # fmt: skip

    def _traffic(self) -> None:
        sent, answered = self._priced()
        self.say(
            f"\n1. A script has a model API read receipts. Its address is changed to {self.server.address}/v1.\n"
            f"   The API is simulated, on this machine: it says what is right, takes about "
            f"{1000 * self.book.latency_s:.0f} ms, and costs {sent:g} and {answered:g} USD a million tokens."
        )
        self._collect(self.texts.ask([t for t, _ in self.texts.taught]))

    def _tasks(self) -> None:
        self.say("\n2. Tasks are looked for in the traffic.")
        traffic = self.ws.find_tasks()
        first = next((p for p in traffic.proposals if p.template.learnable), None)
        if first is not None:
            self.say(f"   {first.template.volume.n_calls:,} calls, {first.suits.value}. {first.reason}")
        done = self._accept(traffic, first, lambda p: {"fields": [f.name for f in p.template.fields]})
        left = ", ".join(f"{name}: {n}" for name, n in done.n_missing.items())
        kinds = ", ".join(f"{f.name} ({f.type.value})" for f in done.task.fields)
        self.say(
            f"  Accepted: {kinds}; {done.n_texts:,} texts. Values that stand nowhere in their text: {left or 'none'}."
        )

    def _train(self) -> None:
        result = self._learn("fields")
        student, n = self.found["student"], result["n"]
        student["fields"] = {f["name"]: f["normalised"] for f in result["fields"]}
        told = ", ".join(f"{f['name']} {f['normalised']:.1%}" for f in result["fields"])
        self.say(f"  Taught {student['n_train']:,} receipts, of {n:,} others it gives as the API does: {told}.")

    def _shadow(self) -> None:
        self.say("\n4. It answers live calls silently; the API answers everybody.")
        self._switched(shadow=True)
        self._until_seen(shadow=True)
        self._mark()
        rows = self.texts.shadow
        self._send(self.texts.ask([t for t, _ in rows]), FAST)
        self._until_kept(len(rows))
        self._asked = [c for c in figures.calls_since(self.ws, self._last) if c.upstream_id is not None]
        judged = self.ws.verdict(self._version)
        self.say(f"  Whole documents: {judged['sentence']}")
        for one in judged["fields"]:
            self.say(f"  {one['field']:8} {one['verdict']:6} they agree in {one['agreement']:.1%} of {one['n']:,}")
        self.found |= {
            "verdict": judged["verdict"], "verdict_of": "the student for every document, against the API",
            "verdict_sentence": judged["sentence"], "verdict_details": told(judged), "verdict_fields": judged["fields"],
            "shadow": {"n": len(rows), "n_compared": judged["n"]},
        }  # fmt: skip

    def _until_kept(self, n: int) -> None:
        """Until what was compared is written, which takes half a second on a machine that is free."""
        until = time.monotonic() + 30
        while time.monotonic() < until:
            found = self.ws.shadow_report(self._version)
            if found is not None and found.n >= n:
                return
            time.sleep(0.2)

    def _after(self) -> None:
        rows = self.texts.after
        self.say(f"\n6. The script goes on, with {len(rows):,} receipts that nobody here has seen.")
        self._mark()
        self._send(self.texts.ask([t for t, _ in rows]), CALM)
        calls = [c for c in figures.calls_since(self.ws, self._last) if figures.text_of(c) in dict(rows)]
        self._calls = calls
        fields = given_fields(calls, self.texts.gold)
        n_home = sum(c.version_id is not None for c in calls)
        n_audit = sum(c.tags.get(AT_HOME) == "audit" for c in calls)
        given, wrong, n = sum(f.n_home for f in fields), sum(f.n_wrong for f in fields), sum(f.n for f in fields)
        fell = next((e for e in self.ws.audit(limit=200) if e.action == "gateway.exit_fell"), None)
        documents = figures.proportion(n_home, len(calls))
        self.found |= {
            "coverage": n_home / len(calls), "coverage_ci95": documents["ci95"], "n_after": len(calls),
            "n_home": n_home, "n_audited": n_audit, "error_at_home": wrong / given if given else None,
            "error_at_home_ci95": figures.proportion(wrong, given)["ci95"], "n_wrong_at_home": wrong,
            "fields_coverage": given / n, "n_fields": n, "n_fields_home": given,
            "n_part": sum(c.tags.get(AT_HOME) == "part" for c in calls),
            "fields": [
                {
                    "name": f.name, "n": f.n, "n_home": f.n_home, "coverage": f.n_home / f.n, "n_wrong": f.n_wrong,
                    "error": figures.proportion(f.n_wrong, f.n_home),
                }
                for f in fields
            ],
            "fell_back": fell.details if fell else None,
        }  # fmt: skip
        self.say(f"  Fields given at home:          {figures.as_percent(given, n)}")
        self.say(f"  Of these other than the API's: {figures.as_percent(wrong, given)}")
        self.say(f"  Documents without any call:    {figures.as_percent(n_home, len(calls))}")
        for f in fields:
            self.say(f"    {f.name:8} {f.n_home:,} of {f.n:,} at home, {f.n_wrong:,} of these other than the API's")
        if fell is not None:
            self.say(f"  It fell back to the API by itself on the way: {fell.details}")

    def _cost(self) -> None:
        """What is saved is what the calls after the switch cost less than those that the API answered alone."""
        before = [c.cost_usd or 0.0 for c in self._asked]
        now = [c.cost_usd or 0.0 for c in self._calls]
        usual = sum(before) / max(1, len(before))
        saved = max(0.0, 1.0 - sum(now) / max(1, len(now)) / usual) if usual else 0.0
        self.found["saved_share"] = saved
        self._compare(saved, 0.0)

    def _stopped(self) -> None:
        self._stop()

    def _probe(self) -> list[dict[str, Any]]:
        return self.texts.ask(["", self.texts.taught[0][0]])[1:]


def given_fields(calls: Sequence[Captured], gold: dict[str, dict[str, Any]]) -> list[GivenField]:
    """What ours gave of each field, counted from the rows that were kept of calls.

    Args:
        calls: of the prompt.
        gold: what is right, by text.
    """
    counts = {name: [0, 0, 0] for name in FIELDS}
    for call in calls:
        right = gold[figures.text_of(call)]
        given = set(FIELDS) if call.version_id is not None else set(call.tags.get(GIVEN, "").split(", "))
        given = (
            given if call.tags.get(AT_HOME) in ("home", "spare", "part") and call.state is CallState.WHOLE else set()
        )
        wrong = differing(json.loads(answer_of(call) or "null"), right) if given else []
        for name, one in counts.items():
            one[0] += 1
            one[1] += name in given
            one[2] += name in given and name in wrong
    return [GivenField(name, *one) for name, one in counts.items()]
