"""Lists of small objects at the station, in a real browser: row by row by keys, by mouse and by finger, kept as imports are."""

import json

import msgspec
import pytest

from homegrown.core.access import SYSTEM
from homegrown.workspace import connect
from tests.studio.conftest import running, serious, visiting
from tests.studio.marking import card, click_at, drag_over, go_to, held, press, tap_at
from tests.studio.test_browser import HOSTILE
from tests.studio.test_station import READY, saved, until

FIELDS = {
    "shop": "span",
    "day": "date",
    "lines": {"what": "span", "n": "number", "price": "money", "kind": ["food", "drink"]},
    "total": "money",
}
KEYS = "Green Fork Deli\n2026-02-20\n2 x side salad  3.25\nlentil soup  4.80 EUR\nTotal due 11.30 EUR"
MOUSE = "Holloway Market\n2026-03-21\n2 x plasters 2.85 2.85\n1 x Gruyère 👩‍🚀 9.10\nTotal 14.80 EUR"
FINGER = "Corner Kiosk\n2026-04-22\n3 x tea 1.50\nTotal 4.50 EUR"
TOLD = "Dock Road Deli\n2026-05-23\n1 x bun 2.10 EUR\n2 x jam 2.10 EUR\nTotal 6.30 EUR"
TOLD_LINES = [
    {"what": "bun", "n": 1, "price": "2.10 EUR", "kind": "food"},
    {"what": "jam", "n": 2, "price": "2.10 EUR"},
]
BAD = f"Bad Shop\n2026-06-24\n1 x {HOSTILE} 9.99\nTotal 9.99"
MANY = "Many Goods\n" + "".join(f"{i} x thing no{i} {i}.75 EUR\n" for i in range(1, 81)) + "80 lines"
ANSWERS = {
    TOLD: {"lines": TOLD_LINES},
    MANY: {"lines": [{"what": f"thing no{i}", "n": i, "price": f"{i}.75 EUR"} for i in range(1, 80)]},
}
TEXTS = {"keys": KEYS, "mouse": MOUSE, "finger": FINGER, "told": TOLD, "bad": BAD, "many": MANY}


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A studio over receipts with lines, each under a Selection of its own; a column says what two of them hold."""
    folder = tmp_path_factory.mktemp("lists")
    rows = [{"text": t, "answer": ANSWERS.get(t)} for t in TEXTS.values()]
    (folder / "in.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    with connect(folder / "desk", actor=SYSTEM) as ws:
        ws.ingest(folder / "in.jsonl", text="text")
        ws.task("receipt", fields=FIELDS).import_answers("answer")
        for name, text in TEXTS.items():
            ws.save_selection(name, f"select record_id from records where text like '{text[:8]}%'")
        with running(ws) as studio:
            yield studio


def station(visit, selection):
    task = visit.studio.ws.store.tasks.find("receipt")
    visit.go(f"/label/tasks/{task.task_id}/station?selection={selection}")
    visit.page.wait_for_selector(READY)


def kept(ws, text):
    """The document that people said of a text, and its value by the names of fields."""
    task = ws.task("receipt").noun
    for record_id, value in ws.store.person_votes.standing(task.task_id):
        if ws.store.records.texts([record_id])[record_id] == text:
            said = msgspec.json.decode(value)["fields"]
            (lines,) = [f for f in task.fields if f.name == "lines"]
            names = {f.field_id: f.name for f in (*task.fields, *lines.fields)}
            rows = [{names[i]: a for i, a in row.items()} for row in (said.get(lines.field_id) or {}).get("items", ())]
            return {names[i]: a for i, a in said.items()}, rows
    raise AssertionError("nobody said anything of it")


def at(text, words, after=""):
    begin = text.index(words, text.index(after))
    return [begin, begin + len(words)]


def row(page, number):
    return page.locator(f".list-row[data-row='{number - 1}']")


def test_rows_are_filled_by_keys_alone_and_kept_as_an_import_keeps_them(chromium, desk):
    with visiting(chromium, desk) as visit:
        page = visit.page
        station(visit, "keys")
        press(page, "x", "x")  # neither shop nor day: the list is next
        go_to(page, "side")
        press(page, "Shift+ArrowRight", "Space")  # the first row begins
        assert row(page, 1).locator("input").first.input_value() == "side salad"
        go_to(page, "2", "ArrowUp")
        go_to(page, "2")
        press(page, "2")
        go_to(page, "3.25")
        press(page, "3", "4", "1")  # the last cell is a choice: opened, then chosen; and a new row waits
        page.wait_for_selector(".list-row[data-new] .list-open[data-active]")
        go_to(page, "lentil")
        press(page, "Shift+ArrowRight", "1")
        go_to(page, "4.80")
        press(page, "3")
        until(lambda: row(page, 2).locator("input").nth(2).input_value() == "4.80 EUR")
        visit.shot("list-keys")
        press(page, "n", "x")  # no more rows: the total is next
        go_to(page, "11.30")
        press(page, "Space")
        until(lambda: held(page, "total") == "11.30 EUR")
        page.reload()  # what is begun outlives the page
        page.wait_for_selector(READY)
        assert row(page, 2).locator(".list-cell").first.inner_text() == "lentil soup"
        press(page, "Enter")
        saved(page)
        said, rows = kept(desk.ws, KEYS)
        assert (said["shop"], said["day"]) == (None, None)
        food = desk.ws.task("receipt").fields[2].fields[3].choices[0].class_id
        assert rows == [
            {
                "what": {"spans": [at(KEYS, "side salad")]},
                "n": {"value": "2", "spans": [at(KEYS, "2", "2 x")]},
                "price": {"value": "3.25", "spans": [at(KEYS, "3.25")]},
                "kind": {"choices": [food]},
            },
            {
                "what": {"spans": [at(KEYS, "lentil soup")]},
                "n": None,
                "price": {"value": "4.80", "currency": "EUR", "spans": [at(KEYS, "4.80 EUR")]},
                "kind": None,
            },
        ]
        press(page, "u")
        page.wait_for_selector(READY)
        press(page, "3", "N", "N", "Shift+Backspace", ".")  # into the list, to its first row, which goes
        assert page.locator(".mark-held").inner_text() == "lentil soup", "what is left is the first row now"
        press(page, "Shift+ArrowLeft", "Enter")
        saved(page)
        assert kept(desk.ws, KEYS)[1][0]["what"] == {"spans": [at(KEYS, "3.25\nlentil soup")]}


@pytest.mark.slow
def test_rows_are_filled_by_mouse_and_by_typing(chromium, desk):
    with visiting(chromium, desk) as visit:
        page = visit.page
        station(visit, "mouse")
        card(page, "lines").locator("[data-more]").click()
        drag_over(page, MOUSE, "plasters")
        row(page, 1).locator(".list-label").nth(2).click()  # the price before the number: a cell is chosen by a press
        click_at(page, *at(MOUSE, "2.85"))
        row(page, 1).locator(".list-label").nth(1).click()
        click_at(page, *at(MOUSE, "2", "2 x"))
        until(lambda: row(page, 1).locator("input").nth(2).input_value() == "2.85")
        card(page, "lines").locator("[data-more]").click()
        inputs = row(page, 2).locator("input")
        inputs.first.click()
        page.keyboard.type("gruyère  👩‍🚀")
        page.keyboard.press("Enter")  # the next cell, ready to type
        page.keyboard.type("1")
        page.keyboard.press("Enter")
        page.keyboard.type("9,2")
        page.keyboard.press("Enter")
        page.wait_for_selector(
            ".list-row .field-problem >> text=price: “price” says 9.2, which does not stand in the text"
        )
        assert row(page, 2).locator("input").nth(2).input_value() == "9,2", "what was written stays to be mended"
        press(page, "Escape", "Enter")
        page.wait_for_selector(".station-told >> text=“price” is not settled yet")
        row(page, 2).locator("input").nth(2).fill("9,1")
        page.keyboard.press("Escape")
        page.wait_for_selector(".field-problem", state="detached")
        visit.shot("list-mouse")
        page.click("[data-act=rest]")
        saved(page)
        said, rows = kept(desk.ws, MOUSE)
        assert said["total"] is None
        assert [(r["what"]["spans"][0], r["n"]["spans"][0], r["price"]["spans"][0]) for r in rows] == [
            (at(MOUSE, "plasters"), at(MOUSE, "2", "2 x"), at(MOUSE, "2.85")),
            (at(MOUSE, "Gruyère 👩‍🚀"), at(MOUSE, "1", "1 x"), at(MOUSE, "9.10")),
        ], "what is typed is found in its own row"


@pytest.mark.slow
def test_rows_are_filled_by_finger_on_a_phone(chromium, desk):
    with visiting(chromium, desk, width=390, has_touch=True) as visit:
        page = visit.page
        station(visit, "finger")
        card(page, "lines").locator("[data-more]").tap()
        for words in ("tea", "3", "1.50"):
            tap_at(page, *at(FINGER, words, "3 x" if words == "3" else words))
            page.wait_for_selector(f"mark:text-is('{words}')")
        row(page, 1).locator(".field-option >> text=drink").tap()
        page.wait_for_selector(".list-row[data-new]")
        row(page, 1).locator(".list-cell").nth(2).tap()  # back to a row: its words are shown, and may be replaced
        until(lambda: row(page, 1).locator("input").nth(2).input_value() == "1.50")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        visit.shot("list-finger")
        card(page, "total").locator(".field-name").tap()
        tap_at(page, *at(FINGER, "4.50"))
        until(lambda: held(page, "total") == "4.50 EUR")
        page.locator("[data-act=save]").tap()
        saved(page)
        said, rows = kept(desk.ws, FINGER)
        assert said["total"]["value"] == "4.50"
        assert [(r["what"]["spans"][0], r["n"]["value"], r["price"]["value"]) for r in rows] == [
            (at(FINGER, "tea"), "3", "1.50")
        ]


@pytest.mark.slow
def test_what_a_column_says_is_shown_in_its_rows_and_taken_whole(chromium, desk):
    with visiting(chromium, desk) as visit:
        page = visit.page
        station(visit, "told")
        page.wait_for_selector(".list-row[data-suggested]")
        assert not serious(page)
        marked = page.locator("mark.mark-suggested")
        places = marked.evaluate_all("(all) => all.map((one) => [one.dataset.name, one.textContent])")
        assert ["price 1", "2.10 EUR"] in places, "a value alone is shown where it stands"
        assert ["price 2", "2.10 EUR"] in places, "each row's in its own line"
        assert len(places) == 6
        press(page, "3", "N", "Backspace")  # a word less: all the rest is said with it
        assert page.locator("mark").count() == 5
        assert page.locator("mark.mark-suggested").count() == 0
        press(page, "+")  # and whole again
        assert page.locator("mark").count() == 6
        assert row(page, 2).locator(".list-cell").first.inner_text() == "jam"
        press(page, "Enter")
        saved(page)
        told, rows = kept(desk.ws, TOLD)
        assert set(told) == {"lines"}
        assert [r["n"]["value"] for r in rows] == ["1", "2"]
        assert [r["price"]["spans"] for r in rows] == [[at(TOLD, "2.10 EUR")], [at(TOLD, "2.10 EUR", "jam")]]


@pytest.mark.slow
def test_a_list_of_many_rows_is_whole_and_its_last_row_is_one_key_away(chromium, desk):
    with visiting(chromium, desk) as visit:
        page = visit.page
        station(visit, "many")
        page.wait_for_selector(".list-row:nth-child(80)")  # 79 rows and the line that begins one more
        assert page.locator("mark").count() == 79 * 3
        press(page, "3", "/")
        page.keyboard.type("thing no80")
        press(page, "Enter", "1", "/")
        page.keyboard.type("80.75")
        press(page, "Enter", "3")
        until(lambda: row(page, 80).locator("input").nth(2).input_value() == "80.75 EUR")
        press(page, "Enter")
        saved(page)
        _, rows = kept(desk.ws, MANY)
        assert [r["price"]["value"] for r in rows] == [f"{i}.75" for i in range(1, 81)]
        assert all(MANY[slice(*r["what"]["spans"][0])] == f"thing no{i}" for i, r in enumerate(rows, 1))


@pytest.mark.slow
@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "dark"), (1280, "dark"), (390, "light")])
def test_rows_fit_everywhere_hold_hostile_texts_and_are_clean_to_axe(chromium, desk, width, theme):
    with visiting(chromium, desk, width=width, theme=theme) as visit:
        page = visit.page
        page.on("dialog", lambda dialog: (visit.trouble.append("a dialog opened"), dialog.dismiss()))
        station(visit, "bad")
        press(page, *["ArrowRight"] * 6, *["Shift+ArrowRight"] * 12, "3")
        assert HOSTILE[:10] in row(page, 1).locator("input").first.input_value()
        press(page, "n", "x", "3")  # a row that is not entered, and one that is
        assert page.locator(".list-row").count() == 2
        assert page.locator("label-station img, label-station script, label-station svg").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert not serious(page)
        press(page, "N")
        assert not serious(page)
        page.evaluate("window.scrollTo(0, 0)")
        visit.shot(f"list-{width}-{theme}")
