"""Joins an Evaluation with its texts and draws the page. Every value is escaped by Jinja; nothing in it can run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
from markupsafe import Markup

from homegrown.evaluate.report import charts
from homegrown.evaluate.sentences import odds, percent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from homegrown.evaluate.object_errors import DocumentShown

SHOWN = 320
FOLDER = Path(__file__).parent


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "points": points, "size": size, "ms": ms, "span": span, "odds": odds}
    environment.globals |= {"charts": charts}
    return environment


def render(document: Mapping[str, Any], texts: Mapping[str, str] | None = None) -> str:
    """The whole report as one HTML page: SVG and CSS only, light and dark, for screens, phones and paper.

    Args:
        document: an Evaluation as ``evaluate`` returns it.
        texts: of the records named in it (``example_ids``); a record without its text is shown as forgotten.

    Example:
        >>> html = render(evaluation, store.records.texts(example_ids(evaluation)))  # doctest: +SKIP
    """
    known = texts or {}

    def text(record_id: str) -> str | None:
        found = known.get(record_id)
        return None if found is None else found if len(found) <= SHOWN else f"{found[:SHOWN]} …"

    return _page("report.html.j2", e=document, text=text, parts="classes" if document["multi"] else "")


def render_objects(document: Mapping[str, Any], errors: Sequence[DocumentShown] = ()) -> str:
    """The report on a model whose answers are objects, as one HTML page like that of ``render``.

    Args:
        document: an ``ObjectEvaluation`` as ``evaluate_objects`` returns it.
        errors: documents with wrong answers, with their texts (``object_errors.show_documents``).
    """
    return _page("objects.html.j2", e=document, errors=errors, parts="fields")


def _page(name: str, **facts: Any) -> str:
    css = Markup((FOLDER / "report.css").read_text(encoding="utf-8"))  # noqa: S704  # our own style sheet
    return _environment().get_template(name).render(css=css, **facts)


def example_ids(document: Mapping[str, Any]) -> list[str]:
    """Ids of all records that the report quotes."""
    found = [i for c in document["confusions"] for i in c["record_ids"]]
    found += [m["record_id"] for m in document["mistakes"]]
    found += [s["record_id"] for s in (document["label_noise"] or {"suspects": []})["suspects"]]
    return list(dict.fromkeys(found))


def points(value: float) -> str:
    """A difference of shares in percentage points.

    Example:
        >>> points(0.0213), points(-0.1)
        ('+2.1', '−10.0')
    """
    return f"{value * 100:+.1f}".replace("-", "−")


def span(interval: tuple[float, float]) -> str:
    """An interval of shares.

    Example:
        >>> span((0.9134, 0.9331))
        '91.3 to 93.3%'
    """
    low, high = (f"{v * 100:.1f}".replace("100.0", "100") for v in interval)
    return f"{low} to {high}%"


def size(n_bytes: float) -> str:
    """Bytes for people.

    Example:
        >>> size(19360), size(91_000_000)
        ('19 kB', '91 MB')
    """
    for unit in ("bytes", "kB", "MB", "GB"):
        if n_bytes < 1000 or unit == "GB":
            return f"{n_bytes:.0f} {unit}" if n_bytes >= 10 or unit == "bytes" else f"{n_bytes:.1f} {unit}"
        n_bytes /= 1000
    raise AssertionError


def ms(value: float) -> str:
    """Milliseconds for people.

    Example:
        >>> ms(0.43), ms(4.61), ms(744.0)
        ('0.43 ms', '4.6 ms', '744 ms')
    """
    return f"{value:.2f} ms" if value < 1 else f"{value:.1f} ms" if value < 100 else f"{value:.0f} ms"
