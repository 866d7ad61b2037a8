"""Models of one Task asked one after the other, each with a bound, a watch and a fall of its own."""

from dataclasses import replace

import openai
import pytest
import sqlalchemy as sa

from homegrown.core.access import SYSTEM, Role
from homegrown.core.ids import new_id, timestamp
from homegrown.core.models import Recipe
from homegrown.core.routing import RouteConfig, Target
from homegrown.core.traces import AT_HOME, SELECTED
from homegrown.errors import InputError
from homegrown.serve.fallback import Policy
from homegrown.store import tables
from tests.gateway.conftest import until
from tests.gateway.homes import prompts, riddle
from tests.monitor.calls import ENDS, call, message, rng, topics

SORTS = "To which desk does the letter go: plastic, money or access? Nothing but the word."
DESKS = {"card": "plastic", "refund": "money", "login": "access"}
GERMAN = {
    "card": ["meine karte kam nie an", "die karte ist weg", "sperrt die karte sofort"],
    "refund": ["ich will mein geld", "wo bleibt die erstattung", "erstattet die lampe"],
    "login": ["die anmeldung geht nicht", "mein kennwort stimmt nicht", "setzt das kennwort neu"],
}


def german(r, topic):
    end = ENDS[int(r.integers(len(ENDS)))].replace("{n}", str(int(r.integers(10_000))))
    return f"guten tag {GERMAN[topic][int(r.integers(3))]} {end} {int(r.integers(100_000))}"


class Pair:
    """A model of the English letters, and a later one that learned from the German ones too."""

    def __init__(self, bed):
        self.bed, self.ws = bed, bed.ws
        self.client = openai.OpenAI(
            base_url=f"{bed.served.origin}/v1", api_key=bed.served.key(Role.CALLER), max_retries=0
        )
        mine = {"upstream_id": bed.first.upstream_id, "model": "letters"}
        self.keep(topics(rng(3), 700, [SORTS], start=60_000, form=DESKS.get, **mine))
        self.template_id = prompts(self.ws)[SORTS].template_id
        self.quick = self.learn("quick")
        r = rng(4)
        later = [(german(r, t), DESKS[t]) for t in list(GERMAN) * 100]
        later += [(riddle(i), list(DESKS.values())[int(r.integers(3))]) for i in range(40)]
        calls = [call(61_000 + i, SORTS, text, said, **mine) for i, (text, said) in enumerate(later)]
        self.keep([replace(c, created_at=timestamp()) for c in calls])
        self.large = self.learn("large")

    def keep(self, calls):
        self.ws.store.captured_imports.add([replace(c, trace_id=new_id("trace")) for c in calls])

    def learn(self, name):
        task = self.ws.accept_template(self.template_id, name="letter").task
        return self.ws.train(self.ws.snapshot(task, test_share=0.5), Recipe("lexical", {}, 0), name)

    def switch(self, *models, **options):
        done = self.ws.switch_route("letters", *models, **({"alpha": 0.1, "audit_share": 1e-9} | options))
        self.bed.gateway.board.look()
        route = self.ws.store.routes.get("letters")
        until(lambda: self.bed.gateway.exits.find(route) is not None)
        return done, self.bed.gateway.exits.find(route)

    def unsure(self, done):
        """A letter that none is sure of."""
        texts = [riddle(i) for i in range(700, 760)]
        said = [self.ws.predict(s.version_id, texts) for s in done.exit.stages]
        limits = [s.threshold for s in done.exit.stages]
        return next(
            t for t, *s in zip(texts, *said, strict=True) if all(x["prob"] <= u for x, u in zip(s, limits, strict=True))
        )

    def ask(self, text, **more):
        turns = [{"role": "system", "content": SORTS}, {"role": "user", "content": text}]
        got = self.client.chat.completions.with_raw_response.create(model="letters", messages=turns, **more)
        return got.headers, self.bed.last(got.headers["x-homegrown-trace"])


