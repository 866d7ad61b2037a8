"""Costs from the command line: one document, one sentence where something cannot be."""

import json
import subprocess
import sys

import pytest

from homegrown.cli.main import cli
from homegrown.errors import InputError

CASE = {
    "calls-per-day": 1_000_000, "calls-per-s": 1_000, "hardware-usd": 500_000, "hosting-usd-per-month": 10_000,
    "resale-share": 0.8, "rental-usd-per-month": 72_500, "watts-idle": 0, "watts-busy": 0, "upkeep-hours-per-month": 0,
    "labelling-hours": 0, "labelling-hours-per-month": 0, "setup-hours": 0, "storage-usd-per-month": 0,
}  # fmt: skip


@pytest.fixture
def run(tmp_path_factory, capsys):
    """The command in this process; the workspace is one for all."""
    root = tmp_path_factory.getbasetemp() / "cost"

    def go(*arguments, as_json=True):
        words = ["cost", *map(str, arguments), "--workspace", str(root / "w"), *(["--json"] if as_json else [])]
        cli.main(words, standalone_mode=False)
        return capsys.readouterr().out

    return go


def test_the_worked_case(run):
    options = [part for name, value in CASE.items() for part in (f"--{name}", value)]
    done = json.loads(run(*options, "--hardware", "cluster", "--rental", "cluster"))
    pair = next(p for p in done["break_even"] if (p["home"], p["away"]) == ("own", "rent"))
    assert (pair["month"], pair["saving_usd"]) == (8, 2_150_000)


def test_a_price_of_ones_own_goes_into_the_sentence(run):
    made = run("prices", "set", "upstream", "gpt", "price_in_usd=3", "price_out_usd=15", "--from", "2026-01-01")
    assert json.loads(made)["origin"] == "workspace"
    said = run("--calls-per-day", 40_000, "--upstream", "gpt", as_json=False)
    assert said.startswith("At 40,000 calls a day, owning pays back in month ")
    assert "against gpt; below about " in said
    assert "Simulated or guessed: " in said
    assert "gpt, 2026" not in said.split("Simulated or guessed: ")[1]


def test_a_plan_shows_its_arithmetic(run):
    said = run("plan", "--params", "7e9", "--hardware", "card-24gb", as_json=False)
    assert "7,000,000,000 × 16 bits ÷ 8" in said
    assert "full: 114.5 of 24 GB a device, does not fit" in said


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "No calls have been captured yet"),
        (("prices", "set", "upstream", "gpt", "price_in_usd"), "is no FIELD=NUMBER"),
        (("--upstream", "gpt", "charges"), "stand alone"),
    ],
)
def test_what_cannot_be_is_one_sentence(run, arguments, says):
    with pytest.raises(InputError) as caught:
        run(*arguments)
    assert says in caught.value.message


def test_a_refusal_ends_a_real_process_with_exit_code_2(tmp_path):
    command = [sys.executable, "-m", "homegrown", "cost", "--calls-per-day", "nan", "--workspace", str(tmp_path / "w")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert done.stderr.startswith("homegrown: The number of calls a day lies between")
    assert len(done.stderr.strip().splitlines()) == 1
