"""How far a verb is, where a stage begins inside of another: each counts its own work."""

from homegrown.cli.common import TerminalProgress
from homegrown.core.access import SYSTEM
from homegrown.jobs import JobProgress, JobQueue
from homegrown.workspace import connect


def play(progress):
    progress.start("train fields", 2, "fields")
    progress.start("train linear", 3, "fits")
    progress.advance(3)
    progress.finish()
    progress.advance(1)
    progress.advance(1)
    progress.finish()
    progress.start("evaluate", 1)
    progress.advance(1)
    progress.finish()


def test_in_a_terminal(capsys):
    play(TerminalProgress())
    lines = [line.split(",")[0] for line in capsys.readouterr().err.splitlines()]
    assert lines == ["train linear: 3/3 fits", "train fields: 2/2 fields", "evaluate: 1/1 rows"]


def test_of_a_job(tmp_path):
    with connect(tmp_path / "w", actor=SYSTEM) as ws:
        queue = JobQueue(ws.store.db)
        play(JobProgress(queue, queue.submit(SYSTEM, "train", {})))
        kept = queue.list()[0].progress
    assert (kept["stage"], kept["done"], kept["total"]) == ("evaluate", 1, 1)
    assert [(s["stage"], s["done"]) for s in kept["passed"]] == [("train linear", 3), ("train fields", 2)]
