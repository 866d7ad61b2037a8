"""The pages of cost: a person says what is paid, reads the sentence, changes a number, takes a price back."""

import csv
import io

import pytest

from homegrown.core.access import SYSTEM, Role
from homegrown.workspace import connect
from tests.studio.conftest import running, visiting

EVIL = '<img src=x onerror="document.title=1">'


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A studio over a workspace without traffic."""
    with connect(tmp_path_factory.mktemp("cost") / "desk", actor=SYSTEM) as ws, running(ws) as studio:
        yield studio


def test_from_no_traffic_to_a_sentence_and_a_price_of_ones_own(chromium, desk):
    with visiting(chromium, desk) as visit:
        page = visit.page
        visit.go("/cost")
        assert "How many calls a day go to a model API?" in page.inner_text("main")
        page.fill("#in-calls_per_day", "40,000")
        page.select_option("#in-upstream", "large-api")
        visit.click("form[action='/cost'] button")
        page.wait_for_selector("vega-chart svg >> nth=1", timeout=30_000)
        assert page.inner_text("#answer").startswith("At 40,000 calls a day, owning pays back in month ")
        assert "large-api, 2026-11-25, simulated" in page.inner_text(".notice-doubt")
        visit.click("text=Set prices")
        visit.click("[aria-label='Change large-api']")
        assert page.input_value("#price-price_in_usd") == "3"
        page.fill("#price-price_in_usd", "0")
        page.fill("#price-price_out_usd", "0")
        visit.click("text=Keep this price")
        page.wait_for_selector("text=The price of large-api holds from")
        visit.go("/cost?calls_per_day=40000&upstream=large-api")
        assert "does not pay back within 36 months: stay with large-api." in page.inner_text("#answer")
        visit.go("/cost/prices")
        visit.click("[aria-label='Remove large-api']")
        page.wait_for_selector("text=The price of large-api is out")
        visit.click("text=Undo")
        page.wait_for_selector("text=The price of large-api holds from")
        visit.click("text=Undo")
        page.wait_for_selector("text=The price of large-api is out")
    assert not [p for p in desk.ws.prices().all() if p.origin == "workspace"]


def test_a_price_that_is_replaced_comes_back_as_it_was(desk):
    with desk.client() as client:
        first = {"kind": "rental", "name": "vm", "usd_per_hour": "0.123456789", "valid_from": "2026-11-01",
                 "is_simulated": "1"}  # fmt: skip
        client.post("/cost/prices", data=first)
        twin = client.post("/cost/prices?format=json", data={**first, "usd_per_hour": "9"}).json()
        client.post(twin["done"]["undo"], data=dict(twin["done"]["fields"]))
    (kept,) = [p for p in desk.ws.prices().all() if p.subject == "vm"]
    assert (kept.details.usd_per_hour, kept.is_simulated, kept.valid_from) == (0.123456789, True, "2026-11-01")


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/cost?calls_per_day=nan", "lies between"),
        ("/cost?calls_per_day=0", "With no calls nothing is paid"),
        ("/cost?calls_per_day=1&coverage=7", "lies between 0 and 1"),
        ("/cost?upstream=nobody&calls_per_day=1", "There is no upstream"),
        ("/cost?hardware=%3Cb%3E&calls_per_day=1", "There is no hardware"),
        ("/cost/plan?n_params=many", "Parameters is a number"),
        ("/cost/plan?hardware=abacus", "There is no hardware"),
        ("/cost/charges?by=moon", "Charges are added up by"),
        ("/cost/prices?kind=moon", "A price is of"),
    ],
)
def test_what_cannot_be_is_one_sentence_on_the_page(desk, path, says):
    with desk.client() as client:
        answer = client.get(path)
    assert answer.status_code in (404, 422)
    assert says in answer.text
    assert "<b>" not in answer.text


def test_hostile_names_stay_text_and_readers_set_nothing(chromium, desk):
    price = desk.ws.set_price("upstream", EVIL, {"price_in_usd": 1, "price_out_usd": 1}, valid_from="2026-01-01")
    try:
        with visiting(chromium, desk) as visit:
            visit.go("/cost/prices")
            assert EVIL in visit.page.inner_text("main")
            visit.go("/cost?calls_per_day=5&upstream=" + EVIL.replace('"', "%22"))
            visit.page.wait_for_selector("vega-chart svg", timeout=30_000)
            assert EVIL in visit.page.inner_text("#answer")
            assert visit.page.title() != "1"
    finally:
        desk.ws.remove_price(price.price_id)
    with desk.client(Role.REVIEWER) as client:
        assert "Keep this price" not in client.get("/cost/prices").text
        assert client.post("/cost/prices", data={"kind": "upstream", "name": "x"}).status_code == 403


def test_months_as_a_file(desk):
    with desk.client() as client:
        answer = client.get("/cost/months.csv?calls_per_day=40000&upstream=large-api&horizon_months=12")
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert rows[0] == ["month", "API large-api", "rented cpu-2-cores", "owned small-server"]
    assert len(rows) == 14
    assert float(rows[1][1]) == 0.0


def test_a_grown_workspace_shows_what_its_models_cost(grown):
    with grown.client() as client:
        charges = client.get("/cost/charges", params={"format": "json"}).json()
        assert {m["name"] for m in charges["models"]} == {"topic@1", "topic@2"}
        assert all(" J (" in m["energy"] for m in charges["models"])
        found = client.get("/cost?calls_per_day=40000&format=json").json()["result"]
    rate = next(row for row in found["inputs"] if row["title"] == "Calls a second that a machine answers")
    assert rate["origin"] == "measured"
    assert "topic@2" in rate["source"]
