"""A user's functions in children with limits: what one does wrong costs that one."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from homegrown.engine.functions import FunctionLimits, LimitedFunctions
from homegrown.engine.functions_frames import Batch, Program

LIMITS = FunctionLimits(seconds=0.6, memory_bytes=256 << 20, n_processes=2)
GOOD = "def f(record): return 'a' if record.fields['n'] % 2 else None"
BAD = {
    "raises": ("def f(r): return 'a' if r.text != 'x 5' else 1 / 0", 5, "ZeroDivisionError: division by zero"),
    "sleeps": (
        "import time\ndef f(r):\n    if r.text == 'x 7': time.sleep(60)\n    return 'b'",
        7,
        "longer than 0.6 s",
    ),
    "loops": ("def f(r):\n    while r.text == 'x 3': pass\n    return 'b'", 3, "longer than 0.6 seconds"),
    "backtracks": ("import re\ndef f(r): return re.match('(a+)+$', 'a' * 60 + '!')", 0, "longer than 0.6 seconds"),
    "catches all": (
        "def f(r):\n    while r.text == 'x 6':\n        try:\n            while True: pass\n        except BaseException: pass\n",
        6,
        "longer than 0.6 seconds",
    ),
    "allocates": ("def f(r):\n    kept = []\n    while r.text == 'x 9': kept.append(bytearray(10**8))\n", 9, "256 MiB"),
    "recurses": ("def f(r): return f(r)", 0, "RecursionError"),
    "ends the process": ("import os\ndef f(r): return os._exit(3) if r.text == 'x 4' else 'b'", 4, "ended the process"),
    "kills itself": ("import os\ndef f(r): return os.abort() if r.text == 'x 8' else 'b'", 8, "ended the process"),
    "exits": ("def f(r): raise SystemExit", 0, "SystemExit"),
    "a number": ("def f(r): return 7 if r.text == 'x 2' else 'b'", 2, "it answers 7, which is neither"),
    "no class": ("def f(r): return 'zzz'", 0, "it says 'zzz', which is no class of the task"),
    "too sure": ("def f(r): return ('a', 1.5)", 0, "1.5 sure"),
    "not a number": ("def f(r): return ('a', float('nan'))", 0, "nan sure"),
    "several": ("def f(r): return ['a', 'b']", 0, "neither the name of a class nor ABSTAIN"),
    "half a letter": ("def f(r): return '\\ud800'", 0, "no class"),
    "unspeakable": (
        "class C:\n    def __repr__(self): 1 / 0\ndef f(r): return C()",
        0,
        "something that cannot be shown",
    ),
    "changes the record": ("def f(r): r.text = 'gone'", 0, "AttributeError"),
    "changes the fields": ("def f(r): r.fields['n'] = 1", 0, "TypeError"),
    "says what is no message": (
        "import os\ndef f(r):\n    for n in range(3, 9):\n        try: os.write(n, b'\\1\\0\\0\\0\\xc1')\n        except OSError: pass",
        0,
        "ended the process",
    ),
    "no python": ("def f(r) return", None, "SyntaxError"),
    "breaks at the start": ("1 / 0", None, "ZeroDivisionError"),
    "hangs at the start": ("while True: pass", None, "longer than 0.6 seconds"),
    "ends at the start": ("import os\nos._exit(0)", None, "ended the process"),
    "nothing there": ("x = 1", None, "no function 'f'"),
}


def batch(n, *numbers, first=0):
    at = range(first, first + n)
    return Batch([f"r{i}" for i in at], [f"x {i}" for i in at], [f'{{"n":{i}}}' for i in at], ["s"] * n, list(numbers))


def run(sources, batches, *, many=False, limits=LIMITS):
    programs = [Program(f"rule {i}", source, "f") for i, source in enumerate(sources)]
    found = {}
    with LimitedFunctions(programs, ["a", "b"], many=many, limits=limits) as functions:
        for asked, answers in functions.map(batches):
            for one in answers:
                rows = memoryview(one.rows).cast("I").tolist()
                codes = memoryview(one.codes).cast("I").tolist()
                said = [(asked.record_ids[r], one.values[c]) for r, c in zip(rows, codes, strict=True)]
                found.setdefault(one.function, []).extend(said)
        assert functions.failures is not None
        processes = [c._child.process for c in functions._children]
    assert all(p.returncode is not None for p in processes), "no child outlives its work"
    return found, functions.failures


@pytest.mark.parametrize("name", BAD)
def test_what_one_does_wrong_costs_that_one(name):
    source, row, reason = BAD[name]
    # Taking memory takes time, too, on a machine that is busy.
    limits = replace(LIMITS, seconds=30.0) if name == "allocates" else LIMITS
    found, failures = run([GOOD, source, GOOD], [batch(10, 0, 1, 2)], limits=limits)
    odd = [(f"r{i}", [0]) for i in range(1, 10, 2)]
    assert found[0] == found[2] == odd
    assert list(failures) == [1]
    assert failures[1].record_id == (None if row is None else f"r{row}")
    assert reason in failures[1].reason, failures[1].reason


def test_all_of_them_at_once_over_many_batches():
    sources = [GOOD, *(source for source, _, _ in BAD.values()), GOOD]
    every = range(len(sources))
    found, failures = run(sources, [batch(10, *every, first=k) for k in (0, 10, 20)])
    odd = [(f"r{i}", [0]) for i in range(1, 30, 2)]
    assert found[0] == found[len(sources) - 1] == odd
    assert set(failures) == set(every) - {0, len(sources) - 1}


def test_sources_that_are_well_one_by_one_and_never_together_are_stopped():
    alone = "import os, sys\nif hasattr(sys, 'taken'): os._exit(0)\nsys.taken = {0}\ndef f(r): return 'b'"
    found, failures = run([alone.format(1), alone.format(2)], [batch(3, 0, 1)])
    assert found == {}
    assert {f.reason for f in failures.values()} == {"it cannot be made ready beside the others"}
    assert set(failures) == {0, 1}


def test_what_a_function_prints_or_reads_is_no_message():
    noisy = "import sys\ndef f(r):\n    print('x' * 10000)\n    sys.stdout.flush()\n    assert sys.stdin.read() == ''\n    return 'b'"
    found, failures = run([noisy], [batch(5, 0)])
    assert failures == {}
    assert found[0] == [(f"r{i}", [1]) for i in range(5)]


def test_a_function_writes_no_file_and_sees_no_secret(tmp_path, monkeypatch):
    monkeypatch.setenv("HOMEGROWN_SECRET", "s3cret")
    target = tmp_path / "out"
    writes = f"def f(r):\n    with open({str(target)!r}, 'w') as file: file.write('x' * 9)\n"
    sees = "import os\ndef f(r): return 'a' if 'HOMEGROWN_SECRET' in os.environ else 'b'"
    found, failures = run([writes, sees], [batch(1, 0, 1)])
    assert "OSError" in failures[0].reason
    assert found == {1: [("r0", [1])]}
    assert not target.exists() or target.read_bytes() == b""


def test_answers_of_many_classes_and_confidence():
    several = "def f(r): return (['b', 'a', 'b'], 0.5) if r.fields['n'] else []"
    found, failures = run([several], [batch(2, 0)], many=True)
    assert failures == {}
    assert found[0] == [("r0", []), ("r1", [0, 1])]


def test_several_threads_and_processes_leave_nothing_behind():
    before, descriptors = threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))
    run([GOOD] * 3, [batch(50, 0, 1, 2, first=50 * k) for k in range(20)])
    assert threading.active_count() == before
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors
