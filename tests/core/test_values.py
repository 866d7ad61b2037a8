"""Numbers, dates and money as people write them: what is read, and what is rather left alone."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homegrown.core.dates import guess_day_first, parse_date
from homegrown.core.values import Money, parse_money, parse_number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", "0"), ("007", "7"), ("1,234", "1234"), ("1.234", "1.234"), ("12,5", "12.5"), ("0,125", "0.125"),
        ("1,234,567.89", "1234567.89"), ("1.234.567,89", "1234567.89"), ("1.234.567", "1234567"), ("1'234.5", "1234.5"),
        ("1 234 567", "1234567"), ("-5", "-5"), ("\u22125", "-5"), ("5-", "-5"), ("(1,000)", "-1000"), (".5", "0.5"),
        ("3k", "3000"), ("2.5 bn", "2500000000"), ("١٢٣", "123"), ("４５", "45"), ("50%", "50"),
    ],
)  # fmt: skip
def test_numbers(text, number):
    found = parse_number(text)
    assert found == Decimal(number)
    assert "E" not in str(found)


@pytest.mark.parametrize(
    "text", ["", " ", "abc", "1,23,4", "1.2.3", "12 or 13", "1,2345.6", "1 2", "--1", "1e5", "NaN", "inf", "1" * 81, "½", "1/2"]
)  # fmt: skip
def test_what_is_no_number_or_two_gives_none(text):
    assert parse_number(text) is None


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=2, allow_nan=False))
def test_every_usual_way_to_write_an_amount_is_read_back(value):
    plain = f"{value:,.2f}"
    european = plain.replace(",", "_").replace(".", ",").replace("_", ".")
    for written in (plain, european, f"{value:.2f}", plain.replace(",", " "), plain.replace(",", "\u202f")):
        assert parse_number(written) == value
    assert parse_money(f"{plain} EUR") == Money(value, "EUR")
    assert parse_money(f"€{plain}") == Money(value, "EUR")


@given(st.text(max_size=30))
def test_no_text_breaks_a_reader(text):
    for read, kind in ((parse_number, Decimal), (parse_date, date), (parse_money, Money)):
        assert isinstance(read(text), kind | None)


@given(st.dates(min_value=date(1900, 1, 1), max_value=date(2100, 12, 31)))
def test_a_date_in_its_usual_forms(day):
    written = [
        day.isoformat(), f"{day:%Y%m%d}", f"{day:%d %B %Y}", f"{day:%B %d, %Y}", f"{day.day}. {day:%b} {day.year}",
        f"{day:%A}, {day:%d %b %Y}", f"{day:%d-%b-%Y} 10:30", f"{day.isoformat()}T10:30:00Z",
    ]  # fmt: skip
    assert {parse_date(w) for w in written} == {day}
    assert parse_date(f"{day:%d/%m/%Y}", day_first=True) == day
    assert parse_date(f"{day:%m/%d/%Y}", day_first=False) == day
    assert parse_date(f"{day:%d/%m/%Y}") in (day, None)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("25/11/26", "2026-11-25"), ("11/25/2026 4:05 PM", "2026-11-25"), ("3rd of March 2021", "2021-03-03"),
        ("1. märz 2021", "2021-03-01"), ("2 de mayo de 2021", "2021-05-02"), ("25NOV2018", "2018-11-25"),
        ("25112018", "2018-11-25"), ("(25.11.2018)", "2018-11-25"), ("30 DEC 17", "2017-12-30"), ("05/05/2020", "2020-05-05"), ("2026年1月5日", "2026-01-05"), ("2026년 11월 25일", "2026-11-25"), ("31 dec '68", "2068-12-31"), ("31 dec 69", "1969-12-31"),
    ],
)  # fmt: skip
def test_dates(text, day):
    assert str(parse_date(text)) == day


@pytest.mark.parametrize(
    "text", ["", "03/04/2026", "31/02/2026", "29 feb 2025", "2026", "may", "13/13/2020", "25 foo 2020", "1/2"]
)
def test_what_is_no_day_or_two_gives_none(text):
    assert parse_date(text) is None


def test_data_tell_in_which_order_they_write_unless_they_contradict_themselves():
    assert guess_day_first(["25/12/2018", "01/02/2018"] * 20 + ["12/25/2018"]) is True
    assert guess_day_first(["25/12/2018", "12/25/2018"]) is None
    assert guess_day_first(["2018-12-25", "nothing"]) is None


@pytest.mark.parametrize(
    ("text", "money"),
    [
        ("RM9.00", Money(Decimal("9.00"), "MYR")), ("EUR 1.000,00", Money(Decimal("1000.00"), "EUR")),
        ("-€5", Money(Decimal(-5), "EUR")), ("5,50 zł", Money(Decimal("5.50"), "PLN")), ("$1k", Money(Decimal(1000))),
        ("(£3.20)", Money(Decimal("-3.20"), "GBP")), ("3 million", Money(Decimal(3000000))), ("12", Money(Decimal(12))),
        ("1,280円", Money(Decimal(1280), "JPY")), ("1.5万元", Money(Decimal(15000))), ("￥9", Money(Decimal(9))), ("250 บาท", Money(Decimal(250), "THB")),
    ],
)  # fmt: skip
def test_money(text, money):
    assert parse_money(text) == money


@pytest.mark.parametrize("text", ["", "five", "5 apples", "€", "EUR EUR 5", "5 EUR 6"])
def test_what_is_no_money_gives_none(text):
    assert parse_money(text) is None
