"""Texts of others, made harmless for a terminal."""

from __future__ import annotations


def one_line(text: str, most: int = 100) -> str:
    r"""One line without control characters, so that no text can move the cursor or colour the screen.

    Example:
        >>> one_line("a\x1b[31mb\n c")
        'a[31mb c'
    """
    plain = "".join(c for c in " ".join(str(text).split()) if c.isprintable())
    return plain if len(plain) <= most else plain[: most - 1] + "…"
