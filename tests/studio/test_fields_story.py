"""From receipts that somebody drops to a model that fills their fields and shows its evidence, all in the browser."""

import gzip
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from homegrown.core.documents import places_of
from tests.studio.conftest import visiting
from tests.studio.marking import card, click_at, click_on, drag_at, drag_over, held, press
from tests.studio.test_station import READY, saved, until
from tests.workspace.test_objects import rows

RECEIPTS = Path(os.environ.get("HOMEGROWN_DATA", "")) / "receipts_sroie" / "receipts.jsonl.gz"


@dataclass
class Clerk:
    """Who plays: knows what each receipt says, and does what a new user would do, page by page."""

    page: object
    origin: str
    truth: dict[str, dict[str, str]]
    look: object = str
    done: list[str] = field(default_factory=list)

    def drop(self, file):
        self.page.goto(self.origin + "/ingest")
        self.page.set_input_files("input[type=file]", str(file))
        self.page.wait_for_url("**/ingest/up_*")
        self.page.click("button[name=do]")
        self.page.wait_for_url("**/label/discover?came=*", timeout=120_000)

    def name_fields(self, task, fields):
        self.page.click("text=Name its fields")
        self.page.wait_for_url("**/label?ask=fields*")
        self.page.fill("#object-name", task)
        for at, (name, kind) in enumerate(fields.items()):
            self.page.locator("[name=field]").nth(at).fill(name)
            self.page.locator("[name=type]").nth(at).select_option(kind)
        self.look("fields-named")
        self.page.click("form[action='/label/fields'] button:has-text('Begin')")
        self.page.wait_for_url("**/label/tasks/task_*")
        self.look("fields-task")

    def open_station(self):
        self.page.click("main nav a:has-text('Label')")
        self.page.wait_for_selector(READY)

    def text(self):
        """The text of the record that is shown, as it is stored."""
        shown = self.page.get_attribute(".station-text", "data-record")
        return self.texts[shown]

    def label(self, how):
        """Label the document that is shown; *how* marks each field."""
        page = self.page
        page.wait_for_selector(READY)
        shown = page.get_attribute(".station-text", "data-record")
        text = self.texts[shown]
        how(page, text, self.truth[text])
        self.done.append(text)
        page.keyboard.press("Enter")
        until(lambda: page.get_attribute(".station-text", "data-record") != shown)
        assert page.locator(".station-refused, .station-told").count() == 0

    def train_and_deploy(self):
        page = self.page
        page.click("text=Train a model on them")
        page.wait_for_url("**/train")
        page.click("main button:has-text('Train')")
        page.wait_for_url("**/train/job_*")
        page.wait_for_selector("#finished, #live .notice-wrong", timeout=300_000)
        said = page.inner_text("#live")
        page.click("main button:has-text('Deploy')")
        page.wait_for_url("**/serve**")
        return said

    def ask(self, text):
        """The fields that the playground gives back, each with what it says and the words it is from."""
        page = self.page
        page.goto(self.origin + "/serve/playground")
        page.fill("#text", text)
        page.click("main button:has-text('Answer')")
        page.wait_for_selector("#answer table mark")
        self.look("fields-answer")
        found = {}
        for row in page.locator("#answer tbody tr").all():
            mark = row.locator("mark")
            found[row.locator("th").inner_text()] = mark.inner_text() if mark.count() else ""
        return found


def begin(visit, folder, texts, truth, fields):
    """Drop the texts and name the fields; the clerk stands before the first document."""
    file = folder / "receipts.jsonl"
    file.write_text("\n".join(json.dumps({"text": t}) for t in texts), encoding="utf-8")
    clerk = Clerk(visit.page, visit.studio.origin, truth, lambda name: visit.shot(name))
    clerk.drop(file)
    clerk.name_fields("receipt", fields)
    clerk.open_station()
    table = visit.studio.ws.store.records.scan(["record_id", "text"])
    clerk.texts = dict(zip(table["record_id"].to_pylist(), table["text"].to_pylist(), strict=True))
    return clerk


def by_mouse(page, text, said):
    drag_over(page, text, said["who"])
    click_on(page, text, said["day"])
    until(lambda: held(page, "day"))
    click_on(page, text, said["total"])
    card(page, "paid").locator(".field-option:has-text('yes')").click()


def by_keys(page, text, said):
    words = text.split()
    first = words.index(said["who"].split()[0])
    press(page, *["ArrowRight"] * (first + 1), "Shift+ArrowRight", "1")
    for name in ("day", "total"):
        card(page, name).locator("input").fill(said[name])
        press(page, "Enter")
        until(lambda name=name: card(page, name).get_attribute("data-state") == "said")
    press(page, "4", "2")
    until(lambda: held(page, "who") == said["who"])


