"""A person who has texts and no labels, played in a real browser: from the file to a model that answers.

The person knows what each text is (``truth``) and does what a new user would do, page by page: drops the file, has groups
found, reads ten texts of each of the largest and names them, writes rules, presses keys, reviews what is doubtful, trains.
Nothing is asked of Python in between; what a page does not offer, the person cannot do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_KEYS_OF = "(all) => all.map((one) => [one.querySelector(':scope > span').textContent, one.querySelector('kbd')?.textContent ?? ''])"
READY = ".station-text[data-record]:not([data-record=''])"


def plain(text: str) -> str:
    """A text as a page shows it: runs of spaces are one."""
    return " ".join(text.split())


@dataclass
class Person:
    """Who plays. `truth` is what each text is; `look` is called with the name of each page that was reached; `said` is
    what the keys said, by record, empty for none of the classes."""

    page: object
    origin: str
    truth: Mapping[str, str]
    look: Callable[[str], object] = str
    named: set[str] = field(default_factory=set)
    said: dict[str, str] = field(default_factory=dict)
    task_at: str = ""

    def knows(self, text: str) -> str:
        """What a text is, or nothing where it was never seen."""
        return self.truth.get(plain(text), "")

    def drop(self, file: Path) -> None:
        """Drop a file without labels and keep its records."""
        self.page.goto(self.origin + "/ingest")
        self.look("ingest")
        self.page.set_input_files("input[type=file]", str(file))
        self.page.wait_for_url("**/ingest/up_*")
        self.look("preview")
        self.page.click("button[name=do]")
        self.page.wait_for_url("**/label/discover?came=*", timeout=120_000)
        self.look("discover")

    def find_groups(self) -> None:
        """Have the groups of like records found, and follow to them."""
        self.page.click("button:has-text('Find groups')")
        self.page.click("a:has-text('See them')", timeout=300_000)
        self.page.wait_for_url("**/label/discover/*")
        self.look("groups")

    def name_groups(self, n: int, task: str) -> None:
        """Look at groups, the largest first, until *n* classes have a name; tick what does not belong."""
        groups = self.page.url
        for at in range(self.page.locator("td a:has-text('Look')").count()):
            self.page.goto(groups)
            self.page.locator("td a:has-text('Look')").nth(at).click()
            self.page.wait_for_url("**/label/discover/*/*")
            texts = self.page.locator("fieldset label.check").all()
            said = [self.knows(one.inner_text()) for one in texts]
            name, n_right = Counter(said).most_common(1)[0]
            if name in self.named or n_right < 7:
                continue
            for one, is_it in zip(texts, said, strict=True):
                if is_it != name:
                    one.locator("input").check()
            if not self.named:
                self.page.fill("#task", task)
                self.look("group")
            self.page.fill("#name", name)
            self.page.click("button:has-text('make it a class')")
            self.page.wait_for_load_state()
            self.named.add(name)
            if len(self.named) >= n:
                break
        self.look("named")

    def here(self, part: str = "") -> str:
        """The address of the task that was begun, or of a page of it."""
        if not self.task_at:
            self.page.goto(self.origin + "/label")
            self.look("tasks")
            self.page.click("table th a")
            self.page.wait_for_url("**/label/tasks/*")
            self.task_at = self.page.url
            self.look("task")
        return self.task_at + part

    def add_classes(self, names: Sequence[str]) -> None:
        """Name the classes that no group became."""
        for name in names:
            self.page.goto(self.here())
            self.page.fill("#add-name", name)
            self.page.click("button:has-text('Add')")
            self.page.wait_for_url("**?did=*")
            self.named.add(name)

    def write_rule(self, any_of: str, says: str, none_of: str = "") -> None:
        """Build a rule as a sentence, see what it would do, keep it."""
        self.page.goto(self.here("/rules"))
        self.page.fill("#any", any_of)
        self.page.fill("#none", none_of)
        self.page.select_option("#says", says)
        self.page.wait_for_selector("#preview h2:has-text('Votes on')", timeout=60_000)
        self.look("rule")
        self.page.click("text=Keep it and let it vote")
        self.page.wait_for_selector(".notice-good >> text=It votes on", timeout=60_000)
        self.look("rules")

    def press_keys(self, n: int) -> None:
        """Label *n* records at the station: the key of the class, `0` where no class is right."""
        page = self.page
        page.goto(self.here("/station"))
        page.wait_for_selector(READY, timeout=60_000)
        self.look("station")
        for _ in range(n):
            page.wait_for_selector(READY, timeout=60_000)
            shown = page.get_attribute(".station-text", "data-record")
            said = self.knows(page.inner_text(".station-text"))
            self.said[shown] = said if said in self.named else ""
            if said not in self.named:
                page.keyboard.press("0")
            else:
                keys = dict(page.eval_on_selector_all(".station-class", _KEYS_OF))
                if keys.get(said):
                    page.keyboard.press(keys[said])
                else:
                    page.keyboard.press("/")
                    page.keyboard.type(said)
                    page.keyboard.press("Enter")
        page.wait_for_selector(".station-saved[data-count='0']", timeout=60_000)
        self.look("station-later")

    def review(self, at_most: int) -> Counter:
        """Have doubtful records and labels looked for, and decide the first of them by what is true; what was decided."""
        page, decided = self.page, Counter()
        page.goto(self.origin + "/curate")
        self.look("curate-before")
        page.click("main button:has-text('Look for issues'), main button:has-text('Look again')")
        page.wait_for_url("**/jobs/*")
        self.look("issues-job")
        page.click("a:has-text('To Curate')", timeout=300_000)
        page.wait_for_url("**/curate")
        self.look("curate")
        page.click("text=Begin")
        page.wait_for_url("**/curate/issues")
        self.look("issue")
        for _ in range(at_most):
            if not page.locator("section[aria-label='The case']").count():
                break
            kind = page.inner_text("section[aria-label='The case'] .tag-doubt")
            told = [self.knows(one) for one in page.locator(".record-text").all_inner_texts()]
            relabel = page.locator("button[data-key=r]")
            key = "k"
            if relabel.count() and told[0] in self.named:
                key = "r" if told[0] in relabel.inner_text() else "k"
            elif kind.startswith("near") and len(set(told)) == 1 and page.locator("button[data-key=g]").count():
                key = "g"
            page.keyboard.press(key)
            page.wait_for_selector(".notice-good", timeout=30_000)
            page.wait_for_load_state()
            decided[(kind, key)] += 1
        self.look("issues-after")
        return decided

    def train(self, recipe: str) -> str:
        """Train by the page and read the report; the sentence at the end."""
        page = self.page
        page.goto(self.origin + "/train")
        self.look("train")
        page.select_option("#recipe", recipe)
        page.click("main button:has-text('Train')")
        page.wait_for_url("**/train/job_*")
        self.look("training")
        page.wait_for_selector("#finished, #live .notice-wrong", timeout=600_000)
        self.look("trained")
        said = page.inner_text("#live")
        page.click("text=Read the report")
        page.wait_for_url("**/evaluate/mv_*")
        page.wait_for_selector("vega-chart svg", timeout=30_000)
        self.look("report")
        return said

    def deploy_and_ask(self, text: str) -> str:
        """Deploy the model whose report is open, and ask it; what it answers."""
        page = self.page
        page.click("button:has-text('Deploy')")
        page.wait_for_url("**/serve?deployed=*")
        self.look("serve")
        page.goto(self.origin + "/serve/playground")
        page.fill("#text", text)
        page.wait_for_selector(".answer-label")
        self.look("playground")
        return page.inner_text(".answer-label")
