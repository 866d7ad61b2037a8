"""The SQL page: the whole answer as CSV, and queries saved as Selections, removed, and brought back."""

import csv
import io

import pytest

from homegrown.core.access import SYSTEM, Role
from homegrown.workspace import connect
from tests.studio.conftest import running, visiting

N = 3000
FORMULA = "=cmd|' /C calc'!A0"


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A studio over more records than a page shows, one of them a formula."""
    folder = tmp_path_factory.mktemp("sql")
    path = folder / "rows.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["text", "n"], [FORMULA, -1], *([f"text, number {i}", i] for i in range(1, N))])
    with connect(folder / "desk", actor=SYSTEM) as ws:
        ws.ingest(path, text="text")
        with running(ws) as studio:
            yield studio


def test_all_of_an_answer_comes_as_csv_and_no_cell_is_a_formula(many):
    sql = "select text, (fields->>'n')::int as n from records order by n"
    with many.client() as client:
        shown = client.get("/query", params={"sql": sql, "format": "json"}).json()
        assert len(shown["rows"]) == 1000
        found = client.get(shown["csv_href"])
        assert found.headers["content-type"] == "text/csv; charset=utf-8"
        assert found.headers["content-disposition"] == 'attachment; filename="result.csv"'
        assert "content-length" not in found.headers
        rows = list(csv.reader(io.StringIO(found.text)))
        assert rows[:3] == [["text", "n"], ["'" + FORMULA, "-1"], ["text, number 1", "1"]]
        assert len(rows) == N + 1
        empty = client.get("/query/result.csv", params={"sql": "select text from records limit 0"})
        assert empty.text == "text\r\n"


def test_a_query_that_fails_is_a_page_and_not_half_a_file(many):
    with many.client() as client:
        for sql, status in (("select nothing from records", 422), ("drop table records", 422), ("", 404)):
            found = client.get("/query/result.csv", params={"sql": sql})
            assert found.status_code == status, found.text
            assert found.headers["content-type"].startswith("text/html")


def test_a_query_is_saved_used_removed_and_brought_back(chromium, many):
    with visiting(chromium, many) as visit:
        page = visit.page
        visit.go("/query?sql=select+*+from+records+where+n_chars+%3C+15")
        page.fill("#name", "Short ones!")
        visit.click("button:has-text('Save')")
        page.wait_for_selector(".notice-good >> text=The selection short_ones is saved.")
        visit.shot("query-saved", full_page=True)
        visit.click(".selections a")
        page.wait_for_selector("text=rows in")
        assert page.locator(".result tbody tr").count() == 9
        visit.click("[aria-label='Remove the selection short_ones']")
        page.wait_for_selector("text=The selection short_ones is removed.")
        assert many.ws.selections() == []
        visit.click("text=Undo")
        page.wait_for_selector("text=The selection short_ones is saved.")
        assert many.ws.selections()[0].sql == "select * from records where n_chars < 15"
        visit.click("text=Undo")
        page.wait_for_selector("text=The selection short_ones is removed.")


def test_saving_over_a_name_is_undone_to_what_it_was(many):
    with many.client(accept="text/html") as client:
        client.post("/query/save", data={"name": "mine", "sql": "select 1 as a"})
        done = client.post("/query/save", data={"name": "mine", "sql": "select 2 as a"}).headers["location"]
        undo = client.get(done + "&format=json").json()["done"]
        assert (undo["undo"], dict(undo["fields"])) == ("/query/save", {"name": "mine", "sql": "select 1 as a"})
        client.post(undo["undo"], data=dict(undo["fields"]))
        assert [s.sql for s in many.ws.selections() if s.name == "mine"] == ["select 1 as a"]
        assert client.post("/query/save", data={"name": "records", "sql": "select 1"}).status_code == 422
        assert client.post("/query/save", data={"name": "x", "sql": "drop table records"}).status_code == 422
        assert client.post("/query/remove", data={"name": "nothing"}).status_code == 404
    with many.client(Role.REVIEWER) as reviewer:
        assert reviewer.post("/query/save", data={"name": "x", "sql": "select 1"}).status_code == 403
        assert 'formaction="/query/save"' not in reviewer.get("/query").text
