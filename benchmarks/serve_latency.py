"""Served latency and requests per second, against FastAPI with a batched transformers ``pipeline``.

Each server runs in a process of its own with all cores; so does the client, which is the same for all. The peer has
the same encoder weights with a classification head of as many classes, takes what waits into a batch as we do
(no waiting when idle; it takes up to 32, ours 8), and writes nothing; ours checks a key and leaves a trace of every call.

python -m benchmarks.serve_latency [--rungs linear,static,finetune] [--n 400] [--seconds 5] [--rounds 2]
    [--folder DIR [--prepare]]
"""

import argparse
import asyncio
import csv
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.common import column, data_folder, machine

CLIENTS = 32
TRAIN_ROWS = 500  # the weights' quality does not matter here


def percentile(values: list[float], share: float) -> float:
    """By nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def request(port: int, path: str, key: str, body: object) -> bytes:
    """One keep-alive request as bytes."""
    content = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, what: bytes) -> bytes:
    """Send one request, read its answer; anything but 200 ends the benchmark."""
    writer.write(what)
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise SystemExit(f"The server answered {head[:200]!r}")
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return await reader.readexactly(length)


async def latencies(port: int, requests: list[bytes]) -> list[float]:
    """Seconds of each request, one after the other on one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for warm in requests[:50]:
        await ask(reader, writer, warm)
    found = []
    for one in requests:
        started = time.perf_counter()
        await ask(reader, writer, one)
        found.append(time.perf_counter() - started)
    writer.close()
    return found


async def throughput(port: int, requests: list[bytes], seconds: float) -> tuple[float, list[float]]:
    """Requests per second of ``CLIENTS`` clients, each with one request under way, and the latencies."""
    found: list[float] = []
    end = time.perf_counter() + seconds

    async def client(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        turn = number
        while time.perf_counter() < end:
            started = time.perf_counter()
            await ask(reader, writer, requests[turn % len(requests)])
            found.append(time.perf_counter() - started)
            turn += CLIENTS
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(client(i) for i in range(CLIENTS)))
    return len(found) / (time.perf_counter() - started), found


def free_port() -> int:
    """A port that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def wait_for(port: int, process: subprocess.Popen, what: bytes) -> None:
    """Until the server answers 200 to *what*."""
    end = time.monotonic() + 180
    while time.monotonic() < end and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
                connection.sendall(what)
                if connection.recv(64).startswith(b"HTTP/1.1 200"):
                    return
        except OSError:
            pass
        time.sleep(0.3)
    raise SystemExit("A server did not start.")


PEER = """
import asyncio, sys
import torch, uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from transformers import pipeline

torch.set_num_threads(int(sys.argv[3]))
classify = pipeline("text-classification", model=sys.argv[1], device="cpu")
app = FastAPI()
waiting = asyncio.Queue()

class Body(BaseModel):
    text: str

async def work():
    while True:
        batch = [await waiting.get()]
        while len(batch) < 32 and not waiting.empty():
            batch.append(waiting.get_nowait())
        answers = await asyncio.to_thread(classify, [t for t, _ in batch], batch_size=32)
        for (_, future), answer in zip(batch, answers):
            future.set_result(answer)

@app.on_event("startup")
async def start():
    app.state.task = asyncio.create_task(work())

@app.post("/predict")
async def predict(body: Body):
    future = asyncio.get_running_loop().create_future()
    await waiting.put((body.text, future))
    return await future

uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="warning", access_log=False)
"""


def peer_model(folder: Path, n_classes: int) -> Path:
    """The bundled encoder's weights as a sequence classifier that ``pipeline`` loads."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    from homegrown.inference.encoder_folder import bundled_folder

    source = Path(str(getattr(bundled_folder(), "path", bundled_folder())))
    AutoModelForSequenceClassification.from_pretrained(source, num_labels=n_classes).save_pretrained(folder)
    AutoTokenizer.from_pretrained(source).save_pretrained(folder)
    return folder


