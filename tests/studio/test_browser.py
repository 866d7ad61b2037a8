"""A person at the studio: from a file to a served model, by mouse, by keys, in a hostile file, on a phone, offline."""

import csv
import io
import re

import pytest

from homegrown.core.access import SYSTEM
from homegrown.jobs import JobQueue
from tests.conftest import write_messages
from tests.studio.conftest import serious, visiting

PAGES = ("/", "/ingest", "/query", "/query/records", "/label", "/train", "/evaluate", "/serve",
         "/serve/playground?text=give+my+money+back", "/jobs", "/govern", "/cost",
         "/cost?calls_per_day=40,000&upstream=large-api", "/cost/charges", "/cost/prices", "/cost/plan", "/patterns")  # fmt: skip
HOSTILE = "<img src=x onerror=alert(1)>\"'><script>alert(2)</script>{{7*7}}<svg/onload=alert(3)>"


def test_from_a_file_to_a_served_model_in_at_most_eight_clicks(chromium, with_worker, tmp_path):
    file = write_messages(tmp_path / "messages.csv", n_per_class=30)
    with visiting(chromium, with_worker) as visit:
        page = visit.page
        visit.shot("overview-empty")
        visit.click("text=Add data")
        page.wait_for_url("**/ingest")
        visit.clicks += 1
        with page.expect_file_chooser() as chooser:
            page.locator(".drop").click()
        chooser.value.set_files(file)
        page.wait_for_url("**/ingest/up_*")
        assert page.locator('.slot[data-role="text"] .chip-column').inner_text().startswith("message")
        assert page.locator('.slot[data-role="label"] .chip-column').inner_text().startswith("topic")
        assert page.locator(".preview tbody tr").count() == 20
        visit.shot("preview", full_page=True)
        visit.click("button[name=do]")
        page.wait_for_url("**/train/job_*")
        visit.shot("training")
        page.wait_for_selector("#finished, #live .notice-wrong", timeout=180_000)
        assert re.search(r"Right on [\d.]+% of \d+ records", page.inner_text("#finished"))
        visit.shot("trained", full_page=True)
        visit.click("text=Read the report")
        page.wait_for_url("**/evaluate/mv_*")
        page.wait_for_selector("vega-chart svg", timeout=30_000)
        visit.shot("report", full_page=True)
        visit.click("button:has-text('Deploy')")
        page.wait_for_url("**/serve?deployed=topic")
        assert "topic is deployed" in page.inner_text("main")
        visit.shot("serve", full_page=True)
        assert visit.clicks <= 8, visit.clicks
        assert with_worker.ws.store.endpoints.get("topic").version_id.startswith("mv_")


def test_a_chip_is_moved_by_keys_and_the_advice_follows(chromium, empty, tmp_path):
    file = write_messages(tmp_path / "messages.csv", n_per_class=30)
    with visiting(chromium, empty) as visit:
        page = visit.page
        visit.go("/ingest")
        page.set_input_files("input[type=file]", str(file))
        page.wait_for_url("**/ingest/up_*")
        chip = page.locator('[data-name="topic"] button')
        chip.focus()
        page.keyboard.press("ArrowDown")
        page.wait_for_selector("#advice >> text=Keep these records")
        assert page.locator('[data-name="topic"] input').get_attribute("value") is not None
        assert page.evaluate("document.querySelector('[data-name=topic] input').value") == "other"
        page.keyboard.press("ArrowUp")
        page.wait_for_selector("#advice >> text=Learn to tell")
        page.locator('[data-name="channel"] button').drag_to(page.locator('.slot[data-role="label"]'))
        page.wait_for_selector("#advice >> text=Learn to tell “channel”")
        assert page.evaluate("document.querySelector('[data-name=topic] input').value") == "other"