@pytest.fixture(scope="module")
def made(laid):
    laid.fresh()
    return Pair(laid)


@pytest.fixture
def pair(made):
    made.bed.fresh()
    targets = (Target(made.bed.first.upstream_id),)
    made.ws.store.routes.put(SYSTEM, "letters", RouteConfig(targets=targets))
    return made


ENGLISH_ONE, GERMAN_ONE = message(rng(8), "login"), german(rng(8), "login")


def test_the_first_that_is_sure_answers_and_names_itself(pair):
    done, loaded = pair.switch("quick", "large")
    assert done.exit.model == "quick@1, large@1"
    assert [s.delta for s in done.exit.stages] == [0.025, 0.025]
    assert all(b.threshold is not None for b in done.bounds)
    assert sum(b.n for b in done.bounds) < done.bound.n  # each by calls of its own, which the one before passes on
    assert done.bound.coverage > done.bounds[0].coverage
    assert done.bound.disagreement <= 0.1
    assert "learned from they were sure of" in done.sentence
    for at, text in enumerate((ENGLISH_ONE, GERMAN_ONE)):
        headers, row = pair.ask(text)
        assert headers["x-homegrown-model"] == done.exit.stages[at].model
        assert (row.version_id, row.tags[AT_HOME]) == (done.exit.stages[at].version_id, "home")
    assert not pair.bed.upstream.seen()
    assert pair.ask(pair.unsure(done))[1].tags[AT_HOME] == "unsure"
    assert [s.stage.n_calls for s in loaded.stages] == [3, 2]
    metrics = pair.bed.gateway.meters.text().decode()
    for model, what in (("quick@1", "home"), ("quick@1", "passed_on"), ("large@1", "home"), ("large@1", "unsure")):
        assert f'model="{model}",route="letters",what="{what}"' in metrics


def test_a_stage_falls_alone_and_what_it_answered_goes_to_the_upstream(pair):
    done, loaded = pair.switch("quick", "large", audit_share=0.999999)
    quick, large = (s.stage for s in loaded.stages)
    pair.bed.upstream.label({"": "money"})
    n = 0
    while quick.fallen is None:
        assert pair.ask(ENGLISH_ONE, seed=n)[1].tags[AT_HOME] == "audit"
        n += 1
        assert n < 60
    assert large.fallen is None
    assert large.watch.n == 0
    assert pair.ask(ENGLISH_ONE)[1].tags[AT_HOME] == "fallen"  # never by the next, which is judged by harder ones
    large.policy = Policy(done.exit.stages[1].threshold, 0.1, 0.025, 1e-9)
    assert pair.ask(GERMAN_ONE)[0]["x-homegrown-model"] == "large@1"
    assert pair.bed.gateway.health()["exit letters"].startswith("quick@1 answers no more")
    until(lambda: (pair.ws.store.exits.state(done.exit.stages[0].stage_id) or {}).get("fallen"))
    assert "fallen" in SELECTED
    pair.ws.switch_route("letters", off=True)
    assert "fell back before" in pair.ws.switch_route("letters", back=True).sentence


def test_in_the_shadow_every_stage_is_heard(pair):
    done, _ = pair.switch("quick", "large", shadow=True)
    trace = pair.ask("hello, reset the password for order 5 bye")[0]["x-homegrown-trace"]
    find = sa.select(tables.shadow_answers.c.version_id).where(tables.shadow_answers.c.trace_id == trace)
    until(lambda: len(pair.ws.store.db.all(find)) == 2)
    assert {r["version_id"] for r in pair.ws.store.db.all(find)} == {s.version_id for s in done.exit.stages}


def test_models_that_cannot_stand_together_are_refused(pair, one):
    with pytest.raises(InputError, match="twice"):
        pair.ws.switch_route("letters", "quick", "quick@1")
    with pytest.raises(InputError, match="different prompts"):
        pair.ws.switch_route("letters", "quick", "wish")
