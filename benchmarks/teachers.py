"""What our care costs: calls a second to a model server of ours, against the openai client that keeps nothing.

Ours sets money aside durably before each call and keeps each answer durably after it. Run: python -m benchmarks.teachers
"""

from __future__ import annotations

import asyncio
import csv
import tempfile
import time
from pathlib import Path
from statistics import median

from openai import AsyncOpenAI

from benchmarks.common import column, data_folder, machine
from homegrown.inference.masking import PatternMasker
from homegrown.label.prompt import Prompt
from homegrown.testing.upstream import fake_upstream
from homegrown.workspace import connect

N, AT_ONCE, DELAY_S, ROUNDS = 200, 16, 0.2, 3


async def _bare(base_url: str, bodies: list[list[dict[str, str]]]) -> float:
    client, slots = AsyncOpenAI(base_url=base_url, api_key="x", max_retries=0), asyncio.Semaphore(AT_ONCE)

    async def one(messages: list[dict[str, str]]) -> None:
        async with slots:
            await client.chat.completions.create(model="toy", messages=messages)  # type: ignore[arg-type]

    started = time.perf_counter()
    await asyncio.gather(*(one(b) for b in bodies))
    spent = time.perf_counter() - started
    await client.close()
    return spent


def main() -> None:
    source = data_folder() / "banking77" / "train.csv"
    texts, labels = column(source, "text")[:: 10003 // N][:N], sorted(set(column(source, "category")))
    print(f"{machine()}; {N} texts, {AT_ONCE} calls at once, each answered after {DELAY_S} s")
    ours, theirs = [], []
    with fake_upstream() as upstream:
        upstream.plan(delay_s=DELAY_S)
        for _ in range(ROUNDS):
            with tempfile.TemporaryDirectory() as folder, connect(Path(folder) / "ws") as ws:
                path = Path(folder) / "t.csv"
                with path.open("w", newline="", encoding="utf-8") as file:
                    csv.writer(file).writerows([["text"], *([t] for t in texts)])
                ws.ingest(path, text="text")
                task = ws.task("intent", classes=labels)
                ws.add_upstream("local", upstream.base_url, model="toy", private=True)
                started = time.perf_counter()
                ws.ask(task, "local", per_call=1, n_at_once=AT_ONCE)
                ours.append(time.perf_counter() - started)
                prompt = Prompt.of(task.noun, ws.store.upstreams.get("local"), PatternMasker())
                asked = [prompt.question([t]) for t in texts]
            bodies = [[{"role": "system", "content": q.system}, {"role": "user", "content": q.user}] for q in asked]
            theirs.append(asyncio.run(_bare(upstream.base_url, bodies)))
    rate = {"ours": N / median(ours), "openai client": N / median(theirs)}
    best = AT_ONCE / DELAY_S
    for name, value in rate.items():
        print(f"{name:14} {value:6.1f} calls/s  ({value / best:.0%} of the {best:.0f} that the delay allows)")
    print(f"ratio {rate['ours'] / rate['openai client']:.2f} (n = {ROUNDS} each, medians)")


if __name__ == "__main__":
    main()
