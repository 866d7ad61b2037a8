"""The pictures of docs/label.md, curate.md and station.md: ``python -m tests.studio.pictures`` walks and takes them.

They show our own example texts (``examples/support-desk``) with their labels left out, at 1280 pixels, light. The labels are
what the person who is played knows.
"""

from __future__ import annotations

import csv
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from homegrown.core.access import SYSTEM
from homegrown.workspace import connect
from tests.studio.conftest import FLAGS, running, visiting
from tests.studio.marking import drag_at, drag_over
from tests.studio.story import Person, plain

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
EXAMPLE = ROOT / "examples" / "support-desk" / "messages.csv"
#: page of the story → picture
PICTURES = {
    "groups": "label-groups",
    "group": "label-group",
    "station-later": "label-station",
    "curate": "curate-kinds",
    "issue": "curate-case",
    "trained": "curate-trained",
}
#: what the person knows about the words of some classes: any of these, what it is
RULES = (
    ("sensor*, rootbit*, pairing", "sensor_setup"),
    ("send it back, return label*, exchange*", "return_item"),
    ("app crash*, the app, website", "app_problem"),
)


def example_texts() -> dict[str, str]:
    """Each message of our example with what it is about."""
    with EXAMPLE.open(newline="", encoding="utf-8") as file:
        return {plain(row["message"]): row["intent"] for row in csv.DictReader(file)}


def write_raw(path: Path, texts: list[str]) -> Path:
    """The texts alone, one column."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["message"], *([text] for text in texts)])
    return path


INVOICE = """GREENHOUSE SUPPLIES LTD
14 Canal Street, Leeds LS1 4BY

Invoice 20981
Date: 14 May 2026
To: Anna Berger

2 x moisture sensor          59.80
1 x growing lamp, 40 W       74.50
Carriage                      6.20

Total due:           GBP 140.50
Paid by card, with thanks.
"""
INVOICE_FIELDS = {
    "seller": "span!",
    "date": "date!",
    "buyer": "span",
    "items": "span*",
    "total": "money!",
    "paid": "boolean",
}
SAID = {"seller": "Greenhouse Supplies Ltd", "date": "14 May 2026", "total": "140.50 GBP", "paid": True}


def take_fields(browser: Any, folder: Path) -> None:
    """A document with fields at the station: some suggested, some marked by hand."""
    (folder / "in.jsonl").write_text(json.dumps({"text": INVOICE, "answer": SAID}), encoding="utf-8")
    with connect(folder / "invoices", actor=SYSTEM) as ws, running(ws) as studio, visiting(browser, studio) as visit:
        ws.ingest(folder / "in.jsonl", text="text")
        task = ws.task("invoice", fields=INVOICE_FIELDS)
        task.import_answers("answer")
        visit.go(f"/label/tasks/{task.noun.task_id}/station")
        visit.page.wait_for_selector(".field-card[data-state=suggested]")
        for words in ("Anna Berger", "moisture sensor", "growing lamp"):
            drag_over(visit.page, INVOICE, words)
        visit.page.wait_for_selector("mark >> text=growing lamp")
        visit.page.screenshot(path=str(IMAGES / "station-fields.png"))


def take_lists(browser: Any, folder: Path) -> None:
    """The rows of a list at the station: one whole, one begun."""
    fields = {"seller": "span", "items": {"what": "span", "n": "number", "price": "money"}, "total": "money"}
    (folder / "in.jsonl").write_text(json.dumps({"text": INVOICE}), encoding="utf-8")
    with connect(folder / "lists", actor=SYSTEM) as ws, running(ws) as studio, visiting(browser, studio) as visit:
        ws.ingest(folder / "in.jsonl", text="text")
        visit.go(f"/label/tasks/{ws.task('invoice', fields=fields).noun.task_id}/station")
        visit.page.wait_for_selector(".field-card")
        for words in (INVOICE.strip().splitlines()[0], "moisture sensor", "2 ", "59.80", "growing lamp, 40 W", "1 "):
            drag_at(visit.page, *_standing(words))
            visit.page.wait_for_selector(f"mark >> text={words.strip()}")
        visit.page.screenshot(path=str(IMAGES / "station-lists.png"))


def _standing(words: str) -> tuple[int, int]:
    """Where words stand; a number with a space behind it at the beginning of its line."""
    start = INVOICE.index(f"\n{words}") + 1 if words.endswith(" ") else INVOICE.index(words)
    return start, start + len(words.strip())


def main() -> None:
    """Walk and take pictures."""
    chromium = next((p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), None)
    if chromium is None:
        sys.exit("There is no Chromium on this machine.")
    with (
        tempfile.TemporaryDirectory() as folder,
        connect(Path(folder) / "support-desk", actor=SYSTEM) as ws,
        running(ws, with_worker=True) as studio,
        sync_playwright() as driver,
    ):
        browser = driver.chromium.launch(executable_path=chromium, args=FLAGS)
        take_fields(browser, Path(folder))
        take_lists(browser, Path(folder))
        with visiting(browser, studio) as visit:

            def look(name: str) -> None:
                if name in PICTURES:
                    visit.page.evaluate("window.scrollTo(0, 0)")
                    visit.page.wait_for_timeout(300)
                    visit.page.screenshot(path=str(IMAGES / f"{PICTURES[name]}.png"))

            truth = example_texts()
            person = Person(visit.page, studio.origin, truth, look)
            person.drop(write_raw(Path(folder) / "messages.csv", list(truth)))
            person.find_groups()
            person.name_groups(12, "intent")
            person.add_classes(sorted(set(truth.values()) - person.named))
            for any_of, says in RULES:
                person.write_rule(any_of, says)
            person.press_keys(100)
            person.review(20)
            person.train("linear")
        browser.close()


if __name__ == "__main__":
    main()
