"""Documents with several closed fields, answers of several labels, and none of these: as the upstream writes them."""

import json
from dataclasses import replace

import openai
import pytest

from homegrown.core.access import SYSTEM, Role
from homegrown.core.ids import new_id
from homegrown.core.models import Recipe
from homegrown.core.routing import RouteConfig, Target
from homegrown.core.traces import AT_HOME, answer_of
from homegrown.errors import InputError, UnsuitableLabelsError
from homegrown.gateway.home import MODELS
from tests.gateway.conftest import until
from tests.gateway.homes import prompts
from tests.monitor.calls import ABOUT, call, message, rng

FORM = '```json\n{\n  "topic": "%s",\n  "v": 2,\n  "angry": %s\n}\n```'
TELLS = "Give topic (card, refund, login) and angry (true, false) as JSON."
SAYS_WHY = "Give the topic as JSON, and say why: card, refund or login."
LISTS = "Name all topics of the message, with commas: card, refund, login."
NONE = "One word: card, refund, login, or other."
STONES = ["granite", "basalt", "quartz", "marble", "slate", "flint", "chalk", "jade", "onyx", "opal", "topaz", "shale"]


def fits(topic, text):
    return FORM % (topic.title(), "true" if "tired" in text else "false")


def both(r):
    """A message about one or two topics, and what the upstream says of it."""
    names = list(ABOUT)
    chosen = [names[int(k)] for k in sorted(r.choice(3, size=1 + int(r.integers(2)), replace=False))]
    return " and also ".join(message(r, t) for t in chosen), ", ".join(t.title() for t in chosen)


def riddle(r):
    return " ".join(r.permutation(STONES)[:5].tolist()) + f" {int(r.integers(10_000))}"


def traffic(r, system):
    for _ in range(420):
        topic = list(ABOUT)[int(r.integers(3))]
        text = message(r, topic)
        if system == TELLS:
            yield text, fits(topic, text)
        elif system == SAYS_WHY:
            yield text, json.dumps({"topic": topic, "why": f"it says {text[:30]}, so it is {topic}"})
        elif system == LISTS:
            yield both(r)
        else:
            yield (riddle(r), "other") if r.random() < 0.4 else (text, topic)


class Desk:
    """Routes by system prompt, each with a task of its calls and models."""

    def __init__(self, bed):
        self.bed, self.ws = bed, bed.ws
        self.client = openai.OpenAI(
            base_url=f"{bed.served.origin}/v1", api_key=bed.served.key(Role.CALLER), max_retries=0
        )
        calls = []
        for k, system in enumerate((TELLS, SAYS_WHY, LISTS, NONE)):
            mine = {"upstream_id": bed.first.upstream_id, "model": "desk"}
            calls += [
                call(20_000 + 1000 * k + i, system, text, said, **mine)
                for i, (text, said) in enumerate(traffic(rng(k), system))
            ]
        self.ws.store.captured_imports.add([replace(c, trace_id=new_id("trace")) for c in calls])
        self.found = prompts(self.ws)

    def model(self, system, name, field=None, names=None, **plan):
        task = self.ws.accept_template(self.found[system].template_id, name=name, field=field, names=names).task
        snapshot = self.ws.snapshot(task, **({"test_share": 0.4} | plan))
        self.ws.train(snapshot, Recipe("lexical", {}, 0), name)
        return snapshot.snapshot_id

    def switch(self, *models, **options):
        done = self.ws.switch_route("desk", *models, **({"alpha": 0.1, "audit_share": 1e-9} | options))
        self.bed.gateway.board.look()
        route = self.ws.store.routes.get("desk")
        if done.exit is not None:
            until(lambda: self.bed.gateway.exits.find(route) is not None)
        return done

    def ask(self, system, text):
        turns = [{"role": "system", "content": system}, {"role": "user", "content": text}]
        got = self.client.chat.completions.with_raw_response.create(model="desk", messages=turns)
        return got.headers, got.parse().choices[0].message.content


@pytest.fixture(scope="module")
def opened(laid):
    laid.fresh()
    made = Desk(laid)
    first = made.model(TELLS, "topic", "topic")
    made.model(TELLS, "angry", "angry", {"true": "yes", "false": "no"}, test_of=first)
    return made


@pytest.fixture
def desk(opened):
    opened.bed.fresh()
    targets = (Target(opened.bed.first.upstream_id),)
    opened.ws.store.routes.put(SYSTEM, "desk", RouteConfig(targets=targets))
    return opened


def test_a_document_is_given_whole_by_the_models_of_its_fields(desk):
    with pytest.raises(InputError, match="hold angry too"):
        desk.switch("topic")
    done = desk.switch("angry", "topic")
    assert done.bound.threshold is not None
    assert done.exit.model == "topic@1+angry@1"
    assert done.bound.n > 100
    text = "hello, my password is wrong again and i am tired of it"
    headers, said = desk.ask(TELLS, text)
    assert said == fits("login", text)
    assert headers["x-homegrown-model"] == "topic@1+angry@1"
    row = desk.bed.last(headers["x-homegrown-trace"])
    assert (row.tags[AT_HOME], row.tags[MODELS], answer_of(row)) == ("home", "topic@1+angry@1", said)
    assert row.version_id == done.exit.version_id
    assert not desk.bed.upstream.seen()


def test_a_document_that_differs_in_one_field_breaks_the_bound(desk):
    done = desk.switch("topic", "angry", audit_share=0.999999)
    loaded = desk.bed.gateway.exits.find(desk.ws.store.routes.get("desk"))
    text = "hello, my password is wrong again thanks"
    desk.bed.upstream.label({"": fits("login", text)})
    desk.ask(TELLS, text)
    assert (loaded.stages[0].stage.watch.n, loaded.stages[0].stage.watch.n_wrong) == (1, 0)
    for n, other in enumerate((fits("login", "tired"), fits("login", text).replace('"v": 2', '"v": 3'), "{}")):
        desk.bed.upstream.label({"": other})
        desk.ask(TELLS, text)
        assert loaded.stages[0].stage.watch.n_wrong == n + 1
    assert done.exit.rest == '{"v":2}'


def test_free_text_in_a_document_stays_with_the_upstream(desk):
    desk.model(SAYS_WHY, "reason", "topic")
    with pytest.raises(UnsuitableLabelsError, match="hold why: free text or a number"):
        desk.switch("reason")


def test_several_labels_at_once_are_one_answer(desk):
    desk.model(LISTS, "topics")
    done = desk.switch("topics")
    assert done.bound.threshold is not None
    headers, said = desk.ask(LISTS, "hello, my password is wrong again thanks and also hey where is my refund bye")
    assert said in ("Refund, Login", "Login, Refund")
    assert headers["x-homegrown-model"] == "topics@1"
    assert desk.ask(LISTS, "hello, my password is wrong again thanks")[1] == "Login"


def test_none_of_these_is_said_where_the_upstream_has_a_word_for_it(desk):
    desk.model(NONE, "one", names={"other": None})
    done = desk.switch("one")
    assert done.exit.stages[0].parts[0].spellings[""] == "other"
    headers, said = desk.ask(NONE, riddle(rng(99)))
    assert (said, headers.get("x-homegrown-model")) == ("other", "one@1")
    assert desk.ask(NONE, "hello, my password is wrong again thanks")[1] == "login"
