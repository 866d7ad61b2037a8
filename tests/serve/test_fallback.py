"""Who answers: the decision, its watch, its fall, and what is kept of it."""

import json

import numpy as np
import pytest

from homegrown.errors import CorruptDataError, InputError
from homegrown.metrics.drift import baseline
from homegrown.serve.fallback import Chain, Forward, Home, Policy, Stage, Why

POLICY = Policy(0.8, alpha=0.02, delta=0.05, audit_share=0.2, scope=0.3)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_sure_and_in_scope_is_answered_at_home_and_a_share_is_audited(rng):
    stage = Stage(POLICY)
    said = [stage.decide(0.9, 0.9, rng) for _ in range(1000)]
    assert all(d.outcome == Home() for d in said)
    assert 150 < sum(d.audit for d in said) < 250
    assert stage.decide(0.8, 0.9, rng).outcome == Forward(Why.UNSURE)
    assert stage.decide(0.9, 0.2, rng).outcome == Forward(Why.OUT_OF_SCOPE)
    assert stage.decide(float("nan"), 0.9, rng).outcome == Forward(Why.UNSURE)
    assert stage.decide(0.9, float("nan"), rng).outcome == Forward(Why.OUT_OF_SCOPE)
    assert not any(stage.decide(0.1, 0.9, rng).audit for _ in range(50))
    assert (stage.n_calls, stage.n_home) == (1054, 1000)


def test_without_a_bound_nothing_is_answered_at_home(rng):
    assert Stage(Policy(None, 0.02, 0.05)).decide(1.0, 1.0, rng).outcome == Forward(Why.NO_BOUND)


def test_a_broken_bound_falls_back_by_itself_says_why_and_asks_for_labels(rng):
    stage = Stage(POLICY)
    n = 0
    while stage.fallen is None:
        decision = stage.decide(0.95, 1.0, rng)
        if decision.audit:
            stage.observe(bool(rng.random() < 0.2), decision.epoch)
        n += 1
        assert n < 3000
    assert stage.fallen.reason is Why.BREACH
    assert "2% were promised" in stage.fallen.sentence
    assert stage.fallen.n_labels == 458
    assert "458" in stage.fallen.sentence
    after = stage.decide(0.99, 1.0, rng)
    assert after.outcome == Forward(Why.BREACH)
    assert not after.audit


def test_drift_falls_back_too(rng):
    usual = baseline(rng.random(500) * 0.2, [str(i % 5) for i in range(500)], horizon=2000)
    stage = Stage(POLICY, usual)
    for _ in range(500):
        stage.decide(0.95, 1 - rng.random() * 0.2, rng, answer=str(rng.integers(5)))
    assert stage.fallen is None
    while stage.fallen is None and stage.n_calls < 3000:
        new = rng.random() < 0.3
        stage.decide(0.95, 0.5 if new else 1 - rng.random() * 0.2, rng, answer="2" if new else str(rng.integers(5)))
    assert stage.fallen is not None
    assert stage.fallen.reason is Why.DRIFT
    assert stage.decide(0.99, 1.0, rng).outcome == Forward(Why.DRIFT)


def test_drift_is_looked_for_in_what_the_baseline_was_given(rng):
    usual = baseline(rng.normal(size=500), [str(i % 5) for i in range(500)], horizon=2000)
    stage = Stage(POLICY, usual)
    while stage.fallen is None and stage.n_calls < 300:
        stage.decide(0.95, 1.0, rng, answer=str(rng.integers(5)), novelty=4.0)
    assert stage.fallen is not None


def test_a_new_calibration_begins_again_and_late_audits_do_not_count(rng):
    stage = Stage(POLICY)
    early = stage.decide(0.95, 1.0, rng).epoch
    for _ in range(10):
        stage.observe(True, early)
    assert stage.fallen is not None
    stage.renew(Policy(0.9, 0.02, 0.05))
    assert stage.decide(0.95, 1.0, rng).outcome == Home()
    for _ in range(10):
        assert stage.observe(True, early) is None
    assert stage.watch.n == 0
    now = stage.decide(0.95, 1.0, rng).epoch
    for _ in range(10):
        stage.observe(True, now)
    assert stage.fallen is not None


@pytest.mark.parametrize("falls", [False, True])
def test_what_is_kept_makes_the_same_stage(rng, falls):
    usual = baseline(rng.random(300), ["a", "b", "c"] * 100, horizon=500)
    stage = Stage(POLICY, usual)
    for i in range(60):
        decision = stage.decide(0.95, float(rng.random()), rng, answer="abc"[i % 3])
        stage.observe(falls and i < 10, decision.epoch)
    assert (stage.fallen is not None) is falls
    kept = json.loads(json.dumps(stage.state()))
    again = Stage.of(kept)
    assert again.state() == stage.state()
    one, two = np.random.default_rng(7), np.random.default_rng(7)
    for _ in range(100):
        assert stage.decide(0.9, 0.5, one, answer="a") == again.decide(0.9, 0.5, two, answer="a")
    assert again.state() == stage.state()


def test_what_cannot_be_read_is_said(rng):
    for broken in ({}, {"form": 9}, {**Stage(POLICY).state(), "policy": {"alpha": 7}}):
        with pytest.raises(CorruptDataError, match="calibrate it anew"):
            Stage.of(broken)
    with pytest.raises(InputError, match="shares above 0"):
        Policy(0.5, alpha=0.0, delta=0.05)


def test_stages_chain_and_one_that_fell_says_only_what_the_next_is_asked_about(rng):
    names = ["static", "encoder", "larger"]
    chain = Chain([(n, Stage(Policy(0.5, a, 0.02))) for n, a in zip(names, (0.01, 0.02, 0.03), strict=True)])
    assert (chain.alpha, chain.delta) == (0.03, pytest.approx(0.06))
    assert [chain.after(i) for i in (-1, 0, 1, 2)] == [0, 1, 2, None]
    encoder = chain.stages[1][1]
    for _ in range(20):
        encoder.observe(True, encoder.epoch)
    assert (chain.after(0), chain.after(1), chain.why()) == (1, 2, None)
    assert encoder.decide(0.9, 1.0, rng).outcome == Forward(Why.BREACH)
    assert (encoder.passes_on(0.9, 1.0), encoder.passes_on(0.4, 1.0)) == (False, True)
    for _ in range(20):
        chain.stages[2][1].observe(True, 0)
    assert (chain.after(0), chain.after(-1), chain.why()) == (None, 0, None)
    for _ in range(20):
        chain.stages[0][1].observe(True, 0)
    assert (chain.after(-1), chain.why()) == (None, Why.BREACH)
    assert Chain([("none", Stage(Policy(None, 0.02, 0.02)))]).why() is Why.NO_BOUND
    assert chain.sentences()[1].startswith("encoder fell back. Of ")
    assert Chain([]).after(-1) is None


def test_the_error_at_home_of_a_chain_stays_below_the_largest_alpha(rng):
    """Two stages, each wrong among its own in just its alpha: together they are not worse than the worse."""
    chain = Chain([("small", Stage(Policy(0.7, 0.02, 0.05))), ("large", Stage(Policy(0.5, 0.03, 0.05)))])
    wrong, home = 0, 0
    for _ in range(20_000):
        at = chain.after(-1)
        while at is not None:
            stage = chain.stages[at][1]
            if isinstance(stage.decide(float(rng.random()), 1.0, rng).outcome, Home):
                home += 1
                wrong += bool(rng.random() < stage.policy.alpha)
                break
            at = chain.after(at)
    assert home > 8000
    assert wrong / home < chain.alpha
