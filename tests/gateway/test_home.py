"""Calls answered at home: what the model is sure of, in the upstream's shape; the rest, and all after --off, goes out."""

import json

import openai
import pytest
import sqlalchemy as sa

from homegrown.core.access import SYSTEM
from homegrown.core.routing import Leaves, RouteConfig, Target
from homegrown.core.traces import AT_HOME, CallState, answer_of
from homegrown.errors import InputError
from homegrown.gateway.loaded import load
from homegrown.serve.fallback import Why
from homegrown.store import tables
from homegrown.testing.wire_upstream import wire_upstream
from tests.gateway.conftest import until
from tests.gateway.homes import ALPHA, SURE, asked
from tests.monitor.calls import message, rng


def test_what_it_is_sure_of_never_leaves_and_the_rest_does(home):
    done = home.ws.switch_route("triage", "wish", alpha=ALPHA, audit_share=1e-9)
    assert home.follow() is not None
    assert done.bound.threshold is not None
    assert done.bound.disagreement <= ALPHA
    assert done.bound.n_home > 29
    low, high = done.bound.coverage_ci95
    assert low < done.bound.coverage < high
    assert "did not learn from" in done.sentence

    answer = home.ask()
    said = answer.parse()
    assert said.choices[0].message.content == "**Refund**"  # as the upstream spells it
    assert said.choices[0].finish_reason == "stop"
    assert said.model == "triage"
    assert answer.headers["x-homegrown-model"] == "wish@1"
    assert "x-homegrown-upstream" not in answer.headers
    assert home.n_out() == 0
    call = home.bed.last(answer.headers["x-homegrown-trace"])
    assert (call.state, call.version_id, call.upstream_id) == (CallState.WHOLE, home.version.version_id, None)
    assert (call.cost_usd, call.status, answer_of(call)) == (0.0, 200, "**Refund**")
    assert call.tags[AT_HOME] == "home"

    out = home.ask(home.unsure())
    assert out.headers["x-homegrown-upstream"] == "stub"
    assert home.n_out() == 1
    assert home.bed.last(out.headers["x-homegrown-trace"]).tags[AT_HOME] == "unsure"
    assert home.bed.last(out.headers["x-homegrown-trace"]).version_id is None


def test_a_stream_has_the_shape_of_the_upstream_s(home):
    def shape(stream):
        chunks = list(stream)
        text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
        ends = [c.choices[0].finish_reason for c in chunks if c.choices]
        return text, chunks[0].choices[0].delta.role, ends[-1], chunks[-1].usage is not None, {c.object for c in chunks}

    more = {"stream": True, "stream_options": {"include_usage": True}}
    theirs = shape(home.client.chat.completions.create(**asked(SURE, **more)))
    assert home.n_out() == 1
    home.switch()
    assert shape(home.client.chat.completions.create(**asked(SURE, **more))) == theirs
    assert shape(home.client.chat.completions.create(**asked(SURE, stream=True)))[3] is False
    assert home.n_out() == 1
    call = home.bed.last()
    assert (call.is_stream, call.version_id, answer_of(call)) == (True, home.version.version_id, "**Refund**")


def test_off_gives_everything_back(home):
    home.switch()
    home.ask()
    assert home.n_out() == 0
    done = home.ws.switch_route("triage", off=True)
    assert done.exit is None
    assert home.follow() is None
    assert home.ask().headers["x-homegrown-upstream"] == "stub"
    assert home.n_out() == 1
    assert "No model" in home.ws.switch_route("triage", off=True).sentence


def test_a_share_of_the_calls_and_what_stays_when_it_grows(home):
    loaded = home.switch()
    home.ws.switch_route("triage", share=0.5)
    home.follow()
    texts = [f"hello, i want my money back for order {n} again" for n in range(24)]
    first = {t: home.ask(t).headers.get("x-homegrown-upstream") is None for t in texts}
    assert 3 < sum(first.values()) < 21
    assert {t: home.ask(t).headers.get("x-homegrown-upstream") is None for t in texts} == first
    rest = next(t for t in texts if not first[t])
    assert home.bed.last(home.ask(rest).headers["x-homegrown-trace"]).tags[AT_HOME] == "rest"
    until(lambda: loaded.stages[0].stage.watch.n > 9)  # whom it would have answered, the upstream checks
    assert loaded.stages[0].stage.watch.n_wrong == 0

    done = home.ws.switch_route("triage", share=0.9)
    assert (done.exit.exit_id, done.bound) == (loaded.exit.exit_id, None)
    assert "90%" in done.sentence
    assert home.follow() is loaded
    assert all(home.ask(t).headers.get("x-homegrown-upstream") is None for t in texts if first[t])
    with pytest.raises(InputError, match="above 0"):
        home.ws.switch_route("triage", share=0)


