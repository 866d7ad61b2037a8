"""Retraining in the loop: from a new label to new suggestions, with 2,000 labels and 10,000 embedded records.

python -m benchmarks.label_loop [--labels 2000] [--rounds 5]

Banking77's training texts in a workspace of its own, people's votes on the first of them. Each round adds ten votes and takes the time
until a plan stands that knows them: reading labels, doubting them in three folds, fitting, choosing 100. The first plan also
finds every record's neighbours. Asking for the next records meanwhile is answered from the plan at hand; that time is printed too.
"""

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.common import column, data_folder, machine
from homegrown.core.tasks import LabelSourceKind
from homegrown.workspace import Workspace, connect


def say(ws: Workspace, names: dict[str, str], ids: list[str]) -> None:
    task = ws.store.tasks.find("intent")
    assert task is not None
    place = {c.name: c.class_id for c in task.classes}
    source = ws.store.tasks.label_source(ws.store.actor, task, LabelSourceKind.PERSON, ws.store.actor.name)
    for record_id in ids:
        value = {"class": place[names[record_id]]}
        ws.store.person_votes.add(ws.store.actor, task.task_id, record_id, source, value)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--labels", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print(machine())
    file = data_folder() / "banking77" / "train.csv"
    with tempfile.TemporaryDirectory() as folder, connect(Path(folder) / "work") as ws:
        ws.ingest(file, text="text")
        ws.embed()
        ws.task("intent", classes=sorted(set(column(file, "category"))))
        records = ws.store.records.scan(["record_id", "text"]).to_pylist()
        answer = dict(zip(column(file, "text"), column(file, "category"), strict=True))
        plain = {" ".join(text.split()): name for text, name in answer.items()}
        names = {r["record_id"]: n for r in records if (n := plain.get(" ".join(r["text"].split())))}
        ids = list(names)
        say(ws, names, ids[: options.labels])
        task = ws.store.tasks.find("intent")
        assert task is not None
        started = time.perf_counter()
        ws.learner.plan(ws.store, task)
        first = time.perf_counter() - started
        spent, worked, asked = [], [], []
        for number in range(options.rounds):
            at = options.labels + 10 * number
            say(ws, names, ids[at : at + 10])
            started, begun = time.perf_counter(), time.process_time()
            ws.learner.plan(ws.store, task)
            spent.append(time.perf_counter() - started)
            worked.append(time.process_time() - begun)
            started = time.perf_counter()
            ws.learner(ws.store, task, 20)
            asked.append(time.perf_counter() - started)
        print(
            f"{options.labels:,} labels, {len(records):,} records: new suggestions after {median(spent):.2f} s "
            f"(median of {options.rounds}; {min(spent):.2f} to {max(spent):.2f}), wanted 3 s, "
            f"{median(worked):.2f} s of a processor; the first plan {first:.2f} s; twenty from the plan at hand {1000 * median(asked):.0f} ms"
        )


if __name__ == "__main__":
    main()
