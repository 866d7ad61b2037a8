"""A route whose upstream labels messages, and a model that learned from its calls."""

import json
from dataclasses import replace

import msgspec
import openai

from homegrown.core.access import SYSTEM, Role
from homegrown.core.ids import new_id, timestamp
from homegrown.core.models import Recipe
from homegrown.core.routing import RouteConfig, Target
from tests.gateway.conftest import until
from tests.monitor.calls import call, rng, topics

SYSTEM_SAYS = "Say what the customer wants: card, refund or login. Answer by the label alone."
SPELT = {"card": "**Card**", "refund": "**Refund**", "login": "**Login**"}
SURE = "hello, i want my money back since monday again"
ALPHA = 0.1


def asked(text, **more):
    return {
        "model": "triage",
        "messages": [{"role": "system", "content": SYSTEM_SAYS}, {"role": "user", "content": text}],
        **more,
    }


def riddle(i):
    """A message of which nobody can say what it wants."""
    words = ["card", "refund", "login", "money", "password", "lost", "cannot", "where", "please", "the", "my", "in"]
    return " ".join(rng(i).permutation(words)[:6].tolist()) + f" {i}"


GUESSED = [list(SPELT.values())[int(k)] for k in rng(9).integers(3, size=160)]


class Home:
    """A route whose upstream labels messages, a model that learned from its calls, and who asks."""

    def __init__(self, bed):
        self.bed, self.ws, self.exit = bed, bed.ws, None
        self.client = openai.OpenAI(
            base_url=f"{bed.served.origin}/v1", api_key=bed.served.key(Role.CALLER), max_retries=0
        )
        self.route = self.ws.store.routes.put(SYSTEM, "triage", config(bed))
        mine = {"upstream_id": bed.first.upstream_id, "route_id": self.route.route_id}
        calls = topics(rng(), 700, [SYSTEM_SAYS], form=SPELT.get, model="triage", **mine)
        calls += [call(700 + i, SYSTEM_SAYS, riddle(i), one, model="triage", **mine) for i, one in enumerate(GUESSED)]
        self.ws.store.captured_imports.add([replace(c, trace_id=new_id("trace")) for c in calls])
        self.template = prompts(self.ws)[SYSTEM_SAYS]
        task = self.ws.accept_template(self.template.template_id, name="wish").task
        snapshot = self.ws.snapshot(task, test_share=0.4)
        self.version = self.ws.train(snapshot, Recipe("lexical", {}, 0), "wish")

    def fresh(self):
        self.bed.fresh()
        self.bed.upstream.label({"money": "**Refund**", "card": "**Card**", "sign": "**Login**", "": "**Card**"})
        self.ws.store.routes.put(SYSTEM, "triage", config(self.bed))
        until(lambda: not self.bed.gateway.exits._later)
        self.bed.gateway.exits._rows.clear()
        self.began = timestamp()
        self.follow()

    def follow(self):
        """Until the gateway does what the route says."""
        self.bed.gateway.board.look()
        route = self.ws.store.routes.get("triage")
        until(lambda: (found := self.bed.gateway.exits.find(route)) is None or found.exit == route.config.exit)
        if route.config.exit is not None:
            until(lambda: self.bed.gateway.exits.find(route) is not None)
        return self.bed.gateway.exits.find(route)

    def switch(self, *, audit_share=1e-9, **options):
        """By the verb the first time; the same bound again where a test is not about bounds."""
        if self.exit is None or options:
            done = self.ws.switch_route("triage", "wish", alpha=ALPHA, audit_share=audit_share, **options)
            self.exit = done.exit if not options else self.exit
        else:
            new = new_id("exit")
            stages = tuple(msgspec.structs.replace(s, stage_id=f"{new}:{i}") for i, s in enumerate(self.exit.stages))
            again = msgspec.structs.replace(self.exit, exit_id=new, stages=stages, audit_share=audit_share)
            self.ws.store.routes.switch(SYSTEM, "triage", again)
        return self.follow()

    def ask(self, text=SURE, **more):
        """The answer with its headers."""
        return self.client.chat.completions.with_raw_response.create(**asked(text, **more))

    def n_out(self):
        return len(self.bed.upstream.seen())

    def unsure(self):
        """A message that the model is not sure of."""
        words = [riddle(i) for i in range(500, 530)]
        threshold = self.ws.store.routes.get("triage").config.exit.threshold
        said = self.ws.predict(self.version, words)
        return next(w for w, s in zip(words, said, strict=True) if s["label"] is None or s["prob"] < threshold)


def prompts(ws):
    """Templates by what the system says in their first wording."""
    return {p.template.variants[0].system.constants[0]: p.template for p in ws.find_tasks().proposals}


def config(bed):
    return RouteConfig(targets=(Target(bed.first.upstream_id),))


def events_in(text):
    """Names and documents of a stream's events."""
    found = []
    for frame in text.split("\n\n")[:-1]:
        name, data = frame.split("\n")
        assert name.startswith("event: ")
        assert data.startswith("data: ")
        found.append((name[7:], json.loads(data[6:])))
    assert text.endswith("\n\n")
    return found