def test_the_exit_before_comes_back_with_what_was_seen_of_it(home):
    first = home.switch(audit_share=0.999999)
    home.ask()
    assert first.stages[0].stage.watch.n == 1
    assert home.ws.switch_route("triage", "wish", alpha=2 * ALPHA, share=0.4).exit.share == 0.4
    assert home.follow().stages[0].stage.watch.n == 0
    done = home.ws.switch_route("triage", back=True)
    assert done.exit.exit_id == first.exit.exit_id
    assert "as before" in done.sentence
    again = home.follow()
    assert (again.exit, again.stages[0].stage.watch.n) == (first.exit, 1)
    home.ws.switch_route("triage", off=True)
    assert home.ws.switch_route("triage", back=True).exit.exit_id == first.exit.exit_id
    home.ws.switch_route("triage", back=True)
    assert home.follow() is None
    assert "No model" in home.ws.switch_route("triage", back=True).sentence
    kept = home.ws.store.db.all(sa.select(tables.settings.c.name).where(tables.settings.c.name.like("gateway.exit:%")))
    assert first.exit.exit_id not in str(kept)
    with pytest.raises(InputError, match="name one beside"):
        home.ws.switch_route("triage", share=0.5)


def test_other_prompts_and_calls_that_ask_for_more_go_out(home):
    home.switch()
    create = home.client.chat.completions.create
    picture = [{"type": "text", "text": SURE}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}]
    ways = [
        {"model": "triage", "messages": [{"role": "user", "content": SURE}]},
        asked(SURE, logprobs=True),
        asked(SURE, tools=[{"type": "function", "function": {"name": "look_up", "parameters": {}}}]),
        asked(picture),
        asked(SURE) | {"messages": [*asked(SURE)["messages"], {"role": "assistant", "content": "It is"}]},
        asked(SURE, response_format={"type": "json_object"}),
    ]
    for number, way in enumerate(ways, 1):
        create(**way)
        assert home.n_out() == number, way
    assert AT_HOME not in home.bed.last().tags


def test_an_upstream_that_is_down_stops_only_what_the_model_is_not_sure_of(home):
    home.switch(audit_share=0.999999)  # nearly every answer is checked, and the check fails
    home.bed.upstream.plan(always="reset")
    for n in range(3):
        answer = home.ask(SURE, seed=n)
        assert answer.parse().choices[0].message.content == "**Refund**"
        assert home.bed.last(answer.headers["x-homegrown-trace"]).tags[AT_HOME] == "spare"
    assert home.n_out() > 0
    home.bed.upstream.plan(always="500")
    assert home.ask(SURE).headers["x-homegrown-model"] == "wish@1"
    with pytest.raises(openai.APIStatusError):
        home.ask(home.unsure())


def test_an_upstream_that_is_stopped_and_a_way_out_that_is_closed(home):
    home.switch(audit_share=0.999999)
    with wire_upstream() as other:
        home.bed.add_upstream("leaving", other.base_url)
        target = Target(home.ws.store.upstreams.get("leaving").upstream_id)
        home.ws.store.routes.put(SYSTEM, "triage", RouteConfig(targets=(target,), exit=home.exit, mask_kept=True))
        home.follow()
        assert home.ask(home.unsure(), seed=1).headers["x-homegrown-upstream"] == "leaving"
    unsure = home.unsure()
    assert home.ask(SURE).parse().choices[0].message.content == "**Refund**"
    with pytest.raises(openai.APIStatusError):
        home.ask(unsure)
    home.ws.set_offline(True)
    home.follow()
    stream = home.client.chat.completions.create(**asked(SURE, stream=True))
    assert "".join(c.choices[0].delta.content or "" for c in stream) == "**Refund**"
    with pytest.raises(openai.APIStatusError):
        home.ask(unsure)
    home.ws.set_offline(False)


def test_where_nothing_may_leave_it_answers_what_it_is_sure_of_and_refuses_the_rest(home):
    home.switch(audit_share=0.999999)
    target = Target(home.bed.first.upstream_id)
    unsure = home.unsure()
    home.ws.store.routes.put(SYSTEM, "triage", RouteConfig(targets=(target,), leaves=Leaves.HOME, exit=home.exit))
    home.follow()
    answer = home.ask(SURE)
    assert answer.headers["x-homegrown-model"] == "wish@1"
    assert home.bed.last(answer.headers["x-homegrown-trace"]).tags[AT_HOME] == "home"
    with pytest.raises(openai.PermissionDeniedError, match="not sure enough of this one") as refused:
        home.ask(unsure)
    row = home.bed.last(refused.value.response.headers["x-homegrown-trace"])
    assert (row.state, row.status, row.tags[AT_HOME]) == (CallState.FAILED, 403, "unsure")
    with pytest.raises(openai.PermissionDeniedError, match="did not learn this prompt"):
        home.ask(SURE, logprobs=True)
    assert "is refused" in home.ws.switch_route("triage", "wish", alpha=ALPHA).sentence
    home.ws.store.routes.put(SYSTEM, "triage", RouteConfig(leaves=Leaves.HOME, exit=home.exit))
    home.follow()
    assert home.ask(SURE, stream=True).headers["x-homegrown-model"] == "wish@1"
    home.ws.switch_route("triage", off=True)
    home.follow()
    with pytest.raises(openai.PermissionDeniedError, match="answered at home only"):
        home.ask(SURE)
    assert home.n_out() == 0