def test_receipts_are_dropped_their_fields_named_and_the_first_labelled(chromium, bare, tmp_path):
    truth = {r["text"]: {**r["answer"], "who": r["text"].split("\n")[1]} for r in rows(20)}
    with visiting(chromium, bare) as visit:
        clerk = begin(
            visit, tmp_path, list(truth), truth, {"who": "span", "day": "date", "total": "money", "paid": "boolean"}
        )
        clerk.label(by_mouse)
        clerk.label(by_keys)
        saved(visit.page)
        ws = bare.ws
        task = ws.store.tasks.find("receipt")
        kept = ws.store.person_votes.standing(task.task_id)
        assert len(kept) == 2
        for record_id, value in kept:
            text, said = clerk.texts[record_id], json.loads(value)["fields"]
            who, day, total, paid = (said[f.field_id] for f in task.fields)
            start, end = who["spans"][0]
            assert text[start:end] == truth[text]["who"]
            assert day["value"] == "-".join(reversed(truth[text]["day"].split("/")))
            assert f"{total['value']} {total['currency']}" == truth[text]["total"]
            assert paid["value"] is (text == clerk.done[0])


def mark_receipt(page, text, said):
    """A real receipt: the company and the address drawn over, the rest clicked on or typed; what is not there said so."""
    for at, name in enumerate(("company", "date", "address", "total")):
        words = said.get(name) or ""
        places = places_of(words, text) if words else []
        if not places:
            press(page, "Escape", str(at + 1), "x")
            continue
        press(page, "Escape", str(at + 1))
        if name in ("company", "address"):
            drag_at(page, *places[0])
            until(lambda name=name: card(page, name).get_attribute("data-state") == "said")
            continue
        if len(text) % 2:
            click_at(page, *places[-1])
        else:
            card(page, name).locator("input").fill(words)
            press(page, "Enter")
        page.wait_for_selector(".field-problem:text('It is being read')", state="detached")
        until(lambda name=name: card(page, name).get_attribute("data-state") in ("said", "problem"))
        if card(page, name).get_attribute("data-state") == "problem":
            press(page, "Escape", str(at + 1), "x")


@pytest.mark.slow
@pytest.mark.skipif(not RECEIPTS.is_file(), reason="SKIPPED ALOUD: HOMEGROWN_DATA has no receipts_sroie")
def test_thirty_receipts_labelled_by_hand_become_an_endpoint_that_shows_its_evidence(chromium, with_worker, tmp_path):
    with gzip.open(RECEIPTS, "rt", encoding="utf-8") as file:
        receipts = [json.loads(line) for line in file]
    order = np.random.default_rng(0).permutation(len(receipts))
    receipts = [receipts[i] for i in order if receipts[i]["text"].isascii()]
    truth = {r["text"].strip(): r["fields"] for r in receipts}
    dropped, kept_back = list(truth)[:80], list(truth)[80:180]
    fields = {"company": "span", "date": "date", "address": "span", "total": "money"}
    ws = with_worker.ws
    with visiting(chromium, with_worker) as visit:
        clerk = begin(visit, tmp_path, dropped, truth, fields)
        for number in range(30):
            clerk.label(mark_receipt)
            if number == 1:
                visit.shot("fields-station")
        saved(visit.page)
        task = ws.store.tasks.find("receipt")
        assert len(ws.store.person_votes.standing(task.task_id)) == 30
        visit.go(f"/label/tasks/{task.task_id}")
        said = clerk.train_and_deploy()
        assert "of 6 records it had never seen" in said, said
        text = kept_back[0]
        found = clerk.ask(text)
        assert set(found) == set(fields)
        assert any(found.values())
        assert all("".join(words.split()) in "".join(text.split()) for words in found.values())
        # The next ones come with suggestions, and one key takes them.
        visit.go(f"/label/tasks/{task.task_id}/station")
        visit.page.wait_for_selector(".field-card[data-state=suggested]", timeout=60_000)
        visit.shot("fields-suggested")
        visit.page.keyboard.press("Enter")
        saved(visit.page)
        assert len(ws.store.person_votes.standing(task.task_id)) == 31
    right = {name: 0 for name in fields}
    for text, answer in zip(kept_back, ws.predict("receipt", kept_back), strict=True):
        for name in fields:
            place = answer["fields"][name]["spans"]
            words = text[place[0][0] : place[0][1]] if place else ""
            right[name] += (
                " ".join((truth[text].get(name) or "").split()).casefold() in " ".join(words.split()).casefold()
            )
    print(f"of {len(kept_back)} receipts never seen: {right}")
    assert right["date"] > 60
