"""Rules applied: 20 Python functions over 100,000 records, ours and Snorkel's ``PandasLFApplier`` in one run.

python -m benchmarks.rules [--records 100000] [--rounds 3]

The functions are the same text; only what stands for a class, for an abstention and for a field differs. Ours is the whole
verb: child processes start, records are read from the workspace, votes are kept in it. Snorkel's has its records in memory
as a DataFrame and keeps its votes there. Texts are Banking77's, repeated with a number behind. Both must give the same votes.
A preview of a rule on words, on the same records, is timed beside.
"""

import argparse
import csv
import importlib.util
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.common import data_folder, in_turns, machine
from homegrown.workspace import Workspace, connect

FIGURE = 10
CLASSES = ("card", "cash", "refund", "top_up", "transfer")
OURS = """
from homegrown import ABSTAIN
CARD, CASH, REFUND, TOP_UP, TRANSFER = "card", "cash", "refund", "top_up", "transfer"
def channel(x): return x.fields["channel"]
def length(x): return x.fields["length"]
"""
SNORKELS = """
ABSTAIN, CARD, CASH, REFUND, TOP_UP, TRANSFER = -1, 0, 1, 2, 3, 4
def channel(x): return x.channel
def length(x): return x.length
"""
RULES = r"""
import re

FEES = {"fee", "fees", "charge", "charged", "charges"}
STOLEN = re.compile(r"\b(lost|stolen|missing)\b", re.I)
AMOUNT = re.compile(r"\d+ ?(gbp|eur|usd|pounds?|euros?|dollars?)|[$£€]\d+", re.I)
TOP = re.compile(r"top(ped|ping)?[- ]?up", re.I)
POLITE = ("please", "could you", "can you")

def says_card(x): return CARD if "card" in x.text else ABSTAIN
def says_cash(x): return CASH if "cash" in x.text else ABSTAIN
def says_refund(x): return REFUND if "refund" in x.text else ABSTAIN
def says_transfer(x): return TRANSFER if "transfer" in x.text else ABSTAIN
def says_top_up(x): return TOP_UP if TOP.search(x.text) else ABSTAIN
def card_lost(x): return CARD if STOLEN.search(x.text) else ABSTAIN
def money_back(x): return REFUND if "money back" in x.text.lower() else ABSTAIN
def atm(x): return CASH if "ATM" in x.text or "atm" in x.text else ABSTAIN
def fee_words(x): return TRANSFER if FEES & set(x.text.lower().split()) else ABSTAIN
def amount(x): return CASH if AMOUNT.search(x.text) else ABSTAIN
def starts_how(x): return TOP_UP if x.text.startswith(("How do I top", "Can I top")) else ABSTAIN
def pin(x): return CARD if "PIN" in x.text else ABSTAIN
def beneficiary(x): return TRANSFER if re.search(r"benefici", x.text) else ABSTAIN
def shop(x): return REFUND if "merchant" in x.text or "seller" in x.text else ABSTAIN
def short_card(x): return CARD if length(x) < 30 and "card" in x.text else ABSTAIN
def polite_refund(x):
    low = x.text.lower()
    return REFUND if "refund" in low and any(p in low for p in POLITE) else ABSTAIN
def in_app(x): return TOP_UP if channel(x) == "app" and "app" in x.text else ABSTAIN
def by_mail(x): return TRANSFER if channel(x) == "mail" and "bank" in x.text else ABSTAIN
def arrives(x): return CARD if re.search(r"\barriv\w*", x.text) and "card" in x.text else ABSTAIN
def withdrew(x): return CASH if "withdr" in x.text.lower() else ABSTAIN
"""
# A helper takes one argument as a rule does: in our file its name says that it is none.
_HIDDEN = (
    ("def channel(", "def _channel("),
    ("def length(", "def _length("),
    (" channel(x)", " _channel(x)"),
    (" length(x)", " _length(x)"),
)


def rows(n: int) -> list[tuple[str, str, int]]:
    with (data_folder() / "banking77" / "train.csv").open(newline="", encoding="utf-8") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    found = [texts[i % len(texts)] + (f" ({i})" if i >= len(texts) else "") for i in range(n)]
    return [(text, ("app", "mail", "phone")[i % 3], len(text)) for i, text in enumerate(found)]


def source(header: str) -> str:
    text = header + RULES
    for old, new in _HIDDEN if header is OURS else ():
        text = text.replace(old, new)
    return text


def snorkel(data: list[tuple[str, str, int]]) -> Callable[[], np.ndarray] | None:
    if importlib.util.find_spec("snorkel") is None:
        return None
    import pandas as pd
    from snorkel.labeling import LabelingFunction, PandasLFApplier

    space: dict[str, object] = {}
    exec(compile(source(SNORKELS), "rules", "exec"), space)
    names = [line[4:].split("(")[0] for line in RULES.splitlines() if line.startswith("def ")]
    applier = PandasLFApplier([LabelingFunction(name, space[name]) for name in names])
    frame = pd.DataFrame(data, columns=["text", "channel", "length"])
    return lambda: applier.apply(frame, progress_bar=False)


def preview(ws: Workspace) -> float:
    rule = {
        "name": "tried",
        "says": ["refund"],
        "when": [{"kind": "words", "any": ["money back", "refund*"], "none": ["not"]}],
    }
    return median(in_turns(5, tried=lambda: ws.preview_rule("topic", rule))["tried"])


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--records", type=int, default=100_000)
    options.add_argument("--rounds", type=int, default=3)
    chosen = options.parse_args()
    print(machine())
    data = rows(chosen.records)
    peer = snorkel(data)
    with tempfile.TemporaryDirectory() as folder, connect(Path(folder) / "work") as ws:
        path, code = Path(folder) / "records.csv", Path(folder) / "rules.py"
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("text", "channel", "length"), *data])
        code.write_text(source(OURS))
        ws.ingest(path, text="text")
        ws.task("topic", classes=CLASSES)

        def ours() -> int:
            done = ws.run_rules("topic", path=code, again=True)
            if done.problems or len(done.rules) != 20:
                raise SystemExit(f"not all 20 rules ran: {done.problems}")
            return sum(r.n_votes for r in done.rules)

        n_votes = ours()
        print(f"{chosen.records:,} records, 20 rules, {n_votes:,} votes")
        if peer is None:
            seconds = in_turns(chosen.rounds, ours=ours)
            print(f"ours {median(seconds['ours']):.2f} s; snorkel is not installed here: pip install snorkel")
        else:
            n_peer = int((peer() >= 0).sum())
            print(f"the same votes: {n_votes == n_peer} ({n_votes:,} and {n_peer:,})")
            seconds = in_turns(chosen.rounds, ours=ours, snorkel=peer)
            a, b = median(seconds["ours"]), median(seconds["snorkel"])
            print(
                f"ours {a:.2f} s, Snorkel {b:.2f} s: {b / a:.1f} times faster (figure: {FIGURE}; median of {chosen.rounds})"
            )
        print(f"preview of a rule on words, all votes beside it: {preview(ws):.3f} s (figure: well under a second)")


if __name__ == "__main__":
    main()