@pytest.mark.parametrize(
    ("width", "theme"),
    [
        (1280, "light"), (390, "dark"),
        pytest.param(1280, "dark", marks=pytest.mark.slow), pytest.param(390, "light", marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_every_page_is_clean_to_axe_and_fits(chromium, grown, width, theme):
    version = grown.ws.store.models.versions()[0]
    with visiting(chromium, grown, width=width, theme=theme) as visit:
        for path in (*PAGES, *_pages_of(grown, version)):
            visit.go(path)
            if visit.page.locator("vega-chart").count():
                visit.page.wait_for_selector("vega-chart svg", timeout=30_000)
            if visit.page.locator("sql-editor").count():
                visit.page.wait_for_selector("sql-editor .cm-editor", timeout=30_000)
            visit.shot(f"{_name(path)}-{width}-{theme}", full_page=True)
            assert visit.page.evaluate("document.documentElement.scrollWidth") <= width, (
                f"{path} is wider than the screen"
            )
            assert not serious(visit.page), path


def _name(path):
    """What the picture of a page is called."""
    name = path.split("?")[0].strip("/").replace("/", "-") or "overview"
    for pattern, word in ((r"mv_.*", "report"), (r"job_.*", "one"), (r"up_.*", "preview"), (r"-[0-9a-f]{32}", "-one")):
        name = re.sub(pattern, word, name)
    return f"{name}-result" if "?sql" in path else name


def _pages_of(grown, version):
    """The pages of one thing each: a report, a comparison, a record, a job and its training, a preview."""
    older = grown.ws.store.models.versions()[1]
    record = grown.ws.search_records(limit=1).records[0].record_id
    jobs = JobQueue(grown.ws.store.db)
    if not jobs.list():
        jobs.cancel(SYSTEM, jobs.submit(SYSTEM, "grow", {"name": "topic"}))
    job_id = jobs.list()[0].job_id
    upload = grown.ws.uploads.add(io.BytesIO(b"text,label\n" + b"one,a\ntwo,b\n" * 15), "sample.csv")
    return (
        f"/evaluate/{version.version_id}",
        f"/evaluate/compare?model={version.version_id}&model={older.version_id}",
        f"/query/records/{record}",
        "/query?sql=select+source,count(*)+as+n+from+records+group+by+all",
        f"/jobs/{job_id}",
        f"/train/{job_id}",
        f"/ingest/{upload.upload_id}",
    )


def test_hostile_text_stays_text(chromium, empty, tmp_path):
    file = tmp_path / "x.csv"
    with file.open("w", newline="", encoding="utf-8") as target:
        rows = csv.writer(target)
        rows.writerow([f"text {HOSTILE}", f"label {HOSTILE}", "=cmd()"])
        rows.writerows([[f"{HOSTILE} {i}", f"{'ab'[i % 2]} {HOSTILE}", HOSTILE] for i in range(30)])
    with visiting(chromium, empty, allow=("404",)) as visit:
        page = visit.page
        page.on("dialog", lambda dialog: (visit.trouble.append("a dialog opened"), dialog.dismiss()))
        visit.go("/ingest")
        page.set_input_files(
            "input[type=file]", {"name": f"{HOSTILE}.csv", "mimeType": "text/csv", "buffer": file.read_bytes()}
        )
        page.wait_for_url("**/ingest/up_*")
        page.locator("column-roles").wait_for()
        assert page.locator(".preview img, main script, main svg[onload]").count() == 0
        assert HOSTILE in page.inner_text(".preview tbody tr:first-child")
        source = empty.ws.ingest(file, text=f"text {HOSTILE}", label=f"label {HOSTILE}", name=f"{HOSTILE}.csv")
        assert source.n_records == 30
        for path in (
            "/",
            "/ingest",
            "/query/records",
            "/query?sql=select+*+from+records",
            "/govern",
            f"/jobs/{HOSTILE[:9]}",
        ):
            visit.go(path)
            assert page.locator("main img, main script, main svg[onload]").count() == 0
        record = empty.ws.store.records.table.scan(["record_id"], limit=1)["record_id"][0].as_py()
        visit.go(f"/query/records/{record}")
        assert HOSTILE in page.inner_text("blockquote")


def test_the_palette_and_the_theme_by_keys(chromium, grown):
    with visiting(chromium, grown) as visit:
        page = visit.page
        page.keyboard.press("Control+k")
        page.keyboard.type("compare")
        assert page.locator('[role=option][aria-selected="true"]').inner_text().startswith("Compare two models")
        page.keyboard.press("Enter")
        page.wait_for_url("**/evaluate")
        before = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.locator("[data-theme-switch]").focus()
        page.keyboard.press("Enter")
        after = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert before != after
        visit.go("/")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == after
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the page"


def test_the_network_may_go_for_a_while(chromium, grown):
    with visiting(chromium, grown, allow=("ERR_INTERNET_DISCONNECTED", "Failed to fetch", "Failed to load")) as visit:
        page = visit.page
        visit.go("/serve/playground")
        page.fill("#text", "reset my password please")
        page.wait_for_selector(".answer-label")
        page.context.set_offline(True)
        page.fill("#text", "give the money back now")
        page.locator("#text").press("End")
        page.wait_for_selector(".toast")
        assert page.input_value("#text") == "give the money back now"
        page.context.set_offline(False)
        page.click("button:has-text('Answer')")
        page.wait_for_selector(".answer-label:has-text('refund')")
