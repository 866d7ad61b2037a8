"""The pictures of docs/label.md and docs/curate.md: ``python -m tests.studio.pictures`` walks the story and takes them.

They show our own example texts (``examples/support-desk``) with their labels left out, at 1280 pixels, light. The labels are
what the person who is played knows.
"""

from __future__ import annotations

import csv
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from homegrown.core.access import SYSTEM
from homegrown.workspace import connect
from tests.studio.conftest import FLAGS, running, visiting
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
