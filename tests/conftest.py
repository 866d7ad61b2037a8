"""What many tests share: a clean environment and small data that we write ourselves."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

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


@pytest.fixture
def messages(tmp_path: Path) -> Path:
    """The CSV of ``write_messages``."""
    return write_messages(tmp_path / "messages.csv")