def test_audits_that_break_the_bound_send_all_out_and_say_why(home):
    loaded = home.switch(audit_share=0.999999)
    home.bed.upstream.label({"": "**Login**"})  # the upstream changed its mind about everything
    n = 0
    while loaded.stages[0].stage.fallen is None:
        answer = home.ask(SURE, seed=n)
        n += 1
        assert answer.parse().choices[0].message.content == "**Login**"
        assert n < 60
    assert loaded.stages[0].stage.fallen.reason is Why.BREACH
    assert home.bed.last(home.ask().headers["x-homegrown-trace"]).tags[AT_HOME] == "breach"
    assert "wish@1 answers no more" in home.bed.gateway.health()["exit triage"]
    until(lambda: any(e.action == "gateway.exit_fell" for e in home.ws.audit(limit=20)))
    rows = observed(home, tables.audits, n)
    assert {(r["kind"], r["home"], r["upstream"]) for r in rows} == {("upstream", "refund", "login")}
    assert {r["agrees"] for r in observed(home, tables.shadow_answers, n)} == {0}
    again = load(home.ws.store, "triage", loaded.exit)  # as a server that starts
    assert (again.stages[0].stage.fallen.reason, again.stages[0].stage.watch.n) == (
        Why.BREACH,
        loaded.stages[0].stage.watch.n,
    )


def observed(home, table, n):
    """The *n* rows of this test."""
    found = sa.select(*table.c).where(table.c.version_id == home.version.version_id, table.c.created_at >= home.began)
    until(lambda: len(home.ws.store.db.all(found)) >= n)
    return home.ws.store.db.all(found)


def test_in_the_shadow_it_answers_nobody_and_is_compared(home):
    home.switch(shadow=True)
    before = home.ws.store.db.all(sa.select(tables.shadow_answers.c.trace_id))
    texts = [message(rng(5), topic) for topic in ("card", "refund", "login")]
    for text in texts:
        assert home.ask(text).headers["x-homegrown-upstream"] == "stub"
    assert home.n_out() == 3
    find = sa.select(*tables.shadow_answers.c)
    until(lambda: len(home.ws.store.db.all(find)) == len(before) + 3)
    assert home.bed.last().tags[AT_HOME] == "shadow"
    assert home.ws.verdict("wish")["n"] >= 3


def test_too_few_calls_switch_nothing_and_say_how_many_more(home):
    done = home.ws.switch_route("triage", "wish", alpha=0.001)
    assert done.exit is None
    assert done.sentence.startswith("Nothing was switched.")
    assert home.follow() is None
    with pytest.raises(InputError, match="Name the model"):
        home.ws.switch_route("triage")


def test_the_terminal_says_the_same(home, monkeypatch):
    from click.testing import CliRunner

    from homegrown.cli.main import cli

    monkeypatch.setenv("HOMEGROWN_WORKSPACE", str(home.ws.store.layout.root))
    words = ["gateway", "switch", "triage", "wish", "--alpha", str(ALPHA), "--json"]
    told = json.loads(CliRunner().invoke(cli, words, catch_exceptions=False).output)
    assert (told["switched"], told["mode"], told["model"]) == (True, "home", "wish@1")
    assert told["n"] > told["n_home"] > 0
    assert "at home by wish@1" in CliRunner().invoke(cli, ["gateway", "routes"]).output
    assert "30% of the calls" in CliRunner().invoke(cli, ["gateway", "switch", "triage", "--share", "0.3"]).output
    assert "at home by wish@1, 30% of" in CliRunner().invoke(cli, ["gateway", "routes"]).output
    assert "all calls of triage again" in CliRunner().invoke(cli, ["gateway", "switch", "triage", "--off"]).output


def test_answers_of_ours_teach_nobody_and_other_upstreams_end_the_exit(home):
    home.switch()
    trace = home.ask("good morning i want my money back with account 77 again").headers["x-homegrown-trace"]
    assert home.bed.last(trace).version_id == home.version.version_id
    votes = home.ws.accept_template(home.template.template_id).votes
    assert "stub (traffic)" in votes
    assert "triage (traffic)" not in votes  # what no upstream answered would stand under the model's name
    home.ws.put_route("triage", upstreams=["stub"], keep_days=9)
    assert home.follow() is not None
    home.bed.add_upstream("second", home.bed.upstream.base_url)
    home.ws.put_route("triage", upstreams=["second"])
    assert home.follow() is None
    assert "gateway.switch_off" in [e.action for e in home.ws.audit(limit=2)]


def test_a_fault_of_ours_costs_the_caller_nothing(home):
    loaded = home.switch()

    def broken(texts):
        raise RuntimeError("as planned")

    loaded.stages[0].run = broken
    answer = home.ask()
    assert answer.headers["x-homegrown-upstream"] == "stub"
    assert home.bed.last(answer.headers["x-homegrown-trace"]).tags[AT_HOME] == "problem"
    assert "1 calls went to the upstream" in home.bed.gateway.health()["exit triage"]
