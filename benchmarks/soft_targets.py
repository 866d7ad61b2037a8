"""Students of an upstream that tells the probabilities of its tokens, and of one that answers some calls only.

OMP_NUM_THREADS=1 python -m benchmarks.soft_targets [--calls 500 2000] [--recipes linear views static] [--judge test] [--json]

Banking77, through the product's verbs: calls are imported, the Task is found and accepted, a snapshot frozen, a student trained; once
with the log-probabilities that the upstream told, once with its answers alone. ``--unanswered N`` adds N texts without a label, and trains
with and without rounds of noisy students. What was chosen, was chosen on texts of the training split that were left over
(``--judge spare``, the default); the test split is looked at once.

Upstreams are simulated, taught 4,000 other texts, and say at each piece of a label (up to 5 letters) the 20 likeliest ones:
  n-grams  a softmax over characters (2 to 4), temperature as fitted.
  trees    300 extremely randomised trees over words; their votes are its probabilities.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

import homegrown as hg
from benchmarks.common import machine
from benchmarks.exit_replay import Texts, asked, oracle, rate, share, texts
from homegrown.core.models import Recipe
from homegrown.inference.readout import softmax
from homegrown.train.softmax import fit_head

NAMES = ("n-grams", "trees")
TOP = 20
END = "<|end|>"


def probabilities(name: str, data: Texts, seed: int) -> np.ndarray:
    """What the upstream holds each class of every text for, float [n, n_classes]."""
    own = [data.said[i] for i in data.own]
    if name == "trees":
        words = CountVectorizer(binary=True, min_df=2)
        trees = ExtraTreesClassifier(300, random_state=seed).fit(words.fit_transform(own), data.gold[data.own])
        return trees.predict_proba(words.transform(data.said))
    letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True, min_df=2)
    rows = letters.fit_transform(own).astype(np.float32)
    targets = np.eye(len(data.names), dtype=np.float32)[data.gold[data.own]]
    head = fit_head(rows, targets, np.ones(len(targets), np.float32), 30.0)
    return softmax(head.logits(letters.transform(data.said).astype(np.float32)))


def told(names: list[str], probs: np.ndarray, said: int) -> list[dict[str, Any]]:
    """The answer's tokens as OpenAI's API tells them."""
    pieces = [[*re.findall(r"_?[^_]{1,5}", n), END] for n in names]
    alive, found = np.arange(len(names)), []
    for place, piece in enumerate(pieces[said][:-1]):
        chance: dict[str, float] = {}
        for c in alive.tolist():
            chance[pieces[c][place]] = chance.get(pieces[c][place], 0.0) + float(probs[c])
        total = sum(chance.values())
        ranked = sorted(chance.items(), key=lambda x: -x[1])[:TOP]
        top = [{"token": t, "logprob": float(np.log(max(p / total, 1e-9)))} for t, p in ranked]
        mine = next((t for t in top if t["token"] == piece), {"token": piece, "logprob": float(np.log(1e-9))})
        found.append({**mine, "top_logprobs": top})
        alive = np.array([c for c in alive.tolist() if pieces[c][place] == piece])
    return found


def calls_file(data: Texts, probs: np.ndarray, rows: np.ndarray, path: Path, *, tells: bool) -> None:
    listed = "\n".join(f"- {name}" for name in data.names)
    system = f"Say what the customer of a bank wants. Answer by one of these labels alone:\n{listed}"
    with path.open("w", encoding="utf-8") as file:
        for number, i in enumerate(rows.tolist()):
            said = int(probs[i].argmax())
            message = {"role": "assistant", "content": data.names[said]}
            choice: dict[str, Any] = {"index": 0, "message": message, "finish_reason": "stop"}
            if tells:
                choice["logprobs"] = {"content": told(data.names, probs[i], said)}
            messages = [{"role": "system", "content": system}, {"role": "user", "content": data.said[i]}]
            row = {
                "id": f"call-{number:05}", "created_at": f"2026-09-{1 + number // 400:02}T08:{number % 60:02}:00Z",
                "request": {"model": "incumbent", "messages": messages}, "response": {"choices": [choice]},
            }  # fmt: skip
            file.write(json.dumps(row) + "\n")


def one(data: Texts, probs: np.ndarray, n_calls: int, options: argparse.Namespace) -> list[dict[str, Any]]:
    judge = data.test if options.judge == "test" else data.spare
    theirs, gold = probs.argmax(1)[judge], data.gold[judge]
    rows, left = data.captured[:n_calls], data.captured[n_calls : n_calls + options.unanswered]
    found = []
    for tells in (False, True) if not options.unanswered else (options.tells,):
        with tempfile.TemporaryDirectory() as folder, hg.connect(Path(folder) / "work") as ws:
            path = Path(folder) / "calls.jsonl"
            calls_file(data, probs, rows, path, tells=tells)
            ws.import_calls(path)
            task = ws.accept_template(ws.find_tasks().proposals[0].template.template_id, name="intent").task
            more = Path(folder) / "more.jsonl"
            more.write_text("".join(json.dumps({"text": data.said[i]}) + "\n" for i in left), encoding="utf-8")
            if len(left):
                ws.ingest(more, text="text")
            snapshot = ws.snapshot(task, test_share=0.1, unlabelled=("more.jsonl",) if len(left) else ())
            for recipe in options.recipes:
                for how in ({"rounds": 0}, {}) if options.unanswered else ({},):
                    started = time.monotonic()
                    version = ws.train(snapshot, Recipe(recipe, how, options.seed), f"intent-{recipe}-{len(found)}")
                    said = asked(ws, version, data, judge)
                    report = version.details["report"]
                    found.append({
                        "n_calls": n_calls, "n_unanswered": len(left), "recipe": recipe, "told": tells, "options": how,
                        "seconds": time.monotonic() - started, "agrees": share(said.answer == theirs),
                        "right": share(said.answer == gold), "oracle": oracle(said.sure, said.answer != theirs, 0.02),
                        "softness": report.get("softness"), "students": report.get("students"),
                        "rows": snapshot.n_by_split,
                    })  # fmt: skip
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--upstreams", nargs="+", default=list(NAMES), choices=NAMES)
    parser.add_argument("--calls", nargs="+", type=int, default=[500, 1000, 2000, 5000])
    parser.add_argument("--recipes", nargs="+", default=["linear", "views", "static"])
    parser.add_argument("--unanswered", type=int, default=0)
    parser.add_argument("--tells", action="store_true", help="with --unanswered: the upstream tells probabilities")
    parser.add_argument("--judge", choices=("spare", "test"), default="spare")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    data = texts(options.seed)
    found = {"machine": machine(), "upstreams": []}
    for name in options.upstreams:
        probs = probabilities(name, data, options.seed)
        judge = data.test if options.judge == "test" else data.spare
        right = share(probs.argmax(1)[judge] == data.gold[judge])
        rows = []
        if not options.json:
            print(f"upstream {name}: right in {rate(right)}", flush=True)
        for n_calls in options.calls:
            for row in one(data, probs, n_calls, options):
                rows.append(row)
                if not options.json:
                    print(
                        f"  {row['n_calls']:,} calls, {row['n_unanswered']:,} unanswered, {row['recipe']} "
                        f"{row['options'] or ''} {'told' if row['told'] else 'answers alone'}: agrees in {rate(row['agrees'])}, "
                        f"right in {rate(row['right'])}, oracle {row['oracle']:.1%}; {row['softness'] or ''} "
                        f"{row['students'] or ''} {row['seconds']:.0f} s",
                        flush=True,
                    )
        found["upstreams"].append({"name": name, "right": right, "rows": rows})
    if options.json:
        print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
