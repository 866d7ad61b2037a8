"""Costs over the API: what one reads, what one sets, and what is refused in one sentence."""

import pytest

from homegrown.core.access import Role

AT = "/api/v1/cost"


def test_prices_are_set_read_and_taken_out(served):
    body = {"kind": "upstream", "name": "api-price", "details": {"price_in_usd": 1, "price_out_usd": 5}}
    with served.client(Role.BUILDER) as client:
        made = client.put(f"{AT}/prices", json=body).json()
        assert (made["origin"], made["is_simulated"]) == ("workspace", False)
        names = {p["name"]: p for p in client.get(f"{AT}/prices").json()["prices"]}
        assert names["api-price"]["details"]["price_out_usd"] == 5
        assert names["cluster"]["is_simulated"] is True
        machine = {"price_usd": 1, "watts_idle": 1, "watts_busy": 1, "n_devices": 2.0}
        assert client.put(f"{AT}/prices", json={"kind": "hardware", "name": "m", "details": machine}).status_code == 200
        assert client.delete(f"{AT}/prices/{made['price_id']}").json()["name"] == "api-price"
        assert client.delete(f"{AT}/prices/{made['price_id']}").status_code == 404
    with served.client(Role.REVIEWER) as client:
        assert client.put(f"{AT}/prices", json=body).status_code == 403


@pytest.mark.parametrize(
    "details",
    [
        {"price_in_usd": -1, "price_out_usd": 1},
        {"valid_from": "x"},
        {"kind": "x", "subject": "y"},
        {"price_in_usd": "1"},
    ],
)
def test_a_price_that_cannot_be_is_refused(served, details):
    with served.client(Role.BUILDER) as client:
        refused = client.put(f"{AT}/prices", json={"kind": "upstream", "name": "bad", "details": details})
    assert refused.status_code == 422
    assert refused.json()["error"]["message"].endswith(".")


def test_a_comparison_and_its_refusals(served):
    with served.client(Role.REVIEWER) as client:
        done = client.post(f"{AT}/comparison", json={"calls_per_day": 40_000, "upstream": "large-api"}).json()
        assert done["sentence"].startswith("At 40,000 calls a day, owning pays back in month ")
        assert {o["name"] for o in done["options"]} == {"api", "rent", "own"}
        assert any("was not measured" in n for n in done["notes"])
        for body in ({}, {"calls_per_day": 0}, {"calls_per_day": -1}, {"calls_per_day": 1, "coverage": 2},
                     {"calls_per_day": 1e12, "growth_per_month": 1}, {"calls_per_day": 1e12, "n_tokens_in": 1e8,
                      "calls_per_s": 1e9, "upstream": "large-api"}):  # fmt: skip
            refused = client.post(f"{AT}/comparison", json=body)
            assert refused.status_code == 422, (body, refused.text[:200])
            assert refused.json()["error"]["message"].endswith(".")


def test_charges_and_plans(served):
    with served.client(Role.REVIEWER) as client:
        assert client.get(f"{AT}/models").json() == {"models": []}
        assert client.get(f"{AT}/charges", params={"by": "key"}).json() == {"by": "key", "charges": [], "cost_usd": 0}
        assert client.get(f"{AT}/charges", params={"since": "soon"}).status_code == 422
        plan = client.post(f"{AT}/plan", json={"n_params": 7e9}).json()
        assert [f["fits"] for f in plan["fits"]] == [True, False, True, True]
        assert client.post(f"{AT}/plan", json={"n_params": -1}).status_code == 422
        assert client.post(f"{AT}/plan", json={"n_params": 7e9, "hardware": "abacus"}).status_code == 404
