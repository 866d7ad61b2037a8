"""Models of documents asked one after the other: the second about what the first is not sure of, each with its bound."""

import json
from dataclasses import replace

import openai
import pytest

from homegrown.core.access import SYSTEM, Role
from homegrown.core.ids import new_id, timestamp
from homegrown.core.models import Recipe
from homegrown.core.routing import RouteConfig, Target
from homegrown.core.traces import AT_HOME
from homegrown.errors import InputError
from homegrown.serve.fallback import Why
from tests.gateway.conftest import until
from tests.gateway.homes import prompts
from tests.monitor.calls import SHOPS, bill, call

pytestmark = pytest.mark.slow
READS = "Read what came by mail. Answer with JSON: who, day, total, kind (bill or offer)."


def letter(i):
    """The same in a letter, where everything stands elsewhere."""
    _, said = bill(i)
    y, m, d = said["day"].split("-")
    kind = "we ask you to pay" if said["kind"] == "bill" else "we would do it for"
    text = (
        f"Dear customer no. {i * 17},\nas agreed in our talk of {d}/{m}/{y}\n{kind}\n{said['total']:.2f} EUR\n"
        f"at the end of the month {i % 7}.\nYours sincerely,\n{SHOPS[i % 4]}\nthe office"
    )
    return text, said


class Desk:
    """A model of bills, and a later one that learned from letters too."""

    def __init__(self, bed):
        self.bed, self.ws = bed, bed.ws
        self.client = openai.OpenAI(
            base_url=f"{bed.served.origin}/v1", api_key=bed.served.key(Role.CALLER), max_retries=0
        )
        mine = {"upstream_id": bed.first.upstream_id, "model": "mail"}
        self.keep([call(40_000 + i, READS, t, json.dumps(d), **mine) for i, (t, d) in enumerate(map(bill, range(320)))])
        self.template_id = prompts(self.ws)[READS].template_id
        self.quick = self.learn("quick")
        later = [call(41_000 + i, READS, t, json.dumps(d), **mine) for i, (t, d) in enumerate(map(letter, range(160)))]
        self.keep([replace(c, created_at=timestamp()) for c in later])
        self.large = self.learn("large")

    def keep(self, calls):
        self.ws.store.captured_imports.add([replace(c, trace_id=new_id("trace")) for c in calls])

    def learn(self, name):
        task = self.ws.accept_template(self.template_id, name="mail").task
        snapshot = self.ws.snapshot(task, test_share=0.5)
        return self.ws.train(snapshot, Recipe("fields", {"choices": "lexical"}, 0), name)

    def switch(self, *models, **options):
        done = self.ws.switch_route("mail", *models, **({"alpha": 0.15, "audit_share": 1e-9} | options))
        self.bed.gateway.board.look()
        route = self.ws.store.routes.get("mail")
        if route.config.exit is not None:
            until(lambda: self.bed.gateway.exits.find(route) is not None)
        return done

    def ask(self, text):
        turns = [{"role": "system", "content": READS}, {"role": "user", "content": text}]
        got = self.client.chat.completions.with_raw_response.create(model="mail", messages=turns)
        return got, self.bed.last(got.headers["x-homegrown-trace"])


@pytest.fixture(scope="module")
def made(laid):
    laid.fresh()
    return Desk(laid)


@pytest.fixture
def desk(made):
    made.bed.fresh()
    made.ws.store.routes.put(SYSTEM, "mail", RouteConfig(targets=(Target(made.bed.first.upstream_id),)))
    return made


def test_the_second_is_asked_about_what_the_first_is_not_sure_of(desk):
    alone = desk.switch("quick").bound
    done = desk.switch("quick", "large")
    quick, large = done.bounds
    assert [s.model for s in done.exit.stages] == ["quick@1", "large@1"]
    assert {s.delta for s in done.exit.stages} == {0.025}
    assert quick.n + large.n < done.bound.n + large.n  # each has calls of its own
    assert done.bound.n_home > 0.9 * done.bound.n > 100
    assert alone.coverage < 0.7 < 0.9 < done.bound.coverage
    for (text, said), who in ((bill(901), "quick@1"), (letter(902), "large@1")):
        got, row = desk.ask(text)
        assert json.loads(got.parse().choices[0].message.content) == said
        assert got.headers["x-homegrown-model"] == who
        assert row.tags[AT_HOME] == "home"
    strange, row = desk.ask("nothing of the kind " * 5)
    assert (strange.headers["x-homegrown-upstream"], row.tags[AT_HOME]) == ("stub", "unsure")
    until(lambda: [(s.n_calls, s.n_home) for s in desk.ws.exit_report("mail").stages] == [(3, 1), (2, 1)])

    (first, _) = desk.bed.gateway.exits.find(desk.ws.store.routes.get("mail")).stages
    first.stage._fall(Why.BREACH, "It differed.")
    gone, row = desk.ask(bill(903)[0])  # what it would have answered goes to the upstream, not to the second
    assert (gone.headers["x-homegrown-upstream"], row.tags[AT_HOME]) == ("stub", "fallen")
    assert desk.ask(letter(904)[0])[0].headers["x-homegrown-model"] == "large@1"


def test_a_document_of_the_second_that_is_checked_and_differs_counts_for_it_alone(desk):
    desk.switch("quick", "large", audit_share=0.999999)
    stages = desk.bed.gateway.exits.find(desk.ws.store.routes.get("mail")).stages
    text, said = letter(905)
    desk.bed.upstream.label({"": json.dumps(said | {"total": 1.5})})
    assert desk.ask(text)[0].headers["x-homegrown-upstream"] == "stub"
    assert [(s.stage.watch.n, s.stage.watch.n_wrong) for s in stages] == [(0, 0), (1, 1)]


def test_what_cannot_answer_together_is_refused_and_the_page_tells_what_both_would_give(desk):
    with pytest.raises(InputError, match="By field documents are given by one model"):
        desk.switch("quick", "large", by="field")
    with pytest.raises(InputError, match="A model is named twice"):
        desk.switch("quick", "quick@1")
    both = desk.ws.exit_choices("mail", "quick", "large", alphas=(0.15,))
    assert both[0].coverage > 0.9
    with desk.bed.served.client() as client:
        asked = {"route": "mail", "model": desk.quick.version_id, "prompt": desk.template_id}
        page = client.get("/gateway/routes/mail", params={k: asked[k] for k in ("model", "prompt")}).text
        assert "large v1 is asked" in page
        told = client.get("/gateway/bounds", params=asked | {"then": desk.large.version_id}).text
        assert "of the documents without a call; the others go to the upstream whole" in told
        assert "By field documents are given by one model" in told


def test_silently_all_are_heard_and_people_may_judge_the_second(desk):
    desk.switch("quick", "large", shadow=True)
    text, said = letter(906)
    desk.bed.upstream.label({"": json.dumps(said | {"kind": "offer" if said["kind"] == "bill" else "bill"})})
    desk.ask(text)
    until(lambda: all(desk.ws.shadow_report(v) is not None for v in (desk.quick, desk.large)))
    assert desk.ws.draw_gold("large").n_waiting == 1
