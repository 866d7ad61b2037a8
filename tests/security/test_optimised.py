"""Every security check is code, not ``assert``: the core of the security tests holds under ``python -O`` (rule 10)."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CORE = {
    "tests/api/test_access.py": 8,  # who may do what, route by route
    "tests/govern/test_access.py": 8,  # keys, links, sessions
    "tests/ingest/test_inputs.py": 25,  # links, archives, names that lead outside
    "tests/web/test_guard.py": 80,  # hosts, origins, spellings of paths
}


def _pytest(*arguments):
    # The tests' own asserts are rewritten by pytest into code, which -O leaves alone; the product's would be gone.
    options = [
        "-q",
        "-x",
        "-p",
        "no:cacheprovider",
        "-W",
        "ignore::pytest.PytestConfigWarning",
        "--import-mode=importlib",
    ]
    run = [sys.executable, "-O", "-m", "pytest", *options, *map(str, arguments)]
    return subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_test_can_fail_there(tmp_path):
    (tmp_path / "test_it.py").write_text("def test_it():\n    assert not __debug__\n    assert False\n")
    done = _pytest("--rootdir", tmp_path, "-c", "/dev/null", tmp_path / "test_it.py")
    assert done.returncode == 1
    assert "assert False" in done.stdout


def test_the_core_of_the_security_tests_holds():
    done = _pytest(*CORE)
    assert done.returncode == 0, done.stdout[-4000:]
    n_passed = int(done.stdout.rpartition(" passed")[0].split()[-1])
    assert n_passed >= sum(CORE.values())