def our_workspace(root: Path, rows: list[tuple[str, str]], rungs: list[str]) -> tuple[str, int]:
    """Train each rung on *rows* and deploy it under its own name; returns a key and the number of classes."""
    from homegrown.core.access import SYSTEM, Role
    from homegrown.core.models import Recipe
    from homegrown.govern.access import Access
    from homegrown.workspace import connect

    file = root.parent / "train.csv"
    with file.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows([("text", "label"), *rows])
    with connect(root, actor=SYSTEM) as ws:
        ws.ingest(file, text="text", label="label")
        task = ws.task_from_column("intent", "label")
        snapshot = ws.snapshot(task)
        for rung in rungs:
            options = {"epochs": 1} if rung == "finetune" else {}
            version = ws.train(snapshot, Recipe(rung, options, 0), rung)
            ws.deploy(version, rung)
        return Access(ws.store.db).add_key(SYSTEM, "benchmark", Role.CALLER).secret, len(version.class_names)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--rungs", default="linear,static,finetune")
    options.add_argument("--folder", type=Path, help="keep the trained models here for the next time")
    options.add_argument("--prepare", action="store_true", help="train them and measure nothing")
    options.add_argument("--n", type=int, default=400)
    options.add_argument("--seconds", type=float, default=5.0)
    options.add_argument("--rounds", type=int, default=2)
    options.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    chosen = options.parse_args()
    from homegrown import plugins

    rungs = [r for r in chosen.rungs.split(",") if r in plugins.names("homegrown.trainers")]
    source = data_folder() / "banking77" / "train.csv"
    texts, labels = column(source, "text"), column(source, "category")
    step = max(1, len(texts) // TRAIN_ROWS)
    rows = list(zip(texts, labels, strict=True))[::step]
    short = [t for t in texts if len(t.split()) <= 14][: max(chosen.n, 500)]
    with tempfile.TemporaryDirectory() as name:
        folder = chosen.folder or Path(name)
        ready = folder / "ready.json"
        model = folder / "peer"
        if not ready.exists():
            key, n_classes = our_workspace(folder / "ws", rows, rungs)
            peer_model(model, n_classes)
            (folder / "peer.py").write_text(PEER)
            ready.write_text(json.dumps({"key": key, "rungs": rungs}))
        facts = json.loads(ready.read_text())
        key, rungs = facts["key"], facts["rungs"]
        if chosen.prepare:
            return
        ports = {"ours": free_port(), "peer": free_port()}
        threads = {"OMP_NUM_THREADS": str(chosen.threads), "HOMEGROWN_THREADS": str(chosen.threads)}
        environment = {**os.environ, **threads, "TOKENIZERS_PARALLELISM": "false"}
        ours = [sys.executable, "-m", "homegrown", "serve", "--port", str(ports["ours"]), "--workspace"]
        processes = {
            "ours": subprocess.Popen([*ours, str(folder / "ws")], env=environment, stdout=subprocess.DEVNULL),
            "peer": subprocess.Popen(
                [sys.executable, str(folder / "peer.py"), str(model), str(ports["peer"]), str(chosen.threads)],
                env=environment,
                stderr=subprocess.DEVNULL,
            ),
        }
        try:
            measure(processes, ports, rungs, short, key, chosen)
        finally:
            for process in processes.values():
                process.send_signal(signal.SIGTERM)
            for process in processes.values():
                process.wait(30)


def measure(
    processes: dict, ports: dict, rungs: list[str], short: list[str], key: str, chosen: argparse.Namespace
) -> None:
    """Each server in turn, round by round."""
    requests = {
        f"homegrown {rung}": (
            ports["ours"],
            [request(ports["ours"], f"/api/v1/endpoints/{rung}/predict", key, {"text": t}) for t in short],
        )
        for rung in rungs
    }
    peer = "FastAPI + pipeline"
    requests[peer] = (ports["peer"], [request(ports["peer"], "/predict", "-", {"text": t}) for t in short])
    for name, (port, sent) in requests.items():
        wait_for(port, processes["peer" if name == peer else "ours"], sent[0])
    alone: dict[str, list[float]] = {name: [] for name in requests}
    rates: dict[str, list[float]] = {name: [] for name in requests}
    loaded: dict[str, list[float]] = {name: [] for name in requests}
    for _ in range(chosen.rounds):
        for name, (port, sent) in requests.items():
            alone[name] += asyncio.run(latencies(port, sent[: chosen.n]))
            rate, seconds = asyncio.run(throughput(port, sent, chosen.seconds))
            rates[name].append(rate)
            loaded[name] += seconds
    print(
        f"Banking77 texts of at most 14 words, keep-alive; n = {chosen.n * chosen.rounds} alone, {CLIENTS} clients for "
        f"{chosen.rounds} x {chosen.seconds:.0f} s; {chosen.threads} threads; {machine()}"
    )
    print(f"  {'':<22}{'p50':>9}{'p95':>9}{'p99':>9}{'req/s':>9}{'x peer':>8}{'p50 at 32':>11}")
    base = median(rates[peer])
    for name in requests:
        p50, p95, p99 = (percentile(alone[name], s) * 1e3 for s in (0.5, 0.95, 0.99))
        rate = median(rates[name])
        print(
            f"  {name:<22}{p50:6.2f} ms{p95:6.2f} ms{p99:6.2f} ms{rate:9.0f}{rate / base:8.2f}"
            f"{percentile(loaded[name], 0.5) * 1e3:8.1f} ms   rounds {', '.join(f'{r:.0f}' for r in rates[name])}"
        )


if __name__ == "__main__":
    main()
