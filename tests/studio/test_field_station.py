"""The label station for answers with fields, in a real browser: marked by keys and by mouse, read, kept as code points."""

import json

import pytest

from homegrown.core.access import SYSTEM
from homegrown.core.assignments import StationSettings
from homegrown.workspace import connect
from tests.studio.conftest import running, serious, visiting
from tests.studio.marking import card, click_at, click_on, drag_over, go_to, held, press
from tests.studio.test_browser import HOSTILE
from tests.studio.test_station import READY, saved, until

FIELDS = {
    "who": "span!",
    "day": "date",
    "total": "money",
    "kind": ["bill", "offer"],
    "paid": "boolean",
    "notes": "span*",
}
PLAIN = "No 13\nBob Ray\non 14/05/2026, 13.50 EUR in all, with thanks"
WIDE = "👩‍🚀 Zoe\u0308 Ann paid 12.50 EUR to 東京都渋谷区の株式会社 on 25 Nov 2026 🧾"
RTL = "שלום לך\nסך הכל 77.25 ₪ ביום 25/11/2026\nתודה"
UNSURE = "Cleo Fox, due 03/04/2026, 9.00 or 9.00"
US = "Seen 12/31/2026 and 11/30/2026"  # two say that the month comes first, two that the day does: nothing is known
FINDS = [f"Find {n}\nAcme, Sons & Co (UK) Ltd\nsum 5.00 EUR\nSUM  {n}5.00 EUR\non 0{n}/11/2026" for n in (1, 2)]
LINE = "Page {}: the goods were seen, weighed and found good; {} boxes were sent on by lorry and nothing was paid.\n"


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A studio over texts of every kind, each under a Selection of its own."""
    folder = tmp_path_factory.mktemp("fields")
    long = "".join(LINE.format(i, i * 7) for i in range(6000)) + "Total: 4711.00 EUR\n"
    texts = {
        "plain": PLAIN,
        "wide": WIDE,
        "rtl": RTL,
        "unsure": UNSURE,
        "long": long,
        "hostile": f"to {HOSTILE} {HOSTILE}",
        "us": US,
        "one": FINDS[0],
        "two": FINDS[1],
    }
    (folder / "in.jsonl").write_text(
        "\n".join(json.dumps({"text": t, "channel": HOSTILE}) for t in texts.values()), encoding="utf-8"
    )
    with connect(folder / "desk", actor=SYSTEM) as ws:
        ws.ingest(folder / "in.jsonl", text="text")
        ws.task("receipt", fields=FIELDS, guidelines="The **company** is who is paid.")
        ws.set_station("receipt", StationSettings(fields=("channel",)))
        for name, text in texts.items():
            ws.save_selection(name, f"select record_id from records where text like '{text.strip()[:8]}%'")
        ws.save_selection("find", "select record_id from records where text like 'Find%'")
        with running(ws) as studio:
            yield studio


def station(visit, selection):
    task = visit.studio.ws.store.tasks.find("receipt")
    visit.go(f"/label/tasks/{task.task_id}/station?selection={selection}")
    visit.page.wait_for_selector(READY)


def said(ws):
    """What stands, by text, by the name of the field."""
    task = ws.task("receipt").noun
    names = {f.field_id: f.name for f in task.fields}
    standing = ws.store.person_votes.standing(task.task_id)
    texts = ws.store.records.texts([i for i, _ in standing])
    return {texts[i]: {names[f]: a for f, a in json.loads(value)["fields"].items()} for i, value in standing}


def at(text, words):
    return [text.index(words), text.index(words) + len(words)]


def test_a_document_is_labelled_by_keys_and_taken_back(chromium, desk):
    with visiting(chromium, desk) as visit:
        page = visit.page
        station(visit, "plain")
        press(page, "ArrowRight", "ArrowRight", "ArrowRight", "Shift+ArrowRight", "1")
        assert held(page, "who") == "Bob Ray"
        press(page, ".", "6")  # the same words for another field: marks overlap
        assert page.locator("mark mark:text-is('Bob Ray')").count() == 1
        press(page, "ArrowDown")
        assert page.inner_text(".mark-chosen") in PLAIN.split("\n")[2]
        go_to(page, "14/05/2026")
        press(page, "2")
        until(lambda: held(page, "day") == "2026-05-14")
        go_to(page, "13.50")
        press(page, "Space")  # to the field that is next: half of an amount is all of it
        press(page, "4", "2", "5", "2")
        page.wait_for_selector(".field-option[aria-pressed=true] >> text=no")
        assert card(page, "kind").locator("[aria-pressed=true].field-option").inner_text() == "offer"
        until(lambda: held(page, "total") == "13.50 EUR")
        press(page, ".")  # the first mark; then its edges
        press(page, "ArrowLeft", "ArrowRight", "Shift+ArrowLeft")
        assert "".join(page.locator(".mark-held").all_text_contents()) == "13\nBob Ray"
        press(page, "Shift+ArrowRight", ".", "Backspace")
        assert len(page.locator("mark:text('Bob')").all()) == 1
        page.keyboard.press("Enter")
        saved(page)
        page.wait_for_selector(".station-text >> text=Nothing waits for you here.")
        kept = said(desk.ws)[PLAIN]
        one = kept.pop("who", None) or kept.pop("notes")
        assert one == {"spans": [at(PLAIN, "Bob Ray")]}
        assert kept == {
            "day": {"value": "2026-05-14", "spans": [at(PLAIN, "14/05/2026")]},
            "total": {"value": "13.50", "currency": "EUR", "spans": [at(PLAIN, "13.50 EUR")]},
            "kind": {"choices": [desk.ws.task("receipt").fields[3].choices[1].class_id]},
            "paid": {"value": False},
        }
        page.keyboard.press("u")
        page.wait_for_selector(READY)
        assert held(page, "total") == "13.50 EUR"
        saved(page)
        assert PLAIN not in said(desk.ws)
        page.reload()  # what is begun and not saved outlives the page
        page.wait_for_selector(READY)
        assert held(page, "total") == "13.50 EUR"
        press(page, "Enter")
        saved(page)
        assert said(desk.ws)[PLAIN]["paid"] == {"value": False}


def test_keys_alone_find_words_and_nothing_that_was_begun_is_lost(chromium, desk):
    with visiting(chromium, desk) as visit:
        page = visit.page
        station(visit, "find")
        first = page.get_attribute(".station-text", "data-record")
        press(page, "ArrowDown", "ArrowDown", "Home", "Shift+End", "Space")
        assert held(page, "who") == "Acme, Sons & Co (UK) Ltd", "a line is chosen by two keys"
        press(page, "s")  # let it go, begin the other one, and come back
        until(lambda: page.get_attribute(".station-text", "data-record") != first)
        press(page, "/")
        page.keyboard.type("sons & CO (uk)")
        press(page, "Enter", "1", "u")
        until(lambda: page.get_attribute(".station-text", "data-record") == first)
        assert held(page, "who") == "Acme, Sons & Co (UK) Ltd"
        text = desk.ws.store.records.texts([first])[first]
        press(page, "/")
        page.keyboard.type("nowhere")
        press(page, "Enter")
        page.wait_for_selector(".station-find >> text=That does not stand in the text.")
        page.locator(".station-find input").fill("sum 5.00")
        press(page, "Enter")
        assert page.inner_text(".mark-chosen") == "sum 5.00"
        press(page, "/")
        page.keyboard.type("sum")
        press(page, "Enter", "/", "Enter")  # the next place, and round to the first
        assert page.inner_text(".mark-chosen") == "sum"
        asked = []
        page.route("**/read", lambda route: asked.append(route))
        press(page, "/", "Enter", "End", "3", "Enter")  # saved before the amount is read: it waits for that
        page.wait_for_selector(".station-told >> text=It is saved as soon as your words are read")
        until(lambda: page.evaluate("1") and asked)
        asked[0].continue_()
        page.unroute("**/read")
        until(lambda: text in said(desk.ws))
        total = said(desk.ws)[text]["total"]
        assert (total["value"], total["currency"]) == (f"{text[5]}5.00", "EUR")
        until(lambda: page.get_attribute(".station-text", "data-record") != first)
        assert held(page, "who") == "Sons & Co (UK)", "what was begun of the other one is still there"
        press(page, "3", "3")  # pressed twice: type
        page.keyboard.type("5,00")
        press(page, "Enter")
        until(lambda: held(page, "total") == "5.00 EUR")


@pytest.mark.slow
def test_a_document_is_labelled_by_mouse_and_what_is_wrong_is_said_at_once(chromium, desk):
    with visiting(chromium, desk) as visit:
        page = visit.page
        station(visit, "unsure")
        page.keyboard.press("Enter")
        page.wait_for_selector(".station-told >> text=Nothing is said yet")
        drag_over(page, UNSURE, "leo Fo")  # whole words are taken
        assert held(page, "who") == "Cleo Fox"
        click_on(page, UNSURE, "04/")  # the field that is next is the date: all of it is read
        card(page, "day").locator("text=2026-03-04").click()  # nothing says which comes first: one chooses
        until(lambda: held(page, "day") == "2026-03-04")
        click_on(page, UNSURE, "Cleo")  # a mark is taken hold of and gives nothing away
        page.wait_for_selector(".mark-held")
        card(page, "total").locator("input").fill("9,75")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=“total” says 9.75, which does not stand in the text")
        page.keyboard.press("Enter")
        page.wait_for_selector(".station-told >> text=“total” is not settled yet")
        card(page, "total").locator("input").fill("9,0")
        page.keyboard.press("Enter")
        page.wait_for_selector(".field-card[data-state=problem]", state="detached")
        until(lambda: held(page, "total") == "9.0")
        card(page, "kind").locator("text=bill").click()
        card(page, "paid").locator("[data-absent]").click()
        page.click("[data-act=rest]")
        saved(page)
        page.wait_for_selector(".station-text >> text=Nothing waits for you here.")
        kept = said(desk.ws)[UNSURE]
        assert kept["who"] == {"spans": [at(UNSURE, "Cleo Fox")]}
        assert kept["day"] == {"value": "2026-03-04", "spans": [at(UNSURE, "03/04/2026")]}
        assert kept["total"] == {"value": "9.0"}, "it stands twice, and nobody said where"
        assert (kept["paid"], kept["notes"]) == (None, None)


@pytest.mark.slow
def test_offsets_are_code_points_whatever_the_text_is_made_of(chromium, desk):
    with visiting(chromium, desk) as visit:
        page = visit.page
        station(visit, "wide")
        press(page, "ArrowRight")
        assert page.inner_text(".mark-chosen") == "👩‍🚀", "what is one sign is one word"
        press(page, "ArrowRight", "Shift+ArrowRight", "1")
        assert held(page, "who") == "Zoe\u0308 Ann"
        press(page, *["ArrowRight"] * 6)
        tokens = [page.inner_text(".mark-chosen")]
        assert tokens[0] in "東京都渋谷区の株式会社", "of a text without spaces a word is a part"
        assert len(tokens[0]) < 11
        press(page, "6")
        click_at(page, len(WIDE.encode("utf-16-le")) // 2 - 11, len(WIDE.encode("utf-16-le")) // 2 - 8)  # Nov
        until(lambda: held(page, "day") == "2026-11-25")
        page.keyboard.press("Enter")
        saved(page)
        kept = said(desk.ws)[WIDE]
        assert kept["who"] == {"spans": [at(WIDE, "Zoe\u0308 Ann")]}
        assert kept["day"] == {"value": "2026-11-25", "spans": [at(WIDE, "25 Nov 2026")]}
        assert kept["notes"]["spans"][0] == at(WIDE, tokens[0])
        page.keyboard.press("u")  # and back again
        page.wait_for_selector(READY)
        assert held(page, "who") == "Zoe\u0308 Ann"
        page.keyboard.press("Enter")
        saved(page)
        assert said(desk.ws)[WIDE] == kept


@pytest.mark.slow
def test_a_text_from_right_to_left_is_walked_as_it_is_read(chromium, desk):
    with visiting(chromium, desk) as visit:
        page = visit.page
        station(visit, "rtl")
        press(page, "ArrowLeft", "ArrowLeft")
        assert page.inner_text(".mark-chosen") == RTL.split()[1]
        press(page, "ArrowRight", "1", "ArrowDown")
        go_to(page, "77.25", "ArrowLeft")
        press(page, "3")
        until(lambda: held(page, "total") == "77.25 ILS")
        page.keyboard.press("Enter")
        saved(page)
        kept = said(desk.ws)[RTL]
        assert kept["who"] == {"spans": [[0, 4]]}
        start, end = kept["total"]["spans"][0]
        assert RTL[start:end] == "77.25 ₪"


@pytest.mark.slow
def test_two_hundred_pages_are_drawn_in_pieces_and_marked_at_the_end(chromium, desk):
    with visiting(chromium, desk) as visit:
        page = visit.page
        station(visit, "long")
        assert 300 < page.locator(".station-block").count() < 700
        press(page, "ArrowRight", "ArrowRight", "1")
        press(page, "3")  # the field is opened: what is clicked next goes there
        text = next(t for t in desk.ws.store.records.scan(["text"])["text"].to_pylist() if len(t) > 600_000)
        page.locator(".station-page").evaluate("(node) => node.scrollTo(0, node.scrollHeight)")
        click_on(page, text, "4711.00")
        until(lambda: held(page, "total") == "4711.00 EUR")
        press(page, ".", ".")  # from mark to mark, over all pages
        page.wait_for_selector(".mark-held")
        assert page.locator("mark").count() == 2, "nothing else is drawn apart"
        page.keyboard.press("Enter")
        saved(page)
        kept = said(desk.ws)[text]
        start, end = kept["total"]["spans"][0]
        assert text[start:end] == "4711.00 EUR"
        assert kept["who"] == {"spans": [[5, 6]]}


@pytest.mark.slow
@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "dark"), (1280, "dark"), (390, "light")])
def test_it_fits_everywhere_holds_hostile_texts_and_is_clean_to_axe(chromium, desk, width, theme):
    with visiting(chromium, desk, width=width, theme=theme) as visit:
        page = visit.page
        page.on("dialog", lambda dialog: (visit.trouble.append("a dialog opened"), dialog.dismiss()))
        station(visit, "hostile")
        press(page, "ArrowRight", "Shift+ArrowRight", "Shift+ArrowRight", "1", "x", "4", "1")
        page.keyboard.press("g")
        assert page.locator("label-station img, label-station script, label-station svg").count() == 0
        assert page.inner_text(".station-guide strong") == "company"
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert not serious(page)
        page.evaluate("window.scrollTo(0, 0)")
        visit.shot(f"fields-{width}-{theme}")
