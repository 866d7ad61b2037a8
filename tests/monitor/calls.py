"""Small traffic of our own: messages of three topics, asked about in several prompts, each in two wordings."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np

from homegrown.core.ids import timestamp
from homegrown.core.traces import CallState, Captured, Wire

BEGAN = datetime(2026, 9, 1, tzinfo=UTC)
OPENINGS = [
    "hello,",
    "hi there",
    "good morning",
    "please help:",
    "sorry to bother you,",
    "quick question:",
    "urgent!",
    "hey",
]
ABOUT = {
    "card": ["my card never arrived", "the card is lost", "block my card now", "the new card does not work"],
    "refund": ["i want my money back", "where is my refund", "refund the broken lamp", "you owe me money"],
    "login": ["i cannot sign in", "my password is wrong", "reset the password", "the sign in page fails"],
}
ENDS = ["today", "since monday", "for order {n}", "with account {n}", "again", "and i am tired of it", "thanks", "bye"]


def message(rng, topic):
    """A message that hardly repeats."""
    said = [OPENINGS, ABOUT[topic], ENDS, ENDS]
    parts = [some[int(rng.integers(len(some)))] for some in said]
    return " ".join(parts).replace("{n}", str(int(rng.integers(10_000))))


def call(i, system, user, answer, *, pairs=(), model="gpt-4o-mini", **more):
    """One whole chat completion, the i-th of a month."""
    turns = [{"role": "system", "content": system}] if system else []
    for asked, said in pairs:
        turns += [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]
    at = timestamp(BEGAN + timedelta(minutes=i))
    extra = more.pop("request", {})
    request = {"model": model, "messages": [*turns, {"role": "user", "content": user}], **extra}
    response = {"choices": [{"index": 0, "message": {"role": "assistant", "content": answer}}]}
    facts = {"n_tokens_in": len(system + user) // 4, "n_tokens_out": len(answer) // 4 + 1, "cost_usd": 0.001}
    return Captured(
        f"trace_{i:06}",
        "gateway",
        Wire.CHAT,
        model,
        CallState.WHOLE,
        request,
        response,
        at,
        ended_at=at,
        **(facts | more),
    )


def topics(rng, n, systems, frame="{}", start=0, form=lambda topic: topic, **more):
    """*n* calls that ask for the topic, in turn by each of the systems."""
    found = []
    for i in range(n):
        topic = list(ABOUT)[int(rng.integers(len(ABOUT)))]
        text = frame.format(message(rng, topic))
        found.append(call(start + i, systems[i % len(systems)], text, form(topic), **more))
    return found


def rng(seed=0):
    return np.random.default_rng(seed)


SHOPS = ["Corner Shop", "Mill & Sons Ltd", "Café Rosa", "Old Dairy"]
READS = "Read the bill. Answer with JSON: who, day, total, kind (bill or offer), note."


def bill(i):
    """A short bill, and what a model reads in it."""
    day = f"2026-0{i % 9 + 1}-{i % 27 + 1:02}"
    kind = ("bill", "offer")[i * 7919 % 3 == 0]
    document = {"who": SHOPS[i % 4], "day": day, "total": round(3 + i * 1.37, 2), "kind": kind}
    written = f"{day[8:]}/{day[5:7]}/2026"
    head = f"{SHOPS[i % 4]}\n12 Long Road, London\n{'OFR' if kind == 'offer' else 'INV'} {i * 31} on {written}"
    text = f"{head}\nTea {i}.00\nTotal: {document['total']:.2f} EUR\nThank you"
    return text, document


def bills(n, system=READS, start=0, **more):
    """*n* calls that ask what stands in a bill: one answer is almost JSON, one is none, one has what stands nowhere."""
    found, said = [], []
    for i in range(n):
        text, document = bill(i)
        told = document | {"note": f"A nice {document['kind']} no. {i * i} of our own words"}
        told |= {"who": "Somebody Else", "total": 9999.5} if i == 7 else {}
        answer = json.dumps(told)
        answer = {5: f"Here it is: {answer[:-1]},}}", 6: "I cannot read that."}.get(i, answer)
        found.append(call(start + i, system, text, answer, **more))
        said.append(told)
    return found, said


GOODS = ["lamp", "red chair", "desk", "oak shelf", "mirror", "small rug", "clock", "vase"]
GUESTS = ["Ann Lee", "Bob Ray", "Cleo Moss", "Dan Poe", "Eve Hart"]
SAYS = {"gift": "please wrap it", "express": "we need it soon", "fragile": "handle with care"}


def order(i):
    """A short order, and what a model reads in it: rows, several labels, several pieces of the text."""
    some = [GOODS[(i * 3 + k * 5) % 8] for k in range((i * 7) % 4)]
    goods = [{"what": w, "n": (i + 3 * k) % 9 + 1, "price": (i * 7 + k * 13) % 90 + 1.5} for k, w in enumerate(some)]
    wants = [w for k, w in enumerate(SAYS) if (i // (k + 1)) % 2]
    people = [GUESTS[(i + k) % 5] for k in range(i % 3)]
    lines = [f"{g['n']} x {g['what']} at {g['price']:.2f} EUR" for g in goods]
    said = ", ".join(SAYS[w] for w in wants)
    told = [f"Call {p} first." for p in people]
    text = "\n".join([f"{OPENINGS[i % 8]} order {i * 31}", *lines, said, *told, f"{OPENINGS[i * 3 % 7]} {i * 7}"])
    return text, {"goods": goods, "wants": wants, "people": people}
