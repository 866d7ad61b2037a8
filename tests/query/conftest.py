import csv

import pytest

from homegrown.workspace import connect

ROWS = [
    ("where is my card", "delivery", "web", 1),
    ("my card has not arrived yet", "delivery", "mail", 2),
    ("i want my money back", "refund", "web", 3),
    ("please send the money back to me", "refund", "phone", 4),
    ("the app crashes at login", "bug", "app", 5),
    ("login does not work any more", "bug", "app", 6),
]


def write_rows(path, rows=ROWS):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["body", "intent", "channel", "n"])
        writer.writerows(rows)
    return path


@pytest.fixture
def ws(tmp_path):
    path = write_rows(tmp_path / "tickets.csv")
    with connect(tmp_path / "work") as workspace:
        workspace.ingest(path, text="body", label="intent")
        workspace.task_from_column("intent", "intent")
        yield workspace
