"""Tasks found in traffic: Banking77, CLINC150, multidogo and GSM8K through 8 templates, each in 3 wordings.

Every template is to be found, no two merged, every set of labels exact. The answers are the data sets' own labels,
spelled as models spell them: with quotes, a full stop, other case, ``Category:`` before them, in a block of code.

python -m benchmarks.traffic [--n 100000] [--seed 0]
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import resource
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np

from benchmarks.common import column, data_folder, machine
from homegrown.core.ids import timestamp
from homegrown.core.traces import CallState, Captured, Wire
from homegrown.core.traffic import AnswerKind
from homegrown.monitor.templates import find_templates

BEGAN = datetime(2026, 9, 1, tzinfo=UTC)


class Kind(NamedTuple):
    """One template: its rows (text, answer), its classes (none: free), three systems, frames, how it is answered."""

    name: str
    rows: list[tuple[str, str]]
    classes: list[str]
    systems: tuple[str, str, str]
    frames: tuple[str, str, str]
    answer: Callable[[str, np.random.Generator], str]
    shots: int = 0
    is_listed: bool = True


def noisy(label: str, rng: np.random.Generator) -> str:
    """A label as models write it."""
    how = rng.random()
    for bound, form in ((0.03, f'"{label}"'), (0.06, f"{label}."), (0.08, label.upper()), (0.10, f"Category: {label}"),
                        (0.12, f"**{label}**"), (0.13, f"```\n{label}\n```")):  # fmt: skip
        if how < bound:
            return form
    return label


def as_json(field: str) -> Callable[[str, np.random.Generator], str]:
    """The answer as a document with a figure beside it."""

    def answer(label: str, rng: np.random.Generator) -> str:
        document = json.dumps({field: label, "confidence": round(float(rng.uniform(0.6, 1)), 2)})
        return f"```json\n{document}\n```" if rng.random() < 0.05 else document

    return answer


def plain(text: str, _: np.random.Generator) -> str:
    return text


def dialogue(domain: str) -> list[tuple[str, str]]:
    path = data_folder() / "multidogo" / domain / "train.tsv.gz"
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = [(r["utterance"], r["intent"]) for r in csv.DictReader(file, delimiter="\t")]
    return [(text, intent) for text, intent in rows if text.strip() and "<div>" not in intent]


def kinds() -> list[Kind]:
    root = data_folder()
    bank = root / "banking77" / "train.csv"
    texts, intents = column(bank, "text"), column(bank, "category")
    clinc = json.loads(gzip.decompress((root / "clinc150" / "data_full.json.gz").read_bytes()))
    pairs = [(t, i) for t, i in clinc["train"] + clinc["oos_train"]]
    domains = json.loads((root / "clinc150" / "domains.json").read_text())
    of = {intent: domain for domain, inside in domains.items() for intent in inside}
    lines = gzip.decompress((root / "gsm8k" / "train.jsonl.gz").read_bytes()).splitlines()
    math = [json.loads(line) for line in lines]
    insurance, software = dialogue("insurance"), dialogue("software")
    listed = sorted(set(intents))
    c_list, i_list, s_list = (sorted({label for _, label in rows}) for rows in (pairs, insurance, software))
    d_list = sorted(domains)
    bullets = "\n".join(f"- {c}" for c in listed)
    commas = ", ".join(listed)
    return [
        Kind("banking intent", list(zip(texts, intents, strict=True)), listed, (
            f"You route messages to a bank's help desk. Choose the one intent that fits.\n\nIntents:\n{bullets}\n\nAnswer with the intent only.",
            f"Act as the triage step of a retail bank. For each customer message give exactly one label from this list: {commas}. Output nothing but the label.",
            f"Your job: map what a bank customer wrote to an intent. Allowed values:\n{bullets}\nNo explanations, please.",
        ), ("{}", "{}", "Customer message: {}"), noisy),
        Kind("banking about a card", [(t, "yes" if "card" in i else "no") for t, i in zip(texts, intents, strict=True)], ["no", "yes"], (
            "Is the message below about a payment card? Reply yes or no.",
            "Decide whether a bank customer writes about a card (physical or virtual). Say yes if so, else no.",
            "You flag messages for the cards team. Answer yes when the customer's message concerns a card and no otherwise.",
        ), ("Message: {}\nAbout a card:", "Message: {}\nAbout a card:", "{}"), noisy),
        Kind("clinc intent", pairs, c_list, (
            "You are the language part of a voice assistant. Return JSON with the user's intent and how sure you are.",
            "Read the utterance and answer with a JSON object holding intent and confidence, nothing else.",
            "Identify what the user of our assistant wants; use oos when nothing fits. Respond in JSON: intent, confidence (0-1).",
        ), ("{}", "Utterance: {}", "{}"), as_json("intent"), 0, False),
        Kind("clinc domain", [(t, of[i]) for t, i in pairs if i in of], d_list, (
            f"Which domain does the utterance belong to? One of: {', '.join(d_list)}.",
            f"Sort utterances of a voice assistant into domains. Domains: {'; '.join(d_list)}. Give the domain alone.",
            "Tell the domain of each request to the assistant. Possible domains:\n" + "\n".join(f"{i}. {d}" for i, d in enumerate(d_list, 1)),
        ), ("{}", "{}", "{}"), noisy, 3),
        Kind("insurance chat act", insurance, i_list, (
            "You label turns of chats between customers and an insurance company.",
            "Annotate the customer's turn in an insurance support chat with its dialogue intent.",
            "For every line of an insurance customer give the intent label used by our analytics.",
        ), ("Turn: {}\nLabel:", "Turn: {}\nLabel:", "Turn: {}\nLabel:"), noisy, 2, False),
        Kind("software chat act", software, s_list, (
            "You label turns of chats between customers and a software help desk.",
            "Annotate the customer's turn in a software support chat with its dialogue intent.",
            "For every line of a software customer give the intent label used by our analytics.",
        ), ("Turn: {}\nLabel:", "Turn: {}\nLabel:", "Turn: {}\nLabel:"), noisy, 2, False),
        Kind("math number", [(r["question"], r["answer"].rpartition("####")[2].strip()) for r in math], [], (
            "Solve the problem. Reply with the final number only.",
            "You are a calculator for word problems: output just the number that answers the question.",
            "Work the problem out silently and give nothing but the resulting number.",
        ), ("Problem: {}", "Problem: {}", "Problem: {}"), plain),
        Kind("math worked", [(r["question"], r["answer"]) for r in math], [], (
            "You are a patient tutor. Solve the problem step by step and end with #### and the number.",
            "Explain the solution of the school problem in steps a child can follow; finish with #### and the result.",
            "Show every step of the working for this problem, then the result after ####.",
        ), ("Problem: {}", "Problem: {}", "Problem: {}"), plain),
    ]  # fmt: skip


def traffic(n: int, seed: int) -> Iterator[tuple[Captured, str, str]]:
    """Calls with the name of the template that made each, and its label; the same again for the same seed."""
    rng = np.random.default_rng(seed)
    made = kinds()
    for i in range(n):
        kind = made[int(rng.integers(len(made)))]
        wording = int(rng.integers(3))
        text, label = kind.rows[int(rng.integers(len(kind.rows)))]
        turns: list[dict[str, str]] = [{"role": "system", "content": kind.systems[wording]}]
        drawn = rng.integers(len(kind.rows), size=kind.shots) if wording == 1 else range(kind.shots)
        for j in drawn if kind.shots and wording < 2 else ():
            shown, answered = kind.rows[int(j)]
            turns.append({"role": "user", "content": kind.frames[wording].format(shown)})
            turns.append({"role": "assistant", "content": answered})
        turns.append({"role": "user", "content": kind.frames[wording].format(text)})
        said = kind.answer(label, rng)
        request: dict[str, Any] = {"model": "gpt-4o-mini", "messages": turns, "temperature": 0}
        response = {"choices": [{"index": 0, "message": {"role": "assistant", "content": said}}]}
        tokens = sum(len(t["content"]) for t in turns) // 4, len(said) // 4 + 1
        at = BEGAN + timedelta(seconds=30 * 86400 * i / n)
        cost = tokens[0] * 0.15e-6 + tokens[1] * 0.6e-6
        yield Captured(
            f"trace_{i:08}", "gateway", Wire.CHAT, "gpt-4o-mini", CallState.WHOLE, request, response, timestamp(at),
            n_tokens_in=tokens[0], n_tokens_out=tokens[1], cost_usd=cost, ended_at=timestamp(at),
        ), kind.name, label  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    print(f"{machine()}; {args.n:,} calls, 8 templates in 3 wordings each, seed {args.seed}")
    made = list(traffic(args.n, args.seed))
    truth = {call.trace_id: name for call, name, _ in made}
    calls = [call for call, _, _ in made]
    where: dict[str, str | None] = {}
    started, worked = time.perf_counter(), time.process_time()
    found = find_templates(lambda: iter(calls), assign=lambda call, key: where.__setitem__(call.trace_id, key))
    seconds, busy = time.perf_counter() - started, time.process_time() - worked
    of = {v.key: t for t in found.templates for v in t.variants}
    groups: dict[str, set[str]] = defaultdict(set)
    kinds_in: dict[str, set[str]] = defaultdict(set)
    for trace_id, key in where.items():
        if key in of:
            groups[truth[trace_id]].add(of[key].template_id)
            kinds_in[of[key].template_id].add(truth[trace_id])
    # Of labels that no prompt lists, those can be known that were said, and of those said once nobody can tell a class.
    said: dict[str, Counter[str]] = defaultdict(Counter)
    for _, name, label in made:
        said[name][label] += 1
    wanted = {k.name: {c for c in k.classes if k.is_listed or said[k.name][c] > 1} for k in kinds()}
    n_exact = n_whole = 0
    for name, classes in wanted.items():
        mine = [t for t in found.templates if t.template_id in groups[name]]
        shapes = [({c for f in t.shape.closed() for c in f.classes}, t.shape.kind) for t in mine]
        exact = all(
            s == classes and (classes or k in (AnswerKind.NUMBER, AnswerKind.TEXT)) for s, k in shapes
        ) and bool(mine)
        n_exact += exact
        n_whole += len(mine) == 1
        print(f"{name:22} {len(mine)} template(s), {[len(t.variants) for t in mine]} wordings, {[str(k) for _, k in shapes]}, "
              f"labels {[len(s) for s, _ in shapes]} of {len(classes)} {'exact' if exact else 'NOT EXACT'}")  # fmt: skip
        for s, _ in shapes if not exact else ():
            print("   missing", sorted(classes - s)[:8], "too many", sorted(s - classes)[:8])
    merged = sum(len(names) > 1 for names in kinds_in.values())
    print(f"found whole {n_whole} of 8; merged {merged}; label sets exact {n_exact} of 8; templates {len(found.templates)}; "
          f"in none {found.loose.n_calls:,}; {seconds:.1f} s ({busy:.1f} s of work), peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")  # fmt: skip
    sys.exit(0 if (n_whole, merged, n_exact) == (8, 0, 8) else 1)


if __name__ == "__main__":
    main()
