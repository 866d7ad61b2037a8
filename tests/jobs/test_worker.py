"""Jobs in a real worker process: progress, cancel, failure, and going on after kill -9."""

import os
import signal
import time
from datetime import timedelta

import pytest
import sqlalchemy as sa

from homegrown.core.access import SYSTEM, TERMINAL
from homegrown.core.ids import now, timestamp
from homegrown.errors import ConflictError, InputError
from homegrown.jobs import JobQueue, Schedules, WorkerProcess
from homegrown.jobs.queue import MAX_ATTEMPTS
from homegrown.store import Store, tables
from homegrown.testing.server import running
from homegrown.workspace import connect
from homegrown.workspace.verbs import check_arguments


def wait_for(condition, seconds=90):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "w") as store:
        yield store


def test_a_job_goes_on_after_its_worker_was_killed(store, messages, tmp_path):
    queue = JobQueue(store.db)
    arguments = {"file": str(messages), "text": "message", "label": "topic", "recipe": "linear"}
    bad = queue.submit(TERMINAL, "grow", {**arguments, "text": "nope"})
    good = queue.submit(TERMINAL, "grow", arguments)
    late = queue.submit(TERMINAL, "embed", {})
    queue.cancel(TERMINAL, late)
    worker = WorkerProcess(store.layout.root, log=tmp_path / "worker.log")
    worker.start()
    try:
        wait_for(lambda: queue.get(good).status == "running")
        first = worker.pid
        os.kill(first, signal.SIGKILL)
        done = wait_for(lambda: (j := queue.get(good)).status in ("succeeded", "failed") and j)
        assert worker.pid != first
    finally:
        worker.stop()
    assert (done.status, done.error) == ("succeeded", None)
    assert done.attempts == 2
    assert done.result["n_records"] == 36
    assert store.records.count() == 36
    failed = queue.get(bad)
    assert failed.status == "failed"
    assert "nope" in failed.error
    assert queue.get(late).status == "cancelled"
    assert done.progress["passed"]


def test_a_server_without_a_job_runs_what_is_due_and_puts_it_off_by_one_period(tmp_path):
    with connect(tmp_path / "w") as ws:
        schedules, queue = Schedules(ws.store.db), JobQueue(ws.store.db)
        first = schedules.set(TERMINAL, "retrain", "nobody", 60.0, {"name": "nobody"})
        with running(ws):
            time.sleep(1.5)
            assert queue.list() == [], "it is not due yet"
            with ws.store.db.write() as connection:
                due = tables.settings.c.value, first.next_at, timestamp(now() - timedelta(days=3))
                connection.execute(sa.update(tables.settings).values(value=sa.func.replace(*due)))
            done = wait_for(lambda: (jobs := queue.list()) and jobs[0].ended_at and jobs)
        assert [(j.verb, j.arguments, j.actor_id) for j in done] == [
            ("retrain", {"name": "nobody"}, SYSTEM.actor_id)
        ], "three days missed are made up for once"
        assert (done[0].status, "nobody" in done[0].error) == ("failed", True)
        assert timestamp() < schedules.list()[0].next_at < timestamp(now() + timedelta(seconds=60))


def test_cancel_and_limits_without_a_worker(store):
    queue = JobQueue(store.db)
    job_id = queue.submit(TERMINAL, "embed", {})
    for _ in range(MAX_ATTEMPTS):
        queue.begin(SYSTEM, job_id)
    with pytest.raises(ConflictError, match="stopped its worker 5 times"):
        queue.begin(SYSTEM, job_id)
    assert queue.get(job_id).status == "failed"
    with pytest.raises(ConflictError, match="ended already"):
        queue.cancel(TERMINAL, job_id)


@pytest.mark.parametrize(
    ("verb", "arguments", "words"),
    [
        ("os.system", {}, "There is no job"),
        ("embed", {"command": "sh"}, "command"),
        ("grow", {"file": "x"}, "text"),
        ("evaluate", {"model": "m", "split": []}, "split"),
    ],
)
def test_only_known_verbs_with_typed_arguments(verb, arguments, words):
    with pytest.raises(InputError, match=words):
        check_arguments(verb, arguments)
