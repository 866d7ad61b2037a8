"""The bounds that one can choose on a route's page, with what each would bring; of documents, whole or by field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from starlette.responses import Response

from homegrown.core.access import Permission
from homegrown.core.object_exits import By
from homegrown.core.routing import Leaves
from homegrown.errors import HomegrownError, InputError
from homegrown.evaluate.exit_objects import ObjectBound
from homegrown.studio import scores, words
from homegrown.studio.answer import asked, part
from homegrown.studio.view import Figure
from homegrown.web import Route, Shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from homegrown.evaluate import Bound
    from homegrown.web import Call

DELTAS = ((0.01, "1%"), (0.05, "5%"), (0.1, "10%"))
DEFAULT_ALPHA = 0.02
_WAYS = ((By.DOCUMENT, "Whole documents"), (By.FIELD, "Field by field"))


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What one bound would bring; *fields* is the share of fields, where documents are given field by field."""

    alpha: float
    says: str
    coverage: Figure | None
    fields: Figure | None
    sentence: str
    is_chosen: bool
    is_possible: bool


@dataclass(frozen=True, kw_only=True)
class Way:
    """Documents given whole or field by field: what that brings at the bound that is chosen first."""

    by: str
    says: str
    sentence: str
    is_chosen: bool


@dataclass(frozen=True, kw_only=True)
class FieldRow:
    """One field of documents at the bound that is chosen first."""

    name: str
    coverage: Figure
    differ: str


@dataclass(frozen=True, kw_only=True)
class BoundsPart:
    """The bounds that one can choose, with what each would bring."""

    template: ClassVar[str] = "gateway/_bounds.html"
    choices: tuple[Choice, ...]
    ways: tuple[Way, ...]
    by: str
    needs: str
    fields: tuple[FieldRow, ...]
    deltas: tuple[tuple[str, str, bool], ...]
    n: int
    agreement: Figure | None
    bounds_href: str
    problem: str


def bounds(call: Call) -> Response:
    """``GET /gateway/bounds``: what each bound would bring; asks the model about held-out calls, so it comes later."""
    name, model, prompt = asked(call, "route"), asked(call, "model"), asked(call, "prompt")
    delta = _delta(asked(call, "delta", "0.05"))
    then = [m for m in call.request.query_params.getlist("then") if m]
    is_object = call.ws.store.models.version(model).is_object
    found = {by: _found(call, name, (model, *then), delta, prompt, by) for by in (By if is_object else [By.DOCUMENT])}
    by = _by(asked(call, "by"), found)
    choices, problem = found[by]
    best = chosen(choices)
    page = BoundsPart(
        choices=tuple(_choice(b, b is best) for b in choices),
        ways=tuple(_way(w, says, *found[w], is_chosen=w is by) for w, says in _WAYS if is_object),
        by=by.value if is_object else "",
        needs=_needs(call, name, prompt) if is_object and by is By.FIELD else "",
        fields=_fields(best),
        deltas=tuple((f"{value:g}", says, value == delta) for value, says in DELTAS),
        n=choices[0].n if choices else 0,
        agreement=scores.share(choices[0].agreement, choices[0].n) if choices else None,
        bounds_href="/gateway/bounds?" + words.query_string(route=name, model=model, prompt=prompt),
        problem=problem,
    )
    return part(call, "gateway/_bounds.html", page)


def _found(
    call: Call, name: str, models: Sequence[str], delta: float, prompt: str, by: By
) -> tuple[Sequence[Bound], str]:
    """What each bound would bring, or why none can be told."""
    try:
        return call.ws.exit_choices(name, *models, delta=delta, template=prompt or None, by=by.value), ""
    except HomegrownError as error:
        if error.status >= 500:
            raise
        return (), error.message


def _by(said: str, found: dict[By, tuple[Sequence[Bound], str]]) -> By:
    """The way that was chosen; else whole documents, unless these cannot be given at all."""
    if said in {b.value for b in found}:
        return By(said)
    return By.FIELD if not found[By.DOCUMENT][0] and found.get(By.FIELD, ((), ""))[0] else By.DOCUMENT


