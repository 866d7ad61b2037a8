"""Personal data that patterns can find, with check digits where there are any; and texts with it masked.

Mail addresses, phone numbers, cards (Luhn), IBAN (mod 97), identity numbers of countries, addresses of the network
(IP, MAC, URL, domain), postcodes. **Names, places, dates and streets have no form that a pattern could know: they are
not looked for.**

Every pattern is bounded: at each place of a text it costs no more than a constant, so no text makes it slow.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from homegrown.inference.check_digits import luhn
from homegrown.inference.national_ids import NATIONAL_IDS, is_iban
from homegrown.inference.phones import CANDIDATE, phone_prob

#: what is found, in the order in which an overlap is decided
KINDS = ("iban", "email", "url", "card", "national_id", "mac", "ip", "domain", "phone", "postcode")
LEAST = 0.5
_BEFORE, _AFTER = 48, 24
_BOOST = 0.5
_FEWEST_DIGITS = 6
_FEWEST_CARD_DIGITS = 12

# Without endings that are also common words: a full stop without a space would make a domain of two sentences.
_ENDINGS = (
    "com|org|net|edu|gov|mil|int|info|biz|io|ai|app|dev|cloud|online|shop|store|site|tech|xyz|club|blog|wiki|travel|mobi|"
    "co|uk|de|fr|es|pl|ru|nl|ca|au|jp|cn|br|mx|ar|cl|ch|se|dk|fi|cz|sk|hu|ro|bg|gr|pt|ie|kr|tw|hk|sg|nz|za|eu|us|tv|cc|ua|tr|"
    "va|hr|rs|lt|lv|ee|lu|id|my|ph|vn|th|pk|ng|ke|il|ae|sa|ir|local"
)
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = rf"(?:{_LABEL}\.){{1,6}}[a-z][a-z0-9-]{{1,23}}"
_IGNORE = re.IGNORECASE
_EMAIL = re.compile(
    rf"(?<![\w.+%-])[\w.+%'-]{{1,64}}@(?:{_HOST}|[\w-]{{1,63}}(?:\.[\w-]{{1,63}}){{1,4}})(?![\w@])", _IGNORE
)
_URL = re.compile(r"(?<!\w)(?:(?:https?|ftp)://|www\.)[^\s<>\"'`{}|\\^]{1,2000}", _IGNORE)
_DOMAIN = re.compile(rf"(?<![\w@.-])(?:{_LABEL}\.){{1,5}}(?:{_ENDINGS})(?![\w-])(?:/[^\s<>\"']{{0,500}})?", _IGNORE)
_CARD = re.compile(r"(?<!\w)(?<!\d[.,-])\d(?:[ -]?\d){11,18}(?![\w-]|[.,]\d)", re.ASCII)
_CARD_WORDS = "card|visa|master ?card|amex|maestro|credit|debit|karte|carte|tarjeta"
_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,30}(?!\w)", re.ASCII | _IGNORE)
_IPV4 = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w]|\.\d)", re.ASCII)
_IPV6 = re.compile(r"(?<![\w:.])(?=[0-9a-f:.]{0,39}:)[0-9a-f:]{2,39}(?:(?:\.\d{1,3}){3})?(?![\w:])", re.ASCII | _IGNORE)
_MAC = re.compile(r"(?<![\w:-])[0-9a-f]{2}(?:([:-])[0-9a-f]{2})(?:\1[0-9a-f]{2}){4}(?![\w:-])", re.ASCII | _IGNORE)
_STATES = (
    "A[LKZR]|C[AOT]|D[EC]|FL|GA|HI|I[DLNA]|K[SY]|LA|M[EDAINSOT]|N[EVHJMYCD]|O[HKR]|PA|RI|S[CD]|T[NX]|UT|V[TA]|"
    "W[AVIY]|PR"
)
_POSTCODES = (
    (re.compile(rf"(?<![\w])(?<=[ ,.])(?:{_STATES})[ ,]{{1,2}}(\d{{5}}(?:-\d{{4}})?)(?![\w-])", re.ASCII), 0.85),
    (re.compile(r"(?<![\w.,+-])(\d{5}-\d{4})(?![\w-])", re.ASCII), 0.6),
    (re.compile(r"(?<!\w)([A-Z]{1,2}\d[A-Z\d]? \d[ABD-HJLNP-UW-Z]{2})(?!\w)", re.ASCII), 0.8),
    (re.compile(r"(?<!\w)([ABCEGHJ-NPRSTVXY]\d[ABCEGHJ-NPRSTV-Z] \d[ABCEGHJ-NPRSTV-Z]\d)(?!\w)", re.ASCII), 0.8),
    (re.compile(r"(?<![\w.,+-])([1-9]\d{3} [A-Z]{2})(?!\w)", re.ASCII), 0.45),
    (re.compile(r"(?<![\w.,+/:$€£#-])(\d{3,6}|\d{2,5}[ -]\d{2,4})(?![\w/:-]|[.,]\d)", re.ASCII), 0.05),
)
# The last thing in a line that belongs to an address.
_LAST = re.compile(r"[^\W\d_]{2,30},?\s{1,8}(\d{4,6})(?=[,.]?\s{0,4}(?:\n|$))")
_STREET_WORDS = re.compile(
    r"\b(?:address|adresse|street|road|avenue|ave|lane|suite|apt|apartment|unit|flat|floor|p\.?o\.? ?box|"
    r"stra(?:ß|ss)e|rue|calle)\b",
    _IGNORE,
)
_POST_WORDS = re.compile(
    r"\b(?:zip(?: ?code)?|post(?:al)? ?code|plz|postleitzahl|code postal|c[óo]digo postal|pin ?code|cap)\b"
    r"[ :#is]{0,6}$",
    _IGNORE,
)
_VERSION_WORDS = re.compile(r"\b(?:v|ver|version|release|build|section|chapter)\.?[ :]?$", _IGNORE)
_ANY = re.compile(r"@|\d|www\.|://|\w\.[a-z]{2}", _IGNORE)


@dataclass(frozen=True, slots=True)
class Personal:
    """One piece of personal data.

    Attributes:
        kind: one of ``KINDS``.
        start: where it begins, in characters.
        end: behind its last character.
        prob: how sure its form and its check make it.
        country: of a ``national_id``, two letters; otherwise empty.
    """

    kind: str
    start: int
    end: int
    prob: float
    country: str = ""


def find_personal(text: str, kinds: Iterable[str] = KINDS, least: float = LEAST) -> list[Personal]:
    """Personal data in *text*, in order of place, no two of which overlap.

    Args:
        text: any text.
        kinds: what to look for.
        least: what is less probable is left out.

    Example:
        >>> [(p.kind, p.start, p.end) for p in find_personal("Write to anna@example.org or call +49 30 901820.")]
        [('email', 9, 25), ('phone', 34, 47)]
    """
    if _ANY.search(text) is None:
        return []
    wanted = set(kinds)
    found = [p for p in _all(text) if p.prob >= least]
    # What is surer, and of equals what is named first in KINDS, takes the place.
    found.sort(key=lambda p: (KINDS.index(p.kind), -p.prob, p.start - p.end, p.start))
    kept: list[Personal] = []
    taken = bytearray(len(text))
    for one in found:
        if not any(taken[one.start : one.end]):
            taken[one.start : one.end] = b"\1" * (one.end - one.start)
            kept.append(one)
    return sorted((p for p in kept if p.kind in wanted), key=lambda p: p.start)


def mask(text: str, kinds: Iterable[str] = KINDS, least: float = LEAST) -> str:
    """*text* with each piece of personal data replaced by its kind in square brackets.

    Example:
        >>> mask("Write to anna@example.org or call +49 30 901820.")
        'Write to [email] or call [phone].'
    """
    return replaced(text, find_personal(text, kinds, least))


def replaced(text: str, found: Iterable[Personal]) -> str:
    """*text* with the kind of each of *found*, which are in order of place, in its stead."""
    pieces, end = [], 0
    for one in found:
        pieces += [text[end : one.start], f"[{one.kind.replace('_', ' ')}]"]
        end = one.end
    return "".join([*pieces, text[end:]])


def _all(text: str) -> Iterator[Personal]:
    yield from _addresses(text)
    n_digits = sum(map(str.isdigit, text))
    if n_digits >= _FEWEST_DIGITS:
        yield from _numbers(text)
    if n_digits >= 2:
        yield from _network(text)
        yield from _postcodes(text)


def _addresses(text: str) -> Iterator[Personal]:
    if "@" in text:
        for m in _EMAIL.finditer(text):
            if ".." not in m[0] and not m[0].startswith("."):
                yield Personal("email", m.start(), m.end(), 0.98)
    for m in _URL.finditer(text):
        end = m.start() + len(m[0].rstrip(".,;:!?)]*…"))
        if "." in text[m.start() + 4 : end] or "localhost" in m[0]:
            yield Personal("url", m.start(), end, 0.95)
    for m in _DOMAIN.finditer(text):
        if _is_domain(m[0]):
            yield Personal("domain", m.start(), m.start() + len(m[0].rstrip(".,;:!?)]")), 0.8)


def _is_domain(found: str) -> bool:
    """Not two sentences without a space between them: what follows their full stop begins with a capital."""
    host = found.partition("/")[0]
    ending = host.rpartition(".")[2]
    return not ending[:1].isupper() or host.isupper()


def _numbers(text: str) -> Iterator[Personal]:
    for m in _IBAN.finditer(text):
        yield from _iban(m)
    for m in _CARD.finditer(text):
        yield from _card(text, m)
    for one in NATIONAL_IDS:
        for m in one.pattern.finditer(text):
            if _passes(one.check, m[0]):
                prob = one.prob
                if prob < LEAST and _near(text, m.start(), m.end(), one.words):
                    prob += _BOOST
                yield Personal("national_id", m.start(), m.end(), prob, one.country)
    for m in CANDIDATE.finditer(text):
        around = text[max(0, m.start() - _BEFORE) : m.start()], text[m.end() : m.end() + _AFTER]
        yield Personal("phone", m.start(), m.end(), phone_prob(m[0], *around))


def _card(text: str, found: re.Match[str]) -> Iterator[Personal]:
    """The longest beginning, up to a gap, that is one: a date or a code may stand behind it."""
    gaps = [i for i, c in enumerate(found[0]) if not c.isdigit()]
    for end in (len(found[0]), *reversed(gaps)):
        digits = re.sub(r"\D", "", found[0][:end])
        if len(digits) < _FEWEST_CARD_DIGITS:
            return
        if luhn(digits):
            said = _near(text, found.start(), found.end(), _CARD_WORDS)
            prob = 0.95 if _is_issuer(digits) else 0.7 if said else 0.3
            yield Personal("card", found.start(), found.start() + end, prob)
            return


def _iban(found: re.Match[str]) -> Iterator[Personal]:
    """The longest beginning that is one: a word of capitals may stand behind it."""
    text = found[0]
    compact = re.sub(r"[ -]", "", text).upper()
    for length in range(len(compact), 14, -1):
        if is_iban(compact[:length]):
            n, end = 0, 0
            while n < length:
                n += text[end].isalnum()
                end += 1
            if not text[end : end + 1].isalnum():
                yield Personal("iban", found.start(), found.start() + end, 0.99)
            return


def _is_issuer(digits: str) -> bool:
    """Whether a network gives out cards of this beginning and length (ISO/IEC 7812 ranges in use)."""
    head, n = int(digits[:4]), len(digits)
    ranges = (
        (4000, 4999, (13, 16, 19)), (5100, 5599, (16,)), (2221, 2720, (16,)), (3400, 3499, (15,)), (3700, 3799, (15,)),
        (3528, 3589, (16, 17, 18, 19)), (3000, 3059, (14, 16)), (3600, 3699, (14, 16)), (3800, 3999, (14, 16)),
        (6000, 6999, (12, 13, 14, 15, 16, 17, 18, 19)), (5000, 5099, (12, 13, 14, 15, 16, 17, 18, 19)),
        (5600, 5899, (12, 13, 14, 15, 16, 17, 18, 19)), (2200, 2204, (16, 17, 18, 19)), (1800, 1800, (15,)),
        (2131, 2131, (15,)), (9792, 9792, (16,)),
    )  # fmt: skip
    return any(low <= head <= high and n in lengths for low, high, lengths in ranges)


def _passes(check: Callable[[str], bool], written: str) -> bool:
    try:
        return check(re.sub(r"[ ./+-]", "", written).upper())
    except (ValueError, IndexError):
        return False


def _near(text: str, start: int, end: int, words: str) -> bool:
    around = text[max(0, start - _BEFORE) : start] + " " + text[end : end + _AFTER]
    return re.search(rf"\b(?:{words})", around, _IGNORE) is not None


def _network(text: str) -> Iterator[Personal]:
    for m in _MAC.finditer(text):
        yield Personal("mac", m.start(), m.end(), 0.95)
    for m in _IPV4.finditer(text):
        if _is_address(m[0]) and not _VERSION_WORDS.search(text[max(0, m.start() - 12) : m.start()]):
            yield Personal("ip", m.start(), m.end(), 0.9)
    for m in _IPV6.finditer(text):
        if m[0].count(":") > 1 and _is_address(m[0]) and any(c.isdigit() for c in m[0]):
            yield Personal("ip", m.start(), m.end(), 0.95)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _postcodes(text: str) -> Iterator[Personal]:
    for pattern, prob in _POSTCODES:
        for m in pattern.finditer(text):
            said = _POST_WORDS.search(text[max(0, m.start(1) - 24) : m.start(1)]) is not None
            yield Personal("postcode", m.start(1), m.end(1), min(0.95, prob + (0.8 if said else 0)))
    for m in _LAST.finditer(text):
        if _STREET_WORDS.search(text[max(0, m.start() - 2 * _BEFORE) : m.start()]):
            yield Personal("postcode", m.start(1), m.end(1), 0.6)
