"""What leaves masked, what does not, and that no text makes it slow."""

import time

import pytest

from homegrown.inference.masking import PatternMasker

MASK = PatternMasker().mask


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("write anna.k+x@mail.example.org!", "write [email]!"),
        ("pay DE89 3704 0044 0532 0130 00 please now", "pay [iban] please now"),
        ("iban GB29NWBK60161331926819.", "iban [iban]."),
        ("card 4111-1111-1111-1111 12/29", "card [card] 12/29"),
        ("378282246310005", "[card]"),
        ("call +49 (0)170 1234567 or 0170/1234567 or (555) 123-4567", "call [phone] or [phone] or [phone]"),
        ("from 192.168.10.1:80", "from [ip]:80"),
        ("my key is sk-abcdefghijklmnop1234", "my key is [api key]"),
        ("two: a@b.co, c@d.co", "two: [email], [email]"),
        ("ünï@exämple.org", "[email]"),
    ],
)
def test_is_masked(text, masked):
    assert MASK(text).text == masked


@pytest.mark.parametrize(
    "text",
    ["order 4111111111111112", "version 10.2.300.4", "at 12:30 on 2026-11-25", "I paid 1,234.56 EUR", "room 0815", "DE12 is no account",
     "1111111111111111", "@home", "a@b", "the year 2026 and 77 classes", "ticket 123456789", ""],
)  # fmt: skip
def test_is_not_masked(text):
    assert MASK(text).text == text


def test_what_was_found_is_counted():
    assert MASK("a@b.co c@d.co 192.168.0.1").n_found == {"email": 2, "ip": 1}


@pytest.mark.parametrize("piece", ["1 ", "1-", "a@", "a.", "DE89", "0 ", "+4", "(0", "1.", "@.", "sk-", "AB12 "])
def test_no_text_makes_it_slow(piece):
    started = time.process_time()
    MASK(piece * (200_000 // len(piece)))
    assert time.process_time() - started < 3
