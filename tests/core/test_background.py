"""Work in the background: one piece for each key, and what fails as it may is asked for again."""

import threading

from homegrown.core.background import Background
from homegrown.errors import InputError


def test_a_busy_key_takes_nothing_more_and_others_go_on():
    work, go, done = Background("test"), threading.Event(), []
    work.start("slow", go.wait)
    work.start("slow", lambda: done.append("never"))
    work.start("other", lambda: done.append("other"))
    work.wait("other", "unknown")
    assert (done, work.is_busy("slow"), work.is_busy("other")) == (["other"], True, False)
    go.set()
    work.wait()
    work.start("slow", lambda: done.append("again"))
    work.wait("slow")
    assert done == ["other", "again"]


def test_an_error_of_ours_ends_its_work_alone():
    def fail():
        raise InputError("No model.")

    work, done = Background("test"), []
    work.start("key", fail)
    work.wait()
    work.start("key", lambda: done.append(1))
    work.wait()
    assert done == [1]


def test_who_waits_while_another_begins_waits_for_it(monkeypatch):
    begins, waits, found = threading.Event(), threading.Event(), []
    start = threading.Thread.start

    def late(thread):
        if thread.name == "sums":
            begins.set()
            waits.wait(0.2)  # nobody can tell when the other stands before the lock
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", late)
    work = Background("sums")
    other = threading.Thread(target=lambda: work.start("a", lambda: found.append(1)))
    other.start()
    begins.wait()
    work.wait("a")
    assert found == [1]
    waits.set()
    other.join()
