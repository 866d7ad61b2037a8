"""Keys, tokens and passwords in texts: by the prefixes that their makers gave them, and by what stands before them.

The prefixes are those that the makers publish for scanners. Every pattern is bounded, as in ``inference.personal``.
"""

from __future__ import annotations

import math
import re
from collections import Counter

from homegrown.inference.personal import Personal

_TOKENS = re.compile(
    r"(?<![\w-])(?:"
    r"(?:AKIA|ASIA)[A-Z0-9]{16}"
    r"|gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255}|glpat-[\w-]{20,64}"
    r"|xox[abposr]-[A-Za-z0-9-]{10,250}"
    r"|sk-(?:ant-|proj-|or-)?[A-Za-z0-9_-]{20,250}|AIza[\w-]{35}|ya29\.[\w-]{20,250}"
    r"|(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,128}"
    r"|npm_[A-Za-z0-9]{36}|pypi-[\w-]{50,250}|hf_[A-Za-z0-9]{30,64}|dop_v1_[a-f0-9]{64}"
    r"|SG\.[\w-]{16,64}\.[\w-]{16,64}|SK[a-f0-9]{32}|key-[a-f0-9]{32}"
    r"|eyJ[\w-]{10,2000}\.eyJ[\w-]{10,4000}\.[\w-]{10,1000}"
    r")(?![\w-])",
    re.ASCII,
)
_PRIVATE_KEY = re.compile(
    r"-----BEGIN (?:[A-Z]{2,12} ){0,2}PRIVATE KEY-----(?:[^-]{0,8000}-----END [A-Z ]{0,30}-----)?"
)
_NAMED = re.compile(
    r"\b(?:pass(?:word|wd|phrase)?|pwd|secret|api[ _-]?key|access[ _-]?key|auth[ _-]?token|token|kennwort|passwort|"
    r"contraseña|mot de passe)\b[\"']?(?: is)?[ \t]{0,3}[:=][ \t]{0,3}[\"']?([^\s\"',;<>]{6,200})",
    re.IGNORECASE,
)
_IN_URL = re.compile(r"\b[a-z][a-z0-9+]{1,15}://[^\s:@/]{1,64}:([^\s:@/]{3,128})@", re.IGNORECASE)
_FEWEST_BITS = 2.5


def find_secrets(text: str) -> list[Personal]:
    """Secrets in *text*, in order of place, no two of which overlap.

    Example:
        >>> [s.kind for s in find_secrets("password: hunter2-Tr0ub4dor")]
        ['password']
    """
    found = [Personal("private_key", m.start(), m.end(), 0.99) for m in _PRIVATE_KEY.finditer(text)]
    found += [Personal("api_key", m.start(), m.end(), 0.97) for m in _TOKENS.finditer(text)]
    found += [Personal("password", m.start(1), m.end(1), 0.9) for m in _IN_URL.finditer(text)]
    found += [Personal("password", m.start(1), m.end(1), 0.7) for m in _NAMED.finditer(text) if _is_odd(m[1])]
    kept: list[Personal] = []
    for one in sorted(found, key=lambda p: (p.start, -p.prob)):
        if not kept or one.start >= kept[-1].end:
            kept.append(one)
    return kept


def _is_odd(value: str) -> bool:
    """Not a plain word: it mixes kinds of characters and is not repetitive."""
    kinds = sum((any(map(str.isdigit, value)), any(map(str.isalpha, value)), not value.isalnum()))
    counts = Counter(value).values()
    bits = -sum(c / len(value) * math.log2(c / len(value)) for c in counts)
    return kinds >= 2 and bits >= _FEWEST_BITS
