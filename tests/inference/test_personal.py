import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homegrown.inference.check_digits import luhn, verhoeff
from homegrown.inference.national_ids import NATIONAL_IDS, is_iban
from homegrown.inference.personal import KINDS, find_personal, mask

# Published examples of the issuing offices, and of our own with their check digits computed.
EXAMPLES = {
    "email": ["anna@example.org", "a.b+c@mail.example.co.uk", "jürgen@bücher.de"],
    "phone": ["+49 30 901820", "(212) 555-0100", "212-555-0100 x12", "020 7946 0958", "06 12 34 56 78"],
    "card": ["4111 1111 1111 1111", "5555-5555-5555-4444", "378282246310005", "6011000990139424"],
    "iban": ["DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432", "FR14 2004 1010 0505 0001 3M02 606"],
    "ip": ["192.168.0.17", "2001:db8::8a2e:370:7334"],
    "mac": ["00:1A:2B:3C:4D:5E", "00-1a-2b-3c-4d-5e"],
    "url": ["https://example.org/a?b=1", "www.example.org"],
    "domain": ["shop.example.com", "example.co.uk"],
    "postcode": ["SW1A 1AA", "K1A 0B1"],
    "national_id": [
        "078-05-1120", "AB 12 34 56 C", "529.982.247-25", "11010519491231002X", "12345678Z", "RSSMRA85T10A562S",
        "131052-308T", "112-233-445 95", "93.05.18-223.61",
    ],
}  # fmt: skip


@pytest.mark.parametrize(("kind", "written"), [(k, w) for k, all_ in EXAMPLES.items() for w in all_])
def test_what_has_a_form_is_found_whole(kind, written):
    text = f"Please note {written} for later."
    assert [(p.kind, text[p.start : p.end]) for p in find_personal(text)] == [(kind, written)]
    assert mask(text) == f"Please note [{kind.replace('_', ' ')}] for later."


def test_the_examples_cover_every_kind():
    assert set(EXAMPLES) == set(KINDS)
    assert len(NATIONAL_IDS) >= 30


@pytest.mark.parametrize(
    "text",
    [
        "My card 4111 1111 1111 1112 does not work",
        "IBAN DE89 3704 0044 0532 0130 01",
        "It was 2026-03-14, or 14.03.2026 09:30, from 2019-2020",
        "I paid 10 000 000 and then 1,234,567.89 and $555 123 4567",
        "version 1.2.3.4 of the app",
        "my order 123456789 came. The invoice 20260314 did not",
        "It worked.It is fine now.So what",
        "999.999.999.999",
        "the years 1999 2000 2001",
        "",
        "🙂" * 50,
    ],
)
def test_what_only_looks_like_it_is_left_alone(text):
    assert find_personal(text) == []
    assert mask(text) == text


def test_a_word_before_it_says_what_a_number_is():
    assert find_personal("123456782") == []
    assert [p.country for p in find_personal("mijn bsn is 123456782")] == ["nl"]
    assert find_personal("555123") == []
    assert [p.kind for p in find_personal("my zip code is 90210")] == ["postcode"]


def test_only_the_wanted_kinds_are_masked():
    assert mask("a@example.org from 10.0.0.1", ["ip"]) == "a@example.org from [ip]"


def test_check_digits():
    assert luhn("79927398713")
    assert not luhn("79927398710")
    assert verhoeff("2363")
    assert not verhoeff("2364")
    assert not is_iban("DE")


@given(st.text(max_size=300))
@settings(max_examples=300, deadline=None)
def test_any_text_is_read_and_findings_are_in_order(text):
    found = find_personal(text)
    assert all(0 <= p.start < p.end <= len(text) and p.prob >= 0.5 for p in found)
    assert all(a.end <= b.start for a, b in pairwise(found))
    masked = mask(text)
    assert len(find_personal(masked)) <= len(found) + 1


BOMBS = ["a", "1", "1 ", "a@", "a.", "www.", "-1", ":", "A1", "((1", "1.1.", "+1(", "x@a.", "4111 ", "DE89", "zip 123 "]


@pytest.mark.parametrize("piece", BOMBS)
def test_no_text_makes_it_slow(piece):
    """Eight times the text takes about eight times as long; a pattern that backtracks would take 64 times or for ever."""

    def seconds(n):
        text = piece * (n // len(piece))
        started = time.process_time()
        find_personal(text)
        return time.process_time() - started

    seconds(1000)
    short, long = max(seconds(20_000), 0.002), min(seconds(160_000) for _ in range(3))
    assert long < 30 * short
