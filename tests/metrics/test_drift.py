"""Drift is seen soon, and not seen where there is none."""

import json

import numpy as np
import pytest

from homegrown.errors import InputError
from homegrown.metrics.drift import DriftMonitor, baseline

CLASSES = 20


def calls(rng, n):
    return rng.normal(size=n), [str(c) for c in rng.integers(0, CLASSES, n)]


@pytest.fixture(scope="module")
def usual():
    return baseline(*calls(np.random.default_rng(0), 1500), horizon=5000)


def follow(monitor, rng, n, share):
    """A new kind is answered as class 3 or 7, and looks novel."""
    novelty, groups = calls(rng, n)
    for value, group in zip(novelty.tolist(), groups, strict=True):
        new = rng.random() < share
        if monitor.observe(value + 2 if new else value, ("3", "7")[int(rng.integers(2))] if new else group):
            return monitor.n
    return None


def test_no_alarm_without_drift(usual):
    rng = np.random.default_rng(1)
    assert sum(follow(DriftMonitor(usual), rng, 5000, 0.0) is not None for _ in range(10)) <= 1


def test_a_new_kind_is_found_and_named(usual):
    rng = np.random.default_rng(2)
    delays, named = [], 0
    for _ in range(11):
        monitor = DriftMonitor(usual)
        assert follow(monitor, rng, 500, 0.0) is None
        delays.append((follow(monitor, rng, 2000, 0.1) or 2500) - 500)
        named += monitor.alarm is not None and monitor.alarm.group in (None, "3", "7")
    assert np.median(delays) <= 300
    assert named == 11
    assert "looked unlike" in monitor.alarm.sentence
    assert monitor.alarm.n_novel > 2 * monitor.alarm.expected or monitor.alarm.group is None


def test_a_little_more_of_one_class_is_no_new_kind(usual):
    """A class that is asked for by half more, by calls that look as usual, is not what is looked for."""
    rng = np.random.default_rng(3)
    monitor = DriftMonitor(usual)
    for _ in range(3000):
        value = float(rng.normal())
        assert monitor.observe(value, "3" if rng.random() < 0.025 else str(rng.integers(CLASSES))) is None


def test_its_state_is_plain_data_and_goes_on_where_it_stopped(usual):
    rng = np.random.default_rng(4)
    whole, parted = DriftMonitor(usual), DriftMonitor(usual)
    novelty, groups = calls(rng, 3000)
    for value, group in zip(novelty.tolist(), groups, strict=True):
        whole.observe(value, group)
        parted.observe(value, group)
        if parted.n % 700 == 0:
            parted = DriftMonitor(usual, json.loads(json.dumps(parted.state())))
    assert whole.state() == parted.state()
    assert len(whole.state()["waiting"]) == 2000


def test_a_class_nobody_knew_is_a_group_of_its_own(usual):
    monitor = DriftMonitor(usual)
    for _ in range(200):
        monitor.observe(3.0, "a class of a later version")
    assert monitor.alarm is not None


def test_too_few_calls_are_refused():
    with pytest.raises(InputError, match="at least 100"):
        baseline(np.zeros(99), ["a"] * 99)
