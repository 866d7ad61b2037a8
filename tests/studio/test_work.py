"""Jobs as pages show them, from the rows that a worker writes."""

from homegrown.jobs import Job
from homegrown.studio import work
from homegrown.studio.pages.train import _ladder_so_far


def _job(progress, status="running"):
    return Job("job_1", "grow", {"source": "a.csv"}, status, "actor_1", "2026-01-01T00:00:00+00:00", progress)


def test_the_ladder_fills_rung_by_rung():
    passed = [
        {"stage": "embed", "done": 9, "total": 9, "unit": "texts"},
        {"stage": "train lexical", "done": 4, "total": 4, "unit": "fits", "seconds": 3.0},
        {"stage": "train lexical", "done": 1, "total": 1, "unit": "measured", "seconds": 0.0, "accuracy": 0.9,
         "accuracy_ci95": [0.8, 0.95], "n_valid": 50, "ms_per_text": 0.2},
    ]  # fmt: skip
    job = _job({"stage": "train linear", "done": 1, "total": 5, "unit": "fits", "seconds": 1.0, "passed": passed})
    rows = _ladder_so_far(job)
    assert [(r["recipe"], r["state"]) for r in rows] == [("lexical", "done"), ("linear", "running")]
    assert (rows[0]["accuracy"], rows[0]["seconds"], rows[0]["n"]) == (0.9, 3.0, 50)
    assert [(s.name, s.state) for s in work.steps(job)] == [
        ("Read", "done"), ("Understand", "done"), ("Train", "running"), ("Measure", "waiting"),
    ]  # fmt: skip


def test_a_job_says_where_it_stands():
    assert work.said(_job(None, "queued")) == "Waits for its turn"
    assert work.said(_job(None)) == "Starting"
    job = _job({"stage": "embed", "done": 6180, "total": 10003, "unit": "texts", "rate": 1540.0, "left_s": 2.5})
    assert work.said(job) == "Embed: 6,180 of 10,003 texts"
    assert work.left(job) == "1,540 a second · 2 s left"
    assert work.said(_job({"stage": "train linear", "done": 6, "total": 5, "unit": "fits"})).endswith("5 of 5 fits")
    assert work.share(_job({"done": 6, "total": 5})) == 1.0
    assert work.share(_job({"done": 6, "total": None})) is None


def test_a_finished_job_has_every_step_behind_it():
    assert {s.state for s in work.steps(_job({"stage": "evaluate"}, "succeeded"))} == {"done"}
    assert {s.state for s in work.steps(_job({"stage": "embed"}, "failed"))} == {"waiting"}