def chosen(found: Sequence[Bound]) -> Bound | None:
    """Two in a hundred where that is possible, else the tightest bound that is."""
    possible = [b for b in found if b.threshold is not None]
    wanted = [b for b in possible if b.alpha >= DEFAULT_ALPHA]
    return min(wanted or possible, key=lambda b: b.alpha, default=None)


def _choice(b: Bound, is_chosen: bool) -> Choice:
    is_possible = b.threshold is not None
    missing = f"about {b.n_more:,} more calls" if b.n_more else "more calls alone do not help"
    fields = None
    sure, differed = f"sure of {b.n_home:,} of {b.n:,}", b.disagreement
    if isinstance(b, ObjectBound) and b.by == By.FIELD:
        low, high = b.fields_coverage_ci95
        fields = Figure(value=b.fields_coverage, low=low, high=high, n=b.n_fields)
        sure = f"{b.n_home:,} of {b.n:,} documents, {b.n_fields_home:,} of {b.n_fields:,} fields"
        differed = b.fields_differ
    return Choice(
        alpha=b.alpha,
        says=f"{100 * b.alpha:g}%",
        coverage=_figure(b) if is_possible else None,
        fields=fields if is_possible else None,
        sentence=f"{sure}, of which {words.percent(differed or 0, 2)} differed" if is_possible else missing,
        is_chosen=is_chosen,
        is_possible=is_possible,
    )


def _figure(b: Bound) -> Figure:
    low, high = b.coverage_ci95
    return Figure(value=b.coverage, low=low, high=high, n=b.n)


def _way(by: By, says: str, found: Sequence[Bound], problem: str, *, is_chosen: bool) -> Way:
    best = chosen(found)
    if problem:
        told = problem
    elif best is None:
        told = "No bound can be had yet."
    else:
        share = words.percent(best.coverage)
        fields = words.percent(best.fields_coverage if isinstance(best, ObjectBound) else 0)
        told = f"At α = {100 * best.alpha:g}% it gives {share} of the documents without a call"
        told += f", and {fields} of all fields at home." if by is By.FIELD else "; the others go to the upstream whole."
    return Way(by=by.value, says=says, sentence=told, is_chosen=is_chosen)


def _needs(call: Call, name: str, prompt: str) -> str:
    """What giving documents field by field needs of the requests, and whether those that came have it."""
    said = (
        "A document of which every field is sure is given without a call. Of the others the upstream is asked for the "
        "rest alone: that takes a request which says by a JSON Schema what is wanted, as structured output or as the "
        "function that must be called. It saves a part of the answer's tokens, not the call."
    )
    if call.ws.store.routes.get(name).config.leaves is Leaves.MASK:
        return (
            f"{said} On this route personal data is masked, so that the upstream is asked for all of such a document."
        )
    wordings = call.ws.store.templates.get(prompt).variants if prompt else ()
    n = sum(v.schema is not None for v in wordings)
    if wordings and not n:
        return f"{said} The calls of this prompt have no schema: of such a document the upstream is asked for all."
    if n < len(wordings):
        return (
            f"{said} Of this prompt's {len(wordings)} wordings {n} came with a schema; of the others all is asked for."
        )
    return f"{said} The calls of this prompt came with a schema." if n else said


def _fields(best: Bound | None) -> tuple[FieldRow, ...]:
    if not isinstance(best, ObjectBound):
        return ()
    return tuple(
        FieldRow(
            name=f.name,
            coverage=scores.share(f.coverage, best.n),
            differ=f"{f.n_differ:,} of {f.n_home:,}" if f.n_home else "none was given",
        )
        for f in best.fields
    )


def _delta(said: str) -> float:
    try:
        return float(said)
    except ValueError as error:
        raise InputError(f"{said[:40]!r} is no number.") from error


ROUTES: tuple[Route, ...] = (Route("/gateway/bounds", bounds, Permission.READ, shape=Shape.PAGE),)
