"""The story of ``homegrown demo exit --fields``: out of a model API that reads receipts, told by field."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from homegrown.cli import demo_figures as figures
from homegrown.cli.demo_receipts import FIELDS, Receipts, differing
from homegrown.cli.demo_story import CALM, FAST, Story, told
from homegrown.core.models import Recipe
from homegrown.core.traces import AT_HOME, CallState, answer_of
from homegrown.errors import HomegrownError
from homegrown.gateway.parts import FIELDS as GIVEN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from homegrown.core.traces import Captured

HELD_OUT = 0.4
"""Of what is taught, the share that the student does not learn from; what it answers silently calibrates too."""


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
            "latency_of_upstream_s": self.book.latency_s, "by": self.plan.by,
            "alpha": self.plan.alpha, "delta": self.plan.delta, "seed": self.plan.seed,
            "machine": {"cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1)},
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
        found = [p for p in traffic.proposals if p.template.learnable]
        if not found:
            raise HomegrownError("No task was found in the traffic, so there is nothing to learn; the story ends here.")
        self.found["templates"] = [
            {
                "template_id": p.template.template_id, "name": p.template.name, "suits": p.suits.value,
                "reason": p.reason, "n_calls": p.template.volume.n_calls, "share_of_bill": p.share,
                "fields": [f.name for f in p.template.fields], "accepted": p is found[0],
            }
            for p in traffic.proposals
        ]  # fmt: skip
        self.say(f"   {found[0].template.volume.n_calls:,} calls, {found[0].suits.value}. {found[0].reason}")
        self._template = found[0].template
        done = self.ws.accept_template(self._template.template_id, name=self.model_name)
        self._task = done.task
        left = ", ".join(f"{name}: {n}" for name, n in done.n_missing.items())
        kinds = ", ".join(f"{f.name} ({f.type.value})" for f in done.task.fields)
        self.say(
            f"  Accepted: {kinds}; {done.n_texts:,} texts. Values that stand nowhere in their text: {left or 'none'}."
        )

    def _train(self) -> None:
        self.say("\n3. A student is trained on what the API said.")
        snapshot = self.ws.snapshot(self._task, seed=self.plan.seed, test_share=HELD_OUT)
        version = self.ws.train(snapshot, Recipe("fields", {}, self.plan.seed), self.model_name)
        result = self.ws.evaluate(version)
        self._version = version
        n_train = snapshot.n_by_split["train"] + snapshot.n_by_split["valid"]
        self.found |= {
            "student_id": version.version_id,
            "student": {
                "name": f"{version.model_name}@{version.number}", "recipe": version.recipe, "n_train": n_train,
                "n_test": result["n"], "agreement": result["accuracy"], "agreement_ci95": list(result["accuracy_ci95"]),
                "fields": {f["name"]: f["normalised"] for f in result["fields"]},
            },
        }  # fmt: skip
        told = ", ".join(f"{f['name']} {f['normalised']:.1%}" for f in result["fields"])
        self.say(f"  Taught {n_train:,} receipts, of {result['n']:,} others it gives as the API does: {told}.")

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
        rows = self.texts.last
        self.say("\n8. The API is stopped for good. The script goes on and knows nothing of it.")
        self.upstream.kill()
        self._mark()
        got = self._send(self.texts.ask([t for t, _ in rows]), CALM)
        errors = Counter(g.error for g in got if g.said is None)
        most = errors.most_common(1)[0][0] if errors else None
        calls = figures.calls_since(self.ws, self._last)
        n_home = sum(c.version_id is not None for c in calls)
        n_answered = sum(g.said is not None for g in got)
        self.found["stopped"] = {
            "n": len(rows), "n_answered": n_answered, "n_home": n_home, "n_failed": len(rows) - n_answered,
            "error_of_the_rest": most,
        }  # fmt: skip
        self.say(f"  Still answered, by the model: {n_answered:,} of {len(rows):,}.")
        if most is not None:
            self.say(f"  The other {len(rows) - n_answered:,} got an error: {most}")

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
