"""Small traffic of our own: messages of three topics, asked about in several prompts, each in two wordings."""

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
