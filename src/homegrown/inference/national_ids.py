"""Identity numbers of countries, each with its format, its check, and the words that usually stand before it.

Formats and checks as the issuing offices publish them. A number that only says "nine digits, one check digit" is
believed where a word before it says what it is; one in ten of all numbers would pass the check.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from homegrown.inference.check_digits import is_day, luhn, mod11_10, mod97, verhoeff, weighed

SURE, LIKELY, WITH_WORD = 0.95, 0.8, 0.4


@dataclass(frozen=True, slots=True)
class NationalId:
    """One kind of number.

    Attributes:
        country: two letters.
        pattern: of its written form; bounded, so that it costs no more than its length at each place.
        check: of the number without what parts it, in upper case.
        prob: that a number of this form which passes the check is one, when no word says so.
        words: that say so; a pattern.
    """

    country: str
    pattern: re.Pattern[str]
    check: Callable[[str], bool]
    prob: float
    words: str


def _ssn(n: str) -> bool:
    area = n[:3]
    itin = area >= "900" and n[3:5] >= "50"
    return (area not in ("000", "666") and (area < "900" or itin)) and n[3:5] != "00" and n[5:] != "0000"


def _two_checks(n: str, first: tuple[int, ...], second: tuple[int, ...]) -> bool:
    """Brazil: remainder of 11, less than two counts as none; all digits equal is no number."""
    if len(set(n)) == 1:
        return False
    wanted = []
    for weights in (first, second):
        rest = weighed(n, weights, 11)
        wanted.append(0 if rest < 2 else 11 - rest)
    return n[-2:] == f"{wanted[0]}{wanted[1]}"


def _cpf(n: str) -> bool:
    return _two_checks(n, tuple(range(10, 1, -1)), tuple(range(11, 1, -1)))


def _cnpj(n: str) -> bool:
    return _two_checks(n, (5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2), (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2))


def _dni(n: str) -> bool:
    number = n[:-1].translate(str.maketrans("XYZ", "012"))
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23] == n[-1]


_ODD = dict(
    zip(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16,
         10, 22, 25, 24, 23),
        strict=True,
    )
)  # fmt: skip


def _codice_fiscale(n: str) -> bool:
    even = sum(int(c) if c.isdigit() else ord(c) - 65 for c in n[1:15:2])
    return chr(65 + (sum(_ODD[c] for c in n[:15:2]) + even) % 26) == n[15]


def _nir(n: str) -> bool:
    number = n[:13].replace("2A", "19").replace("2B", "18")
    return number.isdigit() and 97 - int(number) % 97 == int(n[13:])


def _idnr(n: str) -> bool:
    return n[0] != "0" and len(set(n[:10])) < 10 and mod11_10(n)


def _nhs(n: str) -> bool:
    rest = 11 - weighed(n, tuple(range(10, 1, -1)), 11)
    return (0 if rest == 11 else rest) == int(n[9])


def _bsn(n: str) -> bool:
    return n != "0" * 9 and weighed(n, (9, 8, 7, 6, 5, 4, 3, 2, -1), 11) == 0


def _belgian(n: str) -> bool:
    return any(97 - int(century + n[:9]) % 97 == int(n[9:]) for century in ("", "2"))


def _pesel(n: str) -> bool:
    month = f"{int(n[2:4]) % 20:02}"
    return is_day(n[:2], month, n[4:6]) and (10 - weighed(n, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3), 10)) % 10 == int(n[10])


def _nif(n: str) -> bool:
    rest = weighed(n, tuple(range(9, 1, -1)), 11)
    return (0 if rest < 2 else 11 - rest) == int(n[8])


def _swedish(n: str) -> bool:
    short = n[-10:]
    return is_day(short[:2], short[2:4], short[4:6]) and luhn(short)


def _danish(n: str) -> bool:
    return is_day(n[4:6], n[2:4], n[:2])


def _finnish(n: str) -> bool:
    return is_day(n[4:6], n[2:4], n[:2]) and "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(n[:6] + n[-4:-1]) % 31] == n[-1]


def _norwegian(n: str) -> bool:
    first = weighed(n, (3, 7, 6, 1, 8, 9, 4, 5, 2, 1), 11)
    second = weighed(n, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1), 11)
    return is_day(n[4:6], n[2:4], n[:2]) and first == 0 and second == 0


def _chinese(n: str) -> bool:
    rest = weighed(n, (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2), 11)
    return is_day(n[6:10], n[10:12], n[12:14]) and "10X98765432"[rest] == n[17]


def _korean(n: str) -> bool:
    return is_day(n[:2], n[2:4], n[4:6])


def _my_number(n: str) -> bool:
    rest = weighed(n, (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2), 11)
    return (0 if rest <= 1 else 11 - rest) == int(n[11])


def _turkish(n: str) -> bool:
    odd, even = sum(map(int, n[0:9:2])), sum(map(int, n[1:8:2]))
    return n[0] != "0" and (odd * 7 - even) % 10 == int(n[9]) and sum(map(int, n[:10])) % 10 == int(n[10])


def _south_african(n: str) -> bool:
    return is_day(n[:2], n[2:4], n[4:6]) and n[10] in "012" and luhn(n)


def _curp(n: str) -> bool:
    letters = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ"
    total = sum(letters.index(c) * (18 - i) for i, c in enumerate(n[:17]))
    return is_day(n[4:6], n[6:8], n[8:10]) and (10 - total % 10) % 10 == int(n[17])


def _cuit(n: str) -> bool:
    return (11 - weighed(n, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2), 11)) % 11 == int(n[10])


def _rut(n: str) -> bool:
    total = sum(int(d) * (2 + i % 6) for i, d in enumerate(reversed(n[:-1])))
    return "0123456789K0"[11 - total % 11] == n[-1]


def _no_check(_: str) -> bool:
    return True


def _tfn(n: str) -> bool:
    return weighed(n, (1, 4, 3, 7, 5, 8, 6, 9, 10), 11) == 0


def _snils(n: str) -> bool:
    return weighed(n, (9, 8, 7, 6, 5, 4, 3, 2, 1), 101) % 100 == int(n[9:])


def _inn(n: str) -> bool:
    first = weighed(n, (7, 2, 4, 10, 3, 5, 9, 4, 6, 8), 11) % 10
    second = weighed(n, (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8), 11) % 10
    return (first, second) == (int(n[10]), int(n[11]))


def _kind(
    country: str, pattern: str, check: Callable[[str], bool], prob: float, words: str, *, any_case: bool = False
) -> NationalId:
    flags = re.IGNORECASE if any_case else re.NOFLAG
    return NationalId(country, re.compile(rf"(?<![\w.,-]){pattern}(?![\w-])", flags | re.ASCII), check, prob, words)


_S = "[ .-]?"  # what may part groups of digits

NATIONAL_IDS = (
    _kind("us", r"\d{3}-\d{2}-\d{4}", _ssn, 0.85, "ssn|social security|itin|tax id"),
    _kind("us", r"\d{3} ?\d{2} ?\d{4}", _ssn, WITH_WORD, "ssn|social security|itin"),
    _kind("gb", r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d\d ?\d\d ?\d\d ?[A-D]", lambda n: n[:2] not in _NO_NINO, 0.85,
          "nino|national insurance"),
    _kind("gb", r"\d{3}[ -]?\d{3}[ -]?\d{4}", _nhs, WITH_WORD, "nhs"),
    _kind("ca", r"\d{3}[ -]\d{3}[ -]\d{3}", luhn, 0.6, "sin|social insurance"),
    _kind("de", r"[1-9]\d ?\d{3} ?\d{3} ?\d{3}", _idnr, WITH_WORD, "steuer|idnr|tin|tax id"),
    _kind("fr", rf"[12]{_S}\d\d{_S}[0-9]\d{_S}\d[0-9AB]{_S}\d{{3}}{_S}\d{{3}}{_S}\d\d", _nir, SURE,
          "s[ée]curit[ée] sociale|nir|insee"),
    _kind("es", r"(?:\d{8}|[XYZ]-?\d{7})-?[A-HJ-NP-TV-Z]", _dni, 0.85, "dni|nie|nif", any_case=True),
    _kind("it", r"[A-Z]{6}\d\d[A-EHLMPRST]\d\d[A-Z]\d{3}[A-Z]", _codice_fiscale, SURE, "codice fiscale", any_case=True),
    _kind("nl", r"\d{9}", _bsn, WITH_WORD, "bsn|burgerservice|sofi"),
    _kind("be", r"\d\d\.\d\d\.\d\d-\d{3}\.\d\d", _belgian, SURE, "rijksregister|registre national"),
    _kind("pl", r"\d{11}", _pesel, 0.6, "pesel"),
    _kind("pt", r"[1-35689]\d{2} ?\d{3} ?\d{3}", _nif, WITH_WORD, "nif|contribuinte"),
    _kind("se", r"(?:19|20)?\d{6}[-+]\d{4}", _swedish, LIKELY, "personnummer"),
    _kind("dk", r"\d{6}-\d{4}", _danish, 0.55, "cpr"),
    _kind("fi", r"\d{6}[-+A-FU-Y]\d{3}[0-9A-FHJ-NPR-Y]", _finnish, SURE, "hetu|henkil"),
    _kind("no", r"\d{6} ?\d{5}", _norwegian, LIKELY, "f[øo]dselsnummer|personnummer"),
    _kind("cn", r"[1-9]\d{16}[\dXx]", _chinese, SURE, "身份证"),
    _kind("kr", r"\d{6}-[1-8]\d{6}", _korean, LIKELY, "주민"),
    _kind("jp", r"\d{4}[ -]?\d{4}[ -]?\d{4}", _my_number, WITH_WORD, "my ?number|マイナンバー|個人番号"),
    _kind("in", r"[2-9]\d{3} \d{4} \d{4}", verhoeff, 0.7, "aadhaa?r|uid"),
    _kind("in", r"[2-9]\d{11}", verhoeff, WITH_WORD, "aadhaa?r|uid"),
    _kind("in", r"[A-Z]{3}[ABCFGHJLPT][A-Z]\d{4}[A-Z]", _no_check, LIKELY, "pan"),
    _kind("br", r"\d{3}\.\d{3}\.\d{3}-\d\d", _cpf, SURE, "cpf"),
    _kind("br", r"\d{11}", _cpf, WITH_WORD, "cpf"),
    _kind("br", r"\d\d\.\d{3}\.\d{3}/\d{4}-\d\d", _cnpj, SURE, "cnpj"),
    _kind("mx", r"[A-Z]{4}\d{6}[HMX][A-Z]{5}[0-9A-Z]\d", _curp, SURE, "curp"),
    _kind("ar", r"\d\d-\d{8}-\d", _cuit, LIKELY, "cui[tl]"),
    _kind("cl", r"\d{1,2}\.\d{3}\.\d{3}-[\dkK]", _rut, LIKELY, "rut|run"),
    _kind("tr", r"[1-9]\d{10}", _turkish, 0.6, "kimlik|tckn"),
    _kind("za", r"\d{13}", _south_african, 0.6, r"id number|sa id"),
    _kind("au", r"\d{3} ?\d{3} ?\d{3}", _tfn, WITH_WORD, "tfn|tax file"),
    _kind("ru", r"\d{3}-\d{3}-\d{3}[ -]\d\d", _snils, SURE, "снилс|snils"),
    _kind("ru", r"\d{12}", _inn, WITH_WORD, "инн|inn"),
)  # fmt: skip
_NO_NINO = frozenset({"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"})

IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29,
    "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29,
    "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28,
    "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28,
    "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MN": 20,
    "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29, "PT": 25,
    "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27,
    "SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20, "YE": 30,
}  # fmt: skip


def is_iban(text: str) -> bool:
    """Length of its country and remainder 1 (ISO 13616-1).

    Example:
        >>> is_iban("DE89370400440532013000"), is_iban("DE89370400440532013001")
        (True, False)
    """
    return IBAN_LENGTHS.get(text[:2]) == len(text) and mod97(text[4:] + text[:4]) == 1
