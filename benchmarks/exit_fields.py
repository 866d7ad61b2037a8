"""Leaving an API that reads receipts: 300 captured calls, through a real gateway, in front of a JSON-answering stub.

python -m benchmarks.exit_fields [--seeds 3] [--alphas 0.03,0.05] [--by field] [--order random|shops] [--json]

Each run is the story of ``homegrown demo exit --fields``: SROIE's receipts in an order drawn by the seed, 240 calls from which a Task
is made (two fifths of its texts calibrate), 60 that the student answers silently (they calibrate, too), then the switch, then
receipts that nothing was chosen by. The upstream says what people wrote down; its latency and price are simulated. A field is given at
home where the call was not made, or where the upstream was asked for the others alone. It is wrong where it does not mean what the
upstream says: words whatever their case and marks, numbers by value.

``--order shops``: the receipts after the switch are of shops that stand in none of the captured calls (84 of 426, by a digest of the
name). The bound promises nothing about these: they are not like those that calibrated.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import zlib
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import data_folder, machine
from homegrown.cli.demo_fields import FieldsStory
from homegrown.cli.demo_receipts import Receipts, divided, read_receipts, receipts_book
from homegrown.cli.demo_script import existing_script
from homegrown.cli.demo_story import Plan
from homegrown.cli.demo_upstream import local_upstream
from homegrown.metrics.intervals import wilson
from homegrown.server import ServerOptions, running_server
from homegrown.workspace import connect

N_CALLS, LATENCY_S = 300, 0.02


def receipts(seed: int, order: str) -> Receipts:
    """The receipts of one run."""
    rows = read_receipts(data_folder() / "receipts_sroie" / "receipts.jsonl.gz")
    rows = [rows[i] for i in np.random.default_rng(seed).permutation(len(rows))]
    if order == "shops":
        new = [zlib.crc32((d["company"] or "").casefold().encode()) % 10 < 3 for _, d in rows]
        known = [r for r, is_new in zip(rows, new, strict=True) if not is_new][:N_CALLS]
        rows = known + [r for r, is_new in zip(rows, new, strict=True) if is_new]
    return divided(rows, N_CALLS, is_sroie=True)


def play(seed: int, alpha: float, by: str, order: str) -> dict[str, Any]:
    """One run; what ``demo exit --fields --json`` tells."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="homegrown-benchmark-")))
        (folder / "scratch").mkdir()
        server = stack.enter_context(running_server(ServerOptions(root=folder / "ws", port=0)))
        ws = stack.enter_context(connect(folder / "ws"))
        texts = receipts(seed, order)
        said = receipts_book(texts, LATENCY_S)
        upstream = stack.enter_context(local_upstream(said, folder / "scratch"))
        script = stack.enter_context(existing_script(folder / "scratch"))
        plan = Plan(alpha, 0.05, seed, "fields", by)
        return FieldsStory(ws, server, upstream, script, texts, said, plan, lambda _: None).play()


def row(found: dict[str, Any]) -> dict[str, Any]:
    """What is told of a run."""
    keys = (
        "seed",
        "alpha",
        "by",
        "switched",
        "n_after",
        "n_home",
        "n_part",
        "n_fields",
        "n_fields_home",
        "n_wrong_at_home",
    )
    told = {k: found.get(k) for k in keys}
    told["calibration"] = found.get("calibration")
    told["student"] = found["student"]["fields"]
    told["fields"] = {f["name"]: [f["n"], f["n_home"], f["n_wrong"]] for f in found["fields"]}
    return told | {"seconds": found["seconds"]["all"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--alphas", default="0.03,0.05")
    parser.add_argument("--by", choices=["document", "field"], default="field")
    parser.add_argument("--order", choices=["random", "shops"], default="random")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    started, rows = time.monotonic(), []
    for alpha in map(float, asked.alphas.split(",")):
        for seed in range(asked.seeds):
            rows.append(row(play(seed, alpha, asked.by, asked.order)))
            if not asked.json:
                print(json.dumps(rows[-1]), flush=True)
    totals = []
    for alpha in sorted({r["alpha"] for r in rows}):
        some = [r for r in rows if r["alpha"] == alpha]
        n, given, wrong = (sum(r[k] for r in some) for k in ("n_fields", "n_fields_home", "n_wrong_at_home"))
        documents, calls = sum(r["n_home"] for r in some), sum(r["n_after"] for r in some)
        totals.append({
            "alpha": alpha, "runs": len(some), "switched": sum(bool(r["switched"]) for r in some), "n_fields": n,
            "fields_at_home": given / n, "fields_ci95": wilson(given, n), "error": wrong / given if given else None,
            "error_ci95": wilson(wrong, given) if given else None, "documents_at_home": documents / calls, "n": calls,
            "above_alpha": sum(r["n_wrong_at_home"] > alpha * r["n_fields_home"] for r in some),
        })  # fmt: skip
    document = {"order": asked.order, "by": asked.by, "totals": totals, "runs": rows, "machine": machine()}
    print(json.dumps(document | {"seconds": round(time.monotonic() - started)}, indent=None if asked.json else 1))


if __name__ == "__main__":
    main()
