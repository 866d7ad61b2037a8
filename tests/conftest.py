"""What many tests share: a clean environment and small data that we write ourselves."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from homegrown.testing.upstream import fake_upstream

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

TOPICS = {
    "card": ["my card never came", "the card is lost", "please block my card", "new card has not arrived yet"],
    "refund": ["i want my money back", "please refund the order", "refund is still missing", "give the money back now"],
    "login": ["i cannot sign in", "the password is wrong", "reset my password please", "sign in page shows an error"],
}


def write_messages(path: Path, n_per_class: int = 12) -> Path:
    """A CSV with columns ``message,topic,channel``: three easy classes."""
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["message", "topic", "channel"])
        for topic, texts in TOPICS.items():
            for i in range(n_per_class):
                rows.writerow([f"{texts[i % len(texts)]} ({topic} case {i})", topic, "app" if i % 2 else "mail"])
    return path


def in_a_loop(coroutine):
    """What *coroutine* returns, run in a loop of its own: a browser that is open holds the loop of this thread."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


@contextlib.contextmanager
def heeding_ctrl_c():
    """Programs that are started inside end at SIGINT: those that a shell puts in the background would ignore it."""
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.fixture
def messages(tmp_path: Path) -> Path:
    """The CSV of ``write_messages``."""
    return write_messages(tmp_path / "messages.csv")


@pytest.fixture(scope="module")
def upstream():
    """A model API in a second process, which does what it is told to (``testing.upstream``)."""
    with fake_upstream() as found:
        yield found


@pytest.fixture(scope="session")
def postgres_server():
    """The folder of the socket of a real PostgreSQL of our own, stopped afterwards."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        if os.environ.get("CI") == "true":
            pytest.fail("PostgreSQL is not installed, and the checks need it")
        pytest.skip("PostgreSQL is not installed")
    folder = Path("/tmp") / f"hg-pg-{os.getpid()}"
    folder.mkdir()
    as_user = []
    if os.getuid() == 0:
        as_user = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
        subprocess.run(["chown", "nobody:nogroup", str(folder)], check=True)
    binaries = found[-1].parent
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C"}
    data = folder / "data"
    made = [*as_user, str(binaries / "initdb"), "-D", str(data), "-U", "hg", "--auth=trust", "-E", "UTF8", "-N"]
    subprocess.run(made, check=True, capture_output=True, env=env, cwd=folder)
    options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
    control = [*as_user, str(binaries / "pg_ctl"), "-D", str(data), "-l", str(folder / "log"), "-w"]
    subprocess.run([*control, "-o", options, "start"], check=True, capture_output=True, env=env, cwd=folder)
    yield folder
    subprocess.run([*control, "-m", "immediate", "stop"], check=True, capture_output=True, env=env, cwd=folder)
    subprocess.run(["rm", "-rf", str(folder)], check=True)


@pytest.fixture
def postgres(postgres_server: Path, request: pytest.FixtureRequest) -> str:
    """The address of an empty database."""
    import psycopg

    name = f"t{abs(hash(request.node.nodeid)):x}"
    with psycopg.connect(host=str(postgres_server), user="hg", dbname="postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
    return f"postgresql+psycopg://hg@/{name}?host={postgres_server}"
